//! The steps of the model: a call returns, the user acts, or time passes.

use super::*;
use crate::transport::Asked;

impl Model {
    /// Makes the step that `choice` selects. If that step is not possible now, nothing happens.
    pub(super) fn step(&mut self, choice: u32) {
        let draining = matches!(self.engine.inner.phase, Phase::Draining(_));
        let link = *self
            .links
            .keys()
            .nth(choice as usize / 16 % self.links.len())
            .unwrap();
        let detail = choice / 256 % 16;
        let calls = &self.links[&link];
        match choice % 16 {
            _ if draining => self.drain(detail < 8),
            0..=2 if calls.opening => self.end_open(link, detail < 14),
            0..=1 if calls.receiving && !calls.fences.is_empty() => {
                self.answer_fence(link, detail);
            }
            0..=5 if calls.receiving => self.end_receive(link, choice),
            6..=8 if calls.sending.is_some() => self.end_send(link, detail < 15),
            6..=8 if calls.closing => {
                self.link(link).closing = false;
                self.tell(Input::SaidGoodbye {
                    link,
                    answered: true,
                });
            }
            9..=11 if self.open && !self.closing => self.send_messages(detail % 5 + 1),
            12 if detail == 0 && !self.closing => {
                self.closing = true;
                self.tell(Input::Close);
            }
            12 if detail < 8 => self.answer_late(choice),
            12 => self.show_activity(link, detail),
            13 => {
                self.inbox_has_room = detail < 8;
                self.tell(Input::Room(self.inbox_has_room));
            }
            14 => {
                self.engine.now += Duration::from_millis(u64::from(detail) * 300);
                self.tell(Input::Timeout);
            }
            15 if detail == 0 => self.pass_the_wait(),
            _ => {}
        }
    }

    /// Records messages that have to be delivered. During a close, the engine may drop all messages
    /// from the first one that arrives while the inbox is full.
    fn arrives(&mut self, messages: Vec<String>) {
        self.message_dropped |= self.closing && !self.inbox_has_room;
        if !self.message_dropped {
            self.arrived.extend(messages);
        }
    }

    fn fail(&mut self, link: LinkId, call: Call) {
        let error = Error::new(ErrorKind::Ended, "gone");
        self.tell(Input::Failed { link, call, error });
    }

    /// The current link returns another message, or has nothing more ready.
    fn drain(&mut self, more: bool) {
        let session = self.session;
        if more && self.link(session).receiving {
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

    fn end_open(&mut self, link: LinkId, success: bool) {
        let calls = self.link(link);
        calls.opening = false;
        if success {
            let framing = calls.expected_framing();
            let confirms = calls.confirms();
            calls.framing = Some(framing);
            self.tell(Input::Opened {
                link,
                framing,
                confirms,
                key: link.0,
            });
        } else {
            self.fail(link, Call::Open);
        }
    }

    /// The peer answers one of the fences, and thereby all earlier ones.
    fn answer_fence(&mut self, link: LinkId, detail: u32) {
        let calls = self.link(link);
        let at = detail as usize % calls.fences.len();
        let fence = calls.fences.drain(..=at).next_back().unwrap();
        calls.receiving = false;
        self.tell(Input::FenceAnswered { link, fence });
        if self.end.is_none() {
            let packets = Vec::new();
            self.tell(Input::Received { link, packets });
        }
    }

    fn end_receive(&mut self, link: LinkId, choice: u32) {
        let packets = self.packets(link, choice);
        self.link(link).receiving = false;
        let Some(packets) = packets else {
            return self.fail(link, Call::Receive);
        };
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

    fn end_send(&mut self, link: LinkId, success: bool) {
        self.link(link).sending = None;
        if success {
            self.tell(Input::Sent { link });
        } else {
            self.fail(link, Call::Send);
        }
    }

    /// The user sends `count` messages.
    fn send_messages(&mut self, count: u32) {
        let messages: Vec<String> = (0..count).map(|_| self.number()).collect();
        let acceptance = self.acceptance.unwrap();
        let packets = messages.iter().map(|message| text(message)).collect();
        for message in &messages {
            acceptance.check(&Message::from(message.as_str())).unwrap();
        }
        self.accepted.extend(messages);
        self.tell(Input::Send(packets));
    }

    /// Reports bytes of unfinished messages that arrived or left, possibly some time ago.
    fn show_activity(&mut self, link: LinkId, detail: u32) {
        let earlier = Duration::from_millis(u64::from(detail) * 40);
        let at = self.engine.now.saturating_sub(earlier);
        self.tell(Input::Active {
            link,
            asked: Asked::Untold,
            received: detail.is_multiple_of(2).then_some(at),
            sent: (detail % 4 < 2).then_some(at),
        });
    }

    /// Time passes until the engine's `Wait` ends. The engine must not wait for the same time again.
    fn pass_the_wait(&mut self) {
        let Some(wait) = self.engine.wait else {
            return;
        };
        self.engine.now = self.engine.now.max(wait);
        self.tell(Input::Timeout);
        let again = self.engine.wait.filter(|_| self.end.is_none());
        assert!(
            again.is_none_or(|again| again > self.engine.now),
            "the deadline has passed and the engine waits for it again"
        );
    }

    /// A call on a dropped link returns, which must change nothing.
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
                confirms: Confirms::Never,
                key: 0,
            },
            2 => Input::Sent { link },
            3 => Input::SaidGoodbye {
                link,
                answered: true,
            },
            4 => Input::Drained { link },
            5 => failed(Call::Open),
            6 => failed(Call::Receive),
            _ => failed(Call::Send),
        };
        let wait = self.engine.wait;
        self.engine.inner.handle(self.engine.now, input);
        let outputs = self.engine.outputs();
        assert!(
            outputs.is_empty(),
            "{outputs:?} after a result of the dropped {link:?}"
        );
        assert_eq!(self.engine.wait, wait);
    }

    /// The packets that a `recv` call returns, or `None` if it fails.
    fn packets(&mut self, link: LinkId, choice: u32) -> Option<Vec<Packet>> {
        let detail = choice / 256 % 16;
        if link == self.session && !self.handshake_given {
            match choice / 4096 {
                12 => return None,
                13 => return Some(vec![Packet::Open("{}".into()), text("ignored")]),
                14 => return Some(vec![text("ignored")]),
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
}
