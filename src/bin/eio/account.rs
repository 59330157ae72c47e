//! Counts what has become of the lines of input, and derives the exit status.

use std::cell::Cell;
use std::time::Duration;

use engineio_client::{Closed, ErrorKind, Event, Handle, Reason};
use event_listener::Event as Bell;

use super::exit_status::{DELIVERED, FAILED};
use super::lasting::Lasting;
use super::stdio::Input;

/// The counts and states that are collected while the client runs.
#[derive(Default)]
pub(crate) struct Account {
    /// Number of lines that the client accepted.
    pub(crate) accepted: Cell<usize>,
    /// Whether reading standard input has failed.
    pub(crate) input_failed: Cell<bool>,
    /// Why `eio` has begun to close the client.
    leaves: Cell<Option<Leave>>,
    /// Whether a session was open at any time.
    connected: Cell<bool>,
    /// Whether the first attempt to connect has succeeded or failed.
    attempted: Cell<bool>,
    attempt_over: Bell,
    /// Number of the last session whose end was reported.
    last_session: Cell<u64>,
    /// Whether the end of an earlier session was not reported: if nobody reads the output, the library
    /// drops the oldest events.
    missed: Cell<bool>,
    /// Number of lines of earlier sessions that may not have arrived and are not sent again.
    lost: Cell<u64>,
    /// Number of lines of earlier sessions that may not have arrived and are sent again.
    again: Cell<u64>,
    given_up: Cell<Doubt>,
}

/// Number of lines that are not known to have arrived.
#[derive(Clone, Copy, Default)]
struct Doubt {
    /// Lines that may have arrived.
    uncertain: u64,
    /// Lines that were not sent.
    unsent: u64,
}

/// Why `eio` closes the client.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Leave {
    /// The input has ended, and nothing of it is left to send.
    InputEnded,
    /// A signal was received, or standard output is closed.
    Asked,
}

/// How the client ended.
pub(crate) enum End {
    Closed(Closed),
    /// The user ended `eio` during a handshake that the server did not answer.
    HandshakeUnanswered,
}

/// How long to wait after a signal for the answer to a running handshake. Only that answer contains the
/// id of the session that has to be closed.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

impl Account {
    /// Updates the counts from an event.
    pub(crate) fn note(&self, event: &Event) {
        match event {
            Event::Connected(_) => {
                self.connected.set(true);
                self.attempted();
            }
            Event::Reconnecting(_) => self.attempted(),
            Event::Disconnected(end) => {
                let follows = end.session == self.last_session.get().saturating_add(1);
                self.missed.set(self.missed.get() || !follows);
                self.last_session.set(end.session);
                let lost = self.lost.get().saturating_add(end.may_be_lost());
                self.lost.set(lost);
                let handed = end.unconfirmed.saturating_add(end.uncertain);
                let again = self.again.get().saturating_sub(end.confirmed);
                let again = again.max(handed.saturating_sub(end.may_be_lost()));
                self.again.set(again);
            }
            Event::GivenUp(given_up) => {
                let count = number(given_up.messages.len());
                let mut sum = self.given_up.get();
                if given_up.error.kind() == ErrorKind::Unconfirmed {
                    sum.uncertain = sum.uncertain.saturating_add(count);
                    self.again.set(self.again.get().saturating_sub(count));
                } else {
                    sum.unsent = sum.unsent.saturating_add(count);
                }
                self.given_up.set(sum);
            }
            _ => {}
        }
    }

    fn attempted(&self) {
        self.attempted.set(true);
        self.attempt_over.notify(usize::MAX);
    }

    /// Waits until the first attempt to connect has succeeded or failed.
    pub(crate) async fn first_attempt(&self) {
        loop {
            let over = self.attempt_over.listen();
            if self.attempted.get() {
                return;
            }
            over.await;
        }
    }

    /// Records why `eio` closes the client. The first reason counts.
    pub(crate) fn leave(&self, why: Leave) {
        if self.leaves.get().is_none() {
            self.leaves.set(Some(why));
        }
    }

    /// Reports the end on standard error, and returns the exit status.
    pub(crate) fn report(
        &self,
        end: &End,
        handle: &Handle,
        lasting: &Lasting,
        input: &mut Input,
    ) -> i32 {
        let (ours, mut doubt) = match end {
            End::Closed(closed) => self.closed(closed, handle, lasting),
            End::HandshakeUnanswered => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                eprintln!(
                    "eio: the server did not answer the handshake within {seconds} s, so the \
                     session could not be closed"
                );
                (true, self.abandoned(handle))
            }
        };
        let unconnected =
            ours && self.leaves.get() == Some(Leave::InputEnded) && !self.connected.get();
        if unconnected {
            eprintln!("eio: connecting failed, and no input is left to send: not reconnecting");
        }
        let refused = number(input.stop().saturating_sub(self.accepted.get()));
        doubt.unsent = doubt.unsent.saturating_add(refused);
        if lasting.reconnect || lasting.has_receipts() {
            doubt.tell();
        } else {
            doubt.tell_of_one_session();
        }
        let failed = self.input_failed.get() || unconnected;
        if ours && doubt.is_none() && !failed {
            DELIVERED
        } else {
            FAILED
        }
    }

    /// Returns whether `eio` ended the session, and which lines are in doubt.
    fn closed(&self, closed: &Closed, handle: &Handle, lasting: &Lasting) -> (bool, Doubt) {
        let ours = matches!(closed.reason(), Reason::Client);
        if !ours {
            tell_failure(handle.sid().is_some(), closed);
        }
        let lost = self.lost.get();
        // All lines that were sent in the last session. The server may have read none of them.
        let left = closed.unconfirmed_count().saturating_sub(lost);
        let answered = ours && closed.is_answered();
        let left_in_doubt = if answered && !lasting.has_receipts() && !self.missed.get() {
            0
        } else {
            left
        };
        let (uncertain, unsent) = (
            number(closed.uncertain().len()),
            number(closed.unsent().len()),
        );
        let last = left_in_doubt.saturating_add(uncertain);
        if ours && last > 0 && !answered {
            eprintln!("eio: the server did not answer the close of the session");
        }
        // Every accepted line is in one of these parts, or was given up.
        let kept = [
            closed.confirmed(),
            closed.unconfirmed_count(),
            uncertain,
            unsent,
        ];
        let kept = kept.into_iter().fold(0, u64::saturating_add);
        let given_up = number(self.accepted.get()).saturating_sub(kept);
        let given_up_uncertain = self.given_up.get().uncertain.min(given_up);
        let doubt = Doubt {
            uncertain: last.saturating_add(lost).saturating_add(given_up_uncertain),
            unsent: unsent.saturating_add(given_up.saturating_sub(given_up_uncertain)),
        };
        (ours, doubt)
    }

    /// The lines in doubt if there is no session and the client has not ended.
    fn abandoned(&self, handle: &Handle) -> Doubt {
        let backlog = number(handle.backlog().messages);
        let again = self.again.get().min(backlog);
        let given_up = self.given_up.get();
        let uncertain = again.saturating_add(self.lost.get());
        Doubt {
            uncertain: uncertain.saturating_add(given_up.uncertain),
            unsent: backlog
                .saturating_sub(again)
                .saturating_add(given_up.unsent),
        }
    }
}

impl Doubt {
    fn is_none(self) -> bool {
        self.uncertain == 0 && self.unsent == 0
    }

    /// Reports the numbers in one sentence.
    fn tell(self) {
        let uncertain = format!("{} may not have arrived", lines(self.uncertain));
        match (self.uncertain, self.unsent) {
            (0, 0) => {}
            (_, 0) => eprintln!("eio: {uncertain}"),
            (0, 1) => eprintln!("eio: 1 line was not sent"),
            (0, unsent) => eprintln!("eio: {unsent} lines were not sent"),
            (_, 1) => eprintln!("eio: {uncertain}, 1 was not sent"),
            (_, unsent) => eprintln!("eio: {uncertain}, {unsent} were not sent"),
        }
    }

    /// Reports the numbers in the words that `eio` uses without reconnecting and receipts, and for
    /// which scripts may search.
    fn tell_of_one_session(self) {
        match self.unsent {
            0 => {}
            1 => eprintln!("eio: 1 line was not delivered"),
            unsent => eprintln!("eio: {unsent} lines were not delivered"),
        }
        if self.uncertain > 0 {
            let lines = lines(self.uncertain);
            eprintln!("eio: {lines} may not have been delivered");
        }
    }
}

fn lines(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        _ => format!("{count} lines"),
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn tell_failure(was_open: bool, closed: &Closed) {
    if was_open {
        eprintln!("eio: {closed}");
    } else if let Reason::Transport(error) = closed.reason() {
        eprintln!("eio: connecting failed: {}", error.report());
    } else {
        eprintln!("eio: connecting failed: {closed}");
    }
}
