//! A model of everything around the client: users who begin, give up and forget their calls at any
//! moment, a transport whose calls end in any order and in any way, and a clock. Bytes decide what
//! happens, and what must hold is checked as it goes. Random bytes come from the tests, better ones
//! from the fuzzer. (The engine alone has a model of its own, in `engine/test_model/`.)
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

mod invariants;
mod sinks;
mod users;
mod wires;

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use sinks::SinkUser;
use users::User;
use wires::{Answer, Call, CallKind, Clock, Flag, Planned, Wires};

use super::amount::Amount;
use super::builder::Builder;
use super::handle::Handle;
use super::outbox::Audit;
use super::session::Client;
use crate::event::Event;
use crate::limits::Capacity;
use crate::packet::{Message, Packet};

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

/// A model has one thread, so a lock that is held when it is asked for is held for ever.
pub(super) fn assert_free<T>(mutex: &Mutex<T>) {
    if running().is_some() {
        let held = matches!(mutex.try_lock(), Err(TryLockError::WouldBlock));
        assert!(!held, "the user's code runs under a lock");
    }
}

struct Model {
    capacity: Amount,
    /// Whether messages and groups may be larger than the outbox, which makes its bound less exact.
    large: bool,
    /// Whether wakers panic, and transports when they are dropped.
    panics: bool,
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
            panics: settings & 64 != 0,
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
            .outbox(Capacity {
                messages: capacity.messages,
                bytes: capacity.bytes,
            })
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
            world.driver_woken.set();
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

    /// Now and then, where a panic of the user's is to be borne.
    fn may_panic(&self) {
        let panics = self.panics && !std::thread::panicking() && self.has_bytes();
        if panics && self.byte().is_multiple_of(8) {
            resume_unwind(Box::new(Planned));
        }
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
            let Ok(mut world) = self.world.try_borrow_mut() else {
                // The model itself drops a waker.
                return;
            };
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

    /// What the fuzz target `client` has come upon, without it.
    #[test]
    fn what_the_fuzzer_has_kept() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
        // The package leaves the folder out.
        if !std::path::Path::new(root).exists() {
            return;
        }
        let seeds = std::fs::read_dir(format!("{root}/corpus/client")).unwrap();
        let mut count = 0;
        for seed in seeds {
            let path = seed.unwrap().path();
            println!("{}", path.display());
            super::check(&std::fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0);
    }
}
