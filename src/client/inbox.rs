//! The events of a session that the user has not read yet.
//!
//! There are at most two readers, the client and the task of the handlers. Messages go to one of them,
//! and all other events to both.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use futures::task::AtomicWaker;

use super::lock::{lock, wake as wake_task};
use crate::amount::Amount;
use crate::event::Event;
use crate::packet::Message;

/// A reader of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client, by `recv` or as a stream.
    Client,
    /// The task that runs the handlers.
    Handlers,
}

/// Which readers get the events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience {
    /// Whether there are handlers. If so, both readers get all events that are not messages.
    pub(crate) handlers: bool,
    /// The reader of messages.
    pub(crate) messages: Side,
}

pub(crate) struct Inboxes {
    audience: Audience,
    client: Mutex<Inbox>,
    handlers: Mutex<Inbox>,
    /// The totals of messages put in and of messages read. A message in a batch that the reader has
    /// taken out counts as unread until the message is read, or a little longer: see `worth_waking`.
    put_messages: AtomicU64,
    put_bytes: AtomicU64,
    read_messages: AtomicU64,
    read_bytes: AtomicU64,
    /// Whether the driver waits for room.
    stalled: AtomicBool,
    capacity: Amount,
    /// Whether messages are dropped.
    discards: AtomicBool,
    /// Wakes the driver's task.
    driver: Arc<AtomicWaker>,
}

/// The events that one reader has not taken yet.
#[derive(Default)]
struct Inbox {
    events: Vec<Event>,
    reader: Option<Waker>,
    finished: bool,
}

/// A number of messages and of their bytes.
#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u64,
    bytes: u64,
}

impl Tally {
    #[inline]
    fn add(&mut self, message: &Message) {
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        self.messages = self.messages.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(length);
    }

    /// Whether one of the two numbers is at least that of `other`.
    #[inline]
    fn reaches(self, other: Self) -> bool {
        self.messages >= other.messages || self.bytes >= other.bytes
    }
}

impl Inboxes {
    pub(crate) fn new(capacity: Amount, audience: Audience, driver: Arc<AtomicWaker>) -> Self {
        Self {
            audience,
            client: Mutex::default(),
            handlers: Mutex::default(),
            put_messages: AtomicU64::new(0),
            put_bytes: AtomicU64::new(0),
            read_messages: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            capacity,
            discards: AtomicBool::new(false),
            driver,
        }
    }

    fn of(&self, side: Side) -> &Mutex<Inbox> {
        match side {
            Side::Client => &self.client,
            Side::Handlers => &self.handlers,
        }
    }

    /// Takes all events of a reader. If there are none, the task of `cx`, if given, is woken when events
    /// arrive.
    fn poll_take(&self, side: Side, cx: Option<&mut Context<'_>>) -> Poll<Option<Vec<Event>>> {
        let mut inbox = lock(self.of(side));
        if !inbox.events.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut inbox.events)));
        }
        if inbox.finished {
            return Poll::Ready(None);
        }
        if let Some(cx) = cx {
            let same = |waker: &Waker| waker.will_wake(cx.waker());
            if !inbox.reader.as_ref().is_some_and(same) {
                let last = inbox.reader.replace(cx.waker().clone());
                // Dropped after the lock is released: this may drop a task, and with it the client.
                drop(inbox);
                drop(last);
            }
        }
        Poll::Pending
    }

    /// Adds to the total that the reader of messages has read. Returns whether the driver must be woken.
    fn add_read(&self, read: Tally) -> bool {
        self.read_messages
            .fetch_add(read.messages, Ordering::Relaxed);
        self.read_bytes.fetch_add(read.bytes, Ordering::Relaxed);
        // In `wants_more`, the driver stores `stalled` before a fence, and loads the totals after it. So
        // at least one of the two threads sees the store of the other.
        fence(Ordering::SeqCst);
        self.stalled.load(Ordering::Relaxed) && self.has_room()
    }

    /// Waking the driver costs about as much as handling a message, so it is only woken after 1/16 of
    /// the capacity was read.
    fn worth_waking(&self) -> Tally {
        let part = |of: usize| u64::try_from(of / 16).unwrap_or(u64::MAX);
        Tally {
            messages: part(self.capacity.messages),
            bytes: part(self.capacity.bytes),
        }
    }

    /// Drops messages from now on, including those that are not read yet.
    pub(crate) fn discard(&self) {
        let mut inbox = lock(self.of(self.audience.messages));
        // The reader itself drops the messages that it has already taken out.
        self.discards.store(true, Ordering::Relaxed);
        inbox
            .events
            .retain(|event| !matches!(event, Event::Message(_)));
    }

    fn discards(&self) -> bool {
        self.discards.load(Ordering::Relaxed)
    }

    /// Drops messages from now on, if the client is the reader of messages.
    pub(crate) fn discard_of_client(&self) {
        if self.audience.messages == Side::Client {
            self.discard();
        }
    }

    /// Hands events to the readers.
    pub(crate) fn put(&self, events: Vec<Event>) {
        if self.audience.handlers {
            let other = match self.audience.messages {
                Side::Client => Side::Handlers,
                Side::Handlers => Side::Client,
            };
            let is_no_message = |event: &&Event| !matches!(event, Event::Message(_));
            let others: Vec<Event> = events.iter().filter(is_no_message).cloned().collect();
            if !others.is_empty() {
                let reader = lock(self.of(other)).append(others);
                wake(reader);
            }
        }
        self.put_messages(events);
    }

    /// Hands events to the reader of messages.
    fn put_messages(&self, mut events: Vec<Event>) {
        let mut inbox = lock(self.of(self.audience.messages));
        if self.discards() {
            events.retain(|event| !matches!(event, Event::Message(_)));
        }
        let mut put = Tally::default();
        for event in &events {
            if let Event::Message(message) = event {
                put.add(message);
            }
        }
        self.put_messages.fetch_add(put.messages, Ordering::Relaxed);
        self.put_bytes.fetch_add(put.bytes, Ordering::Relaxed);
        let reader = inbox.append(events);
        drop(inbox);
        wake(reader);
    }

    /// Marks the end: no more events will be put in.
    pub(crate) fn finish(&self) {
        for side in [Side::Client, Side::Handlers] {
            let mut inbox = lock(self.of(side));
            inbox.finished = true;
            let reader = inbox.reader.take();
            drop(inbox);
            wake(reader);
        }
    }

    fn has_room(&self) -> bool {
        let unread = |put: &AtomicU64, read: &AtomicU64| {
            let read = read.load(Ordering::Relaxed);
            usize::try_from(put.load(Ordering::Relaxed).saturating_sub(read)).unwrap_or(usize::MAX)
        };
        unread(&self.put_messages, &self.read_messages) < self.capacity.messages
            && unread(&self.put_bytes, &self.read_bytes) < self.capacity.bytes
    }

    /// Whether the driver may receive more. If not, the reader wakes the driver when there is room
    /// again.
    pub(crate) fn wants_more(&self) -> bool {
        if self.has_room() || self.discards() {
            self.stalled.store(false, Ordering::Relaxed);
            return true;
        }
        self.stalled.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.has_room()
    }
}

impl Inbox {
    /// Returns the waker of the waiting reader, to be woken after the lock is released.
    #[must_use]
    fn append(&mut self, mut events: Vec<Event>) -> Option<Waker> {
        if self.events.is_empty() {
            self.events = events;
        } else {
            if let [event] = &*events
                && is_of_sessions(event)
            {
                self.make_room_for(event);
            }
            self.events.append(&mut events);
        }
        self.reader.take()
    }
}

impl Inbox {
    /// Limits the number of events about sessions: a client that reconnects may run for months without
    /// anyone reading its events.
    fn make_room_for(&mut self, event: &Event) {
        if let (Event::Reconnecting(_), Some(Event::Reconnecting(_))) = (event, self.events.last())
        {
            self.events.pop();
        }
        let unread = self.events.iter().filter(|event| is_of_sessions(event));
        if unread.count() >= MAX_SESSION_EVENTS
            && let Some(oldest) = self.events.iter().position(is_of_sessions)
        {
            self.events.remove(oldest);
        }
    }
}

/// Maximum number of unread events about sessions that are kept.
const MAX_SESSION_EVENTS: usize = 1024;

/// Whether this is an event about sessions, which may be dropped if it is not read. `GivenUp` must not
/// be dropped, because it holds the only copy of its messages.
fn is_of_sessions(event: &Event) -> bool {
    matches!(
        event,
        Event::Connected(_)
            | Event::Disconnected(_)
            | Event::Reconnecting(_)
            | Event::NoReceipts { .. }
    )
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        wake_task(reader);
    }
}

/// One of the readers, with the batch of events that it has taken out.
pub(crate) struct Reader {
    inboxes: Arc<Inboxes>,
    side: Side,
    incoming: std::vec::IntoIter<Event>,
    /// What was read and has not been reported to the inbox.
    unreported: Tally,
    /// The amount that is reported at once. A smaller amount is reported when the whole batch has been
    /// read, so the driver does not wait long.
    worth_reporting: Tally,
    finished: bool,
}

impl Reader {
    pub(crate) fn new(inboxes: Arc<Inboxes>, side: Side) -> Self {
        Self {
            worth_reporting: inboxes.worth_waking(),
            inboxes,
            side,
            incoming: Vec::new().into_iter(),
            unreported: Tally::default(),
            finished: false,
        }
    }

    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(Some(cx))
    }

    /// The next event if there is one, without registering a task.
    pub(crate) fn try_next(&mut self) -> Poll<Option<Event>> {
        self.poll_event(None)
    }

    /// Always inlined, like [`next_taken`](Self::next_taken): an event that is returned through memory
    /// takes as long as all else that is done for it.
    #[inline(always)]
    fn poll_event(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.next_taken() {
                return Poll::Ready(Some(event));
            }
            if !ready!(self.poll_refill(cx.as_deref_mut())) {
                return Poll::Ready(None);
            }
        }
    }

    /// Takes the next batch out of the inbox. Returns whether there is one; if not, there are no more
    /// events.
    #[inline(never)]
    fn poll_refill(&mut self, cx: Option<&mut Context<'_>>) -> Poll<bool> {
        self.report();
        let taken = self.inboxes.poll_take(self.side, cx);
        if taken.is_pending() {
            // Frees the last batch's buffer, which may be large, before a wait that may be long.
            self.incoming = Vec::new().into_iter();
        }
        let events = ready!(taken);
        self.finished = events.is_none();
        self.incoming = events.unwrap_or_default().into_iter();
        Poll::Ready(!self.finished)
    }

    /// The next event of the batch that was taken out.
    #[inline(always)]
    fn next_taken(&mut self) -> Option<Event> {
        loop {
            let event = self.incoming.next()?;
            if let Event::Message(message) = &event {
                self.unreported.add(message);
                if self.unreported.reaches(self.worth_reporting) {
                    self.report();
                }
                if self.inboxes.discards() {
                    continue;
                }
            }
            return Some(event);
        }
    }

    /// Reports everything that was read to the inbox, and wakes the driver if it waits for room.
    fn report(&mut self) {
        let news = std::mem::take(&mut self.unreported);
        if news.messages > 0 && self.inboxes.add_read(news) {
            self.inboxes.driver.wake();
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }
}
