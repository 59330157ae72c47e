//! The client against the bare WebSocket library, over loopback: receiving and sending small
//! messages, echoing one at a time, and messages of 1 MB.
//!
//!     cargo bench --bench websocket
//!
//! The server is a thread that writes frames it has encoded before, and reads without looking. The
//! two take turns, round by round; what is printed is the median of each, and their ratio.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_tungstenite::tungstenite::{self, Message as Frame};
use async_tungstenite::{WebSocketStream, client_async_with_config};
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Client, Message, Runtime, Tokio, transports::Transports};
use futures::{SinkExt as _, StreamExt as _};

const ROUNDS: usize = 11;
const OPEN: &str = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Job {
    Receive,
    Send,
    Echo,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    job: Job,
    length: usize,
    count: usize,
}

const CASES: [Case; 5] = [
    Case {
        name: "receive 64 B",
        job: Job::Receive,
        length: 64,
        count: 200_000,
    },
    Case {
        name: "send 64 B",
        job: Job::Send,
        length: 64,
        count: 200_000,
    },
    Case {
        name: "echo 64 B",
        job: Job::Echo,
        length: 64,
        count: 5_000,
    },
    Case {
        name: "receive 1 MB",
        job: Job::Receive,
        length: 1_000_000,
        count: 300,
    },
    Case {
        name: "send 1 MB",
        job: Job::Send,
        length: 1_000_000,
        count: 300,
    },
];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts");
    for case in CASES {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(runtime.block_on(bare_round(case)));
            ours.push(runtime.block_on(our_round(case)));
        }
        let (bare, ours) = (median(bare), median(ours));
        let each = |time: Duration| time.as_secs_f64() * 1e9 / case.count as f64;
        println!(
            "{:14} bare {:>10.0} ns   client {:>10.0} ns   ratio {:.2}",
            case.name,
            each(bare),
            each(ours),
            ours.as_secs_f64() / bare.as_secs_f64()
        );
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

async fn bare_round(case: Case) -> Duration {
    let port = serve(case);
    let runtime = Tokio::current().expect("within tokio");
    let stream = runtime
        .connect(&Address::Tcp((Ipv4Addr::LOCALHOST, port).into()))
        .await
        .expect("it listens");
    let url = format!("ws://127.0.0.1:{port}/");
    let (mut socket, _): (WebSocketStream<BoxedStream>, _) =
        client_async_with_config(url, stream, None)
            .await
            .expect("it shakes hands");
    socket
        .next()
        .await
        .expect("an open packet")
        .expect("it is whole");
    let text = tungstenite::Utf8Bytes::from(format!("4{}", "x".repeat(case.length)));
    let start = now();
    match case.job {
        Job::Receive => {
            for _ in 0..case.count {
                socket
                    .next()
                    .await
                    .expect("a message")
                    .expect("it is whole");
            }
        }
        Job::Send => {
            for _ in 0..case.count {
                // A fresh one for each, as a user has it.
                let text = tungstenite::Utf8Bytes::from(text.as_str());
                socket.feed(Frame::Text(text)).await.expect("it takes them");
            }
            socket.flush().await.expect("it takes them");
            socket
                .next()
                .await
                .expect("an answer")
                .expect("it is whole");
        }
        Job::Echo => {
            for _ in 0..case.count {
                socket
                    .send(Frame::Text(text.clone()))
                    .await
                    .expect("it takes them");
                socket
                    .next()
                    .await
                    .expect("a message")
                    .expect("it is whole");
            }
        }
    }
    start.elapsed()
}

async fn our_round(case: Case) -> Duration {
    let port = serve(case);
    let url = format!("http://127.0.0.1:{port}/");
    let builder = Client::<Transports, Tokio>::builder(url).transports(["websocket"]);
    let mut client = builder.connect().await.expect("it connects");
    let text = "x".repeat(case.length);
    let start = now();
    match case.job {
        Job::Receive => {
            for _ in 0..case.count {
                client.recv().await.expect("a message");
            }
        }
        Job::Send => {
            for _ in 0..case.count {
                client.send(text.as_str()).await.expect("it takes them");
            }
            client.recv().await.expect("an answer");
        }
        Job::Echo => {
            let message = Message::from(text);
            for _ in 0..case.count {
                client.send(message.clone()).await.expect("it takes them");
                client.recv().await.expect("a message");
            }
        }
    }
    start.elapsed()
}

/// A server for one connection, which does its part of the job.
fn serve(case: Case) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let frames = Arc::new(frames(case));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        stream.set_nodelay(true).expect("sockets can do it");
        shake_hands(&mut stream);
        stream.write_all(&frame(OPEN)).expect("it listens");
        let masked = case.length + 1 + if case.length > 65_000 { 14 } else { 6 };
        let mut buffer = vec![0; 256 * 1024];
        match case.job {
            Job::Receive => {
                let at_once = frames.len() / frame_length(case);
                for _ in 0..case.count / at_once {
                    stream.write_all(&frames).expect("it listens");
                }
                let rest = case.count % at_once * frame_length(case);
                stream.write_all(&frames[..rest]).expect("it listens");
            }
            Job::Send => {
                let mut left = masked * case.count;
                while left > 0 {
                    left -= stream.read(&mut buffer).expect("it sends").min(left);
                }
                stream.write_all(&frame("4done")).expect("it listens");
            }
            Job::Echo => {
                let one = &frames[..frame_length(case)];
                for _ in 0..case.count {
                    stream.read_exact(&mut buffer[..masked]).expect("it sends");
                    stream.write_all(one).expect("it listens");
                }
            }
        }
        // Until the client has gone.
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    port
}

fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}

fn frame_length(case: Case) -> usize {
    frame(&format!("4{}", "x".repeat(case.length))).len()
}

/// About 64 KiB of frames, or one.
fn frames(case: Case) -> Vec<u8> {
    let one = frame(&format!("4{}", "x".repeat(case.length)));
    one.repeat((65_536 / one.len()).max(1))
}

fn shake_hands(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a request");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("it is text");
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim().to_owned())
    });
    let accept = tungstenite::handshake::derive_accept_key(key.expect("a key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).expect("it listens");
}
