//! Fences while receipts are off: the engine then sends them only together with pongs.

use super::*;

fn websocket_with_fences(fences: bool) -> TestEngine {
    let mut engine = TestEngine::new(Config {
        fences,
        ..config(&["websocket"])
    });
    engine.actions();
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    assert_eq!(
        engine.receives(0, &[&format!("0{OPEN}")]),
        ["tell connected websocket S", "recv 0"]
    );
    engine
}

#[test]
fn without_receipts_a_fence_follows_a_pong_if_messages_have_left() {
    let mut engine = websocket_with_fences(true);
    assert_eq!(
        engine.receives(0, &["2"]),
        ["send 0 3", "recv 0"],
        "no message has left, so a fence would prove nothing"
    );
    engine.sent(0);
    assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
    engine.sent(0);
    assert_eq!(engine.receives(0, &["2"]), ["send 0 3 Fence(0)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 0), ["recv 0"]);
    engine.sends(&["b"]);
    engine.sent(0);
    assert_eq!(engine.receives(0, &["2"]), ["send 0 3 Fence(1)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["recv 0"]);
    assert_eq!(
        engine.on(Input::Close),
        ["close 0"],
        "no fence is sent with the goodbye"
    );
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Client confirmed 1 unconfirmed 1 uncertain [] unsent []"
        ]
    );
}

#[test]
fn fences_can_be_switched_off() {
    let mut engine = websocket_with_fences(false);
    engine.sends(&["a"]);
    engine.sent(0);
    assert_eq!(engine.receives(0, &["2"]), ["send 0 3", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.on(Input::Close), ["close 0"]);
}
