//! Fences without receipts, which ride along with something that is sent in any case.

use super::*;

fn websocket_without(fences: bool) -> TestEngine {
    let mut engine = TestEngine::new(Config {
        fences,
        ..config(&["websocket"])
    });
    engine.todo();
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    assert_eq!(
        engine.brings(0, &[&format!("0{OPEN}")]),
        ["tell connected websocket S", "recv 0"]
    );
    engine
}

#[test]
fn without_receipts_fences_ride_along_with_pongs_where_messages_have_left() {
    let mut engine = websocket_without(true);
    assert_eq!(engine.brings(0, &["2"]), ["send 0 3", "recv 0"], "no news");
    engine.sent(0);
    assert_eq!(engine.says(&["a"]), ["send 0 4a"]);
    engine.sent(0);
    assert_eq!(engine.brings(0, &["2"]), ["send 0 3 Fence(0)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 0), ["recv 0"]);
    engine.says(&["b"]);
    engine.sent(0);
    assert_eq!(engine.brings(0, &["2"]), ["send 0 3 Fence(1)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["recv 0"]);
    assert_eq!(
        engine.on(Input::Close),
        ["close 0"],
        "it proves nothing there"
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
    let mut engine = websocket_without(false);
    engine.says(&["a"]);
    engine.sent(0);
    assert_eq!(engine.brings(0, &["2"]), ["send 0 3", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.on(Input::Close), ["close 0"]);
}
