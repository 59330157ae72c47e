//! Buffers for messages that are longer than one read. A fresh one of 1 MB costs more than all else
//! that is done to receive it, since the system hands it over page by page; and one for each
//! connection would be kept by those that need it no more. So all share a few.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// What is kept, in all and of one message, in bytes.
const MOST_KEPT: usize = 4 * 1024 * 1024;
const LARGEST_KEPT: usize = 2 * 1024 * 1024;

/// Shorter ones the allocator has at hand.
const SMALLEST_KEPT: usize = 64 * 1024;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer of at least this length, with whatever stands in it.
pub(super) fn take(length: usize) -> Vec<u8> {
    if (SMALLEST_KEPT..=LARGEST_KEPT).contains(&length) {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = spare.iter().position(|buffer| buffer.len() >= length) {
            return spare.swap_remove(index);
        }
    }
    vec![0; length]
}

/// The first `length` bytes of a buffer, which comes back here when nobody has them any more.
pub(super) fn lend(mut buffer: Vec<u8>, length: usize) -> Bytes {
    if (SMALLEST_KEPT..=LARGEST_KEPT).contains(&buffer.len()) {
        return Bytes::from_owner(Lent { buffer, length });
    }
    buffer.truncate(length);
    Bytes::from(buffer)
}

struct Lent {
    buffer: Vec<u8>,
    length: usize,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = spare.iter().map(Vec::len).sum();
        if kept.saturating_add(self.buffer.len()) <= MOST_KEPT {
            spare.push(std::mem::take(&mut self.buffer));
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
            let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
            spare.iter().map(Vec::len).sum()
        };
        assert_eq!(kept(), 1_000_000);
        drop(lend(take(2 * LARGEST_KEPT), 2 * LARGEST_KEPT));
        drop(lend(take(SMALLEST_KEPT - 1), 1));
        assert_eq!(kept(), 1_000_000);
        let lent: Vec<Bytes> = (0..10)
            .map(|_| lend(take(LARGEST_KEPT), LARGEST_KEPT))
            .collect();
        drop(lent);
        assert_eq!(kept(), 1_000_000 + LARGEST_KEPT);
    }
}
