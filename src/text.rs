//! The text of a message: a part of something larger that is known to be UTF-8.

use std::fmt;
use std::ops::{Deref, Range};
use std::str::Utf8Error;

use bytes::Bytes;

/// A text that was validated once and is never copied after.
///
/// It is a range of a shared buffer: a text that was received is a part of its frame or of its
/// payload. It dereferences to `str`, clones without copying, and becomes a `String` or [`Bytes`].
///
/// A small text may so keep alive what came together with it, up to 64 KiB of frames by default, and
/// a long one up to twice its length;
/// [`detach`](Text::detach) copies it out for keeping.
///
/// ```
/// use engineio_client::Text;
///
/// let text = Text::from("caffè");
/// assert_eq!(text.len(), 6);
/// assert_eq!(text.to_uppercase(), "CAFFÈ");
/// ```
#[derive(Clone)]
pub struct Text {
    whole: Whole,
    start: usize,
    end: usize,
}

/// Below this a text is copied out of a body eight times its size, so as not to keep it alive.
const SMALL: usize = 4096;

impl Text {
    /// A text from bytes, without copying them.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        Whole::from_utf8(bytes).map(Self::whole)
    }

    fn whole(whole: Whole) -> Self {
        let end = whole.as_str().len();
        Self {
            whole,
            start: 0,
            end,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.whole
            .as_str()
            .get(self.start..self.end)
            .unwrap_or_default()
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
        let part = self.as_str().get(range.clone())?;
        if part.len() < SMALL && self.whole.as_str().len() / 8 > part.len() {
            return Some(Self::from(part));
        }
        let start = self.start.checked_add(range.start)?;
        let end = self.start.checked_add(range.end)?;
        Some(Self {
            whole: self.whole.clone(),
            start,
            end,
        })
    }

    /// The same text without its first `n` bytes: what follows a packet's type.
    pub(crate) fn skip(mut self, n: usize) -> Self {
        let start = self.start.saturating_add(n).min(self.end);
        if self.whole.as_str().is_char_boundary(start) {
            self.start = start;
        }
        self
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

impl Default for Text {
    fn default() -> Self {
        Self::from("")
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

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

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
        Self::whole(Whole::from_string(text.to_owned()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::whole(Whole::from_string(text))
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
        let Text { whole, start, end } = text;
        whole.into_bytes().slice(start..end)
    }
}

use whole::Whole;

/// The buffer is the websocket library's own type, so that a frame which that library has
/// validated need not be validated again.
#[cfg(feature = "websocket")]
mod whole {
    use std::str::Utf8Error;

    use bytes::Bytes;

    use async_tungstenite::tungstenite::Utf8Bytes;

    use super::Text;

    #[derive(Clone)]
    pub(super) struct Whole(Utf8Bytes);

    impl Whole {
        pub(super) fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
            Utf8Bytes::try_from(bytes).map(Self)
        }

        pub(super) fn from_string(text: String) -> Self {
            Self(Utf8Bytes::from(text))
        }

        pub(super) fn as_str(&self) -> &str {
            self.0.as_str()
        }

        pub(super) fn into_bytes(self) -> Bytes {
            self.0.into()
        }
    }

    /// What the websocket library received, as it is.
    impl From<Utf8Bytes> for Text {
        fn from(text: Utf8Bytes) -> Self {
            Self::whole(Whole(text))
        }
    }
}

#[cfg(not(feature = "websocket"))]
mod whole {
    use std::str::Utf8Error;

    use bytes::Bytes;
    use bytestring::ByteString;

    #[derive(Clone)]
    pub(super) struct Whole(ByteString);

    impl Whole {
        pub(super) fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
            ByteString::try_from(bytes).map(Self)
        }

        pub(super) fn from_string(text: String) -> Self {
            Self(ByteString::from(text))
        }

        pub(super) fn as_str(&self) -> &str {
            &self.0
        }

        pub(super) fn into_bytes(self) -> Bytes {
            self.0.into_bytes()
        }
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
        let text = Text::from("4hello").skip(1);
        assert_eq!(text, "hello");
        assert_eq!(Bytes::from(text), Bytes::from_static(b"hello"));
    }
}
