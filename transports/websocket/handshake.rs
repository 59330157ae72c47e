//! The HTTP handshake of a WebSocket.
//!
//! It does not use tungstenite's handshake, which logs the whole request with its secrets, does not
//! understand a `Connection` header with several options, and limits a head to 64 KiB and 124 headers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind, OpenRequest, Runtime};
use futures::io::AsyncWriteExt as _;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Position;

use super::super::shared::user_agent::USER_AGENT;
use super::super::status_error::{redirect, status_error};
use super::deflate::{Agreement, Deflate};
use super::refusal::read_body;
use super::response::{HandshakeErrors, UpgradeResponse};

/// The result of a handshake.
pub(super) struct Opened {
    pub(super) stream: BoxedStream,
    /// The bytes that arrived after the head of the response.
    pub(super) rest: Vec<u8>,
    /// How messages are compressed.
    pub(super) agreement: Option<Agreement>,
}

/// Performs the handshake.
pub(super) async fn shake_hands(
    runtime: &Arc<dyn Runtime>,
    mut stream: BoxedStream,
    request: &OpenRequest,
    deflate: Option<&Deflate>,
) -> Result<Opened, Error> {
    let key = key(runtime);
    let asked = ask(runtime, request, &key, deflate)?;
    let errors = HandshakeErrors(&request.url);
    let failed = |error| errors.failed(error);
    stream.write_all(&asked).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;

    let (answer, rest) = UpgradeResponse::read(&mut stream, errors, request.limits.head).await?;
    if let Some(cookies) = &request.cookies {
        cookies.store(&answer.headers, &request.url, runtime.now());
    }
    tracing::debug!(status = answer.status.as_u16(), "websocket response");
    if answer.status != StatusCode::SWITCHING_PROTOCOLS {
        // The body of a redirect is not read, since the error reports only its target.
        let body = match redirect(answer.status, &answer.headers) {
            Some(Ok(_)) => Vec::new(),
            _ => read_body(runtime, &mut stream, rest, answer.status, &answer.headers).await,
        };
        return Err(status_error(
            "the WebSocket request",
            &request.url,
            answer.status,
            &answer.headers,
            &body,
        ));
    }
    let agreement = answer.check(request, &key, deflate)?;
    match &agreement {
        Some(agreement) => agreement.log(),
        None if deflate.is_some() => tracing::debug!("the server has refused to compress messages"),
        None => {}
    }
    Ok(Opened {
        stream,
        rest,
        agreement,
    })
}

fn key(runtime: &Arc<dyn Runtime>) -> String {
    let nonce = [runtime.random(), runtime.random()].map(u64::to_ne_bytes);
    STANDARD.encode(nonce.as_flattened())
}

/// The bytes of the upgrade request.
fn ask(
    runtime: &Arc<dyn Runtime>,
    request: &OpenRequest,
    key: &str,
    deflate: Option<&Deflate>,
) -> Result<Vec<u8>, Error> {
    let invalid = || {
        Error::new(
            ErrorKind::Invalid,
            "the WebSocket request contains an invalid header or URL",
        )
    };
    let target = request.target(request.sid.as_deref(), runtime.random());
    // Refuses a target with spaces or line breaks, which would end the request line.
    let target = PathAndQuery::try_from(target).map_err(|error| invalid().with_source(error))?;
    let authority = &request.url[Position::BeforeHost..Position::AfterPort];
    let mut headers = HeaderMap::new();
    let host = HeaderValue::from_str(authority).map_err(|error| invalid().with_source(error))?;
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    // The user's headers replace ours of the same name, except for those of the protocol.
    headers.extend(request.headers.clone());
    if let Some(cookies) = &request.cookies {
        cookies.add_to(&mut headers, &request.url, runtime.now());
    }
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_KEY,
        // Other extensions than ours are not supported.
        header::SEC_WEBSOCKET_EXTENSIONS,
    ] {
        headers.remove(name);
    }
    let mut asked = format!(
        "GET {target} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    )
    .into_bytes();
    if let Some(deflate) = deflate {
        let offer = deflate.offer();
        asked.extend_from_slice(format!("Sec-WebSocket-Extensions: {offer}\r\n").as_bytes());
    }
    for (name, value) in &headers {
        write_name(&mut asked, name);
        asked.extend_from_slice(b": ");
        asked.extend_from_slice(value.as_bytes());
        asked.extend_from_slice(b"\r\n");
    }
    asked.extend_from_slice(b"\r\n");
    Ok(asked)
}

/// Writes a header name in title case, as browsers do: some servers recognise headers only in this
/// form.
fn write_name(output: &mut Vec<u8>, name: &HeaderName) {
    const PREFIX: &str = "Sec-WebSocket-";
    let mut name = name.as_str();
    if let Some(rest) = name.strip_prefix(&PREFIX.to_ascii_lowercase()) {
        output.extend_from_slice(PREFIX.as_bytes());
        name = rest;
    }
    let mut starts_word = true;
    for byte in name.bytes() {
        output.push(if starts_word {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        starts_word = byte == b'-';
    }
}
