//! Users that make calls, and drop or forget them.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::sinks::SinkUser;
use super::waker::Flag;
use super::{Accepted, Amount, Model};
use crate::error::ErrorKind;
use crate::packet::Message;

/// A call of a user that has not returned.
pub(super) struct User {
    /// `None` while the future is polled.
    pub(super) future: Option<BoxFuture<'static, Outcome>>,
    pub(super) woken: Arc<Flag>,
    pub(super) amount: Amount,
    pub(super) labels: Vec<Message>,
    /// When the call was first polled, which is its place in the queue.
    pub(super) begun: Option<u64>,
    /// The number of messages accepted at that time.
    pub(super) before: u64,
}

pub(super) enum Outcome {
    Sent(Result<(), ErrorKind>),
    Flushed(Result<(), ErrorKind>),
    Ended,
}

impl User {
    pub(super) fn is_send(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether the call waits for room and was not given any.
    pub(super) fn queues(&self) -> bool {
        self.is_send() && self.future.is_some() && self.begun.is_some() && !self.woken.is_set()
    }
}

pub(super) fn amount_of(labels: &[Message]) -> Amount {
    Amount {
        messages: labels.len(),
        bytes: labels.iter().map(Message::len).sum(),
    }
}

impl Model {
    pub(super) fn begin(&self) {
        let choice = self.byte();
        let handle = self.handle();
        let mut labels = Vec::new();
        {
            let mut state = self.state.borrow_mut();
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
                let length = usize::from(state.byte()) % most;
                labels.push(state.label(length));
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
        self.state.borrow_mut().users.insert(id, user);
        self.poll_user(id);
    }

    pub(super) fn try_now(&self, labels: Vec<Message>) {
        let queues = self.someone_waits();
        let begun = self.tick();
        let sent = self.handle().try_send_all(labels.clone());
        match sent {
            Ok(()) => {
                assert!(
                    !queues || labels.is_empty(),
                    "a sender has overtaken a waiting one"
                );
                self.accepted(labels, begun);
            }
            Err(error) => {
                assert_eq!(error.messages, labels, "all messages are given back");
                self.check_refusal(error.kind(), &[ErrorKind::Full, ErrorKind::NotOpen]);
            }
        }
    }

    pub(super) fn check_refusal(&self, kind: ErrorKind, besides: &[ErrorKind]) {
        match kind {
            ErrorKind::Closed => {
                assert!(self.state.borrow().closing || self.has_closed());
            }
            ErrorKind::TooLarge | ErrorKind::NeedsFrames => {}
            kind => assert!(besides.contains(&kind), "{kind:?}"),
        }
    }

    pub(super) fn has_closed(&self) -> bool {
        self.handle().shared().state().closed().is_some()
    }

    pub(super) fn accepted(&self, labels: Vec<Message>, begun: u64) {
        if labels.is_empty() {
            return;
        }
        let mut state = self.state.borrow_mut();
        assert!(state.open, "accepted before the session is open");
        let done = state.tick();
        state.accepted.push(Accepted {
            labels,
            begun,
            done,
        });
    }

    /// Whether a call waits for room and was not given any.
    pub(super) fn someone_waits(&self) -> bool {
        let waiting = self.audit().waiting > 0;
        let state = self.state.borrow();
        if state.depth > 0 {
            // A call that was given room may not have been woken yet.
            return waiting;
        }
        let users = state.users.values().any(User::queues);
        let queues = |sink: &SinkUser| sink.handle.is_some() && sink.ready.waits();
        users || state.sinks.iter().any(queues)
    }

    pub(super) fn choose_user(&self) -> Option<u64> {
        let mut state = self.state.borrow_mut();
        let choice = usize::from(state.byte());
        let count = state.users.len();
        let at = choice.checked_rem(count)?;
        state.users.keys().nth(at).copied()
    }

    pub(super) fn poll_one(&self) {
        if let Some(id) = self.choose_user() {
            self.poll_user(id);
        }
    }

    pub(super) fn poll_woken(&self) {
        let woken: Vec<u64> = {
            let state = self.state.borrow();
            let woken = state.users.iter().filter(|(_, user)| user.woken.is_set());
            woken.map(|(id, _)| *id).collect()
        };
        for id in woken {
            self.poll_user(id);
        }
    }

    pub(super) fn drop_one(&self) {
        if let Some(id) = self.choose_user() {
            let user = self.state.borrow_mut().users.get_mut(&id).and_then(|user| {
                let future = user.future.take()?;
                user.labels.clear();
                Some(future)
            });
            if user.is_some() {
                self.state.borrow_mut().users.remove(&id);
            }
            drop(user);
        }
    }

    /// Polls a call, unless it is being polled. Returns whether it is still pending.
    pub(super) fn poll_user(&self, id: u64) -> bool {
        let queues = self.someone_waits();
        let begun = self.tick();
        let (mut future, woken, first) = {
            let mut state = self.state.borrow_mut();
            let before = state.accepted_count();
            let Some(user) = state.users.get_mut(&id) else {
                return false;
            };
            let Some(future) = user.future.take() else {
                return true;
            };
            let first = user.begun.is_none();
            if first {
                user.before = before;
            }
            // Only the waker of the last poll counts.
            user.woken = Flag::new();
            (future, Arc::clone(&user.woken), first)
        };
        let waker = Waker::from(woken);
        let polled = future.poll_unpin(&mut Context::from_waker(&waker));
        let Poll::Ready(outcome) = polled else {
            let mut state = self.state.borrow_mut();
            let user = state.users.get_mut(&id).expect("only dropped when at rest");
            user.future = Some(future);
            user.begun.get_or_insert(begun);
            return true;
        };
        let user = self.state.borrow_mut().users.remove(&id).expect("at rest");
        match outcome {
            Outcome::Sent(Ok(())) => {
                assert!(
                    !(first && queues && user.is_send()),
                    "a sender has overtaken a waiting one"
                );
                self.accepted(user.labels, begun);
            }
            Outcome::Sent(Err(kind)) => self.check_refusal(kind, &[]),
            Outcome::Flushed(Ok(())) => {
                assert!(
                    self.audit().left >= user.before,
                    "not all messages were sent"
                );
            }
            Outcome::Flushed(Err(kind)) => {
                assert_eq!(kind, ErrorKind::Closed);
                assert!(self.has_closed());
            }
            Outcome::Ended => assert!(self.has_closed()),
        }
        false
    }
}
