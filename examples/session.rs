//! More of what a session offers: settings that are used twice, waiting for the upgrade, a group of
//! messages that stays together, the number of messages in the outbox, receiving without waiting, and
//! a task that is stopped early.
//!
//!     cargo run --example session

use std::error::Error;
use std::time::Duration;

use engineio_client::tokio::Client;
use engineio_client::{Capacity, Message};

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The outbox holds the messages that have not been sent. While it is full, `send` waits.
    let settings = Client::builder(server::start()?).outbox(Capacity {
        messages: 100,
        bytes: 64 * 1024,
    });
    let same_settings = settings
        .try_clone()
        .ok_or("settings with handlers cannot be cloned")?;

    let mut client = settings.connect().await?;
    match client.upgraded().await {
        Ok(transport) => println!("The session has moved to {transport}."),
        Err(error) => println!("The session stays on polling: {}.", error.report()),
    }

    // A group is accepted as a whole. No message of another task is sent between its messages.
    let group = ["head", "body"].map(Message::from);
    client
        .send_all(group)
        .await
        .map_err(|refused| refused.error)?;
    // `flush` waits until everything has been handed to the transport.
    client.flush().await?;
    println!("Messages in the outbox: {}.", client.backlog().messages);

    // `try_recv` does not wait. It suits a program that has a loop of its own.
    let mut echoes = 0;
    while echoes < 2 {
        match client.try_recv()? {
            Some(message) => {
                println!("The server echoed {message:?}.");
                echoes += 1;
            }
            None => client.sleep(Duration::from_millis(5)).await,
        }
    }

    let handle = client.handle();
    let hourly = client.spawn(async move {
        while handle.send("tick").await.is_ok() {
            handle.sleep(Duration::from_secs(3600)).await;
        }
    });
    let tick = client.recv().await.ok_or("the session ended early")?;
    println!("The task sent {tick:?}.");
    hourly.abort();

    let closed = client.disconnect().await;
    println!("The first session has ended: {closed}.");
    let closed = same_settings.connect().await?.disconnect().await;
    println!("The second session has ended: {closed}.");
    Ok(())
}
