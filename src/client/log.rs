//! Writes what happens in a session to `tracing`, as events in one span. The log never contains header
//! values, cookies, passwords or query values. It contains the types and lengths of packets, and the
//! contents of messages only if the user has turned that on.

use http::HeaderName;
use tracing::field::{Empty, display};
use tracing::{Level, Span};
use url::Url;

use crate::batch::Batch;
use crate::error::Error;
use crate::event::{Closed, Connected, Disconnected, Reason, Reconnecting};
use crate::packet::{Message, Packet};
use crate::transport::{Confirms, OpenRequest};

/// The `tracing` target of all events of the client.
pub(crate) const TARGET: &str = "engineio_client";

/// Maximum number of characters or bytes of a message that are logged.
const MAX_CONTENTS: usize = 1000;

/// The span of a session, a child of the span in which the client was started. Its level is `ERROR`, so
/// that it is enabled wherever errors are logged.
pub(super) fn span(request: &OpenRequest) -> Span {
    let span = tracing::error_span!(target: TARGET, "engineio", url = Empty, sid = Empty, transport = Empty);
    if !span.is_disabled() {
        match &request.address {
            Some(address) => span.record("url", display(format_args!("unix://{address}"))),
            None => span.record("url", request.url.as_str()),
        };
    }
    span
}

/// Writes to the log of one session.
pub(super) struct Log {
    /// `None` if nothing listens. A span is five words long.
    span: Option<Box<Span>>,
    contents: bool,
}

impl Log {
    pub(super) fn new(span: Span, contents: bool) -> Self {
        let span = (!span.is_none()).then(|| Box::new(span));
        Self { span, contents }
    }

    fn record<V: tracing::Value>(&self, field: &'static str, value: V) {
        if let Some(span) = &self.span {
            span.record(field, value);
        }
    }

    pub(super) fn connected(&self, connected: &Connected) {
        let handshake = &connected.handshake;
        self.record("sid", handshake.sid.as_str());
        self.record("transport", connected.transport);
        tracing::info!(target: TARGET,
            sid = handshake.sid.as_str(),
            transport = connected.transport,
            ping_interval = ?handshake.ping_interval,
            ping_timeout = ?handshake.ping_timeout,
            max_payload = handshake.max_payload,
            "connected"
        );
    }

    pub(super) fn disconnected(&self, end: &Disconnected) {
        tracing::warn!(target: TARGET,
            session = end.session,
            reason = %end.reason,
            confirmed = end.confirmed,
            unconfirmed = end.unconfirmed,
            uncertain = end.uncertain,
            unsent = end.unsent,
            "disconnected"
        );
    }

    pub(super) fn reconnecting(&self, next: &Reconnecting) {
        tracing::info!(target: TARGET,
            attempt = next.attempt,
            delay = ?next.delay,
            reason = %next.reason,
            "reconnecting"
        );
    }

    pub(super) fn no_receipts(&self, error: &Error) {
        tracing::warn!(target: TARGET, error = %error.report(), "no receipts");
    }

    pub(super) fn upgraded(&self, transport: &'static str) {
        self.record("transport", transport);
        tracing::info!(target: TARGET, transport, "upgraded");
    }

    pub(super) fn upgrade_failed(&self, transport: &'static str, error: &Error) {
        tracing::warn!(target: TARGET, transport, error = %error.report(), "the upgrade failed");
    }

    pub(super) fn opens(&self, transport: &'static str, upgrade: bool) {
        tracing::debug!(target: TARGET, transport, upgrade, "opening");
    }

    pub(super) fn opened(&self, transport: &'static str, confirms: Confirms) {
        tracing::debug!(target: TARGET, transport, ?confirms, "opened");
    }

    pub(super) fn open_failed(&self, transport: &str, error: &Error) {
        tracing::debug!(target: TARGET, transport, error = %error.report(), "the transport could not be opened");
    }

    /// `left_out` are the headers that are not sent to the new origin.
    pub(super) fn redirected(&self, from: &Url, to: &Url, left_out: &[HeaderName]) {
        self.record("url", to.as_str());
        tracing::info!(target: TARGET, from = from.as_str(), to = to.as_str(), ?left_out, "redirected");
    }

    pub(super) fn goodbye_failed(&self, error: &Error) {
        tracing::debug!(target: TARGET, error = %error.report(), "the server did not confirm the end of the session");
    }

    pub(super) fn drop_panicked(&self, transport: &'static str, panic: &str) {
        tracing::error!(target: TARGET, transport, panic, "a transport panicked when it was dropped");
    }

    pub(super) fn closed(&self, closed: &Closed) {
        let uncertain = closed.uncertain().len();
        let unsent = closed.unsent().len();
        match closed.reason() {
            Reason::Client | Reason::Server { .. } => {
                tracing::info!(target: TARGET, reason = %closed, uncertain, unsent, "closed");
            }
            _ => tracing::warn!(target: TARGET, reason = %closed, uncertain, unsent, "closed"),
        }
    }

    pub(super) fn received(&self, transport: &'static str, packets: &[Packet]) {
        if tracing::enabled!(target: TARGET, Level::TRACE) {
            for packet in packets {
                self.packet("received", transport, packet);
            }
        }
    }

    pub(super) fn sends(&self, transport: &'static str, batch: &Batch) {
        if tracing::enabled!(target: TARGET, Level::TRACE) {
            for packet in batch {
                self.packet("sends", transport, &packet);
            }
        }
    }

    fn packet(&self, what: &'static str, transport: &'static str, packet: &Packet) {
        let (kind, length) = match packet {
            Packet::Open(text) => ("open", text.len()),
            Packet::Close => ("close", 0),
            Packet::Ping(text) => ("ping", text.len()),
            Packet::Pong(text) => ("pong", text.len()),
            Packet::Message(Message::Text(text)) => ("text", text.len()),
            Packet::Message(Message::Binary(data)) => ("binary", data.len()),
            Packet::Upgrade => ("upgrade", 0),
            Packet::Noop => ("noop", 0),
        };
        match packet {
            Packet::Message(message) if self.contents => {
                let contents = contents(message);
                tracing::trace!(target: TARGET, transport, packet = kind, length, contents, "{what}");
            }
            _ => tracing::trace!(target: TARGET, transport, packet = kind, length, "{what}"),
        }
    }
}

/// The beginning of a message, on one line.
fn contents(message: &Message) -> String {
    let (mut line, length) = match message {
        Message::Text(text) => {
            let beginning: String = text.chars().take(MAX_CONTENTS).collect();
            (beginning.escape_debug().to_string(), beginning.len())
        }
        Message::Binary(data) => {
            let beginning = data.get(..MAX_CONTENTS).unwrap_or(data);
            (beginning.escape_ascii().to_string(), beginning.len())
        }
    };
    if message.len() > length {
        line.push('…');
    }
    line
}
