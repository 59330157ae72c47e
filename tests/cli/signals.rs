//! Tests of signals: Ctrl-C, SIGTERM, and SIGHUP when the terminal is closed.

use serde_json::json;

use super::raw_server::RawServer;
use super::support::oxide::Oxide;
use super::support::server::{Server as _, Setup};
use super::{Eio, MODES, RUNTIMES, connected};

const SIGNALS: [&str; 3] = ["-INT", "-TERM", "-HUP"];

fn closes_the_session_on(signal: &str) {
    let server = Oxide::start(Setup::Default);
    for runtime in RUNTIMES {
        for mode in MODES {
            let mut eio = connected(&server.url(), runtime, mode, &[]);
            eio.signal(signal);
            // The input is still open.
            assert_eq!(
                eio.event(),
                json!({"event": "disconnect", "reason": "client disconnect"})
            );
            let input = eio.input.take();
            let (_, status, errors) = eio.finish();
            assert_eq!((status, errors.as_str()), (0, ""));
            drop(input);
        }
    }
}

#[test]
fn ctrl_c_closes_the_session() {
    // Same as python-engineio: test_signal_handler
    closes_the_session_on("-INT");
}

#[test]
fn n7_sigterm_and_sighup_close_the_session() {
    closes_the_session_on("-TERM");
    closes_the_session_on("-HUP");
}

/// Starts an `eio` that sends its handshake, and whose input stays open.
fn opening(server: &RawServer, runtime: &str) -> Eio {
    let url = server.url();
    Eio::start(&[
        "--json",
        "--runtime",
        runtime,
        "--transport",
        "polling",
        url,
    ])
}

/// Waits until `eio` ends although its input stays open. Returns the exit status and the text on
/// standard error.
fn end(mut eio: Eio) -> (i32, String) {
    let input = eio.input.take();
    let (_, status, errors) = eio.finish();
    drop(input);
    (status, errors)
}

#[test]
fn r10_an_unanswered_handshake_is_abandoned_a_second_after_the_signal() {
    let server = RawServer::start();
    for runtime in RUNTIMES {
        for signal in SIGNALS {
            let eio = opening(&server, runtime);
            let handshake = server.request();
            eio.signal(signal);
            let (status, errors) = end(eio);
            assert_eq!(status, 0, "{runtime}: {errors}");
            // The library's own time limit is longer, and its error has another text.
            assert!(errors.contains("within 1 s"), "{runtime}: {errors}");
            drop(handshake);
        }
    }
}

#[test]
fn r10_lines_read_before_the_handshake_was_abandoned_are_counted() {
    let server = RawServer::start();
    for runtime in RUNTIMES {
        let mut eio = opening(&server, runtime);
        // These lines exceed what the pipe holds, so that `eio` must have read a part of them, but not
        // by so much that this write blocks.
        let line = "x".repeat(1023);
        for _ in 0..100 {
            eio.say(line.as_bytes());
        }
        let handshake = server.request();
        eio.signal("-INT");
        let (status, errors) = end(eio);
        assert_eq!(status, 1, "{runtime}: {errors}");
        assert!(errors.contains("lines were not delivered"), "{errors}");
        drop(handshake);
    }
}

#[test]
fn r10_a_session_that_opens_within_a_second_of_the_signal_is_closed() {
    let server = RawServer::start();
    for runtime in RUNTIMES {
        let eio = opening(&server, runtime);
        let mut handshake = server.request();
        eio.signal("-INT");
        handshake.open();
        let mut polls = Vec::new();
        let mut goodbye = loop {
            let request = server.request();
            if request.head.starts_with("POST") {
                break request;
            }
            polls.push(request);
        };
        assert_eq!(goodbye.body, "1", "{runtime}");
        goodbye.answer("200 OK", "ok");
        for mut poll in polls {
            poll.answer("200 OK", "6");
        }
        let (status, errors) = end(eio);
        assert_eq!((status, errors.as_str()), (0, ""), "{runtime}");
    }
}
