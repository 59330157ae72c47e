//! Bodies that come compressed.

use bytes::Bytes;
use engineio_client::{Error, ErrorKind};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::inflate::{gunzip, inflate};

/// Nobody compresses twice for a good reason, and each time makes a small body a thousand times
/// larger.
const MOST_CODINGS: usize = 2;

/// Decodes a body of one coding, to at most so many bytes.
type Decode = fn(&[u8], usize) -> Result<Vec<u8>, Error>;

/// The body as it was before it was compressed, at most so many bytes.
pub(super) fn decode(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Error> {
    let mut codings: Vec<Decode> = Vec::new();
    for coding in headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
    {
        let name = coding.trim_ascii().to_ascii_lowercase();
        codings.push(match &*name {
            b"" | b"identity" => continue,
            b"gzip" | b"x-gzip" => gunzip,
            b"deflate" => inflate,
            _ => {
                let name: String = String::from_utf8_lossy(&name).chars().take(40).collect();
                let message = format!("the body of a poll is compressed as {name:?}, unknown here");
                return Err(Error::new(ErrorKind::Http, message));
            }
        });
        if codings.len() > MOST_CODINGS {
            let message =
                format!("the body of a poll is compressed more than {MOST_CODINGS} times");
            return Err(Error::new(ErrorKind::Http, message));
        }
    }
    // The last one was applied last.
    codings
        .into_iter()
        .rev()
        .try_fold(body, |body, coding| coding(&body, limit).map(Bytes::from))
}
