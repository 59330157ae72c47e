//! The transport over a browser's `WebSocket`.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::codec::frame;
use engineio_client::{
    Activity, Batch, Error, ErrorKind, Framing, Link, OpenRequest, Packet, PacketReceiver,
    PacketSender, PeerClose, Runtime, Transport, async_trait,
};
use futures::future::{Either, select};
use send_wrapper::SendWrapper;
use url::Position;
use wasm_bindgen::JsValue;

use super::super::super::built_in_settings::BuiltInSettings;
use super::super::thrown;
use super::inbox::Inbox;
use super::pacing::{Look, Pacing, Slices};
use super::socket::{SharedInbox, Socket, lock};

/// The browser's `WebSocket`.
///
/// A page can set no headers of a WebSocket. Opening a session with headers of yours fails with
/// [`ErrorKind::Invalid`] on this transport, rather than without them. After a start on polling, the upgrade goes
/// without them: the session's id is enough for the server. The browser sends the cookies that it has for the server,
/// whatever [`Fetch::credentials`](super::super::Fetch::credentials) says.
///
/// ```no_run
/// use engineio_client::transports::{Transports, web};
///
/// let transports = Transports::new().with(web::WebSocket::default());
/// # let _ = transports;
/// ```
#[derive(Clone, Debug)]
pub struct WebSocket {
    max_waiting: usize,
}

/// By default 16 MiB of messages may wait.
impl Default for WebSocket {
    fn default() -> Self {
        Self {
            max_waiting: 16 * 1024 * 1024,
        }
    }
}

impl WebSocket {
    #[cfg_attr(not(target_os = "unknown"), allow(dead_code))]
    pub(in super::super::super) fn built_in(_: &BuiltInSettings) -> Arc<dyn Transport> {
        Arc::new(Self::default())
    }

    /// Sets how many bytes of messages may wait because the program does not take them, besides one message of the
    /// [largest size](engineio_client::Builder::max_message_size). Each message counts 64 bytes more than its length. Default:
    /// 16 MiB (16,777,216 bytes).
    ///
    /// A browser reads from a WebSocket whether the program takes the messages or not, so the server is never
    /// made to wait. When more messages wait, the session ends with an error of the kind [`ErrorKind::Limit`], after
    /// the messages that had room.
    ///
    /// ```no_run
    /// use engineio_client::transports::{Transports, web};
    ///
    /// let websocket = web::WebSocket::default().max_waiting(1024 * 1024);
    /// let transports = Transports::new().with(websocket);
    /// # let _ = transports;
    /// ```
    #[must_use]
    pub fn max_waiting(mut self, bytes: usize) -> Self {
        self.max_waiting = bytes;
        self
    }
}

#[async_trait]
impl Transport for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec!["http", "https", "ws", "wss"]
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let url = target(runtime, &request)?;
        let inbox = Arc::new(Mutex::new(Inbox::new(request.limits, self.max_waiting)));
        let socket = Socket::new(&url, &inbox).map_err(|error| not_created(&error, &url))?;
        let socket = Arc::new(SendWrapper::new(socket));
        let opened = poll_fn(|cx| lock(&inbox).poll_open(cx)).await;
        opened.map_err(|end| {
            let message = format!(
                "{}: the browser could not open a WebSocket, and does not say why ({end})",
                &request.url[..Position::AfterPath]
            );
            Error::new(ErrorKind::Connect, message).with_url(&request.url)
        })?;
        let sender = Sender {
            inbox: Arc::clone(&inbox),
            socket: Arc::clone(&socket),
            runtime: Arc::clone(runtime),
            activity: request.activity,
            buffer: String::new(),
        };
        let receiver = Receiver {
            inbox,
            _socket: socket,
        };
        Ok(Link::new(sender, receiver, Framing::Frames))
    }
}

/// The URL to open.
fn target(runtime: &Arc<dyn Runtime>, request: &OpenRequest) -> Result<String, Error> {
    let invalid = |message| Err(Error::new(ErrorKind::Invalid, message));
    if request.address.is_some() {
        return invalid("the URL names a Unix socket, to which a browser can't connect");
    }
    if request.must_confirm {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "a browser's WebSocket sends no pings, so it can't confirm messages",
        ));
    }
    if !request.headers.is_empty() && request.sid.is_none() {
        return invalid(
            "a browser's WebSocket can't send headers: start with polling, or use the query",
        );
    }
    let scheme = match request.url.scheme() {
        "https" => "wss",
        _ => "ws",
    };
    Ok(format!(
        "{scheme}{}{}",
        &request.url[Position::AfterScheme..Position::BeforePath],
        request.target(request.sid.as_deref(), runtime.random()),
    ))
}

/// The error if the constructor threw. Browsers do so for insecure connections of a secure page.
fn not_created(thrown: &JsValue, url: &str) -> Error {
    let message = format!(
        "the browser refused to create a WebSocket: {}",
        thrown::text(thrown, url)
    );
    Error::new(ErrorKind::Connect, message)
}

struct Receiver {
    inbox: SharedInbox,
    /// Both halves keep the connection open.
    _socket: Arc<SendWrapper<Socket>>,
}

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        poll_fn(|cx| lock(&self.inbox).poll_recv(cx)).await
    }

    fn peer_close(&self) -> Option<PeerClose> {
        lock(&self.inbox).peer_close()
    }
}

struct Sender {
    inbox: SharedInbox,
    socket: Arc<SendWrapper<Socket>>,
    runtime: Arc<dyn Runtime>,
    activity: Activity,
    buffer: String,
}

impl Sender {
    /// Resolves when the connection has ended.
    async fn closed(&self) {
        poll_fn(|cx| lock(&self.inbox).poll_closed(cx)).await;
    }

    /// Waits until the browser has written most of what it took.
    async fn written(&self) -> Result<(), Error> {
        let mut pacing = Pacing::default();
        loop {
            let (has_progressed, look) = pacing.look(self.socket.buffered());
            if has_progressed {
                self.activity.mark_sent();
            }
            let Look::Again(pause) = look else {
                return Ok(());
            };
            let pause = self.runtime.sleep(pause);
            if let Either::Left(_) = select(Box::pin(self.closed()), pause).await {
                return Err(ended());
            }
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Ended, "the WebSocket ended while sending")
}

#[async_trait]
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        let mut slices = Slices::new(self.runtime.now());
        for packet in &batch {
            if slices.next(|| self.runtime.now()) {
                self.activity.mark_sent();
                self.runtime.sleep(Duration::ZERO).await;
                slices = Slices::new(self.runtime.now());
            }
            // After the end, the browser would throw it away without an error.
            if !self.socket.is_open() {
                return Err(ended());
            }
            let sent = self.socket.send(frame(&packet), &mut self.buffer);
            sent.map_err(|error| {
                let message = format!(
                    "the browser did not send a message: {}",
                    thrown::text(&error, "")
                );
                Error::new(ErrorKind::Ended, message)
            })?;
        }
        if self.buffer.capacity() > LARGE {
            self.buffer = String::new();
        }
        self.written().await?;
        self.activity.mark_sent();
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.socket.close();
        self.closed().await;
        Ok(())
    }
}

/// A buffer for texts that is larger than this is not kept, in bytes.
const LARGE: usize = 64 * 1024;
