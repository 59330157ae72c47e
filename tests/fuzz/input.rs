//! Reads a fuzzer's bytes: a few that choose, and the rest as it is, so that people can write and read a
//! seed.

/// Bytes that are taken from the front. After their end come zeros.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A limit: most often small, and sometimes unreachable.
    pub(super) fn limit(&mut self) -> usize {
        match self.byte() {
            255 => 1 << 26,
            byte => usize::from(byte),
        }
    }

    /// Takes the bytes before the next `end`, and that byte; or all bytes.
    pub(super) fn until(&mut self, end: u8) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == end);
        let part = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        part
    }

    /// Takes this number of bytes, or all.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
