//! Polls, POSTs and WebSocket requests.

use std::pin::pin;

use engineio_client::codec::{decode_payload, encode_payload};
use engineio_client::runtime::mock::MemoryStream;
use engineio_client::{Limits, Runtime as _};
use futures::future::{Either, select};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Phase, Refusal, Server};
use crate::memory_http::{Request, response};
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
            // Node's server ends a session that has two polls at once.
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
