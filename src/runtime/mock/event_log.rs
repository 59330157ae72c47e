//! The log of the network's events.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::executor::Executor;
use super::lock::lock;
use super::time::seconds;

/// Events with their virtual times, a line each, since [`record`](EventLog::record).
pub(super) struct EventLog {
    executor: Arc<Executor>,
    records: AtomicBool,
    lines: Mutex<Vec<String>>,
}

impl EventLog {
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        Self {
            executor,
            records: AtomicBool::new(false),
            lines: Mutex::default(),
        }
    }

    pub(super) fn record(&self) {
        self.records.store(true, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> Vec<String> {
        mem::take(&mut lock(&self.lines))
    }

    /// Adds a line. The text is created only if the log records.
    pub(super) fn add(&self, event: impl FnOnce() -> String) {
        if self.records.load(Ordering::Relaxed) {
            let line = format!("{} {}", seconds(self.executor.now()), event());
            lock(&self.lines).push(line);
        }
    }
}
