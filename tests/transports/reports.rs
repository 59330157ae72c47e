//! The error of a failed attempt to connect, as people read it and as programs inspect it. The tests
//! come from reports of users of this client and of other clients. Each name begins with the number of
//! the report in `tests/reports.md`.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Error, ErrorKind, MockRuntime};

use crate::open_packet;
use crate::raw::{Server, TEXT, frame, response, spawn, switching, under_some_orders};

const URL: &str = "http://user:password@10.0.0.1/chat/?token=secret";

/// Connects to a server that answers the attempts with these responses in turn. Returns the transport of
/// the session, or the error. The response `websocket` stands for one that opens a session over
/// WebSocket.
async fn attempts(
    runtime: &MockRuntime,
    transports: &'static [&'static str],
    answers: Vec<Vec<u8>>,
) -> Result<Option<&'static str>, Error> {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peers = Vec::new();
        for answer in answers {
            let mut peer = server.accept().await;
            let request = peer.request().await;
            if answer == b"websocket" {
                let mut bytes = switching(&request).into_bytes();
                bytes.extend(frame(TEXT, open_packet(25_000, 20_000)));
                peer.write(bytes).await;
            } else {
                peer.write(answer).await;
            }
            peers.push(peer);
        }
        (server, peers)
    });
    let builder = Builder::new(URL, Transports::default(), runtime.clone());
    let connected = builder
        .transports(transports.iter().copied())
        .connect()
        .await;
    script.await;
    connected.map(|client| client.transport())
}

fn keeps_secrets(report: &str) {
    for secret in ["token", "secret", "user", "password", "sid="] {
        assert!(!report.contains(secret), "{report}");
    }
}

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 21\r\n\r\n<!DOCTYPE html><html>";

/// Rule E18.
#[test]
fn r6_after_a_first_response_that_is_not_engine_io_the_next_transport_is_tried() {
    under_some_orders(async |runtime| {
        let json =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let both = &["polling", "websocket"];
        for answer in [
            PAGE.into(),
            json.into(),
            response(""),
            response("hello"),
            response([0xff, 0xfe]),
        ] {
            let connected = attempts(&runtime, both, vec![answer, b"websocket".to_vec()]).await;
            assert_eq!(connected.unwrap(), Some("websocket"));
        }
        // If WebSocket fails as well, here with a 404, the error names both transports, polling first.
        let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let error = attempts(&runtime, both, vec![PAGE.into(), gone.into()])
            .await
            .unwrap_err();
        let report = error.report();
        let polling = "polling: http://10.0.0.1/chat/: the response to the first poll \
                       (text/html; charset=utf-8) is not Engine.IO (is the path right?): ";
        assert!(report.contains(polling), "{report}");
        assert!(
            report.contains("; websocket: http://10.0.0.1/chat/: "),
            "{report}"
        );
        keeps_secrets(&report);
    });
}

/// Rule E18.
#[test]
fn r6_after_a_first_response_that_is_a_packet_no_other_transport_is_tried() {
    under_some_orders(async |runtime| {
        for answer in [
            response("4hello"),
            response("404 page not found"),
            response(r#"0{"sid":7}"#),
            response(r#"96:0{"sid":"x"}"#),
        ] {
            let both = &["polling", "websocket"];
            let error = attempts(&runtime, both, vec![answer]).await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Handshake | ErrorKind::Protocol),
                "{}",
                error.report()
            );
            assert!(!error.is_retryable());
        }
    });
}

#[test]
fn r13_a_cause_that_both_transports_share_is_reported_once() {
    under_some_orders(async |runtime| {
        // Nothing listens at this address.
        let builder = Builder::new(URL, Transports::default(), runtime.clone());
        let error = builder.connect().await.unwrap_err();
        let report = error.report();
        assert!(report.ends_with("; websocket: the same error)"), "{report}");
        assert_eq!(report.matches("could not connect").count(), 1, "{report}");
        assert!(error.is_retryable());
        assert_eq!(error.url().unwrap().as_str(), "http://10.0.0.1/chat/");
    });
}

/// Rule E48.
#[test]
fn r14_the_body_of_a_short_refusal_is_quoted_whatever_its_type() {
    under_some_orders(async |runtime| {
        for transport in [&["polling"], &["websocket"]] {
            for (body, words) in [
                (r#"{"error":"unauthorized"}"#, r#"{"error":"unauthorized"}"#),
                (r#"{"message":"no"}"#, "no"),
                (r#"{"message":"no","code":3}"#, "no (code 3)"),
                (r#"{"code":"E3","message":"no"}"#, "no (code E3)"),
                (r#"{"message":"no","code":-3}"#, "no (code -3)"),
                (r#"{"message":"no","code":[{}],"x":{"y":[1]}}"#, "no"),
                (r#"{"message":5,"code":3}"#, r#"{"message":5,"code":3}"#),
                (r#""no""#, "no"),
                (r#"["no"]"#, r#"["no"]"#),
                ("<html><head><title>401 No</title></head><body>x", "401 No"),
                ("<p>Log <b>in</b></p>", "Log in"),
            ] {
                let answer = format!(
                    "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let error = attempts(&runtime, transport, vec![answer.into()]).await;
                let error = error.unwrap_err();
                let end = format!("401 Unauthorized: {words}");
                assert!(error.report().ends_with(&end), "{}", error.report());
                assert!(!error.is_retryable());
                keeps_secrets(&error.report());
            }
        }
    });
}

#[test]
fn n8_an_error_names_the_url_in_its_text_and_to_a_program() {
    under_some_orders(async |runtime| {
        for transport in [&["polling"], &["websocket"]] {
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            let error = attempts(&runtime, transport, vec![answer.into()]).await;
            let error = error.unwrap_err();
            let report = error.report();
            assert!(report.starts_with("http://10.0.0.1/chat/: "), "{report}");
            assert!(report.ends_with("is the path right?"), "{report}");
            assert_eq!(error.url().unwrap().as_str(), "http://10.0.0.1/chat/");
            keeps_secrets(&format!("{report} {error:?}"));
        }
    });
}

/// A WebSocket handshake that is answered with a page is a refusal with status 200, which says less.
#[test]
fn a_server_that_answers_both_transports_with_a_page_is_not_an_engine_io_server() {
    under_some_orders(async |runtime| {
        for both in [&["polling", "websocket"], &["websocket", "polling"]] {
            let error = attempts(&runtime, both, vec![PAGE.into(), PAGE.into()])
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotEngineIo, "{error}");
            assert!(!error.is_retryable());
        }
    });
}

#[test]
fn retry_after_is_available_to_a_program() {
    under_some_orders(async |runtime| {
        for transport in [&["polling"], &["websocket"]] {
            let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
            let error = attempts(&runtime, transport, vec![answer.into()]).await;
            let error = error.unwrap_err();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
            assert!(error.is_retryable());
        }
        // If two transports fail, the error has the delay of the one that was tried last.
        let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
        let both = &["polling", "websocket"];
        let answers = vec![PAGE.into(), busy.into()];
        let error = attempts(&runtime, both, answers).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    });
}
