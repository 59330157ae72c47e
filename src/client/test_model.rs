//! A model of everything around the client: users who begin, give up and forget their calls at any
//! moment, a transport whose calls end in any order and in any way, and a clock. Bytes decide what
//! happens, and what must hold is checked as it goes. Random bytes come from the tests, better ones
//! from the fuzzer. (The engine alone has a model of its own, in `engine/world.rs`.)
//!
//! What another thread could do between two steps of the driver is done here within them: whenever the
//! client calls out (to the clock, to the transport, to a waker) a user may act.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "what fails here fails a test"
)]

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt as _, Sink};

use super::amount::Amount;
use super::handle::SinkError;
use super::outbox::Audit;
use super::{Builder, Client, Handle};
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, Event};
use crate::packet::{Batch, Message, Packet};
use crate::runtime::{Address, BoxedStream, Runtime};
use crate::transport::{Framing, Link, OpenRequest, PacketReceiver, PacketSender, Transport};

const OPEN: &str =
    r#"{"sid":"S","upgrades":["websocket"],"pingInterval":900,"pingTimeout":600,"maxPayload":60}"#;

/// Runs the model by these bytes.
pub(crate) fn check(bytes: &[u8]) {
    let Some((&settings, rest)) = bytes.split_first() else {
        return;
    };
    let model = Model::new(settings, rest);
    let run = catch_unwind(AssertUnwindSafe(|| {
        while model.has_bytes() && !model.is_over() {
            model.step();
            model.rethrow();
            model.check_bounds();
        }
        model.finish();
    }));
    RUNNING.set(None);
    if let Err(failure) = run {
        // What is left of it is in the midst of something, and is not to be dropped.
        std::mem::forget(model);
        resume_unwind(failure);
    }
}

thread_local! {
    /// The model that runs on this thread, for where the client calls out.
    static RUNNING: RefCell<Option<Rc<Model>>> = const { RefCell::new(None) };
}

fn running() -> Option<Rc<Model>> {
    RUNNING.with_borrow(Clone::clone)
}

struct Model {
    capacity: Amount,
    /// Whether messages and groups may be larger than the outbox, which makes its bound less exact.
    large: bool,
    sinks: usize,
    world: RefCell<World>,
}

/// What steps change. It is not borrowed while the client is called.
struct World {
    bytes: Vec<u8>,
    at: usize,
    /// How many steps within steps there are now.
    depth: u32,
    /// A check that failed where a panic is caught.
    failure: Option<Box<dyn Any + Send>>,
    driver: Option<BoxFuture<'static, ()>>,
    driver_woken: Arc<Flag>,
    client: Option<Client<Wires, Clock>>,
    handle: Option<Handle>,
    users: BTreeMap<u64, User>,
    sinks: Vec<SinkUser>,
    /// Counts what happens.
    ticks: u64,
    numbers: u64,
    accepted: Vec<Accepted>,
    closing: bool,
    open: bool,
    calls: BTreeMap<u64, Call>,
    links: u64,
    /// The messages of the session, as they were handed to the transport.
    wire: Vec<Message>,
    now: Duration,
    timers: BTreeMap<u64, (Duration, Option<Waker>)>,
}

/// A message or a group, accepted between these two ticks.
struct Accepted {
    labels: Vec<Message>,
    begun: u64,
    done: u64,
}

/// A call of a user's that has not returned.
struct User {
    /// Out while it is polled.
    future: Option<BoxFuture<'static, Outcome>>,
    woken: Arc<Flag>,
    amount: Amount,
    labels: Vec<Message>,
    /// Its place among those who wait: when it was polled first.
    begun: Option<u64>,
    /// How many messages had been accepted then.
    before: u64,
}

enum Outcome {
    Sent(Result<(), ErrorKind>),
    Flushed(Result<(), ErrorKind>),
    Ended,
}

/// A handle that is used as a sink, and what it has been told.
struct SinkUser {
    /// Out while it is polled.
    handle: Option<Handle>,
    ready: Pending,
    told: bool,
    flush: Pending,
    /// What had been accepted at the last polls of flushes that may each have been the first.
    befores: Vec<u64>,
    close: Pending,
}

/// A poll that was pending, and when it began.
struct Pending {
    woken: Arc<Flag>,
    begun: Option<u64>,
}

impl Pending {
    fn new() -> Self {
        Self {
            woken: Flag::new(),
            begun: None,
        }
    }

    fn waits(&self) -> bool {
        self.begun.is_some() && !self.woken.is_set()
    }
}

/// A waker that remembers that it was called.
struct Flag(AtomicBool);

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(false)))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        interrupt();
    }
}

/// Another thread may act here.
fn interrupt() {
    if let Some(model) = running() {
        model.interrupt();
    }
}

/// A call of the transport's that has not ended.
struct Call {
    kind: CallKind,
    link: u64,
    answer: Option<Answer>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
enum CallKind {
    /// Whether it is for an upgrade.
    Open(bool),
    Receive {
        first: bool,
        probe: bool,
    },
    Send,
    Close,
}

enum Answer {
    Ok,
    Packets(Vec<Packet>),
    Failed,
    Panic,
}

/// What a transport panics with that is to panic.
struct Planned;

struct CallFuture(u64);

impl CallFuture {
    fn new(kind: CallKind, link: u64) -> Self {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let id = world.tick();
        let call = Call {
            kind,
            link,
            answer: None,
            waker: None,
        };
        world.calls.insert(id, call);
        Self(id)
    }
}

impl Future for CallFuture {
    type Output = Result<Vec<Packet>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        interrupt();
        let model = running().expect("a model runs");
        let answer = {
            let mut world = model.world.borrow_mut();
            let call = world.calls.get_mut(&self.0).expect("it has not ended");
            call.waker = Some(cx.waker().clone());
            call.answer.take()
        };
        match answer {
            None => Poll::Pending,
            Some(Answer::Ok) => Poll::Ready(Ok(Vec::new())),
            Some(Answer::Packets(packets)) => Poll::Ready(Ok(packets)),
            Some(Answer::Failed) => Poll::Ready(Err(Error::new(ErrorKind::Ended, "gone"))),
            Some(Answer::Panic) => resume_unwind(Box::new(Planned)),
        }
    }
}

impl Drop for CallFuture {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.world.borrow_mut().calls.remove(&self.0);
        }
    }
}

struct Wires;

#[async_trait]
impl Transport for Wires {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["polling", "websocket"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let link = running().map_or(0, |model| {
            let mut world = model.world.borrow_mut();
            world.links += 1;
            world.links
        });
        let probe = request.sid.is_some();
        CallFuture::new(CallKind::Open(probe), link).await?;
        let framing = match request.transport.as_str() {
            "polling" => Framing::Payloads,
            _ => Framing::Frames,
        };
        let upgraded = Arc::new(AtomicBool::new(!probe));
        let sender = WireSender {
            link,
            upgraded: Arc::clone(&upgraded),
        };
        let receiver = WireReceiver {
            link,
            first: !probe,
            upgraded,
        };
        Ok(Link::new(sender, receiver, framing))
    }
}

struct WireSender {
    link: u64,
    /// It is the session's link, and no probe.
    upgraded: Arc<AtomicBool>,
}

#[async_trait]
impl PacketSender for WireSender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        if batch.iter().any(|packet| *packet == Packet::Upgrade) {
            self.upgraded.store(true, Ordering::Relaxed);
        }
        let messages = batch.iter().filter_map(|packet| match packet {
            Packet::Message(message) => Some(message.clone()),
            _ => None,
        });
        running()
            .expect("a model runs")
            .world
            .borrow_mut()
            .wire
            .extend(messages);
        CallFuture::new(CallKind::Send, self.link).await.map(drop)
    }

    async fn close(&mut self) -> Result<(), Error> {
        CallFuture::new(CallKind::Close, self.link).await.map(drop)
    }
}

struct WireReceiver {
    link: u64,
    first: bool,
    upgraded: Arc<AtomicBool>,
}

#[async_trait]
impl PacketReceiver for WireReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let kind = CallKind::Receive {
            first: std::mem::take(&mut self.first),
            probe: !self.upgraded.load(Ordering::Relaxed),
        };
        CallFuture::new(kind, self.link).await
    }
}

struct Clock;

#[async_trait]
impl Runtime for Clock {
    fn now(&self) -> Duration {
        interrupt();
        running().map_or(Duration::ZERO, |model| model.world.borrow().now)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let id = world.tick();
        let at = world.now + duration;
        world.timers.insert(id, (at, None));
        Box::pin(Timer(id))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let model = running().expect("a model runs");
        model.world.borrow_mut().driver = Some(task);
    }

    fn random(&self) -> u64 {
        0
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct Timer(u64);

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let now = world.now;
        let Some((at, waker)) = world.timers.get_mut(&self.0) else {
            return Poll::Ready(());
        };
        if *at <= now {
            return Poll::Ready(());
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.world.borrow_mut().timers.remove(&self.0);
        }
    }
}

impl World {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// A message that is like no other, of about this length.
    fn label(&mut self, length: usize) -> Message {
        self.numbers += 1;
        Message::from(format!("{:0>length$}", self.numbers))
    }

    fn accepted_count(&self) -> u64 {
        self.accepted
            .iter()
            .map(|accepted| accepted.labels.len() as u64)
            .sum()
    }
}

impl User {
    fn is_send(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether it waits for room, and was not given any.
    fn queues(&self) -> bool {
        self.is_send() && self.future.is_some() && self.begun.is_some() && !self.woken.is_set()
    }
}

fn amount_of(labels: &[Message]) -> Amount {
    Amount {
        messages: labels.len(),
        bytes: labels.iter().map(Message::len).sum(),
    }
}

impl Model {
    fn new(settings: u8, bytes: &[u8]) -> Rc<Self> {
        let capacity = match settings & 3 {
            0 => Amount {
                messages: 1,
                bytes: 10,
            },
            1 => Amount {
                messages: 3,
                bytes: 1000,
            },
            2 => Amount {
                messages: 100,
                bytes: 50,
            },
            _ => Amount {
                messages: 64,
                bytes: 10_000,
            },
        };
        let model = Rc::new(Self {
            capacity,
            large: settings & 4 != 0 || capacity.bytes < 50,
            sinks: if settings & 8 != 0 { 3 } else { 0 },
            world: RefCell::new(World {
                bytes: bytes.to_vec(),
                at: 0,
                // Nobody acts before all is there.
                depth: u32::MAX,
                failure: None,
                driver: None,
                driver_woken: Flag::new(),
                client: None,
                handle: None,
                users: BTreeMap::new(),
                sinks: Vec::new(),
                ticks: 0,
                numbers: 0,
                accepted: Vec::new(),
                closing: false,
                open: false,
                calls: BTreeMap::new(),
                links: 0,
                wire: Vec::new(),
                now: Duration::ZERO,
                timers: BTreeMap::new(),
            }),
        });
        RUNNING.set(Some(Rc::clone(&model)));
        let transports: &[&str] = match settings >> 4 & 3 {
            0 => &["polling", "websocket"],
            1 => &["websocket"],
            2 => &["polling"],
            _ => &["websocket", "polling"],
        };
        let client = Builder::new("http://localhost/", Wires, Clock)
            .transports(transports.iter().copied())
            .outbox(capacity.messages, capacity.bytes)
            .packets_per_post(3)
            .start()
            .unwrap();
        let handle = client.handle();
        {
            let mut world = model.world.borrow_mut();
            let sink = || SinkUser::new(handle.clone());
            world.sinks = std::iter::repeat_with(sink).take(model.sinks).collect();
            world.handle = Some(handle);
            world.client = Some(client);
            world.driver_woken.0.store(true, Ordering::Relaxed);
            world.depth = 0;
        }
        model
    }

    fn has_bytes(&self) -> bool {
        let world = self.world.borrow();
        world.at < world.bytes.len()
    }

    fn is_over(&self) -> bool {
        self.world.borrow().driver.is_none()
    }

    fn handle(&self) -> Handle {
        self.world.borrow().handle.clone().expect("there is one")
    }

    fn audit(&self) -> Audit {
        self.handle().shared().state().outbox.audit()
    }

    fn byte(&self) -> u8 {
        self.world.borrow_mut().byte()
    }

    fn tick(&self) -> u64 {
        self.world.borrow_mut().tick()
    }

    /// A failure that was caught on its way.
    fn rethrow(&self) {
        let failure = self.world.borrow_mut().failure.take();
        if let Some(failure) = failure {
            resume_unwind(failure);
        }
    }

    /// A user acts on another thread, while the client is busy on this one.
    fn interrupt(&self) {
        {
            let mut world = self.world.borrow_mut();
            if world.depth >= 2 || world.failure.is_some() || world.at >= world.bytes.len() {
                return;
            }
            if !world.byte().is_multiple_of(4) {
                return;
            }
            world.depth += 1;
        }
        let acted = catch_unwind(AssertUnwindSafe(|| self.act()));
        let mut world = self.world.borrow_mut();
        world.depth -= 1;
        if let Err(failure) = acted {
            world.failure = Some(failure);
        }
    }

    /// Something happens.
    fn step(&self) {
        match self.byte() % 16 {
            0..=7 => self.act(),
            8 | 9 => self.run_driver(1),
            10 => self.run_driver(100),
            11..=13 => self.end_a_call(),
            14 => self.pass_time(),
            _ => match self.byte() % 8 {
                0 => self.end_the_driver(),
                _ => self.be_quiet(),
            },
        }
    }

    /// A user does something.
    fn act(&self) {
        match self.byte() % 16 {
            0..=4 => self.begin(),
            5..=7 => self.poll_one(),
            8 | 9 => self.poll_woken(),
            10 => self.drop_one(),
            11..=14 => self.use_a_sink(),
            _ => match self.byte() {
                0..=7 => self.close(),
                8..=11 => {
                    // Its events are nobody's concern then.
                    let client = self.world.borrow_mut().client.take();
                    self.world.borrow_mut().closing |= client.is_some();
                    drop(client);
                }
                _ => self.read(),
            },
        }
    }

    fn close(&self) {
        self.world.borrow_mut().closing = true;
        self.handle().close();
    }

    /// Takes out what came.
    fn read(&self) {
        let client = self.world.borrow_mut().client.take();
        if let Some(mut client) = client {
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(event)) =
                futures::Stream::poll_next(Pin::new(&mut client), &mut cx)
            {
                if matches!(event, Event::Closed(_)) {
                    break;
                }
            }
            self.world.borrow_mut().client = Some(client);
        }
    }

    // Users.

    fn begin(&self) {
        let choice = self.byte();
        let handle = self.handle();
        let mut labels = Vec::new();
        {
            let mut world = self.world.borrow_mut();
            let most = if self.large {
                45
            } else {
                self.capacity.bytes.min(45)
            };
            let count = match choice % 8 {
                5 | 6 => choice >> 4 & 3,
                7 => 0,
                _ => 1,
            };
            for _ in 0..count {
                let length = usize::from(world.byte()) % most;
                labels.push(world.label(length));
            }
            if !self.large && !amount_of(&labels).fits_in(self.capacity) {
                labels.truncate(1);
            }
        }
        if choice >> 4 == 15 {
            return self.try_now(labels);
        }
        let future: BoxFuture<'static, Outcome> = match (choice % 8, labels.clone()) {
            (7, _) if choice & 8 == 0 => Box::pin(async move {
                Outcome::Flushed(handle.flush().await.map_err(|error| error.kind()))
            }),
            (7, _) => Box::pin(async move {
                handle.wait().await;
                Outcome::Ended
            }),
            (5 | 6, group) => Box::pin(async move {
                Outcome::Sent(handle.send_all(group).await.map_err(|error| error.kind()))
            }),
            (_, mut one) => Box::pin(async move {
                let message = one.pop().expect("there is one");
                Outcome::Sent(handle.send(message).await.map_err(|error| error.kind()))
            }),
        };
        let user = User {
            future: Some(future),
            woken: Flag::new(),
            amount: amount_of(&labels),
            labels,
            begun: None,
            before: 0,
        };
        let id = self.tick();
        self.world.borrow_mut().users.insert(id, user);
        self.poll_user(id);
    }

    fn try_now(&self, labels: Vec<Message>) {
        let queues = self.somebody_queues();
        let begun = self.tick();
        let sent = self.handle().try_send_all(labels.clone());
        match sent {
            Ok(()) => {
                assert!(!queues || labels.is_empty(), "it has passed somebody");
                self.accepted(labels, begun);
            }
            Err(error) => {
                assert_eq!(error.messages, labels, "all come back");
                self.check_refusal(error.kind(), &[ErrorKind::Full, ErrorKind::NotOpen]);
            }
        }
    }

    fn check_refusal(&self, kind: ErrorKind, besides: &[ErrorKind]) {
        match kind {
            ErrorKind::Closed => {
                assert!(self.world.borrow().closing || self.has_closed());
            }
            ErrorKind::TooLarge | ErrorKind::NeedsFrames => {}
            kind => assert!(besides.contains(&kind), "{kind:?}"),
        }
    }

    fn has_closed(&self) -> bool {
        self.handle().shared().state().closed().is_some()
    }

    fn accepted(&self, labels: Vec<Message>, begun: u64) {
        if labels.is_empty() {
            return;
        }
        let mut world = self.world.borrow_mut();
        assert!(world.open, "before the session is open");
        let done = world.tick();
        world.accepted.push(Accepted {
            labels,
            begun,
            done,
        });
    }

    /// Whether somebody waits for room who has not been given any.
    fn somebody_queues(&self) -> bool {
        let waiting = self.audit().waiting > 0;
        let world = self.world.borrow();
        if world.depth > 0 {
            // Somebody may have been given room, and be about to be woken.
            return waiting;
        }
        let users = world.users.values().any(User::queues);
        let queues = |sink: &SinkUser| sink.handle.is_some() && sink.ready.waits();
        users || world.sinks.iter().any(queues)
    }

    fn choose_user(&self) -> Option<u64> {
        let mut world = self.world.borrow_mut();
        let choice = usize::from(world.byte());
        let count = world.users.len();
        let at = choice.checked_rem(count)?;
        world.users.keys().nth(at).copied()
    }

    fn poll_one(&self) {
        if let Some(id) = self.choose_user() {
            self.poll_user(id);
        }
    }

    fn poll_woken(&self) {
        let woken: Vec<u64> = {
            let world = self.world.borrow();
            let woken = world.users.iter().filter(|(_, user)| user.woken.is_set());
            woken.map(|(id, _)| *id).collect()
        };
        for id in woken {
            self.poll_user(id);
        }
    }

    fn drop_one(&self) {
        if let Some(id) = self.choose_user() {
            let user = self.world.borrow_mut().users.get_mut(&id).and_then(|user| {
                let future = user.future.take()?;
                user.labels.clear();
                Some(future)
            });
            if user.is_some() {
                self.world.borrow_mut().users.remove(&id);
            }
            drop(user);
        }
    }

    /// Polls a call, unless it is being polled. Tells whether it is still pending.
    fn poll_user(&self, id: u64) -> bool {
        let queues = self.somebody_queues();
        let begun = self.tick();
        let (mut future, woken, first) = {
            let mut world = self.world.borrow_mut();
            let before = world.accepted_count();
            let Some(user) = world.users.get_mut(&id) else {
                return false;
            };
            let Some(future) = user.future.take() else {
                return true;
            };
            let first = user.begun.is_none();
            if first {
                user.before = before;
            }
            user.woken.take();
            (future, Arc::clone(&user.woken), first)
        };
        let waker = Waker::from(woken);
        let polled = future.poll_unpin(&mut Context::from_waker(&waker));
        let Poll::Ready(outcome) = polled else {
            let mut world = self.world.borrow_mut();
            let user = world.users.get_mut(&id).expect("only dropped when at rest");
            user.future = Some(future);
            user.begun.get_or_insert(begun);
            return true;
        };
        let user = self.world.borrow_mut().users.remove(&id).expect("as above");
        match outcome {
            Outcome::Sent(Ok(())) => {
                assert!(
                    !(first && queues && user.is_send()),
                    "it has passed somebody"
                );
                self.accepted(user.labels, begun);
            }
            Outcome::Sent(Err(kind)) => self.check_refusal(kind, &[]),
            Outcome::Flushed(Ok(())) => {
                assert!(self.audit().left >= user.before, "not all has left");
            }
            Outcome::Flushed(Err(kind)) => {
                assert_eq!(kind, ErrorKind::Closed);
                assert!(self.has_closed());
            }
            Outcome::Ended => assert!(self.has_closed()),
        }
        false
    }

    // Sinks.

    fn use_a_sink(&self) {
        if self.sinks == 0 {
            return;
        }
        let choice = self.byte();
        let at = usize::from(choice >> 5) % self.sinks;
        match choice % 16 {
            0..=4 => self.poll_ready(at),
            5..=8 => self.start_send(at),
            9..=12 => self.poll_flush(at),
            13 => {
                let fresh = SinkUser::new(self.handle());
                let old = {
                    let mut world = self.world.borrow_mut();
                    let in_use = world.sinks[at].handle.is_none();
                    (!in_use).then(|| std::mem::replace(&mut world.sinks[at], fresh))
                };
                drop(old);
            }
            14 if self.byte() < 16 => {
                self.world.borrow_mut().closing = true;
                self.poll_close(at);
            }
            _ => {}
        }
    }

    fn take_sink(&self, at: usize) -> Option<Handle> {
        self.world.borrow_mut().sinks[at].handle.take()
    }

    fn poll_ready(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let (woken, told) = {
            let world = self.world.borrow();
            let sink = &world.sinks[at];
            sink.ready.woken.take();
            (Arc::clone(&sink.ready.woken), sink.told)
        };
        let waker = Waker::from(woken);
        let polled = Pin::new(&mut handle).poll_ready(&mut Context::from_waker(&waker));
        let mut world = self.world.borrow_mut();
        let sink = &mut world.sinks[at];
        sink.handle = Some(handle);
        if polled.is_ready() {
            sink.told = true;
            sink.ready.begun = None;
        } else {
            // What it was told has lapsed, so it has a new place; and otherwise keeps the one it has.
            if told {
                sink.ready.begun = None;
            }
            sink.told = false;
            // It may have lapsed while it was at rest, too, which only the ledger knows.
            sink.ready.begun = Some(begun);
        }
    }

    fn start_send(&self, at: usize) {
        let message = {
            let mut world = self.world.borrow_mut();
            let length = usize::from(world.byte()) % 45;
            world.label(length)
        };
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let told = {
            let mut world = self.world.borrow_mut();
            let sink = &mut world.sinks[at];
            sink.ready.begun = None;
            sink.befores.clear();
            sink.flush.begun = None;
            std::mem::take(&mut sink.told)
        };
        let sent = Pin::new(&mut handle).start_send(message.clone());
        self.world.borrow_mut().sinks[at].handle = Some(handle);
        match sent {
            Ok(()) => self.accepted(vec![message], begun),
            Err(SinkError::Refused(error)) => {
                assert_eq!(error.message, message);
                let besides: &[_] = if told {
                    &[]
                } else {
                    &[ErrorKind::Full, ErrorKind::NotOpen]
                };
                self.check_refusal(error.kind(), besides);
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn poll_flush(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let woken = {
            let mut world = self.world.borrow_mut();
            let before = world.accepted_count();
            let sink = &mut world.sinks[at];
            sink.befores.push(before);
            sink.flush.woken.take();
            Arc::clone(&sink.flush.woken)
        };
        let waker = Waker::from(woken);
        let polled = Pin::new(&mut handle).poll_flush(&mut Context::from_waker(&waker));
        let left = self.audit().left;
        let mut world = self.world.borrow_mut();
        let sink = &mut world.sinks[at];
        sink.handle = Some(handle);
        match polled {
            Poll::Pending => {
                sink.flush.begun.get_or_insert(begun);
            }
            Poll::Ready(flushed) => {
                sink.flush.begun = None;
                let befores = std::mem::take(&mut sink.befores);
                if flushed.is_ok() {
                    // Any of the first two polls may have begun the flush that has come to its end.
                    let covered = befores.iter().take(2).max();
                    assert!(left >= *covered.expect("this poll"), "not all has left");
                }
            }
        }
    }

    fn poll_close(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let woken = Arc::clone(&self.world.borrow().sinks[at].close.woken);
        woken.take();
        let waker = Waker::from(woken);
        let polled = Pin::new(&mut handle).poll_close(&mut Context::from_waker(&waker));
        let closed = self.has_closed();
        let mut world = self.world.borrow_mut();
        let sink = &mut world.sinks[at];
        sink.handle = Some(handle);
        sink.close.begun = polled.is_pending().then_some(begun);
        assert!(polled.is_pending() || closed);
    }

    // The driver, the transport and the clock.

    fn run_driver(&self, polls: u32) {
        for _ in 0..polls {
            let (mut driver, woken) = {
                let mut world = self.world.borrow_mut();
                if !world.driver_woken.take() {
                    return;
                }
                let Some(driver) = world.driver.take() else {
                    return;
                };
                (driver, Arc::clone(&world.driver_woken))
            };
            let waker = Waker::from(woken);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                driver.poll_unpin(&mut Context::from_waker(&waker))
            }));
            match polled {
                Ok(Poll::Pending) => self.world.borrow_mut().driver = Some(driver),
                Ok(Poll::Ready(())) => drop(driver),
                // As a runtime does with a task that panics.
                Err(panic) if panic.is::<Planned>() => drop(driver),
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    fn run_driver_until_idle(&self) {
        self.run_driver(1000);
        let world = self.world.borrow();
        assert!(
            world.driver.is_none() || !world.driver_woken.is_set(),
            "the driver never comes to rest"
        );
    }

    fn end_the_driver(&self) {
        let driver = self.world.borrow_mut().driver.take();
        drop(driver);
    }

    fn end_a_call(&self) {
        let waker = {
            let mut world = self.world.borrow_mut();
            let choice = usize::from(world.byte());
            let Some(at) = (choice / 16).checked_rem(world.calls.len()) else {
                return;
            };
            let (id, kind) = {
                let (id, call) = world.calls.iter().nth(at).expect("it is one of them");
                (*id, call.kind)
            };
            let how = choice % 16;
            let answer = match (kind, how) {
                (_, 15) if world.byte() < 32 => Answer::Panic,
                (CallKind::Open(_) | CallKind::Send | CallKind::Close, 14) => Answer::Failed,
                (CallKind::Open(_) | CallKind::Send | CallKind::Close, _) => Answer::Ok,
                (CallKind::Receive { first: true, .. }, 14) => Answer::Failed,
                (CallKind::Receive { first: true, .. }, _) => {
                    world.open = true;
                    Answer::Packets(vec![Packet::Open(OPEN.into())])
                }
                (CallKind::Receive { probe: true, .. }, 12..) => Answer::Failed,
                (CallKind::Receive { probe: true, .. }, 0..=10) => {
                    Answer::Packets(vec![Packet::Pong("probe".into())])
                }
                (CallKind::Receive { .. }, 14) => {
                    if world.byte() < 64 {
                        Answer::Failed
                    } else {
                        Answer::Packets(vec![Packet::Close])
                    }
                }
                (CallKind::Receive { .. }, 8..) => {
                    Answer::Packets(vec![Packet::Message("hello".into())])
                }
                (CallKind::Receive { .. }, 4..=7) => Answer::Packets(vec![Packet::Ping("".into())]),
                (CallKind::Receive { .. }, _) => Answer::Packets(vec![Packet::Noop]),
            };
            let call = world.calls.get_mut(&id).expect("it is there");
            // The server speaks on the session's link alone.
            let _ = call.link;
            call.answer = Some(answer);
            call.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn pass_time(&self) {
        let choice = self.byte();
        {
            let mut world = self.world.borrow_mut();
            if choice >= 128 {
                let next = world.timers.values().map(|(at, _)| *at).min();
                world.now = world.now.max(next.unwrap_or_default());
            } else {
                world.now += Duration::from_millis(u64::from(choice));
            }
        }
        self.fire_timers();
    }

    fn fire_timers(&self) {
        let due: Vec<Waker> = {
            let mut world = self.world.borrow_mut();
            let now = world.now;
            let timers = world.timers.values_mut();
            let due = timers.filter(|(at, _)| *at <= now);
            due.filter_map(|(_, waker)| waker.take()).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    // What must hold.

    /// The bound of the outbox, and the order of the queue.
    fn check_bounds(&self) {
        let Audit {
            pending, reserved, ..
        } = self.audit();
        let beyond = Amount {
            messages: self.sinks,
            bytes: self.sinks * 45,
        };
        let mut bound = self.capacity;
        if self.large {
            // A single group, perhaps.
            bound.messages = bound.messages.max(3);
            bound.bytes = bound.bytes.max(3 * 45);
        }
        let held = if self.sinks == 0 {
            pending.plus(reserved)
        } else {
            pending
        };
        assert!(
            held.fits_in(bound.plus(beyond)),
            "{pending:?} and {reserved:?} of {:?}",
            self.capacity
        );
        let world = self.world.borrow();
        let accepted = world.accepted_count();
        let Audit {
            accepted: told,
            left,
            ..
        } = self.handle().shared().state().outbox.audit();
        assert_eq!(accepted, told, "what was told to be accepted was");
        assert!(
            left <= world.wire.len() as u64,
            "more has left than was sent"
        );
        if world.closing || self.has_closed() {
            return;
        }
        let waiting = world.users.values().filter(|user| user.is_send());
        let first = waiting
            .clone()
            .filter(|user| user.queues())
            .filter_map(|user| user.begun)
            .min();
        for user in waiting.filter(|user| user.woken.is_set()) {
            assert!(
                first.is_none_or(|first| user.begun.is_some_and(|begun| begun < first)),
                "one was served before another that came first"
            );
        }
    }

    /// The driver comes to rest. Then whoever can go on has been woken.
    fn be_quiet(&self) {
        self.run_driver_until_idle();
        self.rethrow();
        let ids: Vec<u64> = {
            let world = self.world.borrow();
            let users = world.users.iter();
            let at_rest = users.filter(|(_, user)| !user.woken.is_set() && user.begun.is_some());
            at_rest.map(|(id, _)| *id).collect()
        };
        for id in ids {
            let woken = {
                let world = self.world.borrow();
                world.users.get(&id).is_none_or(|user| user.woken.is_set())
            };
            assert!(
                woken || self.poll_user(id) || self.is_over(),
                "it could go on, and was not woken"
            );
        }
        self.run_driver_until_idle();
        self.rethrow();
        self.check_liveness();
    }

    fn check_liveness(&self) {
        let audit = self.audit();
        let world = self.world.borrow();
        if !world.open || world.closing || world.driver.is_none() || self.has_closed() {
            return;
        }
        if audit.accepted == 0 && audit.waiting > 0 && world.wire.is_empty() {
            // Perhaps the open packet has not been read yet.
            return;
        }
        assert!(
            audit.waiting == 0 || audit.promised == 0,
            "a sink holds others up"
        );
        let part = |of: usize| of - of / 32;
        let dealt = Amount {
            messages: part(self.capacity.messages),
            bytes: part(self.capacity.bytes),
        };
        if audit.pending.messages > 0 && !audit.pending.fits_in(dealt) {
            return;
        }
        let mut queue: Vec<(u64, Amount)> = Vec::new();
        for user in world.users.values().filter(|user| user.queues()) {
            queue.push((user.begun.unwrap_or_default(), user.amount));
        }
        let sinks = world.sinks.iter().filter(|sink| sink.ready.waits());
        let sinks = sinks.filter_map(|sink| sink.ready.begun);
        let sinks: Vec<u64> = sinks.collect();
        let Some((_, first)) = queue.into_iter().min_by_key(|(begun, _)| *begun) else {
            let granted = audit.reserved.messages > 0 || audit.pending.messages > 0;
            assert!(granted || sinks.is_empty(), "a sink waits for nobody");
            return;
        };
        if !sinks.is_empty() {
            // Which of them is the first, the ledger alone knows.
            return;
        }
        let held = audit.pending.plus(audit.reserved);
        assert!(
            held.messages > 0 && !held.plus(first).fits_in(self.capacity),
            "there is room for {first:?} beside {held:?}, and nobody was given it"
        );
        // What is reserved belongs to those who were woken, and to nobody else.
        let granted = world
            .users
            .values()
            .filter(|user| user.is_send() && user.woken.is_set());
        let granted = granted
            .map(|user| user.amount)
            .fold(Amount::default(), Amount::plus);
        assert_eq!(audit.reserved, granted, "room is reserved for nobody");
    }

    /// Everything comes to an end: the user closes, and nobody does anything any more. Then everybody
    /// hears of it, and every message is accounted for.
    fn finish(&self) {
        {
            let mut world = self.world.borrow_mut();
            world.bytes.clear();
        }
        self.close();
        for round in 0.. {
            assert!(round < 1000, "the session never ends");
            self.run_driver_until_idle();
            self.rethrow();
            if self.is_over() {
                break;
            }
            {
                let mut world = self.world.borrow_mut();
                let next = world.timers.values().map(|(at, _)| *at).min();
                world.now = world.now.max(next.expect("something is to come"));
            }
            self.fire_timers();
        }
        self.check_wakes();
        let closed = self.handle().wait().now_or_never();
        self.check_account(&closed.expect("the end is known"));
        let ids: Vec<u64> = self.world.borrow().users.keys().copied().collect();
        for id in ids {
            assert!(!self.poll_user(id), "it waits for ever");
        }
        for at in 0..self.sinks {
            self.poll_ready(at);
            self.poll_flush(at);
            self.poll_close(at);
            let world = self.world.borrow();
            let sink = &world.sinks[at];
            assert!(sink.told && sink.flush.begun.is_none() && sink.close.begun.is_none());
        }
        let mut world = self.world.borrow_mut();
        let rest = (
            world.client.take(),
            std::mem::take(&mut world.sinks),
            world.handle.take(),
        );
        drop(world);
        drop(rest);
    }

    /// All who wait were woken by the end.
    fn check_wakes(&self) {
        let world = self.world.borrow();
        for user in world.users.values() {
            assert!(
                user.begun.is_none() || user.woken.is_set(),
                "one who waits does not hear of the end"
            );
        }
        for sink in &world.sinks {
            for pending in [&sink.ready, &sink.flush, &sink.close] {
                assert!(!pending.waits(), "a sink does not hear of the end");
            }
        }
    }

    /// Accepted = left ++ uncertain ++ unsent, in order, and no group was torn.
    fn check_account(&self, closed: &Closed) {
        let left = usize::try_from(self.audit().left).unwrap();
        let world = self.world.borrow();
        let under_way = &world.wire[left..];
        assert!(
            closed.uncertain().starts_with(under_way),
            "what was under way is uncertain"
        );
        let mut all = world.wire[..left].to_vec();
        all.extend_from_slice(closed.uncertain());
        all.extend_from_slice(closed.unsent());
        let mut parcels: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (number, accepted) in world.accepted.iter().enumerate() {
            for (place, label) in accepted.labels.iter().enumerate() {
                parcels.insert(label.as_text().unwrap(), (number, place));
            }
        }
        assert_eq!(all.len(), parcels.len(), "accepted = all lists together");
        let mut latest = 0;
        let mut at = 0;
        while let Some(label) = all.get(at) {
            let found = parcels.get(label.as_text().unwrap());
            let &(number, place) = found.expect("it was not accepted");
            assert_eq!(place, 0, "the group has no beginning");
            let accepted = &world.accepted[number];
            let end = at + accepted.labels.len();
            assert_eq!(all.get(at..end), Some(&accepted.labels[..]), "a torn group");
            assert!(latest < accepted.done, "accepted later, and sent before");
            latest = latest.max(accepted.begun);
            at = end;
        }
    }
}

impl SinkUser {
    fn new(handle: Handle) -> Self {
        Self {
            handle: Some(handle),
            ready: Pending::new(),
            told: false,
            flush: Pending::new(),
            befores: Vec::new(),
            close: Pending::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        #[test]
        fn whatever_users_and_links_do(bytes in vec(any::<u8>(), 1..600)) {
            super::check(&bytes);
        }
    }
}
