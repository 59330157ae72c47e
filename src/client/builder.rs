//! The settings of a connection, for both kinds of client.

mod lasting;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::handlers::Handlers;
use super::server_url::is_of_the_protocol;
use super::settings::Settings;
use super::start::{Started, start};
use crate::amount::Amount;
use crate::client_kind::Async;
use crate::error::{Error, ErrorKind};
use crate::limits::Capacity;
use crate::runtime::Runtime;
use crate::transport::{Transport, add_query};

/// Sets up a connection: where to, how, and within which limits.
///
/// What is wrong with it (a URL that is none, a header with a line break) is told by
/// [`start`](Builder::start) and [`connect`](Builder::connect).
///
/// ```no_run
/// # async fn run() -> Result<(), engineio_client::Error> {
/// use std::time::Duration;
///
/// let client = engineio_client::tokio::Client::builder("https://example.com/engine.io/?token=x")
///     .header("X-Device", "7")
///     .open_timeout(Duration::from_secs(3))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
/// # Limits
///
/// Nothing waits for ever, and nothing grows without a bound. Each limit has a setter; an error that
/// comes of one names it, and its value.
///
/// | what | setter | default |
/// |---|---|---|
/// | opening, by each transport: name, TCP, TLS and handshake together | [`open_timeout`](Builder::open_timeout) | 10 s |
/// | redirects of the handshake, by each transport, where they are [followed](Builder::follow_redirects) | | 5, with 8 KiB of `Location` each |
/// | a POST, without progress | [`send_timeout`](Builder::send_timeout) | 10 s |
/// | a websocket write, without progress; the server's silence, a poll included | told by the server: `pingInterval + pingTimeout` | |
/// | an upgrade, from opening the probe to going over | [`upgrade_timeout`](Builder::upgrade_timeout) | 7 s |
/// | a close, without progress | [`close_timeout`](Builder::close_timeout) | 5 s |
/// | a close in all | [`close_limit`](Builder::close_limit) | 60 s |
/// | a message received | [`max_message_size`](Builder::max_message_size) | 64 MiB |
/// | a polling body received, decompressed | [`max_body_size`](Builder::max_body_size) | 4/3 of a message and 64 KiB, or 16 MiB if that is more |
/// | packets in a polling body received | [`max_payload_packets`](Builder::max_payload_packets) | 131,072 |
/// | an HTTP head, and the open packet | [`max_head_size`](Builder::max_head_size) | 64 KiB, and 1024 headers |
/// | cookies of a session | [`max_cookies`](Builder::max_cookies), [`max_cookie_bytes`](Builder::max_cookie_bytes) | 64, and 16 KiB in all |
/// | what is accepted and has not left | [`outbox`](Builder::outbox) | 2048 messages, or 2 MiB |
/// | what has left and is not confirmed, with [receipts](Builder::receipts) | [`Receipts::window`](crate::Receipts::window) | 16,384 messages, or 8 MiB |
/// | what came and is not read | [`inbox`](Builder::inbox) | 1024 messages, or 128 KiB |
/// | packets in a POST | [`packets_per_post`](Builder::packets_per_post) | 16 |
/// | buffers of each thread that drives sessions | `WebSocket::read_buffer_size`, `write_buffer_size` | 64 KiB, 1 MiB |
/// | buffers of the process for long messages, kept for the next | | 4 MiB |
/// | a message sent by polling, and a POST | told by the server: `maxPayload` | |
#[must_use = "a builder does nothing until `start` or `connect`"]
pub struct Builder<T: Transport, R: Runtime, K = Async> {
    transport: T,
    runtime: R,
    settings: Settings,
    handlers: Handlers,
    kind: PhantomData<fn() -> K>,
}

impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    pub(crate) fn of_kind(url: impl AsRef<str>, transport: T, runtime: R) -> Self {
        let settings = Settings::new(url.as_ref());
        Self {
            transport,
            runtime,
            settings,
            handlers: Handlers::default(),
            kind: PhantomData,
        }
    }

    /// The same settings once more, for another session: the next attempt, or the next of many clients.
    /// `None` where there are handlers, which are functions that can't be copied: set those on each copy.
    ///
    /// ```
    /// # #[cfg(all(feature = "tokio", feature = "websocket"))] {
    /// let settings = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer ...");
    /// let one = settings.try_clone().expect("it has no handlers");
    /// let other = settings.on_message(|_handle, message| println!("{message:?}"));
    /// assert!(other.try_clone().is_none());
    /// # let _ = one;
    /// # }
    /// ```
    pub fn try_clone(&self) -> Option<Self>
    where
        T: Clone,
        R: Clone,
    {
        self.handlers.is_empty().then(|| Self {
            transport: self.transport.clone(),
            runtime: self.runtime.clone(),
            settings: self.settings.clone(),
            handlers: Handlers::default(),
            kind: PhantomData,
        })
    }

    pub(crate) fn handlers(&mut self) -> &mut Handlers {
        &mut self.handlers
    }

    /// The same connection on another runtime.
    pub fn runtime<R2: Runtime>(self, runtime: R2) -> Builder<T, R2, K> {
        Builder {
            transport: self.transport,
            runtime,
            settings: self.settings,
            handlers: self.handlers,
            kind: PhantomData,
        }
    }

    /// The same connection by another transport: one of yours, or
    /// [`Transports`](crate::transports::Transports) of several.
    pub fn transport<T2: Transport>(self, transport: T2) -> Builder<T2, R, K> {
        Builder {
            transport,
            runtime: self.runtime,
            settings: self.settings,
            handlers: self.handlers,
            kind: PhantomData,
        }
    }

    /// The same connection with the transport changed, or a fault to be told by `start`.
    #[cfg(feature = "__dial")]
    pub(crate) fn try_map_transport(mut self, change: impl FnOnce(T) -> Result<T, Error>) -> Self
    where
        T: Clone,
    {
        match change(self.transport.clone()) {
            Ok(transport) => self.transport = transport,
            Err(error) => {
                self.settings.fault.get_or_insert(error);
            }
        }
        self
    }

    /// Which transports to use, by name, in order of preference: `["polling", "websocket"]` by
    /// default. The first opens the session; those after it are what a session on polling may
    /// upgrade to, and what is tried when the first can't be opened.
    pub fn transports<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The Engine.IO path, whatever the URL's path is. `/engine.io/` by default.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.settings.path = Some(path.into());
        self
    }

    /// Whether the path ends in a slash, as servers expect by default.
    pub fn trailing_slash(mut self, trailing_slash: bool) -> Self {
        self.settings.trailing_slash = trailing_slash;
        self
    }

    /// Adds a pair to the query of every request, after those of the URL. What the protocol sets
    /// itself (`EIO`, `transport` and `sid`) is passed over, here and in the URL.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if !is_of_the_protocol(name.as_ref().as_bytes()) {
            add_query(&mut self.settings.query, name.as_ref(), value.as_ref());
        }
        self
    }

    /// Adds a header to every request, the websocket's too. One of ours of the same name gives way to
    /// it, but for those that make the request: `Content-Length` and `Transfer-Encoding` are refused by
    /// `start`, and those of the websocket's handshake are left out of it.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let parsed_name = HeaderName::from_bytes(name.as_bytes());
        match (parsed_name, HeaderValue::from_bytes(value.as_ref())) {
            (Ok(name), Ok(value)) => {
                self.settings.headers.append(name, value);
            }
            (Err(error), _) => {
                // A whole line in its place has the value behind the colon.
                let name = name.split(':').next().unwrap_or_default();
                let message = format!("{name:?} is no name of a header");
                self.settings.fault.get_or_insert_with(|| {
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                });
            }
            (_, Err(error)) => {
                let message = format!("the value of the header {name} can't be one");
                self.settings.fault.get_or_insert_with(|| {
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                });
            }
        }
        self
    }

    /// Adds headers to every request.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.settings.headers.extend(headers);
        self
    }

    /// Whether cookies that the server sets come back to it with every later request of the session,
    /// the websocket's too. On by default: a load balancer may need them to find the session's server.
    ///
    /// A `Cookie` set by [`header`](Builder::header) goes first, and is sent in any case; where the
    /// server sets one of the same name, the server's replaces it.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.settings.cookies = keep;
        self
    }

    /// The most cookies of the server that are kept: 64 by default. When there are more, those that were
    /// set the longest ago go.
    pub fn max_cookies(mut self, cookies: usize) -> Self {
        self.settings.max_cookies = cookies;
        self
    }

    /// The most bytes of cookies that are kept, their names included: 16 KiB by default. When there are
    /// more, those that were set the longest ago go; a single cookie that is larger is not taken.
    pub fn max_cookie_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_cookie_bytes = bytes;
        self
    }

    /// Whether requests carry a cache-buster, `t`. On by default.
    pub fn timestamps(mut self, timestamps: bool) -> Self {
        self.settings.timestamps = timestamps;
        self
    }

    /// Whether a session on polling goes over to a better transport. On by default.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.settings.config.upgrade = upgrade;
        self
    }

    /// Whether websocket is tried first with a server that has upgraded a session of this program
    /// before. Off by default.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.settings.remember_upgrade = remember;
        self
    }

    /// Whether the next transport is tried when one can't be opened. On by default.
    pub fn fall_back(mut self, fall_back: bool) -> Self {
        self.settings.config.fall_back = fall_back;
        self
    }

    /// Whether a redirect of the handshake (301, 302, 303, 307 or 308) is followed. Off by default: then it
    /// is a failed attempt, whose [`Error::redirect`] tells a program where it leads to.
    ///
    /// The session is opened at the new place and lives there: its polls, POSTs and the upgrade go there,
    /// and so does the next transport of the list. All redirects of one attempt share its
    /// [`open_timeout`](Builder::open_timeout), and there are five of them at most. Redirects of a session
    /// that is open, and of its upgrade, are errors in any case. It is safe to drop a `connect` meanwhile,
    /// as at any other time.
    ///
    /// The path and the query are those of the `Location`, without what the protocol adds itself: a query
    /// that the server leaves out does not come along, as in a browser. On another origin (scheme, host and
    /// port; https instead of http is another one, too):
    ///
    /// - of the headers that were set only `Accept`, `Accept-Encoding`, `Accept-Language`, `Cache-Control`,
    ///   `Origin`, `Pragma` and `User-Agent` go along, and none whose value is marked as
    ///   [sensitive](HeaderValue::is_sensitive). `Authorization`, `Cookie`, `Host` and all others stay
    ///   behind, as do user and password of the URL. The log names them.
    /// - cookies that servers have set go where they belong by their own rules.
    /// - user and password in the `Location` are used there, if no `Authorization` is set.
    /// - a client certificate of the TLS settings is shown to the new server, too.
    ///
    /// The log has a line `redirected` with both places, and [`Error::url`] names the new one. A redirect may
    /// lead to any address that this machine can reach: leave this off for a server that must not choose.
    ///
    /// # Errors
    ///
    /// Each of these fails the attempt, with an error that has the status of the redirect and says why: the
    /// sixth redirect, one from https to http, one to a scheme other than http, https, ws and wss, a
    /// `Location` that is empty, not a URL or longer than 8 KiB, and one that leads from a Unix socket to
    /// another host. The message names the target, without user, password and query.
    ///
    /// ```
    /// # #[cfg(all(feature = "tokio", feature = "websocket"))] {
    /// // The server may have moved: its old address answers with the new one.
    /// let builder = engineio_client::tokio::Client::builder("http://example.com")
    ///     .follow_redirects(true);
    /// # let _ = builder;
    /// # }
    /// ```
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.settings.config.follow_redirects = follow;
        self
    }

    /// The time for opening the session by one transport, from the name to the open packet. 10 s
    /// by default.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.open_timeout = timeout;
        self
    }

    /// The time that a POST may go without progress. 10 s by default. A websocket write may go
    /// without for the server's `pingInterval + pingTimeout`.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.send_timeout = timeout;
        self
    }

    /// The time for an upgrade, from opening the probe to going over. 7 s by default: Node's server
    /// gives up after 10.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.upgrade_timeout = timeout;
        self
    }

    /// The time that a close may go without progress in flushing, and without an answer to the goodbye. 5 s by
    /// default. Then the session is over all the same, and its end is not
    /// [clean](crate::Closed::is_clean).
    pub fn close_timeout(mut self, without_progress: Duration) -> Self {
        self.settings.config.close_timeout = without_progress;
        self
    }

    /// The time for a close in all, with progress. 60 s by default.
    pub fn close_limit(mut self, in_all: Duration) -> Self {
        self.settings.config.close_limit = in_all;
        self
    }

    /// The most bytes in a message received. 64 MiB by default. The limit of a polling body follows:
    /// 4/3 of it and 64 KiB, or 16 MiB, whichever is larger.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.limits.message = bytes;
        self
    }

    /// The most bytes in a polling body received.
    pub fn max_body_size(mut self, bytes: usize) -> Self {
        self.settings.max_body = Some(bytes);
        self
    }

    /// The most packets in a polling body received. 131,072 by default.
    pub fn max_payload_packets(mut self, packets: usize) -> Self {
        self.settings.limits.payload_packets = packets;
        self
    }

    /// The most bytes in an HTTP head, and in the open packet. 64 KiB by default. A head may have
    /// 1024 headers at most.
    pub fn max_head_size(mut self, bytes: usize) -> Self {
        self.settings.limits.head = bytes;
        self.settings.config.handshake_size = bytes;
        self
    }

    /// The capacity of the outbox, in messages and bytes, whichever is reached first: 2048 messages and
    /// 2 MiB by default. Messages that are being sent count. A single message or group that is larger
    /// is let in alone.
    ///
    /// A [`send`](crate::Client::send) that waits is given room for its message when its turn comes, and keeps
    /// that room until it is polled again or dropped. Handles that are used as
    /// [sinks](crate::Handle#impl-Sink<Message>-for-Handle) may exceed the limit by one message each.
    ///
    /// ```
    /// # #[cfg(all(feature = "tokio", feature = "websocket"))] {
    /// use engineio_client::Capacity;
    ///
    /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .outbox(Capacity { messages: 100, bytes: 1024 * 1024 });
    /// # let _ = builder;
    /// # }
    /// ```
    pub fn outbox(mut self, capacity: Capacity) -> Self {
        self.settings.outbox = Amount {
            messages: capacity.messages.max(1),
            bytes: capacity.bytes,
        };
        self
    }

    /// What the inbox holds before nothing more is received, whichever comes first: 1024 messages
    /// and 128 KiB by default. It may be exceeded by one batch.
    ///
    /// A larger byte limit makes large messages slower: while earlier ones are alive their buffers
    /// can't be used again.
    pub fn inbox(mut self, capacity: Capacity) -> Self {
        self.settings.inbox = Amount {
            messages: capacity.messages.max(1),
            bytes: capacity.bytes.max(1),
        };
        self
    }

    /// The most packets in one POST. 16 by default: python-engineio discards a larger one, and
    /// answers 200.
    pub fn packets_per_post(mut self, packets: usize) -> Self {
        self.settings.config.packets_per_post = packets.max(1);
        self
    }

    /// Whether the contents of messages stand in the log, at the level of traces, up to
    /// 1000 characters or bytes of each. Off by default: there are but their types and lengths.
    pub fn log_contents(mut self, log_contents: bool) -> Self {
        self.settings.log_contents = log_contents;
        self
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn runtime_as_any(&self) -> &dyn std::any::Any {
        &self.runtime
    }

    pub(crate) fn begin(self) -> Result<Started<T, R>, Error> {
        start(self.transport, self.runtime, self.settings, self.handlers)
    }
}

/// Without the settings, which hold secrets.
impl<T: Transport, R: Runtime, K> fmt::Debug for Builder<T, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.transport.names();
        f.debug_struct("Builder")
            .field("transports", &names)
            .finish_non_exhaustive()
    }
}
