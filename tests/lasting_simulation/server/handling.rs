//! New sessions, and the handling of received messages.

use std::collections::VecDeque;
use std::time::Duration;

use engineio_client::{Message, Packet};

use super::window::Window;
use super::{Counts, Death, Phase, Reaction, Session, State, Taken};

impl Session {
    pub(super) fn end(&mut self, now: Duration) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.stopped.get_or_insert(now);
        }
    }
}

impl State {
    pub(super) fn new_session(
        &mut self,
        process: u64,
        over_polling: bool,
        now: Duration,
    ) -> Session {
        let (least, most) = self.behaviour.max_payload;
        let reacts = self.random.u8(..) < self.behaviour.reactions;
        let reaction = reacts.then(|| {
            let reaction = match self.random.u8(0..10) {
                0 => Reaction::Die(Death::Reset),
                1 => Reaction::Die(Death::End),
                2 => Reaction::Forget,
                _ => Reaction::Close(self.random.usize(0..4)),
            };
            (self.random.usize(1..12), reaction)
        });
        Session {
            sid: format!("S{}", self.sessions.len()),
            process,
            opened: now,
            stopped: None,
            phase: Phase::Open,
            is_orphan: false,
            upgraded: !over_polling,
            probed: false,
            polling: false,
            max_payload: self.random.usize(least..=most),
            outgoing: VecDeque::new(),
            first_part: None,
            frames: Vec::new(),
            flush_at: None,
            awaiting_pong: false,
            taken: Vec::new(),
            reaction,
            window: Window::default(),
            counts: Counts::default(),
        }
    }

    /// Handles a received message. Returns a `Death` if the message kills the process.
    pub(super) fn read(
        &mut self,
        process: u64,
        at: usize,
        text: &str,
        now: Duration,
    ) -> Option<Death> {
        let session = &mut self.sessions[at];
        session.counts.read += 1;
        let outstanding = session.window.read(now, text.len());
        self.most_outstanding = self.most_outstanding.max(outstanding);
        let (start, phase) = (text.get(..12).unwrap_or(text), session.phase);
        self.trace.push(format!(
            "{:.9} server: session {at} reads {start:?}, {phase:?}, {} unconfirmed",
            now.as_secs_f64(),
            outstanding.messages
        ));
        let is_proxied = session.is_orphan;
        if !is_proxied && (session.phase != Phase::Open || process != self.process) {
            return None;
        }
        let number = text.split(' ').next().unwrap_or_default();
        if let Some(poison) = self.behaviour.poison
            && !is_proxied
            && number.parse() == Ok(poison)
        {
            return Some(Death::Reset);
        }
        session.taken.push(text.to_owned());
        self.log.push(Taken {
            at: now,
            text: text.to_owned(),
        });
        if is_proxied {
            return None;
        }
        if self.random.u8(..) < self.behaviour.echoes {
            let echo = Packet::Message(Message::from("echo"));
            session.outgoing.push_back(echo);
        }
        match session.reaction {
            Some((count, reaction)) if count == session.taken.len() => match reaction {
                Reaction::Close(messages) => self.close(at, messages, now),
                Reaction::Forget => session.end(now),
                Reaction::Die(death) => return Some(death),
            },
            _ => {}
        }
        None
    }
}
