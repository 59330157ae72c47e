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

/// What a report calls a task.
pub(super) enum Name {
    Main,
    Spawned {
        /// The name that the test gave it, quoted; or how many tasks were spawned up to this one.
        name: String,
        /// `None` where the task was spawned through `dyn Runtime`.
        at: Option<&'static Location<'static>>,
    },
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => write!(f, "the future of block_on"),
            Self::Spawned { name, at: Some(at) } => write!(f, "task {name}, spawned at {at}"),
            Self::Spawned { name, at: None } => {
                write!(f, "task {name}, spawned through `dyn Runtime`")
            }
        }
    }
}
