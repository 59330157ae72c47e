//! The ends of a session: ours, with a goodbye, and the draining before any end. Which messages are still
//! delivered then is in `delivery.rs`.

use std::io;
use std::time::Duration;

use super::{Engine, Output, Phase, Reason};
use crate::error::{Error, ErrorKind};
use crate::packet::Packet;
use crate::transport::Framing;

/// The user's close under way.
#[derive(Debug)]
pub(super) struct Closing {
    started: Duration,
    progress: Duration,
    said_goodbye: bool,
    /// The goodbye waits no longer for what is not confirmed.
    waited: bool,
}

impl Closing {
    fn new(now: Duration) -> Self {
        Self {
            started: now,
            progress: now,
            said_goodbye: false,
            waited: false,
        }
    }

    pub(super) fn progress(&mut self, at: Duration) {
        self.progress = self.progress.max(at);
    }

    /// Whether the goodbye has been handed to the transport.
    pub(super) fn said_goodbye(&self) -> bool {
        self.said_goodbye
    }
}

/// An end that is decided, while what has arrived already is taken in.
#[derive(Debug)]
pub(super) struct Draining {
    reason: Reason,
    answered: bool,
    rounds: u32,
    /// Until when the poll that runs is awaited, where it may tell why.
    deadline: Option<Duration>,
}

impl Draining {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.reason, Reason::Client)
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
}

/// So long the poll is awaited when a POST was refused: an answer on one of the two connections is not
/// later than one on the other by more than this.
const REFUSAL_BEFORE_CLOSE: Duration = Duration::from_secs(1);

/// Whether a connection has ended by the other side's FIN: what was written before is read, or was. One
/// that was reset may have thrown it away.
fn is_an_end_of_the_stream(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::UnexpectedEof;
        }
        cause = error.source();
    }
    error.kind() == ErrorKind::Ended
}

/// This part of the close timeout is the goodbye's.
const GOODBYE_PART: u32 = 5;

/// A server that never stops talking can't keep the end from coming.
const MAX_DRAIN_ROUNDS: u32 = 1024;

impl Engine {
    pub(super) fn close_deadline(&self, closing: &Closing) -> Duration {
        let idle = closing.progress.saturating_add(self.config.close_timeout);
        idle.min(closing.started.saturating_add(self.config.close_limit))
    }

    pub(super) fn close(&mut self, now: Duration) {
        self.delivery.close();
        match &mut self.phase {
            Phase::Opening {
                closing: closing @ None,
                ..
            } => match self.current.framing {
                // The server sees the connection end, and forgets the session.
                None | Some(Framing::Frames) => self.end(Reason::Client),
                // A session is being made whose id only the answer tells: without a goodbye the
                // server would keep it until its ping times out.
                Some(Framing::Payloads) => *closing = Some(Closing::new(now)),
            },
            Phase::Open => {
                self.phase = Phase::Closing(Closing::new(now));
                self.poll_spacing.end_pause();
                self.abandon_probe();
            }
            Phase::Opening { .. } | Phase::Closing(_) | Phase::Draining(_) | Phase::Closed => {}
        }
    }

    pub(super) fn pump_goodbye(&mut self) {
        if !matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        let waits = self.settle_deadline().is_some();
        let Phase::Closing(closing) = &mut self.phase else {
            return;
        };
        if closing.said_goodbye
            || waits
            || self.current.sending.is_some()
            || !self.send_queue.is_empty()
        {
            return;
        }
        closing.said_goodbye = true;
        self.outputs.push_back(Output::Close {
            link: self.current.id,
        });
    }

    pub(super) fn settle_timeout(&mut self, now: Duration) {
        let passed = self
            .settle_deadline()
            .is_some_and(|deadline| now >= deadline);
        if let Phase::Closing(closing) = &mut self.phase {
            closing.waited |= passed;
        }
    }

    /// Until when the goodbye waits for what has left to be confirmed: some of the close timeout is left
    /// for the goodbye itself.
    pub(super) fn settle_deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Closing(closing)
                if !closing.said_goodbye && !closing.waited && self.is_unsettled() =>
            {
                let timeout = self.config.close_timeout;
                let goodbye = timeout.checked_div(GOODBYE_PART).unwrap_or_default();
                Some(self.close_deadline(closing).saturating_sub(goodbye))
            }
            _ => None,
        }
    }

    pub(super) fn said_goodbye(&mut self, link: super::LinkId, answered: bool) {
        if link == self.current.id && matches!(self.phase, Phase::Closing(_)) {
            self.drain_with(Reason::Client, answered);
        }
    }

    /// The connection ended after our goodbye was handed over.
    pub(super) fn ended_after_goodbye(&mut self, error: &Error) {
        // On polling it was the GET, whose session is gone: the goodbye is still under way.
        if self.current.framing == Some(Framing::Frames) {
            self.end_with(Reason::Client, is_an_end_of_the_stream(error));
        }
    }

    /// The end is near: takes in what has arrived already, and waits for nothing.
    pub(super) fn drain(&mut self, reason: Reason) {
        self.drain_with(reason, true);
    }

    fn drain_with(&mut self, reason: Reason, answered: bool) {
        self.abandon_probe();
        self.phase = Phase::Draining(Draining {
            reason,
            answered,
            rounds: 0,
            deadline: None,
        });
        self.drain_round();
    }

    /// The end is near; the poll that runs may tell its reason, and is awaited for a moment.
    pub(super) fn await_the_poll(&mut self, now: Duration, reason: Reason) {
        let mut deadline = now.saturating_add(REFUSAL_BEFORE_CLOSE);
        if let Phase::Closing(closing) = &self.phase {
            deadline = deadline.min(self.close_deadline(closing));
        }
        self.abandon_probe();
        self.phase = Phase::Draining(Draining {
            reason,
            answered: false,
            rounds: 0,
            deadline: Some(deadline),
        });
    }

    pub(super) fn drain_timeout(&mut self, now: Duration) {
        if let Phase::Draining(draining) = &mut self.phase
            && draining.deadline.is_some_and(|deadline| now >= deadline)
        {
            draining.deadline = None;
            self.drain_round();
        }
    }

    fn drain_round(&mut self) {
        let Phase::Draining(draining) = &mut self.phase else {
            return;
        };
        draining.rounds = draining.rounds.saturating_add(1);
        let link = self.current.id;
        if draining.rounds <= MAX_DRAIN_ROUNDS {
            // A frame may wait behind the last one; a further poll would be a new request.
            if !self.current.receiving && self.current.framing == Some(Framing::Frames) {
                self.current.receiving = true;
                self.outputs.push_back(Output::Receive { link });
            }
            if self.current.receiving {
                self.outputs.push_back(Output::Drain { link });
                return;
            }
        }
        self.drained(link);
    }

    pub(super) fn drain_received(&mut self, packets: Vec<Packet>) {
        self.take_in(packets);
        self.drain_round();
    }

    pub(super) fn drained(&mut self, link: super::LinkId) {
        if link != self.current.id {
            return;
        }
        if let Phase::Draining(draining) = &self.phase {
            let (reason, answered) = (draining.reason.clone(), draining.answered);
            self.end_with(reason, answered);
        }
    }
}
