//! The Engine.IO v4 client protocol as a state machine, without IO, clock or async.
//!
//! One [`Engine`] is one session. The driver (`client/driver.rs`) makes the calls on transports, keeps
//! the clock and owns the user's queues. It works in a loop:
//!
//! 1. [`Engine::handle`] takes one [`Input`]: a call has returned, the user sends or closes, or a
//!    deadline has passed.
//! 2. [`Engine::poll`] returns one [`Output`] after another: a call to make, or an event for the user.
//!    The driver carries out each and polls again until it gets [`Output::Wait`].
//!
//! Every input comes with the current time, a `Duration` since a fixed point. A run is therefore a list
//! of inputs that can be printed and replayed.
//!
//! # Links
//!
//! A link is an open transport. It runs at most one `recv` and one `send` call at a time; on polling,
//! these are the GET and the POST. The engine starts every call itself, so it pauses a link by starting
//! no further call. It never cancels a running `recv` of a session that is to go on, because
//! Node's server ends a session whose poll is aborted.
//!
//! The session uses one link, the current one. During an upgrade there is a second one, the probe. A
//! call on a dropped link may still return. The engine ignores inputs that name a link other than these
//! two.
//!
//! # Phases
//!
//! | phase | what happens | module |
//! |---|---|---|
//! | `Opening` | transports are opened in turn until one receives the open packet | `opening` |
//! | `Open` | messages flow in both directions | `session`, `send_queue`, `delivery`, `heartbeat` |
//! | `Open`, with a probe | a better transport is tried | `upgrade` |
//! | `Closing` | the user has closed: send the queue, wait for confirmations, say goodbye | `close` |
//! | `Draining` | the end is decided; packets that have arrived are still delivered | `close` |
//! | `Closed` | the fate of every message has been reported | `end` |
//!
//! The *goodbye* tells the server that the session ends: a close packet (`1`) on polling, a close frame
//! on WebSocket. `receipts` infers which messages have arrived at the server. `poll_spacing` keeps a
//! server that answers every poll at once from causing a storm of requests.

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
use opening::redirect_outside_handshake;
use poll_spacing::PollSpacing;
use receipts::Receipts;
use send_queue::SendQueue;
use upgrade::Probe;

use crate::batch::Batch;
use crate::error::Error;
use crate::event::{PeerClose, Reason};
use crate::packet::{Handshake, Message, Packet};
use crate::packet_list::PacketList;
use crate::transport::{Confirms, Framing};

#[derive(Debug)]
pub(crate) struct Engine {
    config: Config,
    phase: Phase,
    /// The session's link, or the one being opened.
    current: Link,
    next_link: u64,
    /// Transports that could not be opened, with their errors.
    failed_attempts: Vec<(&'static str, Error)>,
    /// Number of redirects that the current attempt has followed.
    redirects: u32,
    handshake: Option<Arc<Handshake>>,
    probe: Option<Box<Probe>>,
    /// The link of an abandoned probe, kept open until the session ends (see `abandon_probe`).
    abandoned: Option<LinkId>,
    /// Transports that are still to be probed, as indices into `config.transports`.
    candidates: VecDeque<usize>,
    send_queue: SendQueue,
    receipts: Receipts,
    /// Code and reason with which the server has closed the current link's connection.
    peer_close: Option<PeerClose>,
    /// Messages of the batch whose `send` failed.
    uncertain: Vec<Message>,
    heartbeat: Heartbeat,
    poll_spacing: PollSpacing,
    inbox_has_room: bool,
    delivery: Delivery,
    upgrades: Upgrades,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Phase {
    /// A transport is being opened, or its open packet has not arrived yet.
    Opening {
        deadline: Duration,
        closing: Option<Box<Closing>>,
    },
    Open,
    /// The user has closed the session. What is queued is sent first, then the goodbye.
    Closing(Box<Closing>),
    /// The end and its reason are decided. Packets that have already arrived are delivered first.
    Draining(Box<Draining>),
    Closed,
}

/// How far the session's upgrades have come.
#[derive(Debug)]
enum Upgrades {
    /// The session is not open yet.
    NotStarted,
    /// An upgrade is under way, or all upgrades are over and that was not reported yet. Holds the error
    /// of the last upgrade if it failed.
    Unreported(Option<Error>),
    /// All upgrades are over, and [`Output::UpgradeIsOver`] was returned.
    Reported,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    /// Index into `config.transports`.
    transport: usize,
    /// `None` while `open` runs.
    framing: Option<Framing>,
    confirms: Confirms,
    /// Random number in the link's fences.
    key: u64,
    receiving: bool,
    sending: Option<Sending>,
    /// The running `recv` has reported an answered fence, so it may return no packets.
    answered_fence: bool,
}

#[derive(Debug)]
struct Sending {
    batch: Batch,
    begun: Duration,
    /// When bytes of the batch last left.
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
    /// Creates the engine and starts to open the first transport.
    pub(crate) fn new(config: Config, now: Duration) -> Self {
        let mut engine = Self {
            send_queue: SendQueue::new(config.packets_per_post),
            receipts: Receipts::new(&config),
            config,
            phase: Phase::Closed,
            current: Link::new(LinkId(0), 0),
            next_link: 0,
            failed_attempts: Vec::new(),
            redirects: 0,
            handshake: None,
            probe: None,
            abandoned: None,
            candidates: VecDeque::new(),
            peer_close: None,
            uncertain: Vec::new(),
            heartbeat: Heartbeat::default(),
            poll_spacing: PollSpacing::default(),
            inbox_has_room: true,
            delivery: Delivery::All,
            upgrades: Upgrades::NotStarted,
            outputs: VecDeque::new(),
        };
        engine.open(now, 0);
        engine
    }

    /// Whether the engine can take messages of the user and has none queued.
    pub(crate) fn wants_messages(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing(_)) && self.send_queue.is_empty()
    }

    /// An empty buffer from an earlier batch, if there is one.
    pub(crate) fn take_buffer(&mut self) -> Option<PacketList> {
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
            Input::Room(room) => self.inbox_has_room = room,
            Input::Close => self.close(now),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Returns the next thing to do. Call it after every `handle`, until it returns `Wait`.
    pub(crate) fn poll(&mut self, now: Duration) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            self.pump(now);
            if self.outputs.is_empty() {
                self.report_upgrades();
            }
            if self.outputs.is_empty() {
                return Output::Wait(self.deadline());
            }
        }
    }

    /// Starts the calls that are possible now.
    fn pump(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            return;
        }
        self.pump_send(now);
        self.pump_upgrade(now);
        self.pump_receive(now);
        self.pump_goodbye();
    }

    /// The earliest deadline.
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
            // While draining, no other deadline applies.
            Phase::Draining(draining) => return draining.deadline(),
            Phase::Closed => return None,
        };
        let probe = self.probe.as_deref().map(Probe::deadline);
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
                let error = Error::open_timeout(self.config.open_timeout);
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

    fn transport_name(&self, transport: usize) -> &'static str {
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

    // Inputs from links.

    fn received(&mut self, now: Duration, link: LinkId, packets: Vec<Packet>) {
        if self.is_probe(link) {
            self.heartbeat.activity(now);
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
            self.heartbeat.activity(at);
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
                let covers = self.send_queue.handed_whole_groups();
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
            return self.probe_failed(now, redirect_outside_handshake(error));
        }
        if link != self.current.id {
            return;
        }
        if call == Call::Receive {
            self.current.receiving = false;
        }
        match (&self.phase, call) {
            (Phase::Opening { .. }, Call::Receive) if self.peer_close.is_some() => {
                let closed = self.closed_before_open().with_source(error);
                self.attempt_failed(now, closed);
            }
            (Phase::Opening { .. }, _) => self.opening_failed(now, call, error),
            (Phase::Open | Phase::Closing(_), Call::Send) => {
                self.send_failed(now, redirect_outside_handshake(error));
            }
            (Phase::Closing(closing), _) if closing.said_goodbye() => {
                self.ended_after_goodbye(&error);
            }
            (Phase::Open | Phase::Closing(_), Call::Receive) if self.peer_close.is_some() => {
                self.closed_by_server();
            }
            (Phase::Open | Phase::Closing(_), _) => {
                self.end(Reason::Transport(redirect_outside_handshake(error)));
            }
            (Phase::Draining(_), _) => self.drained(link),
            (Phase::Closed, _) => {}
        }
    }
}
