//! A session told as handlers: what to do when it opens, when a message comes, when it goes over to
//! websocket, and when it has ended.
//!
//!     cargo run --example handlers

use std::error::Error;

use engineio_client::{Closed, Handle, Message};

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;
    let mut count = 0;
    let client = engineio_client::tokio::Client::builder(&url)
        // An async closure...
        .on_connect(async |handle: Handle| {
            println!("Connected as session {:?}.", handle.sid());
            handle.send("one").await?;
            Ok(())
        })
        // ... a plain one, which may keep count of things ...
        .on_message(move |handle, message: Message| {
            count += 1;
            println!("Message {count}: {:?}", message.as_text());
            match count {
                1 => handle.try_send("two")?,
                2 => handle.try_send("three")?,
                // An async handler could await `disconnect` instead.
                _ => handle.close(),
            }
            Ok(())
        })
        .on_upgrade(|_handle, transport| println!("Gone over to {transport}."))
        // ... or a function.
        .on_disconnect(say_why)
        .connect()
        .await?;
    // Until the session has ended, and the disconnect handler has returned.
    let closed = client.wait().await;
    if closed.is_clean() {
        Ok(())
    } else {
        Err(closed.to_string().into())
    }
}

async fn say_why(_handle: Handle, closed: Closed) {
    println!("The session is over: {closed}.");
}
