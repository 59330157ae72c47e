//! A reconnecting client that sends numbered messages and records all reports about them.

use std::collections::HashSet;
use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{
    Client, Closed, ErrorKind, Event, Handle, Message, Receipts, Reconnect, Resend,
};
use futures::StreamExt as _;
use futures::future::{Either, join, select};

use crate::support::session::{Mode, Runs, builder};

/// The time between two messages.
const PACE: Duration = Duration::from_millis(2);

/// Deadline of every wait. It is long because polling may have to send a backlog first, which takes
/// several seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// Interval at which a task checks a flag.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Promise {
    LeastOnce,
    MostOnce,
    MostOnceWithoutReceipts,
}

impl Promise {
    pub(super) const ALL: [Self; 3] = [
        Self::LeastOnce,
        Self::MostOnce,
        Self::MostOnceWithoutReceipts,
    ];
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    /// After `confirm`, or after `flush` if the client has no receipts.
    Settled,
    /// At once, without waiting for confirmations.
    AtOnce,
}

/// Signals from the test to the client, and back.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The client must stop sending.
    pub(super) stop: AtomicBool,
    /// The client has sent its last message.
    pub(super) stopped: AtomicBool,
    /// The client may close.
    pub(super) leave: AtomicBool,
}

/// The client's reports about its messages.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Messages 0 to `accepted - 1` were accepted.
    pub(super) accepted: u64,
    pub(super) sessions: u64,
    /// The sum of the possible losses of every [`Event::Disconnected`].
    pub(super) may_be_lost: u64,
    /// All messages in any list of messages that may not have arrived.
    pub(super) named: HashSet<u64>,
    /// Messages reported as unsent.
    pub(super) unsent: HashSet<u64>,
    pub(super) given_up: HashSet<u64>,
    pub(super) echoes: u64,
    pub(super) closed: Option<Closed>,
    /// A log of events, for failures.
    pub(super) trace: Vec<String>,
    pub(super) faults: Vec<String>,
}

/// Runs the client: it sends until `stop` is set, and closes when `leave` is set.
pub(super) async fn run<R: Runs>(
    url: &str,
    mode: Mode,
    promise: Promise,
    ending: Ending,
    signals: &Signals,
) -> Account {
    let reconnect = Reconnect::new()
        .delay(Duration::from_millis(50))
        .max_delay(Duration::from_millis(500));
    let builder = builder::<R>(url, mode);
    let builder = match promise {
        Promise::LeastOnce => builder
            .receipts(Receipts::new())
            .reconnect(reconnect.resend(Resend::Unconfirmed)),
        Promise::MostOnce => builder.receipts(Receipts::new()).reconnect(reconnect),
        Promise::MostOnceWithoutReceipts => builder.reconnect(reconnect),
    };
    let client = builder.start().expect("the settings are right");
    let handle = client.handle();
    let sending = async {
        let mut account = Account::default();
        send(&handle, signals, &mut account).await;
        signals.stopped.store(true, Ordering::SeqCst);
        wait_for(&handle, &signals.leave).await;
        if ending == Ending::Settled {
            settle(&handle, promise, &mut account).await;
        }
        account.closed = within(&handle, handle.disconnect()).await;
        if account.closed.is_none() {
            account
                .faults
                .push(format!("disconnect: timed out after {DEADLINE:?}"));
        }
        account
    };
    let (sent, read) = join(sending, listen(client)).await;
    Account {
        accepted: sent.accepted,
        closed: sent.closed,
        faults: [sent.faults, read.faults].concat(),
        ..read
    }
}

async fn send(handle: &Handle, signals: &Signals, account: &mut Account) {
    let start = std::time::Instant::now();
    let mut due = Duration::ZERO;
    while !signals.stop.load(Ordering::SeqCst) {
        let sending = pin!(handle.send(account.accepted.to_string()));
        match select(sending, pin!(wait_for(handle, &signals.stop))).await {
            Either::Left((Ok(()), _)) => account.accepted += 1,
            Either::Left((Err(error), _)) => {
                account
                    .faults
                    .push(format!("a message was refused: {error}"));
                return;
            }
            Either::Right(_) => return,
        }
        // If a message is late, the next ones are not sent faster to make up for it.
        due = (due + PACE).max(start.elapsed());
        handle.sleep(due - start.elapsed().min(due)).await;
    }
}

async fn settle(handle: &Handle, promise: Promise, account: &mut Account) {
    let settled = match promise {
        Promise::LeastOnce => within(handle, handle.confirm()).await,
        Promise::MostOnce | Promise::MostOnceWithoutReceipts => {
            within(handle, handle.flush()).await
        }
    };
    match settled {
        Some(Ok(())) => {}
        // Messages were given up. This is not a fault: events report these messages, too.
        Some(Err(error)) if error.kind() == ErrorKind::Unconfirmed => {}
        Some(Err(error)) => account
            .faults
            .push(format!("confirm or flush failed: {error}")),
        None => account.faults.push(format!(
            "confirm or flush: timed out after {DEADLINE:?}: {:?}",
            handle.backlog()
        )),
    }
}

/// Reads the events of all sessions.
async fn listen<R: Runs>(mut client: Client<Transports, R>) -> Account {
    let mut account = Account::default();
    while let Some(event) = client.next().await {
        match event {
            Event::Message(_) => account.echoes += 1,
            Event::Connected(connected) => {
                account.sessions += 1;
                let sid = &connected.handshake.sid;
                account.trace(format_args!("connected {}, {sid}", connected.session));
            }
            Event::Disconnected(end) => {
                account.may_be_lost += end.may_be_lost();
                account.named.extend(end.lost.iter().map(number));
                account.trace(format_args!(
                    "disconnected {}: {}; confirmed {} unconfirmed {} uncertain {} unsent {} may be lost {}",
                    end.session, end.reason, end.confirmed, end.unconfirmed, end.uncertain, end.unsent, end.may_be_lost()
                ));
            }
            Event::GivenUp(given_up) => {
                let numbers: Vec<u64> = given_up.messages.iter().map(number).collect();
                account.trace(format_args!("given up {numbers:?}: {}", given_up.error));
                account.given_up.extend(numbers);
            }
            Event::NoReceipts { error, .. } => {
                account
                    .faults
                    .push(format!("receipts were switched off: {error}"));
            }
            Event::Closed(closed) => {
                account.trace(format_args!("{closed:?}"));
                let lists = [closed.unconfirmed(), closed.uncertain(), closed.unsent()];
                account
                    .named
                    .extend(lists.into_iter().flatten().map(number));
                account.unsent.extend(closed.unsent().iter().map(number));
            }
            other => account.trace(format_args!("{other:?}")),
        }
    }
    account
}

impl Account {
    fn trace(&mut self, what: impl std::fmt::Display) {
        self.trace.push(what.to_string());
    }
}

fn number(message: &Message) -> u64 {
    let text = message.as_text().expect("only texts are sent");
    text.parse().expect("a number")
}

async fn wait_for(handle: &Handle, flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        handle.sleep(LOOK).await;
    }
}

async fn within<T>(handle: &Handle, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(handle.sleep(DEADLINE))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
