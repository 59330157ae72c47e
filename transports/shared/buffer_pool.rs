//! Buffers for what is longer than one read. A fresh one of 1 MB costs more than all else that is done
//! to receive it, since the system hands it over page by page; and one for each connection would be
//! kept by those that need it no more. So all share a few.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The most that is allocated up front for a length that the peer announced.
const MOST_AT_ONCE: usize = 1024 * 1024;

/// What is kept, in all and of one buffer, in bytes.
const MOST_KEPT: usize = 4 * 1024 * 1024;
const LARGEST_KEPT: usize = 2 * 1024 * 1024;

/// Shorter ones the allocator has at hand.
const SMALLEST_KEPT: usize = 64 * 1024;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer for data of a known length, as far as that has come.
pub(crate) struct SizedBuffer {
    length: usize,
    filled: usize,
    /// What has come, and room for more of it.
    buffer: Vec<u8>,
}

impl SizedBuffer {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            length,
            filled: 0,
            buffer: take(length.min(MOST_AT_ONCE)),
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.filled >= self.length
    }

    /// Where the rest goes, as far as there is room.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let end = self.length.min(self.buffer.len());
        self.buffer.get_mut(self.filled..end).unwrap_or_default()
    }

    /// So much has been put into the room.
    pub(crate) fn fill(&mut self, count: usize) {
        // A stream that says it has read more than it was given room for is not believed.
        let count = count.min(self.room().len());
        self.filled = self.filled.saturating_add(count);
        if self.filled == self.buffer.len() && self.filled < self.length {
            // Twice what has come, but not more than there will be.
            let room = self.filled.saturating_mul(2).min(self.length);
            self.buffer.reserve_exact(room.saturating_sub(self.filled));
            self.buffer.resize(room, 0);
        }
    }

    /// Takes what belongs to it off the front of `bytes`, and gives the rest.
    pub(crate) fn take<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while !bytes.is_empty() && !self.is_whole() {
            let room = self.room();
            let (ours, rest) = bytes.split_at(room.len().min(bytes.len()));
            if let Some(room) = room.get_mut(..ours.len()) {
                room.copy_from_slice(ours);
            }
            self.fill(ours.len());
            bytes = rest;
        }
        bytes
    }

    /// What has come. Its buffer is used again when nobody has it any more.
    pub(crate) fn into_bytes(self) -> Bytes {
        lend(self.buffer, self.filled)
    }
}

/// A buffer of at least this length, with whatever stands in it.
fn take(length: usize) -> Vec<u8> {
    if (SMALLEST_KEPT..=LARGEST_KEPT).contains(&length) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        // None of many times its size: a message that is kept would keep all of it.
        let fits = length..=length.saturating_mul(2);
        if let Some(index) = pool.iter().position(|buffer| fits.contains(&buffer.len())) {
            return pool.swap_remove(index);
        }
    }
    vec![0; length]
}

/// The first `length` bytes of a buffer, which comes back here when nobody has them any more.
fn lend(mut buffer: Vec<u8>, length: usize) -> Bytes {
    if (SMALLEST_KEPT..=LARGEST_KEPT).contains(&buffer.len()) {
        return Bytes::from_owner(PooledBytes { buffer, length });
    }
    buffer.truncate(length);
    Bytes::from(buffer)
}

struct PooledBytes {
    buffer: Vec<u8>,
    length: usize,
}

impl AsRef<[u8]> for PooledBytes {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

impl Drop for PooledBytes {
    fn drop(&mut self) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push(std::mem::take(&mut self.buffer));
        // What has not been asked for the longest goes.
        let mut kept: usize = pool.iter().map(Vec::len).sum();
        while kept > MOST_KEPT && !pool.is_empty() {
            kept = kept.saturating_sub(pool.remove(0).len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since the buffers belong to the whole process.
    #[test]
    fn a_buffer_is_used_again_when_its_message_is_gone_and_no_more_is_kept_than_the_limit() {
        let mut buffer = take(1_000_000);
        buffer.fill(7);
        let address = buffer.as_ptr();
        let message = lend(buffer, 999_999);
        assert_eq!(message, vec![7; 999_999]);
        let part = message.slice(10..20);
        drop(message);
        let other = take(1_000_000);
        assert_ne!(other.as_ptr(), address);
        drop(part);
        let again = take(1_000_000);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(lend(again, 3), [7; 3].as_slice());

        let kept = || -> usize {
            let pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
            pool.iter().map(Vec::len).sum()
        };
        assert_eq!(kept(), 1_000_000);
        drop(lend(take(2 * LARGEST_KEPT), 2 * LARGEST_KEPT));
        drop(lend(take(SMALLEST_KEPT - 1), 1));
        assert_eq!(kept(), 1_000_000);
        let lent: Vec<Bytes> = (0..10)
            .map(|_| lend(take(LARGEST_KEPT), LARGEST_KEPT))
            .collect();
        drop(lent);
        assert_eq!(kept(), 2 * LARGEST_KEPT);
        // A short message is not given a buffer of many times its length.
        let short = take(100_000);
        assert_eq!((short.len(), kept()), (100_000, 2 * LARGEST_KEPT));
        assert_eq!(take(LARGEST_KEPT - 1).len(), LARGEST_KEPT);
        assert_eq!(kept(), LARGEST_KEPT);
    }
}
