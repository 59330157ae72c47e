//! Reconnecting as a state machine, without IO, clock or async. A seed determines its random numbers.
//!
//! The supervisor decides when to open the next session. [`Supervisor::handle`] takes an input, which
//! says what has happened and when. After each input, the caller calls [`Supervisor::poll`] and carries
//! out the outputs, until `poll` returns [`Output::Wait`]. Each session has an engine of its own, which
//! does not know of the supervisor.

mod backoff;
mod interface;
mod policy;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use interface::{Input, Output};
pub(crate) use policy::Policy;

use backoff::Random;
use policy::hopeless;

use crate::error::{Error, ErrorKind};
use crate::event::{Reason, Reconnecting};
use crate::limits::Limit;
use crate::reconnect::Lost;
use crate::seconds::Seconds;

pub(crate) struct Supervisor {
    policy: Policy,
    random: Random,
    state: State,
    /// The number of this attempt: 0 for the first connection of the client, and from 1 for the attempts
    /// to reconnect. The end of a session that has [lasted](Policy::has_lasted) resets it to 0.
    attempt: u32,
    /// The number of [`hopeless`] failures in a row.
    hopeless: u32,
    /// The number of sessions that have opened.
    sessions: u64,
    /// The number of calls of the hook that have begun.
    calls: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    /// The hook runs.
    Preparing { call: u64, deadline: Duration },
    /// A session is being opened.
    Opening,
    /// The session is open, and its greeting runs.
    Greeting { since: Duration, deadline: Duration },
    /// The session is open, with its greeting done.
    Open { since: Duration },
    /// The driver is ending a session whose greeting failed.
    Ending(Error),
    /// The delay before the next attempt.
    Waiting { until: Duration },
    /// The user has closed the client, and the session is closing. If the state was `Ending` before, the
    /// reason for which the session ends is ignored.
    Closing { was_ending: bool },
    /// No session will follow.
    Over,
}

impl Supervisor {
    /// Creates a supervisor whose first step is to make the first connection.
    pub(crate) fn new(policy: Policy, seed: u64, now: Duration) -> Self {
        let mut supervisor = Self {
            policy,
            random: Random::new(seed),
            state: State::Opening,
            attempt: 0,
            hopeless: 0,
            sessions: 0,
            calls: 0,
            outputs: VecDeque::new(),
        };
        supervisor.connect(now);
        supervisor
    }

    /// An input that does not fit the state is ignored: the state has changed since the input was
    /// caused.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        match input {
            Input::Prepared { call, result } => self.prepared(now, call, result),
            Input::Opened => self.opened(now),
            Input::Greeted { session, result } => self.greeted(session, result),
            Input::Ended { reason } => self.ended(now, reason),
            Input::ReconnectNow => {
                if matches!(self.state, State::Waiting { .. }) {
                    self.connect(now);
                }
            }
            Input::Close => self.close(),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next output. After [`Supervisor::new`] and after every `handle`, `poll` must be called until
    /// it returns `Wait`.
    pub(crate) fn poll(&mut self) -> Output {
        let wait = || Output::Wait(self.state.deadline());
        self.outputs.pop_front().unwrap_or_else(wait)
    }

    /// Begins an attempt.
    fn connect(&mut self, now: Duration) {
        if !self.policy.has_hook {
            return self.open();
        }
        let call = self.calls;
        self.calls = call.saturating_add(1);
        self.state = State::Preparing {
            call,
            deadline: now.saturating_add(self.policy.hook_timeout),
        };
        self.outputs.push_back(Output::Prepare {
            call,
            attempt: self.attempt,
            session: self.next_session(),
        });
    }

    fn open(&mut self) {
        let session = self.next_session();
        self.state = State::Opening;
        self.outputs.push_back(Output::Open { session });
    }

    fn next_session(&self) -> u64 {
        self.sessions.saturating_add(1)
    }

    fn prepared(&mut self, now: Duration, call: u64, result: Result<(), Error>) {
        match self.state {
            State::Preparing { call: current, .. } if call == current => match result {
                Ok(()) => self.open(),
                Err(error) => self.failed(now, Reason::Transport(error), false),
            },
            _ => {}
        }
    }

    fn opened(&mut self, now: Duration) {
        if !matches!(self.state, State::Opening) {
            return;
        }
        self.sessions = self.next_session();
        if !self.policy.has_greeting {
            return self.release(now);
        }
        self.state = State::Greeting {
            since: now,
            deadline: now.saturating_add(self.policy.hook_timeout),
        };
        self.outputs.push_back(Output::Greet {
            session: self.sessions,
        });
    }

    fn greeted(&mut self, session: u64, result: Result<(), Error>) {
        match self.state {
            State::Greeting { since, .. } if session == self.sessions => match result {
                Ok(()) => self.release(since),
                Err(error) => self.end_session(error),
            },
            _ => {}
        }
    }

    /// Allows messages in the session, which has been open since `since`.
    fn release(&mut self, since: Duration) {
        self.state = State::Open { since };
        self.outputs.push_back(Output::Release);
    }

    fn end_session(&mut self, error: Error) {
        self.outputs.push_back(Output::EndSession(error.clone()));
        self.state = State::Ending(error);
    }

    fn ended(&mut self, now: Duration, reason: Reason) {
        match &self.state {
            State::Opening => self.failed(now, reason, false),
            State::Greeting { .. } => self.failed(now, reason, true),
            State::Open { since } => {
                if self.policy.has_lasted(now.saturating_sub(*since)) {
                    self.attempt = 0;
                }
                self.failed(now, reason, true);
            }
            State::Ending(error) => {
                let reason = Reason::Transport(error.clone());
                self.failed(now, reason, true);
            }
            State::Closing { was_ending: false } => self.over(reason),
            State::Closing { was_ending: true } => self.over(Reason::Client),
            State::Preparing { .. } | State::Waiting { .. } | State::Over => {}
        }
    }

    /// A session or an attempt has ended: decides what follows.
    fn failed(&mut self, now: Duration, reason: Reason, was_open: bool) {
        let lost = Lost {
            reason,
            attempt: self.attempt,
            was_open,
        };
        self.hopeless = if hopeless(&lost) {
            self.hopeless.saturating_add(1)
        } else {
            0
        };
        let delay = self.policy.delay(&lost, self.hopeless, &mut self.random);
        let is_first = self.sessions == 0 && self.attempt == 0;
        let Some(delay) = delay.filter(|_| !(is_first && self.policy.must_connect)) else {
            return self.over(lost.reason);
        };
        self.attempt = self.attempt.saturating_add(1);
        self.state = State::Waiting {
            until: now.saturating_add(delay),
        };
        self.outputs.push_back(Output::Report(Reconnecting {
            attempt: self.attempt,
            delay,
            reason: lost.reason,
        }));
    }

    fn close(&mut self) {
        match self.state {
            State::Preparing { .. } | State::Waiting { .. } => self.over(Reason::Client),
            State::Opening | State::Greeting { .. } | State::Open { .. } => {
                self.state = State::Closing { was_ending: false };
            }
            State::Ending(_) => self.state = State::Closing { was_ending: true },
            State::Closing { .. } | State::Over => {}
        }
    }

    fn over(&mut self, reason: Reason) {
        self.state = State::Over;
        self.outputs.push_back(Output::Over { reason });
    }

    fn timeout(&mut self, now: Duration) {
        if self.state.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Preparing { .. } => {
                self.outputs.push_back(Output::DropHook);
                let error = self.took_too_long("the hook before connecting");
                self.failed(now, Reason::Transport(error), false);
            }
            State::Greeting { .. } => {
                let error = self.took_too_long("the greeting");
                self.end_session(error);
            }
            State::Waiting { .. } => self.connect(now),
            State::Opening
            | State::Open { .. }
            | State::Ending(_)
            | State::Closing { .. }
            | State::Over => {}
        }
    }

    fn took_too_long(&self, what: &str) -> Error {
        let seconds = Seconds(self.policy.hook_timeout);
        let message = format!("{what} took longer than {seconds} s");
        Error::new(ErrorKind::Timeout, message).with_limit(Limit::HookTimeout)
    }
}

impl State {
    fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Preparing { deadline, .. } | Self::Greeting { deadline, .. } => Some(*deadline),
            Self::Waiting { until } => Some(*until),
            Self::Opening
            | Self::Open { .. }
            | Self::Ending(_)
            | Self::Closing { .. }
            | Self::Over => None,
        }
    }
}
