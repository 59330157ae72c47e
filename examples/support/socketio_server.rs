//! The server of the Socket.IO example: socketioxide, on a thread of its own in the same process.

use std::io;
use std::net::TcpListener;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler as _;

/// Starts the server, and returns its URL.
pub(crate) fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || runtime.block_on(serve(listener)));
    Ok(url)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (service, io) = SocketIo::new_svc();
    io.ns("/", on_connect.with(check_token));
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection.with_upgrades());
    }
}

/// Refuses clients without the right token.
async fn check_token(Data(auth): Data<Value>) -> Result<(), &'static str> {
    match auth["token"] == "secret" {
        true => Ok(()),
        false => Err("wrong token"),
    }
}

async fn on_connect(socket: SocketRef) {
    socket.on(
        "add",
        async |Data((a, b)): Data<(i64, i64)>, ack: AckSender| {
            let _ = ack.send(&(a + b));
        },
    );
    socket.on(
        "reverse",
        async |socket: SocketRef, Data(data): Data<Bytes>| {
            let reversed: Bytes = data.iter().rev().copied().collect();
            let _ = socket.emit("reversed", &reversed);
        },
    );
    socket.on("bye", async |socket: SocketRef| {
        let _ = socket.disconnect();
    });
    // Asks the client a question, and sends the client's answer back to it.
    let answer = socket.emit_with_ack::<_, Value>("question", &("how are you?",));
    if let Ok(answer) = answer
        && let Ok(answer) = answer.await
    {
        let _ = socket.emit("noted", &answer);
    }
}
