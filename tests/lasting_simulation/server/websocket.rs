//! WebSocket connections, written byte by byte, because the order and time of the answers matter.

use std::pin::pin;
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use engineio_client::codec::{Frame, decode_text_frame, frame};
use engineio_client::runtime::mock::MemoryStream;
use engineio_client::{Limits, Packet, Runtime as _};
use futures::future::{Either, select};
use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};

use super::http::{Upgraded, unknown};
use super::{Phase, Pongs, Server};
use crate::memory_http::more;
use crate::ms;

/// The server drops a probe after this time. Node's server waits for 10 s.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Server {
    pub(super) async fn websocket(&self, process: u64, upgraded: Upgraded) {
        let opening = pin!(self.begin(process, upgraded));
        let begun = match select(opening, pin!(self.death(process))).await {
            Either::Left((begun, _)) => begun,
            Either::Right(_) => None,
        };
        let Some((at, stream, mut buffer)) = begun else {
            return;
        };
        let (mut reader, mut writer) = stream.split();
        {
            let talk = pin!(self.converse(process, at, &mut reader, &mut writer, &mut buffer));
            select(talk, pin!(self.death(process))).await;
        }
        let now = self.runtime.now();
        let is_orphan = self.session(at, |session| {
            session.end(now);
            session.is_orphan
        });
        if is_orphan {
            let proxied = pin!(self.be_proxy(process, at, &mut reader, &mut writer, &mut buffer));
            let end = self.wait(|state| (!state.sessions[at].is_orphan).then_some(()));
            select(proxied, pin!(end)).await;
        }
    }

    /// Accepts the WebSocket of a new session, or a probe for a known session.
    async fn begin(
        &self,
        process: u64,
        upgraded: Upgraded,
    ) -> Option<(usize, MemoryStream, Vec<u8>)> {
        let Upgraded {
            mut stream,
            request,
            mut buffer,
        } = upgraded;
        let known = match &request.sid {
            None => None,
            Some(sid) => match self.find(process, sid) {
                Some(at) if self.may_upgrade(at) => Some(at),
                _ => {
                    stream.write_all(&unknown()).await.ok()?;
                    return None;
                }
            },
        };
        let accept = derive_accept_key(request.websocket_key?.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        let at = match known {
            None => {
                let (at, packets) = self.open(process, false);
                let bytes: Vec<u8> = packets.iter().flat_map(encode).collect();
                if stream.write_all(&bytes).await.is_err() {
                    let now = self.runtime.now();
                    self.session(at, |session| session.end(now));
                    return None;
                }
                at
            }
            Some(at) => {
                let probe = pin!(self.probe(process, at, &mut stream, &mut buffer));
                let went_over = match select(probe, self.runtime.sleep(PROBE_TIMEOUT)).await {
                    Either::Left((went_over, _)) => went_over,
                    Either::Right(_) => None,
                };
                self.session(at, |session| {
                    session.probed = false;
                    session.upgraded |= went_over.is_some();
                });
                self.trace(|| format!("session {at} upgrades: {}", went_over.is_some()));
                went_over?;
                at
            }
        };
        Some((at, stream, buffer))
    }

    fn may_upgrade(&self, at: usize) -> bool {
        self.session(at, |session| {
            session.phase != Phase::Closed && !session.upgraded
        })
    }

    /// Answers a probe. Returns `None` unless the session is upgraded.
    async fn probe(
        &self,
        process: u64,
        at: usize,
        stream: &mut MemoryStream,
        buffer: &mut Vec<u8>,
    ) -> Option<()> {
        match self.packet(stream, buffer).await? {
            Packet::Ping(data) if &*data == "probe" => {}
            other => panic!("the probe's first packet is {other:?}"),
        }
        let delay = self.behaviour(|it| it.probe_delay);
        self.runtime.sleep(delay).await;
        self.thaw(process).await?;
        stream
            .write_all(&encode(&Packet::Pong("probe".into())))
            .await
            .ok()?;
        self.session(at, |session| session.probed = true);
        match self.packet(stream, buffer).await? {
            Packet::Upgrade => {}
            other => panic!("the probe's second packet is {other:?}"),
        }
        self.thaw(process).await?;
        self.session(at, |session| (session.phase != Phase::Closed).then_some(()))
    }

    /// The next packet of a probe. Panics at any other frame, because engineioxide fails an upgrade when
    /// it receives a WebSocket ping.
    async fn packet(&self, stream: &mut MemoryStream, buffer: &mut Vec<u8>) -> Option<Packet> {
        loop {
            if let Some((opcode, payload)) = next_frame(buffer) {
                if opcode == CLOSE {
                    return None;
                }
                assert_eq!(opcode, TEXT, "a frame on a probe that is not text");
                return Some(packet_of(payload));
            }
            more(stream, buffer).await?;
        }
    }

    async fn converse(
        &self,
        process: u64,
        at: usize,
        reader: &mut ReadHalf<MemoryStream>,
        writer: &mut WriteHalf<MemoryStream>,
        buffer: &mut Vec<u8>,
    ) {
        let receive = pin!(self.receive(process, at, reader, buffer));
        let send = pin!(self.send(process, at, writer));
        match select(receive, send).await {
            Either::Left((is_close, send)) => {
                if is_close == Some(()) {
                    send.await;
                }
            }
            // The close frame has been sent. Messages that the client sent before it saw the close frame
            // still arrive.
            Either::Right((_, receive)) => {
                let _ = select(receive, self.runtime.sleep(ms(1000))).await;
            }
        }
    }

    /// Reads until the client sends a close frame, or the connection ends (`None`).
    async fn receive(
        &self,
        process: u64,
        at: usize,
        reader: &mut ReadHalf<MemoryStream>,
        buffer: &mut Vec<u8>,
    ) -> Option<()> {
        loop {
            let mut newest = None;
            while let Some((opcode, payload)) = next_frame(buffer) {
                match opcode {
                    TEXT if self.is_too_large(at, &payload) => {
                        self.trace(|| format!("session {at}: a frame of {} bytes", payload.len()));
                        self.queue_close(at, 1009);
                        return Some(());
                    }
                    TEXT => self.take(process, at, packet_of(payload)),
                    PING if self.ping(at, &payload) => newest = Some(payload),
                    CLOSE => {
                        self.queue_close(at, 1000);
                        return Some(());
                    }
                    _ => {}
                }
                if self.state().process != process {
                    return None;
                }
            }
            let now = self.runtime.now();
            self.session(at, |session| {
                if let Some(payload) = newest {
                    session.window.answer();
                    session.frames.extend(server_frame(PONG, &payload));
                }
                // A closing server flushes its buffer right after these pongs: see `closing.rs`.
                if session.phase == Phase::Closing && !session.frames.is_empty() {
                    session.flush_at = Some(now);
                }
            });
            more(reader, buffer).await?;
            self.thaw(process).await?;
        }
    }

    fn is_too_large(&self, at: usize, payload: &[u8]) -> bool {
        let strict = self.behaviour(|it| it.strict_frames);
        strict && self.session(at, |session| payload.len() > session.max_payload)
    }

    /// Handles a ping. Returns whether it must be answered after all frames that were read with it.
    fn ping(&self, at: usize, payload: &[u8]) -> bool {
        let (pongs, closes) = self.behaviour(|it| (it.pongs, it.closes_on_ping));
        if closes {
            self.trace(|| format!("session {at}: closes on a ping"));
            self.queue_close(at, 1002);
            return false;
        }
        self.session(at, |session| {
            session.counts.fences += 1;
            if session.phase == Phase::Closed || pongs != Pongs::All {
                return session.phase != Phase::Closed && pongs == Pongs::Newest;
            }
            session.window.answer();
            session.frames.extend(server_frame(PONG, payload));
            false
        })
    }

    /// Ends the session and queues a close frame.
    fn queue_close(&self, at: usize, code: u16) {
        let now = self.runtime.now();
        self.session(at, |session| {
            session
                .frames
                .extend(server_frame(CLOSE, &code.to_be_bytes()));
            session.end(now);
        });
    }

    /// Writes queued frames and packets, the close frame last. Returns `None` if the connection fails.
    async fn send(
        &self,
        process: u64,
        at: usize,
        writer: &mut WriteHalf<MemoryStream>,
    ) -> Option<()> {
        loop {
            let flush_at = self.session(at, |session| session.flush_at);
            let now = self.runtime.now();
            let next = pin!(self.wait(|state| {
                let session = &state.sessions[at];
                let has_changed = session.flush_at != flush_at;
                let speaks = session.phase == Phase::Open && !session.outgoing.is_empty();
                let is_over = session.phase == Phase::Closed;
                (has_changed || speaks || is_over || !session.frames.is_empty()).then_some(())
            }));
            match flush_at {
                Some(time) => {
                    let _ = select(next, self.runtime.sleep(time.saturating_sub(now))).await;
                }
                None => next.await,
            }
            self.thaw(process).await?;
            let now = self.runtime.now();
            let (bytes, is_last) = self.session(at, |session| {
                let mut bytes = std::mem::take(&mut session.frames);
                let is_due = session.flush_at.is_some_and(|time| now >= time);
                if session.phase == Phase::Open || (session.phase == Phase::Closing && is_due) {
                    bytes.extend(
                        session
                            .outgoing
                            .drain(..)
                            .flat_map(|packet| encode(&packet)),
                    );
                }
                if session.phase == Phase::Closing && is_due {
                    bytes.extend(server_frame(CLOSE, &1000_u16.to_be_bytes()));
                    session.end(now);
                }
                (bytes, session.phase == Phase::Closed)
            });
            writer.write_all(&bytes).await.ok()?;
            if is_last {
                return Some(());
            }
        }
    }

    /// A proxy whose server is gone: it still accepts messages and answers pings.
    async fn be_proxy(
        &self,
        process: u64,
        at: usize,
        reader: &mut ReadHalf<MemoryStream>,
        writer: &mut WriteHalf<MemoryStream>,
        buffer: &mut Vec<u8>,
    ) -> Option<()> {
        self.trace(|| format!("session {at} goes on by its proxy"));
        loop {
            while let Some((opcode, payload)) = next_frame(buffer) {
                match opcode {
                    TEXT => self.take(process, at, packet_of(payload)),
                    PING => {
                        self.session(at, |session| {
                            session.window.answer();
                        });
                        writer.write_all(&server_frame(PONG, &payload)).await.ok()?;
                    }
                    _ => return None,
                }
            }
            more(reader, buffer).await?;
        }
    }
}

fn packet_of(payload: Vec<u8>) -> Packet {
    let text = String::from_utf8(payload).expect("a text");
    decode_text_frame(text.into(), &Limits::default()).expect("the client sends valid packets")
}

fn encode(packet: &Packet) -> Vec<u8> {
    match (packet, frame(packet)) {
        (Packet::Close, _) => server_frame(CLOSE, &1000_u16.to_be_bytes()),
        (_, Frame::Text(kind, text)) => {
            let text = format!("{}{text}", char::from(kind));
            server_frame(TEXT, text.as_bytes())
        }
        (_, Frame::Binary(_)) => panic!("the server only sends texts"),
    }
}

fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(length),
        _ => {
            bytes.push(126);
            let length =
                u16::try_from(payload.len()).expect("the server only sends short messages");
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// Removes the next complete frame of the client from the buffer.
fn next_frame(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (first, second) = (*buffer.first()?, *buffer.get(1)?);
    assert!(
        first & 0xf0 == 0x80 && second & 0x80 != 0,
        "a masked frame in one piece"
    );
    let (length, start) = match second & 0x7f {
        126 => {
            let bytes = buffer.get(2..4)?;
            (usize::from(u16::from_be_bytes([bytes[0], bytes[1]])), 4)
        }
        127 => panic!("a message of more than 64 KiB"),
        short => (usize::from(short), 2),
    };
    let end = start + 4 + length;
    let mask: Vec<u8> = buffer.get(start..start + 4)?.to_vec();
    let masked = buffer.get(start + 4..end)?;
    let payload = masked
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    buffer.drain(..end);
    Some((first & 0x0f, payload))
}
