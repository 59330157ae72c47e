//! Measures round trips: sends a message, prints how long the echo took, pauses, and repeats this.
//! Without an argument it makes five round trips to a server in the same process. With the URL of a
//! server that echoes messages, it continues until Ctrl-C, which closes the session properly.
//!
//!     cargo run --example latency
//!     cargo run --example latency -- http://localhost:5000

use std::error::Error;
use std::time::Duration;

use engineio_client::ErrorKind;
use engineio_client::tokio::Client;
use tokio::time::Instant;

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, rounds, pause) = match std::env::args().nth(1) {
        Some(url) => (url, u32::MAX, Duration::from_secs(1)),
        None => (server::start()?, 5, Duration::from_millis(50)),
    };
    let mut client = engineio_client::tokio::connect(&url).await?;
    // The library installs no signal handlers. `disconnect` sends the queued messages, then closes the
    // session.
    let handle = client.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.disconnect().await;
        }
    });
    for _ in 0..rounds {
        let Some(latency) = round_trip(&mut client).await? else {
            break;
        };
        println!("The round trip took {:.2} ms.", latency.as_secs_f64() * 1e3);
        client.sleep(pause).await;
    }
    println!("The session has ended: {}.", client.disconnect().await);
    Ok(())
}

/// Returns `None` when the session has ended.
async fn round_trip(client: &mut Client) -> Result<Option<Duration>, Box<dyn Error>> {
    let start = Instant::now();
    match client.send("ping").await {
        Ok(()) => {}
        Err(refused) if refused.kind() == ErrorKind::Closed => return Ok(None),
        Err(refused) => return Err(refused.into()),
    }
    Ok(client.recv().await.map(|_echo| start.elapsed()))
}
