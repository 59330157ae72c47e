//! One session of the mock server, as a state machine. The client's actions go in with the time, and
//! what the client receives comes out.

use std::collections::VecDeque;
use std::time::Duration;

use engineio_client::codec::payload_len;
use engineio_client::{Error, ErrorKind, Fence, Framing, Message, OpenRequest, Packet};

use super::outgoing::{Outgoing, Taking, What};
use super::plan::{Act, Plans, Step};
use super::seen::{Seen, SessionEnd};
use super::settings::Settings;

pub(super) struct Session {
    pub(super) sid: String,
    pub(super) request: OpenRequest,
    pub(super) inbox: VecDeque<Message>,
    pub(super) seen: Vec<Seen>,
    pub(super) end: Option<SessionEnd>,
    ping_interval: Duration,
    ping_timeout: Duration,
    max_payload: Option<u64>,
    links: Vec<SessionLink>,
    current: usize,
    upgrading: Option<Upgrading>,
    /// Packets for the client on the current link. They wait during an upgrade.
    outbox: VecDeque<Outgoing>,
    /// Answers to fences, which move to the outbox when they are due.
    late: VecDeque<Outgoing>,
    next_ping: Option<Duration>,
    pong_due: Option<Duration>,
}

/// A link of the session: its current one, or a probe.
struct SessionLink {
    transport: &'static str,
    framing: Framing,
    /// Packets for this link only: the answer to a probe, a noop.
    own: VecDeque<Outgoing>,
    /// The newest fence whose answer `recv` has returned, until `answered_fence` takes it.
    answered: Option<Fence>,
    /// The error of every further call on this link.
    failed: Option<Error>,
}

/// An upgrade that has begun: the probe was answered, or will be at `since`.
struct Upgrading {
    link: usize,
    since: Duration,
}

/// What the client's call of `recv` does.
pub(super) enum Taken {
    Return(Result<Vec<Packet>, Error>),
    /// Wait for a change, or until this time.
    Wait(Option<Duration>),
}

fn ended() -> Error {
    Error::new(ErrorKind::Ended, "the mock server ended the connection")
}

fn unknown_session() -> Error {
    Error::new(
        ErrorKind::Status,
        "the mock server has no session with this id",
    )
    .with_status(400)
}

impl Session {
    /// A session opened by a link of this transport. The handshake is queued.
    pub(super) fn new(
        sid: String,
        request: OpenRequest,
        transport: &'static str,
        settings: &Settings,
        plans: &mut Plans,
        now: Duration,
    ) -> Self {
        let mut session = Self {
            sid,
            request,
            inbox: VecDeque::new(),
            seen: Vec::new(),
            end: None,
            ping_interval: settings.ping_interval,
            ping_timeout: settings.ping_timeout,
            max_payload: settings.max_payload,
            links: Vec::new(),
            current: 0,
            upgrading: None,
            outbox: VecDeque::new(),
            late: VecDeque::new(),
            next_ping: now.checked_add(settings.ping_interval),
            pong_due: None,
        };
        session.join(transport);
        let mut handshake = serde_json::json!({
            "sid": session.sid,
            "upgrades": [],
            "pingInterval": u64::try_from(settings.ping_interval.as_millis()).unwrap_or(u64::MAX),
            "pingTimeout": u64::try_from(settings.ping_timeout.as_millis()).unwrap_or(u64::MAX),
        });
        if settings.upgrades && transport == "polling" {
            handshake["upgrades"] = serde_json::json!(["websocket"]);
        }
        if let Some(bytes) = settings.max_payload {
            handshake["maxPayload"] = bytes.into();
        }
        let open = Packet::Open(handshake.to_string().into());
        session.answer(plans.next(Step::Handshake), open, None, now);
        session
    }

    /// Adds a link, which is a probe until the client upgrades.
    pub(super) fn join(&mut self, transport: &'static str) -> usize {
        self.links.push(SessionLink {
            transport,
            framing: if transport == "polling" {
                Framing::Payloads
            } else {
                Framing::Frames
            },
            own: VecDeque::new(),
            answered: None,
            failed: None,
        });
        self.links.len() - 1
    }

    pub(super) fn transport(&self) -> &'static str {
        self.links[self.current].transport
    }

    pub(super) fn is_current(&self, link: usize) -> bool {
        link == self.current
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && self.links[self.current].own.is_empty()
    }

    pub(super) fn send(&mut self, packets: Vec<Packet>, now: Duration) {
        if self.end.is_none() {
            let packets = packets.into_iter().map(|packet| Outgoing {
                due: now,
                what: What::Packet(packet),
            });
            self.outbox.extend(packets);
        }
    }

    pub(super) fn close(&mut self, now: Duration) {
        self.close_as(SessionEnd::Closed, now);
    }

    fn close_as(&mut self, end: SessionEnd, now: Duration) {
        if self.end.is_none() {
            self.send(vec![Packet::Close], now);
            self.finish(end);
        }
    }

    /// Cuts the connection. The client still receives what was sent earlier.
    pub(super) fn cut(&mut self, now: Duration) {
        if self.end.is_none() {
            self.outbox.push_back(Outgoing {
                due: now,
                what: What::Failure(ended()),
            });
            self.finish(SessionEnd::Cut);
        }
    }

    fn finish(&mut self, end: SessionEnd) {
        self.end = Some(end);
        self.upgrading = None;
        self.next_ping = None;
        self.pong_due = None;
        self.late.clear();
        for (index, link) in self.links.iter_mut().enumerate() {
            if index != self.current {
                link.failed = Some(ended());
            }
        }
    }

    /// A running call of `recv` was dropped, or both halves of a link.
    pub(super) fn lost(&mut self, link: usize, while_receiving: bool) {
        self.links[link].failed = Some(ended());
        if self.upgrading.as_ref().is_some_and(|up| up.link == link) {
            self.upgrading = None;
        }
        // Between two polls there is no connection whose end the server could notice.
        let noticed = while_receiving || self.links[link].framing == Framing::Frames;
        if link == self.current && noticed && self.end.is_none() {
            self.finish(SessionEnd::Dropped);
        }
    }

    /// Does what has become due. Returns whether anything has changed.
    pub(super) fn advance(&mut self, now: Duration, plans: &mut Plans) -> bool {
        let mut changed = false;
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            if self.late.front().is_some_and(|late| late.due == due) {
                self.outbox.extend(self.late.pop_front());
            } else if self.pong_due == Some(due) {
                self.close_as(SessionEnd::PingTimeout, due);
            } else {
                self.ping(plans.next(Step::Ping), due);
            }
            changed = true;
        }
        changed
    }

    fn ping(&mut self, act: Act, now: Duration) {
        let sent_at = match &act {
            Act::Properly => Some(now),
            Act::After(delay) => Some(now.saturating_add(*delay)),
            Act::Send(packets) => packets
                .iter()
                .any(|packet| matches!(packet, Packet::Ping(_)))
                .then_some(now),
            _ => None,
        };
        // The pong schedules the next ping. If the override sends no ping, the interval starts again.
        self.pong_due = sent_at.and_then(|at| at.checked_add(self.ping_timeout));
        self.next_ping = match sent_at {
            Some(_) => None,
            None => now.checked_add(self.ping_interval.max(Duration::from_nanos(1))),
        };
        self.answer(act, Packet::Ping("".into()), None, now);
    }

    /// Sends the usual packet, or performs the test's override: on the session's current link, or on
    /// the given link only.
    fn answer(&mut self, act: Act, proper: Packet, on: Option<usize>, now: Duration) {
        let queue = match on {
            Some(link) => &mut self.links[link].own,
            None => &mut self.outbox,
        };
        let mut push = |due, what| queue.push_back(Outgoing { due, what });
        match act {
            Act::Properly => push(now, What::Packet(proper)),
            Act::After(delay) => push(now.saturating_add(delay), What::Packet(proper)),
            Act::Send(packets) => {
                for packet in packets {
                    push(now, What::Packet(packet));
                }
            }
            Act::Never => {}
            Act::Fail(error) => push(now, What::Failure(error)),
            Act::Close => self.close(now),
            Act::Cut => self.cut(now),
        }
    }

    /// Checks that the client may send on this link.
    ///
    /// # Errors
    ///
    /// The error of the client's call.
    pub(super) fn check_send(&self, link: usize, batch: &[Packet]) -> Result<(), Error> {
        let SessionLink {
            framing, failed, ..
        } = &self.links[link];
        if let Some(error) = failed {
            return Err(error.clone());
        }
        if *framing == Framing::Frames {
            return match self.end {
                None => Ok(()),
                Some(_) => Err(ended()),
            };
        }
        if self.end.is_some() {
            return Err(unknown_session());
        }
        let size: usize = batch.iter().map(|packet| payload_len(packet) + 1).sum();
        let size = u64::try_from(size.saturating_sub(1)).unwrap_or(u64::MAX);
        if self.max_payload.is_some_and(|most| size > most) {
            let message = format!(
                "the mock server refused a body of {size} bytes, which is more than maxPayload"
            );
            return Err(Error::new(ErrorKind::Status, message).with_status(413));
        }
        Ok(())
    }

    /// Handles a packet from the client.
    pub(super) fn received(
        &mut self,
        link: usize,
        packet: Packet,
        plans: &mut Plans,
        now: Duration,
    ) {
        self.seen.push(Seen {
            at: now,
            transport: self.links[link].transport,
            packet: packet.clone(),
        });
        if link == self.current {
            match packet {
                Packet::Message(message) => self.inbox.push_back(message),
                Packet::Pong(_) if self.pong_due.take().is_some() => {
                    self.next_ping = now.checked_add(self.ping_interval);
                }
                Packet::Close => self.goodbye(now),
                _ => {}
            }
            return;
        }
        match packet {
            Packet::Ping(data) => self.probed(link, plans.next(Step::ProbePong), data, now),
            Packet::Upgrade
                if self
                    .upgrading
                    .as_ref()
                    .is_some_and(|up| up.link == link && up.since <= now) =>
            {
                self.upgraded(link, plans.next(Step::Upgrade), now);
            }
            // A WebSocket that closes before the upgrade does not affect the session.
            Packet::Close => self.lost(link, false),
            _ => {}
        }
    }

    /// Handles a fence, after the packets that came with it.
    pub(super) fn fenced(&mut self, link: usize, fence: Fence, plans: &mut Plans, now: Duration) {
        if self.links[link].framing != Framing::Frames || self.end.is_some() {
            return;
        }
        let mut answer = Outgoing {
            due: now,
            what: What::Answer(fence),
        };
        if link != self.current {
            // The steps of a session do not apply to a probe.
            return self.links[link].own.push_back(answer);
        }
        match plans.next(Step::Fence) {
            Act::Properly => {}
            Act::After(delay) => answer.due = now.saturating_add(delay),
            act => return self.answer(act, Packet::Noop, None, now),
        }
        self.late.push_back(answer);
        self.advance(now, plans);
    }

    /// The newest fence whose answer has arrived on this link. It is returned once.
    pub(super) fn take_answered(&mut self, link: usize) -> Option<Fence> {
        self.links[link].answered.take()
    }

    fn probed(&mut self, link: usize, act: Act, data: engineio_client::Text, now: Duration) {
        let pong = Packet::Pong(data);
        let since = match &act {
            Act::Properly => Some(now),
            Act::After(delay) => Some(now.saturating_add(*delay)),
            Act::Send(packets) if packets.contains(&pong) => Some(now),
            _ => None,
        };
        self.answer(act, pong, Some(link), now);
        if self.end.is_none() {
            self.upgrading = since.map(|since| Upgrading { link, since });
        }
    }

    fn upgraded(&mut self, link: usize, act: Act, now: Duration) {
        if matches!(act, Act::Never) {
            return;
        }
        self.current = link;
        self.upgrading = None;
        match act {
            Act::After(delay) => {
                for outgoing in &mut self.outbox {
                    outgoing.due = outgoing.due.max(now.saturating_add(delay));
                }
            }
            Act::Properly => {}
            // Packets of an override precede those that were held.
            act => self.answer(act, Packet::Noop, Some(link), now),
        }
    }

    /// Answers the waiting poll with a noop, as Node's server does, and a close frame with a close
    /// frame.
    fn goodbye(&mut self, now: Duration) {
        if self.end.is_some() {
            return;
        }
        let answer = match self.links[self.current].framing {
            Framing::Payloads => Packet::Noop,
            Framing::Frames => Packet::Close,
        };
        self.send(vec![answer], now);
        self.finish(SessionEnd::Goodbye);
    }

    /// Returns what a call of `recv` returns. `released` is a variable of that call, and records
    /// whether an upgrade has released this poll.
    pub(super) fn take(
        &mut self,
        link: usize,
        released: &mut bool,
        plans: &mut Plans,
        now: Duration,
    ) -> Taken {
        let framing = self.links[link].framing;
        let upgrading = self.upgrading.as_ref().is_some_and(|up| up.since <= now);
        if upgrading && link == self.current && !*released {
            *released = true;
            let act = plans.next(Step::Release);
            self.answer(act, Packet::Noop, Some(link), now);
        }
        let holds_back = link != self.current || self.upgrading_holds_back(now);
        let state = &mut self.links[link];
        let mut taking = Taking::new(framing, now);
        taking.take(&mut state.own);
        if !holds_back {
            taking.take(&mut self.outbox);
        }
        if taking.answered.is_some() {
            state.answered = taking.answered;
        }
        if !taking.is_empty() {
            return Taken::Return(Ok(taking.packets));
        }
        if let Some(error) = taking.failure {
            state.failed = Some(error);
        }
        if let Some(error) = &state.failed {
            return Taken::Return(Err(error.clone()));
        }
        if self.end.is_some() && state.own.is_empty() && self.outbox.is_empty() {
            return Taken::Return(Err(match framing {
                Framing::Payloads => unknown_session(),
                Framing::Frames => ended(),
            }));
        }
        let own = state.own.front().map(|outgoing| outgoing.due);
        let outbox = self.outbox.front().map(|outgoing| outgoing.due);
        let deadlines = [
            own,
            outbox.filter(|_| !holds_back),
            self.upgrading.as_ref().map(|up| up.since),
            self.deadline(),
        ];
        Taken::Wait(
            deadlines
                .into_iter()
                .flatten()
                .filter(|due| *due > now)
                .min(),
        )
    }

    /// The time at which the next ping, pong timeout or delayed answer is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let late = self.late.front().map(|late| late.due);
        [self.next_ping, self.pong_due, late]
            .into_iter()
            .flatten()
            .min()
    }

    fn upgrading_holds_back(&self, now: Duration) -> bool {
        self.upgrading.as_ref().is_some_and(|up| up.since <= now)
    }
}
