//! A load generator. It opens 1,000 sessions over WebSocket, each of which sends a message twice a
//! second for five seconds and waits for the echo. At the end it prints a table of latencies.
//!
//!     cargo run --release --example load_generator
//!     cargo run --release --example load_generator -- 5000 http://localhost:3000
//!
//! Without a URL the server runs in this process and takes part of the machine's time. A server of your
//! own has to echo messages.

use std::error::Error;
use std::time::Duration;

use engineio_client::tokio::Client;
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use tokio::time::Instant;

#[path = "support/open_files.rs"]
mod open_files;
#[path = "support/report.rs"]
mod report;
#[path = "support/server.rs"]
mod server;

/// The number of sessions that are opened at the same time.
const CONNECTING: usize = 50;
const ROUNDS: usize = 10;
const PERIOD: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let clients: usize = match args.next() {
        Some(count) => count
            .parse()
            .map_err(|_| "usage: load_generator [CLIENTS [URL]]")?,
        None => 1000,
    };
    let url = args.next();
    // If the server runs in this process, its end of each connection needs an open file, too.
    let files = if url.is_some() { clients } else { 2 * clients };
    open_files::allow(files as u64 + 100)?;
    let url = url.map_or_else(server::start, Ok)?;

    println!("Opening {clients} sessions at {url}.");
    let bar = report::progress_bar(clients);
    let start = Instant::now();
    let sessions = stream::iter(0..clients)
        .map(|_| open(&url, &bar))
        .buffer_unordered(CONNECTING)
        .try_collect::<Vec<_>>()
        .await
        .map_err(|error| error.report())?;
    bar.finish_and_clear();
    println!("All sessions are open after {:.1?}.", start.elapsed());

    println!("Sending {ROUNDS} messages in each session, one every {PERIOD:?}.");
    let bar = report::progress_bar(clients * ROUNDS);
    let (sessions, connects): (Vec<_>, Vec<_>) = sessions.into_iter().unzip();
    let start = Instant::now();
    let tasks = sessions.into_iter().enumerate().map(|(i, client)| {
        // Spread over the period, so that the sessions do not send at the same moment.
        let delay = PERIOD.mul_f64(i as f64 / clients as f64);
        tokio::spawn(send_messages(client, delay, bar.clone()))
    });
    let round_trips = try_join_all(tasks.collect::<Vec<_>>()).await?.concat();
    bar.finish_and_clear();

    let (count, expected) = (round_trips.len(), clients * ROUNDS);
    let rate = count as f64 / start.elapsed().as_secs_f64();
    report::print_table([("to connect", connects), ("round trip", round_trips)]);
    println!("\n{count} of {expected} echoes, {rate:.0} messages per second in each direction");
    match count == expected {
        true => Ok(()),
        false => Err("some sessions ended early".into()),
    }
}

/// Opens a session. Also returns how long that took.
async fn open(url: &str, bar: &ProgressBar) -> Result<(Client, Duration), engineio_client::Error> {
    let start = Instant::now();
    let builder = Client::builder(url).transports(["websocket"]);
    let client = builder.connect().await?;
    bar.inc(1);
    Ok((client, start.elapsed()))
}

/// Returns the time that each echo took. If the session ends early, the list contains fewer than
/// `ROUNDS` times.
async fn send_messages(mut client: Client, delay: Duration, bar: ProgressBar) -> Vec<Duration> {
    let mut round_trips = Vec::new();
    tokio::time::sleep(delay).await;
    let mut ticks = tokio::time::interval(PERIOD);
    for _ in 0..ROUNDS {
        ticks.tick().await;
        let start = Instant::now();
        if client.send("hello").await.is_err() || client.recv().await.is_none() {
            break;
        }
        round_trips.push(start.elapsed());
        bar.inc(1);
    }
    client.disconnect().await;
    round_trips
}
