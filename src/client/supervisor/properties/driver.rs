//! A model driver that carries out the outputs, checks that each is allowed, and sometimes sends late
//! inputs.

use std::time::Duration;

use super::super::{Input, Output, Policy, Reconnecting, Supervisor};
use super::{HOOK_TIMEOUT, Settings, fault, ms, reason};
use crate::error::{Error, ErrorKind};
use crate::event::Reason;
use crate::reconnect::Retry;

/// A session as the driver sees it.
#[derive(Debug)]
struct Session {
    opened: Option<Duration>,
    greets: bool,
    released: Option<Duration>,
    /// The error with which the supervisor ends the session.
    ending: Option<Error>,
}

pub(super) struct Driver {
    settings: Settings,
    supervisor: Supervisor,
    now: Duration,
    /// The running call of the hook, and its deadline.
    hook: Option<(u64, Duration)>,
    calls: u64,
    /// Whether the hook has succeeded and no session has been opened since then.
    prepared: bool,
    session: Option<Session>,
    pub(super) sessions: u64,
    greeting_until: Option<Duration>,
    pub(super) attempt: u32,
    hopeless: u32,
    /// How the last session or attempt ended, until the next attempt is reported.
    lost: Option<Reason>,
    waits_until: Option<Duration>,
    closed: bool,
    pub(super) over: bool,
}

impl Driver {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        let policy = Policy::from(&settings.reconnect());
        let mut driver = Self {
            settings,
            supervisor: Supervisor::new(policy, seed, ms(0)),
            now: ms(0),
            hook: None,
            calls: 0,
            prepared: false,
            session: None,
            sessions: 0,
            greeting_until: None,
            attempt: 0,
            hopeless: 0,
            lost: None,
            waits_until: None,
            closed: false,
            over: false,
        };
        driver.drain();
        driver
    }

    fn input(&mut self, input: Input) {
        self.supervisor.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.supervisor.poll() {
                Output::Wait(until) => return self.check_wait(until),
                output => {
                    assert!(!self.over, "{output:?} after the end");
                    self.act(output);
                }
            }
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Over { reason } => self.is_over(&reason),
            Output::DropHook => assert!(self.hook.take().is_some()),
            _ if self.closed => panic!("{output:?} after the user has closed the client"),
            Output::Prepare {
                call,
                attempt,
                session,
            } => {
                assert!(self.settings.hook && self.hook.is_none() && self.session.is_none());
                assert!(call >= self.calls, "a call number is used twice");
                assert_eq!((attempt, session), (self.attempt, self.sessions + 1));
                self.calls = call + 1;
                self.hook = Some((call, self.now + HOOK_TIMEOUT));
                self.waits_until = None;
            }
            Output::Open { session } => {
                assert!(self.session.is_none() && self.hook.is_none());
                assert_eq!(self.prepared, self.settings.hook);
                assert_eq!(session, self.sessions + 1);
                self.prepared = false;
                self.waits_until = None;
                self.session = Some(Session {
                    opened: None,
                    greets: false,
                    released: None,
                    ending: None,
                });
            }
            Output::Greet { session } => {
                assert!(self.settings.greeting);
                assert_eq!(session, self.sessions);
                self.greeting_until = Some(self.now + HOOK_TIMEOUT);
                let current = self.session.as_mut().unwrap();
                assert!(current.opened.is_some() && !current.greets);
                current.greets = true;
            }
            Output::Release => {
                let current = self.session.as_mut().unwrap();
                assert!(current.opened.is_some() && current.released.is_none());
                assert!(current.ending.is_none() && self.greeting_until.is_none());
                assert_eq!(current.greets, self.settings.greeting);
                current.released = current.opened;
            }
            Output::EndSession(error) => {
                let current = self.session.as_mut().unwrap();
                assert!(current.greets && current.released.is_none() && current.ending.is_none());
                current.ending = Some(error);
                self.greeting_until = None;
            }
            Output::Report(next) => self.attempt_reported(&next),
            Output::Wait(_) => unreachable!(),
        }
    }

    fn take_lost(&mut self) -> Reason {
        if self.lost.is_none() {
            // The hook took too long.
            let error = Error::new(ErrorKind::Timeout, "the hook");
            self.lose(Reason::Transport(error), false);
        }
        self.lost.take().unwrap()
    }

    fn lose(&mut self, reason: Reason, was_open: bool) {
        let rarely_mends = !was_open
            && matches!(&reason, Reason::Transport(error)
                if error.kind() == ErrorKind::Tls || error.status() == Some(403));
        self.hopeless = if rarely_mends { self.hopeless + 1 } else { 0 };
        self.lost = Some(reason);
    }

    fn attempt_reported(&mut self, told: &Reconnecting) {
        assert!(self.session.is_none() && self.hook.is_none());
        let reason = self.take_lost();
        assert!(!self.must_be_over(&reason), "an attempt after {reason:?}");
        assert_eq!(told.attempt, self.attempt + 1);
        match Settings::decision(&self.settings.decisions, self.attempt) {
            Retry::After(delay) => assert_eq!(told.delay, delay),
            _ => self.check_delay(told, &reason),
        }
        self.attempt += 1;
        self.waits_until = Some(self.now + told.delay);
    }

    fn check_delay(&self, told: &Reconnecting, reason: &Reason) {
        let Settings {
            delay,
            max_delay,
            randomization,
            ..
        } = self.settings;
        let most = max_delay as f64;
        let base = (delay as f64 * 2_f64.powi(told.attempt as i32 - 1)).min(most);
        let low = base * (1.0 - randomization);
        let high = (base * (1.0 + randomization)).min(most);
        let least = match reason {
            Reason::Transport(error) => error.retry_after().unwrap_or_default(),
            _ => ms(0),
        };
        let least = least.min(Duration::from_secs(3600)).as_secs_f64() * 1000.0;
        let delay = told.delay.as_secs_f64() * 1000.0;
        // A nanosecond is lost in rounding.
        assert!(delay + 1e-5 >= low.max(least), "{delay} < {low} or {least}");
        assert!(delay - 1e-5 <= high.max(least + (high - low)), "{delay}");
    }

    fn must_be_over(&self, reason: &Reason) -> bool {
        let decision = Settings::decision(&self.settings.decisions, self.attempt);
        self.closed
            || matches!(reason, Reason::Client | Reason::Aborted)
            || self
                .settings
                .attempts
                .is_some_and(|most| self.attempt >= most)
            || decision == Retry::Never
            || (decision == Retry::Usual && self.hopeless >= 3)
    }

    fn is_over(&mut self, reason: &Reason) {
        assert!(self.session.is_none(), "over with a session");
        self.over = true;
        if self.closed && self.lost.is_none() {
            return assert!(matches!(reason, Reason::Client));
        }
        let lost = self.take_lost();
        assert!(self.must_be_over(&lost), "over after {lost:?}");
        self.hook = None;
        self.waits_until = None;
    }

    fn check_wait(&mut self, until: Option<Duration>) {
        let expected = if self.over || (self.closed && self.session.is_some()) {
            None
        } else {
            let hook = self.hook.map(|(_, until)| until);
            hook.or(self.greeting_until).or(self.waits_until)
        };
        assert_eq!(until, expected);
        assert!(self.over || self.hook.is_some() || self.session.is_some() || until.is_some());
    }

    // Inputs.

    fn prepared(&mut self, result: Result<(), Error>) {
        let Some((call, _)) = self.hook.take() else {
            return;
        };
        match &result {
            Ok(()) => self.prepared = true,
            Err(error) => self.lose(Reason::Transport(error.clone()), false),
        }
        self.input(Input::Prepared { call, result });
    }

    fn opened(&mut self) {
        match &mut self.session {
            Some(session) if session.opened.is_none() && !self.closed => {
                session.opened = Some(self.now);
                self.sessions += 1;
                self.input(Input::Opened);
            }
            _ => {}
        }
    }

    fn greeted(&mut self, result: Result<(), Error>) {
        if self.greeting_until.take().is_some() {
            let session = self.sessions;
            self.input(Input::Greeted { session, result });
        }
    }

    pub(super) fn ended(&mut self, reason: Reason) {
        let Some(session) = self.session.take() else {
            return;
        };
        self.greeting_until = None;
        let lasted = session
            .released
            .is_some_and(|opened| self.now - opened >= ms(self.settings.max_delay));
        if lasted && !self.closed {
            self.attempt = 0;
        }
        let lost = match session.ending {
            Some(error) => Reason::Transport(error),
            None => reason.clone(),
        };
        self.lose(lost, session.opened.is_some());
        self.input(Input::Ended { reason });
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.greeting_until = None;
        self.hook = None;
        self.waits_until = None;
        self.input(Input::Close);
    }

    /// Lets time pass, but not beyond the next deadline.
    fn pass(&mut self, time: u64) {
        let later = self.now + ms(time);
        let due = self.supervisor.state.deadline();
        self.now = due.map_or(later, |due| later.min(due));
    }

    pub(super) fn step(&mut self, choice: u8, argument: u8) {
        match choice % 16 {
            0..=2 => {
                self.now = self.supervisor.state.deadline().unwrap_or(self.now);
                self.input(Input::Timeout);
            }
            3..=4 => self.pass(u64::from(argument) * 50),
            5..=6 => self.prepared(Ok(())),
            7 => self.prepared(Err(fault(argument))),
            8..=9 => self.opened(),
            10 if argument < 128 => self.greeted(Ok(())),
            10 => self.greeted(Err(fault(argument))),
            11..=13 => self.ended(reason(argument)),
            14 if argument < 128 => self.input(Input::ReconnectNow),
            14 if argument < 140 => self.close(),
            _ => self.late_input(argument),
        }
    }

    /// Sends an input that was caused before the state changed, and that the supervisor must ignore.
    fn late_input(&mut self, argument: u8) {
        let result = Ok(());
        match argument % 5 {
            0 if self.session.is_none() => self.input(Input::Opened),
            1 if self.session.is_none() => self.input(Input::Ended {
                reason: reason(argument),
            }),
            2 if self.calls > 1 => self.input(Input::Prepared {
                call: self.calls - 2,
                result,
            }),
            3 if self.sessions > 0 => self.input(Input::Greeted {
                session: self.sessions - 1,
                result,
            }),
            // A time-out before its deadline.
            _ => {
                let due = self.supervisor.state.deadline();
                if due.is_none_or(|due| self.now < due) {
                    self.input(Input::Timeout);
                }
            }
        }
    }
}
