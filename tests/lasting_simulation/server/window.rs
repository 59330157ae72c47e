//! The server's view of the receipts window: the largest set of received messages that the client can
//! have counted as confirmed. All other received messages are unconfirmed for the client, and must not
//! exceed the window.

use std::time::Duration;

/// A poll confirms a POST only after the poll has stayed unanswered for this time.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Window {
    read: Amount,
    /// The most messages that the client may have counted as confirmed by now.
    confirmable: Amount,
    /// Messages received before the newest answered fence.
    answered: Amount,
    posts: Vec<Post>,
    /// Number of answered polls.
    polls: usize,
}

/// An answered POST.
#[derive(Debug)]
struct Post {
    at: Duration,
    covers: Amount,
    /// Number of polls that were answered before the POST.
    polls: usize,
}

/// A number of messages and of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Amount {
    /// The larger number of messages, and the larger number of bytes.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            messages: self.messages.max(other.messages),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl Window {
    /// Records a received message. Returns the unconfirmed amount.
    pub(super) fn read(&mut self, now: Duration, bytes: usize) -> Amount {
        self.read.messages += 1;
        self.read.bytes += bytes;
        self.settle(now);
        Amount {
            messages: self.read.messages - self.confirmable.messages,
            bytes: self.read.bytes - self.confirmable.bytes,
        }
    }

    /// Records the answer to a fence. The client may then count the messages before the previous
    /// answered fence as confirmed, but no later messages.
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
