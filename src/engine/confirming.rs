//! How the session uses receipts. The proofs of arrival themselves are in `receipts/`.

use std::time::Duration;

use super::{Engine, Link, LinkId, Output, Phase};
use crate::error::{Error, ErrorKind};
use crate::fence::Fence;
use crate::transport::Confirms;

impl Engine {
    /// Starts to use the evidence that the new current link offers, or turns receipts off if it offers
    /// none.
    pub(super) fn use_link(&mut self) {
        let Link { confirms, key, .. } = self.current;
        self.receipts.use_link(confirms, key);
        if confirms == Confirms::Never && self.receipts.are_on() {
            let error = self.unsupported(self.current.transport);
            self.turn_off_receipts(error);
        }
    }

    pub(super) fn unsupported(&self, transport: usize) -> Error {
        let name = self.transport_name(transport);
        let message = format!("the transport {name} can't confirm messages");
        Error::new(ErrorKind::Unsupported, message)
    }

    pub(super) fn turn_off_receipts(&mut self, error: Error) {
        self.receipts.give_up();
        self.outputs.push_back(Output::NoReceipts(error));
    }

    pub(super) fn fence_answered(&mut self, now: Duration, link: LinkId, fence: Fence) {
        if link != self.current.id {
            return;
        }
        self.current.answered_fence = true;
        let confirmed = self.receipts.fence_answered(fence);
        self.confirmed(confirmed);
        if let Phase::Closing(closing) = &mut self.phase
            && confirmed > 0
        {
            closing.progress(now);
        }
    }

    /// Reports that the next `count` messages are confirmed.
    pub(super) fn confirmed(&mut self, count: u64) {
        if count > 0 && self.receipts.are_on() {
            self.send_queue.forget_groups(self.receipts.confirmed());
            self.outputs.push_back(Output::Confirmed(count));
        }
    }

    /// Whether receipts are on and a message that was handed to a link is not confirmed.
    pub(super) fn is_unsettled(&self) -> bool {
        self.receipts.are_on() && self.receipts.confirmed() < self.send_queue.handed()
    }

    /// How long the server waits for a pong. The engine waits as long for the first answer to a fence.
    pub(super) fn ping_timeout(&self) -> Duration {
        let handshake = self.handshake.as_ref();
        handshake.map_or(Duration::MAX, |handshake| handshake.ping_timeout)
    }
}
