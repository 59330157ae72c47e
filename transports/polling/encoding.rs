//! Decodes compressed response bodies.

use bytes::Bytes;
use engineio_client::{Error, ErrorKind};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::inflate::{gunzip, inflate};

/// Maximum number of codings of one body. No honest server needs more than two, and each coding can
/// expand a small body a thousandfold.
const MAX_CODINGS: usize = 2;

/// Decodes one coding. The result has at most the given number of bytes.
type Decode = fn(&[u8], usize) -> Result<Vec<u8>, Error>;

/// Decodes a body according to its `Content-Encoding`, to at most `limit` bytes.
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
                let message = format!(
                    "the server compressed the response to a poll as {name:?}, which was not requested"
                );
                return Err(Error::new(ErrorKind::Http, message));
            }
        });
        if codings.len() > MAX_CODINGS {
            let message = format!(
                "the server compressed the response to a poll more than {MAX_CODINGS} times"
            );
            return Err(Error::new(ErrorKind::Http, message));
        }
    }
    // The last coding listed was applied last, so it is removed first.
    codings
        .into_iter()
        .rev()
        .try_fold(body, |body, coding| coding(&body, limit).map(Bytes::from))
}
