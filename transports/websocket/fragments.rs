//! A message of which some fragments have arrived.

use async_tungstenite::tungstenite::error::Error;
use async_tungstenite::tungstenite::protocol::frame::coding::Data;

pub(super) struct Fragments {
    pub(super) kind: Data,
    pub(super) whole: Vec<u8>,
    /// Number of bytes that are known to be valid UTF-8.
    pub(super) valid: usize,
    /// Number of bytes that have arrived, if they are compressed.
    pub(super) compressed: Option<usize>,
}

impl Fragments {
    /// Fails as soon as a text can't become valid UTF-8, so that the reader does not wait for the
    /// remaining fragments.
    pub(super) fn validate(&mut self) -> Result<(), Error> {
        if self.kind == Data::Text {
            let rest = self.whole.get(self.valid..).unwrap_or_default();
            self.valid = match std::str::from_utf8(rest) {
                Ok(_) => self.whole.len(),
                Err(error) if error.error_len().is_none() => {
                    self.valid.saturating_add(error.valid_up_to())
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(())
    }
}
