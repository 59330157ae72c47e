//! What the client logs through `tracing`. Every session has a span, which contains these events:
//!
//! - `error`: a handler returned an error or panicked,
//! - `warn`: the session ended other than by a close, or the upgrade failed,
//! - `info`: connected, upgraded, redirected, closed,
//! - `debug`: each step in between,
//! - `trace`: each packet with its type and length; its contents only with `log_contents(true)`.
//!
//! The argument chooses the level. Without an argument, the level is `debug`. The log goes to standard
//! error.
//!
//!     cargo run --example logging
//!     cargo run --example logging -- trace

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
    // The HTTP library below the client also logs, and may log message contents, so its events are
    // left out.
    let this_library = Targets::new().with_target("engineio_client", level);
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(this_library);
    tracing_subscriber::registry().with(layer).init();

    let mut client = engineio_client::tokio::Client::builder(server::start()?)
        // Values of headers, cookies and the query are not logged at any level.
        .header("Authorization", "Bearer secret")
        .log_contents(true)
        .connect()
        .await?;
    client.send("hello").await?;
    let echo = client.recv().await.ok_or("the session ended early")?;
    println!("The server echoed {echo:?}.");
    client.disconnect().await;
    Ok(())
}
