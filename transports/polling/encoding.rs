//! Bodies that come compressed.

use bytes::Bytes;
use engineio_client::{Error, ErrorKind};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

#[cfg(feature = "compression")]
#[path = "inflate.rs"]
mod inflate;
#[cfg(not(feature = "compression"))]
#[path = "no_inflate.rs"]
mod inflate;

pub(super) use inflate::ACCEPTED;

/// Nobody compresses twice for a good reason, and each time makes a small body a thousand times
/// larger.
const MOST_CODINGS: usize = 2;

/// How a body is compressed.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Gzip,
    Deflate,
}

/// The body as it was before it was compressed, at most so many bytes.
pub(super) fn decode(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Error> {
    let mut codings = Vec::new();
    for coding in headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
    {
        let name = coding.trim_ascii().to_ascii_lowercase();
        codings.push(match &*name {
            b"" | b"identity" => continue,
            b"gzip" | b"x-gzip" => Coding::Gzip,
            b"deflate" => Coding::Deflate,
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
    codings.into_iter().rev().try_fold(body, |body, coding| {
        let decoded = inflate::inflate(coding, &body, limit);
        decoded.map(Bytes::from)
    })
}
