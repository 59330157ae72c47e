//! A task in the background that sends something every so often, as long as the session lasts.
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

    let task = client.spawn(tick(client.handle(), Duration::from_millis(100)));
    for _ in 0..5 {
        match client.recv().await {
            Some(message) => println!("The server echoed {:?}.", message.as_text()),
            None => return Err("the session ended early".into()),
        }
    }
    client.disconnect().await;
    // What the task returned; had it panicked, this would be an error.
    println!(
        "The task sent {} ticks, and ended with the session.",
        task.await?
    );
    Ok(())
}

/// Runs until nothing can be sent any more.
async fn tick(handle: Handle, period: Duration) -> u32 {
    let mut sent = 0;
    while handle.send(format!("tick {sent}")).await.is_ok() {
        sent += 1;
        handle.sleep(period).await;
    }
    sent
}
