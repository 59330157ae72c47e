//! Engine.IO servers over the memory network that die, hang, forget sessions, refuse new ones, and close at
//! the worst moment, as real ones do. What they have taken in is written down across all of that.
//!
//! A *process* is one life of the server: a new one knows no session of the last.

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

/// How the server behaves.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    /// The `maxPayload` of a session lies between these.
    pub(crate) max_payload: (usize, usize),
    pub(crate) upgrades: bool,
    /// How long it takes to answer a probe.
    pub(crate) probe_delay: Duration,
    /// Answers each poll at once with a noop during an upgrade, as python-engineio does.
    pub(crate) eager_noops: bool,
    pub(crate) pongs: Pongs,
    /// Ends the session at a websocket's ping.
    pub(crate) closes_on_ping: bool,
    /// Closes the connection (1009) at a frame above `maxPayload`, as Node's server does.
    pub(crate) strict_frames: bool,
    /// How long the answers to polls, and those to POSTs, are delayed at most: one of the two only.
    pub(crate) poll_delay: Duration,
    pub(crate) post_delay: Duration,
    /// Messages may be thrown away on polling, by a server that is closing. Only where the network and the
    /// server answer in time: see `Receipts` for what is assumed.
    pub(crate) discards_by_polling: bool,
    /// In how many of 256 sessions something happens at a message.
    pub(crate) reactions: u8,
    /// How many of 256 messages are echoed.
    pub(crate) echoes: u8,
    /// How many of 256 sessions are closed together with their opening.
    pub(crate) stillborn: u8,
    /// The message that kills the server.
    pub(crate) poison: Option<u32>,
}

/// Which pings of a websocket are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pongs {
    All,
    /// Of those that are read together, the newest: RFC 6455 allows that.
    Newest,
    None,
}

/// What happens when a session takes in a certain message.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    /// The handler sends so many messages, and closes.
    Close(usize),
    Die(Death),
    Forget,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// Its connections are reset.
    Reset,
    /// They end.
    End,
    /// The machine is gone: nobody hears of it.
    PowerOff,
    /// The websockets are ended by a proxy, which goes on answering pings for so many milliseconds.
    BehindProxy(u64),
}

/// What new requests are answered with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The handler has closed it, and something has still to leave: nothing is taken in.
    Closing,
    Closed,
}

/// One session, as the server saw it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) process: u64,
    pub(crate) opened: Duration,
    /// Since then nothing is taken in.
    pub(crate) stopped: Option<Duration>,
    phase: Phase,
    /// Its websocket is ended by a proxy, and the server is dead.
    is_orphan: bool,
    upgraded: bool,
    probed: bool,
    polling: bool,
    max_payload: usize,
    outgoing: VecDeque<Packet>,
    /// How much of that the poll takes that runs while the handler closes.
    first_part: Option<usize>,
    /// Bytes for the websocket, which leave before `outgoing`.
    frames: Vec<u8>,
    /// When a websocket that is closing says the rest.
    flush_at: Option<Duration>,
    awaiting_pong: bool,
    /// What was taken in, in order.
    pub(crate) taken: Vec<String>,
    reaction: Option<(usize, Reaction)>,
    window: Window,
    pub(crate) counts: Counts,
}

/// How often something was asked of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polls: usize,
    pub(crate) posts: usize,
    pub(crate) fences: usize,
    pub(crate) pings: usize,
    /// Messages, taken in or not.
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
    /// The most that was read of a session and can't have been confirmed.
    most_outstanding: Amount,
    story: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Server {
    runtime: MockRuntime,
    state: Arc<Mutex<State>>,
    /// Rings at every change.
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
            story: Vec::new(),
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

    /// Writes down what happens, for the log of the run.
    fn tell(&self, what: impl FnOnce() -> String) {
        let now = self.runtime.now();
        let line = format!("{:.9} server: {}", now.as_secs_f64(), what());
        self.state().story.push(line);
    }

    pub(crate) fn story(&self) -> Vec<String> {
        std::mem::take(&mut self.state().story)
    }

    // What the test does to it.

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.change(|state| change(&mut state.behaviour));
    }

    pub(crate) fn die(&self, death: Death) {
        self.tell(|| format!("dies by {death:?}"));
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
        self.tell(|| (if is_frozen { "hangs" } else { "goes on" }).to_owned());
        self.change(|state| state.is_frozen = is_frozen);
    }

    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.tell(|| format!("refuses: {refusal:?}"));
        self.change(|state| state.refusal = refusal);
    }

    /// All sessions are unknown from now on.
    pub(crate) fn forget(&self) {
        self.tell(|| "forgets".to_owned());
        let now = self.runtime.now();
        self.change(|state| {
            state
                .sessions
                .iter_mut()
                .for_each(|session| session.end(now))
        });
    }

    /// A handler in each session sends so many messages, and closes it.
    pub(crate) fn close(&self, messages: usize) {
        self.tell(|| format!("closes, with {messages} to send"));
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

    // What has come of it.

    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Session], &[Taken]) -> T) -> T {
        let state = self.state();
        look(&state.sessions, &state.log)
    }

    pub(crate) fn most_outstanding(&self) -> Amount {
        self.state().most_outstanding
    }

    // How it works.

    /// Serves whoever comes.
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

    /// Waits for something.
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

    /// Waits until the server does not hang. `None` where the process has ended.
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

    /// Takes one packet of a session, if the session still does.
    fn take(&self, process: u64, at: usize, packet: Packet) {
        let now = self.runtime.now();
        let death = self.change(|state| match packet {
            Packet::Message(Message::Text(text)) => state.read(process, at, &text, now),
            Packet::Message(Message::Binary(_)) => panic!("the client was given no binary data"),
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

    /// Opens a session, and gives its place and its first packets.
    fn open(&self, process: u64, by_polling: bool) -> (usize, Vec<Packet>) {
        let now = self.runtime.now();
        let (at, packets) = self.change(|state| {
            let at = state.sessions.len();
            let session = state.new_session(process, by_polling, now);
            let upgrades = if by_polling && state.behaviour.upgrades {
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
        self.tell(|| format!("session {at} opens, by polling: {by_polling}"));
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
                self.tell(|| format!("session {at}: ping timeout"));
                let now = self.runtime.now();
                return self.session(at, |session| session.end(now));
            }
        }
    }
}
