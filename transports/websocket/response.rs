//! The response to an upgrade request: parses its head, and checks that it accepts the upgrade.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind, OpenRequest};
use futures::io::AsyncRead as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use super::super::shared::own_error::own_error;
use super::super::shared::read_buffer;
use super::super::shared::response_head::{MAX_HEADERS, too_large};
use super::super::status_error::address;
use super::deflate::{Agreement, Deflate};

/// Maximum number of bytes of one read.
const PIECE: usize = 4096;

/// Maximum number of bytes of a header that are quoted in an error.
const MAX_QUOTED: usize = 50;

pub(super) struct UpgradeResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl UpgradeResponse {
    /// Reads the head of the response, and returns it with the bytes after it. Interim responses are
    /// skipped.
    pub(super) async fn read(
        stream: &mut BoxedStream,
        errors: HandshakeErrors<'_>,
        limit: usize,
    ) -> Result<(Self, Vec<u8>), Error> {
        let mut pending = Vec::new();
        // Number of bytes that were searched for the end of the head already.
        let mut searched = 0_usize;
        let mut left = limit;
        loop {
            // Skips empty lines before the response, as polling does.
            let empty = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let blank = pending.iter().take_while(empty).count();
            if blank > 0 {
                pending.drain(..blank);
                searched = 0;
                left = left.checked_sub(blank).ok_or_else(|| too_large(limit))?;
            }
            if let Some(end) = end_of_head(&pending, searched) {
                if end > left {
                    return Err(too_large(limit));
                }
                let rest = pending.split_off(end);
                let answer = Self::parse(&pending, errors)?;
                if !answer.is_interim() {
                    return Ok((answer, rest));
                }
                left = left.saturating_sub(end);
                searched = 0;
                pending = rest;
                continue;
            }
            if pending.len() > left {
                return Err(too_large(limit));
            }
            let start = pending.get(..5).unwrap_or(&pending);
            if !b"HTTP/".starts_with(start) {
                return Err(errors.broken("the server's response is not HTTP"));
            }
            searched = pending.len().saturating_sub(2);
            let read = poll_fn(|cx| poll_read(stream, cx, &mut pending));
            let count = read.await.map_err(|error| errors.failed(error))?;
            if count == 0 {
                return Err(errors.ended());
            }
        }
    }

    fn parse(head: &[u8], errors: HandshakeErrors<'_>) -> Result<Self, Error> {
        let malformed = |error| {
            errors
                .broken("the server's response is not HTTP")
                .with_source(error)
        };
        let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(errors.broken("the server's response is not HTTP"));
            }
            Err(httparse::Error::TooManyHeaders) => {
                let message =
                    format!("the server sent an HTTP head of more than {MAX_HEADERS} headers");
                return Err(Error::new(ErrorKind::Limit, message));
            }
            Err(error) => return Err(malformed(error)),
        }
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|error| {
            errors
                .broken("the server sent an invalid HTTP status")
                .with_source(error)
        })?;
        if parsed.version != Some(1) && status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(errors.broken("the server answered with HTTP/1.0"));
        }
        let mut headers = HeaderMap::new();
        for header in parsed.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_bytes(header.value);
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Ok(Self { status, headers })
    }

    fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }

    /// Checks that the response accepts our request (RFC 6455, 4.1). Returns how messages are compressed.
    pub(super) fn check(
        &self,
        request: &OpenRequest,
        key: &str,
        deflate: Option<&Deflate>,
    ) -> Result<Option<Agreement>, Error> {
        let errors = HandshakeErrors(&request.url);
        // The request offers only `websocket`, so a response that lists other protocols was not made
        // for this request.
        match self.options(&header::UPGRADE).as_slice() {
            [] => return Err(errors.broken("the response has no \"Upgrade: websocket\"")),
            [only] if only.eq_ignore_ascii_case(b"websocket") => {}
            others => {
                let others = others.join(&b", "[..]);
                let others = others.get(..MAX_QUOTED).unwrap_or(&others).escape_ascii();
                return Err(errors.broken(format_args!(
                    "the response has \"Upgrade: {others}\" instead of \"Upgrade: websocket\""
                )));
            }
        }
        let is_upgrade = |option: &&[u8]| option.eq_ignore_ascii_case(b"upgrade");
        if !self.options(&header::CONNECTION).iter().any(is_upgrade) {
            return Err(errors.broken("the response has no \"Connection: Upgrade\""));
        }
        self.check_key(key, errors)?;
        let agreement = self.check_extensions(deflate, errors)?;
        self.check_protocol(request)?;
        Ok(agreement)
    }

    fn check_extensions(
        &self,
        deflate: Option<&Deflate>,
        errors: HandshakeErrors<'_>,
    ) -> Result<Option<Agreement>, Error> {
        let name = header::SEC_WEBSOCKET_EXTENSIONS;
        if !self.headers.contains_key(&name) {
            return Ok(None);
        }
        let Some(deflate) = deflate else {
            return Err(errors.broken("the response selects an extension, but none was offered"));
        };
        match self.options(&name).as_slice() {
            [only] => {
                let agreement = deflate.accept(only);
                let wrong = |what| errors.broken(format_args!("the response {what}"));
                agreement.map(Some).map_err(wrong)
            }
            _ => Err(errors.broken("the response selects more than one extension")),
        }
    }

    fn check_key(&self, key: &str, errors: HandshakeErrors<'_>) -> Result<(), Error> {
        let mut accepts = self.headers.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
        let Some(accept) = accepts.next() else {
            return Err(errors.broken("the response has no Sec-WebSocket-Accept"));
        };
        if accepts.next().is_some() {
            return Err(errors.broken("the response has more than one Sec-WebSocket-Accept"));
        }
        if accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes() {
            return Err(errors
                .broken("the Sec-WebSocket-Accept of the response does not match this request"));
        }
        Ok(())
    }

    /// The server may choose one of the protocols that the user offered, or none.
    fn check_protocol(&self, request: &OpenRequest) -> Result<(), Error> {
        let errors = HandshakeErrors(&request.url);
        let name = header::SEC_WEBSOCKET_PROTOCOL;
        if !self.headers.contains_key(&name) {
            return Ok(());
        }
        match self.options(&name).as_slice() {
            [only] if options(&request.headers, &name).any(|asked| asked == *only) => Ok(()),
            [_] => {
                Err(errors
                    .broken("the response selects a Sec-WebSocket-Protocol that was not offered"))
            }
            _ => Err(errors
                .broken("the Sec-WebSocket-Protocol of the response is not a single protocol")),
        }
    }

    fn options(&self, name: &HeaderName) -> Vec<&[u8]> {
        options(&self.headers, name).collect()
    }
}

/// Reads once, and appends what was read. The buffer is the thread's: one of its own would make up most
/// of the memory of a connection that is being opened.
fn poll_read(
    stream: &mut BoxedStream,
    cx: &mut Context<'_>,
    pending: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    read_buffer::with(PIECE, |piece| {
        let count = ready!(Pin::new(stream).poll_read(cx, piece))?;
        pending.extend_from_slice(piece.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    })
}

/// The elements of a header that is a comma-separated list.
pub(super) fn options<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// The offset after the empty line that ends the head. Some servers omit the `\r`.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let part = bytes.get(searched..)?;
    memchr::memchr_iter(b'\n', part).find_map(|at| {
        let behind = part.get(at.checked_add(1)?..)?;
        let line = match behind {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        searched.checked_add(at)?.checked_add(1)?.checked_add(line)
    })
}

/// Creates the errors of a handshake, which name the URL that was requested.
#[derive(Clone, Copy)]
pub(super) struct HandshakeErrors<'a>(pub(super) &'a Url);

impl HandshakeErrors<'_> {
    /// The server did not accept the upgrade in the way that the protocol demands.
    fn broken(self, why: impl std::fmt::Display) -> Error {
        let url = address(self.0);
        let message = format!("{url}: the WebSocket handshake failed: {why}");
        Error::new(ErrorKind::WebSocket, message)
    }

    fn ended(self) -> Error {
        let url = address(self.0);
        let message =
            format!("{url}: the server closed the connection during the WebSocket handshake");
        Error::new(ErrorKind::Ended, message)
    }

    /// Reading or writing failed.
    pub(super) fn failed(self, error: io::Error) -> Error {
        own_error(&error).unwrap_or_else(|| {
            let url = address(self.0);
            let message = format!("{url}: the connection failed during the WebSocket handshake");
            Error::new(ErrorKind::Ended, message).with_source(error)
        })
    }
}
