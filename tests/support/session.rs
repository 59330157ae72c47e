//! A client for the tests with real servers: on any runtime, in any mode, and with a deadline for every
//! wait.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engineio_client::http::HttpClient;
use engineio_client::transports::{Dialer, Transports};
use engineio_client::{
    AsyncStd, Builder, Client, Closed, Event, Handshake, Message, Runtime, Smol, Tokio,
};
use futures::StreamExt as _;
use futures::future::{Either, select};

use super::tls::AUTHORITY;

/// The deadline of every wait. It is long, so that a busy machine does not make tests fail.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A runtime that can block on a test.
pub(crate) trait Runs: Runtime + Default {
    fn run(test: impl Future<Output = ()>);
}

impl Runs for Tokio {
    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
        runtime.block_on(test);
    }
}

impl Runs for Smol {
    fn run(test: impl Future<Output = ()>) {
        smol::block_on(test);
    }
}

impl Runs for AsyncStd {
    fn run(test: impl Future<Output = ()>) {
        async_std::task::block_on(test);
    }
}

/// How a session gets its transport: see [`Mode::transports`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Polling,
    WebSocket,
    /// Polling, with an upgrade to WebSocket.
    Upgraded,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Polling, Self::WebSocket, Self::Upgraded];

    pub(crate) fn transports(self) -> &'static [&'static str] {
        match self {
            Self::Polling => &["polling"],
            Self::WebSocket => &["websocket"],
            Self::Upgraded => &["polling", "websocket"],
        }
    }

    /// The transport that carries the messages.
    pub(crate) fn transport(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket | Self::Upgraded => "websocket",
        }
    }
}

/// Returns the output of a future. Panics at the deadline.
pub(crate) async fn within<T>(
    runtime: &impl Runtime,
    what: &str,
    future: impl Future<Output = T>,
) -> T {
    match select(pin!(future), runtime.sleep(DEADLINE)).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("{what}: timed out after {DEADLINE:?}"),
    }
}

/// The HTTP client for all polling sessions, if it is not the built-in one. `tests/surf` sets it.
pub(crate) static HTTP_CLIENT: OnceLock<Arc<dyn HttpClient>> = OnceLock::new();

/// A builder for a client in this mode.
pub(crate) fn builder<R: Runs>(url: &str, mode: Mode) -> Builder<Transports, R> {
    let builder = Client::builder(url).transports(mode.transports().iter().copied());
    let builder = builder.dialer(dialer());
    match HTTP_CLIENT.get() {
        Some(client) => builder.http_client(Arc::clone(client)),
        None => builder,
    }
}

/// A dialer that trusts the test CA.
pub(crate) fn dialer() -> Dialer {
    Dialer::default().tls(AUTHORITY.trusted())
}

/// A client whose waits all have a deadline.
pub(crate) struct Session<R: Runs> {
    pub(crate) client: Client<Transports, R>,
    handshake: Arc<Handshake>,
}

impl<R: Runs> Session<R> {
    /// Opens a session, and waits for its upgrade if the mode has one.
    pub(crate) async fn open(url: &str, mode: Mode) -> Self {
        let mut session = Self::connect(builder(url, mode)).await;
        if mode == Mode::Upgraded {
            match session.event().await {
                Event::Upgraded { transport, .. } => assert_eq!(transport, mode.transport()),
                other => panic!("{other:?} instead of the upgrade"),
            }
        }
        assert_eq!(session.client.transport(), Some(mode.transport()));
        session
    }

    /// Opens a session, without waiting for an upgrade.
    pub(crate) async fn connect(builder: Builder<Transports, R>) -> Self {
        let mut client = builder.start().expect("the settings are right");
        let runtime = Arc::clone(client.runtime());
        match within(&*runtime, "a session", client.next()).await {
            Some(Event::Connected(connected)) => Self {
                client,
                handshake: connected.handshake,
            },
            other => panic!("{other:?} instead of a session"),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.client.runtime().now()
    }

    pub(crate) fn max_payload(&self) -> usize {
        let most = self.handshake.max_payload.expect("the server announces it");
        usize::try_from(most).expect("the number fits")
    }

    /// Ping interval plus ping timeout: the longest silence of a live server.
    pub(crate) fn span(&self) -> Duration {
        self.handshake.ping_interval + self.handshake.ping_timeout
    }

    pub(crate) async fn send(&self, message: impl Into<Message>) {
        let sent = self.client.send(message);
        within(&**self.client.runtime(), "room in the outbox", sent)
            .await
            .expect("the message is accepted");
    }

    pub(crate) async fn event(&mut self) -> Event {
        let runtime = Arc::clone(self.client.runtime());
        within(&*runtime, "an event", self.client.next())
            .await
            .expect("the session has not ended")
    }

    pub(crate) async fn message(&mut self) -> Message {
        match self.event().await {
            Event::Message(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// Receives a text that starts with `prefix`, and returns the rest of it.
    pub(crate) async fn text(&mut self, prefix: &str) -> String {
        let message = self.message().await;
        message
            .as_text()
            .and_then(|text| text.strip_prefix(prefix))
            .unwrap_or_else(|| panic!("{message:?} instead of {prefix:?}"))
            .to_owned()
    }

    /// Sends a message and checks that the server echoes it, with the same contents and type.
    pub(crate) async fn echo(&mut self, message: impl Into<Message>) {
        let message = message.into();
        self.send(message.clone()).await;
        let echo = self.message().await;
        // `assert_eq!` would print megabytes.
        assert!(
            echo == message,
            "{} was echoed as {}",
            brief(&message),
            brief(&echo)
        );
    }

    pub(crate) async fn end(&mut self) -> Closed {
        match self.event().await {
            Event::Closed(closed) => closed,
            other => panic!("{other:?} instead of the end"),
        }
    }

    pub(crate) async fn disconnect(&self) -> Closed {
        let runtime = Arc::clone(self.client.runtime());
        within(&*runtime, "disconnect", self.client.disconnect()).await
    }
}

/// A description of a message that fits in a line.
fn brief(message: &Message) -> String {
    let mut text = format!("{message:?}");
    if text.len() > 100 {
        text = text.chars().take(100).collect();
        text.push('…');
    }
    format!("{text} ({} bytes)", message.len())
}
