//! The protocol as a state machine: no IO, no clock, no async.
//!
//! [`Engine::handle`] takes what has happened, and when; after each input [`Engine::poll`] gives what is
//! to be done, one by one, until it says [`Output::Wait`]. Which transport, runtime or user stands behind it
//! all, it does not know. A run is a list of inputs that can be printed and replayed.

mod close;
mod heartbeat;
mod outbox;
mod pace;
mod session;
mod upgrade;

#[cfg(test)]
mod properties;
#[cfg(any(test, fuzzing))]
mod rig;
#[cfg(test)]
mod tests;
#[cfg(any(test, fuzzing))]
pub(crate) mod world;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use outbox::{Acceptance, Outgoing};

use close::Closing;
use heartbeat::Heartbeat;
use outbox::{Outbox, messages};
use pace::Pace;
use upgrade::Probe;

use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::event::{Connected, Event, PeerClose, Reason};
use crate::limits::{self, Limit};
use crate::packet::{Handshake, Message, Packet};
use crate::transport::Framing;

/// What the engine is told to keep to.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The transports' names, in order of preference. Never empty.
    pub(crate) transports: Vec<&'static str>,
    /// Whether the next transport is tried when one can't be opened.
    pub(crate) fall_back: bool,
    /// Whether the session may go over to a better transport.
    pub(crate) upgrade: bool,
    pub(crate) open_timeout: Duration,
    /// For a batch on a link of payloads: the time without progress.
    pub(crate) send_timeout: Duration,
    pub(crate) upgrade_timeout: Duration,
    /// The time without progress while closing.
    pub(crate) close_timeout: Duration,
    pub(crate) close_limit: Duration,
    /// The most packets in a payload.
    pub(crate) packets_per_post: usize,
    /// The most bytes of an open packet.
    pub(crate) handshake_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            transports: Vec::new(),
            fall_back: true,
            upgrade: true,
            open_timeout: limits::OPEN_TIMEOUT,
            send_timeout: limits::SEND_TIMEOUT,
            upgrade_timeout: limits::UPGRADE_TIMEOUT,
            close_timeout: limits::CLOSE_TIMEOUT,
            close_limit: limits::CLOSE_LIMIT,
            packets_per_post: limits::PACKETS_PER_POST,
            handshake_size: limits::HANDSHAKE_SIZE,
        }
    }
}

/// Names one link of the session. Answers from a link that is gone are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// Which of a link's calls is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Receive,
    Send,
}

/// What has happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// An `open` has returned a link.
    Opened { link: LinkId, framing: Framing },
    /// A `recv` has returned.
    Received { link: LinkId, packets: Vec<Packet> },
    /// The server has closed the connection, and said this. What came with it follows: packets with a
    /// close, or an error.
    PeerClose { link: LinkId, close: PeerClose },
    /// Bytes of something unfinished came, or left, at these times.
    Active {
        link: LinkId,
        received: Option<Duration>,
        sent: Option<Duration>,
    },
    /// A `send` has returned: the batch has left.
    Sent { link: LinkId },
    /// A `close` has returned, well or not.
    SaidGoodbye { link: LinkId },
    /// A call has failed.
    Failed {
        link: LinkId,
        call: Call,
        error: Error,
    },
    /// The link's `recv` was polled until it would wait: an answer to [`Output::Drain`].
    Drained { link: LinkId },
    /// The user's messages, which [`Acceptance`] has let in.
    Send(Outgoing),
    /// Whether the user's inbox has room.
    Room(bool),
    /// The user closes the session. All that was accepted has been given by `Send` before.
    Close,
    /// The time that [`Output::Wait`] named has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Call `open`, for a new session or for the one of this id.
    Open {
        link: LinkId,
        transport: &'static str,
        sid: Option<Arc<Handshake>>,
    },
    /// Call the link's `recv`.
    Receive { link: LinkId },
    /// Call the link's `send`.
    Send { link: LinkId, batch: Batch },
    /// Call the link's `close`: its goodbye ends the session.
    Close { link: LinkId },
    /// Poll the link's `recv` until it would wait, and no longer.
    Drain { link: LinkId },
    /// Drop the link and all its calls, without a goodbye.
    Drop { link: LinkId },
    /// From now on, accept messages by this rule.
    Accept(Acceptance),
    /// The batch has left: there is room for other messages.
    Left(Batch),
    /// Tell the user.
    Tell(Vec<Event>),
    /// No further transport will be tried in this session, and this is why the last could not be gone over
    /// to, if it could not. Comes once, unless the session ends before.
    UpgradeIsOver(Option<Error>),
    /// The session has ended. The last output.
    Closed {
        reason: Reason,
        uncertain: Vec<Message>,
        unsent: Vec<Message>,
    },
    /// Nothing more to do before this time, or the next input.
    Wait(Option<Duration>),
}

#[derive(Debug)]
pub(crate) struct Engine {
    config: Config,
    phase: Phase,
    /// The link of the session, or of the attempt to open it.
    current: Link,
    next_link: u64,
    /// Why each transport so far could not be opened.
    attempts: Vec<(&'static str, Error)>,
    handshake: Option<Arc<Handshake>>,
    probe: Option<Probe>,
    /// The link of a probe that is not wanted any more, until the end.
    abandoned: Option<LinkId>,
    /// The transports still to be probed, as indices of `config.transports`.
    candidates: VecDeque<usize>,
    outbox: Outbox,
    /// What the server said when it closed the connection of the session's link.
    peer_close: Option<PeerClose>,
    /// What was in the batch whose call failed.
    uncertain: Vec<Message>,
    heartbeat: Heartbeat,
    pace: Pace,
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
    Draining {
        reason: Reason,
        rounds: u32,
    },
    Closed,
}

/// Which messages of the server the user is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// All: where the inbox is full, nothing more is received.
    All,
    /// While closing, which can't wait for a reader: those for which there is room.
    WhileThereIsRoom,
    /// One was dropped for want of room. Those behind it are, too, so that what was delivered has no gap.
    Nothing,
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
    receiving: bool,
    sending: Option<Sending>,
}

#[derive(Debug)]
struct Sending {
    batch: Batch,
    /// When something of it left last.
    progress: Duration,
}

impl Link {
    fn new(id: LinkId, transport: usize) -> Self {
        Self {
            id,
            transport,
            framing: None,
            receiving: false,
            sending: None,
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
            outbox: Outbox::new(config.packets_per_post),
            config,
            phase: Phase::Closed,
            current: Link::new(LinkId(0), 0),
            next_link: 0,
            attempts: Vec::new(),
            handshake: None,
            probe: None,
            abandoned: None,
            candidates: VecDeque::new(),
            peer_close: None,
            uncertain: Vec::new(),
            heartbeat: Heartbeat::default(),
            pace: Pace::default(),
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
        matches!(self.phase, Phase::Open | Phase::Closing(_)) && self.outbox.is_empty()
    }

    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Opened { link, framing } => self.opened(link, framing, now),
            Input::Received { link, packets } => self.received(now, link, packets),
            Input::PeerClose { link, close } => {
                if link == self.current.id {
                    self.peer_close = Some(close);
                }
            }
            Input::Active {
                link,
                received,
                sent,
            } => self.active(link, received, sent),
            Input::Sent { link } => self.sent(now, link),
            Input::SaidGoodbye { link } => self.said_goodbye(link),
            Input::Failed { link, call, error } => self.failed(now, link, call, error),
            Input::Drained { link } => self.drained(link),
            Input::Send(outgoing) => self.outbox.push(outgoing),
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
            Phase::Closing(closing) => Some(self.close_deadline(closing)),
            Phase::Open => None,
            // An answer is coming at once, and nothing else counts.
            Phase::Draining { .. } | Phase::Closed => return None,
        };
        let probe = self.probe.as_ref().map(Probe::deadline);
        let sending = self.send_deadline();
        let poll = self.poll_due();
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
                return self.end(Reason::Client);
            }
            Phase::Opening { deadline, .. } if now >= *deadline => {
                let error = Error::timeout(Limit::OpenTimeout, self.config.open_timeout);
                return self.attempt_failed(now, error);
            }
            Phase::Closing(closing) if now >= self.close_deadline(closing) => {
                return self.end(Reason::Client);
            }
            Phase::Draining { .. } => return,
            _ => {}
        }
        if self.heartbeat.expired(now) {
            return self.end(Reason::PingTimeout);
        }
        if self.send_deadline().is_some_and(|deadline| now >= deadline) {
            return self.send_failed(self.send_timeout());
        }
        self.upgrade_timeout(now);
    }

    // Opening.

    fn open(&mut self, now: Duration, transport: usize) {
        let link = self.new_link(transport);
        let id = link.id;
        self.current = link;
        self.phase = Phase::Opening {
            deadline: now.saturating_add(self.config.open_timeout),
            closing: None,
        };
        self.outputs.push_back(Output::Open {
            link: id,
            transport: self.name_of(transport),
            sid: None,
        });
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

    fn opened(&mut self, link: LinkId, framing: Framing, now: Duration) {
        if self.is_probe(link) {
            return self.probe_opened(now, framing);
        }
        if link == self.current.id
            && matches!(self.phase, Phase::Opening { .. })
            && self.current.framing.is_none()
        {
            self.current.framing = Some(framing);
            self.current.receiving = true;
            self.outputs.push_back(Output::Receive { link });
        }
    }

    fn opening_received(&mut self, now: Duration, packets: Vec<Packet>) {
        let mut packets = packets.into_iter();
        let handshake = match packets.next() {
            Some(Packet::Open(text)) if text.len() > self.config.handshake_size => {
                let most = self.config.handshake_size;
                let message = format!("an open packet of more than {most} bytes");
                Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::HeadSize))
            }
            Some(Packet::Open(text)) => Handshake::parse(&text),
            Some(Packet::Close) => Err(self.closed_instead()),
            Some(other) => {
                let name = name_of_packet(&other);
                Err(Error::new(
                    ErrorKind::Handshake,
                    format!("the first packet is {name}, not the open packet"),
                ))
            }
            None => Err(Error::new(
                ErrorKind::Handshake,
                "the transport brought no packet",
            )),
        };
        let handshake = match handshake {
            Ok(handshake) => Arc::new(handshake),
            Err(error) => return self.attempt_failed(now, error),
        };
        let framing = self.current.framing.unwrap_or(Framing::Payloads);
        let span = handshake
            .ping_interval
            .saturating_add(handshake.ping_timeout);
        self.heartbeat = Heartbeat::new(span);
        self.pace = Pace::new(handshake.ping_timeout);
        self.handshake = Some(Arc::clone(&handshake));
        let phase = std::mem::replace(&mut self.phase, Phase::Open);
        if let Phase::Opening {
            closing: Some(closing),
            ..
        } = phase
        {
            // The user has gone, and hears nothing of it; the server hears a goodbye.
            self.phase = Phase::Closing(closing);
            if packets.any(|packet| packet == Packet::Close) {
                self.end(Reason::Client);
            }
            return;
        }
        self.accept(Acceptance::new(framing, handshake.max_payload));
        let transport = self.name_of(self.current.transport);
        self.find_candidates(&handshake.upgrades);
        self.outputs
            .push_back(Output::Tell(vec![Event::Connected(Connected {
                handshake,
                transport,
            })]));
        self.upgrades = Upgrades::Tried(None);
        if packets.len() > 0 {
            self.take_in(packets.collect());
        }
        if matches!(self.phase, Phase::Open) {
            self.next_probe(now);
        }
    }

    /// A close in the place of the open packet.
    fn closed_instead(&self) -> Error {
        let close = PeerClose::suffix(self.peer_close.as_ref());
        let message = format!("the server closed the session instead of opening it{close}");
        Error::new(ErrorKind::Handshake, message)
    }

    fn accept(&mut self, acceptance: Acceptance) {
        self.outbox.accept(acceptance);
        self.outputs.push_back(Output::Accept(acceptance));
    }

    /// The next transport, or the end.
    fn attempt_failed(&mut self, now: Duration, error: Error) {
        let closing = matches!(
            self.phase,
            Phase::Opening {
                closing: Some(_),
                ..
            }
        );
        if closing {
            return self.end(Reason::Client);
        }
        let transport = self.current.transport;
        let next = transport.saturating_add(1);
        let worth_another = may_fall_back(error.kind());
        self.attempts.push((self.name_of(transport), error));
        if self.config.fall_back && worth_another && next < self.config.transports.len() {
            self.outputs.push_back(Output::Drop {
                link: self.current.id,
            });
            return self.open(now, next);
        }
        let error = all_attempts(std::mem::take(&mut self.attempts));
        self.end(Reason::Transport(error));
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
        match self.phase {
            Phase::Opening { .. } => self.opening_received(now, packets),
            Phase::Open | Phase::Closing(_) => self.session_received(now, packets),
            Phase::Draining { .. } => self.drain_received(packets),
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
            self.outputs.push_back(Output::Left(sending.batch));
        }
        if let Phase::Closing(closing) = &mut self.phase {
            closing.progress(now);
        }
    }

    fn failed(&mut self, now: Duration, link: LinkId, call: Call, error: Error) {
        if self.is_probe(link) {
            return self.probe_failed(now, error);
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
            (Phase::Opening { .. }, _) => self.attempt_failed(now, error),
            (Phase::Open | Phase::Closing(_), Call::Send) => self.send_failed(error),
            (Phase::Closing(closing), _) if closing.said_goodbye() => self.ended_after_goodbye(),
            (Phase::Open | Phase::Closing(_), Call::Receive) if self.peer_close.is_some() => {
                self.closed_by_server();
            }
            (Phase::Open | Phase::Closing(_), _) => self.end(Reason::Transport(error)),
            (Phase::Draining { .. }, _) => self.drained(link),
            (Phase::Closed, _) => {}
        }
    }

    /// Ends the session: drops its links, and tells what became of every message.
    fn end(&mut self, reason: Reason) {
        self.abandon_probe();
        if let Some(link) = self.abandoned.take() {
            self.outputs.push_back(Output::Drop { link });
        }
        self.outputs.push_back(Output::Drop {
            link: self.current.id,
        });
        let (uncertain, unsent) = self.abandon();
        self.outputs.push_back(Output::Closed {
            reason,
            uncertain,
            unsent,
        });
    }

    /// Ends the session here and now, whatever it was about to do. Gives what it had still to say, the
    /// end last.
    pub(crate) fn abort(&mut self) -> VecDeque<Output> {
        if !matches!(self.phase, Phase::Closed) {
            self.end(Reason::Aborted);
        }
        std::mem::take(&mut self.outputs)
    }

    /// Which messages may have arrived, and which have not left.
    fn abandon(&mut self) -> (Vec<Message>, Vec<Message>) {
        self.phase = Phase::Closed;
        let mut uncertain = std::mem::take(&mut self.uncertain);
        if let Some(sending) = self.current.sending.take() {
            uncertain.extend(messages(sending.batch.into_packets()));
        }
        (uncertain, messages(self.outbox.take()).collect())
    }
}

/// Whether another transport may fare better: not when the server has spoken, and nonsense.
fn may_fall_back(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Handshake | ErrorKind::Protocol | ErrorKind::Limit | ErrorKind::Invalid
    )
}

fn all_attempts(mut attempts: Vec<(&'static str, Error)>) -> Error {
    if attempts.len() < 2 {
        return match attempts.pop() {
            Some((_, error)) => error,
            None => Error::new(ErrorKind::Other, "no transport was tried"),
        };
    }
    let list: Vec<String> = attempts
        .iter()
        .map(|(name, error)| format!("{name}: {}", error.report()))
        .collect();
    let message = format!("no transport could be opened ({})", list.join("; "));
    let error = Error::new(ErrorKind::Other, message);
    // The last is the one without a successor to hide it.
    match attempts.pop() {
        Some((_, last)) => error.with_facts_of(&last),
        None => error,
    }
}

fn name_of_packet(packet: &Packet) -> &'static str {
    match packet {
        Packet::Open(_) => "an open packet",
        Packet::Close => "a close packet",
        Packet::Ping(_) => "a ping",
        Packet::Pong(_) => "a pong",
        Packet::Message(_) => "a message",
        Packet::Upgrade => "an upgrade packet",
        Packet::Noop => "a noop",
    }
}
