//! One session through the proxy. It sends numbered messages and reads their echoes, until it closes
//! itself or fails.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engineio_client::transports::Transports;
use engineio_client::{
    Builder, Capacity, Closed, ErrorKind, Event, Handle, Message, Runtime, SendError,
};
use futures::StreamExt as _;
use futures::future::{Either, join, select};

use crate::support::counting::Counting;
use crate::support::session::Mode;

const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const SEND_TIMEOUT: Duration = Duration::from_secs(2);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_LIMIT: Duration = Duration::from_secs(6);

/// Time that a busy machine may add to a limit.
const SLACK: Duration = Duration::from_secs(20);

/// Opening may try two transports.
const OPENED_BY: Duration = OPEN_TIMEOUT.saturating_mul(2).saturating_add(SLACK);
const CLOSED_BY: Duration = CLOSE_LIMIT.saturating_add(SLACK);

/// The `maxPayload` that the servers announce.
pub(super) const MAX_PAYLOAD: usize = 60_000;

/// The message with this number: see `Numbered` in `tests/peers/node/server.js`.
fn message(number: u64, length: usize) -> Message {
    let filling = ["x", "\u{e9}", "\u{20ac}"][(number % 3) as usize].repeat(length);
    let text = format!("{number} {length} {filling}");
    if number % 4 == 3 {
        Message::from(text.into_bytes())
    } else {
        Message::from(text)
    }
}

/// The length of the filling of the longest message with this number that polling can carry.
fn longest(number: u64) -> usize {
    let head = format!("{number} {MAX_PAYLOAD} ").len();
    let bytes = if number % 4 == 3 {
        (MAX_PAYLOAD - 1) / 4 * 3 - head
    } else {
        MAX_PAYLOAD - 1 - head
    };
    bytes / (number % 3 + 1) as usize
}

/// How a session ends, unless something else ends it first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Leave {
    /// The client closes the session after a short random time.
    Client,
    /// The client is dropped.
    Drop,
    /// The server is asked to close the session.
    Server,
    /// The client closes the session after a long time.
    Stay,
}

/// What the client side knows about a session that has ended.
pub(super) struct Report {
    pub(super) mode: Mode,
    pub(super) leave: Leave,
    pub(super) sid: Option<String>,
    pub(super) upgraded: bool,
    /// Length of the filling of each accepted message, by number.
    pub(super) accepted: Vec<u32>,
    /// Number of messages accepted before the server was asked to close.
    pub(super) asked_to_close: Option<u64>,
    /// Number of messages flushed while the session was on polling.
    pub(super) flushed: u64,
    pub(super) echoes: u64,
    pub(super) uncertain: u64,
    pub(super) unsent: u64,
    /// `None` if the session did not end in time.
    pub(super) closed: Option<Closed>,
    /// Whether the test closed or dropped the client before the session ended.
    pub(super) left: bool,
    pub(super) refused_as_too_large: u64,
    pub(super) given_up: u64,
    /// Violations.
    pub(super) faults: Vec<String>,
}

/// Runs a session. `random` decides all its actions; only the timing varies.
pub(super) async fn run<R: Runtime + Default>(
    url: &str,
    mode: Mode,
    mut random: fastrand::Rng,
) -> Report {
    let counting = Counting::new(R::default());
    let leave = match random.u32(0..12) {
        0..3 => Leave::Client,
        3 => Leave::Drop,
        4..6 => Leave::Server,
        _ => Leave::Stay,
    };
    let life = Duration::from_millis(match leave {
        Leave::Stay => random.u64(3000..9000),
        _ => random.u64(0..2500),
    });
    let builder = Builder::new(url, Transports::default(), counting.clone())
        .transports(mode.transports().iter().copied())
        .query("numbered", "1")
        .open_timeout(OPEN_TIMEOUT)
        .send_timeout(SEND_TIMEOUT)
        .upgrade_timeout(UPGRADE_TIMEOUT)
        .close_timeout(CLOSE_TIMEOUT)
        .close_limit(CLOSE_LIMIT)
        .outbox(Capacity {
            messages: random.usize(1..200),
            bytes: random.usize(1..300_000),
        })
        .inbox(Capacity {
            messages: random.usize(1..200),
            bytes: random.usize(1..100_000),
        });
    let client = builder.start().expect("the settings are right");
    let sleeper = Arc::clone(client.runtime());
    let notes = Notes::default();
    let handle = client.handle();
    let writer = write(&handle, &*sleeper, leave, life, &notes, random.fork());
    let reader = read(client, &*sleeper, leave, life, &notes, random.fork());
    let talk = join(writer, reader);
    let deadline = OPENED_BY + life + CLOSED_BY + SLACK;
    let ended = match select(Box::pin(talk), sleeper.sleep(deadline)).await {
        Either::Left(_) => true,
        Either::Right(_) => false,
    };
    if !ended {
        notes.fault("the session has not ended at its deadline");
    }
    let sid = handle.sid();
    // The client may have been dropped before it read the event of its upgrade.
    if mode == Mode::Upgraded && handle.transport() == Some("websocket") {
        notes.upgraded.set(true);
    }
    drop(handle);
    // The client's tasks must end by themselves.
    let begin = Instant::now();
    while counting.tasks() > 0 {
        if begin.elapsed() > SLACK {
            let tasks = counting.tasks();
            notes.fault(&format!("{tasks} tasks are left behind"));
            break;
        }
        sleeper.sleep(Duration::from_millis(2)).await;
    }
    notes.report(mode, leave, sid)
}

/// Observations of the session's reader and writer.
#[derive(Default)]
struct Notes {
    accepted: RefCell<Vec<u32>>,
    asked_to_close: Cell<Option<u64>>,
    flushed: Cell<u64>,
    opened: Cell<bool>,
    upgraded: Cell<bool>,
    echoes: Cell<u64>,
    left: Cell<Option<Instant>>,
    closed: RefCell<Option<Closed>>,
    refused_as_too_large: Cell<u64>,
    given_up: Cell<u64>,
    faults: RefCell<Vec<String>>,
}

impl Notes {
    /// Records a violation. Only the first three are kept: after one message out of order, all others
    /// are too.
    fn fault(&self, text: &str) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < 3 {
            faults.push(text.to_owned());
        }
    }

    fn next(&self) -> u64 {
        self.accepted.borrow().len() as u64
    }

    fn accept(&self, length: usize) {
        let length = u32::try_from(length).expect("messages are short");
        self.accepted.borrow_mut().push(length);
    }

    fn message(&self, number: u64) -> Option<Message> {
        let number_of_them = usize::try_from(number).ok()?;
        let length = *self.accepted.borrow().get(number_of_them)?;
        Some(message(number, length as usize))
    }

    /// Checks that the uncertain and the unsent messages, in this order, are the last of the accepted
    /// messages.
    fn check_remains(&self, closed: &Closed) -> (u64, u64) {
        let is_command = |message: &&Message| message.as_text() == Some("!close");
        let remains = || closed.uncertain().iter().chain(closed.unsent());
        let unsent = closed.unsent().iter().filter(|m| !is_command(m)).count() as u64;
        let all = remains().filter(|m| !is_command(m)).count() as u64;
        let Some(first) = self.next().checked_sub(all) else {
            self.fault("more messages are returned than were accepted");
            return (0, 0);
        };
        if remains().filter(is_command).count() > usize::from(self.asked_to_close.get().is_some()) {
            self.fault("a command is returned that was not accepted");
        }
        for (number, message) in (first..).zip(remains().filter(|m| !is_command(m))) {
            if self.message(number).as_ref() != Some(message) {
                self.fault(&format!("the returned message is not message {number}"));
                break;
            }
        }
        (all - unsent, unsent)
    }

    fn report(self, mode: Mode, leave: Leave, sid: Option<String>) -> Report {
        let closed = self.closed.borrow_mut().take();
        let (uncertain, unsent) = match &closed {
            Some(closed) => self.check_remains(closed),
            None => (0, 0),
        };
        if closed.is_none() {
            self.fault("the end was not reported");
        }
        // The sid shows whether the session opened: the client may have been dropped before it read the
        // event.
        if sid.is_none() && self.next() > 0 {
            self.fault("messages were accepted before the session was open");
        }
        Report {
            mode,
            leave,
            sid,
            upgraded: self.upgraded.get(),
            accepted: self.accepted.into_inner(),
            asked_to_close: self.asked_to_close.get(),
            flushed: self.flushed.get(),
            echoes: self.echoes.get(),
            uncertain,
            unsent,
            closed,
            left: self.left.get().is_some(),
            refused_as_too_large: self.refused_as_too_large.get(),
            given_up: self.given_up.get(),
            faults: self.faults.into_inner(),
        }
    }
}

/// Sends messages until the client refuses them.
async fn write(
    handle: &Handle,
    runtime: &impl Runtime,
    leave: Leave,
    life: Duration,
    notes: &Notes,
    mut random: fastrand::Rng,
) {
    let begin = runtime.now();
    loop {
        if leave == Leave::Server
            && notes.asked_to_close.get().is_none()
            && runtime.now().saturating_sub(begin) > life
        {
            let before = notes.next();
            match handle.send("!close").await {
                Ok(()) => notes.asked_to_close.set(Some(before)),
                Err(_) => return,
            }
        }
        // Some of these numbers of messages exceed the 16 packets of one POST.
        for _ in 0..*random.choice(&[1, 1, 2, 5, 15, 16, 17, 60]).unwrap_or(&1) {
            if !write_one(handle, runtime, notes, &mut random).await {
                return;
            }
        }
        if random.u32(0..4) == 0 {
            let accepted = notes.next();
            if handle.flush().await.is_err() {
                return;
            }
            if handle.transport() == Some("polling") {
                notes.flushed.set(accepted);
            }
        }
        runtime
            .sleep(Duration::from_millis(random.u64(0..120)))
            .await;
    }
}

/// Sends one message. Returns whether the session still accepts messages.
async fn write_one(
    handle: &Handle,
    runtime: &impl Runtime,
    notes: &Notes,
    random: &mut fastrand::Rng,
) -> bool {
    let number = notes.next();
    let most = longest(number);
    let length = match random.u32(0..200) {
        0..150 => random.usize(0..60),
        150..190 => random.usize(0..3000),
        190..197 => random.usize(0..most),
        // The longest message that polling can carry, and a longer one.
        197..199 => most,
        _ => most + 10,
    };
    let was_polling = handle.transport() == Some("polling");
    if length > most && !was_polling {
        // Over WebSocket, the server ends the session when a frame is too long.
        return true;
    }
    let whole = message(number, length);
    let sent = match random.u32(0..10) {
        0 => handle.try_send(whole.clone()),
        1 => {
            // A `send` that is dropped while it waits sends nothing.
            let patience = runtime.sleep(Duration::from_millis(random.u64(0..40)));
            let send = Box::pin(handle.send(whole.clone()));
            match select(send, patience).await {
                Either::Left((sent, _)) => sent,
                Either::Right(_) => {
                    notes.given_up.set(notes.given_up.get() + 1);
                    return true;
                }
            }
        }
        _ => handle.send(whole.clone()).await,
    };
    let Err(SendError { message, error, .. }) = sent else {
        if length > most && handle.transport() == Some("polling") {
            notes.fault("a message above maxPayload was accepted over polling");
        }
        notes.accept(length);
        return true;
    };
    if message != whole {
        notes.fault("the error holds another message than the refused one");
    }
    match error.kind() {
        ErrorKind::Closed | ErrorKind::Aborted => false,
        ErrorKind::Full => true,
        ErrorKind::NotOpen => {
            runtime.sleep(Duration::from_millis(5)).await;
            true
        }
        ErrorKind::TooLarge if length > most => {
            let refused = &notes.refused_as_too_large;
            refused.set(refused.get() + 1);
            true
        }
        kind => {
            notes.fault(&format!("a message was refused as {kind:?}"));
            false
        }
    }
}

/// Reads until the session ends. When the session's time is up, closes the client or, with
/// `Leave::Drop`, drops it.
async fn read<R: Runtime>(
    client: engineio_client::Client<Transports, Counting<R>>,
    runtime: &Counting<R>,
    leave: Leave,
    life: Duration,
    notes: &Notes,
    mut random: fastrand::Rng,
) {
    let begin = Instant::now();
    let handle = client.handle();
    // A server that is asked to close gets some more time.
    let life = match leave {
        Leave::Server => life + Duration::from_secs(4),
        _ => life,
    };
    let mut time = runtime.sleep(life);
    let mut client = Some(client);
    let pauses = random.u32(0..5) == 0;
    let closed = loop {
        let Some(reader) = &mut client else {
            break handle.wait().await;
        };
        match select(reader.next(), &mut time).await {
            Either::Left((Some(Event::Closed(closed)), _)) => {
                if reader.next().await.is_some() {
                    notes.fault("an event follows the end");
                }
                break closed;
            }
            Either::Left((Some(event), _)) => {
                take(event, begin, notes);
                if pauses && random.u32(0..40) == 0 {
                    runtime
                        .sleep(Duration::from_millis(random.u64(0..900)))
                        .await;
                }
            }
            Either::Left((None, _)) => {
                notes.fault("the events stop without the end");
                break handle.wait().await;
            }
            Either::Right(_) => {
                notes.left.set(Some(Instant::now()));
                time = Box::pin(std::future::pending());
                if leave == Leave::Drop {
                    client = None;
                } else {
                    handle.close();
                }
            }
        }
    };
    let since = notes.left.get().unwrap_or_else(Instant::now);
    if since.elapsed() > CLOSED_BY {
        notes.fault(&format!("closing took {:?}", since.elapsed()));
    }
    *notes.closed.borrow_mut() = Some(closed);
}

fn take(event: Event, begin: Instant, notes: &Notes) {
    match event {
        Event::Connected(_) => {
            if notes.opened.replace(true) {
                notes.fault("the session opened twice");
            }
            if begin.elapsed() > OPENED_BY {
                notes.fault(&format!("opening took {:?}", begin.elapsed()));
            }
        }
        Event::Message(message) => {
            if !notes.opened.get() {
                notes.fault("a message arrived before the session was open");
            }
            let number = notes.echoes.get();
            if notes.message(number).as_ref() != Some(&message) {
                notes.fault(&format!(
                    "{} arrived instead of the echo of {number}",
                    head(&message)
                ));
            }
            notes.echoes.set(number + 1);
        }
        Event::Upgraded { .. } => {
            if notes.upgraded.replace(true) {
                notes.fault("the session was upgraded twice");
            }
        }
        Event::UpgradeFailed { .. } => {}
        other => notes.fault(&format!("an event that this test does not know: {other:?}")),
    }
}

/// The beginning of a message, with its number and length.
fn head(message: &Message) -> String {
    let bytes = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
    };
    let head = bytes.get(..20).unwrap_or(bytes);
    format!(
        "{:?} ({} bytes)",
        String::from_utf8_lossy(head),
        bytes.len()
    )
}
