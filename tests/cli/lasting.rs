//! Tests of `eio --reconnect` and `--receipts`: several sessions, and the events about them.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::support::oxide::Oxide;
use super::support::proxies::free_port;
use super::support::server::Setup;
use super::websocket_server::{Fences, WebSocketServer};
use super::{Eio, Mode, RUNTIMES, run};

/// Short delays, so that no test waits for long.
const QUICK: [&str; 3] = ["--reconnect", "--reconnect-delay", "0.05"];

pub(crate) const WEBSOCKET: [&str; 3] = ["--json", "--transport", "websocket"];

/// Returns the next event of this name, and the events before it.
pub(crate) fn until(eio: &mut Eio, name: &str) -> (Value, Vec<Value>) {
    let mut before = Vec::new();
    loop {
        let event = eio.event();
        if event["event"] == name {
            return (event, before);
        }
        before.push(event);
    }
}

/// Checks that each `connect` is followed by one `disconnect` before the next one.
fn assert_in_pairs(events: &[Value]) {
    let news = events.iter().filter_map(|event| event["event"].as_str());
    let ends: Vec<&str> = news.filter(|name| name.ends_with("connect")).collect();
    let ends: Vec<&str> = ends
        .into_iter()
        .filter(|name| *name != "reconnect")
        .collect();
    for pair in ends.chunks(2) {
        assert_eq!(pair, ["connect", "disconnect"], "{events:?}");
    }
}

fn parsed(lines: &[String]) -> Vec<Value> {
    let parse = |line: &String| serde_json::from_str(line).expect("JSON");
    lines.iter().map(parse).collect()
}

#[test]
fn it_reconnects_to_a_server_that_dies_and_comes_back() {
    for runtime in RUNTIMES {
        for mode in [Mode::Polling, Mode::WebSocket] {
            let case = format!("{runtime}, {mode:?}");
            let mut listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            let url = format!("http://{address}");
            let options = ["--json", "--runtime", runtime, "--transport", mode.option()];
            let options = [&QUICK[..], &options, &["--resend", "unconfirmed", &url]].concat();
            let mut eio = Eio::start(&options);
            let mut events = Vec::new();
            // There are only two rounds: if three sessions ended without confirming a line, the client
            // would give the line up.
            for round in 0..2 {
                let server = Oxide::on(listener, Setup::Default);
                let (connect, before) = until(&mut eio, "connect");
                events.extend(before);
                events.push(connect);
                let text = format!("line {round}");
                eio.say(text.as_bytes());
                // A line that the previous server has answered may be unconfirmed, and is then sent
                // again.
                while until_message(&mut eio) != text {}
                drop(server);
                let (disconnect, before) = until(&mut eio, "disconnect");
                events.extend(before);
                assert_eq!(
                    disconnect["reason"], "transport error",
                    "{case}: {disconnect}"
                );
                events.push(disconnect);
                listener = TcpListener::bind(address).expect("the port is still free");
            }
            let server = Oxide::on(listener, Setup::Default);
            let (connect, before) = until(&mut eio, "connect");
            events.extend(before);
            events.push(connect);
            let (lines, status, errors) = eio.finish();
            assert_eq!((status, errors.as_str()), (0, ""), "{case}");
            events.extend(parsed(&lines));
            assert_in_pairs(&events);
            assert_eq!(events.last().expect("some")["reason"], "client disconnect");
            drop(server);
        }
    }
}

fn until_message(eio: &mut Eio) -> String {
    let (message, _) = until(eio, "message");
    message["text"].as_str().expect("a text").to_owned()
}

#[test]
fn each_delay_is_reported_with_its_cause_until_the_attempts_are_used_up() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        let options = [
            "--json",
            "--runtime",
            runtime,
            "--transport",
            "polling",
            "--reconnect",
            "--reconnect-delay",
            "0.2",
            "--reconnect-delay-max",
            "0.25",
            "--reconnect-attempts",
            "3",
            &url,
        ];
        let (lines, status, errors) = run(&options, b"hello\n");
        assert_eq!(status, 1, "{errors}");
        let events = parsed(&lines);
        let (last, waits) = events.split_last().expect("there are events");
        assert_eq!(last["event"], "connect_error", "{events:?}");
        assert_eq!(waits.len(), 3, "{events:?}");
        for (attempt, wait) in (1..).zip(waits) {
            assert_eq!(wait["event"], "reconnect");
            assert_eq!(wait["attempt"], attempt);
            assert_eq!(wait["reason"], "transport error");
            assert!(
                wait["error"]
                    .as_str()
                    .is_some_and(|error| error.contains("could not connect"))
            );
            assert!(
                wait["causes"]
                    .to_string()
                    .to_lowercase()
                    .contains("refused")
            );
            let delay = wait["delay"].as_f64().expect("a number");
            assert!((0.1..=0.25).contains(&delay), "{wait}");
        }
        assert!(errors.contains("connecting failed"), "{errors}");
        assert!(errors.contains("1 line was not sent"), "{errors}");
    }
}

#[test]
fn a_delay_above_the_default_of_the_longest_delay_is_used() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let options = ["--json", "--reconnect", "--reconnect-delay", "1000", &url];
    let mut eio = Eio::start(&options);
    let event = eio.event();
    assert_eq!(event["event"], "reconnect");
    let delay = event["delay"].as_f64().expect("a number");
    assert!((500.0..=1000.0).contains(&delay), "{event}");
}

#[test]
fn without_attempts_the_first_connection_is_the_only_one() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let options = ["--json", "--reconnect", "--reconnect-attempts", "0", &url];
    let (lines, status, _) = run(&options, b"");
    assert_eq!((status, lines.len()), (1, 1), "{lines:?}");
    assert!(lines[0].contains("connect_error"), "{lines:?}");

    let server = WebSocketServer::start();
    let url = server.url();
    let options = ["--reconnect", "--reconnect-attempts", "0", &url];
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    drop(server.session());
    assert_eq!(eio.event()["event"], "connect");
    assert_eq!(eio.event()["event"], "disconnect");
    let (lines, status, errors) = eio.finish();
    assert_eq!((status, lines.len()), (1, 0), "{lines:?}, {errors}");
}

#[test]
fn if_the_attempts_are_used_up_after_a_session_both_ends_are_reported() {
    let mut server = WebSocketServer::start();
    let url = server.url();
    let options = [&QUICK[..], &["--reconnect-attempts", "1", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    let mut session = server.session();
    eio.say(b"one");
    assert_eq!(session.packet(), "4one");
    server.go_away();
    drop(session);
    let mut news = Vec::new();
    while let Some(line) = eio.line() {
        let event: Value = serde_json::from_str(&line).expect("JSON");
        news.push(event["event"].as_str().expect("a name").to_owned());
    }
    assert_eq!(
        news,
        ["connect", "disconnect", "reconnect", "connect_error"]
    );
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("eio: connecting failed"), "{errors}");
    assert!(errors.contains("1 line may not have arrived"), "{errors}");
}

#[test]
fn without_json_the_delays_are_reported_on_standard_error() {
    let server = WebSocketServer::start();
    let url = server.url();
    for (flags, told) in [(&[][..], true), (&["-v"], false)] {
        let options = [flags, &QUICK, &["--transport", "websocket", &url]].concat();
        let mut eio = Eio::start(&options);
        eio.say(b"one");
        let mut first = server.session();
        assert_eq!(first.packet(), "4one");
        first.close();
        drop(first);
        let mut second = server.session();
        eio.say(b"two");
        assert_eq!(second.packet(), "4two");
        eio.end_input();
        second.serve(Fences::Answered);
        let (_, status, errors) = eio.finish();
        // The first line was never confirmed.
        assert_eq!(status, 1, "{errors}");
        assert!(
            errors.contains("eio: 1 line may not have arrived"),
            "{errors}"
        );
        let news = |text: &str| errors.lines().any(|line| line.contains(text));
        assert_eq!(news("eio: reconnecting in 0."), told, "{errors}");
        assert_eq!(
            news("s (attempt 1): closed by the server"),
            told,
            "{errors}"
        );
        let lost = news("the session ended, and 1 line sent in it may not have arrived");
        assert_eq!(lost, told, "{errors}");
        // With `-v`, the log reports these events instead.
        assert!(told || news("reconnecting"), "{errors}");
    }
}

#[test]
fn the_reason_of_a_delay_is_the_end_of_the_previous_session() {
    let server = WebSocketServer::start();
    let url = server.url();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &QUICK, &[&url]].concat());
    let mut first = server.session();
    assert_eq!(eio.event()["event"], "connect");
    first.close();
    let disconnect = eio.event();
    assert_eq!(
        disconnect,
        json!({
            "event": "disconnect", "reason": "server disconnect",
            "close_code": 1005, "close_reason": "",
        })
    );
    let mut reconnect = eio.event();
    let delay = reconnect["delay"].take().as_f64().expect("a number");
    assert!((0.025..=0.075).contains(&delay), "{delay}");
    assert_eq!(
        reconnect,
        json!({
            "event": "reconnect", "attempt": 1, "delay": null, "reason": "server disconnect",
            "close_code": 1005, "close_reason": "",
        })
    );
    let second = server.session();
    assert_eq!(eio.event()["event"], "connect");
    eio.end_input();
    assert!(second.serve(Fences::Answered).is_empty());
    assert_eq!(eio.finish().1, 0);
}

/// The server reads a line, and ends the connection without confirming the line.
fn dies_with_a_line(eio: &mut Eio, server: &WebSocketServer) {
    eio.say(b"one");
    let mut session = server.session();
    assert_eq!(session.packet(), "4one");
    drop(session);
    until(eio, "reconnect");
}

#[test]
fn a_line_that_may_have_arrived_is_sent_again_only_with_the_option() {
    for runtime in RUNTIMES {
        for (resend, sent_again) in [
            (&[][..], false),
            (&["--resend", "unsent"], false),
            (&["--resend", "unconfirmed"], true),
        ] {
            let case = format!("{runtime}, {resend:?}");
            let server = WebSocketServer::start();
            let url = server.url();
            let options = [
                &WEBSOCKET[..],
                &QUICK,
                resend,
                &["--runtime", runtime, &url],
            ];
            let mut eio = Eio::start(&options.concat());
            dies_with_a_line(&mut eio, &server);
            eio.say(b"two");
            eio.end_input();
            let packets = server.session().serve(Fences::Answered);
            let (_, status, errors) = eio.finish();
            if sent_again {
                assert_eq!(packets, ["4one", "4two"], "{case}");
                assert_eq!((status, errors.as_str()), (0, ""), "{case}");
            } else {
                assert_eq!(packets, ["4two"], "{case}");
                assert_eq!(status, 1, "{case}");
                assert_eq!(errors, "eio: 1 line may not have arrived\n", "{case}");
            }
        }
    }
}

#[test]
fn lines_that_no_session_can_carry_are_given_up_and_reported() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut eio = Eio::start(&[&QUICK[..], &["--json", "--transport", "polling", &url]].concat());
    until(&mut eio, "reconnect");
    // Longer than this server's maxPayload, which the client does not know yet.
    let long = "x".repeat(150_000);
    eio.say(long.as_bytes());
    // These lines exceed the 64 KiB that a pipe holds, so `eio` must have read the long line before
    // the last of them can be written.
    let short = "y".repeat(1023);
    for _ in 0..200 {
        eio.say(short.as_bytes());
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let server = Oxide::on(listener, Setup::Default);
    let (given_up, _) = until(&mut eio, "given_up");
    assert_eq!(given_up["messages"], json!([{"text": long}]));
    let error = given_up["error"].as_str().expect("a text");
    assert!(
        error.contains("150000") || error.contains("150001"),
        "{error}"
    );
    assert!(given_up["causes"].is_array(), "{error}");
    for _ in 0..200 {
        assert_eq!(until_message(&mut eio), short);
    }
    let (lines, status, errors) = eio.finish();
    assert_eq!(
        parsed(&lines),
        [json!({"event": "disconnect", "reason": "client disconnect"})]
    );
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("a line was given up"), "{errors}");
    assert!(errors.contains("1 line was not sent"), "{errors}");
    assert!(!errors.contains("xxx"), "contents are shown: {errors}");
    drop(server);
}

#[test]
fn a_line_that_ends_three_sessions_is_given_up_and_may_have_arrived() {
    let server = WebSocketServer::start();
    let url = server.url();
    let options = [&QUICK[..], &["--resend", "unconfirmed", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.say(b"poison");
    for _ in 0..3 {
        let mut session = server.session();
        // If the fences were not answered, the client would assume that they are the cause of the
        // ends.
        let fence = session.fence();
        session.pong(fence);
        assert_eq!(session.packet(), "4poison");
    }
    let (given_up, _) = until(&mut eio, "given_up");
    assert_eq!(given_up["messages"], json!([{"text": "poison"}]));
    eio.say(b"good");
    eio.end_input();
    assert_eq!(server.session().serve(Fences::Answered), ["4good"]);
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("eio: a line was given up"), "{errors}");
    assert!(errors.contains("1 line may not have arrived\n"), "{errors}");
}

#[test]
fn a_server_that_can_not_confirm_is_reported_once() {
    let server = WebSocketServer::start();
    let url = server.url();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &["--receipts", &url]].concat());
    let open = r#"0{"sid":"s","pingInterval":25000,"pingTimeout":50}"#;
    let mut session = server.session_with(open);
    assert_eq!(eio.event()["event"], "connect");
    eio.say(b"one");
    assert_eq!(session.packet(), "4one");
    // The client reports the event when a packet arrives long enough after an unanswered fence.
    let no_receipts = loop {
        session.send("4x");
        let event = eio.event();
        if event["event"] == "no_receipts" {
            break event;
        }
        assert_eq!(event["event"], "message");
    };
    let error = no_receipts["error"].as_str().expect("a text");
    assert!(error.contains("does not answer WebSocket pings"), "{error}");
    eio.end_input();
    session.serve(Fences::Ignored);
    let (_, status, errors) = eio.finish();
    assert_eq!(
        (status, errors.as_str()),
        (1, "eio: 1 line may not have arrived\n")
    );
}
