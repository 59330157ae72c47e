//! Steps of the driver, the transport and the clock.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt as _;

use super::transport::{Answer, CallKind, Planned};
use super::{Model, OPEN};
use crate::packet::Packet;

impl Model {
    pub(super) fn run_driver(&self, polls: u32) {
        for _ in 0..polls {
            let (mut driver, woken) = {
                let mut state = self.state.borrow_mut();
                if !state.driver_woken.take() {
                    return;
                }
                let Some(driver) = state.driver.take() else {
                    return;
                };
                (driver, Arc::clone(&state.driver_woken))
            };
            let waker = Waker::from(woken);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                driver.poll_unpin(&mut Context::from_waker(&waker))
            }));
            match polled {
                Ok(Poll::Pending) => self.state.borrow_mut().driver = Some(driver),
                Ok(Poll::Ready(())) => drop(driver),
                // A runtime drops a task that panics.
                Err(panic) if panic.is::<Planned>() => drop(driver),
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    pub(super) fn run_driver_until_idle(&self) {
        self.run_driver(1000);
        let state = self.state.borrow();
        assert!(
            state.driver.is_none() || !state.driver_woken.is_set(),
            "the driver never comes to rest"
        );
    }

    pub(super) fn end_the_driver(&self) {
        let driver = self.state.borrow_mut().driver.take();
        drop(driver);
    }

    pub(super) fn end_a_call(&self) {
        let waker = {
            let mut state = self.state.borrow_mut();
            let choice = usize::from(state.byte());
            let Some(at) = (choice / 16).checked_rem(state.calls.len()) else {
                return;
            };
            let (id, kind) = {
                let (id, call) = state.calls.iter().nth(at).expect("it is one of them");
                (*id, call.kind)
            };
            let how = choice % 16;
            let answer = match (kind, how) {
                (_, 15) if state.byte() < 32 => Answer::Panic,
                (CallKind::Open(_) | CallKind::Send | CallKind::Close, 14) => Answer::Failed,
                (CallKind::Open(_) | CallKind::Send | CallKind::Close, _) => Answer::Ok,
                (CallKind::Receive { first: true, .. }, 14) => Answer::Failed,
                (CallKind::Receive { first: true, .. }, _) => {
                    state.open = true;
                    Answer::Packets(vec![Packet::Open(OPEN.into())])
                }
                (CallKind::Receive { probe: true, .. }, 12..) => Answer::Failed,
                (CallKind::Receive { probe: true, .. }, 0..=10) => {
                    Answer::Packets(vec![Packet::Pong("probe".into())])
                }
                (CallKind::Receive { .. }, 14) => {
                    if state.byte() < 64 {
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
            let call = state.calls.get_mut(&id).expect("it is there");
            // The field is only there to be seen in a debugger.
            let _ = call.link;
            call.answer = Some(answer);
            call.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn pass_time(&self) {
        let choice = self.byte();
        {
            let mut state = self.state.borrow_mut();
            if choice >= 128 {
                let next = state.timers.values().map(|(at, _)| *at).min();
                state.now = state.now.max(next.unwrap_or_default());
            } else {
                state.now += Duration::from_millis(u64::from(choice));
            }
        }
        self.fire_timers();
    }

    pub(super) fn fire_timers(&self) {
        let due: Vec<Waker> = {
            let mut state = self.state.borrow_mut();
            let now = state.now;
            let timers = state.timers.values_mut();
            let due = timers.filter(|(at, _)| *at <= now);
            due.filter_map(|(_, waker)| waker.take()).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }
}
