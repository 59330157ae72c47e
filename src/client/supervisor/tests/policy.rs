//! Whether and when another attempt follows.

use std::sync::{Arc, Mutex};

use super::*;
use crate::event::PeerClose;
use crate::reconnect::Retry;

/// How often an end like this is tried again, where the attempts before it failed likewise.
fn attempts_after(end: &Input) -> usize {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    (0..20)
        .take_while(|_| script.attempt(end.clone()).starts_with("attempt "))
        .count()
}

fn of_kind(kind: ErrorKind) -> Input {
    failed(error(kind, "failed"))
}

#[test]
fn what_rarely_mends_itself_is_over_at_the_third_time_in_a_row() {
    let ends = [
        of_kind(ErrorKind::Invalid),
        of_kind(ErrorKind::Runtime),
        of_kind(ErrorKind::Tls),
        // A server of protocol 3.
        of_kind(ErrorKind::Protocol),
        failed(status(401)),
        failed(status(403)),
        failed(status(404)),
    ];
    for end in ends {
        assert_eq!(attempts_after(&end), 2, "{end:?}");
    }
}

#[test]
fn everything_else_is_tried_again_without_end() {
    let unknown = "the server answered a poll with 400 Bad Request: Session ID unknown (code 1)";
    let ends = [
        closed_by_server(),
        ended(Reason::Server {
            close: Some(PeerClose::new(1011, "fault")),
        }),
        ended(Reason::PingTimeout),
        failed(error(ErrorKind::Status, unknown).with_status(400)),
        failed(status(429)),
        failed(status(500)),
        failed(status(502)),
        failed(status(503)),
        of_kind(ErrorKind::Resolve),
        of_kind(ErrorKind::Connect),
        of_kind(ErrorKind::Proxy),
        of_kind(ErrorKind::Ended),
        of_kind(ErrorKind::Timeout),
        // A page of a load balancer; a server that closes instead of opening.
        of_kind(ErrorKind::NotEngineIo),
        of_kind(ErrorKind::Handshake),
        of_kind(ErrorKind::Other),
    ];
    for end in ends {
        assert_eq!(attempts_after(&end), 20, "{end:?}");
    }
}

#[test]
fn another_failure_or_a_session_starts_that_count_anew() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    let forbidden = || failed(status(403));
    script.attempt(forbidden());
    script.attempt(forbidden());
    script.attempt(refused());
    script.attempt(forbidden());
    let told = script.attempt(forbidden());
    assert_eq!(told, "attempt 5 in 5000 ms: refused");
    // An open session that ends like this is no failure to open one.
    script.supervisor.handle(ms(99_000), Input::Timeout);
    script.supervisor.handle(ms(99_000), Input::Opened);
    script.outputs();
    script.supervisor.handle(ms(99_000), forbidden());
    assert_eq!(script.outputs()[0], "attempt 6 in 5000 ms: refused");
    script.attempt(forbidden());
    let told = script.attempt(forbidden());
    assert_eq!(told, "attempt 8 in 5000 ms: refused");
    assert_eq!(script.attempt(forbidden()), "over: refused");
}

#[test]
fn a_limit_of_attempts_does_not_count_the_first_connection() {
    for attempts in 0..4 {
        let mut script = Script::new(&exact().attempts(attempts), &["open 1", "wait"]);
        for attempt in 1..=attempts {
            let told = script.attempt(refused());
            assert!(told.starts_with(&format!("attempt {attempt} ")), "{told}");
        }
        assert_eq!(script.attempt(refused()), "over: refused");
    }
}

#[test]
fn a_limit_of_attempts_counts_those_after_a_session_that_lasted() {
    let mut script = Script::open(&exact().attempts(2));
    script.now = ms(5000);
    assert_eq!(
        script.attempt(closed_by_server()),
        "attempt 1 in 1000 ms: server"
    );
    script.attempt(refused());
    assert_eq!(script.attempt(refused()), "over: refused");
}

#[test]
fn retry_after_is_obeyed_up_to_an_hour() {
    for (seconds, expected) in [
        (0, 1000),
        (1, 1000),
        (2, 2000),
        (3600, 3_600_000),
        (3601, 3_600_000),
        (86_400, 3_600_000),
    ] {
        for code in [429, 503] {
            let busy = status(code).with_retry_after(Duration::from_secs(seconds));
            let mut script = Script::new(&exact(), &["open 1", "wait"]);
            let told = script.attempt(failed(busy));
            assert_eq!(told, format!("attempt 1 in {expected} ms: refused"));
        }
    }
}

#[test]
fn a_delay_that_is_longer_than_retry_after_stays() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    let busy = || failed(status(503).with_retry_after(ms(3000)));
    for expected in [3000, 3000, 4000, 5000] {
        let told = script.attempt(busy());
        assert!(
            told.ends_with(&format!(" in {expected} ms: refused")),
            "{told}"
        );
    }
}

#[test]
fn an_open_session_that_ends_with_retry_after_obeys_it_too() {
    let mut script = Script::open(&exact());
    let told = script.attempt(failed(status(503).with_retry_after(ms(30_000))));
    assert_eq!(told, "attempt 1 in 30000 ms: refused");
}

#[test]
fn the_users_delay_is_exact() {
    let after = Duration::from_micros(7_654_321);
    let reconnect = Reconnect::new().decide(move |_| Retry::After(after));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    for attempt in 1..10 {
        // Also where the default would end it, or wait for longer.
        let told = script.attempt(failed(status(403).with_retry_after(ms(60_000))));
        assert_eq!(told, format!("attempt {attempt} in 7654.321 ms: refused"));
    }
}

#[test]
fn the_user_may_end_it() {
    let reconnect = exact().decide(|lost| match lost.attempt {
        0..2 => Retry::Usual,
        _ => Retry::Never,
    });
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 1 in 1000 ms: refused");
    assert_eq!(script.attempt(refused()), "attempt 2 in 2000 ms: refused");
    assert_eq!(script.attempt(refused()), "over: refused");
}

#[test]
fn the_limit_of_attempts_holds_whatever_the_user_decides() {
    let reconnect = exact().attempts(1).decide(|_| Retry::After(ms(1)));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 1 in 1 ms: refused");
    assert_eq!(script.attempt(refused()), "over: refused");
}

#[test]
fn a_decision_that_panics_is_the_usual_one() {
    let reconnect = exact().decide(|_| panic!("no decision"));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 1 in 1000 ms: refused");
    assert_eq!(script.attempt(refused()), "attempt 2 in 2000 ms: refused");
}

#[test]
fn the_user_is_told_what_was_lost() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let reconnect = exact().attempts(2).decide(move |lost| {
        let retry_after = lost.retry_after().map(|time| time.as_secs());
        tell.lock().unwrap().push((
            lost.attempt,
            lost.was_open,
            lost.status(),
            retry_after,
            lost.error().map(Error::kind),
        ));
        Retry::Usual
    });
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    script.attempt(refused());
    script.attempt(failed(
        status(503).with_retry_after(Duration::from_secs(86_400)),
    ));
    script.supervisor.handle(ms(9_000_000), Input::Timeout);
    script.supervisor.handle(ms(9_000_000), Input::Opened);
    script.supervisor.handle(ms(9_005_000), closed_by_server());
    script.outputs();
    script.attempt(ended(Reason::PingTimeout));
    script.attempt(refused());
    let connect = Some(ErrorKind::Connect);
    assert_eq!(
        *told.lock().unwrap(),
        [
            (0, false, None, None, connect),
            (1, false, Some(503), Some(86_400), Some(ErrorKind::Status)),
            (0, true, None, None, None),
            (1, false, None, None, None),
            // Also where the limit of attempts ends it.
            (2, false, None, None, connect),
        ]
    );
}
