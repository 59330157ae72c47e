//! The server that speaks Engine.IO: what a test holds of it, and what the client does with it.
//!
//! There are no tasks here. The client's calls and the test's change one state, and everybody who
//! waits looks at it again at each change, and when the next ping is due.

use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use engineio_client::{
    Batch, Error, ErrorKind, Framing, Link, Message, OpenRequest, Packet, PacketReceiver,
    PacketSender, Runtime, Transport, async_trait,
};
use event_listener::Event;
use futures::future::select;

use super::plan::{Act, Plans, Step};
use super::session::{Seen, Session, SessionEnd, Taken};
use super::settings::Settings;

/// A server that speaks Engine.IO as real servers do, in memory, and on any runtime.
///
/// A poll is answered when there is something to say, with all of it; a websocket brings what there
/// is. Pings go out and pongs are awaited. Once a probe is answered, the waiting poll is released by
/// a noop, and what is to be sent waits for the upgrade. A close is told by a close packet.
///
/// Dropping it refuses new sessions, with errors of the kind [`Connect`](ErrorKind::Connect). Those
/// that there are go on, whether or not anybody holds their [`MockSession`].
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
        let core = Arc::new(Core {
            runtime: Arc::new(runtime),
            state: Mutex::new(State {
                settings,
                plans: Plans::default(),
                sessions: Vec::new(),
                handed_out: 0,
                gone: false,
            }),
            changed: Event::new(),
        });
        let transports = MockTransports {
            core: Arc::clone(&core),
        };
        (transports, Self { core })
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
        MockSession {
            core: Arc::clone(&self.core),
            index,
        }
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
pub struct MockSession {
    core: Arc<Core>,
    index: usize,
}

impl MockSession {
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

    /// What the client asked for when it opened the session: its URL, query and headers.
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

    /// The transport on which the session is.
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

    /// The next message from the client, or `None` when the session has ended.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has taken nothing.
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

    /// Sends a message, as soon as the client takes it: [`flush`](MockSession::flush) waits for
    /// that. After the end of the session it goes nowhere.
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

    /// Sends packets as they are, whatever the protocol says of them: to the client alone, while
    /// the session goes on as if nothing had been sent.
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

    /// Waits until the client has received all that was sent. If it never does, this never returns.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
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

    /// Waits until the session is on websocket, or has ended.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
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

    /// Closes the session, behind what was sent before: on polling by a close packet, on websocket
    /// by a close frame. Nothing that comes later is taken.
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

    /// Cuts the connection, behind what was sent before: the client's calls fail with errors of the
    /// kind [`Ended`](ErrorKind::Ended).
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

    /// Waits for the end of the session, and tells what it was.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
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

struct Core {
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
    changed: Event,
}

struct State {
    settings: Settings,
    plans: Plans,
    sessions: Vec<Session>,
    handed_out: usize,
    gone: bool,
}

/// What somebody who waits has found.
enum Look<R> {
    Done(R),
    /// The look itself has changed something, for others too.
    Again,
    /// Wait for a change, or until then.
    Wait(Option<Duration>),
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.changed.notify(usize::MAX);
        result
    }

    async fn wait<R>(&self, mut look: impl FnMut(&mut State, Duration) -> Look<R>) -> R {
        loop {
            let changed = self.changed.listen();
            let now = self.runtime.now();
            let found = look(&mut self.state(), now);
            match found {
                Look::Done(result) => {
                    // It may have taken what others wait to see gone.
                    self.changed.notify(usize::MAX);
                    return result;
                }
                Look::Again => {
                    self.changed.notify(usize::MAX);
                }
                Look::Wait(None) => changed.await,
                Look::Wait(Some(until)) => {
                    let sleep = self.runtime.sleep(until.saturating_sub(now));
                    select(pin!(changed), sleep).await;
                }
            }
        }
    }

    /// Opens a session, or a link to one.
    async fn enter(&self, transport: &'static str, request: &OpenRequest) -> Result<Place, Error> {
        let step = match request.sid {
            None => Step::Open,
            Some(_) => Step::ProbeOpen,
        };
        let act = self.change(|state| {
            if state.gone {
                Act::Fail(Error::new(
                    ErrorKind::Connect,
                    "the mock server was dropped",
                ))
            } else {
                state.plans.next(step)
            }
        });
        match act {
            Act::Properly | Act::Send(_) => {}
            Act::After(delay) => self.runtime.sleep(delay).await,
            Act::Never => pending().await,
            Act::Fail(error) => return Err(error),
            Act::Close | Act::Cut => {
                let message = "the mock server ended the connection at once";
                return Err(Error::new(ErrorKind::Ended, message));
            }
        }
        let now = self.runtime.now();
        self.change(|state| state.enter(transport, request, now))
    }
}

/// Which link of which session.
#[derive(Clone, Copy)]
struct Place {
    session: usize,
    link: usize,
}

impl State {
    fn enter(
        &mut self,
        transport: &'static str,
        request: &OpenRequest,
        now: Duration,
    ) -> Result<Place, Error> {
        let Some(sid) = &request.sid else {
            let number = self.sessions.len() + 1;
            let sid = match number {
                1 => self.settings.sid.clone(),
                _ => format!("{}-{number}", self.settings.sid),
            };
            self.sessions.push(Session::new(
                sid,
                request.clone(),
                transport,
                &self.settings,
                &mut self.plans,
                now,
            ));
            return Ok(Place {
                session: number - 1,
                link: 0,
            });
        };
        let mut sessions = self.sessions.iter_mut().enumerate();
        match sessions.find(|(_, session)| session.sid == *sid && session.end.is_none()) {
            Some((index, session)) => Ok(Place {
                session: index,
                link: session.join(transport),
            }),
            None => Err(
                Error::new(ErrorKind::Status, "the mock server knows no such session")
                    .with_status(400),
            ),
        }
    }
}

/// The client's side of a [`MockServer`]: the transports `polling` and `websocket`. Clones lead to
/// the same server, so that a program which connects again can.
///
/// ```
/// use engineio_client::transports::mock::MockServer;
/// use engineio_client::{Builder, MockRuntime};
///
/// let runtime = MockRuntime::new();
/// runtime.block_on(async {
///     let (transport, server) = MockServer::new(runtime.clone());
///     for transport in [transport.clone(), transport] {
///         let builder = Builder::new("http://chat.test", transport, runtime.clone());
///         let client = builder.transports(["websocket"]).connect().await?;
///         client.disconnect().await;
///     }
///     # drop(server);
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MockTransports {
    core: Arc<Core>,
}

impl fmt::Debug for MockTransports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTransports").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for MockTransports {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["polling", "websocket"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let place = OnceLock::new();
        let (transport, framing) = match &*request.transport {
            "polling" => ("polling", Framing::Payloads),
            "websocket" => {
                // It connects now; polling does with its first poll.
                let _ = place.set(self.core.enter("websocket", &request).await?);
                ("websocket", Framing::Frames)
            }
            other => {
                let message = format!("the mock server has no transport {other:?}");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        };
        let half = Arc::new(Halves {
            core: Arc::clone(&self.core),
            transport,
            request,
            place,
        });
        Ok(Link::new(
            Sender(Arc::clone(&half)),
            Receiver(half),
            framing,
        ))
    }
}

/// What both halves share. It goes with the second of them.
struct Halves {
    core: Arc<Core>,
    transport: &'static str,
    request: OpenRequest,
    place: OnceLock<Place>,
}

impl Halves {
    fn change<R>(
        &self,
        place: Place,
        change: impl FnOnce(&mut Session, &mut Plans, Duration) -> R,
    ) -> R {
        let now = self.core.runtime.now();
        self.core.change(|state| {
            let session = &mut state.sessions[place.session];
            session.advance(now, &mut state.plans);
            change(session, &mut state.plans, now)
        })
    }

    fn lost(&self, while_receiving: bool) {
        if let Some(place) = self.place.get().copied() {
            self.change(place, |session, _, _| {
                session.lost(place.link, while_receiving);
            });
        }
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.lost(false);
    }
}

struct Receiver(Arc<Halves>);

/// Tells the server of a `recv` that is dropped before it returns.
struct Running<'a> {
    halves: &'a Halves,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.halves.lost(true);
        }
    }
}

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let halves = &*self.0;
        let mut running = Running {
            halves,
            done: false,
        };
        let result = halves.recv().await;
        running.done = true;
        result
    }
}

impl Halves {
    async fn recv(&self) -> Result<Vec<Packet>, Error> {
        let place = match self.place.get() {
            Some(place) => *place,
            None => {
                let place = self.core.enter(self.transport, &self.request).await?;
                *self.place.get_or_init(|| place)
            }
        };
        let (once, first) = self.core.change(|state| {
            let once = state.plans.next_once(Step::Poll);
            let first = once
                .clone()
                .unwrap_or_else(|| state.plans.always(Step::Poll));
            (once, first)
        });
        if let Act::After(delay) = first {
            self.core.runtime.sleep(delay).await;
        }
        let mut released = false;
        self.core
            .wait(|state, now| {
                let State {
                    sessions, plans, ..
                } = state;
                let session = &mut sessions[place.session];
                let changed = session.advance(now, plans);
                match once.clone().unwrap_or_else(|| plans.always(Step::Poll)) {
                    Act::Properly | Act::After(_) => {}
                    Act::Never => return Look::Wait(None),
                    Act::Fail(error) => return Look::Done(Err(error)),
                    Act::Send(packets) => return Look::Done(Ok(packets)),
                    Act::Close => session.close(now),
                    Act::Cut => session.cut(now),
                }
                match session.take(place.link, &mut released, plans, now) {
                    Taken::Return(result) => Look::Done(result),
                    Taken::Wait(_) if changed => Look::Again,
                    Taken::Wait(until) => Look::Wait(until),
                }
            })
            .await
    }

    async fn send(&self, batch: &[Packet], step: Step) -> Result<(), Error> {
        let Some(place) = self.place.get().copied() else {
            let message = "a client sent before its session was open";
            return Err(Error::new(ErrorKind::Status, message).with_status(400));
        };
        let act = self.change(place, |session, plans, _| {
            // A probe has steps of its own.
            if session.is_current(place.link) {
                plans.next(step)
            } else {
                Act::Properly
            }
        });
        let mut instead = Vec::new();
        match act {
            Act::Properly => {}
            Act::After(delay) => self.core.runtime.sleep(delay).await,
            Act::Never => pending().await,
            Act::Send(packets) => instead = packets,
            Act::Fail(error) => return Err(error),
            Act::Close => self.change(place, |session, _, now| session.close(now)),
            Act::Cut => self.change(place, |session, _, now| session.cut(now)),
        }
        self.change(place, |session, plans, now| {
            session.check_send(place.link, batch)?;
            session.send(instead, now);
            for packet in batch {
                session.received(place.link, packet.clone(), plans, now);
            }
            Ok(())
        })
    }
}

struct Sender(Arc<Halves>);

#[async_trait]
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        self.0.send(&batch, Step::Post).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.0.send(&[Packet::Close], Step::Goodbye).await
    }
}
