//! The chunked transfer coding (RFC 9112, 7.1).

use super::super::super::shared::response_head::MAX_HEADERS;
use super::fault::Fault;

/// Maximum number of bytes of all chunk extensions of one body.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// Maximum number of bytes of one size, with its leading zeros and the white space behind it. Some
/// servers send sizes of a fixed width.
const MAX_SIZE: usize = 256;

/// Decodes a chunked body, which arrives in pieces.
pub(super) struct Chunks {
    state: State,
    /// The bytes that are missing of the current chunk, or its size as far as it was read.
    left: u64,
    /// Number of bytes of the current size.
    size: usize,
    extensions: usize,
    trailers: Vec<u8>,
    /// Maximum number of bytes of the trailers.
    max_trailers: usize,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    Start,
    /// A further digit, or what follows the size.
    Size,
    /// White space after a size.
    Space,
    Extension,
    /// The line feed of a size.
    SizeEnd,
    Data,
    /// The line break after a chunk.
    DataReturn,
    DataEnd,
    /// The first byte of a line after the last chunk: a trailer, or the empty line at the end.
    Line,
    Trailer,
    TrailerEnd,
    /// The line feed of the empty line.
    LastEnd,
    End,
}

/// What [`Chunks::next`] has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Data(&'a [u8]),
    /// The body is complete.
    End,
    /// All bytes are used up.
    More,
}

impl Chunks {
    pub(super) fn new(max_trailers: usize) -> Self {
        Self {
            state: State::Start,
            left: 0,
            size: 0,
            extensions: 0,
            trailers: Vec::new(),
            max_trailers,
        }
    }

    /// Takes the next piece of the body from the front of `bytes`.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Piece<'a>, Fault> {
        loop {
            match self.state {
                State::End => return Ok(Piece::End),
                State::Data if !bytes.is_empty() => {
                    let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let (data, rest) = bytes.split_at(most.min(bytes.len()));
                    *bytes = rest;
                    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                    self.left = self.left.saturating_sub(length);
                    if self.left == 0 {
                        self.state = State::DataReturn;
                    }
                    return Ok(Piece::Data(data));
                }
                _ => {}
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(Piece::More);
            };
            *bytes = rest;
            self.state = self.step(*byte)?;
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Fault> {
        let malformed = || Err(Fault::not_http("the framing of a chunk is malformed"));
        Ok(match (self.state, byte) {
            (State::Start | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.count_size()?;
                self.add_digit(byte)?;
                State::Size
            }
            (State::Size | State::Space, b' ' | b'\t') => {
                self.count_size()?;
                State::Space
            }
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, b'\n') => return malformed(),
            (State::Extension, _) => {
                self.extensions = self.extensions.saturating_add(1);
                if self.extensions >= MAX_EXTENSIONS {
                    return Err(Fault::not_http("the chunk extensions are too long"));
                }
                State::Extension
            }
            (State::SizeEnd, b'\n') => {
                self.size = 0;
                if self.left == 0 {
                    State::Line
                } else {
                    State::Data
                }
            }
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Start,
            (State::Line, b'\r') => State::LastEnd,
            (State::Line | State::Trailer, _) => {
                self.add_to_trailers(byte)?;
                if byte == b'\r' {
                    State::TrailerEnd
                } else {
                    State::Trailer
                }
            }
            (State::TrailerEnd, b'\n') => {
                self.add_to_trailers(byte)?;
                State::Line
            }
            (State::LastEnd, b'\n') => {
                self.check_trailers()?;
                State::End
            }
            _ => return malformed(),
        })
    }

    fn count_size(&mut self) -> Result<(), Fault> {
        self.size = self.size.saturating_add(1);
        if self.size > MAX_SIZE {
            return Err(Fault::not_http("the size of a chunk is too long"));
        }
        Ok(())
    }

    fn add_digit(&mut self, digit: u8) -> Result<(), Fault> {
        let digit = char::from(digit).to_digit(16).unwrap_or_default();
        let size = self.left.checked_mul(16);
        let size = size.and_then(|size| size.checked_add(digit.into()));
        self.left = size.ok_or_else(|| Fault::not_http("the size of a chunk is too large"))?;
        Ok(())
    }

    fn add_to_trailers(&mut self, byte: u8) -> Result<(), Fault> {
        self.trailers.push(byte);
        if self.trailers.len() >= self.max_trailers {
            return Err(Fault::not_http("the trailers are too long"));
        }
        Ok(())
    }

    /// The trailers are not used, but they must be headers.
    fn check_trailers(&mut self) -> Result<(), Fault> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
        match httparse::parse_headers(&self.trailers, &mut headers) {
            Ok(httparse::Status::Complete((length, _))) if length == self.trailers.len() => Ok(()),
            Ok(_) => Err(Fault::not_http("the trailers are malformed")),
            Err(error) => Err(Fault::not_http(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a body in pieces of this length. Returns the data, and the number of bytes after the end
    /// if it was reached.
    fn decoded(body: &[u8], length: usize) -> Result<(Vec<u8>, Option<usize>), Fault> {
        let mut chunks = Chunks::new(1000);
        let mut data = Vec::new();
        for (index, mut bytes) in body.chunks(length).enumerate() {
            loop {
                match chunks.next(&mut bytes)? {
                    Piece::Data(piece) => data.extend_from_slice(piece),
                    Piece::More => break,
                    Piece::End => {
                        let used = index * length + body.chunks(length).nth(index).unwrap().len();
                        return Ok((data, Some(body.len() - used + bytes.len())));
                    }
                }
            }
        }
        Ok((data, None))
    }

    #[test]
    fn bodies_are_decoded_in_pieces_of_any_length() {
        for (body, data, rest) in [
            ("0\r\n\r\n", "", Some(0)),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", Some(0)),
            (
                "5\r\nhello\r\n1 \t\r\n!\r\n00\r\n\r\nnext",
                "hello!",
                Some(4),
            ),
            (
                "a;x=\"y\"\r\n0123456789\r\n0;z\r\n\r\n",
                "0123456789",
                Some(0),
            ),
            ("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n.", "x", Some(1)),
            ("5\r\nabc", "abc", None),
            ("5\r\nhello\r\n0\r\n", "hello", None),
            ("FfFfFfFfFfFfFfFf\r\nx", "x", None),
        ] {
            for length in 1..=body.len() {
                let (decoded, left) = decoded(body.as_bytes(), length).unwrap();
                assert_eq!(
                    (&*decoded, left),
                    (data.as_bytes(), rest),
                    "{body:?} {length}"
                );
            }
        }
    }

    #[test]
    fn malformed_framing_is_an_error() {
        let long = |c: &str| c.repeat(MAX_EXTENSIONS);
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "1\n",
            "1 2\r\n",
            "1\rx",
            "1;a\nb\r\n",
            "10000000000000000\r\n",
            "1\r\nxy\r\n",
            "1\r\nx\rz",
            "0\r\n\rx",
            "0\r\nno colon\r\n\r\n",
            "0\r\nA: b\rC",
            &format!("1;{}\r\n", long("x")),
            &format!("0\r\nA: {}\r\n\r\n", long("x")),
            &format!("0\r\n{}\r\n", "A:\r\n".repeat(240) + &"\r".repeat(800)),
        ] {
            for length in [1, body.len()] {
                let decoded = decoded(body.as_bytes(), length);
                assert!(
                    matches!(decoded, Err(Fault::NotHttp(_))),
                    "{body:?} {decoded:?}"
                );
            }
        }
        let many = format!("0\r\n{}\r\n", "A:\r\n".repeat(MAX_HEADERS + 1));
        let mut chunks = Chunks::new(1_000_000);
        assert!(chunks.next(&mut many.as_bytes()).is_err());
    }

    /// A server could otherwise send such bytes for ever, as a body that does not grow.
    #[test]
    fn leading_zeros_and_white_space_of_a_size_are_limited() {
        for filler in ["0", " "] {
            let mut chunks = Chunks::new(1000);
            assert!(chunks.next(&mut b"0".as_slice()).is_ok());
            let filler = filler.repeat(MAX_SIZE);
            assert!(chunks.next(&mut filler.as_bytes()).is_err());
        }
        // The limit applies to each size, not to their sum.
        let chunk = format!("{}1  \r\na\r\n", "0".repeat(100));
        let mut chunks = Chunks::new(1000);
        for _ in 0..1000 {
            let mut bytes = chunk.as_bytes();
            assert_eq!(chunks.next(&mut bytes).ok(), Some(Piece::Data(b"a")));
            assert_eq!(chunks.next(&mut bytes).ok(), Some(Piece::More));
        }
    }
}
