//! Confirmation of POSTs by polls.

use super::*;
use crate::transport::Asked;

/// Rules E53, E54.
#[test]
fn a_post_is_confirmed_by_a_poll_that_stays_unanswered() {
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.now = ms(100);
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(engine.wait, Some(ms(1100)));
    assert!(engine.at(ms(1099)).is_empty());
    assert_eq!(engine.at(ms(1100)), ["confirmed 1"]);
}

/// Rule E53.
#[test]
fn a_poll_started_after_the_post_counts_from_its_start() {
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.sent(0);
    engine.now = ms(900);
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    assert!(engine.at(ms(1899)).is_empty());
    assert_eq!(engine.at(ms(1900)), ["confirmed 1"]);
}

/// Rule E53.
#[test]
fn after_a_slow_post_the_settle_time_is_four_round_trips() {
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.now = ms(600);
    engine.sent(0);
    assert!(engine.at(ms(2999)).is_empty());
    assert_eq!(engine.at(ms(3000)), ["confirmed 1"]);
}

/// Rule E53.
#[test]
fn a_poll_counts_from_when_its_request_was_written() {
    let mut engine = TestEngine::polling_with_receipts();
    let asked = |ms_: u64| Input::Active {
        link: LinkId(0),
        received: None,
        sent: None,
        asked: Asked::At(ms(ms_)),
    };
    // The first poll was written at 0. The next one has to open a connection first.
    engine.on(asked(0));
    engine.sends(&["a"]);
    engine.sent(0);
    engine.now = ms(500);
    engine.receives(0, &["4x"]);
    assert!(
        engine.at(ms(1500)).is_empty(),
        "the poll is still connecting"
    );
    assert!(engine.at(ms(2500)).is_empty());
    engine.now = ms(2600);
    engine.on(asked(2600));
    assert!(engine.at(ms(3599)).is_empty());
    assert_eq!(engine.at(ms(3600)), ["confirmed 1"]);
}

/// Rule E53.
#[test]
fn a_poll_that_is_repeated_counts_from_when_it_was_written_again() {
    let mut engine = TestEngine::polling_with_receipts();
    let asked = |asked| Input::Active {
        link: LinkId(0),
        received: None,
        sent: None,
        asked,
    };
    engine.sends(&["a"]);
    engine.sent(0);
    engine.now = ms(100);
    engine.on(asked(Asked::At(ms(100))));
    // The reused connection had ended, so the poll is sent again on a new one.
    engine.on(asked(Asked::NotYet));
    assert!(engine.at(ms(1200)).is_empty());
    assert!(engine.at(ms(2300)).is_empty());
    engine.on(asked(Asked::At(ms(2300))));
    assert!(engine.at(ms(3299)).is_empty());
    assert_eq!(engine.at(ms(3300)), ["confirmed 1"]);
}

/// Rule E53.
#[test]
fn a_post_is_confirmed_by_two_further_polls_without_a_close() {
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.sent(0);
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    assert_eq!(
        engine.receives(0, &["4y"]),
        ["tell message y", "recv 0"],
        "one poll started after the POST is not enough"
    );
    assert_eq!(
        engine.receives(0, &["4z"]),
        ["confirmed 1", "tell message z", "recv 0"]
    );
}

/// Rule E53.
#[test]
fn a_close_in_the_payload_confirms_nothing() {
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.sent(0);
    engine.receives(0, &["4x"]);
    engine.receives(0, &["4y"]);
    assert_eq!(
        engine.receives(0, &["4z", "1"]),
        [
            "tell message z",
            "drop 0",
            "closed Server confirmed 0 unconfirmed [a] uncertain [] unsent []"
        ]
    );
}
