//! Secrets appear neither in the log at any level, whether of this library or of its dependencies, nor
//! in `Debug` output, nor in errors.

use std::cell::RefCell;
use std::sync::Once;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Event, MockRuntime};
use futures::StreamExt;
use futures::future::join;
use tracing_subscriber::filter::LevelFilter;

use crate::open_packet;
use crate::raw::{CLOSE, FIN, Server, TEXT, frame, response, settle, spawn, switching};
use crate::traced::traced;

/// The text that all secrets here contain. Some headers contain it in base64.
const WORD: &str = "hunter2";

fn holds_a_secret(text: &str) -> bool {
    // The word in base64, at each of the three alignments. The last one also occurs in the encoded
    // `user:password`.
    let encoded = ["aHVudGVyM", "h1bnRlcj", "odW50ZXIy"];
    text.to_lowercase().contains(WORD)
        || encoded.iter().any(|part| text.contains(part))
        || text.contains("HexUser")
}

// The log lines of the test on this thread.
thread_local! {
    static LOGGED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Collects what the dependencies log through the crate `log`.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.push(format!("{} {}", record.target(), record.args()));
            }
        });
    }

    fn flush(&self) {}
}

/// Runs a test, and returns the log of `tracing` and that of `log`.
fn logs_of(test: impl AsyncFnOnce(MockRuntime)) -> (String, Vec<String>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    LOGGED.set(Some(Vec::new()));
    let traced = traced(LevelFilter::TRACE, || {
        let runtime = MockRuntime::new();
        runtime.block_on(test(runtime.clone()));
    });
    (traced, LOGGED.take().unwrap())
}

/// A builder with a secret in every place that may hold one.
fn builder(runtime: &MockRuntime) -> Builder<Transports, MockRuntime> {
    let url = "http://HexUser:hunter2@10.0.0.1/?token=hunter2";
    Builder::new(url, Transports::default(), runtime.clone())
        .header("X-Api-Key", "hunter2")
        .header("Cookie", "session=hunter2")
        .query("key", "hunter2")
}

fn with_cookie(body: &str) -> Vec<u8> {
    let answer = String::from_utf8(response(body)).unwrap();
    let line = "\r\nSet-Cookie: lb=hunter2\r\n";
    answer.replacen("\r\n", line, 1).into()
}

#[test]
fn a_whole_session_logs_no_secret() {
    let mut printed = String::new();
    let (traced, logged) = logs_of(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            let request = polls.request().await;
            // The server does receive the secrets.
            assert!(request.target.contains("token=hunter2&key=hunter2"));
            for (name, value) in [
                ("x-api-key", "hunter2"),
                ("cookie", "session=hunter2"),
                ("authorization", "Basic SGV4VXNlcjpodW50ZXIy"),
            ] {
                assert_eq!(request.header(name), Some(value), "{name}");
            }
            polls.write(with_cookie(&open_packet(25_000, 20_000))).await;
            polls.request().await;
            let mut probe = server.accept().await;
            let upgrade = probe.request().await;
            assert!(upgrade.header("cookie").unwrap().contains("lb=hunter2"));
            probe.write(switching(&upgrade)).await;
            assert_eq!(probe.frame().await.payload, b"2probe");
            probe.write(frame(TEXT, "3probe")).await;
            polls.write(response("6")).await;
            assert_eq!(probe.frame().await.payload, b"5");
            assert_eq!(probe.frame().await.payload, b"4hello");
            probe.write(frame(TEXT, "4hello")).await;
            assert_eq!(probe.frame().await.first, FIN | CLOSE);
            probe.write(frame(CLOSE, 1000_u16.to_be_bytes())).await;
            probe
        });
        let builder = builder(&runtime);
        printed.push_str(&format!("{builder:?}"));
        let mut client = builder.connect().await.unwrap();
        while !matches!(client.next().await, Some(Event::Upgraded { .. })) {}
        client.send("hello").await.unwrap();
        assert!(client.recv().await.is_some());
        let (closed, _) = join(client.disconnect(), script).await;
        printed.push_str(&format!("{client:?} {:?} {closed:?}", client.handle()));
    });
    assert!(traced.contains("upgraded"), "{traced}");
    assert!(!holds_a_secret(&traced), "{traced}");
    assert!(!traced.contains("hello"), "{traced}");
    assert!(logged.iter().any(|line| line.starts_with("tungstenite")));
    let line = logged
        .iter()
        .find(|line| holds_a_secret(line) || line.contains("hello"));
    assert_eq!(line, None);
    assert!(!holds_a_secret(&printed), "{printed}");
}

#[test]
fn errors_of_every_step_show_no_secret() {
    let mut printed = String::new();
    let (traced, logged) = logs_of(async |runtime| {
        // Nothing listens at this address.
        let mut failed = vec![builder(&runtime).connect().await.unwrap_err()];
        for answer in [
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nLocation: http://x/?token=hunter2\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=hunter2\r\nContent-Length: 1\r\n\r\nx",
            "SSH-2.0\r\n\r\n",
            "",
        ] {
            for transport in ["polling", "websocket"] {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    peer.request().await;
                    peer.write(answer).await;
                    peer.finish().await;
                    peer
                });
                let error = builder(&runtime).transports([transport]).connect().await;
                failed.push(error.unwrap_err());
                script.await;
            }
        }
        for url in [
            "http://HexUser:hunter2@10.0.0.1:99999",
            "ftp://HexUser:hunter2@10.0.0.1",
            "http://HexUser:hunter2@",
            "http://HexUser:hunter2@10. 0.0.1/?token=hunter2",
            "unix://HexUser:hunter2@host/path?token=hunter2",
        ] {
            let builder = Builder::new(url, Transports::default(), runtime.clone());
            failed.push(builder.start().unwrap_err());
        }
        for (name, value) in [
            ("X-Key", "hunter2\r\nX: y"),
            ("X-Key", "hunter2\0"),
            ("X-Key: hunter2", ""),
        ] {
            failed.push(builder(&runtime).header(name, value).start().unwrap_err());
        }
        settle(&runtime).await;
        for error in failed {
            printed.push_str(&format!("{error:?}\n{error:#?}\n{}\n", error.report()));
        }
    });
    assert!(!holds_a_secret(&printed), "{printed}");
    assert!(!holds_a_secret(&traced), "{traced}");
    let line = logged.iter().find(|line| holds_a_secret(line));
    assert_eq!(line, None);
}

#[test]
fn the_reason_of_a_close_frame_can_not_forge_a_log_line() {
    let (traced, _) = logs_of(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(25_000, 20_000))).await;
            peer.write(frame(
                CLOSE,
                b"\x03\xe8bye\nINFO engineio_client: \x1b[1mall is well",
            ))
            .await;
            peer
        });
        let builder = builder(&runtime).transports(["websocket"]);
        let client = builder.connect().await.unwrap();
        client.wait().await;
        script.await;
    });
    let line = traced.lines().find(|line| line.contains("close frame"));
    assert!(line.unwrap().contains("all is well"), "{traced}");
    assert!(!traced.contains("\x1b[1mall"), "{traced}");
}
