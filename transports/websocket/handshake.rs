//! The HTTP handshake of a websocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_tungstenite::client_async_with_config;
use async_tungstenite::tungstenite;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind, OpenRequest, Runtime};
use futures::future::{self, Either};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use http::{HeaderMap, HeaderValue, Request, header};
use url::Position;

use super::super::dial::own_words;
use super::super::refusal::refusal;

/// How long a server that refuses may take for the body in which it says why.
const BODY_WAIT: Duration = Duration::from_secs(1);
/// And how much of it is read.
const BODY_SIZE: u64 = 16 * 1024;

/// tungstenite takes no more than this, nor more headers than `LIBRARY_HEADERS`.
const LIBRARY_HEAD: usize = 65_536;
const LIBRARY_HEADERS: usize = 124;

/// Asks the server to speak WebSocket from here on. Gives the stream back, and what came behind the
/// answer's head.
pub(super) async fn shake_hands(
    runtime: &Arc<dyn Runtime>,
    stream: BoxedStream,
    request: &OpenRequest,
) -> Result<(BoxedStream, Vec<u8>), Error> {
    let asked = ask(runtime, request)?;
    let limit = request.limits.head.min(LIBRARY_HEAD);
    let mut stream = HeadStream::new(stream, limit);
    let answer = client_async_with_config(asked, &mut stream, None)
        .await
        .map(|_| ());
    if stream.too_large {
        let message = format!(
            "an HTTP head of more than {} bytes (limit max_head_size)",
            limit
        );
        return Err(Error::new(ErrorKind::Limit, message));
    }
    match answer {
        Ok(()) => Ok((stream.stream, stream.pending)),
        Err(tungstenite::Error::Http(response)) => {
            let body = stream.read_body(runtime, response.headers()).await;
            Err(refusal(
                "the websocket request",
                response.status(),
                response.headers(),
                &body,
            ))
        }
        Err(tungstenite::Error::Io(error)) => Err(own_words(&error).unwrap_or_else(|| {
            Error::new(
                ErrorKind::Ended,
                "the connection failed during the websocket handshake",
            )
            .with_source(error)
        })),
        Err(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::HandshakeIncomplete,
        )) => Err(Error::new(
            ErrorKind::Ended,
            "the server ended the connection during the websocket handshake",
        )),
        Err(error @ tungstenite::Error::HttpFormat(_)) => Err(Error::new(
            ErrorKind::Invalid,
            "the websocket request can't be made",
        )
        .with_source(error)),
        // Its error for this is of a type that it does not show.
        Err(error) if error.to_string().contains("too many headers") => {
            let message = format!("an HTTP head of more than {LIBRARY_HEADERS} headers");
            Err(Error::new(ErrorKind::Limit, message))
        }
        Err(error) => Err(
            Error::new(ErrorKind::WebSocket, "the websocket handshake failed").with_source(error),
        ),
    }
}

fn ask(runtime: &Arc<dyn Runtime>, request: &OpenRequest) -> Result<Request<()>, Error> {
    let invalid = |error: http::Error| {
        Error::new(ErrorKind::Invalid, "the websocket request can't be made").with_source(error)
    };
    let target = request.target(request.sid.as_deref(), runtime.random());
    let authority = &request.url[Position::BeforeHost..Position::AfterPort];
    // The scheme has to be one of these two, and goes nowhere.
    let mut asked = Request::get(format!("ws://{authority}{target}"))
        .body(())
        .map_err(invalid)?;
    let nonce: [[u8; 8]; 2] = [
        runtime.random().to_ne_bytes(),
        runtime.random().to_ne_bytes(),
    ];
    let key = STANDARD.encode(nonce.as_flattened());
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| invalid(error.into()));
    let headers = asked.headers_mut();
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(super::super::USER_AGENT),
    );
    headers.insert(header::HOST, value(authority)?);
    // The user's replace ours of the same name, but for those of the protocol.
    headers.extend(request.headers.clone());
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    headers.insert(header::SEC_WEBSOCKET_KEY, value(&key)?);
    Ok(asked)
}

/// Collects the whole head of the answer and hands it over in one piece, since tungstenite refuses
/// one that comes in more than 64 tiny reads. Keeps what follows, and passes over interim answers.
struct HeadStream {
    stream: BoxedStream,
    /// What was read and not handed over. When the head has gone: what came behind it.
    pending: Vec<u8>,
    /// How much of `pending` is the head, once it is whole.
    head: Option<usize>,
    handed_over: bool,
    limit: usize,
    /// All that was read before the head was whole.
    total: usize,
    too_large: bool,
}

impl HeadStream {
    fn new(stream: BoxedStream, limit: usize) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            head: None,
            handed_over: false,
            limit,
            total: 0,
            too_large: false,
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut searched = 0_usize;
        loop {
            if let Some(head) = self.head {
                return Poll::Ready(Ok(head));
            }
            // An end of a head may be cut by the last read.
            let from = searched.saturating_sub(3);
            let part = self.pending.get(from..).unwrap_or_default();
            if let Some(at) = memchr::memmem::find(part, b"\r\n\r\n") {
                let end = from.saturating_add(at).saturating_add(4);
                if end > self.limit {
                    return Poll::Ready(Err(self.refuse_head()));
                }
                if is_interim(&self.pending) {
                    self.pending.drain(..end);
                    searched = 0;
                    continue;
                }
                self.head = Some(end);
                continue;
            }
            searched = self.pending.len();
            if self.total > self.limit {
                return Poll::Ready(Err(self.refuse_head()));
            }
            let mut piece = [0; 4096];
            let count = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            self.total = self.total.saturating_add(count);
            self.pending
                .extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }

    fn refuse_head(&mut self) -> io::Error {
        self.too_large = true;
        io::ErrorKind::InvalidData.into()
    }

    /// What a server that refuses has to say, as far as it can be had.
    async fn read_body(&mut self, runtime: &Arc<dyn Runtime>, headers: &HeaderMap) -> Vec<u8> {
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let length: u64 = length.unwrap_or(BODY_SIZE).min(BODY_SIZE);
        let mut body = std::mem::take(&mut self.pending);
        let missing = length.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let mut rest = Vec::new();
        let mut source = (&mut self.stream).take(missing);
        let read = Box::pin(source.read_to_end(&mut rest));
        match future::select(read, runtime.sleep(BODY_WAIT)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
        body.extend(rest);
        body
    }
}

/// Whether an answer begins as `HTTP/1.1 1xx`, and is not the one awaited.
fn is_interim(head: &[u8]) -> bool {
    let status = head.get(9..12).unwrap_or_default();
    head.starts_with(b"HTTP/1.") && status.first() == Some(&b'1') && status != b"101"
}

impl AsyncRead for HeadStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.handed_over {
            // What follows the head belongs to the frames.
            return Poll::Ready(Ok(0));
        }
        let head = ready!(self.poll_head(cx))?;
        let count = head.min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.pending.drain(..count)) {
            *to = from;
        }
        self.head = Some(head.saturating_sub(count));
        self.handed_over = self.head == Some(0);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for HeadStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))? {
            // tungstenite would panic.
            0 if !bytes.is_empty() => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
