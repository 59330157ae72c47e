//! What the outbox of a client that reconnects keeps from one session to the next.

use std::ops::{Deref, DerefMut, Range};

use super::parcel::Parcel;
use crate::amount::Amount;
use crate::engine::{Acceptance, Outgoing};
use crate::event::{Ended, GivenUp};
use crate::packet::Message;
use crate::reconnect::Resend;

/// The state that outlives a session. Boxed, since most clients have one session and no such state.
#[derive(Debug)]
pub(super) struct Succession(Box<State>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) resend: Resend,
    /// Whether each session has a greeting.
    pub(super) greets: bool,
    /// Whether messages are held back, because the greeting of the session has not returned yet.
    pub(super) held: bool,
    pub(super) greeting: Greeting,
    /// Which messages the link of the session can carry; `None` while there is no session.
    pub(super) link: Option<Acceptance>,
    /// The number of messages at the front of the queue that were accepted for another link.
    pub(super) unjudged: usize,
    /// Whether the link will not change any more.
    pub(super) upgrade_is_over: bool,
    /// The number of messages at the front of the queue that were handed over in an earlier session, but
    /// not in this one yet.
    pub(super) again: usize,
    pub(super) poison: Poison,
    /// The messages before this place were handed over in sessions that ended without confirming
    /// anything.
    pub(super) suspected: u64,
    pub(super) totals: Totals,
    pub(super) given_up: Vec<GivenUp>,
}

/// The greeting of the session.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    pub(super) messages: Vec<Message>,
    pub(super) count: usize,
    /// How many of its messages were sent.
    pub(super) left: usize,
    /// How many of its messages are confirmed.
    pub(super) confirmed: usize,
}

/// The place of the oldest unconfirmed message, and the number of sessions in a row that ended without
/// confirming it.
#[derive(Debug, Default)]
pub(super) struct Poison {
    pub(super) place: u64,
    pub(super) sessions: u32,
}

/// The totals of the earlier sessions.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) confirmed: u64,
    /// Number of messages that were handed over and not confirmed, and that will not be sent again.
    pub(super) unconfirmed: u64,
}

impl Succession {
    pub(super) fn new(resend: Resend, greets: bool) -> Self {
        Self(Box::new(State {
            resend,
            greets,
            held: true,
            greeting: Greeting::default(),
            link: None,
            unjudged: 0,
            upgrade_is_over: false,
            again: 0,
            poison: Poison::default(),
            suspected: 0,
            totals: Totals::default(),
            given_up: Vec::new(),
        }))
    }
}

impl Deref for Succession {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Succession {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

impl State {
    /// Whether the whole queue can be handed over as it is: it is not held back, no greeting is sent
    /// before it, and every message was accepted for this link.
    pub(super) fn lets_all_pass(&self) -> bool {
        !self.held && self.unjudged == 0 && self.greeting.messages.is_empty()
    }

    /// The number of messages at the front of the queue that the link can carry, in whole parcels.
    pub(super) fn count_carried(&self, queue: &Outgoing, link: &Acceptance) -> usize {
        let mut count = 0;
        while count < self.unjudged.min(queue.len()) {
            let parcel = queue.parcel_at(count);
            let mut messages = queue.messages_at(parcel.clone());
            if !messages.all(|message| link.check(&message).is_ok()) {
                return count;
            }
            count = parcel.end;
        }
        queue.len()
    }
}

/// If only a part of a group was handed over, the rest of the group becomes uncertain, too, so that it
/// is not sent in the next session.
pub(super) fn cut_group(ended: &mut Ended) {
    let left = usize::try_from(ended.unconfirmed_count).unwrap_or(usize::MAX);
    let handed = left.saturating_add(ended.uncertain.len());
    let cut = ended
        .groups
        .iter()
        .find(|group| group.start < handed && handed < group.end);
    if let Some(group) = cut {
        let rest = group.end.saturating_sub(handed).min(ended.unsent.len());
        ended.uncertain.extend(ended.unsent.drain(..rest));
    }
}

/// The groups after the first `count` messages, as ranges that are counted from message `count`.
pub(super) fn shift(groups: Vec<Range<usize>>, count: usize) -> Vec<Range<usize>> {
    let behind = groups.into_iter().filter(|group| group.start >= count);
    behind
        .map(|group| group.start.saturating_sub(count)..group.end.saturating_sub(count))
        .collect()
}

pub(super) fn amount(messages: &[Message]) -> Amount {
    messages
        .iter()
        .map(Parcel::amount)
        .fold(Amount::default(), Amount::plus)
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
