//! The invariants that the model checks.

use std::collections::BTreeMap;

use super::{Amount, Audit, Model};
use crate::event::Closed;

impl Model {
    /// Checks the bound of the outbox, and the order of the queue.
    pub(super) fn check_bounds(&self) {
        let Audit {
            pending, reserved, ..
        } = self.audit();
        let beyond = Amount {
            messages: self.sinks,
            bytes: self.sinks * 45,
        };
        let mut bound = self.capacity;
        if self.large {
            // The outbox may hold a single larger group.
            bound.messages = bound.messages.max(3);
            bound.bytes = bound.bytes.max(3 * 45);
        }
        let held = if self.sinks == 0 {
            pending.plus(reserved)
        } else {
            pending
        };
        assert!(
            held.fits_in(bound.plus(beyond)),
            "{pending:?} and {reserved:?} of {:?}",
            self.capacity
        );
        let state = self.state.borrow();
        let accepted = state.accepted_count();
        let Audit {
            accepted: counted,
            left,
            ..
        } = self.handle().shared().state().outbox.audit();
        assert_eq!(
            accepted, counted,
            "the outbox counts other messages than the users"
        );
        assert!(
            left <= state.wire.len() as u64,
            "more messages have left than were handed to the transport"
        );
        if state.closing || self.has_closed() {
            return;
        }
        let waiting = state.users.values().filter(|user| user.is_send());
        let first = waiting
            .clone()
            .filter(|user| user.queues())
            .filter_map(|user| user.begun)
            .min();
        for user in waiting.filter(|user| user.woken.is_set()) {
            assert!(
                first.is_none_or(|first| user.begun.is_some_and(|begun| begun < first)),
                "a sender was given room before one that came first"
            );
        }
    }

    /// Lets the driver come to rest. Then every call that can continue must have been woken.
    pub(super) fn be_quiet(&self) {
        self.run_driver_until_idle();
        self.rethrow();
        let ids: Vec<u64> = {
            let state = self.state.borrow();
            let users = state.users.iter();
            let at_rest = users.filter(|(_, user)| !user.woken.is_set() && user.begun.is_some());
            at_rest.map(|(id, _)| *id).collect()
        };
        for id in ids {
            let woken = {
                let state = self.state.borrow();
                state.users.get(&id).is_none_or(|user| user.woken.is_set())
            };
            assert!(
                woken || self.poll_user(id) || self.is_over(),
                "a call could continue and was not woken"
            );
        }
        self.run_driver_until_idle();
        self.rethrow();
        self.check_liveness();
    }

    pub(super) fn check_liveness(&self) {
        let audit = self.audit();
        let state = self.state.borrow();
        if !state.open || state.closing || state.driver.is_none() || self.has_closed() {
            return;
        }
        if audit.accepted == 0 && audit.waiting > 0 && state.wire.is_empty() {
            // The open packet may not have been read yet.
            return;
        }
        assert!(
            audit.waiting == 0 || audit.promised == 0,
            "a sink blocks other senders"
        );
        let part = |of: usize| of - of / 32;
        let dealt = Amount {
            messages: part(self.capacity.messages),
            bytes: part(self.capacity.bytes),
        };
        if audit.pending.messages > 0 && !audit.pending.fits_in(dealt) {
            return;
        }
        let mut queue: Vec<(u64, Amount)> = Vec::new();
        for user in state.users.values().filter(|user| user.queues()) {
            queue.push((user.begun.unwrap_or_default(), user.amount));
        }
        let sinks = state.sinks.iter().filter(|sink| sink.ready.waits());
        let sinks = sinks.filter_map(|sink| sink.ready.begun);
        let sinks: Vec<u64> = sinks.collect();
        let Some((_, first)) = queue.into_iter().min_by_key(|(begun, _)| *begun) else {
            let granted = audit.reserved.messages > 0 || audit.pending.messages > 0;
            assert!(
                granted || sinks.is_empty(),
                "a sink waits for an empty outbox"
            );
            return;
        };
        if !sinks.is_empty() {
            // Only the outbox knows whether a sink or a sender is the first in the queue.
            return;
        }
        let held = audit.pending.plus(audit.reserved);
        assert!(
            held.messages > 0 && !held.plus(first).fits_in(self.capacity),
            "there is room for {first:?} beside {held:?}, but no sender was given it"
        );
        // Only senders that were woken have reserved room.
        let granted = state
            .users
            .values()
            .filter(|user| user.is_send() && user.woken.is_set());
        let granted = granted
            .map(|user| user.amount)
            .fold(Amount::default(), Amount::plus);
        assert_eq!(
            audit.reserved, granted,
            "the reserved room is not that of the woken senders"
        );
    }

    /// Checks that the end has woken every waiting call.
    pub(super) fn check_wakes(&self) {
        let state = self.state.borrow();
        for user in state.users.values() {
            assert!(
                user.begun.is_none() || user.woken.is_set(),
                "the end has not woken a waiting call"
            );
        }
        for sink in &state.sinks {
            for pending in [&sink.ready, &sink.flush, &sink.close] {
                assert!(!pending.waits(), "the end has not woken a sink");
            }
        }
    }

    /// Checks that accepted = left ++ uncertain ++ unsent, in order, and that every group is complete.
    pub(super) fn check_account(&self, closed: &Closed) {
        let left = usize::try_from(self.audit().left).unwrap();
        let state = self.state.borrow();
        let under_way = &state.wire[left..];
        assert!(
            closed.uncertain().starts_with(under_way),
            "the messages being sent must be uncertain"
        );
        let mut all = state.wire[..left].to_vec();
        all.extend_from_slice(closed.uncertain());
        all.extend_from_slice(closed.unsent());
        let mut parcels: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (number, accepted) in state.accepted.iter().enumerate() {
            for (place, label) in accepted.labels.iter().enumerate() {
                parcels.insert(label.as_text().unwrap(), (number, place));
            }
        }
        assert_eq!(all.len(), parcels.len(), "accepted = all lists together");
        let mut latest = 0;
        let mut at = 0;
        while let Some(label) = all.get(at) {
            let found = parcels.get(label.as_text().unwrap());
            let &(number, place) = found.expect("it was not accepted");
            assert_eq!(place, 0, "the group has no beginning");
            let accepted = &state.accepted[number];
            let end = at + accepted.labels.len();
            assert_eq!(all.get(at..end), Some(&accepted.labels[..]), "a torn group");
            assert!(
                latest < accepted.done,
                "sent before a message accepted earlier"
            );
            latest = latest.max(accepted.begun);
            at = end;
        }
    }
}
