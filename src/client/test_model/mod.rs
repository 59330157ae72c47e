//! A model of everything around the client: users that begin, drop and forget calls at any moment, a
//! transport whose calls end in any order and in any way, and a clock. Bytes decide what happens next,
//! and the model checks its invariants after each step. The bytes are random in the tests, and chosen by
//! coverage in the fuzzer. (The engine has a model of its own, in `engine/test_model/`.)
//!
//! The model has one thread. Instead of other threads, a user may act whenever the client calls the
//! clock, the transport or a waker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod driver;
mod invariants;
mod runtime;
mod sinks;
mod steps;
#[cfg(test)]
mod tests;
mod transport;
mod users;
mod waker;

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, TryLockError};
use std::task::Waker;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use runtime::ModelRuntime;
use sinks::SinkUser;
use transport::{Call, ModelTransport, Planned};
use users::User;
use waker::Flag;

use super::builder::Builder;
use super::handle::Handle;
use super::outbox::Audit;
use super::session::Client;
use crate::amount::Amount;
use crate::limits::Capacity;
use crate::packet::Message;

const OPEN: &str =
    r#"{"sid":"S","upgrades":["websocket"],"pingInterval":900,"pingTimeout":600,"maxPayload":60}"#;

/// Runs the model with these bytes.
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
        // The model stopped in the middle of a step, so it cannot be dropped.
        std::mem::forget(model);
        resume_unwind(failure);
    }
}

thread_local! {
    /// The model that runs on this thread, for calls from the client.
    static RUNNING: RefCell<Option<Rc<Model>>> = const { RefCell::new(None) };
}

fn running() -> Option<Rc<Model>> {
    RUNNING.with_borrow(Clone::clone)
}

/// A model has one thread, so a lock that is already held would be held for ever.
pub(super) fn assert_free<T>(mutex: &Mutex<T>) {
    if running().is_some() {
        let held = matches!(mutex.try_lock(), Err(TryLockError::WouldBlock));
        assert!(!held, "the user's code runs under a lock");
    }
}

struct Model {
    capacity: Amount,
    /// Whether messages and groups may be larger than the outbox, which makes the checked bound less
    /// exact.
    large: bool,
    /// Whether wakers and destructors of the transport panic.
    panics: bool,
    sinks: usize,
    state: RefCell<ModelState>,
}

/// The state that steps change. It is not borrowed while the client is called.
struct ModelState {
    bytes: Vec<u8>,
    at: usize,
    /// The nesting depth of steps.
    depth: u32,
    /// A failed check whose panic was caught.
    failure: Option<Box<dyn Any + Send>>,
    driver: Option<BoxFuture<'static, ()>>,
    driver_woken: Arc<Flag>,
    client: Option<Client<ModelTransport, ModelRuntime>>,
    handle: Option<Handle>,
    users: BTreeMap<u64, User>,
    sinks: Vec<SinkUser>,
    /// The number of events so far.
    ticks: u64,
    numbers: u64,
    accepted: Vec<Accepted>,
    closing: bool,
    open: bool,
    calls: BTreeMap<u64, Call>,
    links: u64,
    /// The messages in the order in which they were handed to the transport.
    wire: Vec<Message>,
    now: Duration,
    timers: BTreeMap<u64, (Duration, Option<Waker>)>,
}

/// A message or a group, accepted between the ticks `begun` and `done`.
struct Accepted {
    labels: Vec<Message>,
    begun: u64,
    done: u64,
}

impl ModelState {
    fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            at: 0,
            // No user acts before the client exists.
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
        }
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// A unique message of about this length.
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

/// The capacity of the outbox that two bits select.
fn capacity(bits: u8) -> Amount {
    let (messages, bytes) = match bits {
        0 => (1, 10),
        1 => (3, 1000),
        2 => (100, 50),
        _ => (64, 10_000),
    };
    Amount { messages, bytes }
}

impl Model {
    fn new(settings: u8, bytes: &[u8]) -> Rc<Self> {
        let capacity = capacity(settings & 3);
        let model = Rc::new(Self {
            capacity,
            large: settings & 4 != 0 || capacity.bytes < 50,
            panics: settings & 64 != 0,
            sinks: if settings & 8 != 0 { 3 } else { 0 },
            state: RefCell::new(ModelState::new(bytes)),
        });
        RUNNING.set(Some(Rc::clone(&model)));
        let transports: &[&str] = match settings >> 4 & 3 {
            0 => &["polling", "websocket"],
            1 => &["websocket"],
            2 => &["polling"],
            _ => &["websocket", "polling"],
        };
        let client = Builder::new("http://localhost/", ModelTransport, ModelRuntime)
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
            let mut state = model.state.borrow_mut();
            let sink = || SinkUser::new(handle.clone());
            state.sinks = std::iter::repeat_with(sink).take(model.sinks).collect();
            state.handle = Some(handle);
            state.client = Some(client);
            state.driver_woken.set();
            state.depth = 0;
        }
        model
    }

    fn has_bytes(&self) -> bool {
        let state = self.state.borrow();
        state.at < state.bytes.len()
    }

    fn is_over(&self) -> bool {
        self.state.borrow().driver.is_none()
    }

    fn handle(&self) -> Handle {
        self.state.borrow().handle.clone().expect("there is one")
    }

    fn audit(&self) -> Audit {
        self.handle().shared().state().outbox.audit()
    }

    fn byte(&self) -> u8 {
        self.state.borrow_mut().byte()
    }

    fn tick(&self) -> u64 {
        self.state.borrow_mut().tick()
    }

    /// Panics now and then, to simulate a panic in the user's code.
    fn may_panic(&self) {
        let panics = self.panics && !std::thread::panicking() && self.has_bytes();
        if panics && self.byte().is_multiple_of(8) {
            resume_unwind(Box::new(Planned));
        }
    }

    /// Fails with a failure that was caught earlier.
    fn rethrow(&self) {
        let failure = self.state.borrow_mut().failure.take();
        if let Some(failure) = failure {
            resume_unwind(failure);
        }
    }

    /// The user closes the client, and no user acts any more. Then every waiting call must return, and
    /// every message must be accounted for.
    fn finish(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.bytes.clear();
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
                let mut state = self.state.borrow_mut();
                let next = state.timers.values().map(|(at, _)| *at).min();
                state.now = state.now.max(next.expect("a timer is pending"));
            }
            self.fire_timers();
        }
        self.check_wakes();
        let closed = self.handle().wait().now_or_never();
        self.check_account(&closed.expect("the client has ended"));
        let ids: Vec<u64> = self.state.borrow().users.keys().copied().collect();
        for id in ids {
            assert!(!self.poll_user(id), "a call waits for ever");
        }
        for at in 0..self.sinks {
            self.poll_ready(at);
            self.poll_flush(at);
            self.poll_close(at);
            let state = self.state.borrow();
            let sink = &state.sinks[at];
            assert!(sink.told && sink.flush.begun.is_none() && sink.close.begun.is_none());
        }
        let mut state = self.state.borrow_mut();
        let rest = (
            state.client.take(),
            std::mem::take(&mut state.sinks),
            state.handle.take(),
        );
        drop(state);
        drop(rest);
    }
}
