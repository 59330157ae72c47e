//! The hook before a connection.

use super::*;

fn with_hook() -> Reconnect {
    exact().before_connect(async |to| Ok(to))
}

fn prepared(call: u64) -> Input {
    let result = Ok(());
    Input::Prepared { call, result }
}

const FIRST: [&str; 2] = ["prepare call 0 attempt 0 session 1", "wait 10000"];

#[test]
fn the_hook_runs_before_each_connection_and_after_the_delay() {
    let mut script = Script::new(&with_hook(), &FIRST);
    script.at(20, prepared(0), &["open 1", "wait"]);
    script.at(
        30,
        refused(),
        &["attempt 1 in 1000 ms: refused", "wait 1030"],
    );
    let second = ["prepare call 1 attempt 1 session 1", "wait 11030"];
    script.at(1030, Input::Timeout, &second);
    script.at(1040, prepared(1), &["open 1", "wait"]);
    script.at(1050, Input::Opened, &["release", "wait"]);
    script.at(
        9000,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 10000"],
    );
    let third = ["prepare call 2 attempt 1 session 2", "wait 20000"];
    script.at(10_000, Input::Timeout, &third);
}

#[test]
fn the_hook_runs_when_a_delay_is_skipped() {
    let mut script = Script::new(&with_hook(), &FIRST);
    script.at(0, prepared(0), &["open 1", "wait"]);
    script.at(
        0,
        refused(),
        &["attempt 1 in 1000 ms: refused", "wait 1000"],
    );
    let second = ["prepare call 1 attempt 1 session 1", "wait 10500"];
    script.at(500, Input::ReconnectNow, &second);
    // The hook itself cannot be skipped.
    script.at(600, Input::ReconnectNow, &["wait 10500"]);
}

#[test]
fn a_hook_that_fails_is_a_failed_attempt() {
    let mut script = Script::new(&with_hook().attempts(1), &FIRST);
    let failed = |call| Input::Prepared {
        call,
        result: Err(error(ErrorKind::Other, "the hook before connecting failed")),
    };
    script.at(
        5,
        failed(0),
        &[
            "attempt 1 in 1000 ms: the hook before connecting failed",
            "wait 1005",
        ],
    );
    let second = ["prepare call 1 attempt 1 session 1", "wait 11005"];
    script.at(1005, Input::Timeout, &second);
    script.at(
        1006,
        failed(1),
        &["over: the hook before connecting failed", "wait"],
    );
}

#[test]
fn an_unusable_result_of_the_hook_is_a_hopeless_failure() {
    let mut script = Script::new(&with_hook().delay(ms(0)), &FIRST);
    for call in 0..3 {
        let result = Err(error(ErrorKind::Invalid, "no URL"));
        script
            .supervisor
            .handle(ms(0), Input::Prepared { call, result });
        let outputs = script.outputs();
        if call < 2 {
            let told = format!("attempt {} in 0 ms: no URL", call + 1);
            assert_eq!(outputs, [told.as_str(), "wait 0"]);
            script.supervisor.handle(ms(0), Input::Timeout);
            script.outputs();
        } else {
            assert_eq!(outputs, ["over: no URL", "wait"]);
        }
    }
}

#[test]
fn a_hook_that_times_out_is_a_failed_attempt_and_its_late_result_is_ignored() {
    let late = "the hook before connecting took longer than 10 s (limit hook_timeout)";
    let mut script = Script::new(&with_hook(), &FIRST);
    script.at(9999, Input::Timeout, &["wait 10000"]);
    let told = format!("attempt 1 in 1000 ms: {late}");
    script.at(10_000, Input::Timeout, &["drop hook", &told, "wait 11000"]);
    script.at(10_500, prepared(0), &["wait 11000"]);
    let second = ["prepare call 1 attempt 1 session 1", "wait 21000"];
    script.at(11_000, Input::Timeout, &second);
    // The late result of call 0 is not mistaken for the result of call 1.
    script.at(11_001, prepared(0), &["wait 21000"]);
    script.at(11_002, prepared(1), &["open 1", "wait"]);
}

#[test]
fn a_hook_that_times_out_has_a_timeout_error_with_its_limit() {
    let reconnect = with_hook().hook_timeout(ms(1500));
    let mut supervisor = Supervisor::new(Policy::from(&reconnect), 0, ms(0));
    while !matches!(supervisor.poll(), Output::Wait(_)) {}
    supervisor.handle(ms(1500), Input::Timeout);
    assert!(matches!(supervisor.poll(), Output::DropHook));
    let Output::Report(told) = supervisor.poll() else {
        panic!("no attempt");
    };
    let Reason::Transport(error) = told.reason else {
        panic!("{:?}", told.reason);
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.limit(), Some(Limit::HookTimeout));
    assert!(error.to_string().contains("1.5 s"), "{error}");
}
