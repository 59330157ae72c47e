//! Reads a fuzzer's input: a few bytes that choose options, followed by plain data. So people can read
//! and write seeds.

/// Input bytes, which are taken from the front. When none are left, `byte` returns zero.
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

    /// Takes a byte as a limit. The byte 255 stands for a limit that is never reached.
    pub(super) fn limit(&mut self) -> usize {
        match self.byte() {
            255 => 1 << 26,
            byte => usize::from(byte),
        }
    }

    /// Returns the bytes before the next `end` byte, and removes them and that byte. Takes all bytes if
    /// there is no `end` byte.
    pub(super) fn until(&mut self, end: u8) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == end);
        let part = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        part
    }

    /// Takes this number of bytes, or all bytes if there are fewer.
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
