//! Closing the client.

use super::*;

const OVER: [&str; 2] = ["over: client", "wait"];

/// Checks that no input has an output any more.
#[track_caller]
fn is_over(mut script: Script) {
    for input in [
        Input::Timeout,
        Input::ReconnectNow,
        Input::Opened,
        Input::Prepared {
            call: 0,
            result: Ok(()),
        },
        Input::Greeted {
            session: 1,
            result: Ok(()),
        },
        closed_by_server(),
        ended(Reason::Client),
        Input::Close,
    ] {
        script.at(1_000_000, input, &["wait"]);
    }
}

#[test]
fn closing_during_the_hook_ends_the_client_at_once() {
    let reconnect = exact().before_connect(async |to| Ok(to));
    let mut script = Script::new(
        &reconnect,
        &["prepare call 0 attempt 0 session 1", "wait 10000"],
    );
    script.at(10, Input::Close, &OVER);
    is_over(script);
}

#[test]
fn closing_during_the_delay_ends_the_client_at_once() {
    let mut script = Script::open(&exact());
    script.at(
        10,
        closed_by_server(),
        &["attempt 1 in 1000 ms: server", "wait 1010"],
    );
    script.at(20, Input::Close, &OVER);
    is_over(script);
}

#[test]
fn closing_while_a_session_opens_waits_for_its_end() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    script.at(10, Input::Close, &["wait"]);
    script.at(11, Input::Opened, &["wait"]);
    script.at(12, Input::ReconnectNow, &["wait"]);
    script.at(13, ended(Reason::Client), &OVER);
    is_over(script);
}

#[test]
fn closing_an_open_session_waits_for_its_end_and_keeps_its_reason() {
    for (reason, expected) in [
        (Reason::Client, "over: client"),
        (Reason::Server { close: None }, "over: server"),
        (Reason::PingTimeout, "over: silence"),
    ] {
        // `decide` must not be called.
        let reconnect = exact().decide(|_| panic!("decide was called"));
        let mut script = Script::open(&reconnect);
        script.at(10, Input::Close, &["wait"]);
        script.at(20, Input::Close, &["wait"]);
        script.at(30, ended(reason), &[expected, "wait"]);
        is_over(script);
    }
}

#[test]
fn no_message_is_released_after_closing_during_the_greeting() {
    let reconnect = exact().greeting(async |_| Vec::new());
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    script.at(0, Input::Opened, &["greet 1", "wait 10000"]);
    script.at(10, Input::Close, &["wait"]);
    let result = Ok(());
    script.at(20, Input::Greeted { session: 1, result }, &["wait"]);
    script.at(30, ended(Reason::Client), &OVER);
    is_over(script);
}

#[test]
fn closing_while_a_session_is_being_ended_waits_for_its_end() {
    let reconnect = exact()
        .greeting(async |_| Vec::new())
        .hook_timeout(ms(1000));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    script.at(0, Input::Opened, &["greet 1", "wait 1000"]);
    let end = "end session: the greeting took longer than 1 s (limit hook_timeout)";
    script.at(1000, Input::Timeout, &[end, "wait"]);
    script.at(1001, Input::Close, &["wait"]);
    script.at(1002, ended(Reason::Aborted), &OVER);
    is_over(script);
}

#[test]
fn no_session_follows_one_that_this_client_ended() {
    for (reason, expected) in [
        (Reason::Client, "over: client"),
        (Reason::Aborted, "over: aborted"),
    ] {
        let reconnect = exact().decide(|_| panic!("decide was called"));
        let mut script = Script::open(&reconnect);
        script.at(9000, ended(reason), &[expected, "wait"]);
        is_over(script);
    }
}
