//! A buffer to read to, for all connections that a thread drives: each needs it only while it reads.
//! So one that is idle has none, and one that is busy finds it warm.

use std::cell::Cell;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `read` with a buffer of this length, and whatever stands in it.
pub(crate) fn with<R>(length: usize, read: impl FnOnce(&mut [u8]) -> R) -> R {
    // A read within a read would find none, and make one.
    let mut buffer = BUFFER.take();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let result = read(buffer.get_mut(..length).unwrap_or_default());
    BUFFER.set(buffer);
    result
}
