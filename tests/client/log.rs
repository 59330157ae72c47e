//! The client's `tracing` events and spans.

use engineio_client::Handle;
use tracing_subscriber::filter::LevelFilter;

use super::*;
use crate::traced::traced;

/// Runs the test and returns its log at this level and above.
fn log_of(level: LevelFilter, test: impl AsyncFnOnce(MockRuntime)) -> String {
    traced(level, || {
        let runtime = MockRuntime::new();
        runtime.block_on(test(runtime.clone()));
    })
}

/// A session that sends one message, receives two, and closes.
async fn a_conversation(
    runtime: &MockRuntime,
    set: impl FnOnce(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>,
) {
    let (mut client, mut link) = websocket_with(runtime, set).await;
    client.send("confidential, from here").await.unwrap();
    link.sent().await;
    link.deliver(vec![
        text("confidential, from there"),
        Packet::Message(Message::from(b"\x00confidential".to_vec())),
    ]);
    client.recv().await.unwrap();
    client.recv().await.unwrap();
    join(client.disconnect(), answer_all(link)).await;
}

fn has_line(log: &str, parts: &[&str]) -> bool {
    log.lines()
        .any(|line| parts.iter().all(|part| line.contains(part)))
}

#[test]
fn m4_a_call_site_first_reached_without_a_subscriber_is_still_logged() {
    fn call_site() {
        tracing::info!("reached");
    }
    let log = traced(LevelFilter::INFO, || {
        std::thread::spawn(call_site).join().unwrap();
        call_site();
    });
    assert_eq!(log.matches("reached").count(), 1, "{log}");
}

#[test]
fn the_span_of_a_session_has_its_sid_transport_and_url_without_secrets() {
    // Covers a test case of python-engineio: test_logger.
    let log = log_of(LevelFilter::INFO, async |runtime| {
        a_conversation(&runtime, |builder| builder.query("token", "secret")).await;
    });
    let span = r#"engineio{url="http://localhost/engine.io/" sid="S" transport="websocket"}"#;
    assert!(has_line(&log, &[span, "INFO", "connected"]), "{log}");
    assert!(
        has_line(&log, &[span, "INFO", "closed reason=closed by this client"]),
        "{log}"
    );
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn each_packet_is_traced_with_type_and_length_but_without_contents() {
    let log = log_of(LevelFilter::TRACE, async |runtime| {
        a_conversation(&runtime, |builder| builder).await;
    });
    for parts in [
        &[
            "TRACE",
            "received",
            r#"packet="open""#,
            &format!("length={}", OPEN.len()),
        ][..],
        &["TRACE", "sends", r#"packet="text""#, "length=23"],
        &["TRACE", "received", r#"packet="text""#, "length=24"],
        &["TRACE", "received", r#"packet="binary""#, "length=13"],
    ] {
        assert!(has_line(&log, parts), "{parts:?} in {log}");
    }
    assert!(!log.contains("confidential"), "{log}");
}

#[test]
fn log_contents_logs_message_contents_up_to_a_length() {
    let log = log_of(LevelFilter::TRACE, async |runtime| {
        a_conversation(&runtime, |builder| builder.log_contents(true)).await;
        let (client, mut link) =
            websocket_with(&runtime, |builder| builder.log_contents(true)).await;
        client.send("ü".repeat(5000)).await.unwrap();
        link.sent().await;
        client.send("two\nlines").await.unwrap();
        link.sent().await;
        // The limit counts characters: this text has more bytes than the limit, but not more characters.
        client.send("ä".repeat(600)).await.unwrap();
        link.sent().await;
    });
    for contents in [
        "confidential, from here",
        "confidential, from there",
        "x00confidential",
    ] {
        assert!(has_line(&log, &["TRACE", contents]), "{contents} in {log}");
    }
    assert!(log.contains(&format!("{}…", "ü".repeat(1000))), "{log}");
    assert!(!log.contains(&"ü".repeat(1001)), "{log}");
    assert!(!log.contains("two\nlines"), "{log}");
    assert!(log.contains(&"ä".repeat(600)), "{log}");
    assert!(!log.contains("ä…"), "the text was shortened: {log}");
    let below = log_of(LevelFilter::DEBUG, async |runtime| {
        a_conversation(&runtime, |builder| builder.log_contents(true)).await;
    });
    assert!(!below.contains("confidential"), "{below}");
}

#[test]
fn successful_and_failed_upgrades_are_logged() {
    let log = log_of(LevelFilter::INFO, async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let _client = builder.start().unwrap();
        let polling = servers.polling.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
        websocket.sent().await;
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        polling.deliver(vec![Packet::Noop]);
        websocket.sent().await;
        settle(&runtime).await;

        let (builder, mut servers) = setup(&runtime);
        let _client = builder.start().unwrap();
        let polling = servers.polling.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        let refused = Error::new(ErrorKind::Connect, "no way");
        servers.websocket.opened().await.refuse(refused);
        settle(&runtime).await;
    });
    assert!(
        has_line(
            &log,
            &[
                "INFO",
                "transport=\"websocket\"}",
                "upgraded transport=\"websocket\""
            ]
        ),
        "{log}"
    );
    assert!(
        has_line(&log, &["WARN", "the upgrade failed", "no way"]),
        "{log}"
    );
}

#[test]
fn handlers_that_panic_or_fail_are_reported_as_errors_within_the_span() {
    // Covers test cases of python-engineio: test_trigger_event_function_error,
    // test_trigger_event_coroutine_error.
    let log = log_of(LevelFilter::ERROR, async |runtime| {
        let (_client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_connect(|handle: Handle| assert!(handle.sid().is_none(), "out of ink"))
                .on_message(async |_, message| {
                    let _: Vec<u8> = message.json()?;
                    Ok(())
                })
        })
        .await;
        link.deliver(vec![text("no json")]);
        settle(&runtime).await;
    });
    let span = "engineio{";
    assert!(
        has_line(
            &log,
            &["ERROR", span, "a handler panicked", "connect", "out of ink"]
        ),
        "{log}"
    );
    assert!(
        has_line(
            &log,
            &["ERROR", span, "a handler failed", "message", "not JSON of"]
        ),
        "{log}"
    );
}
