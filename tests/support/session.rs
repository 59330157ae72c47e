//! The client as the tests use it: on each runtime, in each mode, and never waiting for ever.

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

/// For what has to come. Generous, so that a busy machine fails no test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A runtime that can run a test.
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

/// How a session gets its transport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Polling,
    WebSocket,
    /// Polling, and at once over to websocket.
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

/// What a future gives, or a panic at the deadline.
pub(crate) async fn within<T>(
    runtime: &impl Runtime,
    what: &str,
    future: impl Future<Output = T>,
) -> T {
    match select(pin!(future), runtime.sleep(DEADLINE)).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

/// Makes the requests of all sessions by polling, where it is not the built-in client: for
/// `tests/surf`.
pub(crate) static HTTP_CLIENT: OnceLock<Arc<dyn HttpClient>> = OnceLock::new();

/// A connection to be made in this mode.
pub(crate) fn builder<R: Runs>(url: &str, mode: Mode) -> Builder<Transports, R> {
    let builder = Client::builder(url).transports(mode.transports().iter().copied());
    let builder = builder.dialer(dialer());
    match HTTP_CLIENT.get() {
        Some(client) => builder.http_client(Arc::clone(client)),
        None => builder,
    }
}

/// Trusts the servers of the tests that speak TLS.
pub(crate) fn dialer() -> Dialer {
    Dialer::default().tls(AUTHORITY.trusted())
}

/// A client, all of whose waits have a deadline.
pub(crate) struct Session<R: Runs> {
    pub(crate) client: Client<Transports, R>,
    handshake: Arc<Handshake>,
}

impl<R: Runs> Session<R> {
    /// A session that has come to rest in its mode: upgraded, where it is to be.
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

    /// A session that is open, and may be about to upgrade.
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
        let most = self.handshake.max_payload.expect("servers tell it");
        usize::try_from(most).expect("it fits")
    }

    /// The longest silence of a server that is alive.
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
            .expect("the last event was not the end")
    }

    pub(crate) async fn message(&mut self) -> Message {
        match self.event().await {
            Event::Message(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// A text that starts with `prefix`: what stands behind it.
    pub(crate) async fn text(&mut self, prefix: &str) -> String {
        let message = self.message().await;
        message
            .as_text()
            .and_then(|text| text.strip_prefix(prefix))
            .unwrap_or_else(|| panic!("{message:?} instead of {prefix:?}"))
            .to_owned()
    }

    /// Sends a message and waits for the same to come back, in kind, too.
    pub(crate) async fn echo(&mut self, message: impl Into<Message>) {
        let message = message.into();
        self.send(message.clone()).await;
        let echo = self.message().await;
        // Not `assert_eq!`, which would print megabytes.
        assert!(
            echo == message,
            "{} came back as {}",
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

/// A message in a line, whatever its length.
fn brief(message: &Message) -> String {
    let mut text = format!("{message:?}");
    if text.len() > 100 {
        text = text.chars().take(100).collect();
        text.push('…');
    }
    format!("{text} ({} bytes)", message.len())
}
