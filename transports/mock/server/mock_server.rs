//! The server that speaks Engine.IO, as a test holds it.

use std::fmt;
use std::sync::Arc;

use engineio_client::Runtime;

use super::mock_session::MockSession;
use super::mock_transports::MockTransports;
use super::plan::{Act, Step};
use super::server_core::{Core, Look};
use super::settings::Settings;

/// A server that speaks Engine.IO as real servers do, in memory, and on any runtime.
///
/// A poll is answered when there is something to say, with all of it; a websocket brings what there
/// is. Pings go out and pongs are awaited. Once a probe is answered, the waiting poll is released by
/// a noop, and what is to be sent waits for the upgrade. A close is told by a close packet.
///
/// Dropping it refuses new sessions, with errors of the kind
/// [`Connect`](engineio_client::ErrorKind::Connect). Those that there are go on, whether or not
/// anybody holds their [`MockSession`].
///
/// ```
/// use engineio_client::transports::mock::MockServer;
/// use engineio_client::{Builder, MockRuntime, Packet};
///
/// let runtime = MockRuntime::new();
/// runtime.block_on(async {
///     let (transport, mut server) = MockServer::new(runtime.clone());
///     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
///     let mut session = server.session().await;
///     session.upgraded().await;
///     assert_eq!(client.transport(), Some("websocket"));
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MockServer {
    core: Arc<Core>,
}

impl MockServer {
    /// A server, and the transports `polling` and `websocket` that lead to it, whatever the URL.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockServer;
    /// use engineio_client::{MockRuntime, Transport};
    ///
    /// let (transport, server) = MockServer::new(MockRuntime::new());
    /// assert_eq!(transport.names(), ["polling", "websocket"]);
    /// # drop(server);
    /// ```
    pub fn new(runtime: impl Runtime) -> (MockTransports, Self) {
        Self::with_settings(runtime, Settings::new())
    }

    /// A server that tells its clients this.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::transports::mock::{MockServer, Settings};
    ///
    /// let settings = Settings::new().max_payload(Some(1000));
    /// let (transport, server) = MockServer::with_settings(MockRuntime::new(), settings);
    /// # drop((transport, server));
    /// ```
    pub fn with_settings(runtime: impl Runtime, settings: Settings) -> (MockTransports, Self) {
        let core = Arc::new(Core::new(Arc::new(runtime), settings));
        (MockTransports::new(Arc::clone(&core)), Self { core })
    }

    /// From now on, this is done at this step, in all sessions. [`Act::Properly`] ends it.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The server goes on to listen, and says nothing more.
    /// fn fall_silent(server: &MockServer) {
    ///     server.at(Step::Poll, Act::Never);
    /// }
    /// ```
    pub fn at(&self, step: Step, act: Act) {
        self.core.change(|state| state.plans.set_always(step, act));
    }

    /// This is done the next time that this step comes. Called again, the time after that.
    ///
    /// One failed [`Step::Open`] fails no `connect` of a client that has another transport to try.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The first attempt to open a session gets no answer; the second one does.
    /// fn lose_the_first(server: &MockServer) {
    ///     server.once(Step::Open, Act::Never);
    /// }
    /// ```
    pub fn once(&self, step: Step, act: Act) {
        self.core.change(|state| state.plans.push_once(step, act));
    }

    /// Waits for the next session that a client opens, in the order in which they were opened.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has taken nothing.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockServer;
    ///
    /// async fn greet(server: &mut MockServer) {
    ///     server.session().await.send("welcome");
    /// }
    /// ```
    pub async fn session(&mut self) -> MockSession {
        let index = self
            .core
            .wait(|state, _| {
                if state.handed_out < state.sessions.len() {
                    state.handed_out += 1;
                    Look::Done(state.handed_out - 1)
                } else {
                    Look::Wait(None)
                }
            })
            .await;
        MockSession::new(Arc::clone(&self.core), index)
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.core.change(|state| state.gone = true);
    }
}

impl fmt::Debug for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServer")
            .field("sessions", &self.core.state().sessions.len())
            .finish_non_exhaustive()
    }
}
