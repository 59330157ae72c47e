//! A model of the links and the user around an engine.
//!
//! Input bytes select each step: a call returns, the user acts, or time passes. After each step the
//! model checks the invariants that hold in every session. The bytes are random in the property tests,
//! and chosen by coverage in the fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a panic here is a failed test"
)]

mod outputs;
mod steps;

use std::collections::{BTreeMap, VecDeque};

use super::interface::ReceiptsConfig;
use super::test_engine::{TestEngine, config, text};
use super::*;
use crate::amount::Amount;
use crate::codec::payload_len;
use crate::error::ErrorKind;
use crate::event::{Ended, Event};
use crate::fence::Fence;
use crate::packet::Text;

const MAX_PAYLOAD: usize = 60;

/// Window of the receipts.
const WINDOW: Amount = Amount {
    messages: 12,
    bytes: 60,
};

/// The running calls of one link.
#[derive(Debug, Default)]
struct Calls {
    opening: bool,
    receiving: bool,
    sending: Option<Vec<Packet>>,
    closing: bool,
    transport: &'static str,
    framing: Option<Framing>,
    /// Fences that were sent and not answered.
    fences: VecDeque<Fence>,
}

impl Calls {
    fn confirms(&self) -> Confirms {
        match self.transport {
            "polling" => Confirms::ByPoll,
            "websocket" => Confirms::ByFence,
            _ => Confirms::Never,
        }
    }

    /// The framing that the link will have once it is open.
    fn expected_framing(&self) -> Framing {
        match self.transport {
            "polling" => Framing::Payloads,
            _ => Framing::Frames,
        }
    }
}

/// Makes the calls that the engine asks for, and ends them as the input bytes select.
struct Model {
    engine: TestEngine,
    /// The server's `maxPayload`; 0 for none.
    max_payload: usize,
    links: BTreeMap<LinkId, Calls>,
    /// Dropped links, whose calls may still return.
    dropped: Vec<LinkId>,
    /// The session's current link.
    session: LinkId,
    handshake_given: bool,
    open: bool,
    closing: bool,
    accepted: Vec<String>,
    left: Vec<String>,
    /// Messages that arrived on the current link and have to be delivered.
    arrived: Vec<String>,
    delivered: Vec<String>,
    confirmed: usize,
    no_receipts: bool,
    end: Option<Ended>,
    acceptance: Option<Acceptance>,
    numbers: u32,
    upgrades_over: bool,
    inbox_has_room: bool,
    /// A message was dropped during a close because the inbox was full.
    message_dropped: bool,
}

fn labels(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.as_text().unwrap().to_owned())
        .collect()
}

fn batch_labels(packets: &[Packet]) -> Vec<String> {
    let messages = packets.iter().filter_map(|packet| match packet {
        Packet::Message(message) => message.as_text(),
        _ => None,
    });
    messages.map(str::to_owned).collect()
}

impl Model {
    /// `choice` selects the transports and the settings.
    fn new(choice: u8) -> Self {
        let transports: &[_] = match choice % 4 {
            0 => &["polling", "websocket"],
            1 => &["polling", "websocket", "third"],
            2 => &["websocket", "polling"],
            _ => &["polling"],
        };
        let config = Config {
            upgrade: choice & 4 == 0,
            fall_back: choice & 8 == 0,
            receipts: (choice & 32 != 0).then_some(ReceiptsConfig {
                window: WINDOW,
                required: choice & 64 != 0,
                cautious: false,
            }),
            fences: choice & 64 == 0,
            ..config(transports)
        };
        let mut model = Self {
            engine: TestEngine::new(config),
            max_payload: if choice & 16 == 0 { MAX_PAYLOAD } else { 0 },
            links: BTreeMap::new(),
            dropped: Vec::new(),
            session: LinkId(0),
            handshake_given: false,
            open: false,
            closing: false,
            accepted: Vec::new(),
            left: Vec::new(),
            arrived: Vec::new(),
            delivered: Vec::new(),
            confirmed: 0,
            no_receipts: false,
            end: None,
            acceptance: None,
            numbers: 0,
            upgrades_over: false,
            inbox_has_room: true,
            message_dropped: false,
        };
        model.execute();
        model
    }

    fn number(&mut self) -> String {
        self.numbers += 1;
        format!("{:04}", self.numbers)
    }

    fn tell(&mut self, input: Input) {
        self.engine.inner.handle(self.engine.now, input);
        self.execute();
    }

    fn link(&mut self, link: LinkId) -> &mut Calls {
        self.links
            .get_mut(&link)
            .unwrap_or_else(|| panic!("{link:?} is not open"))
    }

    fn check_the_end(&self) {
        let Some(ended) = &self.end else {
            return;
        };
        assert!(self.links.is_empty(), "links were not dropped");
        let mut all = self.left.clone();
        all.extend(labels(&ended.uncertain));
        all.extend(labels(&ended.unsent));
        assert_eq!(
            all, self.accepted,
            "accepted = confirmed ++ unconfirmed ++ uncertain ++ unsent"
        );
        let confirmed = usize::try_from(ended.confirmed).unwrap();
        let unconfirmed = usize::try_from(ended.unconfirmed_count).unwrap();
        assert_eq!(confirmed + unconfirmed, self.left.len());
        if self.engine.inner.config.receipts.is_some() && !self.no_receipts {
            assert_eq!(confirmed, self.confirmed, "each confirmation is reported");
            assert_eq!(labels(&ended.unconfirmed), self.left[confirmed..]);
        }
        assert_eq!(self.delivered, self.arrived, "delivered = arrived");
        assert!(self.engine.wait.is_none());
    }
}

/// Runs the model with these bytes: the first byte selects the settings, and each further pair of bytes
/// selects a step. If the session has not ended by then, the user closes it, and it must end although
/// no call returns any more.
pub(crate) fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mut model = Model::new(*first);
    for two in rest.chunks_exact(2).take(1000) {
        if model.end.is_some() {
            break;
        }
        model.step(u32::from(u16::from_le_bytes([two[0], two[1]])));
    }
    model.check_the_end();
    if model.end.is_none() {
        model.closing = true;
        model.tell(Input::Close);
        let mut rounds = VecDeque::from([(); 200]);
        while model.end.is_none() {
            rounds.pop_front().expect("the session does not end");
            if matches!(model.engine.inner.phase, Phase::Draining(_)) {
                let link = model.session;
                model.tell(Input::Drained { link });
            } else if let Some(wait) = model.engine.wait {
                model.engine.now = model.engine.now.max(wait);
                model.tell(Input::Timeout);
            }
        }
        model.check_the_end();
    }
}
