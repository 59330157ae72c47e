//! Redirects of the handshake: how many are followed, within which time, and which are refused.

use super::*;

fn following_redirects(transports: &[&'static str]) -> TestEngine {
    TestEngine::new(Config {
        follow_redirects: true,
        ..config(transports)
    })
}

impl TestEngine {
    fn redirects(&mut self, link: u64, call: Call) -> Vec<String> {
        let error = Error::new(ErrorKind::Status, "302").with_redirect(format!("/{link}"));
        self.on(Input::Failed {
            link: LinkId(link),
            call,
            error,
        })
    }
}

/// Rule E19.
#[test]
fn a_redirected_attempt_keeps_its_deadline() {
    for (call, framing) in [
        (Call::Open, None),
        (Call::Receive, Some(Framing::Payloads)),
        (Call::Receive, Some(Framing::Frames)),
    ] {
        let mut engine = following_redirects(&["polling", "websocket"]);
        engine.actions();
        for hop in 0..2 {
            if let Some(framing) = framing {
                assert_eq!(engine.opened(hop, framing), [format!("recv {hop}")]);
            }
            engine.now = (hop as u32 + 1) * 4 * SECOND;
            let next = hop + 1;
            assert_eq!(
                engine.redirects(hop, call),
                [
                    format!("drop {hop}"),
                    format!("open {next} polling at /{hop}")
                ]
            );
            assert_eq!(engine.wait, Some(10 * SECOND));
        }
        // A result of the previous link is ignored.
        assert!(engine.redirects(1, Call::Receive).is_empty());
        let actions = engine.at(10 * SECOND);
        assert_eq!(actions, ["drop 2", "open 3 websocket"]);
        assert_eq!(engine.wait, Some(20 * SECOND));
    }
}

/// Rule E19.
#[test]
fn each_attempt_follows_at_most_five_redirects() {
    let mut engine = following_redirects(&["polling", "websocket"]);
    engine.actions();
    let mut link = 0;
    for transport in ["polling", "websocket"] {
        for _ in 0..5 {
            let next = link + 1;
            assert_eq!(
                engine.redirects(link, Call::Open),
                [
                    format!("drop {link}"),
                    format!("open {next} {transport} at /{link}")
                ]
            );
            link = next;
        }
        let actions = engine.redirects(link, Call::Open);
        assert_eq!(actions[0], format!("drop {link}"));
        link += 1;
        match transport {
            "polling" => assert_eq!(actions[1], format!("open {link} websocket")),
            _ => assert_eq!(
                actions[1],
                "closed Transport(Status: no transport could be opened \
                 (polling: 302, which is not followed: 5 redirects were followed already; \
                 websocket: the same error)) uncertain [] unsent []"
            ),
        }
    }
    assert!(engine.is_over());
}

#[test]
fn a_redirect_that_can_not_be_followed_fails_the_attempt() {
    let mut engine = following_redirects(&["polling"]);
    engine.actions();
    engine.redirects(0, Call::Open);
    assert_eq!(
        engine.redirects(1, Call::Redirect),
        [
            "drop 1",
            "closed Transport(Status: 302) uncertain [] unsent []"
        ]
    );
}

#[test]
fn a_redirect_is_not_followed_after_a_close() {
    let mut engine = following_redirects(&["polling"]);
    engine.actions();
    engine.opened(0, Framing::Payloads);
    assert!(engine.on(Input::Close).is_empty());
    assert_eq!(
        engine.redirects(0, Call::Receive),
        ["drop 0", "closed Client uncertain [] unsent []"]
    );
}

/// Rule E19.
#[test]
fn redirects_of_an_open_session_and_of_its_upgrade_are_errors() {
    let mut engine = following_redirects(&["polling", "websocket"]);
    engine.actions();
    engine.opened(0, Framing::Payloads);
    engine.receives(0, &[&format!("0{OPEN}")]);
    let why = "302, which is not followed: only redirects of the handshake are followed";
    assert_eq!(
        engine.redirects(1, Call::Open),
        [
            "drop 1".to_owned(),
            format!("tell not upgraded websocket: {why}")
        ]
    );
    assert_eq!(
        engine.redirects(0, Call::Receive)[1],
        format!("closed Transport(Status: {why}) uncertain [] unsent []")
    );
}
