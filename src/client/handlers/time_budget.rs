//! Limits the time during which handlers keep the runtime from polling its sockets.

use std::sync::Arc;
use std::time::Duration;

use crate::runtime::Runtime;

/// The time that handlers may take before their task waits until the runtime has polled its sockets.
/// Yielding to other tasks is not enough: tokio's single-threaded runtime polls its sockets only when it
/// has nothing else to run or after 61 task polls, and with slow handlers that can take longer than the
/// server waits for a pong.
const BUDGET: Duration = Duration::from_millis(10);

/// Maximum number of handler calls between two readings of the clock. The clock is not read after each
/// call, because a reading costs about half as much as handling a message.
const UNWATCHED: u32 = 16;

/// Measures the time spent in handlers since the runtime last had a chance to poll its sockets.
pub(super) struct TimeBudget {
    runtime: Arc<dyn Runtime>,
    spent: Duration,
    /// When the clock was last read.
    read_at: Duration,
    /// The number of calls until the clock is read again.
    calls: u32,
    /// The number of calls between the last two readings of the clock.
    apart: u32,
}

impl TimeBudget {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            spent: Duration::ZERO,
            read_at: Duration::ZERO,
            calls: 1,
            apart: 1,
        }
    }

    /// Must be called when handlers begin to run.
    pub(super) fn begin(&mut self) {
        self.read_at = self.runtime.now();
    }

    /// Reads the clock, and adds the time since the last reading to the time spent.
    pub(super) fn read_clock(&mut self) {
        let now = self.runtime.now();
        let took = now.saturating_sub(self.read_at);
        self.read_at = now;
        self.spent = self.spent.saturating_add(took);
        // The clock is read after each call of a slow handler, and less often while handlers are quick.
        let each = took.checked_div(self.apart).unwrap_or(took);
        self.apart = if each.saturating_mul(4 * UNWATCHED) < BUDGET {
            self.apart.saturating_mul(2).min(UNWATCHED)
        } else {
            1
        };
        self.calls = self.apart;
    }

    /// Must be called each time a handler has returned.
    pub(super) fn is_spent(&mut self) -> bool {
        self.calls = self.calls.saturating_sub(1);
        if self.calls == 0 {
            self.read_clock();
        }
        self.spent >= BUDGET
    }

    /// Waits until the runtime has polled its sockets.
    pub(super) async fn rest(&mut self) {
        self.runtime.catch_up().await;
        self.spent = Duration::ZERO;
    }
}
