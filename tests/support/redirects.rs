//! Servers that have moved: their old address redirects to the new one.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use engineio_client::Event;

use super::server::{Server, Setup};
use super::session::{Mode, Runs, Session, builder};

/// Redirects a single request to another server, with the same path and query, and then stops listening.
pub(crate) struct Moved {
    pub(crate) url: String,
    thread: JoinHandle<()>,
}

impl Moved {
    pub(crate) fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the socket is bound");
        let server = server.to_owned();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            drop(listener);
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).expect("a request");
                head.extend(byte);
            }
            let head = String::from_utf8(head).expect("the request is text");
            let target = head.split(' ').nth(1).expect("a target");
            let answer = format!(
                "HTTP/1.1 308 Permanent Redirect\r\nLocation: {server}{target}\r\n\
                 Connection: close\r\nContent-Length: 0\r\n\r\n"
            );
            stream
                .write_all(answer.as_bytes())
                .expect("the client waits");
            // Keeps the connection open until the client has read the response.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        Self {
            url: format!("http://{address}"),
            thread,
        }
    }

    /// Checks that exactly one request arrived.
    pub(crate) fn was_asked(self) {
        self.thread.join().expect("exactly one request");
    }
}

/// A session that is opened at the old address makes its polls, POSTs and WebSocket requests at the new
/// one.
pub(crate) async fn a_session_uses_the_new_address_after_a_redirect<S: Server, R: Runs>(
    mode: Mode,
) {
    let server = S::start(Setup::Default);
    let moved = Moved::to(&server.url());
    let builder = builder::<R>(&moved.url, mode).follow_redirects(true);
    let mut session = Session::connect(builder).await;
    if mode == Mode::Upgraded {
        match session.event().await {
            Event::Upgraded { transport, .. } => assert_eq!(transport, mode.transport()),
            other => panic!("{other:?} instead of the upgrade"),
        }
    }
    for text in ["a", "b", "c"] {
        session.echo(text).await;
    }
    session.echo(vec![0, 255]).await;
    assert!(session.disconnect().await.is_clean());
    moved.was_asked();
}
