//! An HTTP server that answers each request as the test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::DEADLINE;

/// A server. Its connection threads end with their connections. The accepting thread ends with the
/// test program.
pub(crate) struct RawServer {
    url: String,
    requests: Receiver<Request>,
}

/// A request that waits for its answer. The connection stays open until this value is dropped.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
    stream: TcpStream,
}

impl RawServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || serve(&stream, &sender));
            }
        });
        Self {
            url: format!("http://{address}"),
            requests,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next request, on any connection.
    pub(crate) fn request(&self) -> Request {
        let request = self.requests.recv_timeout(DEADLINE);
        request.expect("eio sends a request")
    }
}

/// Passes each request of a connection to the test.
fn serve(stream: &TcpStream, requests: &Sender<Request>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.trim().parse().ok()).flatten()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        let Ok(stream) = stream.try_clone() else {
            return;
        };
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        if requests.send(Request { head, body, stream }).is_err() {
            return;
        }
    }
}

impl Request {
    pub(crate) fn answer(&mut self, status: &str, body: &str) {
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // The client may have gone.
        let _ = self.stream.write_all(answer.as_bytes());
    }

    /// Answers a handshake.
    pub(crate) fn open(&mut self) {
        self.answer(
            "200 OK",
            r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        );
    }
}
