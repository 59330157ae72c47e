//! Compiles the folder `transports` as a foreign crate. This proves that a custom transport can do
//! everything that the built-in ones can.

use std::net::{Ipv4Addr, SocketAddr};

use engineio_client::{Builder, MockRuntime, Transport as _};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};

#[path = "../transports/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unused_imports,
    unreachable_pub,
    unused_qualifications,
    unfulfilled_lint_expectations
)]
mod transports;

#[test]
fn a_session_runs_on_transports_of_a_foreign_crate() {
    // Ported from engine.io-client: socket.js:112
    assert_eq!(
        transports::Transports::default().names(),
        ["polling", "websocket"]
    );
    let runtime = MockRuntime::new();
    let mut listener = runtime.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 80)));
    runtime.block_on(async {
        let builder = Builder::new(
            "http://127.0.0.1",
            transports::Transports::default(),
            runtime.clone(),
        );
        let client = builder.transports(["polling"]).start().unwrap();
        let mut stream = listener.accept().await;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.unwrap();
            head.extend(byte);
        }
        let open = r#"0{"sid":"S","pingInterval":25000,"pingTimeout":20000}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{open}",
            open.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(client.opened().await.unwrap().handshake.sid, "S");
    });
}
