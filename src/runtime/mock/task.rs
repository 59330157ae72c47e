//! A task, as the executor keeps it.

use std::fmt;
use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

use futures::future::BoxFuture;

pub(super) struct Task {
    pub(super) body: Body,
    pub(super) name: Name,
    pub(super) waker: Waker,
    /// Whether it is among the tasks that can run.
    pub(super) queued: bool,
    /// When it ran last.
    pub(super) ran: Duration,
}

impl Task {
    pub(super) fn is_spawned(&self) -> bool {
        !matches!(self.body, Body::Main)
    }
}

pub(super) enum Body {
    /// The future of `block_on`, which stays on its caller's stack.
    Main,
    Spawned(BoxFuture<'static, ()>),
    /// A spawned task while it is polled.
    Taken,
}

/// What the report of a deadlock calls a task.
pub(super) enum Name {
    Main,
    /// How many tasks were spawned up to this one.
    Number(u64),
    /// The name that the test gave it, and where it was spawned.
    Given(String, &'static Location<'static>),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => write!(f, "the future of block_on"),
            Self::Number(number) => write!(f, "task {number}"),
            Self::Given(name, at) => write!(f, "task {name:?}, spawned at {at}"),
        }
    }
}
