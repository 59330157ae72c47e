//! Sends a ping every so often, and prints how long the answer took: by the client for threads, and
//! with handlers.
//!
//!     cargo run --example latency_blocking --features blocking
//!     cargo run --example latency_blocking --features blocking -- http://localhost:5000

use std::error::Error;
use std::time::{Duration, Instant};

use engineio_client::blocking::Client;

#[path = "support/server.rs"]
mod server;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1);
    let (url, rounds, pause) = match url {
        Some(url) => (url, u32::MAX, Duration::from_secs(1)),
        None => (server::start()?, 5, Duration::from_millis(50)),
    };
    let mut round = 0;
    let client = Client::builder(&url)
        .on_connect(|handle| {
            handle.send(now())?;
            Ok(())
        })
        .on_message(move |handle, message| {
            // The message is when it was sent.
            let sent: f64 = message.as_text().unwrap_or_default().parse()?;
            let received: f64 = now().parse()?;
            println!("latency is {:.2} ms", received - sent);
            round += 1;
            if round == rounds {
                handle.disconnect();
                return Ok(());
            }
            handle.sleep(pause);
            handle.send(now())?;
            Ok(())
        })
        .connect()?;
    println!("{}", client.wait());
    Ok(())
}

/// Milliseconds since the program began to ask.
fn now() -> String {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this is no test of the library")]
    let start = START.get_or_init(Instant::now);
    format!("{}", start.elapsed().as_secs_f64() * 1e3)
}
