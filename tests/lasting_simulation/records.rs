//! Records the client's events and the user's calls, with their times.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio_client::{Closed, Error, ErrorKind, Event, MockRuntime};

use super::Counting;

#[derive(Clone)]
pub(crate) struct Records {
    runtime: MockRuntime,
    counting: Counting,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Accepted messages, in order.
    pub(crate) accepted: Vec<Item>,
    pub(crate) events: Vec<Observed>,
    pub(crate) confirms: Vec<Confirm>,
    /// Number of calls of `flush` and `confirm` that have not returned.
    pub(crate) calls: usize,
    /// Index in `accepted`: `confirm` has reported all losses among the messages before it.
    reported: usize,
    pub(crate) closed: Option<(Duration, Closed)>,
    /// When the user began to close the client.
    pub(crate) closing: Option<Duration>,
    /// When the user called `reconnect_now`.
    pub(crate) hurried: Vec<Duration>,
    pub(crate) idle: Option<Idle>,
    /// Whether the client became idle after all faults had ended.
    pub(crate) is_settled: bool,
    trace: Vec<String>,
}

/// An accepted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) number: u32,
    pub(crate) group: Option<u32>,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) at: Duration,
    pub(crate) event: Event,
    /// Number of connection attempts before the event.
    pub(crate) connects: usize,
}

/// A finished call of `confirm`.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) at: Duration,
    /// Range of the messages that the call covers.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) result: Result<(), ErrorKind>,
}

/// Numbers of operations while the client was idle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    pub(crate) pings: usize,
    pub(crate) polls: usize,
    pub(crate) posts: usize,
    pub(crate) fences: usize,
    pub(crate) sleeps: usize,
}

impl Records {
    pub(crate) fn new(runtime: &MockRuntime, counting: &Counting) -> Self {
        Self {
            runtime: runtime.clone(),
            counting: counting.clone(),
            kept: Arc::default(),
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        let now = self.runtime.now().as_secs_f64();
        let line = format!("{now:.9} client: {}", what());
        self.kept().trace.push(line);
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut self.kept().trace)
    }

    pub(crate) fn accepted(&self, item: Item) {
        self.trace(|| format!("accepted {item:?}"));
        self.kept().accepted.push(item);
    }

    pub(crate) fn event(&self, event: Event) {
        if matches!(event, Event::Message(_)) {
            return;
        }
        self.trace(|| format!("{event:?}"));
        let observed = Observed {
            at: self.runtime.now(),
            event,
            connects: self.counting.connects().len(),
        };
        self.kept().events.push(observed);
    }

    /// Returns the range of messages that a call of `confirm` covers if it begins now.
    pub(crate) fn begin_confirm(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.reported, kept.accepted.len())
    }

    pub(crate) fn confirmed(&self, (start, end): (usize, usize), result: Result<(), Error>) {
        self.trace(|| format!("confirm {start}..{end}: {result:?}"));
        let at = self.runtime.now();
        let result = result.map_err(|error| error.kind());
        let mut kept = self.kept();
        if result == Err(ErrorKind::Unconfirmed) {
            kept.reported = kept.reported.max(end);
        }
        kept.confirms.push(Confirm {
            at,
            start,
            end,
            result,
        });
    }
}
