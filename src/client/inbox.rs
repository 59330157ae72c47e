//! What has come and was not read: the events of a session on their way to the user.
//!
//! There are two readers at most, the client and the handlers' task, and messages go to one of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use futures::task::AtomicWaker;

use super::lock::{lock, wake as wake_task};
use crate::amount::Amount;
use crate::event::Event;
use crate::packet::Message;

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
    /// How much was put into the inbox, and how much of it was read. What the reader has taken out in
    /// one go counts until it is read, or a little longer: see `is_worth_telling`.
    put_messages: AtomicU64,
    put_bytes: AtomicU64,
    read_messages: AtomicU64,
    read_bytes: AtomicU64,
    /// The driver waits for room.
    stalled: AtomicBool,
    capacity: Amount,
    /// Nobody reads messages any more.
    discards: AtomicBool,
    /// The task of the driver.
    driver: Arc<AtomicWaker>,
}

/// What came and has not been taken by its reader.
#[derive(Default)]
struct Inbox {
    events: Vec<Event>,
    reader: Option<Waker>,
    finished: bool,
}

/// So many messages, of so many bytes together.
#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, message: &Message) {
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        self.messages = self.messages.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(length);
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            messages: self.messages.wrapping_sub(earlier.messages),
            bytes: self.bytes.wrapping_sub(earlier.bytes),
        }
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

    /// Takes out all that has come; pending when there is nothing. Whoever gives a context is woken
    /// when there is.
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
                // Dropped without the lock, since that may drop the task, and with it the client.
                drop(inbox);
                drop(last);
            }
        }
        Poll::Pending
    }

    /// The one reader of messages has read so much in all. Tells whether the driver waits for that.
    fn read(&self, total: Tally) -> bool {
        self.read_messages.store(total.messages, Ordering::Relaxed);
        self.read_bytes.store(total.bytes, Ordering::Relaxed);
        // Between this store and that load: the driver does the same the other way round, so one of
        // the two sees the other.
        fence(Ordering::SeqCst);
        self.stalled.load(Ordering::Relaxed) && self.has_room()
    }

    /// Whether so much is worth telling the driver of, which takes as long as a message.
    fn is_worth_telling(&self, read: Tally) -> bool {
        let part = |of: usize| u64::try_from(of / 16).unwrap_or(u64::MAX);
        read.messages >= part(self.capacity.messages) || read.bytes >= part(self.capacity.bytes)
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

    /// Hands events to the readers.
    pub(crate) fn put(&self, events: Vec<Event>) {
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
        unread(&self.put_messages, &self.read_messages) < self.capacity.messages
            && unread(&self.put_bytes, &self.read_bytes) < self.capacity.bytes
    }

    /// Whether the driver may receive more; when not, the reader wakes it as soon as it may.
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
    /// Gives the reader who waits, to be woken without the lock.
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
    /// A client that goes on for months and is not read must not keep all news of its sessions.
    fn make_room_for(&mut self, event: &Event) {
        if let (Event::Reconnecting(_), Some(Event::Reconnecting(_))) = (event, self.events.last())
        {
            self.events.pop();
        }
        let unread = self.events.iter().filter(|event| is_of_sessions(event));
        if unread.count() >= MOST_NEWS
            && let Some(oldest) = self.events.iter().position(is_of_sessions)
        {
            self.events.remove(oldest);
        }
    }
}

/// So many news of sessions are kept unread.
const MOST_NEWS: usize = 1024;

/// Not what was given up: nobody else has it.
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

/// One of the readers, with what it has taken out in one go.
pub(crate) struct Reader {
    inboxes: Arc<Inboxes>,
    side: Side,
    incoming: std::vec::IntoIter<Event>,
    /// What was read, and what of it the driver was told.
    read: Tally,
    told: Tally,
    finished: bool,
}

impl Reader {
    pub(crate) fn new(inboxes: Arc<Inboxes>, side: Side) -> Self {
        Self {
            inboxes,
            side,
            incoming: Vec::new().into_iter(),
            read: Tally::default(),
            told: Tally::default(),
            finished: false,
        }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(Some(cx))
    }

    /// What has come already, without a task that waits for more.
    pub(crate) fn try_next(&mut self) -> Poll<Option<Event>> {
        self.poll_event(None)
    }

    fn poll_event(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.incoming.next() {
                if let Event::Message(message) = &event {
                    self.read.add(message);
                    self.tell();
                    if self.inboxes.discards() {
                        continue;
                    }
                }
                return Poll::Ready(Some(event));
            }
            self.tell_rest();
            match ready!(self.inboxes.poll_take(self.side, cx.as_deref_mut())) {
                Some(events) => self.incoming = events.into_iter(),
                None => {
                    self.finished = true;
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Tells the driver how much was read, if that is worth it. What it has not been told is too
    /// little to keep it waiting.
    fn tell(&mut self) {
        let news = self.read.since(self.told);
        if self.inboxes.is_worth_telling(news) {
            self.tell_rest();
        }
    }

    /// Tells it all.
    fn tell_rest(&mut self) {
        if self.read.since(self.told).messages > 0 {
            self.told = self.read;
            if self.inboxes.read(self.read) {
                self.inboxes.driver.wake();
            }
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }
}
