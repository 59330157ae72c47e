//! Ends of a session other than a close by the user, and the fate of its messages.

use super::*;

/// Rule E44.
#[test]
fn the_servers_close_ends_the_session_at_once_and_later_packets_are_not_delivered() {
    // Ported from engine.io: server.js:1441; python-engineio: test_receive_close_packet,
    // test_write_loop_disconnected
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b", "c"]);
    assert_eq!(
        engine.receives(0, &["4x", "1", "4y"]),
        [
            "tell message x",
            "drop 0",
            "closed Server uncertain [a] unsent [b c]"
        ]
    );
    assert!(
        engine.on(Input::Close).is_empty(),
        "the end is reported once"
    );
    assert!(engine.sent(0).is_empty());
    assert_eq!(engine.wait, None);
}

/// Rule E45.
#[test]
fn a_failed_poll_ends_the_session_at_once() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ]
    );
}

#[test]
fn after_a_failed_send_packets_that_had_arrived_are_delivered_first() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    assert_eq!(engine.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        engine.receives(0, &["4x"]),
        [
            "tell message x",
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ],
        "no further poll, since it would be a new request"
    );
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    assert_eq!(engine.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        engine.receives(0, &["4x"]),
        ["tell message x", "recv 0", "drain 0"]
    );
    assert_eq!(
        engine.receives(0, &["1"]),
        ["drop 0", "closed Server uncertain [a] unsent []"],
        "the server's close is the reason"
    );
}

#[test]
fn no_deadline_applies_while_the_link_is_drained() {
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    engine.fails(0, Call::Send);
    assert_eq!(engine.wait, None);
    assert!(engine.at(100 * SECOND).is_empty());
    assert_eq!(
        engine.on(Input::Drained { link: LinkId(0) }),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent []"
        ]
    );
}

#[test]
fn draining_a_server_that_never_stops_sending_ends() {
    let mut engine = TestEngine::websocket();
    engine.sends(&["a"]);
    engine.fails(0, Call::Send);
    let mut rounds = 0;
    while !engine.is_over() {
        engine.receives(0, &["4x"]);
        rounds += 1;
        assert!(rounds < 2000);
    }
}

/// Rule E32.
#[test]
fn nothing_leaves_on_a_session_that_has_expired() {
    // Ported from engine.io-client: socket.js:288
    let mut engine = TestEngine::websocket();
    engine.now = 100 * SECOND;
    assert!(engine.sends(&["a"]).is_empty(), "the machine was suspended");
    assert_eq!(
        engine.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

/// Rule E32.
#[test]
fn a_close_of_an_expired_session_sends_no_goodbye_and_returns_all_messages() {
    let mut engine = TestEngine::websocket();
    engine.now = 100 * SECOND;
    engine.sends(&["a"]);
    assert!(
        engine.on(Input::Close).is_empty(),
        "no goodbye while a message is queued"
    );
    assert_eq!(
        engine.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

#[test]
fn a_pong_is_not_reported_as_unsent() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.receives(0, &["2p"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

#[test]
fn a_recv_without_packets_is_a_protocol_error() {
    let mut engine = TestEngine::websocket();
    let actions = engine.receives(0, &[]);
    assert!(
        actions[1].starts_with("closed Transport(Protocol"),
        "{actions:?}"
    );
}

/// Rule E44.
#[test]
fn the_servers_close_code_and_reason_are_reported_with_the_end() {
    let close = |engine: &mut TestEngine, link| {
        let close = PeerClose::new(1009, "too big");
        let link = LinkId(link);
        assert_eq!(engine.on(Input::PeerClose { link, close }), [""; 0]);
    };
    let mut engine = TestEngine::websocket();
    close(&mut engine, 0);
    let told = "closed Server(1009: too big) uncertain [] unsent []";
    assert_eq!(engine.receives(0, &["1"]), ["drop 0", told]);

    // A transport may report the close as an error instead.
    let mut engine = TestEngine::websocket();
    close(&mut engine, 0);
    let failed = Input::Failed {
        link: LinkId(0),
        call: Call::Receive,
        error: Error::new(ErrorKind::Ended, "closed"),
    };
    assert_eq!(engine.on(failed), ["drop 0", told]);

    // The close of another link is ignored.
    let mut engine = TestEngine::websocket();
    close(&mut engine, 7);
    let told = "closed Server uncertain [] unsent []";
    assert_eq!(engine.receives(0, &["1"]), ["drop 0", told]);
}

fn refused() -> Input {
    Input::Failed {
        link: LinkId(0),
        call: Call::Send,
        error: Error::new(ErrorKind::Status, "400").with_status(400),
    }
}

/// Rule E47.
#[test]
fn after_a_refused_post_the_poll_may_report_the_servers_close() {
    // If an engineioxide handler closes the session while it handles a POST, the server refuses that
    // POST.
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    assert!(engine.on(refused()).is_empty());
    assert_eq!(engine.wait, Some(SECOND));
    assert_eq!(
        engine.receives(0, &["4x", "1"]),
        [
            "tell message x",
            "drop 0",
            "closed Server uncertain [a] unsent []"
        ]
    );
}

/// Rule E47.
#[test]
fn after_a_refused_post_the_poll_is_awaited_for_at_most_a_second() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.sends(&["b"]);
    engine.on(refused());
    assert!(engine.at(ms(999)).is_empty());
    assert_eq!(engine.at(SECOND), ["drain 0"]);
    assert_eq!(
        engine.on(Input::Drained { link: LinkId(0) }),
        [
            "drop 0",
            "closed Transport(Status: 400) uncertain [a] unsent [b]"
        ]
    );
}

/// Rule E47.
#[test]
fn after_a_refused_post_only_a_poll_that_already_runs_is_awaited() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.on(refused());
    assert_eq!(
        engine.receives(0, &["4x"]),
        [
            "tell message x",
            "drop 0",
            "closed Transport(Status: 400) uncertain [a] unsent []"
        ]
    );
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.sends(&["a"]);
    engine.on(Input::Room(false));
    engine.receives(0, &["6"]);
    assert_eq!(
        engine.on(refused()),
        [
            "drop 0",
            "closed Transport(Status: 400) uncertain [a] unsent []"
        ]
    );
}
