//! The world around the engine, as a model that lets things happen as bytes say, and checks what
//! must hold whatever happens. Random bytes come from the tests, better ones from the fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "what fails here fails a test"
)]

use std::collections::{BTreeMap, VecDeque};

use super::rig::{Rig, config, text};
use super::*;
use crate::codec::payload_len;
use crate::error::ErrorKind;
use crate::event::Event;
use crate::packet::Text;

const MAX_PAYLOAD: usize = 60;

/// What runs on one link.
#[derive(Debug, Default)]
struct Calls {
    opening: bool,
    receiving: bool,
    sending: Option<Vec<Packet>>,
    closing: bool,
    transport: &'static str,
    framing: Option<Framing>,
}

impl Calls {
    /// How the link will carry packets: only polling makes payloads.
    fn framing_to_be(&self) -> Framing {
        match self.transport {
            "polling" => Framing::Payloads,
            _ => Framing::Frames,
        }
    }
}

/// The world: it makes the calls that the engine wants, and lets them end as the choices say.
struct World {
    rig: Rig,
    /// What the server says that it takes in a payload.
    max_payload: usize,
    links: BTreeMap<LinkId, Calls>,
    /// Links that are gone, whose answers may come late.
    dropped: Vec<LinkId>,
    /// The link whose goodbye ends the session.
    session: LinkId,
    handshake_given: bool,
    open: bool,
    closing: bool,
    accepted: Vec<String>,
    left: Vec<String>,
    /// What came on the session's link while it was that, and is to be delivered.
    arrived: Vec<String>,
    delivered: Vec<String>,
    end: Option<(Reason, Vec<Message>, Vec<Message>)>,
    acceptance: Option<Acceptance>,
    numbers: u32,
    upgrades_over: bool,
    /// Whether the inbox has room, and whether it had none for a message while closing.
    room: bool,
    cut: bool,
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

impl World {
    /// The choice is that of the transports and of what is set.
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
            ..config(transports)
        };
        let mut world = Self {
            rig: Rig::new(config),
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
            end: None,
            acceptance: None,
            numbers: 0,
            upgrades_over: false,
            room: true,
            cut: false,
        };
        world.obey();
        world
    }

    fn number(&mut self) -> String {
        self.numbers += 1;
        format!("{:04}", self.numbers)
    }

    fn tell(&mut self, input: Input) {
        self.rig.engine.handle(self.rig.now, input);
        self.obey();
    }

    /// Does what the engine wants, and checks that it may want it.
    fn obey(&mut self) {
        for output in self.rig.outputs() {
            assert!(self.end.is_none(), "{output:?} after the end");
            match output {
                Output::Open {
                    link,
                    transport,
                    sid,
                } => {
                    assert_eq!(sid.is_some(), self.handshake_given);
                    if sid.is_some() {
                        let session = &self.links[&self.session];
                        assert_eq!(session.framing, Some(Framing::Payloads));
                        assert!(self.rig.engine.config.upgrade);
                    }
                    let calls = Calls {
                        opening: true,
                        transport,
                        ..Calls::default()
                    };
                    assert!(
                        self.links.insert(link, calls).is_none(),
                        "{link:?} is opened twice"
                    );
                    if !self.handshake_given {
                        self.session = link;
                    }
                }
                Output::Receive { link } => {
                    let calls = self.link(link);
                    assert!(
                        !calls.opening && !calls.receiving,
                        "two receive calls on {link:?}"
                    );
                    calls.receiving = true;
                }
                Output::Send { link, batch } => {
                    let packets = batch.to_vec();
                    let calls = self.link(link);
                    assert!(
                        !calls.opening && calls.sending.is_none() && !calls.closing,
                        "two send calls on {link:?}"
                    );
                    assert!(!packets.is_empty());
                    let limit = match self.max_payload {
                        0 => usize::MAX,
                        limit => limit,
                    };
                    let calls = self.link(link);
                    if calls.framing == Some(Framing::Payloads) {
                        let size: usize = packets
                            .iter()
                            .map(|packet| payload_len(packet) + 1)
                            .sum::<usize>()
                            - 1;
                        assert!(
                            size <= limit || packets.len() == 1,
                            "a payload of {size} bytes"
                        );
                        assert!(packets.len() <= 16);
                    }
                    calls.sending = Some(packets.clone());
                    if packets == [Packet::Upgrade] {
                        let old = &self.links[&self.session];
                        assert!(
                            !old.receiving && old.sending.is_none(),
                            "the old link is not at rest"
                        );
                        self.session = link;
                    } else if link != self.session {
                        assert_eq!(packets, [Packet::Ping(Text::from("probe"))], "on a probe");
                    }
                }
                Output::Close { link } => {
                    assert_eq!(
                        link, self.session,
                        "a goodbye on a link that is not the session's"
                    );
                    let calls = self.link(link);
                    assert!(calls.sending.is_none() && !calls.closing);
                    calls.closing = true;
                    assert!(self.closing);
                }
                Output::Drain { link } => assert!(self.link(link).receiving),
                Output::Drop { link } => {
                    self.link(link);
                    self.links.remove(&link);
                    self.dropped.push(link);
                }
                Output::Accept(acceptance) => self.acceptance = Some(acceptance),
                Output::UpgradeIsOver(_) => {
                    assert!(!self.upgrades_over, "it comes once");
                    assert!(
                        self.rig.engine.probe.is_none(),
                        "a transport is being tried"
                    );
                    self.upgrades_over = true;
                }
                Output::Left(batch) => self.left.extend(batch_labels(&batch.into_packets())),
                Output::Tell(events) => {
                    for event in events {
                        match event {
                            Event::Message(message) => self.delivered.extend(labels(&[message])),
                            Event::Connected(_) => {
                                assert!(!self.open);
                                self.open = true;
                            }
                            _ => assert!(self.open),
                        }
                    }
                }
                Output::Closed {
                    reason,
                    uncertain,
                    unsent,
                } => {
                    self.end = Some((reason, uncertain, unsent));
                }
                Output::Wait(_) => unreachable!(),
            }
        }
        if let Some(wait) = self.rig.wait.filter(|_| self.end.is_none()) {
            assert!(wait + Duration::from_secs(3600) > self.rig.now);
        }
    }

    fn link(&mut self, link: LinkId) -> &mut Calls {
        self.links
            .get_mut(&link)
            .unwrap_or_else(|| panic!("{link:?} is not there"))
    }

    /// Something happens: which of all that can, the choice says.
    /// While closing, messages are delivered up to the first for which there is no room.
    fn arrives(&mut self, messages: Vec<String>) {
        self.cut |= self.closing && !self.room;
        if !self.cut {
            self.arrived.extend(messages);
        }
    }

    fn step(&mut self, choice: u32) {
        let draining = matches!(self.rig.engine.phase, Phase::Draining { .. });
        let link = *self
            .links
            .keys()
            .nth(choice as usize / 16 % self.links.len())
            .unwrap();
        let detail = choice / 256 % 16;
        let error = || Error::new(ErrorKind::Ended, "gone");
        let calls = &self.links[&link];
        let framing = calls.framing_to_be();
        match choice % 16 {
            _ if draining => {
                let session = self.session;
                if detail < 8 && self.link(session).receiving {
                    let message = self.number();
                    self.arrives(vec![message.clone()]);
                    self.link(session).receiving = false;
                    self.tell(Input::Received {
                        link: session,
                        packets: vec![text(&message)],
                    });
                } else {
                    self.tell(Input::Drained { link: session });
                }
            }
            0..=2 if calls.opening => {
                self.link(link).opening = false;
                if detail < 14 {
                    self.link(link).framing = Some(framing);
                    self.tell(Input::Opened { link, framing });
                } else {
                    self.tell(Input::Failed {
                        link,
                        call: Call::Open,
                        error: error(),
                    });
                }
            }
            0..=5 if calls.receiving => {
                let packets = self.packets(link, choice);
                self.link(link).receiving = false;
                match packets {
                    Some(packets) => {
                        let session = link == self.session && self.handshake_given;
                        let before = packets
                            .iter()
                            .take_while(|packet| **packet != Packet::Close);
                        let labels = batch_labels(&before.cloned().collect::<Vec<_>>());
                        if session && (self.open || !self.closing) {
                            self.arrives(labels);
                        }
                        self.tell(Input::Received { link, packets });
                    }
                    None => self.tell(Input::Failed {
                        link,
                        call: Call::Receive,
                        error: error(),
                    }),
                }
            }
            6..=8 if calls.sending.is_some() => {
                self.link(link).sending = None;
                if detail < 15 {
                    self.tell(Input::Sent { link });
                } else {
                    self.tell(Input::Failed {
                        link,
                        call: Call::Send,
                        error: error(),
                    });
                }
            }
            6..=8 if calls.closing => {
                self.link(link).closing = false;
                self.tell(Input::SaidGoodbye { link });
            }
            9..=11 if self.open && !self.closing => {
                let count = detail % 5 + 1;
                let messages: Vec<String> = (0..count).map(|_| self.number()).collect();
                let acceptance = self.acceptance.unwrap();
                let packets = messages.iter().map(|message| text(message)).collect();
                for message in &messages {
                    acceptance.check(&Message::from(message.as_str())).unwrap();
                }
                self.accepted.extend(messages);
                self.tell(Input::Send(packets));
            }
            12 if detail == 0 && !self.closing => {
                self.closing = true;
                self.tell(Input::Close);
            }
            12 if detail < 8 => self.answer_late(choice),
            12 => {
                // Some of it came a while ago.
                let earlier = Duration::from_millis(u64::from(detail) * 40);
                let at = self.rig.now.saturating_sub(earlier);
                self.tell(Input::Active {
                    link,
                    received: detail.is_multiple_of(2).then_some(at),
                    sent: (detail % 4 < 2).then_some(at),
                });
            }
            13 => {
                self.room = detail < 8;
                self.tell(Input::Room(self.room));
            }
            14 => {
                self.rig.now += Duration::from_millis(u64::from(detail) * 300);
                self.tell(Input::Timeout);
            }
            15 if detail == 0 => {
                if let Some(wait) = self.rig.wait {
                    self.rig.now = self.rig.now.max(wait);
                    self.tell(Input::Timeout);
                    let again = self.rig.wait.filter(|_| self.end.is_none());
                    assert!(
                        again.is_none_or(|again| again > self.rig.now),
                        "the time has come, and nothing follows"
                    );
                }
            }
            _ => {}
        }
    }

    /// What a link has to say that is gone is of no consequence.
    fn answer_late(&mut self, choice: u32) {
        let Some(&link) = self.dropped.get(choice as usize / 4096) else {
            return;
        };
        let failed = |call| Input::Failed {
            link,
            call,
            error: Error::new(ErrorKind::Ended, "late"),
        };
        let input = match choice / 256 % 8 {
            0 => Input::Received {
                link,
                packets: vec![text("late"), Packet::Close],
            },
            1 => Input::Opened {
                link,
                framing: Framing::Frames,
            },
            2 => Input::Sent { link },
            3 => Input::SaidGoodbye { link },
            4 => Input::Drained { link },
            5 => failed(Call::Open),
            6 => failed(Call::Receive),
            _ => failed(Call::Send),
        };
        let wait = self.rig.wait;
        self.rig.engine.handle(self.rig.now, input);
        let outputs = self.rig.outputs();
        assert!(outputs.is_empty(), "{outputs:?} for an answer of {link:?}");
        assert_eq!(self.rig.wait, wait);
    }

    /// What a receive call brings, or its failure.
    fn packets(&mut self, link: LinkId, choice: u32) -> Option<Vec<Packet>> {
        let detail = choice / 256 % 16;
        if link == self.session && !self.handshake_given {
            match choice / 4096 {
                12 => return None,
                13 => return Some(vec![Packet::Open("{}".into()), text("unheard")]),
                14 => return Some(vec![text("unheard")]),
                15 => return Some(vec![Packet::Close]),
                _ => {}
            }
            self.handshake_given = true;
            let open = format!(
                r#"{{"sid":"S","upgrades":["third","websocket"],"pingInterval":900,"pingTimeout":600,"maxPayload":{}}}"#,
                self.max_payload
            );
            let mut packets = vec![Packet::Open(open.as_str().into())];
            if detail > 8 {
                let message = self.number();
                packets.push(text(&message));
            }
            return Some(packets);
        }
        if link != self.session {
            return match detail {
                0 => None,
                1 => Some(vec![text("early")]),
                2 => Some(vec![Packet::Noop]),
                _ => Some(vec![Packet::Pong("probe".into())]),
            };
        }
        match detail {
            0 => None,
            1 => Some(vec![text(&self.number()), Packet::Close, text("late")]),
            2..=5 => Some(vec![Packet::Noop]),
            6..=8 => Some(vec![Packet::Ping("p".into())]),
            _ => Some((0..detail % 4 + 1).map(|_| text(&self.number())).collect()),
        }
    }

    fn check_the_end(&self) {
        let Some((_, uncertain, unsent)) = &self.end else {
            return;
        };
        assert!(self.links.is_empty(), "links are left behind");
        let mut all = self.left.clone();
        all.extend(labels(uncertain));
        all.extend(labels(unsent));
        assert_eq!(all, self.accepted, "accepted = left ++ uncertain ++ unsent");
        assert_eq!(self.delivered, self.arrived, "delivered = arrived");
        assert!(self.rig.wait.is_none());
    }
}

/// Runs the world by these bytes: what is set, and then two for each thing that happens. Then the
/// user closes the session, if it has not ended, and nobody does anything any more.
pub(crate) fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mut world = World::new(*first);
    for two in rest.chunks_exact(2).take(1000) {
        if world.end.is_some() {
            break;
        }
        world.step(u32::from(u16::from_le_bytes([two[0], two[1]])));
    }
    world.check_the_end();
    if world.end.is_none() {
        // And it always comes to an end.
        world.closing = true;
        world.tell(Input::Close);
        let mut rounds = VecDeque::from([(); 200]);
        while world.end.is_none() {
            rounds.pop_front().expect("no end");
            if matches!(world.rig.engine.phase, Phase::Draining { .. }) {
                let link = world.session;
                world.tell(Input::Drained { link });
            } else if let Some(wait) = world.rig.wait {
                world.rig.now = world.rig.now.max(wait);
                world.tell(Input::Timeout);
            }
        }
        world.check_the_end();
    }
}
