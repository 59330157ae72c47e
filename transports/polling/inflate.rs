//! Decodes gzip and deflate by flate2, inside the poll itself.

use std::io::{self, Read};

use engineio_client::{Error, ErrorKind, Limit};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// The value of `Accept-Encoding` for polls.
pub(super) const ACCEPTED: Option<&str> = Some("gzip, deflate");

pub(super) fn gunzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    decode_gzip(body, limit).map_err(|fault| error(fault, limit))
}

pub(super) fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    decode_deflate(body, limit).map_err(|fault| error(fault, limit))
}

fn error(fault: Fault, limit: usize) -> Error {
    match fault {
        Fault::TooLarge => {
            let message =
                format!("the server sent a body of more than {limit} bytes after decompression");
            Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize)
        }
        Fault::Cut => broken("is truncated"),
        Fault::Trailing => broken("has data after its end"),
        Fault::Corrupt(error) => broken("is corrupt").with_source(error),
    }
}

fn broken(what: &str) -> Error {
    let message = format!("the compressed response to a poll {what}");
    Error::new(ErrorKind::Http, message)
}

enum Fault {
    TooLarge,
    Cut,
    Trailing,
    Corrupt(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Cut
        } else {
            Self::Corrupt(error)
        }
    }
}

/// The largest ratio at which deflate can compress.
const LARGEST_RATIO: usize = 1032;

fn decode_gzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    // A gzip stream ends with its uncompressed length, modulo 2^32. If this length is wrong, the
    // stream is corrupt.
    let announced = body.last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limit && announced <= body.len().saturating_mul(LARGEST_RATIO) {
        return Err(Fault::TooLarge);
    }
    let mut output = Vec::new();
    if announced <= body.len().saturating_mul(LARGEST_RATIO) {
        output.reserve_exact(announced);
    }
    let mut decoder = GzDecoder::new(body);
    // Reading one byte beyond the limit shows that the limit is exceeded.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    (&mut decoder).take(most).read_to_end(&mut output)?;
    if output.len() > limit {
        return Err(Fault::TooLarge);
    }
    // A gzip file may consist of several streams. No server sends such a body, and tiny streams cost
    // the client more than the server.
    if !decoder.into_inner().is_empty() {
        return Err(Fault::Trailing);
    }
    Ok(output)
}

/// An output smaller than this number of bytes grows by this number. A larger output doubles.
const PIECE: usize = 64 * 1024;

/// Uses the low-level decoder, since flate2's reader accepts a truncated stream as complete.
fn decode_deflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = Decompress::new(has_zlib_header(body));
    let mut output = Vec::new();
    let mut rest = body;
    loop {
        if output.len() > limit {
            return Err(Fault::TooLarge);
        }
        if output.len() == output.capacity() {
            // One byte beyond the limit shows that the limit is exceeded.
            let most = limit.saturating_add(1).saturating_sub(output.len());
            output.reserve_exact(output.len().max(PIECE).min(most));
        }
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .decompress_vec(rest, &mut output, FlushDecompress::None)
            .map_err(|error| Fault::Corrupt(error.into()))?;
        let count = usize::try_from(decoder.total_in().saturating_sub(read)).unwrap_or_default();
        rest = rest.get(count..).unwrap_or_default();
        if status == Status::StreamEnd {
            break;
        }
        if count == 0 && decoder.total_out() == written {
            return Err(Fault::Cut);
        }
    }
    if output.len() > limit {
        return Err(Fault::TooLarge);
    }
    if !rest.is_empty() {
        return Err(Fault::Trailing);
    }
    // Messages are slices of this buffer and may live for a long time.
    output.shrink_to_fit();
    Ok(output)
}

/// Whether the body begins with a zlib header (RFC 1950), which HTTP's "deflate" requires. Some servers
/// omit it, and browsers cope with that. A raw deflate stream does not begin like one: the 8 in the low
/// half of the first byte would mean a stored block with a padding bit set, and encoders set none.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, &[method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0)
}
