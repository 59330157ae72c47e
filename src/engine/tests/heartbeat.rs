//! Timeouts of a silent server and of a `send` without progress.

use super::*;
use crate::transport::Asked;

/// Rule E30.
#[test]
fn silence_for_interval_and_timeout_ends_the_session() {
    // Ported from engine.io: server.js:1260, :1292
    let mut engine = TestEngine::websocket();
    assert_eq!(engine.wait, Some(45 * SECOND));
    assert!(engine.at(ms(44_999)).is_empty());
    assert_eq!(
        engine.at(45 * SECOND),
        ["drop 0", "closed PingTimeout uncertain [] unsent []"]
    );
}

/// Rule E30.
#[test]
fn every_packet_and_every_byte_counts_as_activity_at_the_time_it_arrived() {
    // Ported from python-engineio: test_write_loop_empty_queue
    let mut engine = TestEngine::websocket();
    engine.now = 10 * SECOND;
    engine.receives(0, &["6"]);
    assert_eq!(engine.wait, Some(55 * SECOND));
    engine.now = 50 * SECOND;
    engine.on(Input::Active {
        link: LinkId(0),
        asked: Asked::Untold,
        received: Some(20 * SECOND),
        sent: None,
    });
    assert_eq!(
        engine.wait,
        Some(65 * SECOND),
        "counted from when the bytes arrived, not from when they were reported"
    );
    engine.on(Input::Active {
        link: LinkId(0),
        asked: Asked::Untold,
        received: Some(15 * SECOND),
        sent: None,
    });
    assert_eq!(
        engine.wait,
        Some(65 * SECOND),
        "the deadline never moves back"
    );
}

/// Rule E31.
#[test]
fn while_the_inbox_is_full_the_heartbeat_is_suspended() {
    let mut engine = TestEngine::websocket();
    engine.on(Input::Room(false));
    assert_eq!(
        engine.wait,
        Some(45 * SECOND),
        "the running call would notice a packet"
    );
    engine.now = 40 * SECOND;
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x"]);
    assert_eq!(engine.wait, None);
    assert!(engine.at(1000 * SECOND).is_empty());
    assert_eq!(engine.on(Input::Room(true)), ["recv 0"]);
    assert_eq!(engine.wait, Some(1045 * SECOND));
}

/// Rule E29.
#[test]
fn the_client_never_pings_but_to_probe() {
    let mut engine = TestEngine::websocket();
    for step in 1..100 {
        engine.now = 30 * SECOND * step;
        let actions = engine.receives(0, &["2"]);
        assert_eq!(actions, ["send 0 3", "recv 0"]);
        engine.sent(0);
    }
}

#[test]
fn a_batch_without_progress_fails() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    assert_eq!(engine.wait, Some(10 * SECOND));
    engine.now = 9 * SECOND;
    engine.on(Input::Active {
        link: LinkId(0),
        asked: Asked::Untold,
        received: None,
        sent: Some(8 * SECOND),
    });
    assert_eq!(engine.wait, Some(18 * SECOND));
    assert_eq!(engine.at(18 * SECOND), ["drain 0"]);
    let actions = engine.on(Input::Drained { link: LinkId(0) });
    assert_eq!(
        actions[1],
        "closed Transport(Timeout: the send timeout of 10 s passed (limit send_timeout)) uncertain [a] unsent []"
    );
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    assert_eq!(engine.inner.send_deadline(), Some(45 * SECOND));
}
