//! The handshake: what opens a session, and what fails it.

use super::*;

#[test]
fn the_first_packet_opens_the_session_and_those_behind_it_follow() {
    // engine.io-client: connection.js:9; engine.io: server.js:815; python-engineio:
    // test_polling_connection_with_more_packets
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.todo();
    engine.opened(0, Framing::Payloads);
    assert_eq!(
        engine.brings(0, &[&format!("0{OPEN}"), "4a", "2x", "4b"]),
        [
            "tell connected polling S",
            "tell message a, message b",
            "send 0 3x",
            "recv 0"
        ]
    );
}

#[test]
fn a_first_packet_that_is_not_open_fails_at_once_without_a_second_poll() {
    // python-engineio: test_polling_connection_no_open_packet
    for first in ["4a", "6", "2", "1", "3probe", "5"] {
        let mut engine = TestEngine::new(config(&["polling", "websocket"]));
        engine.todo();
        engine.opened(0, Framing::Payloads);
        let todo = engine.brings(0, &[first]);
        assert_eq!(todo[0], "drop 0", "{first}");
        assert!(
            todo[1].starts_with("closed Transport(Handshake"),
            "{todo:?}"
        );
        assert_eq!(todo.len(), 2);
    }
}

#[test]
fn a_malformed_open_packet_fails_with_the_fields_name_and_no_other_transport_is_tried() {
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.todo();
    engine.opened(0, Framing::Payloads);
    let todo = engine.brings(0, &[r#"0{"sid":"a","pingInterval":-3,"pingTimeout":1}"#]);
    assert!(todo[1].contains("pingInterval"), "{todo:?}");
    assert!(engine.is_over());
}

#[test]
fn an_open_packet_has_a_size_limit() {
    let mut engine = TestEngine::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    engine.todo();
    engine.opened(0, Framing::Payloads);
    let long = format!("0{}{OPEN}", " ".repeat(300));
    let todo = engine.brings(0, &[&long]);
    assert!(
        todo[1].contains("Limit") && todo[1].contains("300 bytes"),
        "{todo:?}"
    );
    let mut engine = TestEngine::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    engine.todo();
    engine.opened(0, Framing::Payloads);
    let exact = format!("0{}{OPEN}", " ".repeat(300 - OPEN.len()));
    assert_eq!(engine.brings(0, &[&exact])[0], "tell connected polling S");
}

#[test]
fn a_second_open_packet_changes_nothing_whatever_it_holds() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert_eq!(
        engine.brings(0, &["0{}", "4a", "0"]),
        ["tell message a", "recv 0"]
    );
}

#[test]
fn the_handshake_has_a_deadline() {
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.todo();
    assert_eq!(engine.wait, Some(10 * SECOND));
    engine.opened(0, Framing::Payloads);
    assert!(engine.at(ms(9_999)).is_empty());
    let todo = engine.at(10 * SECOND);
    assert_eq!(
        todo,
        [
            "drop 0",
            "closed Transport(Timeout: the open timeout of 10 s passed (limit open_timeout)) uncertain [] unsent []"
        ]
    );
}

#[test]
fn messages_are_wanted_while_the_session_lives_and_none_waits() {
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.todo();
    assert!(!engine.inner.wants_messages(), "before it is open");
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert!(engine.inner.wants_messages());
    engine.says(&["a"]);
    assert!(
        engine.inner.wants_messages(),
        "what is being sent does not wait"
    );
    engine.says(&["b"]);
    assert!(!engine.inner.wants_messages());
    engine.on(Input::Close);
    engine.sent(0);
    assert!(engine.inner.wants_messages(), "while closing, too");
    engine.brings(0, &["1"]);
    assert!(!engine.inner.wants_messages());
}
