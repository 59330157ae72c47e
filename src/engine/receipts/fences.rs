//! What the answers to fences prove.
//!
//! A server that is closing may throw away what it reads, and answers a fence among it all the same (Node's
//! engine.io answers one, while its own buffer leaves). So an answer tells only that all before the fence
//! was read. That it was taken in is proved by the answer to a second fence, which was sent when that of
//! the first had come: a server that was closing at the first has closed before it reads the second.

use std::collections::VecDeque;
use std::time::Duration;

use crate::fence::Fence;

/// The most fences under way.
const MOST: usize = 8;

#[derive(Debug)]
pub(super) struct Fences {
    /// The random bytes of this link's fences.
    key: u64,
    next: u64,
    under_way: VecDeque<UnderWay>,
    /// All messages before this place were read.
    read: u64,
    /// What an answer to the newest fence proves; nothing new where that was answered.
    proves: u64,
    first: First,
}

#[derive(Debug)]
struct UnderWay {
    number: u64,
    /// The messages before this place stand before it.
    covers: u64,
    /// The messages before this place were read when it was sent.
    proves: u64,
}

/// Whether the other end answers fences at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// It was not asked.
    NotSent,
    /// The first fence has not left.
    Sending,
    /// It has left, and is not answered.
    Sent(Duration),
    Answered,
}

/// How things stand, when it is asked whether a fence is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// So many messages were handed to links, those of the batch that is to be sent among them.
    pub(super) handed: u64,
    pub(super) confirmed: u64,
    /// So much stands behind the last fence that it is worth another.
    pub(super) far: bool,
    /// The window has no room.
    pub(super) full: bool,
    /// No further message waits.
    pub(super) idle: bool,
}

impl Fences {
    /// Those of a new link.
    pub(super) fn new(key: u64) -> Self {
        Self {
            key,
            next: 0,
            under_way: VecDeque::new(),
            read: 0,
            proves: 0,
            first: First::NotSent,
        }
    }

    /// Whether a fence is to follow now, where receipts are wanted.
    #[inline]
    pub(super) fn is_due(&self, at: Position) -> bool {
        let waiting = self.under_way.len();
        if waiting >= MOST {
            return false;
        }
        if self.first == First::NotSent {
            return true;
        }
        let uncovered = at.handed > self.covered();
        // What was read is not proved yet, and nothing is under way that would prove it.
        let unproved = self.read > self.proves.max(at.confirmed);
        if uncovered && at.far {
            return true;
        }
        if waiting > 0 {
            return at.full && (uncovered || unproved);
        }
        unproved || (uncovered && (at.idle || at.full))
    }

    /// Whether a fence that rides along with something else would tell anything new.
    pub(super) fn is_news(&self, handed: u64) -> bool {
        self.under_way.len() < MOST && (handed > self.covered() || self.read > self.proves)
    }

    /// The place up to which fences stand.
    fn covered(&self) -> u64 {
        self.under_way.back().map_or(self.read, |last| last.covers)
    }

    /// The next fence, behind all that was handed over.
    pub(super) fn send(&mut self, handed: u64) -> Fence {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.proves = self.read;
        self.under_way.push_back(UnderWay {
            number,
            covers: handed,
            proves: self.read,
        });
        if self.first == First::NotSent {
            self.first = First::Sending;
        }
        Fence::new(self.key, number)
    }

    /// A batch has left, with what fence there was.
    pub(super) fn left(&mut self, now: Duration) {
        if self.first == First::Sending {
            self.first = First::Sent(now);
        }
    }

    /// A fence was answered: gives the place before which all messages are confirmed, if it proves one. One
    /// that is not under way is ignored. An answer counts for all fences before it: a websocket need answer
    /// the newest ping alone.
    pub(super) fn answered(&mut self, fence: Fence) -> Option<u64> {
        let at = self
            .under_way
            .iter()
            .position(|known| Fence::new(self.key, known.number) == fence)?;
        self.first = First::Answered;
        let mut proved = None;
        for known in self.under_way.drain(..=at) {
            self.read = self.read.max(known.covers);
            proved = Some(known.proves);
        }
        proved
    }

    pub(super) fn is_any_answered(&self) -> bool {
        self.first == First::Answered
    }

    /// One was sent, and none was answered.
    pub(super) fn are_unanswered(&self) -> bool {
        matches!(self.first, First::Sending | First::Sent(_))
    }

    /// Whether the other end answers no fence: later packets have come, and the first is not answered after
    /// this time.
    pub(super) fn are_ignored(&self, now: Duration, patience: Duration) -> bool {
        matches!(self.first, First::Sent(at) if now >= at.saturating_add(patience))
    }
}
