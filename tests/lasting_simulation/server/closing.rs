//! How Node's engine.io closes a session in a handler that has still something to send.
//!
//! It is "closing" until its buffer has left. All that it reads meanwhile is thrown away, though POSTs are
//! answered with 200 and pings of the websocket by its library. Behind the buffer comes the close.

use std::time::Duration;

use engineio_client::{Message, Packet};

use super::{Phase, State};
use crate::ms;

/// A websocket's buffer takes no longer than this to leave, in milliseconds.
const FLUSH: u64 = 400;

impl State {
    /// A handler sends so many messages, and closes the session.
    pub(super) fn close(&mut self, at: usize, messages: usize, now: Duration) {
        let discards = self.behaviour.discards_by_polling;
        let flush_at = now + ms(self.random.u64(0..FLUSH));
        let session = &mut self.sessions[at];
        if session.phase != Phase::Open {
            return;
        }
        // What would be thrown away by a server that answers late can't be noticed by its answers.
        if !session.upgraded && !discards {
            return;
        }
        let words = (0..messages).map(|_| Packet::Message(Message::from("bye")));
        session.outgoing.extend(words);
        session.phase = Phase::Closing;
        session.stopped = Some(now);
        // The poll that runs takes the first message as soon as it is sent.
        session.first_part = (session.polling && messages > 1).then_some(1);
        session.flush_at = Some(if session.outgoing.is_empty() {
            now
        } else {
            flush_at
        });
    }

    /// What a poll is answered with, if it is.
    pub(super) fn poll_answer(&mut self, at: usize, now: Duration) -> Option<Vec<Packet>> {
        let eager = self.behaviour.eager_noops;
        let session = &mut self.sessions[at];
        match session.phase {
            Phase::Closed => Some(vec![Packet::Close]),
            Phase::Closing if session.outgoing.is_empty() => {
                session.end(now);
                Some(vec![Packet::Noop, Packet::Close])
            }
            Phase::Closing => {
                let all = session.outgoing.len();
                let part = session.first_part.take().unwrap_or(all).min(all);
                Some(session.outgoing.drain(..part).collect())
            }
            // An upgrade is under way: the poll is let go, and what is to be said waits.
            Phase::Open if session.probed && (eager || session.outgoing.is_empty()) => {
                Some(vec![Packet::Noop])
            }
            Phase::Open if session.outgoing.is_empty() => None,
            Phase::Open => Some(session.outgoing.drain(..).collect()),
        }
    }
}
