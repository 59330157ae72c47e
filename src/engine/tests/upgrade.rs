//! The upgrade from polling to another transport, and probes that fail.

use super::*;

/// Rules E34, E35, E36.
#[test]
fn an_upgrade_from_polling_to_websocket() {
    // Ported from protocol: test-suite.js:523; python-engineio: test_websocket_upgrade_successful
    let mut engine = TestEngine::polling(&["polling", "websocket"], OPEN);
    assert_eq!(
        engine.opened(1, Framing::Frames),
        ["send 1 2probe", "recv 1"]
    );
    // Polling continues in both directions.
    assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
    assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    assert!(engine.sent(1).is_empty());
    assert_eq!(engine.receives(1, &["3probe"]), ["recv 1"]);
    // After the pong no new call starts on polling, and the running ones finish.
    assert!(engine.sends(&["b"]).is_empty());
    assert_eq!(engine.receives(0, &["4y", "2p"]), ["tell message y"]);
    assert!(!engine.inner.current.receiving);
    assert_eq!(
        engine.sent(0),
        ["left 1", "send 1 5", "drop 0", "tell upgraded websocket"]
    );
    // Then everything is sent on the new link, the pong first.
    assert_eq!(engine.sent(1), ["left 1", "send 1 3p 4b"]);
    assert_eq!(engine.receives(1, &["4z"]), ["tell message z", "recv 1"]);
}

/// Rule E6.
#[test]
fn acceptance_changes_at_the_point_of_no_return() {
    let mut engine = TestEngine::pausing();
    let separator = Message::from("a\x1eb");
    assert_eq!(
        engine
            .inner
            .send_queue
            .acceptance()
            .check(&separator)
            .unwrap_err()
            .kind(),
        ErrorKind::NeedsFrames
    );
    engine.inner.handle(
        engine.now,
        Input::Received {
            link: LinkId(0),
            packets: packets(&["6"]),
        },
    );
    let outputs = engine.outputs();
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
    assert!(
        engine
            .inner
            .send_queue
            .acceptance()
            .check(&separator)
            .is_ok()
    );
}

/// Rule E33.
#[test]
fn only_offered_transports_that_come_later_in_our_list_are_probed() {
    // Ported from engine.io-client: socket.js:17; engine.io: server.js:578, :600, :610
    let probes = |ours: &[&'static str], offered: &str| {
        let open = format!(
            r#"{{"sid":"S","upgrades":{offered},"pingInterval":25000,"pingTimeout":20000}}"#
        );
        let mut engine = TestEngine::new(config(ours));
        engine.actions();
        engine.opened(0, Framing::Payloads);
        engine
            .receives(0, &[&format!("0{open}")])
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
    let mut engine = TestEngine::new(Config {
        upgrade: false,
        ..config(&["polling", "websocket"])
    });
    engine.actions();
    engine.opened(0, Framing::Payloads);
    assert_eq!(
        engine.receives(0, &[&format!("0{OPEN}")]),
        ["tell connected polling S", "recv 0"]
    );
}

/// Rule E33.
#[test]
fn a_websocket_session_is_not_upgraded() {
    // Ported from engine.io: server.js:590
    let mut engine = TestEngine::new(config(&["websocket", "polling"]));
    engine.actions();
    engine.opened(0, Framing::Frames);
    let open = r#"0{"sid":"S","upgrades":["polling"],"pingInterval":25000,"pingTimeout":20000}"#;
    assert_eq!(
        engine.receives(0, &[open]),
        ["tell connected websocket S", "recv 0"]
    );
}

/// Rule E38.
#[test]
fn a_probe_that_fails_before_the_pong_leaves_polling_as_it_was() {
    // Ported from python-engineio: test_websocket_upgrade_no_pong
    for step in 0..5 {
        let mut engine = TestEngine::polling(&["polling", "websocket"], OPEN);
        let actions = match step {
            0 => engine.fails(1, Call::Open),
            1 => {
                engine.opened(1, Framing::Frames);
                engine.fails(1, Call::Send)
            }
            2 => {
                engine.opened(1, Framing::Frames);
                engine.fails(1, Call::Receive)
            }
            3 => {
                engine.opened(1, Framing::Frames);
                engine.receives(1, &["3other"])
            }
            _ => {
                engine.opened(1, Framing::Frames);
                engine.receives(1, &["0{}"])
            }
        };
        assert_eq!(
            actions[0], "drop 1",
            "dropped, not closed: a goodbye would end the session"
        );
        assert!(
            actions[1].starts_with("tell not upgraded websocket"),
            "{actions:?}"
        );
        assert_eq!(actions.len(), 2);
        assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
        assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
    }
}

/// Rule E38.
#[test]
fn a_probe_that_fails_after_the_pong_resumes_polling_with_all_queued_messages() {
    let mut engine = TestEngine::probing();
    engine.sends(&["a"]);
    engine.receives(1, &["3probe"]);
    assert!(engine.sends(&["b", "c"]).is_empty());
    assert_eq!(engine.receives(0, &["4x", "2p"]), ["tell message x"]);
    let actions = engine.fails(1, Call::Receive);
    assert_eq!(
        actions,
        ["drop 1", "tell not upgraded websocket: gone", "recv 0"]
    );
    assert_eq!(engine.sent(0), ["left 1", "send 0 3p 4b 4c"]);
}

/// Rule E37.
#[test]
fn after_the_pong_the_probe_ignores_noops_and_fails_on_any_other_packet() {
    let mut engine = TestEngine::pausing();
    assert_eq!(engine.receives(1, &["6"]), ["recv 1"]);
    let actions = engine.receives(1, &["4early"]);
    assert_eq!(
        actions,
        [
            "drop 1",
            "tell not upgraded websocket: the server answered the probe with a message after the pong"
        ]
    );
    let mut engine = TestEngine::probing();
    let actions = engine.receives(1, &["3probe", "4early"]);
    assert_eq!(actions[0], "drop 1");
}

/// Rule E38.
#[test]
fn the_upgrade_has_one_deadline_from_opening_the_probe() {
    // Ported from engine.io: server.js:1635
    for answered in [false, true] {
        let mut engine = if answered {
            TestEngine::pausing()
        } else {
            TestEngine::probing()
        };
        assert_eq!(engine.wait, Some(7 * SECOND));
        assert!(engine.at(ms(6_999)).is_empty());
        let actions = engine.at(7 * SECOND);
        assert_eq!(
            actions,
            [
                "drop 1",
                "tell not upgraded websocket: the upgrade timeout of 7 s passed (limit upgrade_timeout)"
            ]
        );
        assert_eq!(engine.sends(&["a"]), ["send 0 4a"]);
    }
}

#[test]
fn the_next_candidate_is_probed_when_one_fails() {
    let mut engine = TestEngine::new(config(&["polling", "a", "b"]));
    engine.actions();
    engine.opened(0, Framing::Payloads);
    let open = r#"0{"sid":"S","upgrades":["b","a"],"pingInterval":25000,"pingTimeout":20000}"#;
    assert_eq!(
        engine.receives(0, &[open]),
        ["tell connected polling S", "open 1 a sid S", "recv 0"]
    );
    assert_eq!(
        engine.fails(1, Call::Open),
        ["drop 1", "tell not upgraded a: gone", "open 2 b sid S"]
    );
}

/// Rule E36.
#[test]
fn results_of_the_old_link_after_the_swap_are_ignored() {
    let mut engine = TestEngine::pausing();
    engine.receives(0, &["6"]);
    assert!(engine.receives(0, &["1", "4late"]).is_empty());
    assert!(engine.fails(0, Call::Receive).is_empty());
    assert!(engine.sent(0).is_empty());
    assert!(!engine.is_over());
}

#[test]
fn the_session_ends_when_polling_does_during_a_probe() {
    // Ported from engine.io: server.js:1623
    let mut engine = TestEngine::pausing();
    assert_eq!(
        engine.receives(0, &["4x", "1"]),
        [
            "tell message x",
            "drop 1",
            "drop 0",
            "closed Server uncertain [] unsent []"
        ]
    );
    let mut engine = TestEngine::probing();
    assert_eq!(
        engine.fails(0, Call::Receive),
        [
            "drop 1",
            "drop 0",
            "closed Transport(Ended: gone) uncertain [] unsent []"
        ]
    );
}

/// Rule E39.
#[test]
fn after_the_point_of_no_return_a_failure_ends_the_session() {
    let mut engine = TestEngine::pausing();
    engine.sends(&["a"]);
    engine.receives(0, &["6"]);
    assert_eq!(engine.fails(1, Call::Send), ["drain 1"]);
    assert_eq!(
        engine.on(Input::Drained { link: LinkId(1) }),
        [
            "drop 1",
            "closed Transport(Ended: gone) uncertain [] unsent [a]"
        ]
    );
}

/// Rule E26.
#[test]
fn noops_during_a_probe_do_not_cause_a_storm_of_polls() {
    let mut engine = TestEngine::probing();
    let mut polls = 0;
    while engine.now < 7 * SECOND {
        if engine.receives(0, &["6"]).is_empty() {
            let due = engine.wait.unwrap();
            engine.at(due);
        }
        polls += 1;
        assert!(polls < 20);
    }
}

#[test]
fn a_probe_that_fails_ends_the_pause_between_polls() {
    let mut engine = TestEngine::probing();
    assert!(engine.receives(0, &["6"]).is_empty());
    let actions = engine.fails(1, Call::Receive);
    assert_eq!(
        actions[1..],
        ["tell not upgraded websocket: gone", "recv 0"]
    );
}

#[test]
fn a_full_inbox_does_not_delay_an_upgrade() {
    let mut engine = TestEngine::probing();
    engine.on(Input::Room(false));
    assert_eq!(engine.receives(1, &["3probe"]), ["recv 1"]);
    let actions = engine.receives(0, &["4x"]);
    assert_eq!(
        actions,
        [
            "tell message x",
            "send 1 5",
            "drop 0",
            "tell upgraded websocket"
        ]
    );
    engine.sent(1);
    assert!(
        engine
            .receives(1, &["4y"])
            .iter()
            .all(|line| line != "recv 1"),
        "after the upgrade, a full inbox stops `recv`"
    );
}

#[test]
fn the_end_of_all_upgrades_is_reported_once() {
    let over = |engine: &TestEngine| -> Vec<Option<String>> {
        let told = engine.upgrades_over.iter();
        told.map(|error| error.as_ref().map(Error::report))
            .collect()
    };
    // There is no transport to upgrade to.
    assert_eq!(over(&TestEngine::websocket()), [None]);

    let mut engine = TestEngine::pausing();
    assert!(over(&engine).is_empty(), "an upgrade is in progress");
    engine.receives(0, &["6"]);
    engine.sent(1);
    assert_eq!(over(&engine), [None]);

    let mut engine = TestEngine::probing();
    engine.fails(1, Call::Receive);
    assert_eq!(over(&engine), [Some("gone".to_owned())]);
    engine.receives(0, &["4a"]);
    assert_eq!(over(&engine).len(), 1);

    // The first of two candidates fails, and the second succeeds.
    let open = OPEN.replace(r#"["websocket"]"#, r#"["websocket","other"]"#);
    let mut engine = TestEngine::polling(&["polling", "websocket", "other"], &open);
    assert_eq!(
        engine.fails(1, Call::Open),
        [
            "drop 1",
            "tell not upgraded websocket: gone",
            "open 2 other sid S"
        ]
    );
    assert!(
        over(&engine).is_empty(),
        "the second upgrade is in progress"
    );
    engine.opened(2, Framing::Frames);
    engine.sent(2);
    engine.receives(2, &["3probe"]);
    engine.receives(0, &["6"]);
    assert_eq!(over(&engine), [None], "the earlier failure is not reported");

    // A close abandons an upgrade.
    let mut engine = TestEngine::probing();
    engine.on(Input::Close);
    assert_eq!(over(&engine), [None]);
}
