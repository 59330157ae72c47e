//! What else there is beside sending and receiving: settings used twice, a group that stays together,
//! a look at what has come and at what is on its way, the outcome of the upgrade, and a task that is
//! ended early.
//!
//!     cargo run --example session

use std::error::Error;
use std::time::Duration;

use engineio_client::{Capacity, Message};

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;
    let settings = engineio_client::tokio::Client::builder(&url).outbox(Capacity {
        messages: 100,
        bytes: 64 * 1024,
    });
    let again = settings.try_clone().ok_or("there are handlers")?;

    let mut client = settings.connect().await?;
    match client.upgraded().await {
        Ok(transport) => println!("The session is on {transport}."),
        Err(error) => println!("It stays on polling: {}.", error.report()),
    }

    // Accepted and sent as a whole, with nothing in between.
    client
        .send_all(["head", "body"].map(Message::from))
        .await
        .map_err(|refused| refused.error)?;
    client.flush().await?;
    let backlog = client.backlog();
    println!("{} messages are on their way.", backlog.messages);

    // A program with a loop of its own looks in between what has come.
    let mut echoes = 0;
    while echoes < 2 {
        match client.try_recv()? {
            Some(message) => {
                println!("The server echoed {:?}.", message.as_text());
                echoes += 1;
            }
            None => client.sleep(Duration::from_millis(5)).await,
        }
    }

    // A task that would go on for ever.
    let sender = client.handle();
    let ticker = client.spawn(async move {
        while sender.send("tick").await.is_ok() {
            sender.sleep(Duration::from_secs(3600)).await;
        }
    });
    println!("The first tick: {:?}.", client.recv().await);
    ticker.abort();

    client.disconnect().await;
    println!("Is it closed? {}.", client.is_closed());

    // The same settings once more.
    let closed = again.connect().await?.disconnect().await;
    println!("The second session is over: {closed}.");
    Ok(())
}
