//! A buffer of the thread for the result of a compression or decompression.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// Largest buffer that a thread keeps, in bytes.
const KEPT: usize = 128 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer, which returns to the thread when it is dropped.
pub(super) struct Scratch(Vec<u8>);

impl Scratch {
    pub(super) fn new() -> Self {
        let mut buffer = BUFFER.take();
        buffer.clear();
        Self(buffer)
    }

    /// The buffer itself, which [`give_back`] returns to the thread.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Returns a buffer to the thread.
pub(super) fn give_back(buffer: Vec<u8>) {
    if (1..=KEPT).contains(&buffer.capacity()) {
        BUFFER.set(buffer);
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.0));
    }
}
