//! What the user's side and the driver share: the outbox, and the state of the session.
//!
//! A batch crosses under one lock and with one wake-up, whatever its length.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::Event as Bell;
use futures::task::AtomicWaker;

use super::inbox::{Audience, Inboxes};
use crate::engine::Acceptance;
use crate::error::{Error, ErrorKind, SendError};
use crate::event::{Closed, Connected, Event, Reason};
use crate::packet::{Message, Packet};
use crate::runtime::Runtime;

/// The limits of a queue: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) inboxes: Inboxes,
    pub(crate) runtime: Arc<dyn Runtime>,
    outbox_capacity: Capacity,
    /// The task of the driver.
    pub(crate) driver: AtomicWaker,
    /// Rings when there may be room in the outbox, and at the end.
    pub(crate) room: Bell,
    /// Rings when a batch has left, and at the end.
    pub(crate) left: Bell,
    /// Rings when the session is open, at the end, and when the handlers have heard of it.
    pub(crate) turned: Bell,
}

#[derive(Default)]
pub(crate) struct State {
    acceptance: Option<Acceptance>,
    /// What is accepted and has not been taken by the driver.
    queue: Vec<Packet>,
    /// What is accepted and has not left, the driver's part included.
    pending_messages: usize,
    pending_bytes: usize,
    accepted: u64,
    left: u64,
    /// Those who wait to send, first come first served: else small messages would pass a large one
    /// for ever.
    waiting: VecDeque<u64>,
    next_ticket: u64,
    closing: bool,
    pub(crate) connected: Option<Connected>,
    pub(crate) transport: Option<&'static str>,
    pub(crate) closed: Option<Closed>,
    /// There are handlers, and they have not returned from the last event.
    pub(crate) handling: bool,
}

/// What becomes of a message that is given to the outbox.
pub(crate) enum Refusal {
    /// There is no room, or no session yet: to be tried again at the bell.
    Later(Message, ErrorKind),
    No(SendError),
}

/// Where somebody stands who wants to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place<'a> {
    /// He has not waited, and enters only past nobody.
    None,
    Ticket(&'a Ticket),
    /// He was promised room.
    Promised,
}

/// A place in the queue of those who wait to send, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    shared: Arc<Shared>,
    number: u64,
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared
            .state()
            .waiting
            .retain(|number| *number != self.number);
        self.shared.room.notify(usize::MAX);
    }
}

impl Refusal {
    /// As the error of one who does not wait.
    pub(crate) fn into_error(self, shared: &Shared) -> SendError {
        match self {
            Self::No(error) => error,
            Self::Later(message, ErrorKind::NotOpen) => {
                let text = "the session is not open yet";
                SendError::new(message, Error::new(ErrorKind::NotOpen, text))
            }
            Self::Later(message, kind) => {
                let Capacity { messages, bytes } = shared.outbox_capacity;
                let text = format!(
                    "the outbox is full: {messages} messages or {bytes} bytes (limit outbox)"
                );
                SendError::new(message, Error::new(kind, text))
            }
        }
    }
}

/// No code of ours can panic under a lock, and a user's waker that does spoils nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        outbox_capacity: Capacity,
        inbox_capacity: Capacity,
        audience: Audience,
    ) -> Self {
        let state = State {
            handling: audience.handlers,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            inboxes: Inboxes::new(inbox_capacity, audience),
            runtime,
            outbox_capacity,
            driver: AtomicWaker::new(),
            room: Bell::new(),
            left: Bell::new(),
            turned: Bell::new(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // The user's side.

    /// Accepts a message, or tells why not.
    pub(crate) fn push(&self, message: Message, place: Place<'_>) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.closing || state.closed.is_some() {
            let error = closed_error(state.closed.as_ref());
            return Err(Refusal::No(SendError::new(message, error)));
        }
        let Some(acceptance) = state.acceptance else {
            return Err(Refusal::Later(message, ErrorKind::NotOpen));
        };
        if let Err(error) = acceptance.check(&message) {
            return Err(Refusal::No(SendError::new(message, error)));
        }
        let length = message.len();
        if !state.may_enter(place)
            || place != Place::Promised && !state.has_room(length, self.outbox_capacity)
        {
            return Err(Refusal::Later(message, ErrorKind::Full));
        }
        let idle = state.queue.is_empty();
        state.queue.push(Packet::Message(message));
        state.pending_messages = state.pending_messages.saturating_add(1);
        state.pending_bytes = state.pending_bytes.saturating_add(length);
        state.accepted = state.accepted.saturating_add(1);
        drop(state);
        if idle {
            self.driver.wake();
        }
        Ok(())
    }

    /// Whether some message may be pushed, or the session is over.
    pub(crate) fn is_ready(&self, place: Place<'_>) -> bool {
        let state = self.state();
        state.closing
            || state.closed.is_some()
            || state.acceptance.is_some()
                && state.may_enter(place)
                && state.has_room(1, self.outbox_capacity)
    }

    /// A place behind all who wait to send.
    pub(crate) fn queue_up(self: &Arc<Self>) -> Ticket {
        let mut state = self.state();
        let number = state.next_ticket;
        state.next_ticket = number.wrapping_add(1);
        state.waiting.push_back(number);
        drop(state);
        Ticket {
            shared: Arc::clone(self),
            number,
        }
    }

    /// The number of the last message accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Whether all messages up to this number have left, or why they never will.
    pub(crate) fn flushed(&self, number: u64) -> Option<Result<(), Closed>> {
        let state = self.state();
        if state.left >= number {
            return Some(Ok(()));
        }
        state.closed.clone().map(Err)
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn closed_error(&self) -> Error {
        closed_error(self.state().closed.as_ref())
    }

    /// From now on nothing is accepted; what was is flushed, and the session ends.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.driver.wake();
        self.room.notify(usize::MAX);
    }

    /// Messages are dropped from now on.
    pub(crate) fn discard(&self) {
        self.inboxes.discard();
        self.driver.wake();
    }

    /// Nobody has the client any more.
    pub(crate) fn leave(&self) {
        self.inboxes.discard_of_client();
        self.close();
    }

    /// The handlers have returned from the last event.
    pub(crate) fn handled(&self) {
        self.state().handling = false;
        self.turned.notify(usize::MAX);
    }

    // The driver's side.

    /// Takes the messages that wait, if they are wanted, and tells whether the user has closed: then
    /// they are the last.
    pub(crate) fn take_queue(&self, wanted: bool, spare: &mut Vec<Packet>) -> (Vec<Packet>, bool) {
        let mut state = self.state();
        if state.queue.is_empty() || !(wanted || state.closing) {
            return (Vec::new(), state.closing);
        }
        let queue = std::mem::replace(&mut state.queue, std::mem::take(spare));
        (queue, state.closing)
    }

    pub(crate) fn accept(&self, acceptance: Acceptance) {
        self.state().acceptance = Some(acceptance);
        self.room.notify(usize::MAX);
    }

    /// A batch has left.
    pub(crate) fn batch_left(&self, packets: &[Packet]) {
        let mut messages = 0_usize;
        let mut bytes = 0_usize;
        for packet in packets {
            if let Packet::Message(message) = packet {
                messages = messages.saturating_add(1);
                bytes = bytes.saturating_add(message.len());
            }
        }
        if messages == 0 {
            return;
        }
        let mut state = self.state();
        state.pending_messages = state.pending_messages.saturating_sub(messages);
        state.pending_bytes = state.pending_bytes.saturating_sub(bytes);
        state.left = state
            .left
            .saturating_add(u64::try_from(messages).unwrap_or(u64::MAX));
        let worth_a_wake = state.has_much_room(self.outbox_capacity);
        drop(state);
        if worth_a_wake {
            self.room.notify(usize::MAX);
        }
        self.left.notify(usize::MAX);
    }

    /// The session has ended. What is still in the queue never left, and is added to `unsent`.
    pub(crate) fn end(&self, end: impl FnOnce(Vec<Packet>) -> Closed) -> Option<Closed> {
        let mut state = self.state();
        if state.closed.is_some() {
            return None;
        }
        let closed = end(std::mem::take(&mut state.queue));
        state.closed = Some(closed.clone());
        state.acceptance = None;
        drop(state);
        self.inboxes.put(vec![Event::Closed(closed.clone())], false);
        self.inboxes.finish();
        self.room.notify(usize::MAX);
        self.left.notify(usize::MAX);
        self.turned.notify(usize::MAX);
        Some(closed)
    }
}

impl State {
    fn may_enter(&self, place: Place<'_>) -> bool {
        match place {
            Place::None => self.waiting.is_empty(),
            Place::Ticket(ticket) => self.waiting.front() == Some(&ticket.number),
            Place::Promised => true,
        }
    }

    /// Whether those who wait should be woken: a small outbox has a place for one, a large one for as
    /// many as are worth it. Batches of polling are short, and one follows the other.
    fn has_much_room(&self, capacity: Capacity) -> bool {
        let most = |of: usize| of.saturating_sub(of / 32);
        self.pending_messages == 0
            || self.pending_messages <= most(capacity.messages)
                && self.pending_bytes <= most(capacity.bytes)
    }

    /// A message that is larger than the whole outbox is let in alone.
    fn has_room(&self, length: usize, capacity: Capacity) -> bool {
        self.pending_messages == 0
            || self.pending_messages < capacity.messages
                && self.pending_bytes.saturating_add(length) <= capacity.bytes
    }
}

pub(crate) fn closed_error(closed: Option<&Closed>) -> Error {
    match closed.map(Closed::reason) {
        None => Error::new(ErrorKind::Closed, "the session is closing"),
        Some(Reason::Transport(cause)) => {
            Error::new(ErrorKind::Closed, "the session is closed").with_source(cause.clone())
        }
        Some(Reason::Client) => Error::new(ErrorKind::Closed, "the session is closed"),
        Some(Reason::Server) => Error::new(ErrorKind::Closed, "the server has closed the session"),
        Some(Reason::PingTimeout) => Error::new(
            ErrorKind::Closed,
            "the session is closed, since the server was silent for too long",
        ),
        Some(Reason::Aborted) => Error::new(
            ErrorKind::Closed,
            "the session is closed, since the task that drives it ended early",
        ),
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
