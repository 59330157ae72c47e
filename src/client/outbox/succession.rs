//! What an outbox has to remember from one session to the next.

use std::ops::Range;

use super::parcel::Parcel;
use crate::amount::Amount;
use crate::engine::{Acceptance, Outgoing};
use crate::event::{Ended, GivenUp};
use crate::packet::{Message, Packet};
use crate::reconnect::Resend;

/// How one session follows another.
#[derive(Debug)]
pub(super) struct Succession {
    pub(super) resend: Resend,
    /// Each session has a greeting.
    pub(super) greets: bool,
    /// Nothing but the greeting leaves.
    pub(super) held: bool,
    pub(super) greeting: Greeting,
    /// What the link of the session can carry; `None` while there is no session.
    pub(super) link: Option<Acceptance>,
    /// So many messages at the front of the queue were accepted for another link.
    pub(super) unjudged: usize,
    /// The link will not become another one.
    pub(super) upgrade_is_over: bool,
    /// So many messages that were not handed over in this session, the next ones to be, were in an earlier
    /// one.
    pub(super) again: usize,
    pub(super) poison: Poison,
    /// Messages before this place were under way when sessions ended that confirmed nothing.
    pub(super) suspected: u64,
    pub(super) totals: Totals,
    pub(super) given_up: Vec<GivenUp>,
}

/// The greeting of the session.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    pub(super) messages: Vec<Message>,
    /// How many it had, and how many of them have left and are confirmed.
    pub(super) count: usize,
    pub(super) left: usize,
    pub(super) confirmed: usize,
}

/// The oldest message, and how often it has failed to arrive.
#[derive(Debug, Default)]
pub(super) struct Poison {
    pub(super) place: u64,
    pub(super) sessions: u32,
}

/// What has become of messages in all sessions before.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) confirmed: u64,
    /// They had left, and no session sends them again.
    pub(super) unconfirmed: u64,
}

impl Succession {
    /// Whether the queue leaves as it is: nothing holds it up, goes before it, or is still to be judged.
    pub(super) fn lets_all_pass(&self) -> bool {
        !self.held && self.unjudged == 0 && self.greeting.messages.is_empty()
    }

    /// How many messages at the front of the queue the link can carry. Parcels go as a whole.
    pub(super) fn count_carried(&self, queue: &Outgoing, link: &Acceptance) -> usize {
        let mut count = 0;
        while count < self.unjudged.min(queue.len()) {
            let parcel = queue.parcel_at(count);
            let mut messages = queue.messages_at(parcel.clone());
            if !messages.all(|message| link.check(message).is_ok()) {
                return count;
            }
            count = parcel.end;
        }
        queue.len()
    }
}

/// A group of which anything was handed over is uncertain as a whole: its rest is not sent.
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

/// The groups behind the first so many messages, with places that count from there.
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

/// The amount of each message among these packets.
pub(super) fn amounts(packets: &[Packet]) -> Vec<Amount> {
    packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::Message(message) => Some(message.amount()),
            _ => None,
        })
        .collect()
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
