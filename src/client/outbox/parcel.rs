//! What a sender hands to the outbox: a message or a group of messages.

use crate::amount::Amount;
use crate::engine::{Acceptance, Outgoing};
use crate::error::Error;
use crate::packet::Message;

/// Something that is accepted as a whole or not at all: a message or a group.
pub(crate) trait Parcel: Sized {
    fn amount(&self) -> Amount;

    /// Whether the session can carry the parcel.
    fn check(&self, acceptance: &Acceptance) -> Result<(), Error>;

    fn append_to(self, queue: &mut Outgoing);
}

impl Parcel for Message {
    fn amount(&self) -> Amount {
        Amount {
            messages: 1,
            bytes: self.len(),
        }
    }

    fn check(&self, acceptance: &Acceptance) -> Result<(), Error> {
        acceptance.check(self)
    }

    #[inline]
    fn append_to(self, queue: &mut Outgoing) {
        queue.push(self);
    }
}

/// A group: its messages are sent in order, with no other message between them.
impl Parcel for Vec<Message> {
    fn amount(&self) -> Amount {
        self.iter()
            .map(Parcel::amount)
            .fold(Amount::default(), Amount::plus)
    }

    fn check(&self, acceptance: &Acceptance) -> Result<(), Error> {
        self.iter()
            .try_for_each(|message| acceptance.check(message))
    }

    fn append_to(self, queue: &mut Outgoing) {
        queue.push_group(self);
    }
}
