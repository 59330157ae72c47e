//! A client that reconnects. The server dies every second, together with all its sessions. Every
//! message still arrives, because the client sends each message again until the server has confirmed
//! it (at-least-once delivery).
//!
//!     cargo run --example reconnect

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use engineio_client::tokio::Client;
use engineio_client::{Event, Message, Reconnect, Resend};
use futures::StreamExt as _;

#[path = "support/mortal_server.rs"]
mod mortal_server;
#[path = "support/server.rs"]
mod server;

const MESSAGES: usize = 400;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = mortal_server::MortalServer::start()?;
    let reconnect = Reconnect::new()
        .delay(Duration::from_millis(50))
        // Messages that may not have arrived are sent again in the next session.
        .resend(Resend::Unconfirmed)
        // Sent once at the beginning of each session, before any other message.
        .greeting(async |connected| vec![Message::from(format!("log-in {}", connected.session))]);
    let mut client = Client::builder(&server.url)
        .reconnect(reconnect)
        .connect()
        .await?;

    let handle = client.handle();
    let sender = client.spawn(async move {
        for number in 0..MESSAGES {
            // Without a session, `send` puts the message into the outbox. It waits only if the outbox
            // is full.
            handle.send(number.to_string()).await?;
            handle.sleep(Duration::from_millis(10)).await;
        }
        let confirmed = handle.confirm().await;
        handle.close();
        confirmed.map_err(Box::<dyn Error + Send + Sync>::from)
    });
    while let Some(event) = client.next().await {
        print_event(event);
    }
    sender.await?.map_err(|error| error.to_string())?;

    let received = server.stop();
    let log_ins = received.iter().filter(|text| text.starts_with("log-in"));
    let log_ins = log_ins.count();
    let numbers = received.iter().filter_map(|text| text.parse().ok());
    let distinct = numbers.collect::<BTreeSet<usize>>().len();
    let repeated = received.len() - log_ins - distinct;
    println!("The server received {distinct} of {MESSAGES} messages, and {log_ins} log-ins.");
    println!("{repeated} of the messages that it received were repetitions.");
    match distinct == MESSAGES {
        true => Ok(()),
        false => Err("messages were lost".into()),
    }
}

fn print_event(event: Event) {
    match event {
        Event::Connected(now) => println!("Session {} is open.", now.session),
        Event::Disconnected(end) => {
            println!("Session {} has ended: {}.", end.session, end.reason);
            let again = end.unconfirmed + end.uncertain + end.unsent;
            println!("  {} confirmed, {again} to be sent again.", end.confirmed);
        }
        Event::Reconnecting(next) => println!("Attempt {} in {:?}.", next.attempt, next.delay),
        Event::GivenUp(given_up) => println!("Given up: {:?}.", given_up.messages),
        _ => {}
    }
}
