//! Confirmation by fences, the window, and receipts across an upgrade and a close. `Fence(0)` is the
//! first fence of a link.

use super::super::interface::ReceiptsConfig;
use super::*;
use crate::amount::Amount;
use crate::fence::Fence;

/// Key of the fences of every link in these tests.
const KEY: u64 = 7;

pub(super) fn receipts(messages: usize, required: bool) -> Option<ReceiptsConfig> {
    Some(ReceiptsConfig {
        window: Amount {
            messages,
            bytes: 1000,
        },
        required,
        cautious: false,
    })
}

pub(super) fn engine_with(
    transports: &[&'static str],
    receipts: Option<ReceiptsConfig>,
) -> TestEngine {
    let mut engine = TestEngine::new(Config {
        receipts,
        ..config(transports)
    });
    engine.actions();
    engine
}

impl TestEngine {
    /// A session on WebSocket with this window, whose first fence has left.
    fn websocket_with_receipts(messages: usize) -> Self {
        let mut engine = engine_with(&["websocket"], receipts(messages, false));
        engine.opened_as(0, Framing::Frames, Confirms::ByFence);
        assert_eq!(
            engine.receives(0, &[&format!("0{OPEN}")]),
            ["tell connected websocket S", "send 0 Fence(0)", "recv 0"]
        );
        assert_eq!(engine.sent(0), ["left 0"]);
        engine
    }

    /// A session on polling whose poll runs.
    pub(super) fn polling_with_receipts() -> Self {
        let mut engine = engine_with(&["polling"], receipts(100, false));
        engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
        engine.receives(0, &[&format!("0{OPEN}")]);
        engine
    }

    pub(super) fn pong(&mut self, link: u64, number: u64) -> Vec<String> {
        let link = LinkId(link);
        let fence = Fence::new(KEY, number);
        let mut outputs = self.on(Input::FenceAnswered { link, fence });
        let packets = Vec::new();
        outputs.extend(self.on(Input::Received { link, packets }));
        outputs
    }
}

/// Rule E51.
#[test]
fn one_pong_confirms_nothing() {
    // Node's server answers one fence while it is closing and discards messages.
    let mut engine = TestEngine::websocket_with_receipts(100);
    assert_eq!(engine.pong(0, 0), ["recv 0"]);
    assert_eq!(engine.sends(&["a"]), ["send 0 4a Fence(1)"]);
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(2)", "recv 0"]);
    assert_eq!(engine.sent(0), ["left 0"]);
    assert_eq!(engine.pong(0, 2), ["confirmed 1", "recv 0"]);
    assert_eq!(
        engine.on(Input::Failed {
            link: LinkId(0),
            call: Call::Receive,
            error: Error::new(ErrorKind::Ended, "gone")
        }),
        [
            "drop 0",
            "closed Transport(Ended: gone) confirmed 1 unconfirmed 0 uncertain [] unsent []"
        ]
    );
}

/// Rule E51.
#[test]
fn a_fence_that_was_sent_before_the_first_pong_proves_nothing() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    // Two batches of an eighth of the window each.
    let eighth: Vec<&str> = vec!["m"; 12];
    assert!(engine.sends(&eighth)[0].ends_with("Fence(1)"));
    assert!(engine.sends(&eighth).is_empty());
    assert!(engine.sent(0)[1].ends_with("Fence(2)"));
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["recv 0"], "Fence(2) is in flight");
    assert_eq!(
        engine.pong(0, 2),
        ["send 0 Fence(3)", "recv 0"],
        "Fence(2) was sent before the pong to Fence(1), so it confirms nothing"
    );
    engine.sent(0);
    assert_eq!(engine.pong(0, 3), ["confirmed 24", "recv 0"]);
}

/// Rule E52.
#[test]
fn an_answer_counts_for_all_fences_before_it() {
    // RFC 6455, 5.5.3: a peer may answer only the newest ping.
    let mut engine = TestEngine::websocket_with_receipts(100);
    let eighth: Vec<&str> = vec!["m"; 12];
    engine.sends(&eighth);
    engine.sent(0);
    engine.sends(&eighth);
    engine.sent(0);
    assert_eq!(engine.pong(0, 2), ["send 0 Fence(3)", "recv 0"]);
    assert_eq!(engine.pong(0, 1), ["recv 0"], "already known");
    engine.sent(0);
    assert_eq!(engine.pong(0, 3), ["confirmed 24", "recv 0"]);
}

/// Rule E52.
#[test]
fn a_pong_that_matches_no_fence_in_flight_is_ignored() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.sends(&["a"]);
    engine.sent(0);
    let link = LinkId(0);
    for fence in [
        Fence::new(KEY + 1, 0),
        Fence::new(KEY, 1),
        Fence::new(KEY, 9),
    ] {
        assert!(engine.on(Input::FenceAnswered { link, fence }).is_empty());
    }
    assert_eq!(engine.pong(0, 0), ["send 0 Fence(1)", "recv 0"]);
}

#[test]
fn with_fence_alone_no_message_is_sent_before_the_first_fence_is_answered() {
    let mut engine = TestEngine::new(Config {
        receipts: receipts(100, true),
        fence_alone: true,
        ..config(&["websocket"])
    });
    engine.actions();
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    engine.receives(0, &[&format!("0{OPEN}")]);
    engine.sent(0);
    assert!(engine.sends(&["a"]).is_empty());
    assert_eq!(
        engine.receives(0, &["2"]),
        ["send 0 3", "recv 0"],
        "pongs pass"
    );
    engine.sent(0);
    assert_eq!(engine.pong(0, 0), ["send 0 4a Fence(1)", "recv 0"]);
}

#[test]
fn a_quiet_session_has_one_fence_in_flight() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    assert_eq!(engine.sends(&["a"]), ["send 0 4a"], "Fence(0) is in flight");
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(engine.pong(0, 0), ["send 0 Fence(1)", "recv 0"]);
    engine.sent(0);
    for _ in 0..5 {
        assert_eq!(engine.sends(&["b"]), ["send 0 4b"]);
        assert_eq!(engine.sent(0), ["left 1"]);
    }
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(2)", "recv 0"]);
}

#[test]
fn a_stream_has_a_fence_for_each_eighth_of_the_window_and_at_most_eight_in_flight() {
    let mut engine = TestEngine::websocket_with_receipts(80);
    engine.pong(0, 0);
    let many: Vec<&str> = vec!["m"; 200];
    let mut sends = engine.sends(&many);
    for _ in 0..20 {
        sends.extend(engine.sent(0));
    }
    sends.retain(|send| send.starts_with("send"));
    // Eight batches of ten messages, each with a fence. The window is then full.
    assert_eq!(sends.len(), 8, "{sends:?}");
    assert!(sends.iter().all(|send| send.contains("Fence")), "{sends:?}");
    assert_eq!(
        engine.receives(0, &["2"]),
        ["send 0 3", "recv 0"],
        "pongs pass"
    );
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(9)", "recv 0"]);
    engine.sent(0);
    for number in 2..9 {
        engine.pong(0, number);
        engine.sent(0);
    }
    let more = engine.pong(0, 9);
    assert_eq!(more[0], "confirmed 10");
    assert!(more[1].starts_with("send 0 4m"), "{more:?}");
}

#[test]
fn a_message_larger_than_the_window_is_sent_alone() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    let large = "x".repeat(2000);
    engine.sends(&["a"]);
    engine.sent(0);
    assert!(
        engine.sends(&[&large]).is_empty(),
        "not while another message is unconfirmed"
    );
    engine.pong(0, 1);
    engine.sent(0);
    let sends = engine.pong(0, 2);
    assert_eq!(sends[0], "confirmed 1");
    assert_eq!(sends[1], format!("send 0 4{large} Fence(3)"));
}

#[test]
fn the_rest_of_a_started_group_uses_up_the_window() {
    let mut engine = engine_with(&["polling"], receipts(30, false));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.receives(0, &[&format!("0{OPEN}")]);
    let mut outgoing = Outgoing::default();
    // A POST holds 16 packets.
    outgoing.push_group(vec!["g".into(); 20]);
    outgoing.push("a".into());
    assert_eq!(
        engine.on(Input::Send(outgoing))[0].matches("4g").count(),
        16
    );
    // The window has room for three more messages. The group still goes on with its four, and leaves no
    // room for `a`.
    let sends = engine.sent(0);
    assert_eq!(sends[1].matches("4g").count(), 4, "{sends:?}");
    assert!(!sends[1].contains("4a"), "{sends:?}");
}

#[test]
fn a_group_is_confirmed_as_a_whole() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    let mut outgoing = Outgoing::default();
    outgoing.push("a".into());
    // Two batches, since a batch of frames holds 128 KiB.
    let half = "x".repeat(100 * 1024);
    outgoing.push_group(vec![half.as_str().into(), half.as_str().into()]);
    assert_eq!(engine.on(Input::Send(outgoing)), ["send 0 4a"]);
    assert_eq!(
        engine.sent(0),
        ["left 1", "send 0 Fence(1)"],
        "the group waits until `a` is confirmed"
    );
    engine.sent(0);
    engine.pong(0, 1);
    engine.sent(0);
    let first = engine.pong(0, 2);
    assert_eq!(first[0], "confirmed 1");
    assert!(first[1].starts_with("send 0 4xxx"), "{:.20}", first[1]);
    assert!(
        !first[1].contains("Fence"),
        "a fence inside the group would confirm nothing"
    );
    let second = engine.sent(0);
    assert!(second[1].ends_with("Fence(3)"), "{}", second[0]);
    engine.sent(0);
    engine.pong(0, 3);
    engine.sent(0);
    assert_eq!(engine.pong(0, 4), ["confirmed 2", "recv 0"]);
}

#[test]
fn unconfirmed_messages_are_returned_in_order() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    for message in ["a", "b", "c"] {
        engine.sends(&[message]);
        if message != "c" {
            engine.sent(0);
        }
    }
    engine.sends(&["d"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) confirmed 0 unconfirmed [a b] uncertain [c] unsent [d]"
        ]
    );
}

/// Rule E30.
#[test]
fn a_pong_to_a_fence_does_not_count_as_activity() {
    // A gateway may answer pings for a server that is dead.
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.now = 44 * SECOND;
    engine.pong(0, 0);
    assert_eq!(
        engine.at(45 * SECOND),
        ["drop 0", "closed PingTimeout uncertain [] unsent []"]
    );
}

/// Rule E55.
#[test]
fn receipts_turn_off_if_the_server_answers_no_pings() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.now = 10 * SECOND;
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    engine.now = 20 * SECOND;
    assert_eq!(
        engine.receives(0, &["4y"]),
        [
            "no receipts: the server does not answer WebSocket pings, so no message can be confirmed",
            "tell message y",
            "recv 0"
        ]
    );
    assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
}

/// Rule E55.
#[test]
fn a_server_that_answers_no_pings_ends_the_session_if_receipts_are_required() {
    let mut engine = engine_with(&["websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    engine.receives(0, &[&format!("0{OPEN}")]);
    engine.sent(0);
    engine.now = 20 * SECOND;
    let end = engine.receives(0, &["4y"]);
    assert_eq!(end[0], "tell message y");
    assert!(
        end[2].starts_with("closed Transport(Unsupported: "),
        "{end:?}"
    );
}

#[test]
fn once_a_fence_was_answered_receipts_stay_on() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    engine.sends(&["a"]);
    engine.sent(0);
    engine.now = 30 * SECOND;
    assert_eq!(engine.receives(0, &["4y"]), ["tell message y", "recv 0"]);
}

#[test]
fn a_link_that_cannot_confirm_turns_receipts_off_or_is_refused() {
    let mut engine = engine_with(&["websocket"], receipts(100, false));
    engine.opened(0, Framing::Frames);
    assert_eq!(
        engine.receives(0, &[&format!("0{OPEN}")]),
        [
            "tell connected websocket S",
            "no receipts: the transport websocket can't confirm messages",
            "recv 0"
        ]
    );
    let mut engine = engine_with(&["websocket", "polling"], receipts(100, true));
    assert_eq!(
        engine.opened(0, Framing::Frames),
        ["drop 0", "open 1 polling"]
    );
    // Nor is the session upgraded to such a link.
    let mut engine = engine_with(&["polling", "websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.receives(0, &[&format!("0{OPEN}")]);
    let refused = engine.opened(1, Framing::Frames);
    assert_eq!(refused[0], "drop 1");
    assert!(refused[1].contains("can't confirm"), "{refused:?}");
}

/// Rule E51.
#[test]
fn messages_sent_over_polling_are_confirmed_by_fences_after_the_upgrade() {
    let mut engine = engine_with(&["polling", "websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.receives(0, &[&format!("0{OPEN}")]);
    assert_eq!(
        engine.opened_as(1, Framing::Frames, Confirms::ByFence),
        ["send 1 2probe", "recv 1"],
        "no fence on a probe"
    );
    engine.sent(1);
    engine.sends(&["a"]);
    engine.sent(0);
    engine.receives(1, &["3probe"]);
    let over = engine.receives(0, &["6"]);
    assert_eq!(over[0], "send 1 5 Fence(0)");
    engine.sent(1);
    assert_eq!(engine.pong(1, 0), ["send 1 Fence(1)", "recv 1"]);
    engine.sent(1);
    assert_eq!(engine.pong(1, 1), ["confirmed 1", "recv 1"]);
}

#[test]
fn a_close_waits_for_confirmations_before_the_goodbye() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.pong(0, 0);
    engine.sends(&["a"]);
    assert!(engine.on(Input::Close).is_empty());
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(2)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 2), ["confirmed 1", "close 0", "recv 0"]);
    let mut engine = TestEngine::polling_with_receipts();
    engine.sends(&["a"]);
    engine.on(Input::Close);
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(
        engine.receives(0, &["4x"]),
        ["tell message x", "recv 0"],
        "polling continues"
    );
    assert_eq!(engine.at(SECOND), ["confirmed 1", "close 0"]);
}

#[test]
fn a_close_without_confirmations_says_goodbye_before_the_close_timeout() {
    let mut engine = TestEngine::websocket_with_receipts(100);
    engine.sends(&["a"]);
    engine.sent(0);
    assert!(engine.on(Input::Close).is_empty());
    assert!(engine.at(ms(3999)).is_empty());
    assert_eq!(engine.at(4 * SECOND), ["close 0"]);
    assert_eq!(
        engine.at(5 * SECOND),
        [
            "drop 0",
            "closed Client without an answer confirmed 0 unconfirmed [a] uncertain [] unsent []"
        ]
    );
}
