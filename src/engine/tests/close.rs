//! A close by the user: sending what is queued, the goodbye, and their time limits.

use std::io;

use super::*;
use crate::transport::Asked;

#[test]
fn a_close_while_a_transport_opens_drops_the_link() {
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    assert_eq!(
        engine.on(Input::Close),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

/// Rule E42.
#[test]
fn a_close_before_a_websockets_open_packet_drops_it() {
    // Ported from engine.io: server.js:1539
    let mut engine = TestEngine::new(config(&["websocket"]));
    engine.actions();
    engine.opened(0, Framing::Frames);
    assert_eq!(
        engine.on(Input::Close),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

/// Rule E42.
#[test]
fn a_close_during_the_first_poll_learns_the_sid_and_says_goodbye() {
    // Ported from engine.io: server.js:1522
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    assert!(engine.on(Input::Close).is_empty());
    assert_eq!(engine.wait, Some(5 * SECOND));
    assert_eq!(
        engine.receives(0, &[&format!("0{OPEN}"), "4a"]),
        ["close 0"]
    );
    assert_eq!(
        engine.on(said_goodbye(LinkId(0))),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

/// Rule E41.
#[test]
fn a_close_during_a_first_poll_that_never_returns_ends_at_the_close_timeout() {
    let mut engine = TestEngine::new(config(&["polling"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    engine.on(Input::Close);
    assert!(engine.at(ms(4_999)).is_empty());
    assert_eq!(
        engine.at(5 * SECOND),
        [
            "drop 0",
            "closed Client without an answer uncertain [] unsent []"
        ]
    );
    let mut engine = TestEngine::new(config(&["polling", "websocket"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    engine.on(Input::Close);
    assert_eq!(
        engine.fails(0, Call::Receive),
        ["drop 0", "closed Client uncertain [] unsent []"],
        "no other transport is opened"
    );
}

/// Rule E40.
#[test]
fn a_close_flushes_and_then_says_goodbye_on_polling() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    assert!(engine.on(Input::Close).is_empty());
    assert_eq!(
        engine.receives(0, &["4x"]),
        ["tell message x", "recv 0"],
        "messages that arrive meanwhile are delivered"
    );
    assert_eq!(engine.sent(0), ["left 1", "send 0 4b"]);
    assert_eq!(engine.sent(0), ["left 1", "close 0"]);
    assert!(
        engine.on(Input::Close).is_empty(),
        "a second close changes nothing"
    );
    // The server answers the goodbye and still holds the poll, as python-engineio does.
    assert_eq!(engine.on(said_goodbye(LinkId(0))), ["drain 0"]);
    assert_eq!(
        engine.on(Input::Drained { link: LinkId(0) }),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn an_idle_close_on_polling_starts_no_other_poll() {
    // Ported from python-engineio: test_read_loop_polling_disconnected
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert_eq!(engine.on(Input::Close), ["close 0"]);
    assert!(engine.receives(0, &["6"]).is_empty());
    assert_eq!(
        engine.on(said_goodbye(LinkId(0))),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_poll_that_fails_after_the_goodbye_does_not_change_the_reason() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.on(Input::Close);
    assert!(engine.fails(0, Call::Receive).is_empty());
    assert_eq!(
        engine.on(said_goodbye(LinkId(0))),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_poll_that_fails_before_the_goodbye_ends_the_session_with_its_error() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    engine.on(Input::Close);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ]
    );
}

#[test]
fn a_goodbye_result_of_another_link_or_before_the_close_is_ignored() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    assert!(engine.on(said_goodbye(LinkId(0))).is_empty());
    engine.on(Input::Close);
    assert!(engine.on(said_goodbye(LinkId(7))).is_empty());
    assert!(engine.on(Input::Drained { link: LinkId(7) }).is_empty());
    assert!(!engine.is_over());
}

#[test]
fn a_close_on_websocket_delivers_what_had_arrived() {
    let mut engine = TestEngine::websocket();
    assert_eq!(engine.on(Input::Close), ["close 0"]);
    assert_eq!(engine.receives(0, &["4a"]), ["tell message a", "recv 0"]);
    assert_eq!(engine.on(said_goodbye(LinkId(0))), ["drain 0"]);
    assert_eq!(
        engine.receives(0, &["4b"]),
        ["tell message b", "recv 0", "drain 0"]
    );
    assert_eq!(
        engine.receives(0, &["4c", "1"]),
        [
            "tell message c",
            "drop 0",
            "closed Client uncertain [] unsent []"
        ]
    );
}

/// Rule E40.
#[test]
fn a_server_that_answers_the_goodbye_leaves_the_client_as_the_reason() {
    let mut engine = TestEngine::websocket();
    engine.on(Input::Close);
    assert_eq!(
        engine.receives(0, &["1"]),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
    let mut engine = TestEngine::websocket();
    engine.on(Input::Close);
    assert_eq!(
        engine.fails(0, Call::Receive),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

/// Rule E40.
#[test]
fn r9_a_connection_that_fails_after_the_goodbye_does_not_count_as_an_answer() {
    let failed = |kind: io::ErrorKind| {
        Error::new(ErrorKind::Ended, "failed").with_source(io::Error::from(kind))
    };
    for (error, answer) in [
        (Error::new(ErrorKind::Ended, "ended"), ""),
        (failed(io::ErrorKind::UnexpectedEof), ""),
        (failed(io::ErrorKind::ConnectionReset), " without an answer"),
        (failed(io::ErrorKind::BrokenPipe), " without an answer"),
        (
            Error::new(ErrorKind::Protocol, "nonsense"),
            " without an answer",
        ),
    ] {
        let mut engine = TestEngine::websocket();
        engine.on(Input::Close);
        let actions = engine.on(Input::Failed {
            link: LinkId(0),
            call: Call::Receive,
            error: error.clone(),
        });
        let end = format!("closed Client{answer} uncertain [] unsent []");
        assert_eq!(actions, ["drop 0".to_owned(), end], "{error:?}");
    }
    for mut engine in [
        TestEngine::websocket(),
        TestEngine::polling(&["polling"], OPEN),
    ] {
        engine.on(Input::Close);
        engine.on(Input::SaidGoodbye {
            link: LinkId(0),
            answered: false,
        });
        assert_eq!(
            engine.on(Input::Drained { link: LinkId(0) }),
            [
                "drop 0",
                "closed Client without an answer uncertain [] unsent []"
            ]
        );
    }
}

/// Rule E44.
#[test]
fn a_server_that_closes_before_the_goodbye_is_the_reason() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    engine.on(Input::Close);
    assert_eq!(
        engine.receives(0, &["1"]),
        ["drop 0", "closed Server uncertain [a] unsent [b]"]
    );
}

/// Rule E43.
#[test]
fn a_close_during_an_upgrade_goes_back_to_polling_and_keeps_the_probe_to_the_end() {
    // Ported from engine.io-client: connection.js:160
    let mut engine = TestEngine::probing();
    engine.sends(&["a"]);
    assert!(engine.on(Input::Close).is_empty());
    assert!(
        engine.receives(1, &["3probe"]).is_empty(),
        "the probe was abandoned"
    );
    assert_eq!(engine.sent(0), ["left 1", "close 0"]);
    assert!(engine.fails(1, Call::Receive).is_empty());
    assert_eq!(engine.on(said_goodbye(LinkId(0))), ["drain 0"]);
    assert_eq!(
        engine.on(Input::Drained { link: LinkId(0) }),
        ["drop 1", "drop 0", "closed Client uncertain [] unsent []"]
    );
    let mut engine = TestEngine::pausing();
    engine.sends(&["a"]);
    assert_eq!(engine.on(Input::Close), ["send 0 4a"]);
    assert_eq!(engine.sent(0), ["left 1", "close 0"]);
}

#[test]
fn a_close_right_after_the_swap_flushes_on_the_new_link() {
    let mut engine = TestEngine::pausing();
    engine.sends(&["a"]);
    engine.receives(0, &["6"]);
    assert!(engine.on(Input::Close).is_empty());
    assert_eq!(engine.sent(1), ["left 1", "send 1 4a"]);
    assert_eq!(engine.sent(1), ["left 1", "close 1"]);
}

/// Rule E41.
#[test]
fn the_close_timeout_counts_time_without_progress_and_has_a_limit() {
    let mut engine = TestEngine::websocket();
    engine.inner.handle(
        engine.now,
        Input::Send((0..100).map(|_| text(&"x".repeat(130_000))).collect()),
    );
    engine.outputs();
    engine.on(Input::Close);
    for step in 1..15 {
        engine.now = 4 * SECOND * step;
        engine.sent(0);
        engine.receives(0, &["2"]);
        assert!(engine.at(4 * SECOND * step + ms(3_999)).is_empty());
    }
    assert_eq!(engine.wait, Some(60 * SECOND));
    let actions = engine.at(60 * SECOND);
    assert!(
        actions[1].starts_with("closed Client without an answer uncertain [xxx"),
        "{}",
        actions[1].len()
    );
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    engine.now = SECOND;
    engine.on(Input::Close);
    engine.receives(0, &["4x"]);
    assert_eq!(
        engine.wait,
        Some(6 * SECOND),
        "packets from the server are not progress"
    );
    assert_eq!(
        engine.at(6 * SECOND),
        [
            "drop 0",
            "closed Client without an answer uncertain [a] unsent [b]"
        ]
    );
}

/// Rule E41.
#[test]
fn bytes_that_leave_are_progress_of_a_close() {
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    engine.on(Input::Close);
    engine.now = 4 * SECOND;
    engine.on(Input::Active {
        link: LinkId(0),
        asked: Asked::Untold,
        received: None,
        sent: Some(4 * SECOND),
    });
    assert_eq!(engine.wait, Some(9 * SECOND));
}

#[test]
fn pings_are_answered_while_closing() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.on(Input::Close);
    engine.receives(0, &["2p"]);
    assert_eq!(engine.sent(0), ["left 1", "send 0 3p"]);
    assert_eq!(engine.sent(0), ["left 1", "close 0"]);
}

#[test]
fn while_closing_messages_are_delivered_until_the_inbox_is_full() {
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    engine.on(Input::Room(false));
    // Before the close a full inbox only stops further `recv` calls; what the running one returns is
    // delivered.
    let actions = engine.receives(0, &["4b"]);
    assert_eq!(actions, ["tell message b"]);
    engine.on(Input::Room(true));
    engine.on(Input::Close);
    assert_eq!(
        engine.receives(0, &["4c", "4d"]),
        ["tell message c, message d", "recv 0"]
    );
    engine.on(Input::Room(false));
    assert_eq!(engine.receives(0, &["4e"]), ["recv 0"]);
    // There is room again, but delivering `f` without `e` would leave a gap.
    engine.on(Input::Room(true));
    assert_eq!(engine.receives(0, &["4f", "2"]), ["recv 0"]);
    assert_eq!(
        engine.sent(0),
        ["left 1", "send 0 3"],
        "pings are still answered"
    );
}
