//! A background task that sends a message at regular intervals for as long as the session lasts.
//!
//!     cargo run --example background_task

use std::error::Error;
use std::time::Duration;

use engineio_client::Handle;

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut client = engineio_client::tokio::connect(server::start()?).await?;

    // `spawn` and `sleep` use the client's own runtime, so this code is the same on each of them.
    let ticker = client.spawn(send_ticks(client.handle(), Duration::from_millis(100)));
    for _ in 0..5 {
        match client.recv().await {
            Some(message) => println!("The server echoed {message:?}."),
            None => return Err("the session ended early".into()),
        }
    }
    client.disconnect().await;

    // Awaiting the task gives its result, or an error if it panicked.
    let ticks = ticker.await?;
    println!("The task sent {ticks} ticks, and stopped when the session ended.");
    Ok(())
}

/// Sends until the session has ended. Returns the number of messages sent.
async fn send_ticks(handle: Handle, period: Duration) -> u32 {
    let mut sent = 0;
    while handle.send(format!("tick {sent}")).await.is_ok() {
        sent += 1;
        handle.sleep(period).await;
    }
    sent
}
