//! The Engine.IO server that the examples talk to: engineioxide, on a thread of its own in the same
//! process. [`start`] starts one that echoes; [`start_with`] starts one with another handler.

#![allow(dead_code, reason = "each example uses a part of this file")]

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;

/// Starts a server that echoes every message, and returns its URL.
pub(crate) fn start() -> io::Result<String> {
    start_with(Echo)
}

/// Starts a server that reports its events to `handler`, and returns its URL.
pub(crate) fn start_with<H: EngineIoHandler>(handler: H) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || runtime.block_on(serve(listener, handler)));
    Ok(url)
}

/// Accepts connections until the future is dropped.
pub(crate) async fn serve<H: EngineIoHandler>(listener: TcpListener, handler: H) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let service = EngineIoService::new(Arc::new(handler));
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection.with_upgrades());
    }
}

/// Sends every message back to the client that sent it.
#[derive(Debug)]
pub(crate) struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        // `emit` fails when the session has ended or its queue is full. The client then misses an
        // echo.
        let _ = socket.emit(text);
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(data);
    }
}
