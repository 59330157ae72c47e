//! A first conversation: starts an Engine.IO server in this process, connects by polling, goes over
//! to websocket, and sends a text and some binary data to and fro.
//!
//!     cargo run --example echo

use std::error::Error;
use std::sync::Arc;

use engineio_client::{Event, Message};
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use futures::StreamExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener));
    println!("An Engine.IO server listens on {url}.");

    let mut client = engineio_client::tokio::connect(&url).await?;
    let mut upgraded = false;
    let mut echoes = 0;
    while let Some(event) = client.next().await {
        match event {
            Event::Connected(connected) => {
                println!(
                    "Connected by {}, as session {}.",
                    connected.transport, connected.handshake.sid
                );
                client.send("hello by polling").await?;
            }
            Event::Upgraded { transport, .. } => {
                println!("The session went over to {transport}.");
                upgraded = true;
                client.send("hello, wörld 🌍").await?;
                client.send(vec![0, 1, 2, 254, 255]).await?;
            }
            Event::Message(Message::Text(text)) => {
                println!("The server echoed the text {:?}.", text.as_str());
                echoes += 1;
            }
            Event::Message(Message::Binary(data)) => {
                println!("The server echoed the bytes {:?}.", &data[..]);
                echoes += 1;
            }
            Event::UpgradeFailed {
                transport, error, ..
            } => {
                return Err(
                    format!("the upgrade to {transport} failed: {}", error.report()).into(),
                );
            }
            other => println!("{other:?}"),
        }
        if upgraded && echoes == 3 {
            break;
        }
    }
    let closed = client.disconnect().await;
    println!("The session is over: {closed}.");
    if echoes == 3 && closed.is_clean() {
        Ok(())
    } else {
        Err("the conversation was cut short".into())
    }
}

/// The server: sends back what it is sent.
#[derive(Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let _ = socket.emit(text);
    }

    fn on_binary(self: &Arc<Self>, data: bytes::Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(data);
    }
}

async fn serve(listener: TcpListener) {
    let service = EngineIoService::new(Arc::new(Echo));
    while let Ok((stream, _)) = listener.accept().await {
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection.with_upgrades());
    }
}
