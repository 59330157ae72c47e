//! Bytes to be written to the stream.

use std::io;

/// A queue of bytes. Its buffer is always initialised to its end, so that a message is masked on the way
/// from its own buffer to this one. To copy the message first and to mask the copy takes almost twice as
/// long, since the processor has to wait for the bytes that it has just stored.
#[derive(Default)]
pub(super) struct Output {
    buffer: Vec<u8>,
    /// The bytes before this index were written already.
    sent: usize,
    /// The end of the bytes to be written.
    end: usize,
}

impl Output {
    /// Creates an empty queue that uses this buffer.
    pub(super) fn new(buffer: Vec<u8>) -> Self {
        Self {
            buffer,
            sent: 0,
            end: 0,
        }
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(super) fn has_buffer(&self) -> bool {
        self.buffer.capacity() > 0
    }

    /// Number of bytes that were added since the queue was empty.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// The bytes that have not been written.
    pub(super) fn unsent(&self) -> &[u8] {
        self.buffer.get(self.sent..self.end).unwrap_or_default()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count).min(self.end);
    }

    pub(super) fn clear(&mut self) {
        self.sent = 0;
        self.end = 0;
    }

    /// Adds bytes, and returns them for the caller to fill in.
    #[inline]
    pub(super) fn add(&mut self, length: usize) -> &mut [u8] {
        let start = self.end;
        self.end = start.saturating_add(length);
        if self.end > self.buffer.len() {
            self.buffer.resize(self.end, 0);
        }
        self.buffer.get_mut(start..self.end).unwrap_or_default()
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.add(bytes.len()).copy_from_slice(bytes);
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
