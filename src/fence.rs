//! Fences: what tells how far the other end of a link has read.

use std::fmt;

/// A mark in what is sent on a link that [confirms by fences](crate::Confirms::ByFence). The other end
/// answers it when it has read all before it; a websocket's ping is one.
///
/// It is 16 bytes, which nobody can guess who has not read it: 8 random ones of the link, and a number.
/// A [`Batch`](crate::Batch) may hold one, behind its last packet.
///
/// ```
/// use engineio_client::Fence;
///
/// let fence = Fence::from_bytes(b"0123456789abcdef").expect("16 bytes");
/// assert_eq!(fence.as_bytes(), b"0123456789abcdef");
/// assert_eq!(Fence::from_bytes(b"somebody else's pong"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence([u8; Self::LEN]);

impl Fence {
    /// How many bytes a fence has.
    pub const LEN: usize = 16;

    /// The fence of this number, on a link with these random bytes.
    pub(crate) fn new(link: u64, number: u64) -> Self {
        let mut bytes = [0; Self::LEN];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&link.to_be_bytes());
        second.copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// A fence of these bytes, such as those of a pong. `None` where they can't be one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, as they are to be sent, and to come back.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, number) = self.0.split_at(8);
        let number = number
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        write!(f, "Fence({number})")
    }
}
