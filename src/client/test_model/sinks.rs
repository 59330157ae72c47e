//! Users that poll a handle as a sink.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Sink;

use super::Model;
use super::waker::Flag;
use crate::client::handle::Handle;
use crate::client::sink::SinkError;
use crate::error::ErrorKind;

/// A handle that is used as a sink, and the results of its polls.
pub(super) struct SinkUser {
    /// `None` while the handle is polled.
    pub(super) handle: Option<Handle>,
    pub(super) ready: Pending,
    pub(super) told: bool,
    pub(super) flush: Pending,
    /// The number of messages accepted at each poll that may have begun the current flush.
    pub(super) previous: Vec<u64>,
    pub(super) close: Pending,
}

/// A poll that was pending, and when it began.
pub(super) struct Pending {
    pub(super) woken: Arc<Flag>,
    pub(super) begun: Option<u64>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            woken: Flag::new(),
            begun: None,
        }
    }

    /// Only the waker of the last poll counts.
    fn new_waker(&mut self) -> Waker {
        self.woken = Flag::new();
        Waker::from(Arc::clone(&self.woken))
    }

    pub(super) fn waits(&self) -> bool {
        self.begun.is_some() && !self.woken.is_set()
    }
}

impl SinkUser {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle: Some(handle),
            ready: Pending::new(),
            told: false,
            flush: Pending::new(),
            previous: Vec::new(),
            close: Pending::new(),
        }
    }
}

impl Model {
    pub(super) fn use_a_sink(&self) {
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
                    let mut state = self.state.borrow_mut();
                    let in_use = state.sinks[at].handle.is_none();
                    (!in_use).then(|| std::mem::replace(&mut state.sinks[at], fresh))
                };
                drop(old);
            }
            14 if self.byte() < 16 => {
                self.state.borrow_mut().closing = true;
                self.poll_close(at);
            }
            15 => self.use_otherwise(at),
            _ => {}
        }
    }

    /// Sends with the handle of a sink, which abandons its flush.
    fn use_otherwise(&self, at: usize) {
        let message = self.state.borrow_mut().label(1);
        let queues = self.someone_waits();
        let begun = self.tick();
        let Some(handle) = self.take_sink(at) else {
            return;
        };
        let sent = handle.try_send(message.clone());
        {
            let mut state = self.state.borrow_mut();
            let sink = &mut state.sinks[at];
            sink.handle = Some(handle);
            sink.previous.clear();
        }
        if sent.is_ok() {
            assert!(!queues, "a sender has overtaken a waiting one");
            self.accepted(vec![message], begun);
        }
    }

    pub(super) fn take_sink(&self, at: usize) -> Option<Handle> {
        self.state.borrow_mut().sinks[at].handle.take()
    }

    pub(super) fn poll_ready(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let waker = self.state.borrow_mut().sinks[at].ready.new_waker();
        let polled = Pin::new(&mut handle).poll_ready(&mut Context::from_waker(&waker));
        let mut state = self.state.borrow_mut();
        let sink = &mut state.sinks[at];
        sink.handle = Some(handle);
        sink.told = polled.is_ready();
        // The sink may have a new place in the queue, if its promise has lapsed.
        sink.ready.begun = polled.is_pending().then_some(begun);
    }

    pub(super) fn start_send(&self, at: usize) {
        let message = {
            let mut state = self.state.borrow_mut();
            let length = usize::from(state.byte()) % 45;
            state.label(length)
        };
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let told = {
            let mut state = self.state.borrow_mut();
            let sink = &mut state.sinks[at];
            sink.ready.begun = None;
            sink.previous.clear();
            sink.flush.begun = None;
            std::mem::take(&mut sink.told)
        };
        let sent = Pin::new(&mut handle).start_send(message.clone());
        self.state.borrow_mut().sinks[at].handle = Some(handle);
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

    pub(super) fn poll_flush(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let waker = {
            let mut state = self.state.borrow_mut();
            let before = state.accepted_count();
            let sink = &mut state.sinks[at];
            sink.previous.push(before);
            sink.flush.new_waker()
        };
        let polled = Pin::new(&mut handle).poll_flush(&mut Context::from_waker(&waker));
        let left = self.audit().left;
        let mut state = self.state.borrow_mut();
        let sink = &mut state.sinks[at];
        sink.handle = Some(handle);
        match polled {
            Poll::Pending => {
                sink.flush.begun.get_or_insert(begun);
            }
            Poll::Ready(flushed) => {
                sink.flush.begun = None;
                let previous = std::mem::take(&mut sink.previous);
                if flushed.is_ok() {
                    // Either of the first two polls may have begun the completed flush.
                    let covered = previous.iter().take(2).max();
                    assert!(
                        left >= *covered.expect("this poll"),
                        "not all messages were sent"
                    );
                }
            }
        }
    }

    pub(super) fn poll_close(&self, at: usize) {
        let begun = self.tick();
        let Some(mut handle) = self.take_sink(at) else {
            return;
        };
        let waker = self.state.borrow_mut().sinks[at].close.new_waker();
        let polled = Pin::new(&mut handle).poll_close(&mut Context::from_waker(&waker));
        let closed = self.has_closed();
        let mut state = self.state.borrow_mut();
        let sink = &mut state.sinks[at];
        sink.handle = Some(handle);
        sink.close.begun = polled.is_pending().then_some(begun);
        assert!(polled.is_pending() || closed);
    }
}
