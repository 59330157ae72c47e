//! How much of a session a client may take for confirmed at most, seen from the server. What was read beyond
//! that is more than the window allows, if it is more than the window.

use std::time::Duration;

/// A poll proves nothing before it was unanswered for this time.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Window {
    read: Amount,
    /// What may be confirmed.
    confirmable: Amount,
    /// What stood before the newest fence that was answered.
    answered: Amount,
    posts: Vec<Post>,
    /// How many polls were answered.
    polls: usize,
}

/// A POST that was answered.
#[derive(Debug)]
struct Post {
    at: Duration,
    covers: Amount,
    /// How many polls had been answered.
    polls: usize,
}

/// So many messages, and the bytes in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Amount {
    /// The larger numbers of both.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            messages: self.messages.max(other.messages),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl Window {
    /// A message was read: gives how much is not confirmed.
    pub(super) fn read(&mut self, now: Duration, bytes: usize) -> Amount {
        self.read.messages += 1;
        self.read.bytes += bytes;
        self.settle(now);
        Amount {
            messages: self.read.messages - self.confirmable.messages,
            bytes: self.read.bytes - self.confirmable.bytes,
        }
    }

    /// A fence is answered. It proves what stood before the newest one that had been answered when it was
    /// read, at most.
    pub(super) fn answer(&mut self) {
        self.confirmable = self.confirmable.max(self.answered);
        self.answered = self.read;
    }

    pub(super) fn posted(&mut self, now: Duration) {
        self.posts.push(Post {
            at: now,
            covers: self.read,
            polls: self.polls,
        });
    }

    pub(super) fn polled(&mut self) {
        self.polls += 1;
    }

    fn settle(&mut self, now: Duration) {
        let polls = self.polls;
        let settled = |post: &&Post| now >= post.at + SETTLE || polls >= post.polls + 2;
        let count = self.posts.iter().take_while(settled).count();
        if let Some(post) = self.posts.drain(..count).next_back() {
            self.confirmable = self.confirmable.max(post.covers);
        }
    }
}
