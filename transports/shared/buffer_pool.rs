//! A process-wide pool of buffers for messages that are longer than one read or write.
//!
//! Allocating 1 MB anew costs more than receiving it, since the system maps fresh memory page by page.
//! A buffer for each connection would keep that memory after the connection stops needing it, so all
//! connections share a few buffers.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Maximum number of bytes that are allocated in advance for a length that the peer announced.
const MAX_UP_FRONT: usize = 1024 * 1024;

/// Maximum number of bytes that the pool keeps, in total and in one buffer.
const MAX_POOLED: usize = 4 * 1024 * 1024;
const MAX_POOLED_BUFFER: usize = 2 * 1024 * 1024;

/// Minimum length of a pooled buffer. The allocator serves smaller buffers fast enough.
const MIN_POOLED_BUFFER: usize = 64 * 1024;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer for data whose length is known in advance. It grows as the data arrives.
pub(crate) struct SizedBuffer {
    length: usize,
    filled: usize,
    /// The data received so far, followed by room for more.
    buffer: Vec<u8>,
}

impl SizedBuffer {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            length,
            filled: 0,
            buffer: take(length.min(MAX_UP_FRONT)),
        }
    }

    /// Creates a buffer that begins with these bytes, which are fewer than `length`.
    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    pub(crate) fn starting_with(bytes: &[u8], length: usize) -> Self {
        let up_front = length.min(MAX_UP_FRONT);
        if up_front >= MIN_POOLED_BUFFER || bytes.len() > up_front {
            let mut buffer = Self::new(length);
            buffer.take(bytes);
            return buffer;
        }
        // Only the rest needs to be filled with zeros.
        let mut buffer = Vec::with_capacity(up_front);
        buffer.extend_from_slice(bytes);
        buffer.resize(up_front, 0);
        Self {
            length,
            filled: bytes.len(),
            buffer,
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.filled >= self.length
    }

    /// The room for the next read, which may be shorter than the data that is missing.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let end = self.length.min(self.buffer.len());
        self.buffer.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Records that `count` bytes were written to [`room`](Self::room).
    pub(crate) fn fill(&mut self, count: usize) {
        // A stream may claim to have read more than it had room for.
        let count = count.min(self.room().len());
        self.filled = self.filled.saturating_add(count);
        if self.filled == self.buffer.len() && self.filled < self.length {
            // Grows to twice the length of the received data, up to the announced length.
            let room = self.filled.saturating_mul(2).min(self.length);
            self.buffer.reserve_exact(room.saturating_sub(self.filled));
            self.buffer.resize(room, 0);
        }
    }

    /// Copies the missing data from the front of `bytes`, and returns the remaining bytes.
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

    /// The data received. The buffer returns to the pool when the last clone of the result is dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        lend(self.buffer, self.filled)
    }
}

/// Returns a buffer of at least this length, with arbitrary contents.
fn take(length: usize) -> Vec<u8> {
    if (MIN_POOLED_BUFFER..=MAX_POOLED_BUFFER).contains(&length) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        // A buffer much larger than the message would stay allocated as long as the message.
        let fits = length..=length.saturating_mul(2);
        if let Some(index) = pool.iter().position(|buffer| fits.contains(&buffer.len())) {
            return pool.swap_remove(index);
        }
    }
    vec![0; length]
}

/// Wraps the first `length` bytes of a buffer, which returns to the pool when they are dropped.
fn lend(mut buffer: Vec<u8>, length: usize) -> Bytes {
    if is_pooled(&buffer) {
        let buffer = Buffer(buffer);
        return Bytes::from_owner(PooledBytes { buffer, length });
    }
    buffer.truncate(length);
    Bytes::from(buffer)
}

fn is_pooled(buffer: &[u8]) -> bool {
    (MIN_POOLED_BUFFER..=MAX_POOLED_BUFFER).contains(&buffer.len())
}

struct PooledBytes {
    buffer: Buffer,
    length: usize,
}

impl AsRef<[u8]> for PooledBytes {
    fn as_ref(&self) -> &[u8] {
        self.buffer.0.get(..self.length).unwrap_or_default()
    }
}

/// A buffer that returns to the pool when it is dropped, unless it is too short or too long for it.
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// Returns a buffer of at least this length, with arbitrary contents.
    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    pub(crate) fn new(length: usize) -> Self {
        Self(take(length))
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(buffer: Vec<u8>) -> Self {
        Self(buffer)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !is_pooled(&self.0) {
            return;
        }
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push(std::mem::take(&mut self.0));
        // Drops buffers from the front, where those are that have been unused for a long time. (`take`
        // may have moved a newer one there.)
        let mut kept: usize = pool.iter().map(Vec::len).sum();
        while kept > MAX_POOLED && !pool.is_empty() {
            kept = kept.saturating_sub(pool.remove(0).len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test for all properties, since the pool belongs to the whole process.
    #[test]
    fn a_buffer_is_reused_after_its_message_is_dropped_and_the_pool_stays_within_its_limit() {
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
        drop(lend(take(2 * MAX_POOLED_BUFFER), 2 * MAX_POOLED_BUFFER));
        drop(lend(take(MIN_POOLED_BUFFER - 1), 1));
        assert_eq!(kept(), 1_000_000);
        let lent: Vec<Bytes> = (0..10)
            .map(|_| lend(take(MAX_POOLED_BUFFER), MAX_POOLED_BUFFER))
            .collect();
        drop(lent);
        assert_eq!(kept(), 2 * MAX_POOLED_BUFFER);
        // A short message does not get a buffer of many times its length.
        let short = take(100_000);
        assert_eq!((short.len(), kept()), (100_000, 2 * MAX_POOLED_BUFFER));
        assert_eq!(take(MAX_POOLED_BUFFER - 1).len(), MAX_POOLED_BUFFER);
        assert_eq!(kept(), MAX_POOLED_BUFFER);
        // A buffer may start with bytes that have arrived, and other buffers come from the pool.
        for length in [3, 1000, MIN_POOLED_BUFFER, 3 * MAX_UP_FRONT] {
            let data: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            for arrived in [0, 1, 2, length / 2, length - 1] {
                let mut buffer = SizedBuffer::starting_with(&data[..arrived], length);
                assert!(!buffer.is_whole());
                assert_eq!(buffer.take(&data[arrived..]), b"");
                assert!(buffer.is_whole());
                assert!(buffer.into_bytes() == data, "{length} {arrived}");
            }
        }
    }
}
