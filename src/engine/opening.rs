//! Opening a session: the transports are tried in order until one receives the open packet.
//!
//! The server's first packet must be the open packet, which contains the session id. On polling it is
//! in the response to the first GET. An attempt that fails without any Engine.IO packet is followed by
//! the next transport. An attempt that receives a malformed or different packet ends the session,
//! because another transport would reach the same server.

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
            transport: self.transport_name(transport),
            sid: None,
            redirect,
        });
    }

    /// A call of the opening link has failed. If the server has redirected the handshake, the same
    /// attempt continues at the new location, with the same deadline.
    pub(super) fn opening_failed(&mut self, now: Duration, call: Call, error: Error) {
        let closing = self.is_closing_while_opening();
        if error.redirect().is_none() || closing || call == Call::Redirect {
            return self.attempt_failed(now, error);
        }
        if !self.config.follow_redirects {
            let error = error.redirect_not_followed("Builder::follow_redirects(true) follows it");
            return self.attempt_failed(now, error);
        }
        if self.redirects >= REDIRECTS {
            let why = format_args!("{REDIRECTS} redirects were followed already");
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
            // The user has closed during the handshake: no event is reported, but the goodbye is sent.
            self.phase = Phase::Closing(closing);
            if packets.any(|packet| packet == Packet::Close) {
                self.end(Reason::Client);
            }
            return;
        }
        self.accept(Acceptance::new(framing, handshake.max_payload));
        let transport = self.transport_name(self.current.transport);
        self.find_candidates(&handshake.upgrades);
        self.outputs
            .push_back(Output::Tell(vec![Event::Connected(Connected {
                handshake,
                transport,
                session: self.config.session,
            })]));
        self.upgrades = Upgrades::Unreported(None);
        self.use_link();
        if packets.len() > 0 {
            self.process_packets(packets.collect());
        }
        if matches!(self.phase, Phase::Open) {
            self.next_probe(now);
        }
    }

    /// Reads the handshake from the first packet of the session.
    fn read_handshake(&self, first: Option<Packet>) -> Result<Handshake, Error> {
        let message = match first {
            Some(Packet::Open(text)) if text.len() > self.config.handshake_size => {
                let most = self.config.handshake_size;
                let message = format!("the open packet has more than {most} bytes");
                return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::HeadSize));
            }
            Some(Packet::Open(text)) => return Handshake::parse(&text),
            Some(Packet::Close) => return Err(self.closed_before_open()),
            Some(other) => {
                let name = other.name();
                format!("the server's first packet is {name}, not the open packet")
            }
            None => "the transport returned no packet".to_owned(),
        };
        Err(Error::new(ErrorKind::Handshake, message))
    }

    /// The error for a server that closes before it sends the open packet.
    pub(super) fn closed_before_open(&self) -> Error {
        let close = PeerClose::suffix(self.peer_close.as_ref());
        let message = format!("the server closed the session instead of opening it{close}");
        Error::new(ErrorKind::Handshake, message)
    }

    pub(super) fn accept(&mut self, acceptance: Acceptance) {
        self.send_queue.accept(acceptance);
        self.outputs.push_back(Output::Accept(acceptance));
    }

    fn is_closing_while_opening(&self) -> bool {
        matches!(
            self.phase,
            Phase::Opening {
                closing: Some(_),
                ..
            }
        )
    }

    /// Tries the next transport, or ends the session if there is none.
    pub(super) fn attempt_failed(&mut self, now: Duration, error: Error) {
        if self.is_closing_while_opening() {
            return self.end(Reason::Client);
        }
        let transport = self.current.transport;
        let next = transport.saturating_add(1);
        let other_may_succeed = may_fall_back(error.kind());
        self.failed_attempts
            .push((self.transport_name(transport), error));
        if self.config.fall_back && other_may_succeed && next < self.config.transports.len() {
            self.outputs.push_back(Output::Drop {
                link: self.current.id,
            });
            return self.open(now, next);
        }
        let error = attempts_error(std::mem::take(&mut self.failed_attempts));
        self.end(Reason::Transport(error));
    }
}

/// The error of a call outside the handshake. If the server has redirected the request, the error says
/// that this redirect is not followed.
pub(super) fn redirect_outside_handshake(error: Error) -> Error {
    match error.redirect() {
        Some(_) => error.redirect_not_followed("only redirects of the handshake are followed"),
        None => error,
    }
}

/// Whether another transport may succeed. It can't if the server has sent a malformed handshake, or if
/// the settings are invalid.
fn may_fall_back(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Handshake | ErrorKind::Protocol | ErrorKind::Limit | ErrorKind::Invalid
    )
}

fn attempts_error(mut attempts: Vec<(&'static str, Error)>) -> Error {
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
            list.push_str(&format!("; {name}: the same error"));
        } else {
            let separator = if list.is_empty() { "" } else { "; " };
            list.push_str(&format!("{separator}{name}: {report}"));
            last = Some(report);
        }
    }
    let message = format!("no transport could be opened ({list})");
    let error = Error::new(ErrorKind::Other, message);
    // The combined error has the kind and status of the last attempt, unless that says less: a web page in
    // response to a WebSocket handshake is a refusal with status 200, in response to a poll `NotEngineIo`.
    let is_page = |error: &Error| error.kind() == ErrorKind::NotEngineIo;
    let got_page = |error: &Error| error.status().is_some_and(|status| status / 100 == 2);
    let last = attempts.last();
    let telling = match last {
        Some((_, error)) if got_page(error) => attempts.iter().rfind(|(_, error)| is_page(error)),
        _ => None,
    };
    match telling.or(last) {
        Some((_, attempt)) => error.with_facts_of(attempt),
        None => error,
    }
}
