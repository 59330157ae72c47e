//! Reconnecting clients over the mock server, in virtual time and under both task orders.

#[path = "lasting/ends.rs"]
mod ends;
#[path = "lasting/hooks.rs"]
mod hooks;
#[path = "lasting/messages.rs"]
mod messages;

use std::time::Duration;

use engineio_client::runtime::mock::Order;
use engineio_client::transports::mock::{Act, MockServer, MockSession, MockTransports, Step};
use engineio_client::{
    Builder, Client, Connected, Error, ErrorKind, Event, Message, MockRuntime, Reason, Receipts,
    Reconnect, Resend, Runtime,
};
use futures::StreamExt as _;

type MockClient = Client<MockTransports, MockRuntime>;
type MockBuilder = Builder<MockTransports, MockRuntime>;

/// Runs the test first-in-first-out and last-in-first-out. Fails if a task is still running an hour (of
/// virtual time) after the test.
fn under_both_orders(test: impl AsyncFn(MockRuntime)) {
    for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
        let runtime = MockRuntime::with_order(order);
        runtime.block_on(async {
            test(runtime.clone()).await;
            runtime.sleep(seconds(3600)).await;
        });
        assert_eq!(runtime.tasks(), 0, "a task is left behind");
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A builder for a client over WebSocket, and its mock server.
fn server(runtime: &MockRuntime) -> (MockBuilder, MockServer) {
    let (transport, server) = MockServer::new(runtime.clone());
    let builder = Builder::new("http://chat.test", transport, runtime.clone());
    (builder.transports(["websocket"]), server)
}

/// Reconnecting with exact delays: 1, 2, 4 and then 5 s.
fn exact() -> Reconnect {
    Reconnect::new().randomization(0.0)
}

/// The next event that is not a message, as text.
async fn next(client: &mut MockClient) -> String {
    loop {
        let event = client.next().await.expect("another event");
        return match event {
            Event::Message(_) => continue,
            Event::Connected(connected) => format!("connected {}", connected.session),
            Event::Disconnected(end) => format!(
                "disconnected {}: {}, confirmed {} unconfirmed {} uncertain {} unsent {} lost {:?} of {}",
                end.session,
                end.reason,
                end.confirmed,
                end.unconfirmed,
                end.uncertain,
                end.unsent,
                texts(&end.lost),
                end.may_be_lost(),
            ),
            Event::Reconnecting(next) => {
                format!("reconnecting {} in {:?}", next.attempt, next.delay)
            }
            Event::GivenUp(given_up) => {
                format!(
                    "given up {:?}: {}",
                    texts(&given_up.messages),
                    given_up.error
                )
            }
            Event::NoReceipts { error, .. } => format!("no receipts: {error}"),
            Event::Closed(closed) => format!("closed: {closed}"),
            other => format!("{other:?}"),
        };
    }
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.as_text().expect("a text"))
        .collect()
}

/// The server's session with this id. Skips sessions that failed to open.
async fn session_of(server: &mut MockServer, connected: &Connected) -> MockSession {
    loop {
        let session = server.session().await;
        if session.sid() == connected.handshake.sid {
            return session;
        }
    }
}

/// The next `count` messages that the server receives.
async fn received(session: &mut MockSession, count: usize) -> Vec<String> {
    let mut list = Vec::new();
    for _ in 0..count {
        let message = session.recv().await.expect("a message");
        list.push(message.as_text().expect("a text").to_owned());
    }
    list
}

fn refused(status: u16) -> Act {
    Act::Fail(Error::new(ErrorKind::Status, status.to_string()).with_status(status))
}
