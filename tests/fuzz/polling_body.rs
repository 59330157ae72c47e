//! Responses to polls, through the real transport, in pieces of any size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engineio_client::codec::{decode_payload, is_protocol_3};
use engineio_client::transports::Polling;
use engineio_client::{Error, ErrorKind, Limits, MockRuntime, Packet};

use super::input::Input;
use super::net::{self, Pieces, SECRET};
use super::raw::{Peer, Server, spawn};

/// The input: how pieces are cut, the limits, the form, and the response. In form zero, the bytes are
/// the complete responses to several polls, separated by zero bytes. In the other forms, they are the
/// body of a single response.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pieces = Pieces::take(&mut input);
    let limits = Limits::default()
        .message(input.limit())
        .payload_packets(input.limit())
        .body(input.limit().saturating_mul(4));
    let form = input.byte() % 5;
    let body = input.rest();
    let head = "HTTP/1.1 200 OK\r\n";
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    let answer = match form {
        0 => {
            let answers: Vec<_> = body.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
            let cut = polled(&pieces, answers.clone(), limits);
            let whole = polled(&Pieces::whole(pieces.order), answers, limits);
            let first = |results: &[Result<Vec<Packet>, Error>]| {
                results[0].clone().map_err(|error| error.kind())
            };
            assert_eq!(first(&cut), first(&whole));
            return;
        }
        1 => [head.as_bytes(), length.as_bytes(), body].concat(),
        2 => {
            let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
            let mut answer = head.into_bytes();
            for chunk in pieces.of(body) {
                answer.extend(format!("{:X};x=y\r\n", chunk.len()).as_bytes());
                answer.extend(chunk);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\nTrailer: x\r\n\r\n");
            answer
        }
        3 => [head.as_bytes(), b"\r\n", body].concat(),
        _ => [b"HTTP/1.1 400 Bad Request\r\n", length.as_bytes(), body].concat(),
    };
    let results = polled(&pieces, vec![answer], limits);
    let first = results[0].as_ref();
    let told = || results[0].as_ref().expect_err("an error").clone();
    if body.len() > limits.body {
        assert_eq!(told().kind(), ErrorKind::Limit);
        return;
    }
    if form == 4 {
        assert_eq!(told().status(), Some(400));
        return;
    }
    if is_protocol_3(body) {
        assert_eq!(told().kind(), ErrorKind::Protocol);
        return;
    }
    let decoded = decode_payload(Bytes::copy_from_slice(body), &limits);
    if decoded.packets.is_empty() {
        // If not even the first packet is valid, the error is either that of a limit or says that the
        // response is not Engine.IO.
        let kind = match decoded.error.expect("an error").kind() {
            ErrorKind::Limit => ErrorKind::Limit,
            _ => ErrorKind::NotEngineIo,
        };
        assert_eq!(told().kind(), kind);
        return;
    }
    assert_eq!(first.expect("packets"), &decoded.packets);
    if let Some(error) = decoded.error {
        let next = results[1]
            .as_ref()
            .expect_err("the packet after the valid ones is invalid");
        assert_eq!(next.kind(), error.kind());
    }
}

/// The result of each poll, up to the first error.
fn polled(
    pieces: &Pieces,
    answers: Vec<Vec<u8>>,
    limits: Limits,
) -> Vec<Result<Vec<Packet>, Error>> {
    let repeats_secret = answers
        .concat()
        .windows(6)
        .any(|six| six == SECRET.as_bytes());
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let runtime = pieces.runtime();
    let results = runtime.block_on(async {
        let server = Server::new(&runtime);
        drop(spawn(
            &runtime,
            serve(runtime.clone(), server, pieces.clone(), answers),
        ));
        let mut link = net::open(&runtime, Polling::default(), limits)
            .await
            .expect("a link");
        let mut results = Vec::new();
        while results.len() < 20 && !matches!(results.last(), Some(Err(_))) {
            results.push(link.receiver.recv().await);
        }
        results
    });
    runtime.abort_tasks();
    for result in &results {
        match result {
            Ok(packets) => {
                assert!((1..=limits.payload_packets).contains(&packets.len()));
                net::within_limits(packets, &limits);
            }
            Err(error) => {
                let kinds = [
                    ErrorKind::Http,
                    ErrorKind::Limit,
                    ErrorKind::Protocol,
                    ErrorKind::NotEngineIo,
                    ErrorKind::Ended,
                    ErrorKind::Status,
                ];
                assert!(kinds.contains(&error.kind()), "{error:?}");
                net::is_presentable(error, repeats_secret);
            }
        }
    }
    results
}

/// Answers each request with the next response, on whichever connection it comes.
async fn serve(
    runtime: MockRuntime,
    mut server: Server,
    pieces: Pieces,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
) {
    loop {
        let peer = server.accept().await;
        let task = serve_connection(runtime.clone(), peer, pieces.clone(), Arc::clone(&answers));
        drop(spawn(&runtime, task));
    }
}

async fn serve_connection(
    runtime: MockRuntime,
    mut peer: Peer,
    pieces: Pieces,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
) {
    // Ends the connection after a minute without a request: a client that waits for more bytes of a
    // response must notice that none will come.
    while let Some(Some(request)) = net::within_a_minute(&runtime, net::request(&mut peer)).await {
        assert!(request.starts_with(b"GET "));
        let answer = answers.lock().unwrap().pop_front();
        let Some(answer) = answer.filter(|answer| !answer.is_empty()) else {
            return;
        };
        pieces.write(&mut peer, &runtime, &answer).await;
        if answers.lock().unwrap().is_empty() {
            return;
        }
    }
}
