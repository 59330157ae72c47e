//! The same as the example `latency`, with the blocking client and with handlers. Each message contains
//! the time at which it was sent.
//!
//!     cargo run --example latency_blocking --features blocking
//!     cargo run --example latency_blocking --features blocking -- http://localhost:5000

use std::error::Error;
use std::time::{Duration, Instant};

use engineio_client::blocking::Client;

#[path = "support/server.rs"]
mod server;

fn main() -> Result<(), Box<dyn Error>> {
    let (url, rounds, pause) = match std::env::args().nth(1) {
        Some(url) => (url, u32::MAX, Duration::from_secs(1)),
        None => (server::start()?, 5, Duration::from_millis(50)),
    };
    let mut round = 0;
    let client = Client::builder(&url)
        .on_connect(|handle| {
            handle.send(timestamp())?;
            Ok(())
        })
        .on_message(move |handle, message| {
            let sent: f64 = message.as_text().unwrap_or_default().parse()?;
            let received: f64 = timestamp().parse()?;
            println!("The round trip took {:.2} ms.", received - sent);
            round += 1;
            if round == rounds {
                handle.disconnect();
                return Ok(());
            }
            handle.sleep(pause);
            handle.send(timestamp())?;
            Ok(())
        })
        .connect()?;
    println!("The session has ended: {}.", client.wait());
    Ok(())
}

/// Milliseconds since the first call.
fn timestamp() -> String {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "the library takes the time from its runtime; a program need not"
    )]
    let start = START.get_or_init(Instant::now);
    format!("{}", start.elapsed().as_secs_f64() * 1e3)
}
