//! Evidence from polls.
//!
//! The 200 to a POST proves nothing by itself: Node's engine.io also answers 200 while it is closing,
//! and discards the packets. But a server that is closing answers every poll at once, the last one with
//! its close packet. So an answered POST is confirmed by either of:
//!
//! - A poll that is outstanding and stays unanswered for the *settle time* after the POST's answer. An
//!   open server holds the poll until it has something to send; a closing server would have answered.
//!   The settle time is 1 s, or four times the POST's round trip if that is longer. The rule assumes
//!   that no answer on one of the two connections is delayed by more than the settle time relative to
//!   the other.
//! - Two polls, started one after the other after the POST's answer, that were both answered without a
//!   close. One such poll is not enough: a closing server may still answer a poll with an ordinary
//!   message first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::transport::Asked;

/// Minimum settle time: how long a poll has to stay unanswered.
const SETTLE: Duration = Duration::from_secs(1);
/// Minimum settle time in round trips of the POST.
const ROUND_TRIPS: u32 = 4;
/// Number of polls, started after a POST's answer, whose answers confirm the POST.
const POLLS: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Polls {
    /// POSTs that were answered and are not confirmed.
    posts: VecDeque<Post>,
    /// Number of polls started so far.
    begun: u64,
    /// Since when the running poll is outstanding.
    since: Option<Duration>,
    /// Whether the transport reports when it has written a poll, and what it has reported.
    asked: Asked,
}

#[derive(Debug)]
struct Post {
    /// All messages before this place were in this POST or an earlier one.
    covers: u64,
    answered: Duration,
    settle: Duration,
    /// Number of polls started before the answer.
    begun: u64,
}

impl Polls {
    /// A POST that was sent at `begun` was answered now.
    pub(super) fn posted(&mut self, now: Duration, begun: Duration, covers: u64) {
        let round_trip = now.saturating_sub(begun);
        self.posts.push_back(Post {
            covers,
            answered: now,
            settle: SETTLE.max(round_trip.saturating_mul(ROUND_TRIPS)),
            begun: self.begun,
        });
    }

    pub(super) fn begins(&mut self, now: Duration) {
        self.begun = self.begun.saturating_add(1);
        self.since = Some(now);
    }

    /// The transport reports when the running poll was written. The poll counts as outstanding only
    /// from then: until then it may have waited for a connection.
    pub(super) fn asked(&mut self, asked: Asked) {
        self.asked = asked;
        if let Asked::At(at) = asked
            && let Some(since) = &mut self.since
        {
            *since = (*since).max(at);
        }
    }

    /// The running poll was answered. Returns the place before which all messages are now confirmed, if
    /// there is a new one.
    pub(super) fn ended(&mut self, without_close: bool) -> Option<u64> {
        self.since = None;
        if !without_close {
            return None;
        }
        let begun = self.begun;
        self.confirm(|post| post.begun.saturating_add(POLLS) <= begun)
    }

    /// When the oldest POST will be confirmed if the running poll stays unanswered.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let since = self.since?;
        let post = self.posts.front()?;
        Some(post.answered.max(since).saturating_add(post.settle))
    }

    /// Time has passed. Returns the place before which all messages are now confirmed, if there is a new
    /// one.
    pub(super) fn settle(&mut self, now: Duration) -> Option<u64> {
        let since = self.since?;
        if self.deadline()? > now {
            return None;
        }
        let has_left = match self.asked {
            Asked::Untold => true,
            Asked::At(at) => at >= since,
            Asked::NotYet => false,
        };
        // The request has not reached the server yet, so the server's silence proves nothing. The
        // settle time starts again.
        if !has_left {
            self.since = Some(now);
            return None;
        }
        self.confirm(|post| post.answered.max(since).saturating_add(post.settle) <= now)
    }

    fn confirm(&mut self, proved: impl Fn(&Post) -> bool) -> Option<u64> {
        let mut confirmed = None;
        while let Some(post) = self.posts.front()
            && proved(post)
        {
            confirmed = Some(post.covers);
            self.posts.pop_front();
        }
        confirmed
    }
}
