//! How much of a session a client may take for confirmed at most, seen from the server. What was read beyond
//! that is more than the window allows, if it is more than the window.

use std::time::Duration;

/// A poll proves nothing before it was unanswered for this time.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Window {
    read: usize,
    /// So many of the first may be confirmed.
    confirmable: usize,
    /// So many stood before the newest fence that was answered.
    answered: usize,
    /// The POSTs that were answered: when, how much was read, and how many polls had been answered.
    posts: Vec<(Duration, usize, usize)>,
    polls: usize,
}

impl Window {
    /// A message was read: gives how many are not confirmed.
    pub(super) fn read(&mut self, now: Duration) -> usize {
        self.read += 1;
        self.settle(now);
        self.read - self.confirmable
    }

    /// A fence was read, and is answered: what it proves is what was before the newest one that had been
    /// answered before.
    pub(super) fn fence(&mut self, is_answered: bool, proves: usize) {
        if is_answered {
            self.confirmable = self.confirmable.max(proves);
            self.answered = self.read;
        }
    }

    /// What a fence proves that is read now.
    pub(super) fn proved_by_next(&self) -> usize {
        self.answered
    }

    pub(super) fn posted(&mut self, now: Duration) {
        self.posts.push((now, self.read, self.polls));
    }

    pub(super) fn polled(&mut self) {
        self.polls += 1;
    }

    fn settle(&mut self, now: Duration) {
        let polls = self.polls;
        let settled =
            |post: &&(Duration, usize, usize)| now >= post.0 + SETTLE || polls >= post.2 + 2;
        let count = self.posts.iter().take_while(settled).count();
        if let Some((_, covers, _)) = self.posts.drain(..count).next_back() {
            self.confirmable = self.confirmable.max(covers);
        }
    }
}
