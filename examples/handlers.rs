//! A client made of handlers: functions that run when the session opens, when a message arrives, when
//! the session moves to WebSocket, and when it has ended. A handler is a plain or an async function or
//! closure.
//!
//!     cargo run --example handlers

use std::error::Error;

use engineio_client::tokio::Client;
use engineio_client::{Closed, Handle, Message};

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;
    let mut count = 0;
    let client = Client::builder(&url)
        // An async closure.
        .on_connect(async |handle: Handle| {
            let sid = handle.sid().unwrap_or_default();
            println!("Connected. The session's id is {sid}.");
            handle.send("one").await?;
            Ok(())
        })
        // A plain closure, which may own and change its state.
        .on_message(move |handle, message: Message| {
            count += 1;
            println!("Message {count} is {message:?}.");
            match count {
                1 => handle.try_send("two")?,
                2 => handle.try_send("three")?,
                // `close` returns at once. An async handler can await `disconnect` instead.
                _ => handle.close(),
            }
            Ok(())
        })
        .on_upgrade(|_handle, transport| println!("The session has moved to {transport}."))
        // A function.
        .on_disconnect(print_the_reason)
        .connect()
        .await?;

    // Returns when the session has ended and the disconnect handler has returned.
    let closed = client.wait().await;
    match closed.is_clean() {
        true => Ok(()),
        false => Err(closed.to_string().into()),
    }
}

async fn print_the_reason(_handle: Handle, closed: Closed) {
    println!("The session has ended: {closed}.");
}
