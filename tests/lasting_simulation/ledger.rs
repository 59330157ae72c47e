//! What has become of each message, by what the client has told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engineio_client::{Disconnected, ErrorKind, Event, GivenUp, Message};

use super::plan::Plan;
use super::records::Kept;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Messages that are said to be confirmed, each with the number of its session.
    pub(crate) confirmed: Vec<(u32, u64)>,
    /// Those of which it was said that they may not have arrived, or were never sent.
    pub(crate) told: BTreeSet<u32>,
    /// Those that are said to have never left.
    pub(crate) unsent: BTreeSet<u32>,
    /// The ids of the sessions, by their numbers.
    pub(crate) sids: BTreeMap<u64, String>,
    /// What is open.
    rest: VecDeque<u32>,
    confirmed_before: u64,
    lost_before: u64,
    /// How many sessions in a row have confirmed nothing.
    barren: u32,
    without_receipts: bool,
}

impl Ledger {
    pub(crate) fn read(plan: &Plan, kept: &Kept) -> Self {
        let mut ledger = Self {
            rest: kept.accepted.iter().map(|item| item.number).collect(),
            without_receipts: plan.receipts.is_none(),
            ..Self::default()
        };
        for told in &kept.events {
            match &told.event {
                Event::Connected(connected) => {
                    let expected = ledger.sids.len() as u64 + 1;
                    assert_eq!(connected.session, expected, "sessions are numbered");
                    let sid = connected.handshake.sid.clone();
                    ledger.sids.insert(connected.session, sid);
                }
                Event::Disconnected(ended) => ledger.disconnected(plan, ended),
                Event::GivenUp(given_up) => ledger.given_up(plan, given_up),
                Event::NoReceipts { .. } => ledger.without_receipts = true,
                _ => {}
            }
        }
        // A client that was dropped is not told that there are no receipts any more.
        let closed = kept.closed.as_ref().map(|(_, closed)| closed);
        ledger.without_receipts |=
            plan.ending.is_drop() && closed.is_some_and(|closed| closed.unconfirmed().is_empty());
        ledger.closed(kept);
        ledger
    }

    fn take(&mut self, count: u64) -> Vec<u32> {
        let count = usize::try_from(count).expect("a count");
        assert!(count <= self.rest.len(), "more was told than was accepted");
        self.rest.drain(..count).collect()
    }

    fn confirm(&mut self, count: u64, session: u64) {
        let numbers = self.take(count);
        self.confirmed
            .extend(numbers.into_iter().map(|number| (number, session)));
    }

    fn disconnected(&mut self, plan: &Plan, ended: &Disconnected) {
        assert_eq!(ended.session, self.sids.len() as u64);
        self.confirm(ended.confirmed, ended.session);
        self.confirmed_before += ended.confirmed;
        self.barren = if ended.confirmed == 0 {
            self.barren + 1
        } else {
            0
        };
        if plan.resends() {
            assert!(ended.may_be_lost() == 0 && ended.lost.is_empty());
            return;
        }
        assert_eq!(ended.may_be_lost(), ended.unconfirmed + ended.uncertain);
        let lost = self.take(ended.may_be_lost());
        self.lost_before += ended.may_be_lost();
        let named = numbers(&ended.lost);
        assert!(lost.ends_with(&named), "lost {lost:?}, named {named:?}");
        if !self.without_receipts {
            assert_eq!(lost, named, "all that was lost is named");
        }
        self.told.extend(lost);
    }

    fn given_up(&mut self, plan: &Plan, given_up: &GivenUp) {
        let gone = numbers(&given_up.messages);
        if given_up.error.kind() == ErrorKind::Unconfirmed {
            assert!(plan.resends() && self.barren >= 3, "given up too early");
        } else if !plan.resends() {
            self.unsent.extend(&gone);
        }
        for number in gone {
            let at = self.rest.iter().position(|open| *open == number);
            self.rest
                .remove(at.unwrap_or_else(|| panic!("{number} was given up twice")));
            self.told.insert(number);
        }
    }

    /// Every message is in one of the four parts, in order.
    fn closed(&mut self, kept: &Kept) {
        let (_, closed) = kept.closed.as_ref().expect("it has ended");
        let part = |all: u64, before: u64| all.checked_sub(before).expect("totals do not shrink");
        let confirmed = part(closed.confirmed(), self.confirmed_before);
        self.confirm(confirmed, self.sids.len() as u64);
        let left = part(closed.unconfirmed_count(), self.lost_before);
        let left = self.take(left);
        let named = numbers(closed.unconfirmed());
        if self.without_receipts {
            assert!(named.is_empty());
        } else {
            assert_eq!(left, named, "what has left and is not confirmed");
        }
        let (uncertain, unsent) = (numbers(closed.uncertain()), numbers(closed.unsent()));
        assert_eq!(
            self.rest.make_contiguous(),
            [&uncertain[..], &unsent[..]].concat(),
            "{closed:?}: accepted = confirmed ++ unconfirmed ++ uncertain ++ unsent"
        );
        self.told.extend(left);
        self.told.extend(uncertain);
        self.told.extend(&unsent);
        self.unsent.extend(unsent);
    }
}

/// The number at the beginning of a message of the user's.
pub(crate) fn number(text: &str) -> u32 {
    let first = text.split(' ').next().unwrap_or_default();
    first
        .parse()
        .unwrap_or_else(|_| panic!("{text:?} is not the user's"))
}

fn numbers(messages: &[Message]) -> Vec<u32> {
    messages
        .iter()
        .map(|message| number(message.as_text().expect("texts alone")))
        .collect()
}
