//! The end of a session, with the fate of every message.

use std::collections::VecDeque;

use super::{Engine, Output, Phase};
use crate::event::{Ended, Reason};

impl Engine {
    /// Ends the session, as answered. A caller with [`Reason::Client`] knows that the server has learnt
    /// of the end or has no session.
    pub(super) fn end(&mut self, reason: Reason) {
        self.end_with(reason, true);
    }

    /// Drops the links and reports the end. `answered` says whether the server has answered the goodbye.
    pub(super) fn end_with(&mut self, reason: Reason, answered: bool) {
        self.abandon_probe();
        if let Some(link) = self.abandoned.take() {
            self.outputs.push_back(Output::Drop { link });
        }
        self.outputs.push_back(Output::Drop {
            link: self.current.id,
        });
        let answered = answered && matches!(reason, Reason::Client);
        let ended = self.account(reason, answered);
        self.outputs.push_back(Output::Closed(Box::new(ended)));
    }

    /// Ends the session immediately. Returns the outputs that were still queued, followed by
    /// [`Output::Closed`].
    pub(crate) fn end_now(&mut self, reason: Reason) -> VecDeque<Output> {
        if !matches!(self.phase, Phase::Closed) {
            self.end(reason);
        }
        std::mem::take(&mut self.outputs)
    }

    /// Accounts for every message: accepted = confirmed ++ unconfirmed ++ uncertain ++ unsent, in order.
    fn account(&mut self, reason: Reason, answered: bool) -> Ended {
        self.phase = Phase::Closed;
        let mut uncertain = std::mem::take(&mut self.uncertain);
        if let Some(sending) = self.current.sending.take() {
            uncertain.extend(sending.batch.into_messages());
        }
        let confirmed = self.receipts.confirmed();
        let in_flight = u64::try_from(uncertain.len()).unwrap_or(u64::MAX);
        let left = self.send_queue.handed().saturating_sub(in_flight);
        let index = |place: u64| usize::try_from(place.saturating_sub(confirmed)).unwrap_or(0);
        let groups = self.send_queue.groups();
        let unconfirmed = left.saturating_sub(confirmed);
        let receipts = self.receipts.are_on();
        Ended {
            doubtful: if receipts { unconfirmed } else { 0 },
            groups: groups
                .map(|group| index(group.start)..index(group.end))
                .collect(),
            fences_unanswered: self.receipts.fences_are_unanswered(),
            answered,
            reason,
            confirmed,
            unconfirmed_count: unconfirmed,
            unconfirmed: self.receipts.take_unconfirmed(),
            uncertain,
            unsent: self.send_queue.take().into_messages().collect(),
        }
    }
}
