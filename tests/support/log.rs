//! The output of a server process, and waiting for a line of it.

// Each test binary with this module uses only a part of it.
#![allow(dead_code)]

use std::io::BufRead;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The lines that a server has written so far.
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
    // A panic while the lock is held must not cause further panics, which would hide the first.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, line: String) {
        self.lock().lines.push(line);
        self.changed.notify_all();
    }

    /// Appends the lines of the source until it ends.
    pub(crate) fn fill(&self, mut source: impl BufRead) {
        let mut bytes = Vec::new();
        while matches!(source.read_until(b'\n', &mut bytes), Ok(1..)) {
            self.write(String::from_utf8_lossy(&bytes).trim_end().to_owned());
            bytes.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Removes and returns the lines written since the last call. If there are none, waits for one until
    /// the deadline.
    pub(crate) fn take(&self, deadline: Duration) -> Vec<String> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), deadline, |state| {
                !state.ended && state.lines.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.lines)
    }

    /// Waits for a line that contains `part`, or finds it among the lines already written. Returns
    /// `None` if the deadline passes or the output ends first.
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
