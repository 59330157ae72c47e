//! What a sender hands to the outbox: a message or a group of messages.

use crate::amount::Amount;
use crate::engine::{Acceptance, Outgoing};
use crate::error::Error;
use crate::packet::Message;

/// Something that is accepted as a whole or not at all: a message or a group.
pub(crate) trait Parcel: Sized {
    /// Messages whose contents were copied to the queue.
    type Copied;

    fn amount(&self) -> Amount;

    /// Whether the session can carry the parcel.
    fn check(&self, acceptance: &Acceptance) -> Result<(), Error>;

    /// Adds the parcel to the queue. Returns the messages that were copied, for the caller to drop.
    fn append_to(self, queue: &mut Outgoing) -> Self::Copied;
}

impl Parcel for Message {
    type Copied = Option<Self>;

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
    fn append_to(self, queue: &mut Outgoing) -> Option<Self> {
        queue.push(self)
    }
}

/// A group: its messages are sent in order, with no other message between them.
impl Parcel for Vec<Message> {
    type Copied = Self;

    fn amount(&self) -> Amount {
        self.iter()
            .map(Parcel::amount)
            .fold(Amount::default(), Amount::plus)
    }

    fn check(&self, acceptance: &Acceptance) -> Result<(), Error> {
        self.iter()
            .try_for_each(|message| acceptance.check(message))
    }

    fn append_to(self, queue: &mut Outgoing) -> Self {
        queue.push_group(self)
    }
}
