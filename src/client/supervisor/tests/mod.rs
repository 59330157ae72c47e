//! The rules of reconnecting as scripts. Each step is a time in milliseconds, an input, and the expected
//! outputs as text.

mod backoff;
mod close;
mod greeting;
mod hook;
mod policy;

use super::*;
use crate::reconnect::Reconnect;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn error(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, message)
}

fn status(status: u16) -> Error {
    error(ErrorKind::Status, "refused").with_status(status)
}

fn ended(reason: Reason) -> Input {
    Input::Ended { reason }
}

fn failed(error: Error) -> Input {
    ended(Reason::Transport(error))
}

/// A connection that is refused.
fn refused() -> Input {
    failed(error(ErrorKind::Connect, "refused"))
}

fn closed_by_server() -> Input {
    ended(Reason::Server { close: None })
}

/// Delays without randomisation.
fn exact() -> Reconnect {
    Reconnect::new().randomization(0.0)
}

fn show_reason(reason: &Reason) -> String {
    match reason {
        Reason::Client => "client".into(),
        Reason::Server { .. } => "server".into(),
        Reason::PingTimeout => "silence".into(),
        Reason::Transport(error) => error.report(),
        Reason::Aborted => "aborted".into(),
    }
}

fn in_ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn show(output: &Output) -> String {
    match output {
        Output::Prepare {
            call,
            attempt,
            session,
        } => format!("prepare call {call} attempt {attempt} session {session}"),
        Output::DropHook => "drop hook".into(),
        Output::Open { session } => format!("open {session}"),
        Output::Greet { session } => format!("greet {session}"),
        Output::Release => "release".into(),
        Output::EndSession(error) => format!("end session: {}", error.report()),
        Output::Report(Reconnecting {
            attempt,
            delay,
            reason,
        }) => format!(
            "attempt {attempt} in {} ms: {}",
            in_ms(*delay),
            show_reason(reason)
        ),
        Output::Over { reason } => format!("over: {}", show_reason(reason)),
        Output::Wait(Some(until)) => format!("wait {}", in_ms(*until)),
        Output::Wait(None) => "wait".into(),
    }
}

struct Script {
    supervisor: Supervisor,
    now: Duration,
}

impl Script {
    /// Starts at time 0, and checks the first outputs.
    #[track_caller]
    fn new(reconnect: &Reconnect, expected: &[&str]) -> Self {
        let supervisor = Supervisor::new(Policy::from(reconnect), 7, ms(0));
        let mut script = Self {
            supervisor,
            now: ms(0),
        };
        assert_eq!(script.outputs(), expected);
        script
    }

    /// Starts a client without a hook and a greeting, whose first session has been open since time 0.
    #[track_caller]
    fn open(reconnect: &Reconnect) -> Self {
        let mut script = Self::new(reconnect, &["open 1", "wait"]);
        script.at(0, Input::Opened, &["release", "wait"]);
        script
    }

    fn outputs(&mut self) -> Vec<String> {
        let mut list = Vec::new();
        loop {
            let output = self.supervisor.poll();
            list.push(show(&output));
            if matches!(output, Output::Wait(_)) {
                return list;
            }
        }
    }

    #[track_caller]
    fn at(&mut self, at: u64, input: Input, expected: &[&str]) {
        self.now = ms(at);
        self.supervisor.handle(self.now, input.clone());
        assert_eq!(self.outputs(), expected, "at {at}: {input:?}");
    }

    /// Begins the next attempt and makes it fail with `end`. Returns the output of the supervisor,
    /// without the wait.
    #[track_caller]
    fn attempt(&mut self, end: Input) -> String {
        if let Some(until) = self.supervisor.state.deadline() {
            self.now = until;
            self.supervisor.handle(until, Input::Timeout);
            let outputs = self.outputs();
            assert!(outputs[0].starts_with("open "), "{outputs:?}");
        }
        self.supervisor.handle(self.now, end);
        let outputs = self.outputs();
        assert_eq!(outputs.len(), 2, "{outputs:?}");
        outputs[0].clone()
    }
}

#[test]
fn a_client_connects_at_once_and_releases_messages_when_the_session_is_open() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    script.at(300, Input::Opened, &["release", "wait"]);
}

#[test]
fn delays_double_up_to_the_maximum() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    script.at(
        10,
        refused(),
        &["attempt 1 in 1000 ms: refused", "wait 1010"],
    );
    script.at(1010, Input::Timeout, &["open 1", "wait"]);
    script.at(
        1020,
        refused(),
        &["attempt 2 in 2000 ms: refused", "wait 3020"],
    );
    script.at(3020, Input::Timeout, &["open 1", "wait"]);
    for (attempt, delay) in [(3, 4000), (4, 5000), (5, 5000), (6, 5000)] {
        let told = script.attempt(refused());
        assert_eq!(told, format!("attempt {attempt} in {delay} ms: refused"));
    }
}

#[test]
fn delays_are_randomised_by_the_seed() {
    let mut script = Script::open(&Reconnect::new());
    script.supervisor.handle(ms(0), closed_by_server());
    let Output::Report(first) = script.supervisor.poll() else {
        panic!("no attempt");
    };
    assert!(first.delay >= ms(500) && first.delay < ms(1500));
    let mut other = Supervisor::new(Policy::from(&Reconnect::new()), 8, ms(0));
    other.handle(ms(0), closed_by_server());
    other.poll();
    let Output::Report(second) = other.poll() else {
        panic!("no attempt");
    };
    assert_ne!(first.delay, second.delay);
}

#[test]
fn a_delay_ends_at_its_deadline_and_not_before() {
    let mut script = Script::open(&exact());
    script.at(
        100,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1100"],
    );
    script.at(1099, Input::Timeout, &["wait 1100"]);
    script.at(1100, Input::Timeout, &["open 2", "wait"]);
    script.at(9999, Input::Timeout, &["wait"]);
}

#[test]
fn a_zero_delay_is_due_at_once() {
    let mut script = Script::open(&exact().delay(ms(0)));
    script.at(
        100,
        closed_by_server(),
        &["attempt 1 in 0 ms: server", "wait 100"],
    );
    script.at(100, Input::Timeout, &["open 2", "wait"]);
}

#[test]
fn only_sessions_that_opened_are_numbered() {
    let mut script = Script::open(&exact());
    script.at(
        9000,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 10000"],
    );
    script.at(10_000, Input::Timeout, &["open 2", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 2 in 2000 ms: refused");
    script.at(12_000, Input::Timeout, &["open 2", "wait"]);
    script.at(12_000, Input::Opened, &["release", "wait"]);
    script.at(
        20_000,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 21000"],
    );
    script.at(21_000, Input::Timeout, &["open 3", "wait"]);
}

#[test]
fn only_a_session_that_lasted_resets_the_count_of_attempts() {
    for (open, expected) in [
        (4999, "attempt 3 in 4000 ms: server"),
        (5000, "attempt 1 in 1000 ms: server"),
    ] {
        let mut script = Script::new(&exact(), &["open 1", "wait"]);
        script.attempt(refused());
        script.attempt(refused());
        let begin = 3000;
        script.at(begin, Input::Timeout, &["open 1", "wait"]);
        // The time for opening the session does not count.
        script.at(begin + 700, Input::Opened, &["release", "wait"]);
        let end = begin + 700 + open;
        script.supervisor.handle(ms(end), closed_by_server());
        assert_eq!(script.outputs()[0], expected);
    }
}

#[test]
fn delays_grow_for_a_server_that_ends_each_session_at_once() {
    let mut script = Script::open(&exact());
    script.at(
        5,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1005"],
    );
    script.at(1005, Input::Timeout, &["open 2", "wait"]);
    script.at(1006, Input::Opened, &["release", "wait"]);
    script.at(
        1010,
        closed_by_server(),
        &["attempt 2 in 2000 ms: server", "wait 3010"],
    );
    script.at(3010, Input::Timeout, &["open 3", "wait"]);
    script.at(3011, Input::Opened, &["release", "wait"]);
    script.at(
        3015,
        closed_by_server(),
        &["attempt 3 in 4000 ms: server", "wait 7015"],
    );
}

#[test]
fn reconnect_now_skips_a_delay_and_does_nothing_in_other_states() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    script.at(1, Input::ReconnectNow, &["wait"]);
    script.at(2, Input::Opened, &["release", "wait"]);
    script.at(3, Input::ReconnectNow, &["wait"]);
    // The earlier requests to reconnect have no effect now.
    script.at(
        10,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1010"],
    );
    script.at(20, Input::ReconnectNow, &["open 2", "wait"]);
    script.at(1010, Input::Timeout, &["wait"]);
    // The attempt counts like any other.
    script.at(
        1020,
        refused(),
        &["attempt 2 in 2000 ms: refused", "wait 3020"],
    );
}

#[test]
fn an_input_in_the_wrong_state_is_ignored() {
    let mut script = Script::open(&exact());
    script.at(1, Input::Opened, &["wait"]);
    let result = Ok(());
    script.at(2, Input::Prepared { call: 0, result }, &["wait"]);
    let result = Ok(());
    script.at(3, Input::Greeted { session: 1, result }, &["wait"]);
    script.at(
        4,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1004"],
    );
    script.at(5, closed_by_server(), &["wait 1004"]);
    script.at(6, Input::Opened, &["wait 1004"]);
}
