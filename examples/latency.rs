//! Sends a ping every so often, and prints how long the answer took.
//!
//!     cargo run --example latency                          five rounds, with a server of its own
//!     cargo run --example latency -- http://localhost:5000   until Ctrl-C, with any that echoes

use std::error::Error;
use std::time::{Duration, Instant};

use engineio_client::tokio::Client;

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1);
    let (url, rounds, pause) = match url {
        Some(url) => (url, u32::MAX, Duration::from_secs(1)),
        None => (server::start()?, 5, Duration::from_millis(50)),
    };
    let mut client = engineio_client::tokio::connect(&url).await?;
    // Ctrl-C is the application's: here it closes the session politely.
    let handle = client.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.disconnect().await;
        }
    });
    for _ in 0..rounds {
        if !ping(&mut client).await? {
            break;
        }
        client.sleep(pause).await;
    }
    println!("{}", client.disconnect().await);
    Ok(())
}

/// One round; false when the session has ended.
async fn ping(client: &mut Client) -> Result<bool, Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "this is no test of the library")]
    let start = Instant::now();
    if let Err(refused) = client.send("ping").await {
        return if refused.error.is_closed() {
            Ok(false)
        } else {
            Err(refused.into())
        };
    }
    let answered = client.recv().await.is_some();
    if answered {
        println!("latency is {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(answered)
}
