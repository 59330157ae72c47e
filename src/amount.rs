//! Sizes of queues of messages.

use crate::limits::Capacity;

/// A number of messages and the number of bytes in them. As a limit, whichever is reached first counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl From<Capacity> for Amount {
    fn from(Capacity { messages, bytes }: Capacity) -> Self {
        Self { messages, bytes }
    }
}

impl Amount {
    #[inline]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    #[inline]
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    #[inline]
    pub(crate) fn fits_in(self, limit: Self) -> bool {
        self.messages <= limit.messages && self.bytes <= limit.bytes
    }
}
