//! Polls, POSTs and WebSocket requests.

use std::pin::pin;

use engineio_client::codec::{decode_payload, encode_payload};
use engineio_client::runtime::mock::MemoryStream;
use engineio_client::{Limits, Runtime as _};
use futures::future::{Either, select};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Phase, Refusal, Server};
use crate::ms;

/// A connection with a WebSocket request that was read.
pub(super) struct Upgraded {
    pub(super) stream: MemoryStream,
    pub(super) request: Request,
    pub(super) buffer: Vec<u8>,
}

impl Server {
    /// Answers requests until the connection ends (`None`) or a WebSocket request arrives.
    pub(super) async fn requests(
        &self,
        process: u64,
        mut stream: MemoryStream,
    ) -> Option<Upgraded> {
        let mut buffer = Vec::new();
        loop {
            let request = Request::read(&mut stream, &mut buffer).await?;
            self.thaw(process).await?;
            let refusal = self.state().refusal;
            if let Some(refusal) = refusal {
                stream.write_all(&refused(refusal)).await.ok()?;
                continue;
            }
            if request.websocket_key.is_some() {
                return Some(Upgraded {
                    stream,
                    request,
                    buffer,
                });
            }
            // A server that has ended its side of the connection discards further requests.
            let _ = stream.write(&[]).await.ok()?;
            let answer = if request.method == "POST" {
                self.post(process, &request).await?
            } else {
                self.poll(process, &request, &mut stream).await?
            };
            self.thaw(process).await?;
            if stream.write_all(&answer).await.is_err() {
                // The packets of the answer are lost, so the session is broken.
                self.abandon(process, &request);
                return None;
            }
        }
    }

    fn abandon(&self, process: u64, request: &Request) {
        let sid = request.sid.as_deref().unwrap_or_default();
        if let Some(at) = self.find(process, sid) {
            let now = self.runtime.now();
            self.trace(|| format!("session {at} is abandoned"));
            self.session(at, |session| session.end(now));
        }
    }

    async fn poll(
        &self,
        process: u64,
        request: &Request,
        stream: &mut MemoryStream,
    ) -> Option<Vec<u8>> {
        let Some(sid) = &request.sid else {
            let (_, packets) = self.open(process, true);
            return Some(response(200, &encode_payload(&packets)));
        };
        let Some(at) = self.find_usable(process, sid) else {
            return Some(unknown());
        };
        let doubled = self.session(at, |session| {
            session.counts.polls += 1;
            std::mem::replace(&mut session.polling, true)
        });
        if doubled {
            // Node's server ends such a session.
            self.abandon(process, request);
            return Some(response(400, b"overlap"));
        }
        let packets = {
            let answer = pin!(self.wait(|state| state.poll_answer(at, self.runtime.now())));
            let mut byte = [0];
            match select(answer, pin!(stream.read(&mut byte))).await {
                Either::Left((packets, _)) => packets,
                Either::Right((Ok(0) | Err(_), _)) => {
                    // An aborted poll ends the session.
                    self.abandon(process, request);
                    return None;
                }
                Either::Right((Ok(_), _)) => panic!("a request within a request"),
            }
        };
        self.session(at, |session| session.polling = false);
        let most = self.behaviour(|it| it.poll_delay);
        self.delay(most).await;
        self.session(at, |session| session.window.polled());
        Some(response(200, &encode_payload(&packets)))
    }

    async fn post(&self, process: u64, request: &Request) -> Option<Vec<u8>> {
        let sid = request.sid.as_deref()?;
        let Some(at) = self.find_usable(process, sid) else {
            return Some(unknown());
        };
        self.session(at, |session| {
            session.counts.posts += 1;
            assert!(
                request.body.len() <= session.max_payload,
                "a POST above maxPayload"
            );
        });
        let decoded = decode_payload(request.body.clone().into(), &Limits::default());
        assert!(decoded.error.is_none(), "{:?}", decoded.error);
        assert!(
            decoded.packets.len() <= 16,
            "a POST of more than 16 packets, which python-engineio would drop"
        );
        for packet in decoded.packets {
            self.take(process, at, packet);
        }
        let most = self.behaviour(|it| it.post_delay);
        self.delay(most).await;
        let now = self.runtime.now();
        self.session(at, |session| session.window.posted(now));
        Some(response(200, b"ok"))
    }

    async fn delay(&self, most: std::time::Duration) {
        let most = u64::try_from(most.as_millis()).unwrap_or(0);
        if most > 0 {
            let time = self.state().random.u64(most / 2..most);
            self.runtime.sleep(ms(time)).await;
        }
    }

    fn find_usable(&self, process: u64, sid: &str) -> Option<usize> {
        let at = self.find(process, sid)?;
        let usable = self.session(at, |session| {
            session.phase != Phase::Closed && !session.upgraded
        });
        usable.then_some(at)
    }
}

pub(super) fn unknown() -> Vec<u8> {
    response(400, br#"{"code":1,"message":"Session ID unknown"}"#)
}

fn refused(refusal: Refusal) -> Vec<u8> {
    let after = refusal.retry_after.map_or(String::new(), |seconds| {
        format!("Retry-After: {seconds}\r\n")
    });
    let status = refusal.status;
    format!("HTTP/1.1 {status} X\r\n{after}Content-Length: 0\r\n\r\n").into_bytes()
}

fn response(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.extend(body);
    answer
}

/// An HTTP request.
pub(super) struct Request {
    method: String,
    pub(super) sid: Option<String>,
    pub(super) websocket_key: Option<String>,
    body: Vec<u8>,
}

impl Request {
    /// Reads the next request, or returns `None` if the connection ends first. `buffer` keeps surplus
    /// bytes.
    async fn read(stream: &mut MemoryStream, buffer: &mut Vec<u8>) -> Option<Self> {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break buffer.drain(..end + 4).collect::<Vec<u8>>();
            }
            more(stream, buffer).await?;
        };
        let head = String::from_utf8(head).expect("the client's head is text");
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (_, query) = target.split_once('?').expect("there is a query");
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let sid = pairs.find(|(name, _)| *name == "sid");
        let (mut length, mut websocket_key) = (0, None);
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a length is a number"),
                "sec-websocket-key" => websocket_key = Some(value.to_owned()),
                _ => {}
            }
        }
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        Some(Self {
            method,
            sid: sid.map(|(_, value)| value.to_owned()),
            websocket_key,
            body: buffer.drain(..length).collect(),
        })
    }
}

/// Reads some bytes into the buffer. Returns `None` at the end of the connection.
pub(super) async fn more(
    stream: &mut (impl futures::AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<()> {
    let mut piece = [0; 4096];
    let count = stream.read(&mut piece).await.ok()?;
    buffer.extend(&piece[..count]);
    (count > 0).then_some(())
}
