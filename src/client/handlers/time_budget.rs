//! The time that handlers may take before their task rests.

use std::sync::Arc;
use std::time::Duration;

use crate::runtime::Runtime;

/// The time that handlers may take before their task waits for a timer, which lets the runtime look at
/// its sockets. Yielding to other tasks is not enough: tokio's single-threaded runtime looks at its
/// sockets when it has nothing else to run or after 61 task polls, and slow handlers can make that
/// longer than the server waits for a pong.
const BUDGET: Duration = Duration::from_millis(10);

/// The most handler calls between two readings of the clock: one reading costs about half as much as
/// handling a message.
const UNWATCHED: u32 = 16;

/// Measures the time spent in handlers since the runtime last had a chance to look at its sockets.
pub(super) struct TimeBudget {
    runtime: Arc<dyn Runtime>,
    spent: Duration,
    /// When the clock was looked at last.
    looked: Duration,
    /// Calls until the next look, and between this one and the one before.
    calls: u32,
    apart: u32,
}

impl TimeBudget {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            spent: Duration::ZERO,
            looked: Duration::ZERO,
            calls: 1,
            apart: 1,
        }
    }

    /// Handlers run from now on.
    pub(super) fn begin(&mut self) {
        self.looked = self.runtime.now();
    }

    /// Adds the time since the last reading to what was spent.
    pub(super) fn look(&mut self) {
        let now = self.runtime.now();
        let took = now.saturating_sub(self.looked);
        self.looked = now;
        self.spent = self.spent.saturating_add(took);
        // After each call while handlers are slow; less and less often while they are quick.
        let each = took.checked_div(self.apart).unwrap_or(took);
        self.apart = if each.saturating_mul(4 * UNWATCHED) < BUDGET {
            self.apart.saturating_mul(2).min(UNWATCHED)
        } else {
            1
        };
        self.calls = self.apart;
    }

    /// To be asked when a handler has returned.
    pub(super) fn is_spent(&mut self) -> bool {
        self.calls = self.calls.saturating_sub(1);
        if self.calls == 0 {
            self.look();
        }
        self.spent >= BUDGET
    }

    /// Lets the runtime take notice of what has come.
    pub(super) async fn rest(&mut self) {
        self.runtime.catch_up().await;
        self.spent = Duration::ZERO;
    }
}
