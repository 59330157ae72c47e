//! An Engine.IO server over the in-memory network that crashes, hangs, forgets sessions, refuses
//! requests, and closes sessions at the worst moment, as real servers do. It logs the messages that it
//! takes in, across all restarts.
//!
//! A *process* is one run of the server between restarts: a new process does not know the sessions of
//! the previous one.

mod closing;
mod handling;
mod http;
mod websocket;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio_client::runtime::mock::MockListener;
use engineio_client::{Message, MockRuntime, Packet, Runtime as _};
use event_listener::Event as Bell;
use futures::future::{Either, select};
use std::collections::VecDeque;
use std::pin::pin;

use super::ms;
pub(crate) use websocket::PROBE_TIMEOUT;
pub(crate) use window::Amount;
use window::Window;

/// The server's settings and deviations.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    /// Range of the sessions' `maxPayload`.
    pub(crate) max_payload: (usize, usize),
    pub(crate) upgrades: bool,
    /// Delay of the answer to a probe.
    pub(crate) probe_delay: Duration,
    /// Whether each poll during an upgrade is answered at once with a noop, as python-engineio does.
    pub(crate) eager_noops: bool,
    pub(crate) pongs: Pongs,
    /// Whether a WebSocket ping ends the session.
    pub(crate) closes_on_ping: bool,
    /// Whether a frame above `maxPayload` closes the connection (1009), as with Node's server.
    pub(crate) strict_frames: bool,
    /// Maximum delays of the responses to polls and to POSTs. At least one of the two is zero.
    pub(crate) poll_delay: Duration,
    pub(crate) post_delay: Duration,
    /// Whether a closing server discards messages over polling. This is only set if no fault delays
    /// responses, because receipts over polling assume timely responses: see the documentation of
    /// `Receipts`.
    pub(crate) discards_by_polling: bool,
    /// Number of sessions out of 256 in which a message triggers a reaction.
    pub(crate) reactions: u8,
    /// Number of messages out of 256 that are echoed.
    pub(crate) echoes: u8,
    /// Number of sessions out of 256 that are closed in the same moment in which they open.
    pub(crate) stillborn: u8,
    /// The number of the message that kills the server.
    pub(crate) poison: Option<u32>,
}

/// Which WebSocket pings are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pongs {
    All,
    /// Answers only the newest of several pings that it reads together. RFC 6455 allows this.
    Newest,
    None,
}

/// The reaction to a certain message of a session.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    /// The handler sends this number of messages and closes the session.
    Close(usize),
    Die(Death),
    Forget,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The connections are reset.
    Reset,
    /// The connections end.
    End,
    /// The machine is gone: the clients are not notified.
    PowerOff,
    /// A proxy terminates the WebSockets and goes on answering pings for this number of milliseconds.
    BehindProxy(u64),
}

/// The response to new requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The handler has closed the session, but its buffer has not left yet. Received messages are
    /// discarded.
    Closing,
    Closed,
}

/// The server's view of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) process: u64,
    pub(crate) opened: Duration,
    /// When the session stopped taking in messages.
    pub(crate) stopped: Option<Duration>,
    phase: Phase,
    /// Whether the server is dead and a proxy keeps the WebSocket open.
    is_orphan: bool,
    upgraded: bool,
    probed: bool,
    polling: bool,
    max_payload: usize,
    outgoing: VecDeque<Packet>,
    /// Number of outgoing packets that the running poll takes when a handler closes the session, unless
    /// it takes all of them.
    first_part: Option<usize>,
    /// Bytes that are written to the WebSocket before `outgoing`.
    frames: Vec<u8>,
    /// When a closing WebSocket session flushes its buffer.
    flush_at: Option<Duration>,
    awaiting_pong: bool,
    /// Messages taken in, in order.
    pub(crate) taken: Vec<String>,
    reaction: Option<(usize, Reaction)>,
    window: Window,
    pub(crate) counts: Counts,
}

/// Numbers of requests and packets of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polls: usize,
    pub(crate) posts: usize,
    pub(crate) fences: usize,
    pub(crate) pings: usize,
    /// Messages received, whether taken in or discarded.
    pub(crate) read: usize,
}

/// A message that was taken in.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) at: Duration,
    pub(crate) text: String,
}

struct State {
    behaviour: Behaviour,
    random: fastrand::Rng,
    process: u64,
    is_frozen: bool,
    refusal: Option<Refusal>,
    sessions: Vec<Session>,
    log: Vec<Taken>,
    /// Maximum amount of received messages that the client cannot have counted as confirmed, over all
    /// sessions.
    most_outstanding: Amount,
    trace: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Server {
    runtime: MockRuntime,
    state: Arc<Mutex<State>>,
    /// Notified of every change.
    bell: Arc<Bell>,
}

impl Server {
    pub(crate) fn new(runtime: &MockRuntime, behaviour: Behaviour, random: fastrand::Rng) -> Self {
        let state = State {
            behaviour,
            random,
            process: 0,
            is_frozen: false,
            refusal: None,
            sessions: Vec::new(),
            log: Vec::new(),
            most_outstanding: Amount::default(),
            trace: Vec::new(),
        };
        Self {
            runtime: runtime.clone(),
            state: Arc::new(Mutex::new(state)),
            bell: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.bell.notify(usize::MAX);
        changed
    }

    fn session<T>(&self, at: usize, change: impl FnOnce(&mut Session) -> T) -> T {
        self.change(|state| change(&mut state.sessions[at]))
    }

    fn behaviour<T>(&self, look: impl FnOnce(&Behaviour) -> T) -> T {
        look(&self.state().behaviour)
    }

    /// Adds a line to the log of the run.
    fn trace(&self, what: impl FnOnce() -> String) {
        let now = self.runtime.now();
        let line = format!("{:.9} server: {}", now.as_secs_f64(), what());
        self.state().trace.push(line);
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut self.state().trace)
    }

    // Methods with which the test controls the server.

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.change(|state| change(&mut state.behaviour));
    }

    pub(crate) fn die(&self, death: Death) {
        self.trace(|| format!("dies by {death:?}"));
        let now = self.runtime.now();
        self.change(|state| {
            let process = state.process;
            state.process += 1;
            state.is_frozen = false;
            for session in &mut state.sessions {
                if session.process == process && session.phase != Phase::Closed {
                    let is_proxied = matches!(death, Death::BehindProxy(_));
                    session.is_orphan = is_proxied && session.phase == Phase::Open;
                    session.end(now);
                }
            }
        });
        match death {
            Death::Reset => self.runtime.network().reset_all(),
            Death::PowerOff => {
                for connection in self.runtime.network().connections() {
                    connection.black_hole();
                }
            }
            Death::BehindProxy(time) => {
                let (server, time) = (self.clone(), ms(time));
                self.runtime.spawn(Box::pin(async move {
                    server.runtime.sleep(time).await;
                    server.change(|state| {
                        for session in &mut state.sessions {
                            session.is_orphan = false;
                        }
                    });
                }));
            }
            Death::End => {}
        }
    }

    pub(crate) fn freeze(&self, is_frozen: bool) {
        self.trace(|| (if is_frozen { "hangs" } else { "goes on" }).to_owned());
        self.change(|state| state.is_frozen = is_frozen);
    }

    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.trace(|| format!("refuses: {refusal:?}"));
        self.change(|state| state.refusal = refusal);
    }

    pub(crate) fn forget(&self) {
        self.trace(|| "forgets".to_owned());
        let now = self.runtime.now();
        self.change(|state| {
            state
                .sessions
                .iter_mut()
                .for_each(|session| session.end(now))
        });
    }

    /// In each session, a handler sends this number of messages and closes the session.
    pub(crate) fn close(&self, messages: usize) {
        self.trace(|| format!("closes, with {messages} to send"));
        let now = self.runtime.now();
        self.change(|state| {
            for at in 0..state.sessions.len() {
                state.close(at, messages, now);
            }
        });
    }

    /// Sends a message in each session.
    pub(crate) fn talk(&self) {
        self.change(|state| {
            for session in &mut state.sessions {
                if session.phase == Phase::Open {
                    let word = Packet::Message(Message::from("news"));
                    session.outgoing.push_back(word);
                }
            }
        });
    }

    // Results.

    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Session], &[Taken]) -> T) -> T {
        let state = self.state();
        look(&state.sessions, &state.log)
    }

    pub(crate) fn most_outstanding(&self) -> Amount {
        self.state().most_outstanding
    }

    // Implementation.

    /// Accepts and serves connections.
    pub(crate) async fn serve(self, mut listener: MockListener) {
        loop {
            let stream = listener.accept().await;
            let server = self.clone();
            self.runtime.spawn(Box::pin(async move {
                let process = server.state().process;
                let requests = pin!(server.requests(process, stream));
                let upgraded = match select(requests, pin!(server.death(process))).await {
                    Either::Left((upgraded, _)) => upgraded,
                    Either::Right(_) => None,
                };
                if let Some(upgraded) = upgraded {
                    server.websocket(process, upgraded).await;
                }
            }));
        }
    }

    /// Waits until the condition returns a value.
    async fn wait<T>(&self, mut condition: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let listener = self.bell.listen();
            let found = condition(&mut self.state());
            match found {
                Some(found) => return found,
                None => listener.await,
            }
        }
    }

    /// Waits for the end of a process.
    async fn death(&self, process: u64) {
        self.wait(|state| (state.process != process).then_some(()))
            .await;
    }

    /// Waits until the server does not hang. Returns `None` if the process has ended.
    async fn thaw(&self, process: u64) -> Option<()> {
        self.wait(|state| {
            if state.process != process {
                return Some(None);
            }
            (!state.is_frozen).then_some(Some(()))
        })
        .await
    }

    fn find(&self, process: u64, sid: &str) -> Option<usize> {
        let state = self.state();
        let known = |session: &Session| session.sid == sid && session.process == process;
        state.sessions.iter().position(known)
    }

    /// Handles one packet of a session.
    fn take(&self, process: u64, at: usize, packet: Packet) {
        let now = self.runtime.now();
        let death = self.change(|state| match packet {
            Packet::Message(Message::Text(text)) => state.read(process, at, &text, now),
            Packet::Message(Message::Binary(_)) => {
                panic!("the client sent binary data, which this test does not send")
            }
            Packet::Pong(_) => {
                state.sessions[at].awaiting_pong = false;
                None
            }
            Packet::Close => {
                state.sessions[at].end(now);
                None
            }
            other => panic!("the client sent {other:?}"),
        });
        if let Some(death) = death {
            self.die(death);
        }
    }

    /// Opens a session. Returns its index and its first packets.
    fn open(&self, process: u64, over_polling: bool) -> (usize, Vec<Packet>) {
        let now = self.runtime.now();
        let (at, packets) = self.change(|state| {
            let at = state.sessions.len();
            let session = state.new_session(process, over_polling, now);
            let upgrades = if over_polling && state.behaviour.upgrades {
                r#"["websocket"]"#
            } else {
                "[]"
            };
            let open = format!(
                r#"{{"sid":"{}","upgrades":{upgrades},"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
                session.sid,
                state.behaviour.ping_interval.as_millis(),
                state.behaviour.ping_timeout.as_millis(),
                session.max_payload,
            );
            state.sessions.push(session);
            let mut packets = vec![Packet::Open(open.into())];
            if state.random.u8(..) < state.behaviour.stillborn {
                state.sessions[at].end(now);
                packets.push(Packet::Close);
            }
            (at, packets)
        });
        let server = self.clone();
        self.runtime
            .spawn(Box::pin(async move { server.heartbeat(process, at).await }));
        self.trace(|| format!("session {at} opens, over polling: {over_polling}"));
        (at, packets)
    }

    async fn heartbeat(&self, process: u64, at: usize) {
        let (interval, timeout) = self.behaviour(|it| (it.ping_interval, it.ping_timeout));
        let over = |state: &mut State| {
            let session = &state.sessions[at];
            session.phase != Phase::Open || session.process != state.process
        };
        loop {
            self.runtime.sleep(interval).await;
            if self.thaw(process).await.is_none() || over(&mut self.state()) {
                return;
            }
            self.session(at, |session| {
                session.awaiting_pong = true;
                session.counts.pings += 1;
                session.outgoing.push_back(Packet::Ping("".into()));
            });
            let pong = pin!(self.wait(|state| {
                (!state.sessions[at].awaiting_pong || over(state)).then_some(())
            }));
            if let Either::Right(_) = select(pong, self.runtime.sleep(timeout)).await {
                self.trace(|| format!("session {at}: ping timeout"));
                let now = self.runtime.now();
                return self.session(at, |session| session.end(now));
            }
        }
    }
}
