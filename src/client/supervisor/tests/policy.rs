//! Whether another attempt follows, and when.

use std::sync::{Arc, Mutex};

use super::*;
use crate::event::PeerClose;
use crate::reconnect::Retry;

/// The number of attempts (at most 20) that follow if each attempt fails with this end.
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
fn the_client_gives_up_after_three_hopeless_failures_in_a_row() {
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
fn every_other_end_is_retried_without_limit() {
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
        // `NotEngineIo` may be an error page of a load balancer, and `Handshake` a server that closes
        // the session instead of opening it.
        of_kind(ErrorKind::NotEngineIo),
        of_kind(ErrorKind::Handshake),
        of_kind(ErrorKind::Other),
    ];
    for end in ends {
        assert_eq!(attempts_after(&end), 20, "{end:?}");
    }
}

#[test]
fn another_failure_or_a_session_resets_the_count_of_hopeless_failures() {
    let mut script = Script::new(&exact(), &["open 1", "wait"]);
    let forbidden = || failed(status(403));
    script.attempt(forbidden());
    script.attempt(forbidden());
    script.attempt(refused());
    script.attempt(forbidden());
    let told = script.attempt(forbidden());
    assert_eq!(told, "attempt 5 in 5000 ms: refused");
    // The end of an open session is not a hopeless failure.
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
fn the_limit_of_attempts_counts_from_the_last_session_that_lasted() {
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
fn a_delay_longer_than_retry_after_is_kept() {
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
fn retry_after_is_obeyed_after_an_open_session_too() {
    let mut script = Script::open(&exact());
    let told = script.attempt(failed(status(503).with_retry_after(ms(30_000))));
    assert_eq!(told, "attempt 1 in 30000 ms: refused");
}

#[test]
fn a_delay_from_decide_is_used_exactly() {
    let after = Duration::from_micros(7_654_321);
    let reconnect = Reconnect::new().decide(move |_| Retry::After(after));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    for attempt in 1..10 {
        // This also holds where the default policy would give up, or wait for longer.
        let told = script.attempt(failed(status(403).with_retry_after(ms(60_000))));
        assert_eq!(told, format!("attempt {attempt} in 7654.321 ms: refused"));
    }
}

#[test]
fn decide_can_end_the_client() {
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
fn the_limit_of_attempts_overrides_decide() {
    let reconnect = exact().attempts(1).decide(|_| Retry::After(ms(1)));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 1 in 1 ms: refused");
    assert_eq!(script.attempt(refused()), "over: refused");
}

#[test]
fn a_panic_in_decide_counts_as_usual() {
    let reconnect = exact().decide(|_| panic!("no decision"));
    let mut script = Script::new(&reconnect, &["open 1", "wait"]);
    assert_eq!(script.attempt(refused()), "attempt 1 in 1000 ms: refused");
    assert_eq!(script.attempt(refused()), "attempt 2 in 2000 ms: refused");
}

#[test]
fn decide_is_called_with_what_was_lost() {
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
            // `decide` is called even if the limit of attempts ends the client.
            (2, false, None, None, connect),
        ]
    );
}
