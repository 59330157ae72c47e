//! Tests of the settings: stored values, `Debug`, and the functions that they accept.

use std::sync::Arc;

use futures::executor::block_on;

use super::*;
use crate::packet::Handshake;

fn connected() -> Connected {
    let text = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    Connected {
        handshake: Arc::new(Handshake::parse(text).unwrap()),
        transport: "polling",
        session: 1,
    }
}

#[test]
fn the_defaults_are_those_of_socket_io() {
    let reconnect = Reconnect::default();
    assert_eq!(reconnect.delay, Duration::from_secs(1));
    assert_eq!(reconnect.max_delay, Duration::from_secs(5));
    assert_eq!(reconnect.randomization, 0.5);
    assert_eq!(reconnect.attempts, None);
    assert_eq!(reconnect.resend, Resend::Unsent);
}

#[test]
fn the_randomization_is_clamped_to_its_range() {
    for (given, kept) in [
        (0.0, 0.0),
        (0.25, 0.25),
        (1.0, 1.0),
        (-1.0, 0.0),
        (7.0, 1.0),
        (f64::INFINITY, 1.0),
        (f64::NEG_INFINITY, 0.0),
        (f64::NAN, 0.5),
    ] {
        let reconnect = Reconnect::new().randomization(0.1).randomization(given);
        assert_eq!(reconnect.randomization, kept, "{given}");
    }
}

#[test]
fn debug_shows_settings_and_whether_functions_are_set() {
    let reconnect = Reconnect::new()
        .attempts(3)
        .resend(Resend::Unconfirmed)
        .decide(|_| Retry::Never)
        .hook_timeout(Duration::from_secs(2));
    assert_eq!(
        format!("{reconnect:?}"),
        "Reconnect { delay: 1s, max_delay: 5s, randomization: 0.5, attempts: Some(3), decide: true, \
         resend: Unconfirmed, before_connect: false, greeting: false, hook_timeout: 2s }"
    );
}

#[test]
fn debug_of_connect_to_shows_no_secrets() {
    let mut to = ConnectTo::new("http://user:secret@example.com/engine.io/?token=secret#secret");
    to.query.push(("token".into(), "secret".into()));
    to.headers.insert("cookie", "secret".parse().unwrap());
    assert_eq!(
        format!("{to:?}"),
        "ConnectTo { url: \"http://example.com/engine.io/\", query: [\"token\"], headers: [\"cookie\"], \
         attempt: 0, session: 1 }"
    );
    assert!(!format!("{:?}", ConnectTo::new("secret")).contains("secret"));
}

async fn named(mut to: ConnectTo) -> Result<ConnectTo, HandlerError> {
    to.query.push(("by".into(), "name".into()));
    Ok(to)
}

#[test]
fn a_hook_is_an_async_closure_a_closure_that_returns_a_future_or_a_function() {
    let state = Arc::new(String::from("state"));
    let captured = Arc::clone(&state);
    let hooks = [
        Reconnect::new().before_connect(named),
        Reconnect::new().before_connect(async |mut to| {
            named(ConnectTo::new("http://h")).await?;
            to.query.push(("by".into(), "5".parse::<u8>()?.to_string()));
            Ok(to)
        }),
        Reconnect::new().before_connect(move |mut to| {
            let captured = Arc::clone(&captured);
            async move {
                to.query.push(("by".into(), captured.to_string()));
                Ok(to)
            }
        }),
        Reconnect::new().before_connect_with(state, async |state, mut to| {
            to.query.push(("by".into(), state.to_string()));
            Ok(to)
        }),
    ];
    let by = hooks.map(|reconnect| {
        let hook = reconnect.before_connect.unwrap();
        let to = block_on(hook(ConnectTo::new("http://h"))).unwrap();
        to.query[0].1.clone()
    });
    assert_eq!(by, ["name", "5", "state", "state"]);
    let fails = Reconnect::new().before_connect(async |_| Err("no token".into()));
    let hook = fails.clone().before_connect.unwrap();
    let error = block_on(hook(ConnectTo::new("http://h"))).unwrap_err();
    assert_eq!(error.to_string(), "no token");
}

#[test]
fn a_greeting_receives_the_session_and_its_state() {
    let plain = Reconnect::new()
        .greeting(async |connected| vec![Message::from(connected.handshake.sid.as_str())]);
    let greeting = plain.greeting.unwrap();
    assert_eq!(block_on(greeting(connected())), [Message::from("S")]);
    let state = Arc::new(String::from("room"));
    let with = Reconnect::new().greeting_with(state, async |state, connected| {
        vec![Message::from(format!("{state} {}", connected.transport))]
    });
    let greeting = with.greeting.unwrap();
    assert_eq!(
        block_on(greeting(connected())),
        [Message::from("room polling")]
    );
}
