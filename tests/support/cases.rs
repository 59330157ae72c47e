//! Test cases that run against every real server: see `tests/servers.rs` and `tests/peers.rs`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::transports::{Polling, Transports, WebSocket};
use engineio_client::{
    Closed, Error, ErrorKind, Event, Handle, Link, Message, OpenRequest, Reason, Runtime,
    Transport, async_trait,
};
use futures::FutureExt as _;
use futures::SinkExt as _;
use futures::channel::{mpsc, oneshot};
use futures::future::{Shared, join_all};

use super::server::{Counts, Server, Setup};
use super::session::{HTTP_CLIENT, Mode, Runs, Session, builder, dialer, within};

// Texts start with "m:" because python-engineio parses texts that look like JSON.

pub(crate) async fn every_kind_of_message_is_echoed<S: Server, R: Runs>(mode: Mode) {
    // Covers test cases of engine.io-client: connection.js:9, arraybuffer/ws.js:7, connection.js:20,
    // :33, :46, arraybuffer/polling.js:8; of engine.io: server.js:2315.
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    session.echo("m:grüße, 世界 🌍").await;
    session.echo("m:\u{e000}\u{fffd}\u{10ffff} €€€").await;
    session.echo("").await;
    session
        .echo("m:\"quoted\", a \\, a line\nand another\r\n\t\0")
        .await;
    session.echo(vec![0, 1, 2, 128, 254, 255]).await;
    session.echo(Vec::new()).await;
    session.echo((0..=255).collect::<Vec<u8>>()).await;
}

pub(crate) async fn a_record_separator_in_a_message_is_preserved<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    session.echo(b"\x1e4b\x1e").await;
    let text = "m:a\x1e4b\x1e";
    if mode == Mode::Polling {
        let refused = session
            .client
            .send(text)
            .await
            .expect_err("the message would be split");
        assert_eq!(refused.kind(), ErrorKind::NeedsFrames);
        assert_eq!(refused.message, Message::from(text));
        session.echo("m:next").await;
    } else {
        session.echo(text).await;
    }
}

/// 5 MB without repetitions, so that a lost or doubled part is noticed.
fn large_text() -> String {
    let mut text = String::from("m:");
    let mut number = 0_u32;
    while text.len() < 5_000_000 {
        text.push_str(&format!("{number} ö "));
        number += 1;
    }
    text
}

fn large_binary() -> Vec<u8> {
    large_text().into_bytes().iter().map(|byte| !byte).collect()
}

pub(crate) async fn five_megabytes_are_echoed<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::LargeMessages);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    if mode == Mode::Polling && S::CUTS_LARGE_POSTS {
        // python-engineio reads a POST's body with a single read, which on aiohttp returns only the
        // bytes that have arrived by then. So only large messages from the server can be tested.
        session.send("!big 5000000").await;
        assert!(session.text("").await == "x".repeat(5_000_000));
        session.send("!bin 5000000").await;
        assert!(session.message().await == Message::from(vec![0; 5_000_000]));
    } else {
        session.echo(large_text()).await;
        session.echo(large_binary()).await;
    }
    session.echo("m:next").await;
}

pub(crate) async fn a_message_above_max_payload_is_refused_over_polling<S: Server, R: Runs>(
    mode: Mode,
) {
    // Covers a test case of engine.io: server.js:1826.
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    let text = |length: usize| format!("m:{}", "x".repeat(length - 2));
    // The packet type takes one byte of the limit.
    let too_large = text(session.max_payload());
    if mode == Mode::Polling {
        let refused = session.client.send(too_large.clone()).await;
        let refused = refused.expect_err("the message is too large");
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(refused.message == Message::from(too_large));
        // Base64 makes binary data larger by a third.
        let data = vec![7; session.max_payload() / 4 * 3];
        let refused = session.client.send(data.clone()).await;
        let refused = refused.expect_err("the message is too large in base64");
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(refused.message == Message::from(data));
        if S::CUTS_LARGE_POSTS {
            session.echo("m:next").await;
        } else {
            session.echo(text(session.max_payload() - 1)).await;
        }
    } else if S::LIMITS_FRAMES {
        session.send(too_large).await;
        let closed = session.end().await;
        // The server sends a close frame and ends the connection. The client may notice the broken
        // connection first, while it is sending. The client must still read the close frame, which
        // arrived before the connection broke.
        assert!(
            matches!(closed.reason(), Reason::Server { .. }),
            "{closed:?}"
        );
    } else {
        session.echo(too_large).await;
        session.echo("m:next").await;
    }
}

const MANY: usize = 2000;

/// The message with this number. Every seventh is binary.
fn numbered(number: usize) -> Message {
    let text = format!("m:{number}");
    if number % 7 == 3 {
        Message::from(text.into_bytes())
    } else {
        Message::from(text)
    }
}

fn spawn<T: Send + 'static>(
    runtime: &impl Runtime,
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (task, output) = task.remote_handle();
    runtime.spawn(Box::pin(task));
    output
}

/// A WebSocket transport that waits for a signal before it opens.
struct Gated(Shared<oneshot::Receiver<()>>);

#[async_trait]
impl Transport for Gated {
    fn name(&self) -> &'static str {
        "websocket"
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let _ = self.0.clone().await;
        let websocket = WebSocket::default().dialer(dialer());
        websocket.open(runtime, request).await
    }
}

/// Sends messages as soon as the session is open and reads their echoes, while the session upgrades. The
/// WebSocket only opens once `gate` echoes have arrived. Returns how many messages each transport
/// carried to the server, and how many echoes back.
async fn talk_through_upgrade<R: Runs>(url: &str, gate: usize) -> (Counts, Counts) {
    let (opener, opened) = oneshot::channel();
    let polling = HTTP_CLIENT.get().map_or_else(Polling::default, |client| {
        Polling::with_client(Arc::clone(client))
    });
    let transports = Transports::new()
        .with(polling.dialer(dialer()))
        .with(Gated(opened.shared()));
    let builder = builder::<R>(url, Mode::Upgraded).transport(transports);
    let mut session = Session::connect(builder).await;
    let runtime = Arc::clone(session.client.runtime());
    let handle = session.client.handle();
    let sender = spawn(&*runtime, async move {
        for number in 0..MANY {
            handle
                .send(numbered(number))
                .await
                .expect("the session is open");
        }
    });
    let mut opener = Some(opener);
    let mut back = Counts::default();
    let mut upgraded = false;
    for number in 0..MANY {
        if number == gate
            && let Some(opener) = opener.take()
        {
            opener.send(()).expect("the probe waits");
        }
        let echo = loop {
            match session.event().await {
                Event::Message(message) => break message,
                Event::Upgraded { .. } if !upgraded => upgraded = true,
                other => panic!("{other:?} instead of message {number}"),
            }
        };
        assert_eq!(echo, numbered(number));
        if upgraded {
            back.websocket += 1;
        } else {
            back.polling += 1;
        }
    }
    assert!(upgraded, "all messages arrived before the upgrade");
    within(&*runtime, "the sender", sender).await;
    session.send("!count").await;
    let there = Counts::parse(&session.text("count ").await);
    let closed = session.disconnect().await;
    assert!(closed.is_clean(), "{closed:?}");
    (there, back)
}

pub(crate) async fn an_upgrade_under_load_loses_nothing<S: Server, R: Runs>() {
    // Covers a test case of engine.io-client: arraybuffer/ws.js:30.
    let server = S::start(Setup::Default);
    // The upgrade begins at once, or in the middle of the traffic.
    for gate in [0, 300] {
        let (there, back) = talk_through_upgrade::<R>(&server.url(), gate).await;
        assert_eq!(there.total(), MANY as u64, "{there:?}");
        assert_eq!(back.total(), MANY as u64, "{back:?}");
        let both = |counts: &Counts| counts.polling >= gate as u64 && counts.websocket > 0;
        assert!(both(&there), "{there:?}");
        assert!(both(&back), "{back:?}");
    }
}

/// Sends more messages than the 16 packets that python-engineio accepts in one POST.
pub(crate) async fn a_burst_over_polling_arrives_in_order<S: Server, R: Runs>() {
    // Covers test cases of engine.io-client: arraybuffer/polling.js:28; of engine.io: server.js:1789,
    // :1910, :1944.
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), Mode::Polling).await;
    for number in 0..100 {
        session
            .client
            .try_send(numbered(number))
            .expect("there is room");
    }
    for number in 0..100 {
        assert_eq!(session.message().await, numbered(number));
    }
    session.send("!burst 100").await;
    for number in 0..100 {
        assert_eq!(session.text("b").await, number.to_string());
    }
}

pub(crate) async fn a_close_by_the_server_is_reported<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    session.echo("m:first").await;
    session.send("!close").await;
    let closed = session.end().await;
    let is_expected = match closed.reason() {
        Reason::Server { .. } => true,
        // Over polling, a pong may cross the server's close, and the refused POST may be noticed first.
        Reason::Transport(error) => mode == Mode::Polling && error.status() == Some(400),
        _ => false,
    };
    assert!(is_expected, "{closed:?}");
    let refused = session.client.send("m:late").await;
    assert_eq!(
        refused.expect_err("the session is closed").kind(),
        ErrorKind::Closed
    );
}

/// Disconnects, and checks that the end is clean and quick.
async fn disconnect<R: Runs>(session: Session<R>) {
    let start = session.now();
    let closed = session.disconnect().await;
    let took = session.now() - start;
    assert!(closed.is_clean(), "{closed:?}");
    // All servers hold a poll for longer than this, so `disconnect` does not wait for the running poll.
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}

pub(crate) async fn disconnect_flushes_queued_messages<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::Default);
    let session = Session::<R>::open(&server.url(), mode).await;
    for number in 0..50 {
        session.send(numbered(number)).await;
    }
    disconnect(session).await;
    let received = Counts::of_ended_session(&server);
    assert_eq!(received.total(), 50, "{received:?}");
}

pub(crate) async fn an_idle_session_disconnects_at_once<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::Default);
    let mut session = Session::<R>::open(&server.url(), mode).await;
    session.echo("m:only").await;
    disconnect(session).await;
    let received = Counts::of_ended_session(&server);
    assert_eq!(received.total(), 1, "{received:?}");
}

/// Tests all modes concurrently, because the test only waits.
pub(crate) async fn an_idle_session_stays_alive<S: Server, R: Runs>() {
    // Covers a test case of engine.io: server.js:1651.
    let server = S::start(Setup::QuickHeartbeat);
    let url = server.url();
    join_all(Mode::ALL.map(|mode| {
        let url = &url;
        async move {
            let mut session = Session::<R>::open(url, mode).await;
            // Without heartbeats, either side would end the session after one span.
            session.client.runtime().sleep(2 * session.span()).await;
            session.echo("m:still here").await;
        }
    }))
    .await;
}

pub(crate) async fn a_connection_to_a_closed_port_fails<S: Server, R: Runs>() {
    // Covers test cases of python-engineio: test_polling_connection_failed,
    // test_websocket_connection_failed.
    let server = S::start(Setup::Default);
    let url = server.url();
    drop(server);
    for mode in Mode::ALL {
        let connecting = builder::<R>(&url, mode).connect();
        let refused = within(&R::default(), "the refusal", connecting).await;
        let error = refused.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect, "{}", error.report());
    }
}

pub(crate) async fn a_transport_that_the_server_lacks_is_refused<S: Server, R: Runs>() {
    // Covers a test case of engine.io-client: socket.js:72.
    let server = S::start(Setup::WithoutPolling);
    let connecting = builder::<R>(&server.url(), Mode::Polling).connect();
    let refused = within(&R::default(), "the refusal", connecting).await;
    let error = refused.expect_err("the session is refused");
    assert_eq!(error.kind(), ErrorKind::Status);
    assert_eq!(error.status(), Some(400));
    let report = error.report();
    assert!(report.contains(S::NOT_SERVED), "{report}");
    // A client with a second transport falls back to it.
    let session = Session::<R>::connect(builder(&server.url(), Mode::Upgraded)).await;
    assert_eq!(session.client.transport(), Some("websocket"));
}

/// Handlers run in order, and the disconnect handler runs last.
pub(crate) async fn handlers_are_called_in_order<S: Server, R: Runs>(mode: Mode) {
    let server = S::start(Setup::Default);
    let (seen, mut all) = mpsc::channel::<String>(4096);
    let (mut connect, message, mut disconnect) = (seen.clone(), seen.clone(), seen);
    let client = builder::<R>(&server.url(), mode)
        .on_connect(move |handle: Handle| {
            connect.try_send(format!("connect {}", handle.sid().is_some()))?;
            for number in 0..300 {
                handle.try_send(format!("m:{number}"))?;
            }
            Ok(())
        })
        .on_message(move |handle: Handle, text| {
            let mut seen = message.clone();
            async move {
                let text = text.as_text().unwrap_or_default().to_owned();
                seen.send(text.clone()).await?;
                if text == "m:299" {
                    handle.disconnect().await;
                }
                Ok(())
            }
        })
        .on_disconnect(move |_, closed: Closed| {
            disconnect.try_send(format!("disconnect {}", closed.is_clean()))?;
            Ok(())
        })
        .start()
        .expect("the settings are right");
    let runtime = Arc::clone(client.runtime());
    within(&*runtime, "the end", client.wait()).await;
    let mut expected = vec!["connect true".to_owned()];
    expected.extend((0..300).map(|number| format!("m:{number}")));
    expected.push("disconnect true".to_owned());
    let mut lines = Vec::new();
    while let Ok(line) = all.try_recv() {
        lines.push(line);
    }
    assert_eq!(lines, expected);
}
