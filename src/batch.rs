//! What a transport is given to send: the packets of one exchange. How many there are in one is decided in
//! `engine/send_queue.rs`.

use std::fmt;
use std::sync::Arc;

use crate::codec::{Frame, Packets, frame};
use crate::fence::Fence;
use crate::packet::Packet;

/// The packets of one exchange, in order: at least one, unless there is a [fence](Batch::fence). Clones
/// share them.
///
/// How it holds them is its own affair. A transport with a frame for each packet writes its
/// [`frames`](Batch::frames), which borrow; one of payloads writes
/// [`encode_payload`](crate::codec::encode_payload) of it; the iterator gives the packets by value,
/// whose texts and data are shared, not copied.
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
    packets: Vec<Packet>,
    fence: Option<Fence>,
}

impl Batch {
    /// How many packets it holds.
    pub fn len(&self) -> usize {
        self.0.packets.len()
    }

    /// Whether it holds none, as where a [fence](Batch::fence) goes alone.
    pub fn is_empty(&self) -> bool {
        self.0.packets.is_empty()
    }

    /// The fence behind its last packet, on a link that [confirms by fences](crate::Confirms::ByFence):
    /// it is written when all bytes before it have been, and overtakes none.
    pub fn fence(&self) -> Option<&Fence> {
        self.0.fence.as_ref()
    }

    /// The same packets with a fence behind them.
    #[must_use]
    pub fn with_fence(self, fence: Fence) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.fence = Some(fence);
        Self(Arc::new(inner))
    }

    /// Its packets, by value.
    pub fn iter(&self) -> BatchIter<'_> {
        BatchIter(self.0.packets.iter())
    }

    /// Its packets as frames, borrowed from the batch.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> + Clone {
        self.0.packets.iter().map(frame)
    }

    /// The frame of one packet, counted from 0: for a transport that writes a batch in several steps.
    #[inline]
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        self.0.packets.get(index).map(frame)
    }

    /// Its packets, as a copy of the list.
    pub fn to_vec(&self) -> Vec<Packet> {
        self.0.packets.to_vec()
    }

    pub(crate) fn packets(&self) -> &[Packet] {
        &self.0.packets
    }

    /// Its packets, unless there is a clone of the batch.
    pub(crate) fn try_into_packets(self) -> Option<Vec<Packet>> {
        Arc::try_unwrap(self.0).ok().map(|inner| inner.packets)
    }

    /// Its packets. Nothing is copied unless there is a clone of the batch.
    pub fn into_packets(self) -> Vec<Packet> {
        Arc::unwrap_or_clone(self.0).packets
    }
}

impl From<Vec<Packet>> for Batch {
    fn from(packets: Vec<Packet>) -> Self {
        Self(Arc::new(Inner {
            packets,
            fence: None,
        }))
    }
}

impl FromIterator<Packet> for Batch {
    fn from_iter<I: IntoIterator<Item = Packet>>(packets: I) -> Self {
        Self::from(Vec::from_iter(packets))
    }
}

impl PartialEq<[Packet]> for Batch {
    fn eq(&self, packets: &[Packet]) -> bool {
        *self.0.packets == *packets
    }
}

impl<const N: usize> PartialEq<[Packet; N]> for Batch {
    fn eq(&self, packets: &[Packet; N]) -> bool {
        *self.0.packets == *packets
    }
}

impl PartialEq<Vec<Packet>> for Batch {
    fn eq(&self, packets: &Vec<Packet>) -> bool {
        *self.0.packets == *packets
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.0.packets.iter());
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

/// The packets of a [`Batch`], by value.
#[derive(Clone, Debug)]
pub struct BatchIter<'a>(std::slice::Iter<'a, Packet>);

impl Iterator for BatchIter<'_> {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        self.0.next().cloned()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for BatchIter<'_> {
    fn next_back(&mut self) -> Option<Packet> {
        self.0.next_back().cloned()
    }
}

impl ExactSizeIterator for BatchIter<'_> {}
