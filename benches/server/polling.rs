//! A session on polling: answers GETs and takes POSTs.

use std::cmp::Ordering;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::http::{Connection, Request, response_head};
use super::job::{Job, Kind, Pieces};
use super::{MAX_PAYLOAD, STALL_TIMEOUT, lock, refused};

const SEPARATOR: u8 = b'\x1e';

pub(super) struct Session {
    pub(super) job: Job,
    /// Content of the job's response bodies; `None` for `idle`.
    pieces: Option<Pieces>,
    /// A response with the maximum number of messages, including the head.
    full_answer: Vec<u8>,
    /// Length of a message in a payload.
    packet_length: usize,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    started: bool,
    /// Number of the job's messages that are still to be sent.
    owed: usize,
    /// Number of messages received.
    counted: usize,
    /// Packets to send in the next response to a GET.
    packets: Vec<Vec<u8>>,
    ping_due: Instant,
    pong_is_due: bool,
    probe: Probe,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Probe {
    None,
    /// A probe has just been opened: the waiting poll is answered at once.
    Started,
    /// Polls after the first one are answered only after 100 ms. Otherwise the client would poll without a
    /// pause.
    Running,
}

impl Session {
    pub(super) fn new(job: Job) -> Self {
        let packet = match job.kind {
            Kind::Idle => Vec::new(),
            _ => job.packet(),
        };
        let pieces = (!packet.is_empty()).then(|| Pieces::new(&packet, &[SEPARATOR]));
        let full_answer = pieces.as_ref().map_or_else(Vec::new, |pieces| {
            let body = pieces.first(pieces.most());
            [response_head("200 OK", body.len()).as_bytes(), body].concat()
        });
        Self {
            job,
            pieces,
            full_answer,
            packet_length: packet.len(),
            state: Mutex::new(State {
                started: false,
                owed: 0,
                counted: 0,
                packets: Vec::new(),
                ping_due: Instant::now() + job.ping_interval,
                pong_is_due: false,
                probe: Probe::None,
                ended: false,
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.state).ended
    }

    /// Answers a GET when there are packets for it.
    pub(super) async fn poll(&self, connection: &mut Connection) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = self.answer(begun)? {
                return match answer {
                    Answer::Full => connection.write(&self.full_answer).await,
                    Answer::Messages(pieces, count) => {
                        connection.respond("200 OK", pieces.first(count)).await
                    }
                    Answer::Body(body) => connection.respond("200 OK", &body).await,
                };
            }
            let (deadline, counted) = self.deadline(begun);
            tokio::select! {
                waited = timeout_at(deadline, self.changed.notified()) => if waited.is_err() {
                    self.check_progress(counted);
                },
                more = connection.fill() => if !more? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                },
            }
        }
    }

    /// Returns the time until which a poll waits, and the number of messages received so far.
    fn deadline(&self, begun: Instant) -> (Instant, usize) {
        let state = lock(&self.state);
        let deadline = match state.probe {
            _ if self.needs_progress(&state) => Instant::now() + STALL_TIMEOUT,
            Probe::None => state.ping_due,
            _ => begun + Duration::from_millis(100),
        };
        (deadline, state.counted)
    }

    fn needs_progress(&self, state: &State) -> bool {
        state.started && matches!(self.job.kind, Kind::Send | Kind::Echo)
    }

    /// Called after a poll has waited. Reports to the client if no message has arrived meanwhile.
    fn check_progress(&self, counted: usize) {
        let mut state = lock(&self.state);
        if self.needs_progress(&state) && state.counted == counted && state.packets.is_empty() {
            let text = format!("4no further message after {counted}");
            state.packets.push(text.into_bytes());
        }
    }

    fn answer(&self, begun: Instant) -> io::Result<Option<Answer<'_>>> {
        let mut state = lock(&self.state);
        if !state.packets.is_empty() {
            let body = state.packets.join(&SEPARATOR);
            state.packets.clear();
            return Ok(Some(Answer::Body(body)));
        }
        if state.owed > 0
            && let Some(pieces) = &self.pieces
        {
            let count = state.owed.min(pieces.most());
            state.owed -= count;
            if state.owed == 0 && self.job.kind == Kind::Receive {
                state.packets.push(b"4end".to_vec());
            }
            return Ok(Some(if count == pieces.most() {
                Answer::Full
            } else {
                Answer::Messages(pieces, count)
            }));
        }
        let now = Instant::now();
        let noop = match state.probe {
            _ if state.ended => true,
            Probe::None => false,
            Probe::Started => true,
            Probe::Running => now >= begun + Duration::from_millis(100),
        };
        if noop {
            if state.probe == Probe::Started {
                state.probe = Probe::Running;
            }
            return Ok(Some(Answer::Body(b"6".to_vec())));
        }
        if now >= state.ping_due && state.probe == Probe::None {
            if state.pong_is_due {
                state.ended = true;
                return Err(refused("no pong arrived"));
            }
            state.pong_is_due = true;
            state.ping_due = now + self.job.ping_timeout;
            return Ok(Some(Answer::Body(b"2".to_vec())));
        }
        Ok(None)
    }

    pub(super) async fn post(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> io::Result<()> {
        let body = connection.body(request).await?;
        if body.len() > MAX_PAYLOAD {
            let text = b"more than maxPayload";
            return connection.respond("413 Payload Too Large", text).await;
        }
        if self.handle_body(&body) {
            self.changed.notify_one();
        }
        connection.write(OK).await
    }

    /// Handles the body of a POST. Returns whether a waiting GET may have to be answered.
    fn handle_body(&self, body: &[u8]) -> bool {
        let mut state = lock(&self.state);
        if state.started && self.job.kind == Kind::Send {
            // If the body has exactly the length of `count` messages, it contains nothing else.
            let count = memchr::memchr_iter(SEPARATOR, body).count() + 1;
            let length = count * (self.packet_length + 1) - 1;
            if body.len() == length && self.is_message(body) {
                return self.count(&mut state, count);
            }
        }
        let mut notify = false;
        for packet in body.split(|&byte| byte == SEPARATOR) {
            notify |= self.handle_packet(&mut state, packet);
        }
        notify
    }

    fn is_message(&self, packet: &[u8]) -> bool {
        let first = if self.job.text { b'4' } else { b'b' };
        packet.len() >= self.packet_length && packet.first() == Some(&first)
    }

    fn count(&self, state: &mut State, count: usize) -> bool {
        state.counted += count;
        let text = match state.counted.cmp(&self.job.count) {
            Ordering::Less => return false,
            Ordering::Equal => "4done",
            Ordering::Greater => "4more messages than expected",
        };
        state.packets.push(text.into());
        true
    }

    fn handle_packet(&self, state: &mut State, packet: &[u8]) -> bool {
        match packet.first() {
            Some(b'1') => {
                state.ended = true;
                true
            }
            Some(b'3') => {
                state.pong_is_due = false;
                state.ping_due = Instant::now() + self.job.ping_interval;
                // Wakes the waiting poll, which still has the pong's deadline.
                true
            }
            Some(b'4' | b'b') => self.handle_message(state, packet),
            _ => {
                state.ended = true;
                true
            }
        }
    }

    fn handle_message(&self, state: &mut State, packet: &[u8]) -> bool {
        match self.job.kind {
            Kind::Idle => {
                state.packets.push(packet.to_vec());
                true
            }
            _ if !state.started => {
                state.started = true;
                if self.job.kind == Kind::Receive {
                    state.owed = self.job.count;
                }
                true
            }
            Kind::Receive => false,
            Kind::Echo => {
                state.owed += 1;
                state.counted += 1;
                true
            }
            Kind::Send if self.is_message(packet) && packet.len() == self.packet_length => {
                self.count(state, 1)
            }
            Kind::Send => {
                let text = format!("4a message of {} bytes in a payload", packet.len());
                state.packets.push(text.into_bytes());
                true
            }
        }
    }

    /// A probe was opened: the waiting poll is answered.
    pub(super) fn probe(&self) {
        lock(&self.state).probe = Probe::Started;
        self.changed.notify_one();
    }

    /// The session leaves polling. Returns the packets that were waiting for a GET.
    pub(super) fn leave(&self) -> Vec<Vec<u8>> {
        let mut state = lock(&self.state);
        state.ended = true;
        self.changed.notify_one();
        std::mem::take(&mut state.packets)
    }

    /// The probe has failed: the session stays on polling.
    pub(super) fn stay(&self) {
        lock(&self.state).probe = Probe::None;
        self.changed.notify_one();
    }
}

enum Answer<'a> {
    Full,
    Messages(&'a Pieces, usize),
    Body(Vec<u8>),
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok";
