//! How messages are divided into batches, and which messages the link's framing refuses.

use super::*;

/// Rule E23.
#[test]
fn a_payload_is_cut_by_its_exact_size() {
    // (1 + 49) + separator + (1 + 48) = 100 = `maxPayload`. One more byte does not fit.
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    let (a, b, c) = ("a".repeat(49), "b".repeat(48), "c".repeat(49));
    assert_eq!(engine.sends(&[&a, &b]), [format!("send 0 4{a} 4{b}")]);
    engine.sends(&[&a, &c, &b]);
    assert_eq!(
        engine.sent(0),
        ["left 2".to_owned(), format!("send 0 4{a}")]
    );
    assert_eq!(
        engine.sent(0),
        ["left 1".to_owned(), format!("send 0 4{c} 4{b}")]
    );
}

/// Rule E23.
#[test]
fn binary_counts_as_base64() {
    // Ported from engine.io-client: node.js:41
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    // (1 + 4 * 18) + separator + (1 + 25) = 100 = `maxPayload`.
    let binary = Packet::Message(Message::from(vec![0; 52]));
    engine.inner.handle(
        engine.now,
        Input::Send(
            [binary.clone(), text(&"x".repeat(25))]
                .into_iter()
                .collect(),
        ),
    );
    let outputs = engine.outputs();
    assert!(
        matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == 2),
        "{outputs:?}"
    );
    engine.sent(0);
    engine.inner.handle(
        engine.now,
        Input::Send([binary, text(&"x".repeat(26))].into_iter().collect()),
    );
    let outputs = engine.outputs();
    assert!(
        matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == 1),
        "{outputs:?}"
    );
}

/// Rule E23.
#[test]
fn messages_are_merged_into_as_few_posts_as_fit() {
    // Ported from engine.io-client: connection.js:79, node.js:41, arraybuffer/polling.js:77;
    // python-engineio: test_write_loop_polling_three_packets
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
        // An empty message takes a byte and a separator too.
        (vec![binary(0), text(96), text(1)], &[2, 1]),
    ] {
        let mut engine = TestEngine::polling(&["polling"], OPEN);
        let messages = messages.into_iter().map(Packet::Message).collect();
        engine.inner.handle(engine.now, Input::Send(messages));
        let mut sizes = Vec::new();
        loop {
            let batch = engine
                .outputs()
                .into_iter()
                .find_map(|output| match output {
                    Output::Send { batch, .. } => Some(batch),
                    _ => None,
                });
            let Some(batch) = batch else { break };
            assert!(crate::codec::encode_payload(&batch).len() <= 100);
            sizes.push(batch.len());
            engine
                .inner
                .handle(engine.now, Input::Sent { link: LinkId(0) });
        }
        assert_eq!(sizes, posts);
    }
}

/// Rule E23.
#[test]
fn a_payload_has_at_most_16_packets() {
    // Ported from python-engineio: test_write_loop_polling_three_packets
    let mut engine = TestEngine::polling(
        &["polling"],
        r#"{"sid":"S","pingInterval":25000,"pingTimeout":20000}"#,
    );
    let many: Vec<&str> = vec!["x"; 40];
    let count = |actions: Vec<String>| {
        actions
            .iter()
            .map(|line| line.matches("4x").count())
            .sum::<usize>()
    };
    assert_eq!(count(engine.sends(&many)), 16);
    assert_eq!(count(engine.sent(0)), 16);
    assert_eq!(count(engine.sent(0)), 8);
    assert_eq!(count(engine.sent(0)), 0);
}

/// Rule E24.
#[test]
fn a_message_larger_than_max_payload_is_refused_on_payloads_and_accepted_on_frames() {
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

/// Messages of these lengths, each inner slice as one group.
fn outgoing(groups: &[&[usize]]) -> Outgoing {
    let mut outgoing = Outgoing::default();
    for group in groups {
        let group = group
            .iter()
            .map(|&length| Message::from("x".repeat(length)));
        outgoing.push_group(group.collect());
    }
    outgoing
}

/// Sends batches until nothing is left to send. Returns the lengths of the messages in each, and "pong".
fn batches(engine: &mut TestEngine) -> Vec<Vec<String>> {
    let mut batches = Vec::new();
    loop {
        let batch = engine
            .outputs()
            .into_iter()
            .find_map(|output| match output {
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
        engine
            .inner
            .handle(engine.now, Input::Sent { link: LinkId(0) });
    }
}

#[test]
fn a_group_is_divided_between_batches_of_frames_only_if_it_is_longer_than_one() {
    const K: usize = 1000;
    let long = 100 * K;
    let mut engine = TestEngine::websocket();
    let sent = outgoing(&[&[1], &[long, 20 * K, 20 * K], &[2], &[3, 30 * K], &[4]]);
    engine.inner.handle(engine.now, Input::Send(sent));
    assert_eq!(
        batches(&mut engine),
        [
            // The first message of the group would fit, but not the whole group.
            &["1"][..],
            &["100000", "20000"],
            &["20000", "2", "3", "30000", "4"],
        ],
        "the group of 140,000 bytes is divided, since no batch could hold it"
    );
    // Groups that fit exactly, after a pong and next to each other.
    let most = 128 * 1024;
    let sent = outgoing(&[&[5], &[most - 7, 7], &[8, 9], &[most]]);
    engine.inner.handle(engine.now, Input::Send(sent));
    let ping = Input::Received {
        link: LinkId(0),
        packets: packets(&["2"]),
    };
    engine.inner.handle(engine.now, ping);
    assert_eq!(
        batches(&mut engine),
        [
            &["pong", "5"][..],
            &["131065", "7"],
            &["8", "9"],
            &["131072"]
        ]
    );
}

#[test]
fn groups_queued_after_others_stay_whole() {
    let mut engine = TestEngine::websocket();
    let half = 64 * 1024;
    engine
        .inner
        .handle(engine.now, Input::Send(outgoing(&[&[1], &[2, 3]])));
    let first = engine.outputs();
    assert!(matches!(&first[0], Output::Send { batch, .. } if batch.len() == 3));
    // More groups arrive while the first batch is being sent.
    engine
        .inner
        .handle(engine.now, Input::Send(outgoing(&[&[half], &[half, 1]])));
    engine.inner.handle(
        engine.now,
        Input::Send(outgoing(&[&[half, half], &[half, 2]])),
    );
    engine
        .inner
        .handle(engine.now, Input::Sent { link: LinkId(0) });
    assert_eq!(
        batches(&mut engine),
        [
            &["65536"][..],
            &["65536", "1"],
            &["65536", "65536"],
            &["65536", "2"]
        ]
    );
}

#[test]
fn on_polling_a_group_may_take_several_posts() {
    let mut engine = TestEngine::polling(&["polling"], OPEN);
    let sent = outgoing(&[&[1], &[2; 20]]);
    engine.inner.handle(engine.now, Input::Send(sent));
    let sizes: Vec<usize> = batches(&mut engine).iter().map(Vec::len).collect();
    assert_eq!(sizes, [16, 5]);
}

/// Rule E28.
#[test]
fn a_pong_passes_between_two_batches_of_frames() {
    let mut engine = TestEngine::websocket();
    let long = "x".repeat(60_000);
    let huge = "y".repeat(200_000);
    engine.inner.handle(
        engine.now,
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
    assert_eq!(lengths(engine.outputs()), [2]);
    engine.inner.handle(
        engine.now,
        Input::Received {
            link: LinkId(0),
            packets: packets(&["2"]),
        },
    );
    engine.outputs();
    engine
        .inner
        .handle(engine.now, Input::Sent { link: LinkId(0) });
    let outputs = engine.outputs();
    assert!(
        matches!(&outputs[1], Output::Send { batch, .. } if matches!(batch.iter().next(), Some(Packet::Pong(_))) && batch.len() == 2),
        "{outputs:?}"
    );
    engine
        .inner
        .handle(engine.now, Input::Sent { link: LinkId(0) });
    assert_eq!(lengths(engine.outputs()), [1]);
    engine
        .inner
        .handle(engine.now, Input::Sent { link: LinkId(0) });
    assert_eq!(lengths(engine.outputs()), [1]);
}

#[test]
fn a_batch_of_frames_holds_128_kib_and_not_a_byte_more() {
    for (more, together) in [(0, 2), (1, 1)] {
        let mut engine = TestEngine::websocket();
        let first = text(&"x".repeat(65_536));
        let second = text(&"y".repeat(65_536 + more));
        engine.inner.handle(
            engine.now,
            Input::Send([first, second].into_iter().collect()),
        );
        let outputs = engine.outputs();
        assert!(matches!(&outputs[..], [Output::Send { batch, .. }] if batch.len() == together));
    }
}

/// Rule E6.
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
        "base64 does not contain the separator"
    );
}

/// Rule E23.
#[test]
fn r2_without_max_payload_a_post_holds_at_most_1_000_000_bytes() {
    let open = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let mut engine = TestEngine::polling(&["polling"], open);
    // 9 messages and their separators are just below 1,000,000 bytes; 10 are above.
    let hundred = "x".repeat(100_000);
    let many: Vec<&str> = vec![&hundred; 16];
    engine.inner.handle(
        engine.now,
        Input::Send(many.iter().map(|message| text(message)).collect()),
    );
    let sizes: Vec<usize> = batches(&mut engine).iter().map(Vec::len).collect();
    assert_eq!(sizes, [9, 7]);
    // A larger message is sent alone.
    let large = "x".repeat(3_000_000);
    engine.inner.handle(
        engine.now,
        Input::Send(["a", &large, "b"].map(text).into_iter().collect()),
    );
    let sizes: Vec<usize> = batches(&mut engine).iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 1, 1]);
}
