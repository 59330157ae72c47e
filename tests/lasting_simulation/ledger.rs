//! The fate of each message according to the client's reports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engineio_client::{Disconnected, ErrorKind, Event, GivenUp, Message};

use super::plan::Plan;
use super::records::Kept;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Messages reported as confirmed, each with the number of its session.
    pub(crate) confirmed: Vec<(u32, u64)>,
    /// Messages reported as possibly lost, given up or unsent.
    pub(crate) reported: BTreeSet<u32>,
    /// Messages reported as unsent.
    pub(crate) unsent: BTreeSet<u32>,
    /// Session ids by session number.
    pub(crate) sids: BTreeMap<u64, String>,
    /// Accepted messages without a report so far.
    rest: VecDeque<u32>,
    confirmed_before: u64,
    lost_before: u64,
    /// Number of consecutive sessions that confirmed nothing.
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
        for observed in &kept.events {
            match &observed.event {
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
        // A dropped client does not read the event that receipts were switched off.
        let closed = kept.closed.as_ref().map(|(_, closed)| closed);
        ledger.without_receipts |=
            plan.ending.is_drop() && closed.is_some_and(|closed| closed.unconfirmed().is_empty());
        ledger.closed(kept);
        ledger
    }

    fn take(&mut self, count: u64) -> Vec<u32> {
        let count = usize::try_from(count).expect("a count");
        assert!(
            count <= self.rest.len(),
            "more messages were reported than accepted"
        );
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
            assert_eq!(lost, named, "not all lost messages are named");
        }
        self.reported.extend(lost);
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
            self.reported.insert(number);
        }
    }

    /// Checks that every message is in one of the four parts of the final report, in order.
    fn closed(&mut self, kept: &Kept) {
        let (_, closed) = kept.closed.as_ref().expect("the client has ended");
        let part = |all: u64, before: u64| all.checked_sub(before).expect("totals do not shrink");
        let confirmed = part(closed.confirmed(), self.confirmed_before);
        self.confirm(confirmed, self.sids.len() as u64);
        let left = part(closed.unconfirmed_count(), self.lost_before);
        let left = self.take(left);
        let named = numbers(closed.unconfirmed());
        if self.without_receipts {
            assert!(named.is_empty());
        } else {
            assert_eq!(left, named, "unconfirmed messages");
        }
        let (uncertain, unsent) = (numbers(closed.uncertain()), numbers(closed.unsent()));
        assert_eq!(
            self.rest.make_contiguous(),
            [&uncertain[..], &unsent[..]].concat(),
            "{closed:?}: accepted = confirmed ++ unconfirmed ++ uncertain ++ unsent"
        );
        self.reported.extend(left);
        self.reported.extend(uncertain);
        self.reported.extend(&unsent);
        self.unsent.extend(unsent);
    }
}

/// The number at the beginning of a user's message.
pub(crate) fn number(text: &str) -> u32 {
    let first = text.split(' ').next().unwrap_or_default();
    first
        .parse()
        .unwrap_or_else(|_| panic!("{text:?} is not a user's message"))
}

fn numbers(messages: &[Message]) -> Vec<u32> {
    messages
        .iter()
        .map(|message| number(message.as_text().expect("only texts are sent")))
        .collect()
}
