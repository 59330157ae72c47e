//! Every other end of a session, and what becomes of the messages then.

use super::*;

#[test]
fn the_servers_close_is_told_at_once_and_what_follows_it_is_not_delivered() {
    // engine.io: server.js:1441; python-engineio: test_receive_close_packet,
    // test_write_loop_disconnected
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.says(&["b", "c"]);
    assert_eq!(
        engine.brings(0, &["4x", "1", "4y"]),
        [
            "tell message x",
            "drop 0",
            "closed Server uncertain [a] unsent [b c]"
        ]
    );
    assert!(engine.on(Input::Close).is_empty(), "told once");
    assert!(engine.sent(0).is_empty());
    assert_eq!(engine.wait, None);
}

#[test]
fn a_failed_poll_ends_the_session_at_once() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.says(&["b"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ]
    );
}

#[test]
fn after_a_failed_send_what_had_arrived_is_delivered_first() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.says(&["b"]);
    assert_eq!(engine.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        engine.brings(0, &["4x"]),
        [
            "tell message x",
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ],
        "a further poll would be a new request"
    );
    let mut engine = TestEngine::websocket();
    engine.says(&["a"]);
    assert_eq!(engine.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        engine.brings(0, &["4x"]),
        ["tell message x", "recv 0", "drain 0"]
    );
    assert_eq!(
        engine.brings(0, &["1"]),
        ["drop 0", "closed Server uncertain [a] unsent []"],
        "the server told why"
    );
}

#[test]
fn no_time_is_up_while_what_had_arrived_is_taken_in() {
    let mut engine = TestEngine::websocket();
    engine.says(&["a"]);
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
fn a_drain_of_a_server_that_never_stops_has_an_end() {
    let mut engine = TestEngine::websocket();
    engine.says(&["a"]);
    engine.fails(0, Call::Send);
    let mut rounds = 0;
    while !engine.is_over() {
        engine.brings(0, &["4x"]);
        rounds += 1;
        assert!(rounds < 2000);
    }
}

#[test]
fn nothing_leaves_on_a_session_that_has_expired() {
    // engine.io-client: socket.js:288
    let mut engine = TestEngine::websocket();
    engine.now = 100 * SECOND;
    assert!(engine.says(&["a"]).is_empty(), "the machine was suspended");
    assert_eq!(
        engine.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

#[test]
fn a_close_of_an_expired_session_waits_for_its_end_and_hands_everything_back() {
    let mut engine = TestEngine::websocket();
    engine.now = 100 * SECOND;
    engine.says(&["a"]);
    assert!(
        engine.on(Input::Close).is_empty(),
        "no goodbye while something waits"
    );
    assert_eq!(
        engine.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

#[test]
fn a_pong_is_no_message_and_not_reported_as_unsent() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.brings(0, &["2p"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

#[test]
fn a_transport_that_brings_nothing_is_refused() {
    let mut engine = TestEngine::websocket();
    let todo = engine.brings(0, &[]);
    assert!(todo[1].starts_with("closed Transport(Protocol"), "{todo:?}");
}

#[test]
fn what_the_server_said_as_it_closed_is_told_with_its_end() {
    let close = |engine: &mut TestEngine, link| {
        let close = PeerClose::new(1009, "too big");
        let link = LinkId(link);
        assert_eq!(engine.on(Input::PeerClose { link, close }), [""; 0]);
    };
    let mut engine = TestEngine::websocket();
    close(&mut engine, 0);
    let told = "closed Server(1009: too big) uncertain [] unsent []";
    assert_eq!(engine.brings(0, &["1"]), ["drop 0", told]);

    // A transport that reports it as an error.
    let mut engine = TestEngine::websocket();
    close(&mut engine, 0);
    let failed = Input::Failed {
        link: LinkId(0),
        call: Call::Receive,
        error: Error::new(ErrorKind::Ended, "closed"),
    };
    assert_eq!(engine.on(failed), ["drop 0", told]);

    // Another link's is of no consequence.
    let mut engine = TestEngine::websocket();
    close(&mut engine, 7);
    let told = "closed Server uncertain [] unsent []";
    assert_eq!(engine.brings(0, &["1"]), ["drop 0", told]);
}

fn refused() -> Input {
    Input::Failed {
        link: LinkId(0),
        call: Call::Send,
        error: Error::new(ErrorKind::Status, "400").with_status(400),
    }
}

#[test]
fn a_refused_post_waits_for_the_poll_which_tells_of_the_servers_close() {
    // engineioxide closes in the handler of a POST, and refuses that POST.
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    assert!(engine.on(refused()).is_empty());
    assert_eq!(engine.wait, Some(SECOND));
    assert_eq!(
        engine.brings(0, &["4x", "1"]),
        [
            "tell message x",
            "drop 0",
            "closed Server uncertain [a] unsent []"
        ]
    );
}

#[test]
fn a_refused_post_waits_for_no_more_than_a_second() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.says(&["b"]);
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

#[test]
fn a_refused_post_waits_for_no_poll_where_none_runs_and_for_no_second_one() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.on(refused());
    assert_eq!(
        engine.brings(0, &["4x"]),
        [
            "tell message x",
            "drop 0",
            "closed Transport(Status: 400) uncertain [a] unsent []"
        ]
    );
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    engine.says(&["a"]);
    engine.on(Input::Room(false));
    engine.brings(0, &["6"]);
    assert_eq!(
        engine.on(refused()),
        [
            "drop 0",
            "closed Transport(Status: 400) uncertain [a] unsent []"
        ]
    );
}
