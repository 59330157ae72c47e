//! The greeting of each session.

use super::*;

fn with_greeting() -> Reconnect {
    exact().greeting(async |_| Vec::new())
}

fn greeted(session: u64) -> Input {
    let result = Ok(());
    Input::Greeted { session, result }
}

fn greets() -> Script {
    let mut script = Script::new(&with_greeting(), &["open 1", "wait"]);
    script.at(100, Input::Opened, &["greet 1", "wait 10100"]);
    script
}

const LATE: &str = "the greeting took longer than 10 s (limit hook_timeout)";

#[test]
fn messages_are_released_when_the_greeting_is_done() {
    let mut script = greets();
    script.at(9000, greeted(1), &["release", "wait"]);
    script.at(10_100, Input::Timeout, &["wait"]);
}

#[test]
fn each_session_has_its_own_greeting() {
    let mut script = greets();
    script.at(100, greeted(1), &["release", "wait"]);
    script.at(
        6000,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 7000"],
    );
    script.at(7000, Input::Timeout, &["open 2", "wait"]);
    script.at(7000, Input::Opened, &["greet 2", "wait 17000"]);
    // The greeting of another session is ignored.
    script.at(7001, greeted(1), &["wait 17000"]);
    script.at(7002, greeted(2), &["release", "wait"]);
}

#[test]
fn a_greeting_that_times_out_ends_the_session_and_counts_as_a_failed_attempt() {
    let mut script = greets();
    script.at(10_099, Input::Timeout, &["wait 10100"]);
    let end = format!("end session: {LATE}");
    script.at(10_100, Input::Timeout, &[&end, "wait"]);
    script.at(10_101, greeted(1), &["wait"]);
    // The driver reports that it has ended the session as told, with the reason `Client`. The supervisor
    // ignores this reason and reports the error of the greeting, because the user has not closed the
    // client.
    let told = format!("attempt 1 in 1000 ms: {LATE}");
    script.at(10_200, ended(Reason::Client), &[&told, "wait 11200"]);
    script.at(11_200, Input::Timeout, &["open 2", "wait"]);
    script.at(11_200, Input::Opened, &["greet 2", "wait 21200"]);
    script.at(21_200, Input::Timeout, &[&end, "wait"]);
    let told = format!("attempt 2 in 2000 ms: {LATE}");
    script.at(21_200, ended(Reason::Aborted), &[&told, "wait 23200"]);
}

#[test]
fn a_greeting_that_fails_ends_the_session() {
    let mut script = greets();
    let result = Err(error(ErrorKind::Other, "the greeting panicked"));
    let input = Input::Greeted { session: 1, result };
    script.at(200, input, &["end session: the greeting panicked", "wait"]);
    script.at(
        200,
        closed_by_server(),
        &["attempt 1 in 1000 ms: the greeting panicked", "wait 1200"],
    );
}

#[test]
fn a_session_that_ends_during_its_greeting_has_not_lasted() {
    let mut script = greets();
    script.at(
        100,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1100"],
    );
    script.at(1100, greeted(1), &["wait 1100"]);
    script.at(1100, Input::Timeout, &["open 2", "wait"]);
    script.at(1100, Input::Opened, &["greet 2", "wait 11100"]);
    script.at(
        11_000,
        closed_by_server(),
        &["attempt 2 in 2000 ms: server", "wait 13000"],
    );
}

#[test]
fn the_time_of_the_greeting_counts_as_time_open() {
    for (end, expected) in [
        (5099, "attempt 2 in 2000 ms"),
        (5100, "attempt 1 in 1000 ms"),
    ] {
        let mut script = Script::new(&with_greeting(), &["open 1", "wait"]);
        script.supervisor.attempt = 1;
        script.at(100, Input::Opened, &["greet 1", "wait 10100"]);
        script.at(4000, greeted(1), &["release", "wait"]);
        script.supervisor.handle(ms(end), closed_by_server());
        assert_eq!(script.outputs()[0], format!("{expected}: server"));
    }
}
