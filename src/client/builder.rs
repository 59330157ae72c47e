//! The settings of a connection, for both kinds of client.

// rustdoc shows `impl` blocks in the order of their modules. So these modules are in the order in which
// the documentation of `Builder` should show them. The blank lines keep rustfmt from sorting them.

mod address;

mod transports;

mod lasting;

mod async_handlers;

mod limits;

mod timeouts;

mod advanced;

use std::fmt;
use std::marker::PhantomData;

use super::handlers::Handlers;
use super::settings::Settings;
use super::start::{Started, start};
use crate::client_kind::Async;
use crate::error::Error;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// Sets up a connection: address, transports, reconnecting, handlers and limits.
///
/// ```no_run
/// use std::time::Duration;
///
/// use engineio_client::Reconnect;
/// use engineio_client::tokio::Client;
///
/// # async fn run() -> Result<(), engineio_client::Error> {
/// let client = Client::builder("https://example.com/engine.io/")
///     // Sent with every request, for example to log in.
///     .header("Authorization", "Bearer secret")
///     .query("room", "7")
///     // WebSocket only. By default the session begins with polling and upgrades to WebSocket.
///     .transports(["websocket"])
///     // Opens a new session when one ends. Off by default.
///     .reconnect(Reconnect::new())
///     // Fails if a transport cannot open the session in this time. 10 s by default.
///     .open_timeout(Duration::from_secs(3))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// [`Client::builder`](crate::Client::builder) and
/// [`blocking::Client::builder`](crate::blocking::Client::builder) return a builder with the built-in
/// transports and runtime; [`Builder::new`] takes any transport and runtime.
/// [`connect`](Builder::connect) waits until the session is open, [`start`](Builder::start) does not.
/// Both report a setting that cannot be used, such as a malformed URL or a header with a line break, as
/// an error of the kind [`Invalid`](crate::ErrorKind::Invalid); no setter panics.
///
/// # Setters
///
/// - **Address and identity**: [`path`](Builder::path), [`trailing_slash`](Builder::trailing_slash),
///   [`query`](Builder::query), [`header`](Builder::header), [`headers`](Builder::headers),
///   [`cookies`](Builder::cookies), [`follow_redirects`](Builder::follow_redirects).
/// - **Transports**: [`transports`](Builder::transports), [`transport`](Builder::transport),
///   [`upgrade`](Builder::upgrade), [`remember_upgrade`](Builder::remember_upgrade),
///   [`fall_back`](Builder::fall_back).
/// - **Reconnecting and receipts**: [`reconnect`](Builder::reconnect), [`receipts`](Builder::receipts),
///   [`fences`](Builder::fences).
/// - **[Handlers](crate::handlers)**: [`on_connect`](Builder::on_connect),
///   [`on_message`](Builder::on_message), [`on_upgrade`](Builder::on_upgrade),
///   [`on_connection_lost`](Builder::on_connection_lost), [`on_reconnecting`](Builder::on_reconnecting),
///   [`on_given_up`](Builder::on_given_up), [`on_disconnect`](Builder::on_disconnect). Each has a
///   variant for a handler with shared state, such as [`on_message_with`](Builder::on_message_with).
/// - **Limits**: [`max_message_size`](Builder::max_message_size),
///   [`max_body_size`](Builder::max_body_size), [`max_payload_packets`](Builder::max_payload_packets),
///   [`max_head_size`](Builder::max_head_size), [`max_cookies`](Builder::max_cookies),
///   [`max_cookie_bytes`](Builder::max_cookie_bytes), [`outbox`](Builder::outbox),
///   [`inbox`](Builder::inbox), [`packets_per_post`](Builder::packets_per_post).
/// - **Time-outs**: [`open_timeout`](Builder::open_timeout), [`send_timeout`](Builder::send_timeout),
///   [`upgrade_timeout`](Builder::upgrade_timeout), [`close_timeout`](Builder::close_timeout),
///   [`close_limit`](Builder::close_limit).
/// - **Advanced**: [`runtime`](Builder::runtime), [`try_clone`](Builder::try_clone),
///   [`timestamps`](Builder::timestamps), [`log_contents`](Builder::log_contents).
/// - **TLS, proxy and connection** (of the built-in transports):
///   [`tls`](Builder::tls), [`proxy`](Builder::proxy), [`proxies_from_env`](Builder::proxies_from_env),
///   [`dialer`](Builder::dialer), [`http_client`](Builder::http_client).
///
/// # Limits and defaults
///
/// Every wait, queue and buffer has a limit. An error caused by a limit names its setter and value, and
/// [`Error::limit`](crate::Error::limit) returns it.
///
/// | limit | setter | default |
/// |---|---|---|
/// | time to open the session by one transport: name resolution, TCP, TLS and handshake | [`open_timeout`](Builder::open_timeout) | 10 s |
/// | redirects of the handshake, for each transport, if they are [followed](Builder::follow_redirects) | none | 5, each with a `Location` of at most 8 KiB |
/// | time without progress of a POST | [`send_timeout`](Builder::send_timeout) | 10 s |
/// | time without progress of a WebSocket write; silence of the server, also during a poll | none | the server's `pingInterval + pingTimeout` |
/// | time for an upgrade, from opening the probe to the switch | [`upgrade_timeout`](Builder::upgrade_timeout) | 7 s |
/// | time without progress while closing | [`close_timeout`](Builder::close_timeout) | 5 s |
/// | total time for closing | [`close_limit`](Builder::close_limit) | 60 s |
/// | bytes of a received message | [`max_message_size`](Builder::max_message_size) | 64 MiB |
/// | bytes of a received polling body, decompressed | [`max_body_size`](Builder::max_body_size) | 4/3 of `max_message_size` plus 64 KiB, but at least 16 MiB |
/// | packets in a received polling body | [`max_payload_packets`](Builder::max_payload_packets) | 131,072 |
/// | bytes of an HTTP head, and of the handshake | [`max_head_size`](Builder::max_head_size) | 64 KiB, and 1024 headers |
/// | cookies of a session | [`max_cookies`](Builder::max_cookies), [`max_cookie_bytes`](Builder::max_cookie_bytes) | 64, and 16 KiB in total |
/// | messages that were accepted and are not sent yet | [`outbox`](Builder::outbox) | 2048 messages or 2 MiB |
/// | messages that were sent and are not confirmed, with [receipts](Builder::receipts) | [`Receipts::window`](crate::Receipts::window) | 16,384 messages or 8 MiB |
/// | messages that were received and are not read yet | [`inbox`](Builder::inbox) | 1024 messages or 128 KiB |
/// | packets in a POST | [`packets_per_post`](Builder::packets_per_post) | 16 |
/// | bytes of a POST, and of a message sent by polling | none | the server's `maxPayload` |
/// | I/O buffers of each thread that drives sessions | `WebSocket::read_buffer_size`, `write_buffer_size` | 64 KiB, 1 MiB |
/// | buffers for long messages that the process keeps for reuse | none | 4 MiB |
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

    pub(crate) fn handlers(&mut self) -> &mut Handlers {
        &mut self.handlers
    }

    /// Changes the transport. `start` reports the error of a change that fails.
    #[cfg(any(
        feature = "polling",
        all(feature = "__dial", not(target_os = "unknown"))
    ))]
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

    #[cfg(all(feature = "blocking", not(target_os = "unknown")))]
    pub(crate) fn runtime_as_any(&self) -> &dyn std::any::Any {
        &self.runtime
    }

    /// For `connect`: the client ends with the error of its first attempt if that fails, even if it reconnects.
    pub(crate) fn that_must_connect(mut self) -> Self {
        if let Some(reconnect) = &mut self.settings.reconnect {
            reconnect.must_connect = true;
        }
        self
    }

    pub(crate) fn begin(self) -> Result<Started<T, R>, Error> {
        start(self.transport, self.runtime, self.settings, self.handlers)
    }
}

/// Omits the settings, which may hold secrets.
impl<T: Transport, R: Runtime, K> fmt::Debug for Builder<T, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.transport.names();
        f.debug_struct("Builder")
            .field("transports", &names)
            .finish_non_exhaustive()
    }
}
