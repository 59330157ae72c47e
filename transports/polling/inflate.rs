//! Gzip and deflate, by the library flate2. It happens in place: 1 MB of JSON takes 1.5 ms.

use std::io::{self, Read};

use engineio_client::{Error, ErrorKind, Limit};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// What polls say that they take.
pub(super) const ACCEPTED: Option<&str> = Some("gzip, deflate");

/// Decodes gzip.
pub(super) fn gunzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    decode_gzip(body, limit).map_err(|fault| error(fault, limit))
}

/// Decodes deflate.
pub(super) fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    decode_deflate(body, limit).map_err(|fault| error(fault, limit))
}

fn error(fault: Fault, limit: usize) -> Error {
    match fault {
        Fault::TooLarge => {
            let message = format!("a body of more than {limit} bytes, decoded");
            Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize)
        }
        Fault::Cut => broken("ends too early"),
        Fault::Trailing => broken("has something behind its end"),
        Fault::Corrupt(error) => broken("is corrupt").with_source(error),
    }
}

fn broken(what: &str) -> Error {
    let message = format!("the compressed body of a poll {what}");
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

/// Deflate makes nothing more than so many times smaller.
const LARGEST_RATIO: usize = 1032;

fn decode_gzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    // It ends with its length before it was compressed, or it is corrupt.
    let told = body.last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
    let told = usize::try_from(told).unwrap_or(usize::MAX);
    if told > limit && told <= body.len().saturating_mul(LARGEST_RATIO) {
        return Err(Fault::TooLarge);
    }
    let mut output = Vec::new();
    if told <= body.len().saturating_mul(LARGEST_RATIO) {
        output.reserve_exact(told);
    }
    let mut decoder = GzDecoder::new(body);
    // One byte more shows that there is more.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    (&mut decoder).take(most).read_to_end(&mut output)?;
    if output.len() > limit {
        return Err(Fault::TooLarge);
    }
    // Several of them one behind the other are legal in a file. No server answers so, and tiny ones
    // would cost their reader more than they cost their sender.
    if !decoder.into_inner().is_empty() {
        return Err(Fault::Trailing);
    }
    Ok(output)
}

/// The step in which room is made, until there is more than that.
const PIECE: usize = 64 * 1024;

/// By the library's bare machine: its reader takes a stream that was cut for a whole one.
fn decode_deflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = Decompress::new(has_zlib_header(body));
    let mut output = Vec::new();
    let mut rest = body;
    loop {
        if output.len() > limit {
            return Err(Fault::TooLarge);
        }
        if output.len() == output.capacity() {
            // One byte more than the limit shows that there is more.
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
    // What is cut out of it may live for long.
    output.shrink_to_fit();
    Ok(output)
}

/// What HTTP calls deflate has the header of zlib (RFC 1950). Some servers leave it out, and browsers
/// cope. A bare stream does not begin like one: the low half of its first byte would be a stored block
/// behind a bit that is never set.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, &[method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0)
}
