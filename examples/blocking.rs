//! The client for threads: no async code, and no runtime of the program's own.
//!
//!     cargo run --example blocking --features blocking

use std::error::Error;
use std::time::Duration;

use engineio_client::blocking;

#[path = "support/server.rs"]
mod server;

fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;

    // One thread sends, another one reads.
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
        println!("The server echoed {:?}.", message.as_text());
    }
    sender.join().map_err(|_| "the sender panicked")?;
    match client.recv_timeout(Duration::from_millis(100)) {
        Err(error) if error.is_timeout() => println!("Nothing more: {error}."),
        other => return Err(format!("something else came: {other:?}").into()),
    }
    println!("{}.", client.disconnect());

    // The same told as handlers, which are called on a thread of their own.
    let client = blocking::Client::builder(&url)
        .on_connect(|handle| {
            handle.send("hello")?;
            Ok(())
        })
        .on_message(|handle, message| {
            println!("The server echoed {:?}.", message.as_text());
            handle.disconnect();
        })
        .connect()?;
    println!("{}.", client.wait());
    Ok(())
}
