//! The lines that a server writes, and how to wait for one.

// Each test program that has this module uses a part of it.
#![allow(dead_code)]

use std::io::BufRead;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a server has written so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    // A test that panicked with the lock must not hide its panic behind others.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, line: String) {
        self.lock().lines.push(line);
        self.changed.notify_all();
    }

    /// Writes what comes, until it ends.
    pub(crate) fn fill(&self, mut source: impl BufRead) {
        let mut bytes = Vec::new();
        while matches!(source.read_until(b'\n', &mut bytes), Ok(1..)) {
            self.write(String::from_utf8_lossy(&bytes).trim_end().to_owned());
            bytes.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Whether nothing more can come.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Takes what has been written since the last time, which is then forgotten here. Waits for
    /// something to be written, but no longer than this.
    pub(crate) fn take(&self, deadline: Duration) -> Vec<String> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), deadline, |state| {
                !state.ended && state.lines.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.lines)
    }

    /// Waits for a line that contains `part`, or finds it among those already there. `None` when the
    /// deadline passes or the server ends first.
    pub(crate) fn wait_for_line(&self, part: &str, deadline: Duration) -> Option<String> {
        self.wait(deadline, |state| {
            state.lines.iter().find(|line| line.contains(part)).cloned()
        })
    }

    pub(crate) fn wait_for_end(&self, deadline: Duration) {
        self.wait(deadline, |_| None::<()>);
    }

    fn wait<T>(&self, deadline: Duration, find: impl Fn(&State) -> Option<T>) -> Option<T> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), deadline, |state| {
                !state.ended && find(state).is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        find(&state)
    }
}
