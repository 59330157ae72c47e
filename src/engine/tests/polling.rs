//! Polls and POSTs: one of each at a time, pongs, and the pause after a poll with only noops.

use super::*;

/// Rule E20.
#[test]
fn one_poll_at_a_time_and_one_post_at_a_time() {
    // Ported from protocol: test-suite.js:312
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
    assert!(engine.sends(&["b"]).is_empty());
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    assert_eq!(engine.sent(0), ["left 1", "send 0 4b"]);
    assert_eq!(engine.sent(0), ["left 1"]);
}

/// Rule E28.
#[test]
fn pongs_are_sent_first_and_only_the_newest_is_queued() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    engine.receives(0, &["2old"]);
    engine.receives(0, &["2new"]);
    assert_eq!(engine.sent(0), ["left 1", "send 0 3new 4b"]);
}

/// Rule E28.
#[test]
fn a_ping_with_too_much_data_is_refused() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    let ping = format!("2{}", "x".repeat(125));
    assert_eq!(
        engine.receives(0, &[&ping]),
        [format!("send 0 3{}", "x".repeat(125)), "recv 0".into()]
    );
    let actions = engine.receives(0, &["4a", &format!("{ping}x"), "4b"]);
    assert_eq!(actions[..2], ["tell message a", "drop 0"]);
    assert!(
        actions[2].starts_with("closed Transport(Protocol"),
        "{actions:?}"
    );
}

/// Rule E26.
#[test]
fn polls_with_only_noops_are_spaced_further_and_further_apart() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let before = engine.now;
        assert!(engine.receives(0, &["6"]).is_empty());
        let due = engine.wait.unwrap();
        assert!(engine.at(due - ms(1)).is_empty());
        assert_eq!(engine.at(due), ["recv 0"]);
        pauses.push((due - before).as_millis());
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
    assert_eq!(
        engine.receives(0, &["6", "4a"]),
        ["tell message a", "recv 0"],
        "another packet resets the pause"
    );
    assert!(engine.receives(0, &["6", "6"]).is_empty());
    assert_eq!(engine.wait, Some(engine.now + ms(50)));
    assert_eq!(
        engine.sends(&["x"]),
        ["send 0 4x", "recv 0"],
        "a message to send ends the pause"
    );
}

#[test]
fn noops_on_a_websocket_do_not_delay_the_next_recv() {
    // Ported from python-engineio: test_receive_noop_packet
    let mut engine = TestEngine::websocket();
    assert_eq!(engine.receives(0, &["6"]), ["recv 0"]);
}
