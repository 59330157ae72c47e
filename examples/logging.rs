//! What the client tells `tracing`, on standard error. There is a span for each session, and in it
//!
//! - `info`: connected, upgraded, closed (`warn` where it did not end well; `error` for a handler that
//!   panicked),
//! - `debug`: each step on the way,
//! - `trace`: each packet, with its type and length, and with its contents where the builder is told
//!   so.
//!
//! `cargo run --example logging -- trace` shows the level that is named.

use std::error::Error;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[path = "support/server.rs"]
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let level = std::env::args().nth(1).unwrap_or_else(|| "debug".into());
    let level: LevelFilter = level.parse()?;
    // What the libraries below the client log is their own, and may hold what is sent.
    let ours = Targets::new().with_target("engineio_client", level);
    let lines = fmt::layer().with_writer(std::io::stderr).with_filter(ours);
    tracing_subscriber::registry().with(lines).init();

    let mut client = engineio_client::tokio::Client::builder(server::start()?)
        .header("Authorization", "Bearer of-something-that-is-in-no-log")
        .log_contents(true)
        .connect()
        .await?;
    client.send("hello").await?;
    println!("The server echoed {:?}.", client.recv().await);
    client.disconnect().await;
    Ok(())
}
