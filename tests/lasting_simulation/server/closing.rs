//! Closing a session in a handler while messages are still buffered, as Node's engine.io does it.
//!
//! The session is "closing" until its buffer has left. Everything received meanwhile is discarded,
//! although POSTs are answered with 200 and the WebSocket library answers pings. The close follows the
//! buffer.

use std::time::Duration;

use engineio_client::{Message, Packet};

use super::{Phase, State};
use crate::ms;

/// Maximum time in milliseconds until a WebSocket session's buffer has left.
const FLUSH: u64 = 400;

impl State {
    /// A handler sends this number of messages and closes the session.
    pub(super) fn close(&mut self, at: usize, messages: usize, now: Duration) {
        let discards = self.behaviour.discards_by_polling;
        let flush_at = now + ms(self.random.u64(0..FLUSH));
        let session = &mut self.sessions[at];
        if session.phase != Phase::Open {
            return;
        }
        // Over polling, a client cannot detect that messages were discarded if the server's responses
        // are late.
        if !session.upgraded && !discards {
            return;
        }
        let words = (0..messages).map(|_| Packet::Message(Message::from("bye")));
        session.outgoing.extend(words);
        session.phase = Phase::Closing;
        session.stopped = Some(now);
        // A running poll takes the first message as soon as it is sent.
        session.first_part = (session.polling && messages > 1).then_some(1);
        session.flush_at = Some(if session.outgoing.is_empty() {
            now
        } else {
            flush_at
        });
    }

    /// The response to a poll, if it can be answered now.
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
            // During an upgrade, the poll is released with a noop and messages wait.
            Phase::Open if session.probed && (eager || session.outgoing.is_empty()) => {
                Some(vec![Packet::Noop])
            }
            Phase::Open if session.outgoing.is_empty() => None,
            Phase::Open => Some(session.outgoing.drain(..).collect()),
        }
    }
}
