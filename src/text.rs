//! The text of a message: UTF-8 in a shared buffer.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Range};
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

/// A text that was validated once. Clones share its buffer.
///
/// It dereferences to `str`, and becomes a `String`, or [`Bytes`] without copying.
///
/// A text that was received is a slice of what it came with, and keeps that alive: up to 64 KiB of frames
/// by default, or a whole polling body (of which texts below 4 KiB that are less than an eighth of it are
/// copied out). [`detach`](Text::detach) copies it out for keeping.
///
/// ```
/// use engineio_client::Text;
///
/// let text = Text::from("caffè");
/// assert_eq!(text.len(), 6);
/// assert_eq!(text.to_uppercase(), "CAFFÈ");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(ByteString);

/// Below this a text is copied out of a body eight times its size, so as not to keep it alive.
const SMALL: usize = 4096;

impl Text {
    /// A text that is part of the program, without an allocation.
    ///
    /// ```
    /// use engineio_client::Text;
    ///
    /// const PROBE: Text = Text::from_static("probe");
    /// assert_eq!(PROBE, "probe");
    /// ```
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// A text from bytes, without copying them.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use engineio_client::Text;
    ///
    /// assert_eq!(Text::from_utf8(Bytes::from_static(b"hello")).as_deref(), Ok("hello"));
    /// assert!(Text::from_utf8(Bytes::from_static(b"\xff")).is_err());
    /// ```
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A part of it, sharing its buffer, or `None` when the range is not within the text or cuts a
    /// character. A small part of a large text is copied, so that it does not keep the whole alive.
    ///
    /// ```
    /// use engineio_client::Text;
    ///
    /// let text = Text::from("4hello");
    /// assert_eq!(text.slice(1..6).as_deref(), Some("hello"));
    /// assert!(text.slice(1..9).is_none());
    /// ```
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let part = self.as_str().get(range)?;
        if part.len() < SMALL && self.len() / 8 > part.len() {
            return Some(Self::from(part));
        }
        Some(Self(self.0.slice_ref(part)))
    }

    /// The same text without its first byte, the type of a packet, in the same buffer. A text that
    /// begins with a longer character stays whole.
    pub(crate) fn without_type(self) -> Self {
        match self.as_str().get(1..) {
            Some(rest) => Self(self.0.slice_ref(rest)),
            None => self,
        }
    }

    /// A copy in a buffer of its own.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// As a `str`, so that a map with texts as keys can be asked by `str`.
impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        text.0.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_part_of_a_large_text_is_copied_out_of_it() {
        let large = Text::from("x".repeat(100_000));
        let address = |text: &Text| text.as_str().as_ptr() as usize;
        let shared = large.slice(10..90_000).unwrap();
        assert_eq!(address(&shared), address(&large) + 10);
        let copied = large.slice(10..20).unwrap();
        assert_ne!(address(&copied), address(&large) + 10);
        assert_eq!(copied, "xxxxxxxxxx");
    }

    #[test]
    fn a_part_that_cuts_a_character_is_none() {
        let text = Text::from("è1");
        assert_eq!(text.slice(0..2).as_deref(), Some("è"));
        assert!(text.slice(1..2).is_none());
        assert!(text.slice(3..9).is_none());
    }

    #[test]
    fn a_text_becomes_bytes_of_its_own_range() {
        let text = Text::from("4hello").without_type();
        assert_eq!(text, "hello");
        assert_eq!(Text::from("è").without_type(), "è");
        assert_eq!(Bytes::from(text), Bytes::from_static(b"hello"));
    }
}
