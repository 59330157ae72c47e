//! The rules of the protocol, each as a script: what happens on the left, what is to be done on
//! the right. Time is a number, and nothing waits.

use super::rig::{Rig, config, text};
use super::*;
use crate::error::ErrorKind;
use crate::event::Event;

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const OPEN: &str = r#"{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// Packets by their wire form.
fn packets(list: &[&str]) -> Vec<Packet> {
    let limits = crate::transport::Limits::default();
    list.iter()
        .map(|text| crate::codec::decode_text((*text).into(), &limits).unwrap())
        .collect()
}

fn wire(packets: &[Packet]) -> String {
    let list: Vec<String> = packets
        .iter()
        .map(|packet| {
            String::from_utf8(crate::codec::encode_payload(std::slice::from_ref(packet)).to_vec())
                .unwrap()
        })
        .collect();
    list.join(" ")
}

fn list(messages: &[Message]) -> String {
    let list: Vec<String> = messages
        .iter()
        .map(|message| message.as_text().unwrap_or("binary").to_owned())
        .collect();
    format!("[{}]", list.join(" "))
}

fn show_event(event: &Event) -> String {
    match event {
        Event::Connected(connected) => format!(
            "connected {} {}",
            connected.transport, connected.handshake.sid
        ),
        Event::Message(message) => format!("message {}", message.as_text().unwrap_or("binary")),
        Event::Upgraded { transport } => format!("upgraded {transport}"),
        Event::UpgradeFailed { transport, error } => {
            format!("not upgraded {transport}: {}", error.report())
        }
        Event::Closed(closed) => format!("{closed:?}"),
    }
}

fn show(output: &Output) -> String {
    match output {
        Output::Open {
            link,
            transport,
            sid,
        } => {
            let sid = sid
                .as_ref()
                .map_or(String::new(), |handshake| format!(" sid {}", handshake.sid));
            format!("open {} {transport}{sid}", link.0)
        }
        Output::Receive { link } => format!("recv {}", link.0),
        Output::Send { link, batch } => format!("send {} {}", link.0, wire(&batch.to_vec())),
        Output::Close { link } => format!("close {}", link.0),
        Output::Drain { link } => format!("drain {}", link.0),
        Output::Drop { link } => format!("drop {}", link.0),
        Output::Accept(acceptance) => format!("accept {acceptance:?}").replace("Acceptance ", ""),
        Output::Left(batch) => format!("left {}", batch.len()),
        Output::Tell(events) => {
            let events: Vec<String> = events.iter().map(show_event).collect();
            format!("tell {}", events.join(", "))
        }
        Output::Closed {
            reason,
            uncertain,
            unsent,
        } => {
            let reason = match reason {
                Reason::Transport(error) => {
                    format!("Transport({:?}: {})", error.kind(), error.report())
                }
                Reason::Server { close: None } => "Server".to_owned(),
                Reason::Server { close: Some(close) } => format!("Server({close})"),
                other => format!("{other:?}"),
            };
            format!(
                "closed {reason} uncertain {} unsent {}",
                list(uncertain),
                list(unsent)
            )
        }
        Output::Wait(_) | Output::UpgradeIsOver(_) => unreachable!("handled by the rig"),
    }
}

impl Rig {
    /// The same in words, without the uninteresting.
    fn todo(&mut self) -> Vec<String> {
        let outputs = self.outputs();
        outputs
            .iter()
            .filter(|output| !matches!(output, Output::Accept(_)))
            .map(show)
            .collect()
    }

    fn on(&mut self, input: Input) -> Vec<String> {
        self.engine.handle(self.now, input);
        self.todo()
    }

    fn opened(&mut self, link: u64, framing: Framing) -> Vec<String> {
        self.on(Input::Opened {
            link: LinkId(link),
            framing,
        })
    }

    fn brings(&mut self, link: u64, list: &[&str]) -> Vec<String> {
        self.on(Input::Received {
            link: LinkId(link),
            packets: packets(list),
        })
    }

    fn sent(&mut self, link: u64) -> Vec<String> {
        self.on(Input::Sent { link: LinkId(link) })
    }

    fn fails(&mut self, link: u64, call: Call) -> Vec<String> {
        self.on(Input::Failed {
            link: LinkId(link),
            call,
            error: Error::new(ErrorKind::Ended, "gone"),
        })
    }

    fn says(&mut self, list: &[&str]) -> Vec<String> {
        self.on(Input::Send(
            list.iter().map(|message| text(message)).collect(),
        ))
    }

    fn at(&mut self, now: Duration) -> Vec<String> {
        self.now = now;
        self.on(Input::Timeout)
    }

    /// A session on polling, whose server offers this.
    fn polling(transports: &[&'static str], open: &str) -> Self {
        let mut rig = Self::new(config(transports));
        assert_eq!(rig.todo(), ["open 0 polling"]);
        assert_eq!(rig.opened(0, Framing::Payloads), ["recv 0"]);
        let first = rig.brings(0, &[&format!("0{open}")]);
        assert!(
            first.contains(&"tell connected polling S".to_owned()),
            "{first:?}"
        );
        rig
    }

    fn websocket() -> Self {
        let mut rig = Self::new(config(&["websocket"]));
        assert_eq!(rig.todo(), ["open 0 websocket"]);
        assert_eq!(rig.opened(0, Framing::Frames), ["recv 0"]);
        assert_eq!(
            rig.brings(0, &[&format!("0{OPEN}")]),
            ["tell connected websocket S", "recv 0"]
        );
        rig
    }

    /// Polling with a probe that has asked.
    fn probing() -> Self {
        let mut rig = Self::polling(&["polling", "websocket"], OPEN);
        assert_eq!(rig.opened(1, Framing::Frames), ["send 1 2probe", "recv 1"]);
        assert!(rig.sent(1).is_empty());
        rig
    }

    /// Polling with a probe that was answered, while the poll still runs.
    fn pausing() -> Self {
        let mut rig = Self::probing();
        assert_eq!(rig.brings(1, &["3probe"]), ["recv 1"]);
        rig
    }

    fn is_over(&self) -> bool {
        matches!(self.engine.phase, Phase::Closed)
    }
}

// 1. Handshake.

#[test]
fn the_first_packet_opens_the_session_and_those_behind_it_follow() {
    // engine.io-client: connection.js:9; engine.io: server.js:815; python-engineio:
    // test_polling_connection_with_more_packets
    let mut rig = Rig::new(config(&["polling"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    assert_eq!(
        rig.brings(0, &[&format!("0{OPEN}"), "4a", "2x", "4b"]),
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
        let mut rig = Rig::new(config(&["polling", "websocket"]));
        rig.todo();
        rig.opened(0, Framing::Payloads);
        let todo = rig.brings(0, &[first]);
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
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    let todo = rig.brings(0, &[r#"0{"sid":"a","pingInterval":-3,"pingTimeout":1}"#]);
    assert!(todo[1].contains("pingInterval"), "{todo:?}");
    assert!(rig.is_over());
}

#[test]
fn an_open_packet_has_a_size_limit() {
    let mut rig = Rig::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    rig.todo();
    rig.opened(0, Framing::Payloads);
    let long = format!("0{}{OPEN}", " ".repeat(300));
    let todo = rig.brings(0, &[&long]);
    assert!(
        todo[1].contains("Limit") && todo[1].contains("300 bytes"),
        "{todo:?}"
    );
    let mut rig = Rig::new(Config {
        handshake_size: 300,
        ..config(&["polling"])
    });
    rig.todo();
    rig.opened(0, Framing::Payloads);
    let exact = format!("0{}{OPEN}", " ".repeat(300 - OPEN.len()));
    assert_eq!(rig.brings(0, &[&exact])[0], "tell connected polling S");
}

#[test]
fn a_second_open_packet_changes_nothing_whatever_it_holds() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    assert_eq!(
        rig.brings(0, &["0{}", "4a", "0"]),
        ["tell message a", "recv 0"]
    );
}

#[test]
fn the_handshake_has_a_deadline() {
    let mut rig = Rig::new(config(&["polling"]));
    rig.todo();
    assert_eq!(rig.wait, Some(10 * SECOND));
    rig.opened(0, Framing::Payloads);
    assert!(rig.at(ms(9_999)).is_empty());
    let todo = rig.at(10 * SECOND);
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
    let mut rig = Rig::new(config(&["polling"]));
    rig.todo();
    assert!(!rig.engine.wants_messages(), "before it is open");
    let mut rig = Rig::polling(&["polling"], OPEN);
    assert!(rig.engine.wants_messages());
    rig.says(&["a"]);
    assert!(
        rig.engine.wants_messages(),
        "what is being sent does not wait"
    );
    rig.says(&["b"]);
    assert!(!rig.engine.wants_messages());
    rig.on(Input::Close);
    rig.sent(0);
    assert!(rig.engine.wants_messages(), "while closing, too");
    rig.brings(0, &["1"]);
    assert!(!rig.engine.wants_messages());
}

// 2. Polling.

#[test]
fn one_poll_at_a_time_and_one_post_at_a_time() {
    // protocol: test-suite.js:312
    let mut rig = Rig::polling(&["polling"], OPEN);
    assert_eq!(rig.says(&["a"]), ["send 0 4a"]);
    assert!(rig.says(&["b"]).is_empty());
    assert_eq!(rig.brings(0, &["4x"]), ["tell message x", "recv 0"]);
    assert_eq!(rig.sent(0), ["left 1", "send 0 4b"]);
    assert_eq!(rig.sent(0), ["left 1"]);
}

#[test]
fn a_payload_is_cut_by_its_exact_size() {
    // 1 + 49 and 1 + 1 + 48 make 100, which is allowed; one more is not.
    let mut rig = Rig::polling(&["polling"], OPEN);
    let (a, b, c) = ("a".repeat(49), "b".repeat(48), "c".repeat(49));
    assert_eq!(rig.says(&[&a, &b]), [format!("send 0 4{a} 4{b}")]);
    rig.says(&[&a, &c, &b]);
    assert_eq!(rig.sent(0), ["left 2".to_owned(), format!("send 0 4{a}")]);
    assert_eq!(
        rig.sent(0),
        ["left 1".to_owned(), format!("send 0 4{c} 4{b}")]
    );
}

#[test]
fn binary_counts_as_base64() {
    // engine.io-client: node.js:41
    let mut rig = Rig::polling(&["polling"], OPEN);
    // 1 + 4 * 18 = 73 and 1 + 1 + 25 make 100.
    let binary = Packet::Message(Message::from(vec![0; 52]));
    rig.engine.handle(
        rig.now,
        Input::Send(
            [binary.clone(), text(&"x".repeat(25))]
                .into_iter()
                .collect(),
        ),
    );
    let outputs = rig.outputs();
    assert!(
        matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == 2),
        "{outputs:?}"
    );
    rig.sent(0);
    rig.engine.handle(
        rig.now,
        Input::Send([binary, text(&"x".repeat(26))].into_iter().collect()),
    );
    let outputs = rig.outputs();
    assert!(
        matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == 1),
        "{outputs:?}"
    );
}

#[test]
fn messages_are_merged_into_as_few_posts_as_fit() {
    // engine.io-client: connection.js:79, node.js:41, arraybuffer/polling.js:77; python-engineio:
    // test_write_loop_polling_three_packets
    let text = |length: usize| Message::from("a".repeat(length));
    let binary = |length: usize| Message::from(vec![1; length]);
    let euros = Message::from("€".repeat(33));
    for (messages, posts) in [
        (
            vec![text(99), text(30), text(30), text(35), euros, text(99)],
            &[1, 3, 1, 1][..],
        ),
        (
            vec![binary(72), binary(20), text(20), binary(20), binary(72)],
            &[1, 3, 1],
        ),
        // An empty one counts as well: the size of what follows it is still minded.
        (vec![binary(0), text(96), text(1)], &[2, 1]),
    ] {
        let mut rig = Rig::polling(&["polling"], OPEN);
        let messages = messages.into_iter().map(Packet::Message).collect();
        rig.engine.handle(rig.now, Input::Send(messages));
        let mut sizes = Vec::new();
        loop {
            let batch = rig.outputs().into_iter().find_map(|output| match output {
                Output::Send { batch, .. } => Some(batch),
                _ => None,
            });
            let Some(batch) = batch else { break };
            assert!(crate::codec::encode_payload(&batch).len() <= 100);
            sizes.push(batch.len());
            rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
        }
        assert_eq!(sizes, posts);
    }
}

#[test]
fn a_payload_has_at_most_16_packets() {
    // python-engineio: test_write_loop_polling_three_packets
    let mut rig = Rig::polling(
        &["polling"],
        r#"{"sid":"S","pingInterval":25000,"pingTimeout":20000}"#,
    );
    let many: Vec<&str> = vec!["x"; 40];
    let count = |todo: Vec<String>| {
        todo.iter()
            .map(|line| line.matches("4x").count())
            .sum::<usize>()
    };
    assert_eq!(count(rig.says(&many)), 16);
    assert_eq!(count(rig.sent(0)), 16);
    assert_eq!(count(rig.sent(0)), 8);
    assert_eq!(count(rig.sent(0)), 0);
}

#[test]
fn what_can_not_fit_alone_is_refused_on_payloads_and_passes_on_frames() {
    let payloads = Acceptance::new(Framing::Payloads, Some(100));
    assert!(payloads.check(&Message::from("x".repeat(99))).is_ok());
    assert_eq!(
        payloads
            .check(&Message::from("x".repeat(100)))
            .unwrap_err()
            .kind(),
        ErrorKind::TooLarge
    );
    assert!(payloads.check(&Message::from(vec![0; 72])).is_ok());
    assert_eq!(
        payloads
            .check(&Message::from(vec![0; 75]))
            .unwrap_err()
            .kind(),
        ErrorKind::TooLarge
    );
    let frames = Acceptance::new(Framing::Frames, Some(100));
    assert!(frames.check(&Message::from("x".repeat(100_000))).is_ok());
    assert!(
        Acceptance::new(Framing::Payloads, None)
            .check(&Message::from("x".repeat(100_000)))
            .is_ok()
    );
}

#[test]
fn pongs_go_first_and_only_the_newest_waits() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    rig.brings(0, &["2old"]);
    rig.brings(0, &["2new"]);
    assert_eq!(rig.sent(0), ["left 1", "send 0 3new 4b"]);
}

#[test]
fn a_ping_with_too_much_data_is_refused() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    let ping = format!("2{}", "x".repeat(125));
    assert_eq!(
        rig.brings(0, &[&ping]),
        [format!("send 0 3{}", "x".repeat(125)), "recv 0".into()]
    );
    let todo = rig.brings(0, &["4a", &format!("{ping}x"), "4b"]);
    assert_eq!(todo[..2], ["tell message a", "drop 0"]);
    assert!(todo[2].starts_with("closed Transport(Protocol"), "{todo:?}");
}

/// The user sends these, and what is in braces in one piece.
fn outgoing(messages: &[&[usize]]) -> Outgoing {
    let mut outgoing = Outgoing::default();
    for group in messages {
        let group = group
            .iter()
            .map(|&length| Message::from("x".repeat(length)));
        outgoing.push_group(group.collect());
    }
    outgoing
}

/// What each batch until the next rest is made of: the lengths of messages, and pongs.
fn batches(rig: &mut Rig) -> Vec<Vec<String>> {
    let mut batches = Vec::new();
    loop {
        let batch = rig.outputs().into_iter().find_map(|output| match output {
            Output::Send { batch, .. } => Some(batch),
            _ => None,
        });
        let Some(batch) = batch else {
            return batches;
        };
        let packets = batch.iter().map(|packet| match packet {
            Packet::Message(message) => message.len().to_string(),
            _ => "pong".to_owned(),
        });
        batches.push(packets.collect());
        rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
    }
}

#[test]
fn a_group_is_not_cut_by_the_bound_of_a_batch_of_frames_unless_it_is_longer_than_that() {
    const K: usize = 1000;
    let long = 100 * K;
    let mut rig = Rig::websocket();
    let sent = outgoing(&[&[1], &[long, 20 * K, 20 * K], &[2], &[3, 30 * K], &[4]]);
    rig.engine.handle(rig.now, Input::Send(sent));
    assert_eq!(
        batches(&mut rig),
        [
            // The first of the group would fit, but not all of it.
            &["1"][..],
            &["100000", "20000"],
            &["20000", "2", "3", "30000", "4"],
        ],
        "140,000 bytes are cut, since no batch could hold them"
    );
    // Fitting exactly, behind a pong, and with another group right behind.
    let most = 128 * 1024;
    let sent = outgoing(&[&[5], &[most - 7, 7], &[8, 9], &[most]]);
    rig.engine.handle(rig.now, Input::Send(sent));
    let ping = Input::Received {
        link: LinkId(0),
        packets: packets(&["2"]),
    };
    rig.engine.handle(rig.now, ping);
    assert_eq!(
        batches(&mut rig),
        [
            &["pong", "5"][..],
            &["131065", "7"],
            &["8", "9"],
            &["131072"]
        ]
    );
}

#[test]
fn groups_that_are_pushed_behind_others_keep_their_places() {
    let mut rig = Rig::websocket();
    let half = 64 * 1024;
    rig.engine
        .handle(rig.now, Input::Send(outgoing(&[&[1], &[2, 3]])));
    let first = rig.outputs();
    assert!(matches!(&first[0], Output::Send { batch, .. } if batch.len() == 3));
    // While that leaves.
    rig.engine
        .handle(rig.now, Input::Send(outgoing(&[&[half], &[half, 1]])));
    rig.engine
        .handle(rig.now, Input::Send(outgoing(&[&[half, half], &[half, 2]])));
    rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
    assert_eq!(
        batches(&mut rig),
        [
            &["65536"][..],
            &["65536", "1"],
            &["65536", "65536"],
            &["65536", "2"]
        ]
    );
}

#[test]
fn by_polling_a_group_may_take_several_posts() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    let sent = outgoing(&[&[1], &[2; 20]]);
    rig.engine.handle(rig.now, Input::Send(sent));
    let sizes: Vec<usize> = batches(&mut rig).iter().map(Vec::len).collect();
    assert_eq!(sizes, [16, 5]);
}

#[test]
fn a_batch_of_frames_is_bounded_so_that_a_pong_can_pass() {
    let mut rig = Rig::websocket();
    let long = "x".repeat(60_000);
    let huge = "y".repeat(200_000);
    rig.engine.handle(
        rig.now,
        Input::Send(
            [&long, &long, &long, &huge, "z"]
                .into_iter()
                .map(text)
                .collect(),
        ),
    );
    let lengths = |outputs: Vec<Output>| -> Vec<usize> {
        outputs
            .iter()
            .filter_map(|output| {
                if let Output::Send { batch, .. } = output {
                    Some(batch.len())
                } else {
                    None
                }
            })
            .collect()
    };
    assert_eq!(lengths(rig.outputs()), [2]);
    rig.engine.handle(
        rig.now,
        Input::Received {
            link: LinkId(0),
            packets: packets(&["2"]),
        },
    );
    rig.outputs();
    rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
    let outputs = rig.outputs();
    assert!(
        matches!(&outputs[1], Output::Send { batch, .. } if matches!(batch.iter().next(), Some(Packet::Pong(_))) && batch.len() == 2),
        "{outputs:?}"
    );
    rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
    assert_eq!(lengths(rig.outputs()), [1]);
    rig.engine.handle(rig.now, Input::Sent { link: LinkId(0) });
    assert_eq!(lengths(rig.outputs()), [1]);
}

#[test]
fn a_batch_of_frames_holds_128_kib_and_not_a_byte_more() {
    for (more, together) in [(0, 2), (1, 1)] {
        let mut rig = Rig::websocket();
        let first = text(&"x".repeat(65_536));
        let second = text(&"y".repeat(65_536 + more));
        rig.engine
            .handle(rig.now, Input::Send([first, second].into_iter().collect()));
        let outputs = rig.outputs();
        assert!(matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == together));
    }
}

#[test]
fn polls_that_bring_only_noops_are_followed_slower_and_slower() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let before = rig.now;
        assert!(rig.brings(0, &["6"]).is_empty());
        let due = rig.wait.unwrap();
        assert!(rig.at(due - ms(1)).is_empty());
        assert_eq!(rig.at(due), ["recv 0"]);
        pauses.push((due - before).as_millis());
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
    assert_eq!(
        rig.brings(0, &["6", "4a"]),
        ["tell message a", "recv 0"],
        "another packet resets it"
    );
    assert!(rig.brings(0, &["6", "6"]).is_empty());
    assert_eq!(rig.wait, Some(rig.now + ms(50)));
    assert_eq!(
        rig.says(&["x"]),
        ["send 0 4x", "recv 0"],
        "what the client has to do ends it"
    );
}

#[test]
fn a_websocket_that_brings_noops_is_read_on() {
    // python-engineio: test_receive_noop_packet
    let mut rig = Rig::websocket();
    assert_eq!(rig.brings(0, &["6"]), ["recv 0"]);
}

// 3. Upgrade.

#[test]
fn an_upgrade_from_polling_to_websocket() {
    // protocol: test-suite.js:523; python-engineio: test_websocket_upgrade_successful
    let mut rig = Rig::polling(&["polling", "websocket"], OPEN);
    assert_eq!(rig.opened(1, Framing::Frames), ["send 1 2probe", "recv 1"]);
    // Polling goes on meanwhile, both ways.
    assert_eq!(rig.says(&["a"]), ["send 0 4a"]);
    assert_eq!(rig.brings(0, &["4x"]), ["tell message x", "recv 0"]);
    assert!(rig.sent(1).is_empty());
    assert_eq!(rig.brings(1, &["3probe"]), ["recv 1"]);
    // After the pong nothing new starts, and what runs is let finish.
    assert!(rig.says(&["b"]).is_empty());
    assert_eq!(rig.brings(0, &["4y", "2p"]), ["tell message y"]);
    assert!(!rig.engine.current.receiving);
    assert_eq!(
        rig.sent(0),
        ["left 1", "send 1 5", "drop 0", "tell upgraded websocket"]
    );
    // Then everything goes by the new link, the pong first.
    assert_eq!(rig.sent(1), ["left 1", "send 1 3p 4b"]);
    assert_eq!(rig.brings(1, &["4z"]), ["tell message z", "recv 1"]);
}

#[test]
fn acceptance_changes_at_the_point_of_no_return() {
    let mut rig = Rig::pausing();
    let separator = Message::from("a\x1eb");
    assert_eq!(
        rig.engine
            .outbox
            .acceptance()
            .check(&separator)
            .unwrap_err()
            .kind(),
        ErrorKind::NeedsFrames
    );
    rig.engine.handle(
        rig.now,
        Input::Received {
            link: LinkId(0),
            packets: packets(&["6"]),
        },
    );
    let outputs = rig.outputs();
    let swap = outputs
        .iter()
        .position(|output| matches!(output, Output::Send { .. }))
        .unwrap();
    let accept = outputs
        .iter()
        .position(|output| matches!(output, Output::Accept(_)))
        .unwrap();
    let told = outputs
        .iter()
        .position(|output| matches!(output, Output::Tell(_)))
        .unwrap();
    assert!(swap < accept && accept < told);
    assert!(rig.engine.outbox.acceptance().check(&separator).is_ok());
}

#[test]
fn only_offered_transports_that_come_later_in_our_list_are_probed() {
    // engine.io-client: socket.js:17; engine.io: server.js:578, :600, :610
    let probes = |ours: &[&'static str], offered: &str| {
        let open = format!(
            r#"{{"sid":"S","upgrades":{offered},"pingInterval":25000,"pingTimeout":20000}}"#
        );
        let mut rig = Rig::new(config(ours));
        rig.todo();
        rig.opened(0, Framing::Payloads);
        rig.brings(0, &[&format!("0{open}")])
            .into_iter()
            .filter(|line| line.starts_with("open"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        probes(&["polling", "websocket"], r#"["websocket"]"#),
        ["open 1 websocket sid S"]
    );
    assert!(probes(&["polling", "websocket"], r#"["webtransport"]"#).is_empty());
    assert!(probes(&["polling"], r#"["websocket"]"#).is_empty());
    let mut rig = Rig::new(Config {
        upgrade: false,
        ..config(&["polling", "websocket"])
    });
    rig.todo();
    rig.opened(0, Framing::Payloads);
    assert_eq!(
        rig.brings(0, &[&format!("0{OPEN}")]),
        ["tell connected polling S", "recv 0"]
    );
}

#[test]
fn a_websocket_session_is_not_upgraded() {
    // engine.io: server.js:590
    let mut rig = Rig::new(config(&["websocket", "polling"]));
    rig.todo();
    rig.opened(0, Framing::Frames);
    let open = r#"0{"sid":"S","upgrades":["polling"],"pingInterval":25000,"pingTimeout":20000}"#;
    assert_eq!(
        rig.brings(0, &[open]),
        ["tell connected websocket S", "recv 0"]
    );
}

#[test]
fn a_probe_that_fails_before_the_pong_leaves_polling_as_it_was() {
    // python-engineio: test_websocket_upgrade_no_pong
    for step in 0..5 {
        let mut rig = Rig::polling(&["polling", "websocket"], OPEN);
        let todo = match step {
            0 => rig.fails(1, Call::Open),
            1 => {
                rig.opened(1, Framing::Frames);
                rig.fails(1, Call::Send)
            }
            2 => {
                rig.opened(1, Framing::Frames);
                rig.fails(1, Call::Receive)
            }
            3 => {
                rig.opened(1, Framing::Frames);
                rig.brings(1, &["3other"])
            }
            _ => {
                rig.opened(1, Framing::Frames);
                rig.brings(1, &["0{}"])
            }
        };
        assert_eq!(
            todo[0], "drop 1",
            "never closed: its goodbye would end the session"
        );
        assert!(
            todo[1].starts_with("tell not upgraded websocket"),
            "{todo:?}"
        );
        assert_eq!(todo.len(), 2);
        assert_eq!(rig.says(&["a"]), ["send 0 4a"]);
        assert_eq!(rig.brings(0, &["4x"]), ["tell message x", "recv 0"]);
    }
}

#[test]
fn a_probe_that_fails_after_the_pong_brings_polling_back_with_all_that_waited() {
    let mut rig = Rig::probing();
    rig.says(&["a"]);
    rig.brings(1, &["3probe"]);
    assert!(rig.says(&["b", "c"]).is_empty());
    assert_eq!(rig.brings(0, &["4x", "2p"]), ["tell message x"]);
    let todo = rig.fails(1, Call::Receive);
    assert_eq!(
        todo,
        ["drop 1", "tell not upgraded websocket: gone", "recv 0"]
    );
    assert_eq!(rig.sent(0), ["left 1", "send 0 3p 4b 4c"]);
}

#[test]
fn a_probe_is_watched_after_the_pong_where_a_noop_is_nothing_and_any_other_packet_fails_it() {
    let mut rig = Rig::pausing();
    assert_eq!(rig.brings(1, &["6"]), ["recv 1"]);
    let todo = rig.brings(1, &["4early"]);
    assert_eq!(
        todo,
        [
            "drop 1",
            "tell not upgraded websocket: the probe was sent a message after the pong"
        ]
    );
    let mut rig = Rig::probing();
    let todo = rig.brings(1, &["3probe", "4early"]);
    assert_eq!(todo[0], "drop 1");
}

#[test]
fn the_upgrade_has_one_deadline_from_opening_the_probe() {
    // engine.io: server.js:1635
    for answered in [false, true] {
        let mut rig = if answered {
            Rig::pausing()
        } else {
            Rig::probing()
        };
        assert_eq!(rig.wait, Some(7 * SECOND));
        assert!(rig.at(ms(6_999)).is_empty());
        let todo = rig.at(7 * SECOND);
        assert_eq!(
            todo,
            [
                "drop 1",
                "tell not upgraded websocket: the upgrade timeout of 7 s passed (limit upgrade_timeout)"
            ]
        );
        assert_eq!(rig.says(&["a"]), ["send 0 4a"]);
    }
}

#[test]
fn the_next_candidate_is_probed_when_one_fails() {
    let mut rig = Rig::new(config(&["polling", "a", "b"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    let open = r#"0{"sid":"S","upgrades":["b","a"],"pingInterval":25000,"pingTimeout":20000}"#;
    assert_eq!(
        rig.brings(0, &[open]),
        ["tell connected polling S", "open 1 a sid S", "recv 0"]
    );
    assert_eq!(
        rig.fails(1, Call::Open),
        ["drop 1", "tell not upgraded a: gone", "open 2 b sid S"]
    );
}

#[test]
fn what_the_old_link_says_after_the_swap_is_ignored() {
    let mut rig = Rig::pausing();
    rig.brings(0, &["6"]);
    assert!(rig.brings(0, &["1", "4late"]).is_empty());
    assert!(rig.fails(0, Call::Receive).is_empty());
    assert!(rig.sent(0).is_empty());
    assert!(!rig.is_over());
}

#[test]
fn the_session_ends_when_polling_does_during_a_probe() {
    // engine.io: server.js:1623
    let mut rig = Rig::pausing();
    assert_eq!(
        rig.brings(0, &["4x", "1"]),
        [
            "tell message x",
            "drop 1",
            "drop 0",
            "closed Server uncertain [] unsent []"
        ]
    );
    let mut rig = Rig::probing();
    assert_eq!(
        rig.fails(0, Call::Receive),
        [
            "drop 1",
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

#[test]
fn after_the_point_of_no_return_a_failure_ends_the_session() {
    let mut rig = Rig::pausing();
    rig.says(&["a"]);
    rig.brings(0, &["6"]);
    assert_eq!(rig.fails(1, Call::Send), ["drain 1"]);
    assert_eq!(
        rig.on(Input::Drained { link: LinkId(1) }),
        [
            "drop 1",
            "closed Transport(Ended: gone) uncertain [] unsent [a]"
        ]
    );
}

#[test]
fn noops_during_a_probe_do_not_make_a_storm() {
    let mut rig = Rig::probing();
    let mut polls = 0;
    while rig.now < 7 * SECOND {
        if rig.brings(0, &["6"]).is_empty() {
            let due = rig.wait.unwrap();
            rig.at(due);
        }
        polls += 1;
        assert!(polls < 20);
    }
}

#[test]
fn a_probe_that_fails_ends_the_pause_between_polls() {
    let mut rig = Rig::probing();
    assert!(rig.brings(0, &["6"]).is_empty());
    let todo = rig.fails(1, Call::Receive);
    assert_eq!(todo[1..], ["tell not upgraded websocket: gone", "recv 0"]);
}

#[test]
fn a_full_inbox_does_not_hold_up_an_upgrade() {
    let mut rig = Rig::probing();
    rig.on(Input::Room(false));
    assert_eq!(rig.brings(1, &["3probe"]), ["recv 1"]);
    let todo = rig.brings(0, &["4x"]);
    assert_eq!(
        todo,
        [
            "tell message x",
            "send 1 5",
            "drop 0",
            "tell upgraded websocket"
        ]
    );
    rig.sent(1);
    assert!(
        rig.brings(1, &["4y"]).iter().all(|line| line != "recv 1"),
        "now it does"
    );
}

// 4. Heartbeat.

#[test]
fn silence_for_interval_and_timeout_ends_the_session() {
    // engine.io: server.js:1260, :1292
    let mut rig = Rig::websocket();
    assert_eq!(rig.wait, Some(45 * SECOND));
    assert!(rig.at(ms(44_999)).is_empty());
    assert_eq!(
        rig.at(45 * SECOND),
        ["drop 0", "closed PingTimeout uncertain [] unsent []"]
    );
}

#[test]
fn every_packet_is_life_and_so_are_bytes_by_the_time_they_came() {
    // python-engineio: test_write_loop_empty_queue
    let mut rig = Rig::websocket();
    rig.now = 10 * SECOND;
    rig.brings(0, &["6"]);
    assert_eq!(rig.wait, Some(55 * SECOND));
    rig.now = 50 * SECOND;
    rig.on(Input::Active {
        link: LinkId(0),
        received: Some(20 * SECOND),
        sent: None,
    });
    assert_eq!(
        rig.wait,
        Some(65 * SECOND),
        "by the time they came, not by the time we heard of it"
    );
    rig.on(Input::Active {
        link: LinkId(0),
        received: Some(15 * SECOND),
        sent: None,
    });
    assert_eq!(rig.wait, Some(65 * SECOND), "never back");
}

#[test]
fn while_the_inbox_is_full_silence_is_ours() {
    let mut rig = Rig::websocket();
    rig.on(Input::Room(false));
    assert_eq!(rig.wait, Some(45 * SECOND), "a call that runs is heard");
    rig.now = 40 * SECOND;
    assert_eq!(rig.brings(0, &["4x"]), ["tell message x"]);
    assert_eq!(rig.wait, None);
    assert!(rig.at(1000 * SECOND).is_empty());
    assert_eq!(rig.on(Input::Room(true)), ["recv 0"]);
    assert_eq!(rig.wait, Some(1045 * SECOND));
}

#[test]
fn the_client_never_pings_but_to_probe() {
    let mut rig = Rig::websocket();
    for step in 1..100 {
        rig.now = 30 * SECOND * step;
        let todo = rig.brings(0, &["2"]);
        assert_eq!(todo, ["send 0 3", "recv 0"]);
        rig.sent(0);
    }
}

#[test]
fn a_batch_without_progress_fails() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    assert_eq!(rig.wait, Some(10 * SECOND));
    rig.now = 9 * SECOND;
    rig.on(Input::Active {
        link: LinkId(0),
        received: None,
        sent: Some(8 * SECOND),
    });
    assert_eq!(rig.wait, Some(18 * SECOND));
    assert_eq!(rig.at(18 * SECOND), ["drain 0"]);
    let todo = rig.on(Input::Drained { link: LinkId(0) });
    assert_eq!(
        todo[1],
        "closed Transport(Timeout: the send timeout of 10 s passed (limit send_timeout)) uncertain [a] unsent []"
    );
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    assert_eq!(rig.engine.send_deadline(), Some(45 * SECOND));
}

// 5. Close, ours.

#[test]
fn a_close_during_open_drops_it() {
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    assert_eq!(
        rig.on(Input::Close),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_close_before_a_websockets_open_packet_drops_it() {
    // engine.io: server.js:1539
    let mut rig = Rig::new(config(&["websocket"]));
    rig.todo();
    rig.opened(0, Framing::Frames);
    assert_eq!(
        rig.on(Input::Close),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_close_during_the_first_poll_learns_the_sid_and_says_goodbye() {
    // engine.io: server.js:1522
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    assert!(rig.on(Input::Close).is_empty());
    assert_eq!(rig.wait, Some(5 * SECOND));
    assert_eq!(rig.brings(0, &[&format!("0{OPEN}"), "4a"]), ["close 0"]);
    assert_eq!(
        rig.on(Input::SaidGoodbye { link: LinkId(0) }),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_close_during_a_first_poll_that_never_ends_is_over_in_time() {
    let mut rig = Rig::new(config(&["polling"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    rig.on(Input::Close);
    assert!(rig.at(ms(4_999)).is_empty());
    assert_eq!(
        rig.at(5 * SECOND),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    rig.on(Input::Close);
    assert_eq!(
        rig.fails(0, Call::Receive),
        ["drop 0", "closed Client uncertain [] unsent []"],
        "and opens nothing new"
    );
}

#[test]
fn a_close_flushes_and_then_says_goodbye_on_polling() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    assert!(rig.on(Input::Close).is_empty());
    assert_eq!(
        rig.brings(0, &["4x"]),
        ["tell message x", "recv 0"],
        "what comes is delivered"
    );
    assert_eq!(rig.sent(0), ["left 1", "send 0 4b"]);
    assert_eq!(rig.sent(0), ["left 1", "close 0"]);
    assert!(rig.on(Input::Close).is_empty(), "twice is once");
    // The server answers the goodbye and holds the poll, as python-engineio does.
    assert_eq!(rig.on(Input::SaidGoodbye { link: LinkId(0) }), ["drain 0"]);
    assert_eq!(
        rig.on(Input::Drained { link: LinkId(0) }),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn an_idle_close_on_polling_starts_no_other_poll() {
    // python-engineio: test_read_loop_polling_disconnected
    let mut rig = Rig::polling(&["polling"], OPEN);
    assert_eq!(rig.on(Input::Close), ["close 0"]);
    assert!(rig.brings(0, &["6"]).is_empty());
    assert_eq!(
        rig.on(Input::SaidGoodbye { link: LinkId(0) }),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_poll_that_fails_after_the_goodbye_does_not_spoil_it() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.on(Input::Close);
    assert!(rig.fails(0, Call::Receive).is_empty());
    assert_eq!(
        rig.on(Input::SaidGoodbye { link: LinkId(0) }),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_poll_that_fails_before_the_goodbye_is_the_transports_end() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    rig.on(Input::Close);
    assert_eq!(
        rig.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ]
    );
}

#[test]
fn a_goodbye_of_another_link_or_before_its_time_is_nothing() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    assert!(rig.on(Input::SaidGoodbye { link: LinkId(0) }).is_empty());
    rig.on(Input::Close);
    assert!(rig.on(Input::SaidGoodbye { link: LinkId(7) }).is_empty());
    assert!(rig.on(Input::Drained { link: LinkId(7) }).is_empty());
    assert!(!rig.is_over());
}

#[test]
fn a_close_on_websocket_takes_in_what_had_come() {
    let mut rig = Rig::websocket();
    assert_eq!(rig.on(Input::Close), ["close 0"]);
    assert_eq!(rig.brings(0, &["4a"]), ["tell message a", "recv 0"]);
    assert_eq!(rig.on(Input::SaidGoodbye { link: LinkId(0) }), ["drain 0"]);
    assert_eq!(
        rig.brings(0, &["4b"]),
        ["tell message b", "recv 0", "drain 0"]
    );
    assert_eq!(
        rig.brings(0, &["4c", "1"]),
        [
            "tell message c",
            "drop 0",
            "closed Client uncertain [] unsent []"
        ]
    );
}

#[test]
fn the_servers_answer_to_our_goodbye_is_our_end() {
    let mut rig = Rig::websocket();
    rig.on(Input::Close);
    assert_eq!(
        rig.brings(0, &["1"]),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
    let mut rig = Rig::websocket();
    rig.on(Input::Close);
    assert_eq!(
        rig.fails(0, Call::Receive),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

#[test]
fn a_servers_end_while_we_flush_is_the_servers() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    rig.on(Input::Close);
    assert_eq!(
        rig.brings(0, &["1"]),
        ["drop 0", "closed Server uncertain [a] unsent [b]"]
    );
}

#[test]
fn a_close_during_an_upgrade_goes_back_to_polling_and_keeps_the_probe_to_the_end() {
    // engine.io-client: connection.js:160
    let mut rig = Rig::probing();
    rig.says(&["a"]);
    assert!(rig.on(Input::Close).is_empty());
    assert!(
        rig.brings(1, &["3probe"]).is_empty(),
        "it is not wanted any more"
    );
    assert_eq!(rig.sent(0), ["left 1", "close 0"]);
    assert!(rig.fails(1, Call::Receive).is_empty());
    assert_eq!(rig.on(Input::SaidGoodbye { link: LinkId(0) }), ["drain 0"]);
    assert_eq!(
        rig.on(Input::Drained { link: LinkId(0) }),
        ["drop 1", "drop 0", "closed Client uncertain [] unsent []"]
    );
    let mut rig = Rig::pausing();
    rig.says(&["a"]);
    assert_eq!(rig.on(Input::Close), ["send 0 4a"]);
    assert_eq!(rig.sent(0), ["left 1", "close 0"]);
}

#[test]
fn a_close_right_after_the_swap_flushes_on_the_new_link() {
    let mut rig = Rig::pausing();
    rig.says(&["a"]);
    rig.brings(0, &["6"]);
    assert!(rig.on(Input::Close).is_empty());
    assert_eq!(rig.sent(1), ["left 1", "send 1 4a"]);
    assert_eq!(rig.sent(1), ["left 1", "close 1"]);
}

#[test]
fn the_close_timeout_counts_time_without_progress_and_has_a_limit() {
    let mut rig = Rig::websocket();
    rig.engine.handle(
        rig.now,
        Input::Send((0..100).map(|_| text(&"x".repeat(130_000))).collect()),
    );
    rig.outputs();
    rig.on(Input::Close);
    for step in 1..15 {
        rig.now = 4 * SECOND * step;
        rig.sent(0);
        rig.brings(0, &["2"]);
        assert!(rig.at(4 * SECOND * step + ms(3_999)).is_empty());
    }
    assert_eq!(rig.wait, Some(60 * SECOND));
    let todo = rig.at(60 * SECOND);
    assert!(
        todo[1].starts_with("closed Client uncertain [xxx"),
        "{}",
        todo[1].len()
    );
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    rig.says(&["b"]);
    rig.now = SECOND;
    rig.on(Input::Close);
    rig.brings(0, &["4x"]);
    assert_eq!(
        rig.wait,
        Some(6 * SECOND),
        "what the server says is no progress of ours"
    );
    assert_eq!(
        rig.at(6 * SECOND),
        ["drop 0", "closed Client uncertain [a] unsent [b]"]
    );
}

#[test]
fn bytes_that_leave_are_progress_of_a_close() {
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    rig.on(Input::Close);
    rig.now = 4 * SECOND;
    rig.on(Input::Active {
        link: LinkId(0),
        received: None,
        sent: Some(4 * SECOND),
    });
    assert_eq!(rig.wait, Some(9 * SECOND));
}

#[test]
fn pings_are_answered_while_closing() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.on(Input::Close);
    rig.brings(0, &["2p"]);
    assert_eq!(rig.sent(0), ["left 1", "send 0 3p"]);
    assert_eq!(rig.sent(0), ["left 1", "close 0"]);
}

// 6. The end.

#[test]
fn the_servers_close_is_told_at_once_and_what_follows_it_is_not_delivered() {
    // engine.io: server.js:1441; python-engineio: test_receive_close_packet,
    // test_write_loop_disconnected
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b", "c"]);
    assert_eq!(
        rig.brings(0, &["4x", "1", "4y"]),
        [
            "tell message x",
            "drop 0",
            "closed Server uncertain [a] unsent [b c]"
        ]
    );
    assert!(rig.on(Input::Close).is_empty(), "told once");
    assert!(rig.sent(0).is_empty());
    assert_eq!(rig.wait, None);
}

#[test]
fn a_failed_poll_ends_the_session_at_once() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    assert_eq!(
        rig.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ]
    );
}

#[test]
fn after_a_failed_send_what_had_arrived_is_delivered_first() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.says(&["a"]);
    rig.says(&["b"]);
    assert_eq!(rig.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        rig.brings(0, &["4x"]),
        [
            "tell message x",
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent [b]"
        ],
        "a further poll would be a new request"
    );
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    assert_eq!(rig.fails(0, Call::Send), ["drain 0"]);
    assert_eq!(
        rig.brings(0, &["4x"]),
        ["tell message x", "recv 0", "drain 0"]
    );
    assert_eq!(
        rig.brings(0, &["1"]),
        ["drop 0", "closed Server uncertain [a] unsent []"],
        "the server told why"
    );
}

#[test]
fn no_time_is_up_while_what_had_arrived_is_taken_in() {
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    rig.fails(0, Call::Send);
    assert_eq!(rig.wait, None);
    assert!(rig.at(100 * SECOND).is_empty());
    assert_eq!(
        rig.on(Input::Drained { link: LinkId(0) }),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [a] unsent []"
        ]
    );
}

#[test]
fn a_drain_of_a_server_that_never_stops_has_an_end() {
    let mut rig = Rig::websocket();
    rig.says(&["a"]);
    rig.fails(0, Call::Send);
    let mut rounds = 0;
    while !rig.is_over() {
        rig.brings(0, &["4x"]);
        rounds += 1;
        assert!(rounds < 2000);
    }
}

#[test]
fn nothing_leaves_on_a_session_that_has_expired() {
    // engine.io-client: socket.js:288
    let mut rig = Rig::websocket();
    rig.now = 100 * SECOND;
    assert!(rig.says(&["a"]).is_empty(), "the machine was suspended");
    assert_eq!(
        rig.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

#[test]
fn a_close_of_an_expired_session_waits_for_its_end_and_hands_everything_back() {
    let mut rig = Rig::websocket();
    rig.now = 100 * SECOND;
    rig.says(&["a"]);
    assert!(
        rig.on(Input::Close).is_empty(),
        "no goodbye while something waits"
    );
    assert_eq!(
        rig.on(Input::Timeout),
        ["drop 0", "closed PingTimeout uncertain [] unsent [a]"]
    );
}

#[test]
fn a_pong_is_no_message_and_not_reported_as_unsent() {
    let mut rig = Rig::polling(&["polling"], OPEN);
    rig.brings(0, &["2p"]);
    assert_eq!(
        rig.fails(0, Call::Receive),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

#[test]
fn a_transport_that_brings_nothing_is_refused() {
    let mut rig = Rig::websocket();
    let todo = rig.brings(0, &[]);
    assert!(todo[1].starts_with("closed Transport(Protocol"), "{todo:?}");
}

// 7. The separator.

#[test]
fn a_separator_in_a_text_is_refused_on_payloads_and_passes_on_frames() {
    let message = Message::from("a\x1eb");
    let error = Acceptance::new(Framing::Payloads, None)
        .check(&message)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsFrames);
    assert!(
        Acceptance::new(Framing::Frames, None)
            .check(&message)
            .is_ok()
    );
    let binary = Message::from(vec![0x1e]);
    assert!(
        Acceptance::new(Framing::Payloads, None)
            .check(&binary)
            .is_ok(),
        "base64 has none"
    );
}

// 8. The next transport.

#[test]
fn a_transport_that_can_not_be_opened_is_followed_by_the_next_with_a_deadline_of_its_own() {
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    rig.opened(0, Framing::Payloads);
    rig.now = 9 * SECOND;
    assert_eq!(rig.fails(0, Call::Receive), ["drop 0", "open 1 websocket"]);
    assert_eq!(rig.wait, Some(19 * SECOND));
    let todo = rig.at(19 * SECOND);
    assert_eq!(
        todo[1],
        "closed Transport(Timeout: no transport could be opened (polling: gone; websocket: the open timeout of 10 s passed (limit open_timeout))) uncertain [] unsent []"
    );
}

#[test]
fn falling_back_can_be_turned_off() {
    // engine.io-client: socket.js:92
    let mut rig = Rig::new(Config {
        fall_back: false,
        ..config(&["polling", "websocket"])
    });
    rig.todo();
    assert_eq!(
        rig.fails(0, Call::Open),
        [
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

#[test]
fn falling_back_reaches_polling_and_does_not_upgrade_from_there() {
    let mut rig = Rig::new(config(&["websocket", "polling"]));
    rig.todo();
    assert_eq!(rig.fails(0, Call::Open), ["drop 0", "open 1 polling"]);
    assert_eq!(rig.opened(1, Framing::Payloads), ["recv 1"]);
    assert_eq!(
        rig.brings(1, &[&format!("0{OPEN}")]),
        ["tell connected polling S", "recv 1"]
    );
}

#[test]
fn a_dropped_attempts_late_answer_is_harmless() {
    let mut rig = Rig::new(config(&["polling", "websocket"]));
    rig.todo();
    rig.fails(0, Call::Open);
    assert!(rig.opened(0, Framing::Payloads).is_empty());
    assert!(rig.brings(0, &[&format!("0{OPEN}")]).is_empty());
    assert!(rig.fails(0, Call::Receive).is_empty());
    assert_eq!(rig.opened(1, Framing::Frames), ["recv 1"]);
}

#[test]
fn what_the_server_said_as_it_closed_is_told_with_its_end() {
    let close = |rig: &mut Rig, link| {
        let close = PeerClose::new(1009, "too big");
        let link = LinkId(link);
        assert_eq!(rig.on(Input::PeerClose { link, close }), [""; 0]);
    };
    let mut rig = Rig::websocket();
    close(&mut rig, 0);
    let told = "closed Server(1009: too big) uncertain [] unsent []";
    assert_eq!(rig.brings(0, &["1"]), ["drop 0", told]);

    // A transport that reports it as an error.
    let mut rig = Rig::websocket();
    close(&mut rig, 0);
    let failed = Input::Failed {
        link: LinkId(0),
        call: Call::Receive,
        error: Error::new(ErrorKind::Ended, "closed"),
    };
    assert_eq!(rig.on(failed), ["drop 0", told]);

    // Another link's is of no consequence.
    let mut rig = Rig::websocket();
    close(&mut rig, 7);
    let told = "closed Server uncertain [] unsent []";
    assert_eq!(rig.brings(0, &["1"]), ["drop 0", told]);
}
