//! Tests of what `eio` reports about sent lines if the server does not answer its close frame.

use std::net::{TcpListener, TcpStream};
use std::thread;

use async_tungstenite::tungstenite::{self, WebSocket};

use super::{Eio, RUNTIMES, run};

/// The URL of a server that opens one session on WebSocket and reads nothing from it.
fn silent() -> (String, thread::JoinHandle<WebSocket<TcpStream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("eio connects");
        let mut socket = tungstenite::accept(stream).expect("eio opens a WebSocket");
        let open = r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000}"#;
        socket.send(open.into()).expect("eio reads the open packet");
        socket
    });
    (url, server)
}

#[test]
fn r9_lines_that_a_silent_server_may_not_have_read_are_reported_and_exit_with_1() {
    for runtime in RUNTIMES {
        let (url, server) = silent();
        let options = ["--runtime", runtime, "--transport", "websocket", &url];
        let (_, status, errors) = run(&options, b"one\ntwo\n");
        assert_eq!(status, 1, "{errors}");
        assert!(errors.contains("did not answer the close"), "{errors}");
        assert!(
            errors.contains("2 lines may not have been delivered"),
            "{errors}"
        );
        drop(server.join().expect("the server's part"));
    }
}

#[test]
fn r9_a_session_without_a_line_exits_with_0() {
    let (url, server) = silent();
    let mut eio = Eio::start(&["--json", "--transport", "websocket", &url]);
    assert_eq!(eio.event()["event"], "connect");
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 0, "{errors}");
    drop(server.join().expect("the server's part"));
}
