//! [`MockSession`]: the test's side of one session.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::{Message, OpenRequest, Packet};

use super::seen::{Seen, SessionEnd};
use super::server_core::{Core, Look};
use super::session::Session;

/// The server's side of one session.
///
/// ```
/// use engineio_client::Message;
/// use engineio_client::transports::mock::MockSession;
///
/// async fn echo(session: &mut MockSession) {
///     while let Some(message) = session.recv().await {
///         session.send(message);
///     }
/// }
/// ```
///
/// A test that runs it:
///
/// ```
/// use engineio_client::transports::mock::{MockServer, SessionEnd};
/// use engineio_client::{Builder, Message, MockRuntime};
///
/// let runtime = MockRuntime::new();
/// runtime.block_on(async {
///     let (transport, mut server) = MockServer::new(runtime.clone());
///     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
///     let mut session = server.session().await;
///
///     client.send("ping").await?;
///     client.disconnect().await;
///     assert_eq!(session.recv().await, Some(Message::from("ping")));
///     assert_eq!(session.recv().await, None);
///     assert_eq!(session.ended().await, SessionEnd::Goodbye);
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MockSession {
    core: Arc<Core>,
    index: usize,
}

impl MockSession {
    pub(super) fn new(core: Arc<Core>, index: usize) -> Self {
        Self { core, index }
    }

    /// The session's id.
    ///
    /// ```
    /// fn is_the_first(session: &engineio_client::transports::mock::MockSession) -> bool {
    ///     session.sid() == "mock"
    /// }
    /// ```
    pub fn sid(&self) -> String {
        self.look(|session| session.sid.clone())
    }

    /// The request with which the client opened the session: URL, query and headers.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn is_authorised(session: &MockSession) -> bool {
    ///     session.request().headers.contains_key("authorization")
    /// }
    /// ```
    pub fn request(&self) -> OpenRequest {
        self.look(|session| session.request.clone())
    }

    /// The session's current transport, `polling` or `websocket`.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn is_upgraded(session: &MockSession) -> bool {
    ///     session.transport() == "websocket"
    /// }
    /// ```
    pub fn transport(&self) -> &'static str {
        self.look(Session::transport)
    }

    /// The next message from the client, or `None` after the session has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    ///
    /// ```
    /// use engineio_client::Message;
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// async fn expect_ping(session: &mut MockSession) {
    ///     assert_eq!(session.recv().await, Some(Message::from("!ping")));
    /// }
    /// ```
    pub async fn recv(&mut self) -> Option<Message> {
        self.wait(|session| match session.inbox.pop_front() {
            Some(message) => Some(Some(message)),
            None => session.end.map(|_| None),
        })
        .await
    }

    /// Queues a message for the client. [`flush`](MockSession::flush) waits until the client has
    /// received it. After the end of the session the message is discarded.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn greet(session: &MockSession) {
    ///     session.send("hello");
    ///     session.send(vec![1, 2, 3]);
    /// }
    /// ```
    pub fn send(&self, message: impl Into<Message>) {
        self.send_packets(vec![Packet::Message(message.into())]);
    }

    /// Queues packets for the client as they are, even if they violate the protocol. The server's own
    /// state does not change.
    ///
    /// ```
    /// use engineio_client::Packet;
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn ping_out_of_turn(session: &MockSession) {
    ///     session.send_packets(vec![Packet::Ping("now".into())]);
    /// }
    /// ```
    pub fn send_packets(&self, packets: Vec<Packet>) {
        self.change(|session, now| session.send(packets, now));
    }

    /// Waits until the client has received everything that was sent. If it never does, this waits for
    /// ever.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped, and the method called again.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// async fn last_words(session: &mut MockSession) {
    ///     session.send("goodbye");
    ///     session.flush().await;
    ///     session.cut();
    /// }
    /// ```
    pub async fn flush(&mut self) {
        self.wait(|session| session.is_flushed().then_some(()))
            .await;
    }

    /// Waits until the session is on WebSocket, or has ended.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped, and the method called again.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// async fn send_large(session: &mut MockSession) {
    ///     session.upgraded().await;
    ///     session.send("x".repeat(1_000_000));
    /// }
    /// ```
    pub async fn upgraded(&mut self) {
        self.wait(|session| {
            (session.transport() == "websocket" || session.end.is_some()).then_some(())
        })
        .await;
    }

    /// Closes the session after everything sent before: on polling with a close packet, on WebSocket
    /// with a close frame. The server ignores what the client sends later.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn dismiss(session: &MockSession) {
    ///     session.send("that is all");
    ///     session.close();
    /// }
    /// ```
    pub fn close(&self) {
        self.change(Session::close);
    }

    /// Cuts the connection after everything sent before. The client's calls then fail with errors of
    /// the kind [`Ended`](engineio_client::ErrorKind::Ended).
    ///
    /// ```
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn pull_the_plug(session: &MockSession) {
    ///     session.cut();
    /// }
    /// ```
    pub fn cut(&self) {
        self.change(Session::cut);
    }

    /// Waits for the end of the session, and returns how it ended.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped, and the method called again.
    ///
    /// ```
    /// use engineio_client::transports::mock::{MockSession, SessionEnd};
    ///
    /// async fn falls_silent(session: &mut MockSession) {
    ///     assert_eq!(session.ended().await, SessionEnd::PingTimeout);
    /// }
    /// ```
    pub async fn ended(&mut self) -> SessionEnd {
        self.wait(|session| session.end).await
    }

    /// Every packet that the client has sent so far, in order.
    ///
    /// ```
    /// use engineio_client::Packet;
    /// use engineio_client::transports::mock::MockSession;
    ///
    /// fn pongs(session: &MockSession) -> usize {
    ///     let seen = session.seen();
    ///     seen.iter().filter(|seen| matches!(seen.packet, Packet::Pong(_))).count()
    /// }
    /// ```
    pub fn seen(&self) -> Vec<Seen> {
        self.look(|session| session.seen.clone())
    }

    fn look<R>(&self, look: impl FnOnce(&Session) -> R) -> R {
        self.change(|session, _| look(session))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Session, Duration) -> R) -> R {
        let now = self.core.runtime.now();
        self.core.change(|state| {
            let session = &mut state.sessions[self.index];
            session.advance(now, &mut state.plans);
            change(session, now)
        })
    }

    async fn wait<R>(&self, mut look: impl FnMut(&mut Session) -> Option<R>) -> R {
        self.core
            .wait(|state, now| {
                let session = &mut state.sessions[self.index];
                let changed = session.advance(now, &mut state.plans);
                match look(session) {
                    Some(result) => Look::Done(result),
                    None if changed => Look::Again,
                    None => Look::Wait(session.deadline()),
                }
            })
            .await
    }
}

impl fmt::Debug for MockSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockSession")
            .field("sid", &self.sid())
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
