//! The client for threads. The program has no async code and no runtime of its own. One session uses
//! `send` and an iterator over the messages, the other one uses handlers.
//!
//!     cargo run --example blocking --features blocking

use std::error::Error;
use std::time::Duration;

use engineio_client::blocking::{self, Client};

#[path = "support/server.rs"]
mod server;

fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;

    // One thread sends while this one receives.
    let mut client = blocking::connect(&url)?;
    let handle = client.handle();
    let sender = client.start_background_task(move || {
        for i in 1..=3 {
            if handle.send(format!("message {i}")).is_err() {
                return;
            }
        }
    })?;
    for message in client.iter().take(3) {
        println!("The server echoed {message:?}.");
    }
    sender.join().map_err(|_| "the sending thread panicked")?;
    match client.recv_timeout(Duration::from_millis(100)) {
        Err(error) if error.is_timeout() => println!("No other message arrived: {error}."),
        other => return Err(format!("an unexpected message arrived: {other:?}").into()),
    }
    println!("The first session has ended: {}.", client.disconnect());

    // Handlers run on a thread of the client.
    let client = Client::builder(&url)
        .on_connect(|handle| {
            handle.send("hello")?;
            Ok(())
        })
        .on_message(|handle, message| {
            println!("The server echoed {message:?}.");
            handle.disconnect();
        })
        .connect()?;
    println!("The second session has ended: {}.", client.wait());
    Ok(())
}
