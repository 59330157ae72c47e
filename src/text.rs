//! The text of a message: UTF-8 in a shared buffer.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Range};
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

/// Immutable UTF-8 text in a shared buffer. Clones share the buffer.
///
/// `Text` dereferences to `str`. It converts to a `String`, and to [`Bytes`](https://docs.rs/bytes/latest/bytes/struct.Bytes.html) without copying.
///
/// ```
/// use engineio_client::Text;
///
/// let text = Text::from("caffè");
/// assert_eq!(text.len(), 6);
/// assert_eq!(text.to_uppercase(), "CAFFÈ");
/// ```
///
/// # Memory
///
/// A received text is a slice of the buffer in which it arrived, and keeps that buffer alive: up to 64
/// KiB of frames by default over WebSocket, or a whole body on polling. (Texts of less than 4 KiB are
/// copied out of a larger body, in blocks of at most 4 KiB.) To keep a text for long, copy it with
/// [`detach`](Text::detach).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(ByteString);

/// A part smaller than this is copied out of a text more than eight times as large, so that the large
/// buffer can be freed.
const SMALL: usize = 4096;

impl Text {
    /// Creates a text from a string literal, without an allocation.
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

    /// Creates a text from bytes, without copying them.
    ///
    /// # Errors
    ///
    /// If the bytes are not UTF-8.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use engineio_client::Text;
    ///
    /// assert_eq!(Text::from_utf8(Bytes::from_static(b"hello")).as_deref(), Ok("hello"));
    /// assert!(Text::from_utf8(Bytes::from_static(b"\xff")).is_err());
    /// ```
    #[inline]
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }

    /// The text as a string slice.
    ///
    /// ```
    /// use engineio_client::Text;
    ///
    /// assert_eq!(Text::from("hello").as_str(), "hello");
    /// ```
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a part of the text, which shares the buffer. `None` if the range is not within the text
    /// or splits a character. A small part of a large text is copied, so that the large buffer can be
    /// freed.
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

    /// Removes the first byte, the packet type, without copying. A text whose first character is longer
    /// than a byte is returned unchanged.
    pub(crate) fn without_type(self) -> Self {
        match self.as_str().get(1..) {
            Some(rest) => Self(self.0.slice_ref(rest)),
            None => self,
        }
    }

    /// Copies the text to a buffer of its own, so that the buffer in which it arrived can be freed.
    ///
    /// ```
    /// use engineio_client::Text;
    ///
    /// let line = Text::from("a long body, of which only the first word is kept");
    /// let word = line.slice(0..1).map(|word| word.detach());
    /// drop(line);
    /// assert_eq!(word.as_deref(), Some("a"));
    /// ```
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
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

/// Hashes like a `str`, as `Borrow<str>` requires: a map with `Text` keys can be looked up with a
/// `&str`.
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
    #[inline]
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Text {
    #[inline]
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
    fn a_small_part_of_a_large_text_is_copied() {
        let large = Text::from("x".repeat(100_000));
        let address = |text: &Text| text.as_str().as_ptr() as usize;
        let shared = large.slice(10..90_000).unwrap();
        assert_eq!(address(&shared), address(&large) + 10);
        let copied = large.slice(10..20).unwrap();
        assert_ne!(address(&copied), address(&large) + 10);
        assert_eq!(copied, "xxxxxxxxxx");
    }

    #[test]
    fn a_range_that_splits_a_character_gives_none() {
        let text = Text::from("è1");
        assert_eq!(text.slice(0..2).as_deref(), Some("è"));
        assert!(text.slice(1..2).is_none());
        assert!(text.slice(3..9).is_none());
    }

    #[test]
    fn a_text_converts_to_the_bytes_of_its_range() {
        let text = Text::from("4hello").without_type();
        assert_eq!(text, "hello");
        assert_eq!(Text::from("è").without_type(), "è");
        assert_eq!(Bytes::from(text), Bytes::from_static(b"hello"));
    }
}
