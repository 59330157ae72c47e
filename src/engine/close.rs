//! Closing a session, and draining a link before the session ends.
//!
//! A close by the user takes these steps, within the close timeout:
//!
//! 1. The engine abandons a probe and goes back to polling. All messages that were accepted are sent.
//! 2. With receipts, the goodbye waits until these messages are confirmed. A server may discard what it
//!    reads after it has begun to close, so the goodbye's answer confirms nothing. The last
//!    fifth of the close timeout is reserved for the goodbye itself.
//! 3. The goodbye is sent ([`Output::Close`]). Its answer makes the end clean (`answered`).
//! 4. The link is drained and dropped. A poll that still runs is dropped with it: python-engineio holds
//!    it for a whole ping interval.
//!
//! *Draining* means: poll the running `recv` until it would wait, and deliver what it returns. It
//! happens after the goodbye and after a failed `send`, since packets that arrived earlier may still be
//! unread. They may also hold the server's close, which then becomes the reason of the end.
//! `delivery.rs` decides which messages are still delivered while closing.

use std::io;
use std::time::Duration;

use super::{Engine, Output, Phase, Reason};
use crate::error::{Error, ErrorKind};
use crate::packet::Packet;
use crate::transport::Framing;

/// A close by the user that is in progress.
#[derive(Debug)]
pub(super) struct Closing {
    started: Duration,
    /// When a part of a batch last left, or a message was confirmed.
    progress: Duration,
    said_goodbye: bool,
    /// The goodbye no longer waits for confirmations.
    settle_timed_out: bool,
}

impl Closing {
    fn new(now: Duration) -> Self {
        Self {
            started: now,
            progress: now,
            said_goodbye: false,
            settle_timed_out: false,
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

/// The end of a session whose link is being drained.
#[derive(Debug)]
pub(super) struct Draining {
    reason: Reason,
    /// Whether the server has answered the goodbye.
    answered: bool,
    rounds: u32,
    /// After a refused POST: until when to wait for the running poll, which may return the server's
    /// close.
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

/// How long to wait for the running poll after a POST was refused. The POST and the poll use two
/// connections, so the response to the poll may arrive later. This is the assumed maximum of that
/// delay.
const REFUSED_POST_WAIT: Duration = Duration::from_secs(1);

/// Whether the peer has ended the connection with a FIN. Such a peer reads, or has read, everything
/// that was sent before. If the connection was reset instead, the peer may have discarded some of it.
fn is_end_of_stream(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::UnexpectedEof;
        }
        cause = error.source();
    }
    error.kind() == ErrorKind::Ended
}

/// 1/n of the close timeout is reserved for the goodbye, where n is this number.
const GOODBYE_SHARE: u32 = 5;

/// Maximum number of `recv` results in a drain, so that a server that never stops sending can't delay
/// the end forever.
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
                // The server sees the connection end and drops the session.
                None | Some(Framing::Frames) => self.end(Reason::Client),
                // The server is creating a session, and only its response tells the session id. Wait for
                // it and say goodbye: otherwise the server keeps the session until its ping times out.
                Some(Framing::Payloads) => *closing = Some(Box::new(Closing::new(now))),
            },
            Phase::Open => {
                self.phase = Phase::Closing(Box::new(Closing::new(now)));
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
            closing.settle_timed_out |= passed;
        }
    }

    /// The time until which the goodbye waits for confirmations; `None` if it does not wait.
    pub(super) fn settle_deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Closing(closing)
                if !closing.said_goodbye && !closing.settle_timed_out && self.is_unsettled() =>
            {
                let timeout = self.config.close_timeout;
                let goodbye = timeout.checked_div(GOODBYE_SHARE).unwrap_or_default();
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

    /// The connection has ended after the goodbye was handed to the transport.
    pub(super) fn ended_after_goodbye(&mut self, error: &Error) {
        // On polling the failed call is the GET, because the session is gone. The goodbye's POST still
        // runs.
        if self.current.framing == Some(Framing::Frames) {
            self.end_with(Reason::Client, is_end_of_stream(error));
        }
    }

    /// Drains the link, then ends the session for this reason.
    pub(super) fn drain(&mut self, reason: Reason) {
        self.drain_with(reason, true);
    }

    fn drain_with(&mut self, reason: Reason, answered: bool) {
        self.abandon_probe();
        self.phase = Phase::Draining(Box::new(Draining {
            reason,
            answered,
            rounds: 0,
            deadline: None,
        }));
        self.drain_round();
    }

    /// Ends the session for this reason when the running poll has returned, or after
    /// [`REFUSED_POST_WAIT`]. If the poll returns the server's close, that close is the reason instead.
    pub(super) fn await_poll(&mut self, now: Duration, reason: Reason) {
        let mut deadline = now.saturating_add(REFUSED_POST_WAIT);
        if let Phase::Closing(closing) = &self.phase {
            deadline = deadline.min(self.close_deadline(closing));
        }
        self.abandon_probe();
        self.phase = Phase::Draining(Box::new(Draining {
            reason,
            answered: false,
            rounds: 0,
            deadline: Some(deadline),
        }));
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
            // Another frame may already have arrived. On polling, another `recv` would be a new request.
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
        self.process_packets(packets);
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
