//! The HTTP handshake of a websocket.
//!
//! It is not tungstenite's: that one writes the whole request, with whatever is secret in it, to the
//! log, knows no `Connection` with more than one option, and limits a head to 64 KiB and 124 headers.

use std::sync::Arc;
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind, OpenRequest, Runtime};
use futures::future;
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Position;

use super::super::shared::own_error::own_error;
use super::super::shared::response_head::{MOST_HEADERS, too_large};
use super::super::shared::status_error::status_error;
use super::super::shared::user_agent::USER_AGENT;

/// How long a server that refuses may take for the body in which it says why.
const BODY_WAIT: Duration = Duration::from_secs(1);
/// And how much of it is read.
const BODY_SIZE: u64 = 16 * 1024;

/// Asks the server to speak WebSocket from here on. Gives the stream back, and what came behind the
/// answer's head.
pub(super) async fn shake_hands(
    runtime: &Arc<dyn Runtime>,
    mut stream: BoxedStream,
    request: &OpenRequest,
) -> Result<(BoxedStream, Vec<u8>), Error> {
    let key = key(runtime);
    let asked = ask(runtime, request, &key)?;
    stream.write_all(&asked).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;

    let (answer, rest) = UpgradeResponse::read(&mut stream, request.limits.head).await?;
    if let Some(cookies) = &request.cookies {
        cookies.store(&answer.headers, &request.url, runtime.now());
    }
    tracing::debug!(status = answer.status.as_u16(), "websocket response");
    if answer.status != StatusCode::SWITCHING_PROTOCOLS {
        let body = read_body(runtime, &mut stream, rest, &answer.headers).await;
        return Err(status_error(
            "the websocket request",
            &request.url,
            answer.status,
            &answer.headers,
            &body,
        ));
    }
    answer.check(request, &key)?;
    Ok((stream, rest))
}

fn failed(error: std::io::Error) -> Error {
    own_error(&error).unwrap_or_else(|| {
        Error::new(
            ErrorKind::Ended,
            "the connection failed during the websocket handshake",
        )
        .with_source(error)
    })
}

fn broken(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::WebSocket,
        format!("the websocket handshake failed: {why}"),
    )
}

fn key(runtime: &Arc<dyn Runtime>) -> String {
    let nonce = [runtime.random(), runtime.random()].map(u64::to_ne_bytes);
    STANDARD.encode(nonce.as_flattened())
}

/// The bytes of the request.
fn ask(runtime: &Arc<dyn Runtime>, request: &OpenRequest, key: &str) -> Result<Vec<u8>, Error> {
    let invalid = || Error::new(ErrorKind::Invalid, "the websocket request can't be made");
    let target = request.target(request.sid.as_deref(), runtime.random());
    // It must hold no space and no line break.
    let target = PathAndQuery::try_from(target).map_err(|error| invalid().with_source(error))?;
    let authority = &request.url[Position::BeforeHost..Position::AfterPort];
    let mut headers = HeaderMap::new();
    let host = HeaderValue::from_str(authority).map_err(|error| invalid().with_source(error))?;
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    // The user's replace ours of the same name, but for those of the protocol.
    headers.extend(request.headers.clone());
    if let Some(cookies) = &request.cookies {
        cookies.add_to(&mut headers, &request.url, runtime.now());
    }
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_KEY,
        // There are none here that a server could agree to.
        header::SEC_WEBSOCKET_EXTENSIONS,
    ] {
        headers.remove(name);
    }
    let mut asked = format!(
        "GET {target} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    )
    .into_bytes();
    for (name, value) in &headers {
        asked.extend_from_slice(written(name).as_bytes());
        asked.extend_from_slice(b": ");
        asked.extend_from_slice(value.as_bytes());
        asked.extend_from_slice(b"\r\n");
    }
    asked.extend_from_slice(b"\r\n");
    Ok(asked)
}

/// There are servers that know these in this form alone.
fn written(name: &HeaderName) -> &str {
    match *name {
        header::HOST => "Host",
        header::ORIGIN => "Origin",
        header::SEC_WEBSOCKET_PROTOCOL => "Sec-WebSocket-Protocol",
        _ => name.as_str(),
    }
}

/// The response to the request for a websocket.
struct UpgradeResponse {
    status: StatusCode,
    headers: HeaderMap,
}

impl UpgradeResponse {
    /// Reads the head of the answer, and what comes with it. Passes over interim answers.
    async fn read(stream: &mut BoxedStream, limit: usize) -> Result<(Self, Vec<u8>), Error> {
        let mut pending = Vec::new();
        // What can be no end of the head was looked at before.
        let mut searched = 0_usize;
        let mut left = limit;
        let mut piece = [0; 4096];
        loop {
            // Empty lines before an answer are passed over, as hyper does it by polling.
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
                let answer = Self::parse(&pending)?;
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
                return Err(broken("the server's answer is not HTTP"));
            }
            searched = pending.len().saturating_sub(2);
            let count = stream.read(&mut piece).await.map_err(failed)?;
            if count == 0 {
                return Err(Error::new(
                    ErrorKind::Ended,
                    "the server ended the connection during the websocket handshake",
                ));
            }
            pending.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }

    fn parse(head: &[u8]) -> Result<Self, Error> {
        let malformed = |error| broken("the server's answer is not HTTP").with_source(error);
        let mut headers = vec![httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(broken("the server's answer is not HTTP"));
            }
            Err(httparse::Error::TooManyHeaders) => {
                let message = format!("an HTTP head of more than {MOST_HEADERS} headers");
                return Err(Error::new(ErrorKind::Limit, message));
            }
            Err(error) => return Err(malformed(error)),
        }
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|error| {
            broken("the status of the server's answer is none").with_source(error)
        })?;
        if parsed.version != Some(1) && status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(broken("the server's answer is HTTP/1.0"));
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

    /// Whether it is the answer to our request, by RFC 6455, 4.1.
    fn check(&self, request: &OpenRequest, key: &str) -> Result<(), Error> {
        if !self.has_option(&header::UPGRADE, "websocket") {
            return Err(broken("the answer has no \"Upgrade: websocket\""));
        }
        if !self.has_option(&header::CONNECTION, "upgrade") {
            return Err(broken("the answer has no \"Connection: Upgrade\""));
        }
        let accept = self.headers.get(header::SEC_WEBSOCKET_ACCEPT);
        if accept.map(HeaderValue::as_bytes) != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(broken(
                "the Sec-WebSocket-Accept of the answer is not for this request",
            ));
        }
        if self.headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
            return Err(broken(
                "the answer has an extension, of which this client has none",
            ));
        }
        let asked = options(&request.headers, &header::SEC_WEBSOCKET_PROTOCOL);
        let asked: Vec<&[u8]> = asked.collect();
        for protocol in options(&self.headers, &header::SEC_WEBSOCKET_PROTOCOL) {
            if !asked.contains(&protocol) {
                return Err(broken("the answer has a protocol that was not asked for"));
            }
        }
        Ok(())
    }

    fn has_option(&self, name: &HeaderName, wanted: &str) -> bool {
        options(&self.headers, name).any(|option| option.eq_ignore_ascii_case(wanted.as_bytes()))
    }
}

/// The parts of a header that is a list.
fn options<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// Where the head ends, behind its empty line. Some servers leave out the `\r`.
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

/// What a server that refuses has to say, as far as it can be had.
async fn read_body(
    runtime: &Arc<dyn Runtime>,
    stream: &mut BoxedStream,
    mut body: Vec<u8>,
    headers: &HeaderMap,
) -> Vec<u8> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let length: u64 = length.unwrap_or(BODY_SIZE).min(BODY_SIZE);
    let missing = length.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
    let mut rest = Vec::new();
    let mut source = stream.take(missing);
    let read = Box::pin(source.read_to_end(&mut rest));
    // Whether it ended, failed, or took too long: there is what there is.
    drop(future::select(read, runtime.sleep(BODY_WAIT)).await);
    body.extend(rest);
    if headers.contains_key(header::TRANSFER_ENCODING) {
        joined(&body)
    } else {
        body
    }
}

/// The chunks of a body, as far as they came.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(chunks) {
        let data = chunks.get(start..).unwrap_or_default();
        let end = usize::try_from(size).unwrap_or(usize::MAX).min(data.len());
        let (chunk, rest) = data.split_at(end);
        body.extend_from_slice(chunk);
        if size == 0 {
            break;
        }
        chunks = rest.strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}
