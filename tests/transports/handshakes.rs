//! The JSON of open packets as servers send them, valid and invalid, over both transports.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, ErrorKind, Handshake, MockRuntime};

use crate::raw::{Peer, Server, TEXT, frame, spawn, under_both_orders};

/// Maximum ping interval and ping timeout, in milliseconds. The client shortens longer times to this.
const YEAR: u64 = 365 * 24 * 3600 * 1000;

type Valid = (&'static str, u64, u64, Option<u64>, &'static [&'static str]);

/// Valid open packets, each with the values that the client reads from it: the ping interval and the
/// ping timeout in milliseconds, `maxPayload`, and the upgrades.
const VALID: &[Valid] = &[
    (
        r#"{"sid":"s","pingInterval":1,"pingTimeout":0}"#,
        1,
        0,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":0,"pingTimeout":1}"#,
        0,
        1,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":1.4,"pingTimeout":1.5}"#,
        1,
        2,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":2.5e1,"pingTimeout":2E1}"#,
        25,
        20,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":"25000","pingTimeout":"007"}"#,
        25000,
        7,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":-0,"pingTimeout":5}"#,
        0,
        5,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":-0.0,"pingTimeout":5}"#,
        0,
        5,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":18446744073709551616,"pingTimeout":1e308}"#,
        YEAR,
        YEAR,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":0}"#,
        5,
        5,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":1}"#,
        5,
        5,
        Some(1),
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":1000000.0}"#,
        5,
        5,
        Some(1_000_000),
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":18446744073709551615}"#,
        5,
        5,
        Some(u64::MAX),
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":1e30}"#,
        5,
        5,
        Some(u64::MAX),
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"upgrades":[]}"#,
        5,
        5,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"upgrades":["x",["websocket"],{},true,null,1,"x",""]}"#,
        5,
        5,
        None,
        &["x", "x", ""],
    ),
    // If two fields have the same name, the last one counts, as in JavaScript and Python.
    (
        r#"{"sid":7,"sid":"s","pingInterval":"x","pingInterval":5,"pingTimeout":-1,"pingTimeout":5}"#,
        5,
        5,
        None,
        &[],
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"__proto__":{"sid":"t"},"sid2":1e5,"":[[[[]]]]}"#,
        5,
        5,
        None,
        &[],
    ),
    (
        "\t\r\n {\"sid\":\"s\"\n,\"pingInterval\":5 ,\"pingTimeout\":5}\n",
        5,
        5,
        None,
        &[],
    ),
    (
        r#"{"\u0073id":"\u0073","pingInterval":5,"pingTimeout":5}"#,
        5,
        5,
        None,
        &[],
    ),
];

/// Invalid open packets, each with words that the error must contain: mostly the name of the field.
const INVALID: &[(&str, &str)] = &[
    ("", "JSON"),
    (" ", "JSON"),
    ("{", "JSON"),
    ("{}", "sid"),
    ("[]", "JSON object"),
    ("null", "JSON object"),
    ("true", "JSON object"),
    ("0", "JSON object"),
    ("\"s\"", "JSON object"),
    ("{\"sid\":\"s\"", "JSON"),
    ("{sid:\"s\"}", "JSON"),
    ("{'sid':'s'}", "JSON"),
    ("{\"sid\":\"s\",}", "JSON"),
    ("{\"sid\":\"s\"}{}", "JSON"),
    ("{\"sid\":\"\n\"}", "JSON"),
    (
        r#"{"sid":"\ud800","pingInterval":5,"pingTimeout":5}"#,
        "JSON",
    ),
    (
        "\u{feff}{\"sid\":\"s\",\"pingInterval\":5,\"pingTimeout\":5}",
        "JSON",
    ),
    (r#"{"pingInterval":5,"pingTimeout":5}"#, "sid"),
    (r#"{"sid":"","pingInterval":5,"pingTimeout":5}"#, "sid"),
    (r#"{"sid":null,"pingInterval":5,"pingTimeout":5}"#, "sid"),
    (r#"{"sid":0,"pingInterval":5,"pingTimeout":5}"#, "sid"),
    (r#"{"sid":["s"],"pingInterval":5,"pingTimeout":5}"#, "sid"),
    (
        r#"{"sid":{"toString":1},"pingInterval":5,"pingTimeout":5}"#,
        "sid",
    ),
    (r#"{"SID":"s","pingInterval":5,"pingTimeout":5}"#, "sid"),
    (
        r#"{"sid":"s","sid":"","pingInterval":5,"pingTimeout":5}"#,
        "sid",
    ),
    (r#"{"sid":"s","pingTimeout":5}"#, "pingInterval"),
    (
        r#"{"sid":"s","pingInterval":-1,"pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":-1e-9,"pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"-1","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"+1","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"1e3","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"0x10","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":" 5","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"٥","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"NaN","pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":"Infinity","pingTimeout":5}"#,
        "pingInterval",
    ),
    (r#"{"sid":"s","pingInterval":NaN,"pingTimeout":5}"#, "JSON"),
    (
        r#"{"sid":"s","pingInterval":Infinity,"pingTimeout":5}"#,
        "JSON",
    ),
    (
        r#"{"sid":"s","pingInterval":1e999,"pingTimeout":5}"#,
        "JSON",
    ),
    (r#"{"sid":"s","pingInterval":0x10,"pingTimeout":5}"#, "JSON"),
    (r#"{"sid":"s","pingInterval":01,"pingTimeout":5}"#, "JSON"),
    (
        r#"{"sid":"s","pingInterval":true,"pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":null,"pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":[5],"pingTimeout":5}"#,
        "pingInterval",
    ),
    (
        r#"{"sid":"s","pingInterval":{},"pingTimeout":5}"#,
        "pingInterval",
    ),
    (r#"{"sid":"s","pingInterval":5}"#, "pingTimeout"),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":-5}"#,
        "pingTimeout",
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":false}"#,
        "pingTimeout",
    ),
    (
        r#"{"sid":"s","pingInterval":0,"pingTimeout":0}"#,
        "both zero",
    ),
    (
        r#"{"sid":"s","pingInterval":0.4,"pingTimeout":"0"}"#,
        "both zero",
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"upgrades":{}}"#,
        "upgrades",
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"upgrades":"websocket"}"#,
        "upgrades",
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":-1}"#,
        "maxPayload",
    ),
    (
        r#"{"sid":"s","pingInterval":5,"pingTimeout":5,"maxPayload":[]}"#,
        "maxPayload",
    ),
];

fn builder(runtime: &MockRuntime, transport: &str) -> Builder<Transports, MockRuntime> {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone()).transports([transport])
}

/// Answers the first request of a session with this open packet.
async fn open_by(peer: &mut Peer, transport: &str, json: &str) {
    let packet = format!("0{json}");
    if transport == "polling" {
        peer.answer(packet).await;
    } else {
        peer.accept_websocket().await;
        peer.write(frame(TEXT, packet)).await;
    }
}

/// Checks that the open packet is refused, without another request and without any wait.
async fn is_refused(runtime: &MockRuntime, transport: &'static str, json: String, named: &str) {
    let mut server = Server::new(runtime);
    let open = json.clone();
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        open_by(&mut peer, transport, &open).await;
        peer.read_to_end().await;
        assert!(!server.has_another());
    });
    let started = runtime.now();
    let error = builder(runtime, transport).connect().await.unwrap_err();
    let report = error.report();
    let start: String = json.chars().take(100).collect();
    assert_eq!(error.kind(), ErrorKind::Handshake, "{start}: {report}");
    assert!(report.contains(named), "{start}: {report}");
    assert!(report.len() < 500, "{start}: {report}");
    assert_eq!(runtime.now(), started);
    script.await;
}

/// Rule E16.
#[test]
fn a_valid_open_packet_opens_a_session_with_its_settings() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for &(json, ping_interval, ping_timeout, max_payload, upgrades) in VALID {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    open_by(&mut peer, transport, json).await;
                    (server, peer)
                });
                let client = builder(&runtime, transport).connect().await;
                let client = client.unwrap_or_else(|error| panic!("{json}: {}", error.report()));
                let Handshake {
                    sid,
                    upgrades: offered,
                    ping_interval: interval,
                    ping_timeout: timeout,
                    max_payload: most,
                    ..
                } = &*client.opened().await.unwrap().handshake;
                assert_eq!(sid, "s", "{json}");
                assert_eq!(offered, upgrades, "{json}");
                assert_eq!(*interval, Duration::from_millis(ping_interval), "{json}");
                assert_eq!(*timeout, Duration::from_millis(ping_timeout), "{json}");
                assert_eq!(*most, max_payload, "{json}");
                drop(script.await);
                client.wait().await;
            }
        }
    });
}

/// Rule E16.
#[test]
fn an_invalid_open_packet_is_an_error_that_names_the_field() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for &(json, named) in INVALID {
                is_refused(&runtime, transport, json.to_owned(), named).await;
            }
        }
    });
}

#[test]
fn a_deeply_nested_open_packet_does_not_overflow_the_stack() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for piece in ["[", "{\"a\":"] {
                let json = piece.repeat(60_000 / piece.len());
                is_refused(&runtime, transport, json, "JSON").await;
            }
        }
    });
}
