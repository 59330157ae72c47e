//! How much compression has saved.

/// Number of bytes before and after a compressor or decompressor.
#[derive(Clone, Copy, Default)]
pub(super) struct Saved {
    pub(super) before: u64,
    pub(super) after: u64,
}

impl Saved {
    pub(super) fn add(&mut self, before: usize, after: usize) {
        let sum = |sum: u64, count| sum.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.before = sum(self.before, before);
        self.after = sum(self.after, after);
    }
}
