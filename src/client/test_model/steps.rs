//! The steps of the model, which the bytes choose.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::Model;
use crate::event::Event;

impl Model {
    /// Simulates a user that acts on another thread while the client runs on this one.
    pub(super) fn interrupt(&self) {
        {
            let Ok(mut state) = self.state.try_borrow_mut() else {
                // The model is borrowed: it is dropping a waker, which called this.
                return;
            };
            if state.depth >= 2 || state.failure.is_some() || state.at >= state.bytes.len() {
                return;
            }
            if !state.byte().is_multiple_of(4) {
                return;
            }
            state.depth += 1;
        }
        let acted = catch_unwind(AssertUnwindSafe(|| self.act()));
        let mut state = self.state.borrow_mut();
        state.depth -= 1;
        if let Err(failure) = acted {
            state.failure = Some(failure);
        }
    }

    /// One step of the model.
    pub(super) fn step(&self) {
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

    /// One action of a user.
    pub(super) fn act(&self) {
        match self.byte() % 16 {
            0..=4 => self.begin(),
            5..=7 => self.poll_one(),
            8 | 9 => self.poll_woken(),
            10 => self.drop_one(),
            11..=14 => self.use_a_sink(),
            _ => match self.byte() {
                0..=7 => self.close(),
                8..=11 => {
                    let client = self.state.borrow_mut().client.take();
                    self.state.borrow_mut().closing |= client.is_some();
                    drop(client);
                }
                _ => self.read(),
            },
        }
    }

    pub(super) fn close(&self) {
        self.state.borrow_mut().closing = true;
        self.handle().close();
    }

    /// Reads all events of the client.
    pub(super) fn read(&self) {
        let client = self.state.borrow_mut().client.take();
        if let Some(mut client) = client {
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(event)) =
                futures::Stream::poll_next(Pin::new(&mut client), &mut cx)
            {
                if matches!(event, Event::Closed(_)) {
                    break;
                }
            }
            self.state.borrow_mut().client = Some(client);
        }
    }
}
