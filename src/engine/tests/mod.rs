//! The rules of the protocol as scripts.
//!
//! A line of a script passes one input to the engine and compares the outputs with their expected text:
//!
//! ```text
//! assert_eq!(engine.receives(0, &["4x"]), ["tell message x", "recv 0"]);
//! ```
//!
//! means: when a `recv` call on link 0 returns the packet `4x`, the engine reports the message `x` to
//! the user and starts the next `recv` on link 0. In the same way `sends` are messages of the user,
//! `sent` is a `send` call that has returned, and `fails` is a failed call. In the outputs, `open`,
//! `recv`, `send`, `close`, `drain` and `drop` are followed by the link's number, `left 2` is a batch of
//! 2 packets that has left, and `closed` is the end with its reason and messages. Time is a number, so
//! nothing waits.

mod batches;
mod close;
mod end;
mod fall_back;
mod fences;
mod handshake;
mod heartbeat;
mod polling;
mod polls;
mod receipts;
mod redirects;
mod upgrade;

use super::test_engine::{TestEngine, config, text};
use super::*;
use crate::error::ErrorKind;
use crate::event::{Ended, Event};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const OPEN: &str = r#"{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// Decodes packets from their text frames.
fn packets(list: &[&str]) -> Vec<Packet> {
    let limits = crate::transport::Limits::default();
    list.iter()
        .map(|text| crate::codec::decode_text((*text).into(), &limits).unwrap())
        .collect()
}

fn wire(packets: &[Packet]) -> String {
    let list: Vec<String> = packets
        .iter()
        .map(|packet| {
            String::from_utf8(crate::codec::encode_payload(std::slice::from_ref(packet)).to_vec())
                .unwrap()
        })
        .collect();
    list.join(" ")
}

fn list(messages: &[Message]) -> String {
    let list: Vec<String> = messages
        .iter()
        .map(|message| message.as_text().unwrap_or("binary").to_owned())
        .collect();
    format!("[{}]", list.join(" "))
}

fn show_event(event: &Event) -> String {
    match event {
        Event::Connected(connected) => format!(
            "connected {} {}",
            connected.transport, connected.handshake.sid
        ),
        Event::Message(message) => format!("message {}", message.as_text().unwrap_or("binary")),
        Event::Upgraded { transport } => format!("upgraded {transport}"),
        Event::UpgradeFailed { transport, error } => {
            format!("not upgraded {transport}: {}", error.report())
        }
        Event::Closed(closed) => format!("{closed:?}"),
        other => unreachable!("{other:?} is not an event that the engine reports"),
    }
}

fn show_end(ended: &Ended) -> String {
    let Ended {
        reason,
        answered,
        confirmed,
        unconfirmed_count,
        unconfirmed,
        doubtful: _,
        uncertain,
        unsent,
        groups: _,
        fences_unanswered: _,
    } = ended;
    // The counts are shown only if they are not all zero.
    let kept = match (confirmed, unconfirmed.is_empty()) {
        (0, true) => String::new(),
        (confirmed, true) => {
            format!("confirmed {confirmed} unconfirmed {unconfirmed_count} ")
        }
        (confirmed, false) => {
            format!("confirmed {confirmed} unconfirmed {} ", list(unconfirmed))
        }
    };
    let reason = match reason {
        Reason::Client if !answered => "Client without an answer".to_owned(),
        Reason::Transport(error) => {
            format!("Transport({:?}: {})", error.kind(), error.report())
        }
        Reason::Server { close: None } => "Server".to_owned(),
        Reason::Server { close: Some(close) } => format!("Server({close})"),
        other => format!("{other:?}"),
    };
    format!(
        "closed {reason} {kept}uncertain {} unsent {}",
        list(uncertain),
        list(unsent)
    )
}

fn show(output: &Output) -> String {
    match output {
        Output::Open {
            link,
            transport,
            sid,
            redirect,
        } => {
            let sid = sid
                .as_ref()
                .map_or(String::new(), |handshake| format!(" sid {}", handshake.sid));
            let redirect = redirect.as_ref().and_then(Error::redirect);
            let at = redirect.map_or(String::new(), |location| format!(" at {location}"));
            format!("open {} {transport}{sid}{at}", link.0)
        }
        Output::Receive { link } => format!("recv {}", link.0),
        Output::Send { link, batch } => {
            let fence = batch
                .fence()
                .map_or(String::new(), |fence| format!("{fence:?}"));
            let packets = wire(&batch.to_vec());
            let space = if packets.is_empty() || fence.is_empty() {
                ""
            } else {
                " "
            };
            format!("send {} {packets}{space}{fence}", link.0)
        }
        Output::Confirmed(count) => format!("confirmed {count}"),
        Output::NoReceipts(error) => format!("no receipts: {}", error.report()),
        Output::Close { link } => format!("close {}", link.0),
        Output::Drain { link } => format!("drain {}", link.0),
        Output::Drop { link } => format!("drop {}", link.0),
        Output::Accept(acceptance) => format!("accept {acceptance:?}").replace("Acceptance ", ""),
        Output::Left(batch) => format!("left {}", batch.len()),
        Output::Tell(events) => {
            let events: Vec<String> = events.iter().map(show_event).collect();
            format!("tell {}", events.join(", "))
        }
        Output::Closed(ended) => show_end(ended),
        Output::Wait(_) | Output::UpgradeIsOver(_) => unreachable!("`outputs` does not return it"),
    }
}

/// A `close` call that has returned with the server's answer.
fn said_goodbye(link: LinkId) -> Input {
    Input::SaidGoodbye {
        link,
        answered: true,
    }
}

impl TestEngine {
    /// The outputs as text, without `Accept`.
    fn actions(&mut self) -> Vec<String> {
        let outputs = self.outputs();
        outputs
            .iter()
            .filter(|output| !matches!(output, Output::Accept(_)))
            .map(show)
            .collect()
    }

    fn on(&mut self, input: Input) -> Vec<String> {
        self.inner.handle(self.now, input);
        self.actions()
    }

    fn opened(&mut self, link: u64, framing: Framing) -> Vec<String> {
        self.opened_as(link, framing, Confirms::Never)
    }

    /// An `open` call has returned a link that confirms in this way. The key of its fences is 7.
    fn opened_as(&mut self, link: u64, framing: Framing, confirms: Confirms) -> Vec<String> {
        self.on(Input::Opened {
            link: LinkId(link),
            framing,
            confirms,
            key: 7,
        })
    }

    fn receives(&mut self, link: u64, list: &[&str]) -> Vec<String> {
        self.on(Input::Received {
            link: LinkId(link),
            packets: packets(list),
        })
    }

    fn sent(&mut self, link: u64) -> Vec<String> {
        self.on(Input::Sent { link: LinkId(link) })
    }

    fn fails(&mut self, link: u64, call: Call) -> Vec<String> {
        self.on(Input::Failed {
            link: LinkId(link),
            call,
            error: Error::new(ErrorKind::Ended, "gone"),
        })
    }

    fn sends(&mut self, list: &[&str]) -> Vec<String> {
        self.on(Input::Send(
            list.iter().map(|message| text(message)).collect(),
        ))
    }

    fn at(&mut self, now: Duration) -> Vec<String> {
        self.now = now;
        self.on(Input::Timeout)
    }

    /// A session on polling with this handshake.
    fn polling(transports: &[&'static str], open: &str) -> Self {
        let mut engine = Self::new(config(transports));
        assert_eq!(engine.actions(), ["open 0 polling"]);
        assert_eq!(engine.opened(0, Framing::Payloads), ["recv 0"]);
        let first = engine.receives(0, &[&format!("0{open}")]);
        assert!(
            first.contains(&"tell connected polling S".to_owned()),
            "{first:?}"
        );
        engine
    }

    fn websocket() -> Self {
        let mut engine = Self::new(config(&["websocket"]));
        assert_eq!(engine.actions(), ["open 0 websocket"]);
        assert_eq!(engine.opened(0, Framing::Frames), ["recv 0"]);
        assert_eq!(
            engine.receives(0, &[&format!("0{OPEN}")]),
            ["tell connected websocket S", "recv 0"]
        );
        engine
    }

    /// A session on polling with a probe that has sent its ping.
    fn probing() -> Self {
        let mut engine = Self::polling(&["polling", "websocket"], OPEN);
        assert_eq!(
            engine.opened(1, Framing::Frames),
            ["send 1 2probe", "recv 1"]
        );
        assert!(engine.sent(1).is_empty());
        engine
    }

    /// A session on polling whose probe was answered while the poll still runs.
    fn pausing() -> Self {
        let mut engine = Self::probing();
        assert_eq!(engine.receives(1, &["3probe"]), ["recv 1"]);
        engine
    }

    fn is_over(&self) -> bool {
        matches!(self.inner.phase, Phase::Closed)
    }
}
