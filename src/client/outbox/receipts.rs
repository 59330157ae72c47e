//! The receipts of an outbox.

use super::Outbox;
use super::confirmations::ConfirmTicket;
use crate::error::Error;

impl<W: Clone> Outbox<W> {
    /// Turns receipts on, until [`no_receipts`](Self::no_receipts).
    pub(crate) fn begin_receipts(&mut self) {
        self.confirmations.begin();
    }

    pub(crate) fn no_receipts(&mut self, error: Error) {
        self.confirmations.end(error, &mut self.woken);
    }

    /// The next `count` messages are confirmed.
    pub(crate) fn confirmed(&mut self, count: u64) {
        let count = self.confirmed_own(count);
        self.confirmations.confirm(count, &mut self.woken);
    }

    /// Whether every message that was accepted before the call began is confirmed, or why it is not.
    /// `None` if neither is known yet; the waker is called when it is.
    pub(crate) fn is_confirmed(
        &mut self,
        ticket: &mut Option<ConfirmTicket>,
        waker: &W,
    ) -> Option<Result<(), Error>> {
        let accepted = self.flushes.accepted();
        let is_closed = self.closed().is_some();
        let (outcome, last) =
            self.confirmations
                .is_confirmed(ticket, accepted, is_closed, waker.clone());
        self.retired.extend(last);
        outcome
    }

    pub(crate) fn cancel_confirm(&mut self, ticket: &mut Option<ConfirmTicket>) {
        self.retired.extend(self.confirmations.cancel(ticket));
    }
}
