//! The table of faults: what broken servers and proxies send, and how a client has to react.
//!
//! A row has a name, the bytes that the server sends, and the places of a session where it sends them,
//! each with the outcome. `tests/transports/every_fault.rs` runs every row on the mock network, where
//! the client must report the outcome without any virtual time passing. `tests/hostile/sample.rs` runs
//! the rows that are marked with [`Fault::also_on_sockets`] over real sockets on each runtime.
//!
//! A fault that takes more than one response, or that depends on time, has a script of its own in
//! `tests/hostile`: a connection that stays silent, a reset, a POST that fails, an upgrade that fails
//! halfway. The JSON of the open packet has its table in `tests/transports/handshakes.rs`, and every
//! limit that can be set has its test in `tests/transports/limits.rs`.

pub(crate) mod frames;
pub(crate) mod handshakes;
pub(crate) mod packets;
pub(crate) mod responses;

use engineio_client::{ErrorKind, Message};

use crate::wire::accepting;

/// An open packet whose ping times are too long for any test to reach.
pub(crate) const OPEN: &str = r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    sends: Sends,
    /// Whether the server closes the connection after it has sent the bytes.
    pub(crate) ends: bool,
    pub(crate) outcomes: Vec<(Place, Outcome)>,
    pub(crate) is_also_on_sockets: bool,
}

#[derive(Clone)]
enum Sends {
    Bytes(Vec<u8>),
    /// The response head that accepts the WebSocket request, with the first text replaced by the second.
    Accepting(&'static str, String),
}

/// Where in a session the server sends the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// In answer to the first poll, which expects the open packet.
    FirstPoll,
    /// In answer to a poll of an open session.
    LaterPoll,
    /// In answer to the WebSocket request.
    WebSocketRequest,
    /// After a valid WebSocket handshake, in place of the open packet.
    FirstFrame,
    /// In an open session over WebSocket, after the message "good".
    LaterFrame,
}

impl Place {
    pub(crate) fn transport(self) -> &'static str {
        match self {
            Self::FirstPoll | Self::LaterPoll => "polling",
            Self::WebSocketRequest | Self::FirstFrame | Self::LaterFrame => "websocket",
        }
    }

    /// Whether the session is open before the server sends the bytes.
    pub(crate) fn is_in_session(self) -> bool {
        matches!(self, Self::LaterPoll | Self::LaterFrame)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The error that ends the session or the attempt to open it. `None` if the bytes are valid, though
    /// unusual, and end with the server's goodbye.
    pub(crate) error: Option<ErrorKind>,
    /// Texts that the error's report must contain.
    pub(crate) words: Vec<&'static str>,
    pub(crate) status: Option<u16>,
    pub(crate) delivered: Vec<Message>,
    /// Code of the close frame with which the client reports the fault to the server.
    pub(crate) close_code: Option<u16>,
}

pub(crate) fn error(kind: ErrorKind, words: &[&'static str]) -> Outcome {
    Outcome {
        error: Some(kind),
        words: words.to_vec(),
        status: None,
        delivered: Vec::new(),
        close_code: None,
    }
}

/// The outcome of an HTTP response that the client refuses because of its status.
pub(crate) fn status(status: u16, words: &[&'static str]) -> Outcome {
    Outcome {
        status: Some(status),
        ..error(ErrorKind::Status, words)
    }
}

/// The outcome without an error: the server closes the session.
pub(crate) fn goodbye() -> Outcome {
    Outcome {
        error: None,
        ..error(ErrorKind::Ended, &[])
    }
}

impl Outcome {
    pub(crate) fn delivers<M: Into<Message>>(
        mut self,
        messages: impl IntoIterator<Item = M>,
    ) -> Self {
        self.delivered = messages.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn close_code(mut self, code: u16) -> Self {
        self.close_code = Some(code);
        self
    }
}

/// A fault in which the server sends these bytes.
pub(crate) fn fault(name: &'static str, bytes: impl AsRef<[u8]>) -> Fault {
    Fault {
        name,
        sends: Sends::Bytes(bytes.as_ref().to_vec()),
        ends: false,
        outcomes: Vec::new(),
        is_also_on_sockets: false,
    }
}

/// A fault in which the server accepts the WebSocket request, with `from` replaced by `to` in the head
/// of its response.
pub(crate) fn accepts(name: &'static str, from: &'static str, to: impl Into<String>) -> Fault {
    Fault {
        sends: Sends::Accepting(from, to.into()),
        ..fault(name, "")
    }
}

impl Fault {
    /// Makes the server close the connection after it has sent the bytes.
    pub(crate) fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    pub(crate) fn also_on_sockets(mut self) -> Self {
        self.is_also_on_sockets = true;
        self
    }

    pub(crate) fn at(mut self, place: Place, outcome: Outcome) -> Self {
        self.outcomes.push((place, outcome));
        self
    }

    /// Sends the fault in response to the first poll and to a later poll, with the same outcome.
    pub(crate) fn polls(self, outcome: Outcome) -> Self {
        self.at(Place::FirstPoll, outcome.clone())
            .at(Place::LaterPoll, outcome)
    }

    /// Sends the fault in response to the first poll and to the WebSocket request. Both have this
    /// outcome.
    pub(crate) fn opening(self, outcome: Outcome) -> Self {
        self.at(Place::FirstPoll, outcome.clone())
            .at(Place::WebSocketRequest, outcome)
    }

    /// Sends the fault in response to the first poll, to a later poll and to the WebSocket request, with
    /// the same outcome.
    pub(crate) fn everywhere(self, outcome: Outcome) -> Self {
        self.at(Place::LaterPoll, outcome.clone()).opening(outcome)
    }

    /// The bytes to send to a client whose request has this `Sec-WebSocket-Key`, if any.
    pub(crate) fn sender(&self) -> impl Fn(Option<&str>) -> Vec<u8> + Send + use<> {
        let sends = self.sends.clone();
        move |key| match &sends {
            Sends::Bytes(bytes) => bytes.clone(),
            Sends::Accepting(from, to) => {
                let head = accepting(key.expect("a WebSocket request"));
                assert!(head.contains(from), "{from:?} is not in {head:?}");
                head.replacen(from, to, 1).into()
            }
        }
    }
}

/// Marks the first `count` rows of a table to run on real sockets, too.
fn sampled(faults: Vec<Fault>, count: usize) -> Vec<Fault> {
    let faults = faults.into_iter().enumerate();
    faults
        .map(|(n, fault)| match n < count {
            true => fault.also_on_sockets(),
            false => fault,
        })
        .collect()
}
