//! The handshake: what opens a session, and what makes it fail.

use super::*;

/// Rules E15, E17.
#[test]
fn the_first_packet_opens_the_session_and_packets_after_it_are_handled() {
    // Ported from engine.io-client: connection.js:9; engine.io: server.js:815; python-engineio:
    // test_polling_connection_with_more_packets
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    assert_eq!(
        engine.receives(0, &[&format!("0{OPEN}"), "4a", "2x", "4b"]),
        [
            "tell connected polling S",
            "tell message a, message b",
            "send 0 3x",
            "recv 0"
        ]
    );
}

/// Rule E15.
#[test]
fn a_first_packet_that_is_not_open_fails_at_once_without_a_second_poll() {
    // Ported from python-engineio: test_polling_connection_no_open_packet
    for first in ["4a", "6", "2", "1", "3probe", "5"] {
        let mut engine = TestEngine::new(config(&["polling", "websocket"]));
        engine.actions();
        engine.opened(0, Framing::Payloads);
        let actions = engine.receives(0, &[first]);
        assert_eq!(actions[0], "drop 0", "{first}");
        assert!(
            actions[1].starts_with("closed Transport(Handshake"),
            "{actions:?}"
        );
        assert_eq!(actions.len(), 2);
    }
}

/// Rules E16, E18.
#[test]
fn the_error_of_a_malformed_open_packet_names_the_field_and_no_other_transport_is_tried() {
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    let actions = engine.receives(0, &[r#"0{"sid":"a","pingInterval":-3,"pingTimeout":1}"#]);
    assert!(actions[1].contains("pingInterval"), "{actions:?}");
    assert!(engine.is_over());
}

#[test]
fn an_open_packet_has_a_size_limit() {
    let mut engine = TestEngine::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    engine.actions();
    engine.opened(0, Framing::Payloads);
    let long = format!("0{}{OPEN}", " ".repeat(300));
    let actions = engine.receives(0, &[&long]);
    assert!(
        actions[1].contains("Limit") && actions[1].contains("300 bytes"),
        "{actions:?}"
    );
    let mut engine = TestEngine::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    engine.actions();
    engine.opened(0, Framing::Payloads);
    let exact = format!("0{}{OPEN}", " ".repeat(300 - OPEN.len()));
    assert_eq!(engine.receives(0, &[&exact])[0], "tell connected polling S");
}

/// Rule E17.
#[test]
fn a_second_open_packet_changes_nothing_whatever_it_holds() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert_eq!(
        engine.receives(0, &["0{}", "4a", "0"]),
        ["tell message a", "recv 0"]
    );
}

/// Rule E18.
#[test]
fn the_handshake_has_a_deadline() {
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.actions();
    assert_eq!(engine.wait, Some(10 * SECOND));
    engine.opened(0, Framing::Payloads);
    assert!(engine.at(ms(9_999)).is_empty());
    let actions = engine.at(10 * SECOND);
    assert_eq!(
        actions,
        [
            "drop 0",
            "closed Transport(Timeout: the open timeout of 10 s passed without an answer; is the path right? (limit open_timeout)) uncertain [] unsent []"
        ]
    );
}

#[test]
fn the_engine_wants_messages_while_the_session_lives_and_none_is_queued() {
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.actions();
    assert!(!engine.inner.wants_messages(), "before it is open");
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert!(engine.inner.wants_messages());
    engine.sends(&["a"]);
    assert!(
        engine.inner.wants_messages(),
        "a message that is being sent is not queued"
    );
    engine.sends(&["b"]);
    assert!(!engine.inner.wants_messages());
    engine.on(Input::Close);
    engine.sent(0);
    assert!(engine.inner.wants_messages(), "also while closing");
    engine.receives(0, &["1"]);
    assert!(!engine.inner.wants_messages());
}
