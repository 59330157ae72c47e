//! The packets that a transport sends in one exchange. `engine/send_queue.rs` decides their number.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::amount::Amount;
use crate::codec::{Frame, Packets, frame};
use crate::fence::Fence;
use crate::packet::{Message, Packet};
use crate::packet_list::PacketList;

/// The packets of one [`send`](crate::PacketSender::send), in order. A batch has at least one packet, or
/// a [fence](Batch::fence).
///
/// There are three ways to read it:
///
/// - A transport that sends a frame per packet writes the [`frames`](Batch::frames), which borrow from
///   the batch.
/// - A transport that joins packets into payloads writes the result of
///   [`encode_payload`](crate::codec::encode_payload).
/// - Iterating gives [`Packet`]s by value. Messages of at most 125 bytes are copied, the contents of longer
///   ones are shared.
///
/// Clones share the packets.
///
/// ```
/// use engineio_client::codec::Frame;
/// use engineio_client::{Batch, Message, Packet};
///
/// let batch = Batch::from(vec![Packet::Message(Message::from("hello")), Packet::Upgrade]);
/// assert_eq!(batch.len(), 2);
/// let frames: Vec<Frame<'_>> = batch.frames().collect();
/// assert_eq!(frames, [Frame::Text(b'4', "hello"), Frame::Text(b'5', "")]);
/// for packet in &batch {
///     println!("{packet:?}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Batch(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    packets: PacketList,
    fence: Option<Fence>,
}

impl Batch {
    pub(crate) fn new(packets: PacketList) -> Self {
        Self(Arc::new(Inner {
            packets,
            fence: None,
        }))
    }

    /// Number of packets.
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// assert_eq!(Batch::from(vec![Packet::Noop]).len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.0.packets.len()
    }

    /// Whether the batch has no packets. Such a batch has only a [fence](Batch::fence).
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// assert!(!Batch::from(vec![Packet::Noop]).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.packets.is_empty()
    }

    /// The fence of the batch, on a link that [confirms by fences](crate::Confirms::ByFence). The
    /// transport writes it after the last byte of the batch's packets; it must not overtake any of them.
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// assert_eq!(Batch::from(vec![Packet::Noop]).fence(), None);
    /// ```
    pub fn fence(&self) -> Option<&Fence> {
        self.0.fence.as_ref()
    }

    /// Adds a fence after the packets, for tests of transports.
    ///
    /// ```
    /// use engineio_client::{Batch, Fence, Packet};
    ///
    /// let fence = Fence::from_bytes(b"0123456789abcdef").expect("16 bytes");
    /// let batch = Batch::from(vec![Packet::Noop]).with_fence(fence);
    /// assert_eq!(batch.fence(), Some(&fence));
    /// ```
    #[must_use]
    pub fn with_fence(self, fence: Fence) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.fence = Some(fence);
        Self(Arc::new(inner))
    }

    /// Iterates over the packets by value.
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// let batch = Batch::from(vec![Packet::Upgrade, Packet::Noop]);
    /// assert_eq!(batch.iter().last(), Some(Packet::Noop));
    /// ```
    pub fn iter(&self) -> BatchIter<'_> {
        BatchIter {
            packets: &self.0.packets,
            rest: 0..self.len(),
        }
    }

    /// Iterates over the packets as frames, which borrow from the batch.
    ///
    /// ```
    /// use engineio_client::codec::Frame;
    /// use engineio_client::{Batch, Packet};
    ///
    /// let batch = Batch::from(vec![Packet::Upgrade]);
    /// assert!(batch.frames().eq([Frame::Text(b'5', "")]));
    /// ```
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> + Clone {
        self.0.packets.frames()
    }

    /// The frame of the packet at this index, from 0, or `None` after the last: for a transport that
    /// writes a batch in several steps.
    ///
    /// ```
    /// use engineio_client::codec::Frame;
    /// use engineio_client::{Batch, Packet};
    ///
    /// let batch = Batch::from(vec![Packet::Upgrade]);
    /// assert_eq!(batch.frame(0), Some(Frame::Text(b'5', "")));
    /// assert_eq!(batch.frame(1), None);
    /// ```
    #[inline]
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        self.0.packets.frame(index)
    }

    /// Copies the list of packets. The contents of messages longer than 125 bytes are shared.
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// assert_eq!(Batch::from(vec![Packet::Noop]).to_vec(), [Packet::Noop]);
    /// ```
    pub fn to_vec(&self) -> Vec<Packet> {
        self.iter().collect()
    }

    /// The messages and bytes that count for each packet: none unless it is a message.
    pub(crate) fn amounts(&self) -> impl Iterator<Item = Amount> {
        self.0.packets.amounts()
    }

    pub(crate) fn into_messages(self) -> impl Iterator<Item = Message> {
        Arc::unwrap_or_clone(self.0).packets.into_messages()
    }

    /// Returns an empty list that has the buffers of this batch. `None` if the batch has been cloned, or
    /// if its buffers are not worth keeping.
    pub(crate) fn into_empty_list(self) -> Option<PacketList> {
        Arc::try_unwrap(self.0).ok()?.packets.into_empty()
    }

    /// Returns the packets.
    ///
    /// ```
    /// use engineio_client::{Batch, Packet};
    ///
    /// assert_eq!(Batch::from(vec![Packet::Noop]).into_packets(), [Packet::Noop]);
    /// ```
    pub fn into_packets(self) -> Vec<Packet> {
        let packets = Arc::unwrap_or_clone(self.0).packets;
        packets.into_packets().collect()
    }
}

impl From<Vec<Packet>> for Batch {
    fn from(packets: Vec<Packet>) -> Self {
        Self::from_iter(packets)
    }
}

impl FromIterator<Packet> for Batch {
    fn from_iter<I: IntoIterator<Item = Packet>>(packets: I) -> Self {
        Self::new(PacketList::from_iter(packets))
    }
}

impl PartialEq<[Packet]> for Batch {
    fn eq(&self, packets: &[Packet]) -> bool {
        self.frames().eq(packets.iter().map(frame))
    }
}

impl<const N: usize> PartialEq<[Packet; N]> for Batch {
    fn eq(&self, packets: &[Packet; N]) -> bool {
        *self == *packets.as_slice()
    }
}

impl PartialEq<Vec<Packet>> for Batch {
    fn eq(&self, packets: &Vec<Packet>) -> bool {
        *self == *packets.as_slice()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self);
        if let Some(fence) = self.fence() {
            list.entry(fence);
        }
        list.finish()
    }
}

impl Packets for Batch {
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> + Clone {
        self.frames()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Packet;
    type IntoIter = BatchIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterator over the packets of a [`Batch`] by value, from [`Batch::iter`].
///
/// ```
/// use engineio_client::{Batch, Packet};
///
/// let batch = Batch::from(vec![Packet::Upgrade, Packet::Noop]);
/// let mut packets = batch.iter();
/// assert_eq!(packets.len(), 2);
/// assert_eq!(packets.next_back(), Some(Packet::Noop));
/// ```
#[derive(Clone, Debug)]
pub struct BatchIter<'a> {
    packets: &'a PacketList,
    rest: Range<usize>,
}

impl Iterator for BatchIter<'_> {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        self.packets.packet(self.rest.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl DoubleEndedIterator for BatchIter<'_> {
    fn next_back(&mut self) -> Option<Packet> {
        self.packets.packet(self.rest.next_back()?)
    }
}

impl ExactSizeIterator for BatchIter<'_> {}
