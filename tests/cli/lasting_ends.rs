//! How `eio --reconnect` and `eio --receipts` end: at the end of the input, by a signal, for bad usage; and
//! the status that they exit with.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::lasting::{WEBSOCKET, until};
use super::raw_server::RawServer;
use super::support::oxide::Oxide;
use super::support::proxies::free_port;
use super::support::server::{Counts, Server as _, Setup};
use super::websocket_server::{Fences, Said, WebSocketServer};
use super::{Eio, MODES, RUNTIMES, run};

/// Nobody waits for the next attempt.
const NEVER: [&str; 3] = ["--reconnect", "--reconnect-delay", "100000"];

const QUICK: [&str; 3] = ["--reconnect", "--reconnect-delay", "0.05"];

/// Its exit status, and what it wrote on standard error, while its input stays open.
fn end(mut eio: Eio) -> (i32, String) {
    let input = eio.input.take();
    let (_, status, errors) = eio.finish();
    drop(input);
    (status, errors)
}

#[test]
fn options_that_do_not_go_together_are_bad_usage() {
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
fn with_nothing_to_send_and_no_server_the_end_of_the_input_ends_it_after_one_attempt() {
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
fn with_nothing_to_send_and_a_server_it_closes_a_session() {
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
fn the_end_of_the_input_between_two_sessions_ends_it_when_all_has_been_sent() {
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
        // The session has had its own.
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn what_is_left_at_the_end_of_the_input_is_delivered_when_the_server_comes_back() {
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
fn what_is_not_confirmed_at_the_end_of_the_input_is_sent_again_by_the_next_session() {
    let server = WebSocketServer::start();
    let url = server.url();
    let options = [&QUICK[..], &["--resend", "unconfirmed", &url]].concat();
    let mut eio = Eio::start(&[&WEBSOCKET[..], &options].concat());
    eio.say(b"one");
    eio.end_input();
    // Two sessions that tell nothing of the line, of which the second takes the first's place.
    for _ in 0..2 {
        let mut session = server.session();
        // Else the client takes the fences for what ends the sessions.
        let fence = session.fence();
        session.pong(fence);
        assert_eq!(session.packet(), "4one");
    }
    assert_eq!(server.session().serve(Fences::Answered), ["4one"]);
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
}

#[test]
fn to_linger_it_waits_for_a_session() {
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
fn ctrl_c_ends_it_while_it_waits() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        for lines in [false, true] {
            let options = [&NEVER[..], &["--json", "--runtime", runtime, &url]].concat();
            let mut eio = Eio::start(&options);
            assert_eq!(eio.event()["event"], "reconnect");
            if lines {
                // More than the pipe holds, so that `eio` has read some of it.
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
fn ctrl_c_tells_of_a_line_of_a_former_session_that_was_to_be_sent_again() {
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
fn ctrl_c_in_a_session_tells_of_a_line_that_is_not_confirmed() {
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
fn a_handshake_of_a_later_session_is_awaited_for_a_second_at_the_end() {
    let server = RawServer::start();
    for signal in [true, false] {
        let options = [
            &QUICK[..],
            &["--json", "--transport", "polling", server.url()],
        ]
        .concat();
        let mut eio = Eio::start(&options);
        server.request().open();
        // The server closes.
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
fn a_handshake_without_an_answer_leaves_what_was_to_be_sent_again_in_doubt() {
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
        // The server closes.
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
fn with_receipts_the_status_is_0_when_all_lines_are_confirmed() {
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
fn with_receipts_a_goodbye_that_is_answered_does_not_confirm_a_line() {
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
fn with_receipts_a_goodbye_without_an_answer_takes_nothing_back() {
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
    // It is silent until `eio` has gone.
    let (_, status, errors) = eio.finish();
    assert_eq!((status, errors.as_str()), (0, ""));
    drop(session);
}

#[test]
fn with_receipts_a_close_that_crosses_the_goodbye_takes_nothing_back() {
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

/// The library keeps the newest thousand news that nobody reads.
#[test]
fn lines_that_were_lost_while_nobody_read_the_output_are_counted() {
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
fn with_receipts_the_numbers_are_those_of_the_account() {
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
