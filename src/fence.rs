//! Fences: marks by which a link confirms how far the peer has read.

use std::fmt;

/// A mark that the peer answers when it has read everything before it, on a link that [confirms by
/// fences](crate::Confirms::ByFence). Over WebSocket a fence is a ping, and the pong is its answer.
///
/// A [`Batch`](crate::Batch) may have a fence after its last packet. A fence consists of 16 bytes: 8
/// random bytes, the same for all fences of a link, and a number. The random bytes prevent a peer from
/// answering a fence that it has not read.
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
    /// Length of a fence in bytes.
    pub const LEN: usize = 16;

    /// Creates the fence with this number, on a link with these random bytes.
    pub(crate) fn new(link: u64, number: u64) -> Self {
        let mut bytes = [0; Self::LEN];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&link.to_be_bytes());
        second.copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// Reads a fence, from the payload of a pong for example. `None` unless there are exactly 16 bytes.
    ///
    /// ```
    /// use engineio_client::Fence;
    ///
    /// assert!(Fence::from_bytes(&[7; Fence::LEN]).is_some());
    /// assert!(Fence::from_bytes(b"short").is_none());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to send, and to expect in the answer.
    ///
    /// ```
    /// use engineio_client::Fence;
    ///
    /// /// The payload of a WebSocket ping.
    /// fn payload(fence: &Fence) -> &[u8] {
    ///     fence.as_bytes()
    /// }
    /// ```
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
