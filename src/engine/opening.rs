//! Opening a session: transport after transport, until one brings the open packet.

use std::sync::Arc;
use std::time::Duration;

use super::heartbeat::Heartbeat;
use super::interface::{Call, Output};
use super::outgoing::Acceptance;
use super::poll_spacing::PollSpacing;
use super::{Engine, Phase, Upgrades};
use crate::error::{Error, ErrorKind};
use crate::event::{Connected, Event, PeerClose, Reason};
use crate::limits::{Limit, REDIRECTS};
use crate::packet::{Handshake, Packet};
use crate::transport::Framing;

impl Engine {
    pub(super) fn open(&mut self, now: Duration, transport: usize) {
        self.phase = Phase::Opening {
            deadline: now.saturating_add(self.config.open_timeout),
            closing: None,
        };
        self.redirects = 0;
        self.open_link(transport, None);
    }

    fn open_link(&mut self, transport: usize, redirect: Option<Error>) {
        let link = self.new_link(transport);
        let id = link.id;
        self.current = link;
        self.outputs.push_back(Output::Open {
            link: id,
            transport: self.name_of(transport),
            sid: None,
            redirect,
        });
    }

    /// A call of the attempt has failed. Where the server has redirected the handshake, the attempt goes on
    /// at the new place, with what is left of its time.
    pub(super) fn opening_failed(&mut self, now: Duration, call: Call, error: Error) {
        let closing = self.is_closing_before_it_opened();
        if error.redirect().is_none() || closing || call == Call::Redirect {
            return self.attempt_failed(now, error);
        }
        if !self.config.follow_redirects {
            let error = error.redirect_not_followed("Builder::follow_redirects(true) follows it");
            return self.attempt_failed(now, error);
        }
        if self.redirects >= REDIRECTS {
            let why = format_args!("{REDIRECTS} others were followed before it");
            return self.attempt_failed(now, error.redirect_not_followed(why));
        }
        self.redirects = self.redirects.saturating_add(1);
        self.outputs.push_back(Output::Drop {
            link: self.current.id,
        });
        self.open_link(self.current.transport, Some(error));
    }

    pub(super) fn opening_received(&mut self, now: Duration, packets: Vec<Packet>) {
        let mut packets = packets.into_iter();
        let handshake = match self.read_handshake(packets.next()) {
            Ok(handshake) => Arc::new(handshake),
            Err(error) => return self.attempt_failed(now, error),
        };
        let framing = self.current.framing.unwrap_or(Framing::Payloads);
        let span = handshake
            .ping_interval
            .saturating_add(handshake.ping_timeout);
        self.heartbeat = Heartbeat::new(span);
        self.poll_spacing = PollSpacing::new(handshake.ping_timeout);
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
                session: self.config.session,
            })]));
        self.upgrades = Upgrades::Tried(None);
        self.use_link();
        if packets.len() > 0 {
            self.take_in(packets.collect());
        }
        if matches!(self.phase, Phase::Open) {
            self.next_probe(now);
        }
    }

    /// The first packet of a session.
    fn read_handshake(&self, first: Option<Packet>) -> Result<Handshake, Error> {
        let message = match first {
            Some(Packet::Open(text)) if text.len() > self.config.handshake_size => {
                let most = self.config.handshake_size;
                let message = format!("an open packet of more than {most} bytes");
                return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::HeadSize));
            }
            Some(Packet::Open(text)) => return Handshake::parse(&text),
            Some(Packet::Close) => return Err(self.closed_instead()),
            Some(other) => {
                let name = other.name();
                format!("the first packet is {name}, not the open packet")
            }
            None => "the transport brought no packet".to_owned(),
        };
        Err(Error::new(ErrorKind::Handshake, message))
    }

    /// A close in the place of the open packet.
    pub(super) fn closed_instead(&self) -> Error {
        let close = PeerClose::suffix(self.peer_close.as_ref());
        let message = format!("the server closed the session instead of opening it{close}");
        Error::new(ErrorKind::Handshake, message)
    }

    pub(super) fn accept(&mut self, acceptance: Acceptance) {
        self.send_queue.accept(acceptance);
        self.outputs.push_back(Output::Accept(acceptance));
    }

    fn is_closing_before_it_opened(&self) -> bool {
        matches!(
            self.phase,
            Phase::Opening {
                closing: Some(_),
                ..
            }
        )
    }

    /// The next transport, or the end.
    pub(super) fn attempt_failed(&mut self, now: Duration, error: Error) {
        if self.is_closing_before_it_opened() {
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
}

/// The error of a call that is not the handshake, with a word about its redirect if it has one.
pub(super) fn only_of_the_handshake(error: Error) -> Error {
    match error.redirect() {
        Some(_) => error.redirect_not_followed("only those of the handshake are"),
        None => error,
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
    let mut list = String::new();
    let mut last = None;
    for (name, error) in &attempts {
        let report = error.report();
        if last.as_ref() == Some(&report) {
            list.push_str(&format!("; {name}: the same"));
        } else {
            let separator = if list.is_empty() { "" } else { "; " };
            list.push_str(&format!("{separator}{name}: {report}"));
            last = Some(report);
        }
    }
    let message = format!("no transport could be opened ({list})");
    let error = Error::new(ErrorKind::Other, message);
    // The last is the one without a successor to hide it.
    match attempts.pop() {
        Some((_, last)) => error.with_facts_of(&last),
        None => error,
    }
}
