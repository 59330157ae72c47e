//! One read buffer for all connections of a thread.
//!
//! A connection needs the buffer only during a read. Sharing it means that an idle connection holds no
//! buffer, and that the buffer of a busy thread stays in the cache.

use std::cell::Cell;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `read` with a buffer of this length, with arbitrary contents.
pub(crate) fn with<R>(length: usize, read: impl FnOnce(&mut [u8]) -> R) -> R {
    // A nested call finds no buffer and allocates one.
    let mut buffer = BUFFER.take();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let result = read(buffer.get_mut(..length).unwrap_or_default());
    BUFFER.set(buffer);
    result
}
