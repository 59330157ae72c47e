//! A task of the executor.

use std::fmt;
use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

use futures::future::BoxFuture;

pub(super) struct Task {
    pub(super) body: Body,
    pub(super) name: Name,
    pub(super) waker: Waker,
    /// Whether the task is in the ready queue.
    pub(super) queued: bool,
    /// When the task was last polled.
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
    /// A spawned task that is being polled.
    Taken,
}

/// The name of a task in a panic.
pub(super) enum Name {
    Main,
    Spawned {
        /// The quoted name of a named task, or the number of a nameless one, counted over all spawned
        /// tasks.
        name: String,
        /// `None` if the task was spawned through `dyn Runtime`.
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
