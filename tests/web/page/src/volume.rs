//! Many messages, and large ones.

use std::time::Duration;

use engineio_client::web::Client;
use engineio_client::{Event, Handle, Message, Runtime as _, Web};
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Checked, failure, thrown};
use crate::messages::{message, noise, shown};
use crate::options::Options;
use crate::report;

/// Sends `count` messages and checks their echoes. With `upgrade_first` it waits for the upgrade, otherwise sending
/// begins at once, and the upgrade happens meanwhile.
#[wasm_bindgen]
pub async fn echo(options: String, count: u32, upgrade_first: bool) -> Checked<String> {
    let mut client = open(&options, upgrade_first).await?;
    let begun = Web::new().now();
    send_in_background(client.handle(), move || (0..count).map(message));
    let arrivals = arrive_in_order(&mut client, count).await?;
    finish(&client, count, begun, &arrivals).await
}

/// Receives `count` messages that the server sends when it is asked to: all at once, or bit by bit.
#[wasm_bindgen]
pub async fn receive(
    options: String,
    count: u32,
    upgrade_first: bool,
    at_once: bool,
) -> Checked<String> {
    let mut client = open(&options, upgrade_first).await?;
    let begun = Web::new().now();
    let command = if at_once { "send" } else { "stream" };
    send(&client, format!("do:{command} {count}")).await?;
    let arrivals = arrive_in_order(&mut client, count).await?;
    finish(&client, count, begun, &arrivals).await
}

/// Receives the first `count` messages and checks each.
async fn arrive_in_order(client: &mut Client, count: u32) -> Checked<Arrivals> {
    let mut arrivals = Arrivals::default();
    for number in 0..count {
        let received = arrivals.next(client).await?;
        check(number, &received, &message(number))?;
    }
    Ok(arrivals)
}

/// Sends `count` messages, which the server compares with its own and does not echo.
#[wasm_bindgen]
pub async fn send_only(options: String, count: u32, upgrade_first: bool) -> Checked<String> {
    let mut client = open(&options, upgrade_first).await?;
    let begun = Web::new().now();
    send(&client, format!("do:compare {count}")).await?;
    send_in_background(client.handle(), move || (0..count).map(message));
    let mut arrivals = Arrivals::default();
    let verdict = arrivals.next(&mut client).await?;
    check(count, &verdict, &Message::from("all in order"))?;
    finish(&client, count, begun, &arrivals).await
}

/// Sends `count` messages of `length` bytes, and checks their echoes.
#[wasm_bindgen]
pub async fn large(
    options: String,
    count: u32,
    length: usize,
    upgrade_first: bool,
) -> Checked<String> {
    let mut client = open(&options, upgrade_first).await?;
    // Made beforehand, so that making them does not count.
    let messages: Vec<Message> = (0..count).map(|seed| noise(seed, length).into()).collect();
    let begun = Web::new().now();
    send_in_background(client.handle(), {
        let messages = messages.clone();
        move || messages.into_iter()
    });
    let mut arrivals = Arrivals::default();
    for (number, expected) in (0..).zip(&messages) {
        let received = arrivals.next(&mut client).await?;
        check(number, &received, expected)?;
    }
    finish(&client, count, begun, &arrivals).await
}

/// One message at a time: each is sent when the echo of the one before is there.
#[wasm_bindgen]
pub async fn round_trips(options: String, count: u32, upgrade_first: bool) -> Checked<String> {
    let mut client = open(&options, upgrade_first).await?;
    let begun = Web::new().now();
    let mut arrivals = Arrivals::default();
    for number in 0..count {
        send(&client, message(number)).await?;
        let received = arrivals.next(&mut client).await?;
        check(number, &received, &message(number))?;
    }
    finish(&client, count, begun, &arrivals).await
}

/// Sends numbered messages until the session ends, and checks that its end accounts for each of them.
#[wasm_bindgen]
pub async fn account(options: String, upgrade_first: bool) -> Checked<String> {
    let client = open(&options, upgrade_first).await?;
    client.discard_messages();
    let mut accepted = 0;
    while client.send(message(accepted)).await.is_ok() {
        accepted += 1;
    }
    let closed = client.wait().await;
    let listed = [closed.unconfirmed(), closed.uncertain(), closed.unsent()].concat();
    let without_text = if closed.unconfirmed().is_empty() {
        closed.unconfirmed_count()
    } else {
        0
    };
    let counted = closed.confirmed() + without_text + listed.len() as u64;
    if counted != u64::from(accepted) {
        return Err(failure(format!(
            "{accepted} messages were accepted, and not {counted}: {closed:?}"
        )));
    }
    let first = accepted - u32::try_from(listed.len()).unwrap_or(accepted);
    for (number, listed) in (first..).zip(&listed) {
        check(number, listed, &message(number))?;
    }
    Ok(json!({ "accepted": accepted, "closed": report::closed(&closed) }).to_string())
}

async fn open(options: &str, upgrade_first: bool) -> Checked<Client> {
    let client = Options::read(options)?
        .builder()
        .connect()
        .await
        .map_err(thrown)?;
    if upgrade_first {
        client.upgraded().await.map_err(thrown)?;
    }
    Ok(client)
}

async fn send(client: &Client, message: impl Into<Message>) -> Checked<()> {
    client
        .send(message)
        .await
        .map_err(|refused| thrown(refused.error))
}

/// Sends in a task of its own: nothing else would read the echoes when the outbox is full. The library's tasks let the
/// page have its turns, which those of `spawn_local` do not.
fn send_in_background<I>(handle: Handle, messages: impl FnOnce() -> I + Send + 'static)
where
    I: Iterator<Item = Message> + Send + 'static,
{
    let sender = handle.clone();
    handle.spawn(async move {
        for message in messages() {
            // The receiving side reports why the session has ended.
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
}

/// Which transports the messages arrived over, and when the session upgraded.
#[derive(Default)]
struct Arrivals {
    polling: u32,
    websocket: u32,
    is_upgraded: bool,
    upgraded_after: Option<u32>,
}

impl Arrivals {
    async fn next(&mut self, client: &mut Client) -> Checked<Message> {
        loop {
            match client.next_event().await {
                Some(Event::Message(message)) => {
                    self.count();
                    return Ok(message);
                }
                Some(Event::Connected(connected)) => {
                    self.is_upgraded = connected.transport == "websocket";
                }
                Some(Event::Upgraded { .. }) => {
                    self.is_upgraded = true;
                    self.upgraded_after = Some(self.polling);
                }
                Some(Event::UpgradeFailed { error, .. }) => return Err(thrown(error)),
                Some(Event::Closed(closed)) => {
                    let received = self.polling + self.websocket;
                    return Err(failure(format!(
                        "the session ended after {received} messages: {closed:?}"
                    )));
                }
                Some(_) => {}
                None => return Err(failure("there are no more events")),
            }
        }
    }

    fn count(&mut self) {
        if self.is_upgraded {
            self.websocket += 1;
        } else {
            self.polling += 1;
        }
    }
}

fn check(number: u32, received: &Message, expected: &Message) -> Checked<()> {
    if received == expected {
        return Ok(());
    }
    let (received, expected) = (shown(received), shown(expected));
    Err(failure(format!(
        "message {number} is {received}, and should be {expected}"
    )))
}

async fn finish(
    client: &Client,
    count: u32,
    begun: Duration,
    arrivals: &Arrivals,
) -> Checked<String> {
    let took = Web::new().now() - begun;
    let closed = client.disconnect().await;
    if !closed.is_clean() {
        return Err(failure(format!("the end is not clean: {closed:?}")));
    }
    let micros = took.as_secs_f64() * 1e6 / f64::from(count);
    let result: Value = json!({
        "microsPerMessage": micros,
        "milliseconds": took.as_secs_f64() * 1000.0,
        "byPolling": arrivals.polling,
        "byWebSocket": arrivals.websocket,
        "upgradedAfter": arrivals.upgraded_after,
    });
    Ok(result.to_string())
}
