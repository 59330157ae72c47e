//! A first conversation. The client connects over HTTP long polling, upgrades to WebSocket, and sends
//! text and binary messages over both. The server, which echoes them, runs in the same process.
//!
//!     cargo run --example echo

use std::error::Error;

use engineio_client::{Event, Message};
use futures::StreamExt as _;

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;
    println!("An Engine.IO server listens on {url}.");

    let mut client = engineio_client::tokio::connect(&url).await?;
    let mut upgraded = false;
    let mut echoes = 0;
    // A client is a stream of events. A program that only wants the messages calls `recv`.
    while let Some(event) = client.next().await {
        match event {
            Event::Connected(connected) => {
                let sid = &connected.handshake.sid;
                println!("Session {sid} is open, over {}.", connected.transport);
                client.send("hello over polling").await?;
            }
            Event::Upgraded { transport, .. } => {
                println!("The session has moved to {transport}.");
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
            // An upgrade that fails does not end the session, which stays on polling. Here it is an
            // error, because this example is about the upgrade.
            Event::UpgradeFailed { error, .. } => {
                return Err(format!("the upgrade failed: {}", error.report()).into());
            }
            other => println!("{other:?}"),
        }
        if upgraded && echoes == 3 {
            break;
        }
    }
    let closed = client.disconnect().await;
    println!("The session has ended: {closed}.");
    match echoes == 3 && closed.is_clean() {
        true => Ok(()),
        false => Err("the session ended early".into()),
    }
}
