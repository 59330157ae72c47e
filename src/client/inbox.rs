//! What has come and was not read: the events of a session on their way to the user.
//!
//! There are two readers at most, the client and the handlers' task, and messages go to one of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use super::shared::{Capacity, Shared, lock};
use crate::event::Event;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client, by `recv` or as a stream.
    Client,
    /// The task that runs the handlers.
    Handlers,
}

/// Whom events are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience {
    /// Whether there are handlers, who hear of all that happens.
    pub(crate) handlers: bool,
    /// Who gets the messages.
    pub(crate) messages: Side,
}

pub(crate) struct Inboxes {
    audience: Audience,
    client: Mutex<Inbox>,
    handlers: Mutex<Inbox>,
    tally: Tally,
    capacity: Capacity,
    /// Nobody reads messages any more.
    discards: AtomicBool,
}

/// What came and has not been taken by its reader.
#[derive(Default)]
struct Inbox {
    events: Vec<Event>,
    reader: Option<Waker>,
    /// A message was dropped for want of room, while closing.
    cut: bool,
    finished: bool,
}

/// How much was put into the inbox, and how much of it was read. What the reader has taken out in
/// one go counts until it is read.
#[derive(Default)]
struct Tally {
    put_messages: AtomicU64,
    put_bytes: AtomicU64,
    read_messages: AtomicU64,
    read_bytes: AtomicU64,
    /// The driver waits for room.
    stalled: AtomicBool,
}

impl Inboxes {
    pub(crate) fn new(capacity: Capacity, audience: Audience) -> Self {
        Self {
            audience,
            client: Mutex::default(),
            handlers: Mutex::default(),
            tally: Tally::default(),
            capacity,
            discards: AtomicBool::new(false),
        }
    }

    fn of(&self, side: Side) -> &Mutex<Inbox> {
        match side {
            Side::Client => &self.client,
            Side::Handlers => &self.handlers,
        }
    }

    /// Takes out all that has come, or waits.
    fn poll_take(&self, side: Side, cx: &mut Context<'_>) -> Poll<Option<Vec<Event>>> {
        let mut inbox = lock(self.of(side));
        if !inbox.events.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut inbox.events)));
        }
        if inbox.finished {
            return Poll::Ready(None);
        }
        match &mut inbox.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The one reader of messages has read so much in all. Tells whether the driver waits for that.
    fn read(&self, messages: u64, bytes: u64) -> bool {
        self.tally.read_messages.store(messages, Ordering::Relaxed);
        self.tally.read_bytes.store(bytes, Ordering::Relaxed);
        // Between this store and that load: the driver does the same the other way round, so one of
        // the two sees the other.
        fence(Ordering::SeqCst);
        self.tally.stalled.load(Ordering::Relaxed) && self.has_room()
    }

    /// Nobody reads messages any more.
    pub(crate) fn discard(&self) {
        let mut inbox = lock(self.of(self.audience.messages));
        // What the reader has taken out already it drops itself.
        self.discards.store(true, Ordering::Relaxed);
        inbox
            .events
            .retain(|event| !matches!(event, Event::Message(_)));
    }

    fn discards(&self) -> bool {
        self.discards.load(Ordering::Relaxed)
    }

    /// Nobody reads messages any more, if it was the client who did.
    pub(crate) fn discard_of_client(&self) {
        if self.audience.messages == Side::Client {
            self.discard();
        }
    }

    /// Hands events to the readers. While closing, messages are dropped from the first on for which
    /// there is no room: those that were delivered have no gap.
    pub(crate) fn put(&self, events: Vec<Event>, closing: bool) {
        if self.audience.handlers {
            let other = match self.audience.messages {
                Side::Client => Side::Handlers,
                Side::Handlers => Side::Client,
            };
            let is_news = |event: &&Event| !matches!(event, Event::Message(_));
            let news: Vec<Event> = events.iter().filter(is_news).cloned().collect();
            if !news.is_empty() {
                let reader = lock(self.of(other)).append(news);
                wake(reader);
            }
        }
        self.put_messages(events, closing);
    }

    /// Hands events to the reader of messages.
    fn put_messages(&self, mut events: Vec<Event>, closing: bool) {
        let mut inbox = lock(self.of(self.audience.messages));
        inbox.cut |= closing && !self.has_room();
        if self.discards() || inbox.cut {
            events.retain(|event| !matches!(event, Event::Message(_)));
        }
        let mut messages = 0_u64;
        let mut bytes = 0_u64;
        for event in &events {
            if let Event::Message(message) = event {
                messages = messages.saturating_add(1);
                bytes = bytes.saturating_add(u64::try_from(message.len()).unwrap_or(u64::MAX));
            }
        }
        self.tally
            .put_messages
            .fetch_add(messages, Ordering::Relaxed);
        self.tally.put_bytes.fetch_add(bytes, Ordering::Relaxed);
        let reader = inbox.append(events);
        drop(inbox);
        wake(reader);
    }

    /// Nothing more will come.
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
        unread(&self.tally.put_messages, &self.tally.read_messages) < self.capacity.messages
            && unread(&self.tally.put_bytes, &self.tally.read_bytes) < self.capacity.bytes
    }

    /// Whether the driver may receive more; when not, the reader wakes it as soon as it may.
    pub(crate) fn wants_more(&self) -> bool {
        if self.has_room() || self.discards() {
            self.tally.stalled.store(false, Ordering::Relaxed);
            return true;
        }
        self.tally.stalled.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.has_room()
    }
}

impl Inbox {
    /// Gives the reader who waits, to be woken without the lock.
    #[must_use]
    fn append(&mut self, mut events: Vec<Event>) -> Option<Waker> {
        if self.events.is_empty() {
            self.events = events;
        } else {
            self.events.append(&mut events);
        }
        self.reader.take()
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// One of the readers, with what it has taken out in one go.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    side: Side,
    incoming: std::vec::IntoIter<Event>,
    read_messages: u64,
    read_bytes: u64,
    finished: bool,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, side: Side) -> Self {
        Self {
            shared,
            side,
            incoming: Vec::new().into_iter(),
            read_messages: 0,
            read_bytes: 0,
            finished: false,
        }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.incoming.next() {
                if let Event::Message(message) = &event {
                    let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
                    self.read_messages = self.read_messages.wrapping_add(1);
                    self.read_bytes = self.read_bytes.wrapping_add(length);
                    if self
                        .shared
                        .inboxes
                        .read(self.read_messages, self.read_bytes)
                    {
                        self.shared.driver.wake();
                    }
                    if self.shared.inboxes.discards() {
                        continue;
                    }
                }
                return Poll::Ready(Some(event));
            }
            match ready!(self.shared.inboxes.poll_take(self.side, cx)) {
                Some(events) => self.incoming = events.into_iter(),
                None => {
                    self.finished = true;
                    return Poll::Ready(None);
                }
            }
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }
}
