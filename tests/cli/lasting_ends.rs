//! Tests of how `eio --reconnect` and `eio --receipts` end (at the end of input, by a signal, for bad
//! usage), and of the exit status.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::lasting::{WEBSOCKET, until};
use super::raw_server::RawServer;
use super::support::oxide::Oxide;
use super::support::proxies::free_port;
use super::support::server::{Counts, Server as _, Setup};
use super::websocket_server::{Fences, Said, WebSocketServer};
use super::{Eio, MODES, RUNTIMES, run};

/// A delay so long that the next attempt never happens during a test.
const NEVER: [&str; 3] = ["--reconnect", "--reconnect-delay", "100000"];

const QUICK: [&str; 3] = ["--reconnect", "--reconnect-delay", "0.05"];

/// Waits until `eio` ends although its input stays open. Returns the exit status and the text on
/// standard error.
fn end(mut eio: Eio) -> (i32, String) {
    let input = eio.input.take();
    let (_, status, errors) = eio.finish();
    drop(input);
    (status, errors)
}

#[test]
fn inconsistent_options_are_bad_usage() {
    let url = "http://localhost";
    for (arguments, named) in [
        (
            &["--resend", "unsent", url][..],
            "--resend needs --reconnect",
        ),
        (
            &["--resend", "unconfirmed", url],
            "--resend needs --reconnect",
        ),
        (
            &["--reconnect-delay", "1", url],
            "--reconnect-delay needs --reconnect",
        ),
        (
            &["--reconnect-delay-max", "1", url],
            "--reconnect-delay-max needs --reconnect",
        ),
        (
            &["--reconnect-attempts", "1", "--receipts", url],
            "--reconnect-attempts needs --reconnect",
        ),
        (
            &["--reconnect", "--resend", "all", url],
            "unsent or unconfirmed, not \"all\"",
        ),
        (
            &["--reconnect", "--reconnect-delay", "soon", url],
            "--reconnect-delay must be a number",
        ),
        (
            &["--reconnect", "--reconnect-delay-max", "-1", url],
            "--reconnect-delay-max must be a number",
        ),
        (
            &["--reconnect", "--reconnect-attempts", "1.5", url],
            "--reconnect-attempts must be a number, not \"1.5\"",
        ),
        (
            &["--reconnect", "--reconnect-attempts"],
            "--reconnect-attempts",
        ),
        (
            &[
                "--reconnect",
                "--reconnect-delay",
                "3",
                "--reconnect-delay-max",
                "2",
                url,
            ],
            "longer than --reconnect-delay-max",
        ),
        (&["--receipts=yes", url], "--receipts"),
        (&["--reconnect=yes", url], "--reconnect"),
    ] {
        let (lines, status, errors) = run(arguments, b"");
        assert_eq!((status, lines.len()), (2, 0), "{arguments:?}: {errors}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
    }
}

#[test]
fn without_input_and_without_a_server_it_ends_after_one_attempt() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        let options = [&NEVER[..], &["--json", "--runtime", runtime, &url]].concat();
        let (lines, status, errors) = run(&options, b"");
        assert_eq!((status, lines.len()), (1, 1), "{lines:?}");
        assert!(lines[0].contains("\"reconnect\""), "{lines:?}");
        assert!(errors.contains("connecting failed"), "{errors}");
    }
}

#[test]
fn without_input_it_opens_a_session_and_closes_it() {
    let server = Oxide::start(Setup::Default);
    for runtime in RUNTIMES {
        for mode in MODES {
            let url = server.url();
            let options = ["--json", "--runtime", runtime, "--transport", mode.option()];
            let (lines, status, errors) = run(&[&NEVER[..], &options, &[&url]].concat(), b"");
            assert_eq!((status, errors.as_str()), (0, ""), "{runtime}, {mode:?}");
            assert!(lines[0].contains("\"connect\""), "{lines:?}");
            assert!(
                lines
                    .last()
                    .is_some_and(|line| line.contains("client disconnect"))
            );
        }
    }
}

#[test]
fn the_end_of_input_between_two_sessions_ends_it_if_every_line_was_sent() {
    for (line, expected) in [
        (false, (0, "")),
        (true, (1, "eio: 1 line may not have arrived\n")),
    ] {
        let server = WebSocketServer::start();
        let url = server.url();
        let mut eio = Eio::start(&[&WEBSOCKET[..], &NEVER, &[&url]].concat());
        let mut session = server.session();
        if line {
            eio.say(b"one");
            assert_eq!(session.packet(), "4one");
        }
        drop(session);
        until(&mut eio, "reconnect");
        let (lines, status, errors) = eio.finish();
        assert_eq!((status, errors.as_str()), expected);
        // The `disconnect` event was already read by `until`, and there is no second one.
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn lines_left_at_the_end_of_input_are_delivered_when_the_server_comes_back() {
    for runtime in RUNTIMES {
        for resend in ["unsent", "unconfirmed"] {
            let mut server = WebSocketServer::start();
            let url = server.url();
            server.go_away();
            let options = [
                &QUICK[..],
                &["--runtime", runtime, "--resend", resend, &url],
            ];
            let mut eio = Eio::start(&[&WEBSOCKET[..], &options.concat()].concat());
            eio.say(b"one");
            eio.say(b"two");
            eio.end_input();
            assert_eq!(eio.event()["event"], "reconnect");
            server.come_back();
            let packets = server.session().serve(Fences::Answered);
            assert_eq!(packets, ["4one", "4two"], "{runtime}, {resend}");
            let (_, status, errors) = eio.finish();
            assert_eq!((status, errors.as_str()), (0, ""), "{runtime}, {resend}");
        }
    }
}

#[test]
fn lines_unconfirmed_at_the_end_of_input_are_sent_again_in_the_next_session() {
    let server = WebSocketServer::start();
    let url = server.url();
    let options = [&QUICK[..], &["--resend", "unconfirmed", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.say(b"one");
    eio.end_input();
    // Two sessions end without confirming the line. It is sent again in the second one.
    for _ in 0..2 {
        let mut session = server.session();
        // If the fences were not answered, the client would assume that they are the cause of the
        // ends.
        let fence = session.fence();
        session.pong(fence);
        assert_eq!(session.packet(), "4one");
    }
    assert_eq!(server.session().serve(Fences::Answered), ["4one"]);
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
}

#[test]
fn with_linger_it_waits_for_a_session() {
    let mut server = WebSocketServer::start();
    let url = server.url();
    server.go_away();
    let options = [&QUICK[..], &["--linger", "0.2", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.end_input();
    until(&mut eio, "reconnect");
    server.come_back();
    let mut session = server.session();
    session.send("4hello");
    assert_eq!(until(&mut eio, "message").0["text"], "hello");
    session.serve(Fences::Answered);
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
}

#[test]
fn ctrl_c_ends_it_during_a_delay() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        for lines in [false, true] {
            let options = [&NEVER[..], &["--json", "--runtime", runtime, &url]].concat();
            let mut eio = Eio::start(&options);
            assert_eq!(eio.event()["event"], "reconnect");
            if lines {
                // These lines exceed what the pipe holds, so `eio` must have read a part of them.
                for _ in 0..100 {
                    eio.say("x".repeat(1023).as_bytes());
                }
            }
            eio.signal("-INT");
            let (status, errors) = end(eio);
            if lines {
                assert_eq!(status, 1, "{runtime}: {errors}");
                assert!(errors.contains("lines were not sent"), "{errors}");
            } else {
                assert_eq!((status, errors.as_str()), (0, ""), "{runtime}");
            }
        }
    }
}

#[test]
fn ctrl_c_reports_a_line_of_an_earlier_session_that_was_to_be_sent_again() {
    let server = WebSocketServer::start();
    let url = server.url();
    let options = [&NEVER[..], &["--resend", "unconfirmed", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.say(b"one");
    let mut session = server.session();
    assert_eq!(session.packet(), "4one");
    drop(session);
    until(&mut eio, "reconnect");
    eio.signal("-INT");
    let expected = (1, "eio: 1 line may not have arrived\n".to_owned());
    assert_eq!(end(eio), expected);
}

#[test]
fn ctrl_c_in_a_session_reports_an_unconfirmed_line() {
    let server = WebSocketServer::start();
    let url = server.url();
    let options = [&QUICK[..], &["--resend", "unconfirmed", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.say(b"one");
    let mut session = server.session();
    assert_eq!(session.packet(), "4one");
    eio.signal("-INT");
    assert!(session.serve(Fences::Ignored).is_empty());
    let expected = (1, "eio: 1 line may not have arrived\n".to_owned());
    assert_eq!(end(eio), expected);
}

#[test]
fn after_ctrl_c_the_handshake_of_a_later_session_is_awaited_for_a_second() {
    let server = RawServer::start();
    for signal in [true, false] {
        let options = [
            &QUICK[..],
            &["--json", "--transport", "polling", server.url()],
        ]
        .concat();
        let mut eio = Eio::start(&options);
        server.request().open();
        // The server answers the close.
        server.request().answer("200 OK", "1");
        until(&mut eio, "reconnect");
        let handshake = server.request();
        if signal {
            eio.signal("-INT");
        } else {
            eio.end_input();
        }
        let (status, errors) = end(eio);
        assert_eq!(status, 0, "{errors}");
        assert!(errors.contains("within 1 s"), "{errors}");
        drop(handshake);
    }
}

#[test]
fn an_unanswered_handshake_leaves_lines_to_be_sent_again_in_doubt() {
    for resend in ["unsent", "unconfirmed"] {
        let server = RawServer::start();
        let options = ["--json", "--transport", "polling", "--resend", resend];
        let mut eio = Eio::start(&[&QUICK[..], &options, &[server.url()]].concat());
        eio.say(b"one");
        server.request().open();
        let mut requests = [server.request(), server.request()];
        requests.sort_by_key(|request| request.body.len());
        let [poll, post] = &mut requests;
        assert_eq!(post.body, "4one");
        // The server answers the close.
        poll.answer("200 OK", "1");
        let handshake = server.request();
        eio.signal("-INT");
        let (status, errors) = end(eio);
        assert_eq!(status, 1, "{errors}");
        assert!(errors.contains("within 1 s"), "{errors}");
        let told = errors.contains("1 line may not have arrived");
        assert!(told, "{resend}: {errors}");
        drop(handshake);
    }
}

#[test]
fn with_receipts_the_status_is_0_if_every_line_is_confirmed() {
    for runtime in RUNTIMES {
        for mode in MODES {
            let server = Oxide::start(Setup::Default);
            let url = server.url();
            let options = ["--runtime", runtime, "--transport", mode.option()];
            let options = [&["--json", "--receipts"][..], &options, &[&url]].concat();
            let (_, status, errors) = run(&options, b"one\ntwo\n");
            assert_eq!((status, errors.as_str()), (0, ""), "{runtime}, {mode:?}");
            assert_eq!(Counts::of_ended_session(&server).total(), 2);
        }
    }
}

#[test]
fn with_receipts_an_answered_close_does_not_confirm_a_line() {
    for (receipts, expected) in [
        (&[][..], (0, "")),
        (&["--receipts"], (1, "eio: 1 line may not have arrived\n")),
    ] {
        let server = WebSocketServer::start();
        let url = server.url();
        let mut eio = Eio::start(&[&WEBSOCKET[..], receipts, &[&url]].concat());
        eio.say(b"one");
        eio.end_input();
        assert_eq!(server.session().serve(Fences::Ignored), ["4one"]);
        let (_, status, errors) = eio.finish();
        assert_eq!((status, errors.as_str()), expected, "{receipts:?}");
    }
}

#[test]
fn with_receipts_an_unanswered_close_does_not_revoke_a_confirmation() {
    let server = WebSocketServer::start();
    let url = server.url();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &["--receipts", &url]].concat());
    eio.say(b"one");
    eio.end_input();
    let mut session = server.session();
    loop {
        match session.hear() {
            Said::Packet(packet) => assert_eq!(packet, "4one"),
            Said::Ping(data) => session.pong(data),
            Said::Close | Said::End => break,
        }
    }
    // The server stays silent until `eio` has ended.
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
    drop(session);
}

#[test]
fn with_receipts_a_simultaneous_close_does_not_revoke_a_confirmation() {
    let server = WebSocketServer::start();
    let url = server.url();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &["--receipts", &url]].concat());
    eio.say(b"one");
    eio.end_input();
    let mut session = server.session();
    let fence = session.fence();
    session.pong(fence);
    assert_eq!(session.packet(), "4one");
    let fence = session.fence();
    session.pong(fence);
    let proof = session.fence();
    session.pong_and_close(proof);
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
}

/// The library keeps only the newest thousand unread events.
#[test]
fn lines_lost_while_the_output_is_not_read_are_counted() {
    const SESSIONS: usize = 900;
    let server = WebSocketServer::start();
    let url = server.url();
    let options = ["--reconnect", "--reconnect-delay", "0", &url];
    let mut child = Command::new(env!("CARGO_BIN_EXE_eio"))
        .args(WEBSOCKET)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("eio starts");
    let mut input = child.stdin.take().expect("it is piped");
    for _ in 0..SESSIONS {
        let mut session = server.session();
        input.write_all(b"x\n").expect("eio reads its input");
        assert_eq!(session.packet(), "4x");
    }
    let last = server.session();
    drop(input);
    assert!(last.serve(Fences::Answered).is_empty());
    let output = child.wait_with_output().expect("it has ended");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        errors,
        format!("eio: {SESSIONS} lines may not have arrived\n")
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn with_receipts_the_reported_numbers_match_the_confirmations() {
    let server = WebSocketServer::start();
    let url = server.url();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &["--receipts", &url]].concat());
    let mut session = server.session();
    assert_eq!(eio.event()["event"], "connect");
    eio.say(b"not \xff UTF-8");
    eio.say(b"one");
    assert_eq!(session.packet(), "4one");
    session.close();
    drop(session);
    assert_eq!(eio.event()["reason"], "server disconnect");
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 1, "{errors}");
    let told = "eio: 1 line may not have arrived, 1 was not sent";
    assert!(errors.lines().any(|line| line == told), "{errors}");
}
