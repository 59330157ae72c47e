//! The client against engineioxide, a real Engine.IO server that runs in this process: on each runtime,
//! over polling, over WebSocket, and across an upgrade.

#[macro_use]
#[path = "support"]
mod support {
    pub(crate) mod cases;
    pub(crate) mod log;
    #[macro_use]
    pub(crate) mod matrix;
    pub(crate) mod oxide;
    pub(crate) mod redirects;
    pub(crate) mod server;
    pub(crate) mod session;
    #[allow(dead_code, reason = "each test binary uses only a part of it")]
    pub(crate) mod tls;
}

#[cfg(unix)]
#[path = "servers/addresses.rs"]
mod addresses;
#[path = "servers/blocking.rs"]
mod blocking;
#[path = "servers/defects.rs"]
mod defects;
#[cfg(target_os = "linux")]
#[path = "servers/dialing.rs"]
mod dialing;
#[cfg(target_os = "linux")]
#[path = "servers/drops.rs"]
mod drops;
#[path = "servers/fences.rs"]
mod fences;
#[cfg(target_os = "linux")]
#[path = "servers/kept_connections.rs"]
mod kept_connections;
#[path = "servers/runtimes.rs"]
mod runtimes;

use engineio_client::{AsyncStd, Smol, Tokio};
use support::cases;
use support::oxide::Oxide;
use support::redirects;
use support::server::Secure;
use support::session::{Mode, Runs as _, builder};

in_each_mode! {
    [] Oxide:
    cases::every_kind_of_message_is_echoed
    cases::a_record_separator_in_a_message_is_preserved
    cases::five_megabytes_are_echoed
    cases::a_message_above_max_payload_is_refused_over_polling
    cases::a_close_by_the_server_is_reported
    cases::disconnect_flushes_queued_messages
    cases::an_idle_session_disconnects_at_once
    cases::handlers_are_called_in_order
    redirects::a_session_uses_the_new_address_after_a_redirect
}

on_each_runtime! {
    [] Oxide:
    cases::an_upgrade_under_load_loses_nothing
    cases::a_burst_over_polling_arrives_in_order
    cases::an_idle_session_stays_alive
    cases::a_connection_to_a_closed_port_fails
    cases::a_transport_that_the_server_lacks_is_refused
}

/// engineioxide over `https` and `wss`.
mod over_tls {
    use super::*;

    type SecureOxide = Secure<Oxide>;

    in_each_mode! {
        [] SecureOxide:
        cases::every_kind_of_message_is_echoed
        cases::five_megabytes_are_echoed
        cases::a_close_by_the_server_is_reported
        cases::disconnect_flushes_queued_messages
        cases::an_idle_session_disconnects_at_once
        redirects::a_session_uses_the_new_address_after_a_redirect
    }

    on_each_runtime! {
        [] SecureOxide:
        cases::an_upgrade_under_load_loses_nothing
        cases::a_burst_over_polling_arrives_in_order
        cases::an_idle_session_stays_alive
        cases::a_connection_to_a_closed_port_fails
        cases::a_transport_that_the_server_lacks_is_refused
    }
}

/// The user blocks the thread of the session for longer than the heartbeat deadline. The server's
/// messages are waiting in the socket meanwhile, so the session goes on.
#[test]
fn a_blocked_thread_is_not_mistaken_for_a_silent_server() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use async_tungstenite::tungstenite::handshake::derive_accept_key;

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("the socket is bound")
    );
    let (written, all_written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a request");
            head.extend(byte);
        }
        let head = String::from_utf8(head).expect("the request is text");
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let (_, key) = lines
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .expect("there is a key");
        let accept = derive_accept_key(key.as_bytes());
        let open = r#"0{"sid":"S","pingInterval":200,"pingTimeout":100}"#;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n\u{1}"
        );
        let mut bytes = answer.into_bytes();
        // A text frame.
        *bytes.last_mut().expect("the bytes are not empty") = 0x81;
        bytes.push(open.len() as u8);
        bytes.extend(open.as_bytes());
        stream.write_all(&bytes).expect("the client listens");
        // The client's first message, sent before the thread is blocked.
        stream.read_exact(&mut byte).expect("a message");
        stream
            .write_all(b"\x81\x06412345")
            .expect("the client listens");
        written.send(()).expect("the test waits");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts");
    runtime.block_on(async {
        let builder = builder::<Tokio>(&url, Mode::WebSocket);
        let mut client = builder.connect().await.expect("the client connects");
        client.send("first").await.expect("the session is open");
        client.flush().await.expect("the session is open");
        all_written.recv().expect("the server answers");
        // Wakes the driver, so that it runs as soon as the thread is free again.
        client.try_send("second").expect("the session is open");
        std::thread::sleep(Duration::from_millis(600));
        let message = client.recv().await.expect("the session has not ended");
        assert_eq!(message.as_text(), Some("12345"));
    });
}
