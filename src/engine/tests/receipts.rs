//! What is confirmed, and by what: fences and polls. `Fence(0)` is the first of a link.

use super::super::interface::ReceiptsConfig;
use super::*;
use crate::amount::Amount;
use crate::fence::Fence;

/// The key of every link's fences here.
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

pub(super) fn with(transports: &[&'static str], receipts: Option<ReceiptsConfig>) -> TestEngine {
    let mut engine = TestEngine::new(Config {
        receipts,
        ..config(transports)
    });
    engine.todo();
    engine
}

impl TestEngine {
    /// A session by websocket with this window, whose first fence has left.
    fn fenced(messages: usize) -> Self {
        let mut engine = with(&["websocket"], receipts(messages, false));
        engine.opened_as(0, Framing::Frames, Confirms::ByFence);
        assert_eq!(
            engine.brings(0, &[&format!("0{OPEN}")]),
            ["tell connected websocket S", "send 0 Fence(0)", "recv 0"]
        );
        assert_eq!(engine.sent(0), ["left 0"]);
        engine
    }

    /// A session by polling whose poll runs.
    pub(super) fn polled() -> Self {
        let mut engine = with(&["polling"], receipts(100, false));
        engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
        engine.brings(0, &[&format!("0{OPEN}")]);
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

#[test]
fn one_pong_is_not_enough() {
    // Node's server answers one while it throws messages away.
    let mut engine = TestEngine::fenced(100);
    assert_eq!(engine.pong(0, 0), ["recv 0"]);
    assert_eq!(engine.says(&["a"]), ["send 0 4a Fence(1)"]);
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

#[test]
fn a_fence_that_was_sent_before_the_first_pong_proves_nothing() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    // Two eighths of the window.
    let eighth: Vec<&str> = vec!["m"; 12];
    assert!(engine.says(&eighth)[0].ends_with("Fence(1)"));
    assert!(engine.says(&eighth).is_empty());
    assert!(engine.sent(0)[1].ends_with("Fence(2)"));
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["recv 0"], "another is under way");
    assert_eq!(
        engine.pong(0, 2),
        ["send 0 Fence(3)", "recv 0"],
        "it was sent before the pong of the first"
    );
    engine.sent(0);
    assert_eq!(engine.pong(0, 3), ["confirmed 24", "recv 0"]);
}

#[test]
fn an_answer_counts_for_all_fences_before_it() {
    // RFC 6455, 5.5.3: only the newest ping need be answered.
    let mut engine = TestEngine::fenced(100);
    let eighth: Vec<&str> = vec!["m"; 12];
    engine.says(&eighth);
    engine.sent(0);
    engine.says(&eighth);
    engine.sent(0);
    assert_eq!(engine.pong(0, 2), ["send 0 Fence(3)", "recv 0"]);
    assert_eq!(engine.pong(0, 1), ["recv 0"], "that is known");
    engine.sent(0);
    assert_eq!(engine.pong(0, 3), ["confirmed 24", "recv 0"]);
}

#[test]
fn a_pong_that_names_no_fence_under_way_is_ignored() {
    let mut engine = TestEngine::fenced(100);
    engine.says(&["a"]);
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
fn where_fences_are_suspected_the_first_goes_alone() {
    let mut engine = TestEngine::new(Config {
        receipts: receipts(100, true),
        fence_alone: true,
        ..config(&["websocket"])
    });
    engine.todo();
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    engine.brings(0, &[&format!("0{OPEN}")]);
    engine.sent(0);
    assert!(engine.says(&["a"]).is_empty());
    assert_eq!(
        engine.brings(0, &["2"]),
        ["send 0 3", "recv 0"],
        "pongs pass"
    );
    engine.sent(0);
    assert_eq!(engine.pong(0, 0), ["send 0 4a Fence(1)", "recv 0"]);
}

#[test]
fn a_quiet_session_has_one_fence_under_way() {
    let mut engine = TestEngine::fenced(100);
    assert_eq!(engine.says(&["a"]), ["send 0 4a"], "the first is under way");
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(engine.pong(0, 0), ["send 0 Fence(1)", "recv 0"]);
    engine.sent(0);
    for _ in 0..5 {
        assert_eq!(engine.says(&["b"]), ["send 0 4b"]);
        assert_eq!(engine.sent(0), ["left 1"]);
    }
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(2)", "recv 0"]);
}

#[test]
fn a_stream_has_a_fence_for_each_eighth_of_the_window_and_eight_under_way() {
    let mut engine = TestEngine::fenced(80);
    engine.pong(0, 0);
    let many: Vec<&str> = vec!["m"; 200];
    let mut sends = engine.says(&many);
    for _ in 0..20 {
        sends.extend(engine.sent(0));
    }
    sends.retain(|send| send.starts_with("send"));
    // Eight batches of ten, each with its fence, and no ninth: the window is full.
    assert_eq!(sends.len(), 8, "{sends:?}");
    assert!(sends.iter().all(|send| send.contains("Fence")), "{sends:?}");
    assert_eq!(
        engine.brings(0, &["2"]),
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
fn what_is_larger_than_the_window_passes_alone() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    let large = "x".repeat(2000);
    engine.says(&["a"]);
    engine.sent(0);
    assert!(engine.says(&[&large]).is_empty(), "not beside another");
    engine.pong(0, 1);
    engine.sent(0);
    let sends = engine.pong(0, 2);
    assert_eq!(sends[0], "confirmed 1");
    assert_eq!(sends[1], format!("send 0 4{large} Fence(3)"));
}

#[test]
fn the_rest_of_a_group_takes_up_the_room_of_what_follows() {
    let mut engine = with(&["polling"], receipts(30, false));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.brings(0, &[&format!("0{OPEN}")]);
    let mut outgoing = Outgoing::default();
    // A POST has room for 16.
    outgoing.push_group(vec!["g".into(); 20]);
    outgoing.push("a".into());
    assert_eq!(
        engine.on(Input::Send(outgoing))[0].matches("4g").count(),
        16
    );
    // There is room for three of those, which go on, but not for the next message as well.
    let sends = engine.sent(0);
    assert_eq!(sends[1].matches("4g").count(), 4, "{sends:?}");
    assert!(!sends[1].contains("4a"), "{sends:?}");
}

#[test]
fn nothing_of_a_group_is_confirmed_before_all_of_it() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    let mut outgoing = Outgoing::default();
    outgoing.push("a".into());
    // Two batches: a frame's batch holds 128 KiB.
    let half = "x".repeat(100 * 1024);
    outgoing.push_group(vec![half.as_str().into(), half.as_str().into()]);
    assert_eq!(engine.on(Input::Send(outgoing)), ["send 0 4a"]);
    assert_eq!(
        engine.sent(0),
        ["left 1", "send 0 Fence(1)"],
        "the group waits for it"
    );
    engine.sent(0);
    engine.pong(0, 1);
    engine.sent(0);
    let first = engine.pong(0, 2);
    assert_eq!(first[0], "confirmed 1");
    assert!(first[1].starts_with("send 0 4xxx"), "{:.20}", first[1]);
    assert!(!first[1].contains("Fence"), "it would cover nothing");
    let second = engine.sent(0);
    assert!(second[1].ends_with("Fence(3)"), "{}", second[0]);
    engine.sent(0);
    engine.pong(0, 3);
    engine.sent(0);
    assert_eq!(engine.pong(0, 4), ["confirmed 2", "recv 0"]);
}

#[test]
fn what_left_and_is_not_confirmed_comes_back_in_order() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    for message in ["a", "b", "c"] {
        engine.says(&[message]);
        if message != "c" {
            engine.sent(0);
        }
    }
    engine.says(&["d"]);
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) confirmed 0 unconfirmed [a b] uncertain [c] unsent [d]"
        ]
    );
}

#[test]
fn a_pong_is_no_life() {
    // A gateway answers pings for a server that is dead.
    let mut engine = TestEngine::fenced(100);
    engine.now = 44 * SECOND;
    engine.pong(0, 0);
    assert_eq!(
        engine.at(45 * SECOND),
        ["drop 0", "closed PingTimeout uncertain [] unsent []"]
    );
}

#[test]
fn a_server_that_answers_no_pings_has_no_receipts() {
    let mut engine = TestEngine::fenced(100);
    engine.now = 10 * SECOND;
    assert_eq!(engine.brings(0, &["4x"]), ["tell message x", "recv 0"]);
    engine.now = 20 * SECOND;
    assert_eq!(
        engine.brings(0, &["4y"]),
        [
            "no receipts: the server does not answer websocket pings, so nothing can be confirmed",
            "tell message y",
            "recv 0"
        ]
    );
    assert_eq!(engine.says(&["a"]), ["send 0 4a"]);
}

#[test]
fn where_they_are_required_that_is_the_end() {
    let mut engine = with(&["websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Frames, Confirms::ByFence);
    engine.brings(0, &[&format!("0{OPEN}")]);
    engine.sent(0);
    engine.now = 20 * SECOND;
    let end = engine.brings(0, &["4y"]);
    assert_eq!(end[0], "tell message y");
    assert!(
        end[2].starts_with("closed Transport(Unsupported: "),
        "{end:?}"
    );
}

#[test]
fn once_a_fence_was_answered_receipts_stay_on() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    engine.says(&["a"]);
    engine.sent(0);
    engine.now = 30 * SECOND;
    assert_eq!(engine.brings(0, &["4y"]), ["tell message y", "recv 0"]);
}

#[test]
fn a_link_that_cant_confirm_has_none_or_is_refused() {
    let mut engine = with(&["websocket"], receipts(100, false));
    engine.opened(0, Framing::Frames);
    assert_eq!(
        engine.brings(0, &[&format!("0{OPEN}")]),
        [
            "tell connected websocket S",
            "no receipts: the transport websocket can't confirm what was sent by it",
            "recv 0"
        ]
    );
    let mut engine = with(&["websocket", "polling"], receipts(100, true));
    assert_eq!(
        engine.opened(0, Framing::Frames),
        ["drop 0", "open 1 polling"]
    );
    // And nothing upgrades to one.
    let mut engine = with(&["polling", "websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.brings(0, &[&format!("0{OPEN}")]);
    let refused = engine.opened(1, Framing::Frames);
    assert_eq!(refused[0], "drop 1");
    assert!(refused[1].contains("can't confirm"), "{refused:?}");
}

#[test]
fn what_left_by_polling_is_confirmed_by_fences_behind_the_upgrade() {
    let mut engine = with(&["polling", "websocket"], receipts(100, true));
    engine.opened_as(0, Framing::Payloads, Confirms::ByPoll);
    engine.brings(0, &[&format!("0{OPEN}")]);
    assert_eq!(
        engine.opened_as(1, Framing::Frames, Confirms::ByFence),
        ["send 1 2probe", "recv 1"],
        "none on a probe"
    );
    engine.sent(1);
    engine.says(&["a"]);
    engine.sent(0);
    engine.brings(1, &["3probe"]);
    let over = engine.brings(0, &["6"]);
    assert_eq!(over[0], "send 1 5 Fence(0)");
    engine.sent(1);
    assert_eq!(engine.pong(1, 0), ["send 1 Fence(1)", "recv 1"]);
    engine.sent(1);
    assert_eq!(engine.pong(1, 1), ["confirmed 1", "recv 1"]);
}

#[test]
fn a_close_settles_before_the_goodbye() {
    let mut engine = TestEngine::fenced(100);
    engine.pong(0, 0);
    engine.says(&["a"]);
    assert!(engine.on(Input::Close).is_empty());
    engine.sent(0);
    assert_eq!(engine.pong(0, 1), ["send 0 Fence(2)", "recv 0"]);
    engine.sent(0);
    assert_eq!(engine.pong(0, 2), ["confirmed 1", "close 0", "recv 0"]);
    let mut engine = TestEngine::polled();
    engine.says(&["a"]);
    engine.on(Input::Close);
    assert_eq!(engine.sent(0), ["left 1"]);
    assert_eq!(
        engine.brings(0, &["4x"]),
        ["tell message x", "recv 0"],
        "it polls on"
    );
    assert_eq!(engine.at(SECOND), ["confirmed 1", "close 0"]);
}

#[test]
fn a_close_that_cant_settle_says_goodbye_with_what_is_left_of_the_time() {
    let mut engine = TestEngine::fenced(100);
    engine.says(&["a"]);
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
