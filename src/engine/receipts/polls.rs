//! What the polls prove.
//!
//! A server that is closing answers a POST with 200 and may throw it away, but it answers each poll at
//! once, the last one with its close. So a POST that was answered is confirmed by a poll that stays
//! unanswered; or by two polls begun after it, one after the other, whose answers hold no close.

use std::collections::VecDeque;
use std::time::Duration;

use crate::transport::Asked;

/// So long a poll must stay unanswered, at least: an answer on one of the two connections comes no later
/// than one on the other by more than this.
const SETTLE: Duration = Duration::from_secs(1);
/// And by so many times the round trip of the POST.
const ROUND_TRIPS: u32 = 4;
/// So many polls that were begun after a POST's answer must be answered.
const POLLS: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Polls {
    /// The POSTs that were answered and are not confirmed.
    posts: VecDeque<Post>,
    /// How many polls were begun.
    begun: u64,
    /// Since when the poll that runs counts.
    since: Option<Duration>,
    asked: Asked,
}

#[derive(Debug)]
struct Post {
    /// The messages before this place were in it, or before it.
    covers: u64,
    answered: Duration,
    settle: Duration,
    /// How many polls had been begun then.
    begun: u64,
}

impl Polls {
    /// A POST was answered, which was begun then.
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

    /// What the transport tells of when polls leave. The one that runs may have waited for a connection.
    pub(super) fn asked(&mut self, asked: Asked) {
        self.asked = asked;
        if let Asked::At(at) = asked
            && let Some(since) = &mut self.since
        {
            *since = (*since).max(at);
        }
    }

    /// The poll has ended. Gives the place before which all messages are confirmed, where it was answered
    /// and held no close.
    pub(super) fn ended(&mut self, without_close: bool) -> Option<u64> {
        self.since = None;
        if !without_close {
            return None;
        }
        let begun = self.begun;
        self.confirm(|post| post.begun.saturating_add(POLLS) <= begun)
    }

    /// When the next POST is confirmed if the poll stays unanswered.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let since = self.since?;
        let post = self.posts.front()?;
        Some(post.answered.max(since).saturating_add(post.settle))
    }

    /// Time has passed: gives the place before which all messages are confirmed, if there is a new one.
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
