//! Falling back to the next transport when one can't be opened.

use super::*;

/// Rule E18.
#[test]
fn a_transport_that_can_not_be_opened_is_followed_by_the_next_with_a_deadline_of_its_own() {
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    engine.now = 9 * SECOND;
    assert_eq!(
        engine.fails(0, Call::Receive),
        ["drop 0", "open 1 websocket"]
    );
    assert_eq!(engine.wait, Some(19 * SECOND));
    let actions = engine.at(19 * SECOND);
    assert_eq!(
        actions[1],
        "closed Transport(Timeout: no transport could be opened (polling: gone; websocket: the open timeout of 10 s passed without an answer; is the path right? (limit open_timeout))) uncertain [] unsent []"
    );
}

#[test]
fn falling_back_can_be_turned_off() {
    // Ported from engine.io-client: socket.js:92
    let mut engine = TestEngine::new(Config {
        fall_back: false,
        ..config(&["polling", "websocket"])
    });
    engine.actions();
    assert_eq!(
        engine.fails(0, Call::Open),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

/// Rule E33.
#[test]
fn falling_back_reaches_polling_and_does_not_upgrade_from_there() {
    let mut engine = TestEngine::new(config(&["websocket", "polling"]));
    engine.actions();
    assert_eq!(engine.fails(0, Call::Open), ["drop 0", "open 1 polling"]);
    assert_eq!(engine.opened(1, Framing::Payloads), ["recv 1"]);
    assert_eq!(
        engine.receives(1, &[&format!("0{OPEN}")]),
        ["tell connected polling S", "recv 1"]
    );
}

#[test]
fn a_late_result_of_a_dropped_attempt_is_ignored() {
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    engine.fails(0, Call::Open);
    assert!(engine.opened(0, Framing::Payloads).is_empty());
    assert!(engine.receives(0, &[&format!("0{OPEN}")]).is_empty());
    assert!(engine.fails(0, Call::Receive).is_empty());
    assert_eq!(engine.opened(1, Framing::Frames), ["recv 1"]);
}
