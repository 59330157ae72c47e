//! What the user was told, and when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio_client::{Closed, Error, ErrorKind, Event, MockRuntime};

use super::counting::Counting;

#[derive(Clone)]
pub(crate) struct Records {
    runtime: MockRuntime,
    counting: Counting,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// What was accepted, in order.
    pub(crate) accepted: Vec<Item>,
    pub(crate) events: Vec<Told>,
    pub(crate) confirms: Vec<Confirm>,
    /// Calls of `flush` and `confirm` that have not returned.
    pub(crate) calls: usize,
    /// A call of `confirm` has told of losses before this place.
    told: usize,
    pub(crate) closed: Option<(Duration, Closed)>,
    /// When the user has begun to close the client.
    pub(crate) closing: Option<Duration>,
    /// When it has called `reconnect_now`.
    pub(crate) hurried: Vec<Duration>,
    pub(crate) idle: Option<Idle>,
    /// The client has come to rest with a server that is well.
    pub(crate) is_settled: bool,
    story: Vec<String>,
}

/// A message, the group it belongs to, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) number: u32,
    pub(crate) group: Option<u32>,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at: Duration,
    pub(crate) event: Event,
    /// How many times the client had connected before.
    pub(crate) connects: usize,
}

/// A call of `confirm` that has returned.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) at: Duration,
    /// It asked for the messages between these places.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) result: Result<(), ErrorKind>,
}

/// What was counted while the client had nothing to do.
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

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        let now = self.runtime.now().as_secs_f64();
        let line = format!("{now:.9} client: {}", what());
        self.kept().story.push(line);
    }

    pub(crate) fn story(&self) -> Vec<String> {
        std::mem::take(&mut self.kept().story)
    }

    pub(crate) fn accepted(&self, item: Item) {
        self.tell(|| format!("accepted {item:?}"));
        self.kept().accepted.push(item);
    }

    pub(crate) fn event(&self, event: Event) {
        if matches!(event, Event::Message(_)) {
            return;
        }
        self.tell(|| format!("{event:?}"));
        let told = Told {
            at: self.runtime.now(),
            event,
            connects: self.counting.connects().len(),
        };
        self.kept().events.push(told);
    }

    /// A call of `confirm` begins now: gives the places between which it asks.
    pub(crate) fn begin_confirm(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.told, kept.accepted.len())
    }

    pub(crate) fn confirmed(&self, (start, end): (usize, usize), result: Result<(), Error>) {
        self.tell(|| format!("confirm {start}..{end}: {result:?}"));
        let at = self.runtime.now();
        let result = result.map_err(|error| error.kind());
        let mut kept = self.kept();
        if result == Err(ErrorKind::Unconfirmed) {
            kept.told = kept.told.max(end);
        }
        kept.confirms.push(Confirm {
            at,
            start,
            end,
            result,
        });
    }
}
