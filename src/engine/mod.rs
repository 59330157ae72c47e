//! The protocol as a state machine: no IO, no clock, no async.
//!
//! [`Engine::handle`] takes what has happened, and when; after each input [`Engine::poll`] gives what is
//! to be done, one by one, until it says [`Output::Wait`]. It knows of no transport, runtime or user. A
//! run is a list of inputs that can be printed and replayed.

mod close;
mod confirming;
mod delivery;
mod end;
mod heartbeat;
mod interface;
mod opening;
mod outgoing;
mod poll_spacing;
mod receipts;
mod send_queue;
mod session;
mod upgrade;

#[cfg(test)]
mod properties;
#[cfg(any(test, fuzzing))]
mod test_engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod test_model;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use interface::{Call, Config, Input, LinkId, Output};
pub(crate) use outgoing::{Acceptance, Outgoing};

use close::{Closing, Draining};
use delivery::Delivery;
use heartbeat::Heartbeat;
use opening::only_of_the_handshake;
use poll_spacing::PollSpacing;
use receipts::Receipts;
use send_queue::SendQueue;
use upgrade::Probe;

use crate::batch::Batch;
use crate::error::Error;
use crate::event::{PeerClose, Reason};
use crate::limits::Limit;
use crate::packet::{Handshake, Message, Packet};
use crate::transport::{Confirms, Framing};

#[derive(Debug)]
pub(crate) struct Engine {
    config: Config,
    phase: Phase,
    /// The link of the session, or of the attempt to open it.
    current: Link,
    next_link: u64,
    /// Why each transport so far could not be opened.
    attempts: Vec<(&'static str, Error)>,
    /// How many redirects this attempt has followed.
    redirects: u32,
    handshake: Option<Arc<Handshake>>,
    probe: Option<Probe>,
    /// The link of a probe that is not wanted any more, until the end.
    abandoned: Option<LinkId>,
    /// The transports still to be probed, as indices of `config.transports`.
    candidates: VecDeque<usize>,
    send_queue: SendQueue,
    receipts: Receipts,
    /// What the server said when it closed the connection of the session's link.
    peer_close: Option<PeerClose>,
    /// What was in the batch whose call failed.
    uncertain: Vec<Message>,
    heartbeat: Heartbeat,
    poll_spacing: PollSpacing,
    /// Whether the user's inbox has room.
    room: bool,
    delivery: Delivery,
    upgrades: Upgrades,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Phase {
    /// A transport is being opened, and the open packet awaited.
    Opening {
        deadline: Duration,
        closing: Option<Closing>,
    },
    Open,
    /// The user has closed: flush, say goodbye.
    Closing(Closing),
    /// The end is decided; what has arrived already is taken in first.
    Draining(Draining),
    Closed,
}

/// Whether better transports are tried.
#[derive(Debug)]
enum Upgrades {
    /// The session is not open.
    NotBegun,
    /// One after the other, and this is why the last failed.
    Tried(Option<Error>),
    /// None of them any more, and the user knows.
    Told,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    /// Index in `config.transports`.
    transport: usize,
    /// `None` while `open` runs.
    framing: Option<Framing>,
    confirms: Confirms,
    /// For its fences.
    key: u64,
    receiving: bool,
    sending: Option<Sending>,
    /// A fence was answered, so that the `recv` may have brought no packet.
    answered_fence: bool,
}

#[derive(Debug)]
struct Sending {
    batch: Batch,
    begun: Duration,
    /// When something of it left last.
    progress: Duration,
}

impl Link {
    fn new(id: LinkId, transport: usize) -> Self {
        Self {
            id,
            transport,
            framing: None,
            confirms: Confirms::Never,
            key: 0,
            receiving: false,
            sending: None,
            answered_fence: false,
        }
    }

    fn idle(&self) -> bool {
        !self.receiving && self.sending.is_none()
    }
}

impl Engine {
    /// Starts with opening the first transport.
    pub(crate) fn new(config: Config, now: Duration) -> Self {
        let mut engine = Self {
            send_queue: SendQueue::new(config.packets_per_post),
            receipts: Receipts::new(&config),
            config,
            phase: Phase::Closed,
            current: Link::new(LinkId(0), 0),
            next_link: 0,
            attempts: Vec::new(),
            redirects: 0,
            handshake: None,
            probe: None,
            abandoned: None,
            candidates: VecDeque::new(),
            peer_close: None,
            uncertain: Vec::new(),
            heartbeat: Heartbeat::default(),
            poll_spacing: PollSpacing::default(),
            room: true,
            delivery: Delivery::All,
            upgrades: Upgrades::NotBegun,
            outputs: VecDeque::new(),
        };
        engine.open(now, 0);
        engine
    }

    /// Whether it has none of the user's messages waiting, and can take more.
    pub(crate) fn wants_messages(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing(_)) && self.send_queue.is_empty()
    }

    /// A buffer for messages that has served before, if there is one.
    pub(crate) fn take_buffer(&mut self) -> Option<Vec<Packet>> {
        self.receipts.take_buffer()
    }

    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Opened {
                link,
                framing,
                confirms,
                key,
            } => self.opened(now, link, framing, confirms, key),
            Input::Received { link, packets } => self.received(now, link, packets),
            Input::FenceAnswered { link, fence } => self.fence_answered(now, link, fence),
            Input::PeerClose { link, close } => {
                if link == self.current.id {
                    self.peer_close = Some(close);
                }
            }
            Input::Active {
                link,
                received,
                sent,
                asked,
            } => {
                if link == self.current.id {
                    self.receipts.poll_asked(asked);
                }
                self.active(link, received, sent);
            }
            Input::Sent { link } => self.sent(now, link),
            Input::SaidGoodbye { link, answered } => self.said_goodbye(link, answered),
            Input::Failed { link, call, error } => self.failed(now, link, call, error),
            Input::Drained { link } => self.drained(link),
            Input::Send(outgoing) => self.send_queue.push(outgoing),
            Input::Room(room) => self.room = room,
            Input::Close => self.close(now),
            Input::Timeout => self.timeout(now),
        }
    }

    /// What to do next. To be called after every `handle`, until it says `Wait`.
    pub(crate) fn poll(&mut self, now: Duration) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            self.pump(now);
            if self.outputs.is_empty() {
                self.tell_of_upgrades();
            }
            if self.outputs.is_empty() {
                return Output::Wait(self.deadline());
            }
        }
    }

    /// Starts what can start now.
    fn pump(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            return;
        }
        self.pump_send(now);
        self.pump_upgrade(now);
        self.pump_receive(now);
        self.pump_goodbye();
    }

    /// The earliest time at which something is due.
    fn deadline(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Opening {
                deadline,
                closing: None,
            } => Some(*deadline),
            Phase::Opening {
                deadline,
                closing: Some(closing),
            } => Some((*deadline).min(self.close_deadline(closing))),
            Phase::Closing(closing) => {
                let settled = self.settle_deadline();
                let close = self.close_deadline(closing);
                Some(settled.map_or(close, |settled| settled.min(close)))
            }
            Phase::Open => None,
            // Nothing else counts.
            Phase::Draining(draining) => return draining.deadline(),
            Phase::Closed => return None,
        };
        let probe = self.probe.as_ref().map(Probe::deadline);
        let sending = self.send_deadline();
        let poll = match self.current.framing {
            Some(Framing::Payloads) => {
                let settled = self.receipts.deadline();
                self.poll_due().into_iter().chain(settled).min()
            }
            _ => None,
        };
        [phase, self.heartbeat.deadline(), probe, sending, poll]
            .into_iter()
            .flatten()
            .min()
    }

    fn timeout(&mut self, now: Duration) {
        match &self.phase {
            Phase::Opening {
                closing: Some(closing),
                ..
            } if now >= self.close_deadline(closing) => {
                return self.end_with(Reason::Client, false);
            }
            Phase::Opening { deadline, .. } if now >= *deadline => {
                let error = Error::timeout(Limit::OpenTimeout, self.config.open_timeout);
                return self.attempt_failed(now, error);
            }
            Phase::Closing(closing) if now >= self.close_deadline(closing) => {
                return self.end_with(Reason::Client, false);
            }
            Phase::Draining(_) => return self.drain_timeout(now),
            _ => {}
        }
        if self.heartbeat.expired(now) {
            return self.end(Reason::PingTimeout);
        }
        if self.send_deadline().is_some_and(|deadline| now >= deadline) {
            return self.send_failed(now, self.send_timeout());
        }
        let confirmed = self.receipts.settle(now);
        self.confirmed(confirmed);
        self.settle_timeout(now);
        self.upgrade_timeout(now);
    }

    fn new_link(&mut self, transport: usize) -> Link {
        let id = LinkId(self.next_link);
        self.next_link = self.next_link.saturating_add(1);
        Link::new(id, transport)
    }

    fn name_of(&self, transport: usize) -> &'static str {
        self.config
            .transports
            .get(transport)
            .copied()
            .unwrap_or_default()
    }

    fn opened(
        &mut self,
        now: Duration,
        link: LinkId,
        framing: Framing,
        confirms: Confirms,
        key: u64,
    ) {
        if self.is_probe(link) {
            return self.probe_opened(now, framing, confirms, key);
        }
        if link == self.current.id
            && matches!(self.phase, Phase::Opening { .. })
            && self.current.framing.is_none()
        {
            if confirms == Confirms::Never && self.receipts.are_required() {
                let error = self.unsupported(self.current.transport);
                return self.opening_failed(now, Call::Open, error);
            }
            self.current.framing = Some(framing);
            (self.current.confirms, self.current.key) = (confirms, key);
            self.current.receiving = true;
            self.outputs.push_back(Output::Receive { link });
        }
    }

    // What every link may bring, at any time.

    fn received(&mut self, now: Duration, link: LinkId, packets: Vec<Packet>) {
        if self.is_probe(link) {
            self.heartbeat.life(now);
            return self.probe_received(now, packets);
        }
        if link != self.current.id {
            return;
        }
        self.current.receiving = false;
        if std::mem::take(&mut self.current.answered_fence) && packets.is_empty() {
            return;
        }
        match self.phase {
            Phase::Opening { .. } => self.opening_received(now, packets),
            Phase::Open | Phase::Closing(_) => self.session_received(now, packets),
            Phase::Draining(_) => self.drain_received(packets),
            Phase::Closed => {}
        }
    }

    fn active(&mut self, link: LinkId, received: Option<Duration>, sent: Option<Duration>) {
        if link != self.current.id {
            return;
        }
        if let Some(at) = received {
            self.heartbeat.life(at);
        }
        if let Some(at) = sent
            && let Some(sending) = &mut self.current.sending
        {
            sending.progress = sending.progress.max(at);
            if let Phase::Closing(closing) = &mut self.phase {
                closing.progress(at);
            }
        }
    }

    fn sent(&mut self, now: Duration, link: LinkId) {
        if self.is_probe(link) {
            return self.probe_sent();
        }
        if link != self.current.id {
            return;
        }
        if let Some(sending) = self.current.sending.take() {
            if self.receipts.are_on() {
                let covers = self.send_queue.handed_whole();
                self.receipts
                    .left(now, sending.begun, &sending.batch, covers);
            }
            self.outputs.push_back(Output::Left(sending.batch));
        }
        if let Phase::Closing(closing) = &mut self.phase {
            closing.progress(now);
        }
    }

    fn failed(&mut self, now: Duration, link: LinkId, call: Call, error: Error) {
        if self.is_probe(link) {
            return self.probe_failed(now, only_of_the_handshake(error));
        }
        if link != self.current.id {
            return;
        }
        if call == Call::Receive {
            self.current.receiving = false;
        }
        match (&self.phase, call) {
            (Phase::Opening { .. }, Call::Receive) if self.peer_close.is_some() => {
                let closed = self.closed_instead().with_source(error);
                self.attempt_failed(now, closed);
            }
            (Phase::Opening { .. }, _) => self.opening_failed(now, call, error),
            (Phase::Open | Phase::Closing(_), Call::Send) => {
                self.send_failed(now, only_of_the_handshake(error));
            }
            (Phase::Closing(closing), _) if closing.said_goodbye() => {
                self.ended_after_goodbye(&error);
            }
            (Phase::Open | Phase::Closing(_), Call::Receive) if self.peer_close.is_some() => {
                self.closed_by_server();
            }
            (Phase::Open | Phase::Closing(_), _) => {
                self.end(Reason::Transport(only_of_the_handshake(error)));
            }
            (Phase::Draining(_), _) => self.drained(link),
            (Phase::Closed, _) => {}
        }
    }
}
