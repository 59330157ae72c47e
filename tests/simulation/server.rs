//! An Engine.IO server over the in-memory network, as strict as the real ones. Like Node's, it ends a
//! session whose poll is aborted; like python-engineio, it accepts at most 16 packets in a POST. It
//! panics when the client breaks a rule.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Message as Frame;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::Role;
use engineio_client::codec::{
    Frame as Encoded, decode_payload, decode_text_frame, encode_payload, frame,
};
use engineio_client::runtime::mock::{MemoryStream, MockListener};
use engineio_client::{Limits, Message, MockRuntime, Packet, Runtime as _};
use event_listener::Event as Bell;
use futures::future::{Either, select};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, Stream, StreamExt as _};

use crate::memory_http::{Request, response};

/// The server's settings and its deviations.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) max_payload: usize,
    pub(crate) upgrades: bool,
    /// Delay of the answer to a probe.
    pub(crate) probe_delay: Duration,
    /// Whether each poll during an upgrade is answered at once with a noop, as python-engineio does.
    pub(crate) eager_noops: bool,
}

/// The server's view of a session.
#[derive(Default)]
pub(crate) struct Session {
    /// Received messages, in order.
    pub(crate) received: Vec<u32>,
    /// Messages that the server was given to send, in order.
    pub(crate) given: Vec<u32>,
    outgoing: VecDeque<Packet>,
    awaiting_pong: bool,
    polling: bool,
    posting: bool,
    probed: bool,
    upgraded: bool,
    closed: bool,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Session>,
}

#[derive(Clone)]
pub(crate) struct Server {
    runtime: MockRuntime,
    setup: Setup,
    state: Arc<Mutex<State>>,
    /// Notified of every change.
    bell: Arc<Bell>,
}

impl Server {
    pub(crate) fn new(runtime: &MockRuntime, setup: Setup) -> Self {
        Self {
            runtime: runtime.clone(),
            setup,
            state: Arc::default(),
            bell: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the function with a session.
    pub(crate) fn session<T>(&self, sid: &str, look: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.state().sessions.get_mut(sid).map(look)
    }

    fn change<T>(&self, sid: &str, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let changed = self.session(sid, change);
        self.bell.notify(usize::MAX);
        changed
    }

    /// Queues a message for a session.
    pub(crate) fn send(&self, sid: &str, number: u32) {
        self.change(sid, |session| {
            if !session.closed {
                session.given.push(number);
                session
                    .outgoing
                    .push_back(Packet::Message(Message::from(number.to_string())));
            }
        });
    }

    pub(crate) fn close(&self, sid: &str) {
        self.change(sid, |session| {
            if !session.closed {
                session.outgoing.push_back(Packet::Close);
            }
        });
    }

    fn end(&self, sid: &str) {
        self.change(sid, |session| session.closed = true);
    }

    /// Waits until the condition returns a value. Returns `None` if the session does not exist.
    async fn wait<T>(
        &self,
        sid: &str,
        mut condition: impl FnMut(&mut Session) -> Option<T>,
    ) -> Option<T> {
        loop {
            let listener = self.bell.listen();
            match self.session(sid, &mut condition) {
                None => return None,
                Some(Some(found)) => return Some(found),
                Some(None) => listener.await,
            }
        }
    }

    /// Accepts and serves connections.
    pub(crate) async fn serve(self, mut listener: MockListener) {
        loop {
            let stream = listener.accept().await;
            let server = self.clone();
            self.runtime.spawn(Box::pin(async move {
                server.connection(stream).await;
            }));
        }
    }

    async fn connection(&self, mut stream: MemoryStream) {
        let mut buffer = Vec::new();
        while let Some(request) = Request::read(&mut stream, &mut buffer).await {
            if request.websocket_key.is_some() {
                self.websocket(stream, request).await;
                return;
            }
            // A server that has ended its side of the connection discards further requests, as apache
            // does.
            if stream.write(&[]).await.is_err() {
                return;
            }
            let Some(answer) = self.answer(&request, &mut stream).await else {
                return;
            };
            if stream.write_all(&answer).await.is_err() {
                // The packets of the answer are lost, so the session is broken.
                if let Some(sid) = &request.sid {
                    self.end(sid);
                }
                return;
            }
        }
    }

    async fn answer(&self, request: &Request, stream: &mut MemoryStream) -> Option<Vec<u8>> {
        let Some(sid) = &request.sid else {
            let (_, open) = self.open(true);
            return Some(response(200, &encode_payload(&[open])));
        };
        let usable = self.session(sid, |session| !session.closed && !session.upgraded);
        if usable != Some(true) {
            return Some(response(
                400,
                br#"{"code":1,"message":"Session ID unknown"}"#,
            ));
        }
        if request.method == "POST" {
            return Some(self.post(sid, request));
        }
        let doubled = self.session(sid, |session| std::mem::replace(&mut session.polling, true));
        assert_ne!(doubled, Some(true), "two polls at once");
        let eager = self.setup.eager_noops;
        let found = {
            let outgoing = pin!(self.wait(sid, |session| {
                if session.closed {
                    return Some(vec![Packet::Noop]);
                }
                if session.probed && (eager || session.outgoing.is_empty()) {
                    // During an upgrade, the poll is released with a noop and messages wait.
                    return Some(vec![Packet::Noop]);
                }
                if session.outgoing.is_empty() {
                    return None;
                }
                Some(session.outgoing.drain(..).collect::<Vec<_>>())
            }));
            let mut byte = [0];
            let gone = pin!(stream.read(&mut byte));
            match select(outgoing, gone).await {
                Either::Left((found, _)) => found,
                Either::Right((Ok(0) | Err(_), _)) => {
                    // An aborted poll ends the session.
                    self.end(sid);
                    return None;
                }
                Either::Right((Ok(_), _)) => panic!("a request within a request"),
            }
        };
        self.session(sid, |session| session.polling = false);
        let packets = found?;
        if packets.contains(&Packet::Close) {
            self.end(sid);
        }
        Some(response(200, &encode_payload(&packets)))
    }

    fn post(&self, sid: &str, request: &Request) -> Vec<u8> {
        let doubled = self.session(sid, |session| std::mem::replace(&mut session.posting, true));
        assert_ne!(doubled, Some(true), "two POSTs at once");
        assert!(
            request.body.len() <= self.setup.max_payload,
            "a POST above maxPayload"
        );
        let decoded = decode_payload(request.body.clone().into(), &Limits::default());
        assert!(decoded.error.is_none(), "{:?}", decoded.error);
        assert!(
            decoded.packets.len() <= 16,
            "a POST of more than 16 packets"
        );
        for packet in decoded.packets {
            self.take(sid, packet);
        }
        self.session(sid, |session| session.posting = false);
        response(200, b"ok")
    }

    /// Handles one packet of a session.
    fn take(&self, sid: &str, packet: Packet) {
        self.change(sid, |session| match packet {
            Packet::Message(Message::Text(text)) => {
                let number = text.split(' ').next().unwrap_or_default();
                session.received.push(number.parse().expect("a number"));
            }
            Packet::Pong(_) => session.awaiting_pong = false,
            Packet::Close => session.closed = true,
            other => panic!("the client sent {other:?}"),
        });
    }

    fn open(&self, polling: bool) -> (String, Packet) {
        let mut state = self.state();
        let sid = format!("S{}", state.sessions.len());
        state.sessions.insert(
            sid.clone(),
            Session {
                upgraded: !polling,
                ..Session::default()
            },
        );
        drop(state);
        let upgrades = if polling && self.setup.upgrades {
            r#"["websocket"]"#
        } else {
            "[]"
        };
        let open = format!(
            r#"{{"sid":"{sid}","upgrades":{upgrades},"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            self.setup.ping_interval.as_millis(),
            self.setup.ping_timeout.as_millis(),
            self.setup.max_payload,
        );
        let (server, session) = (self.clone(), sid.clone());
        self.runtime
            .spawn(Box::pin(async move { server.heartbeat(&session).await }));
        (sid, Packet::Open(open.into()))
    }

    async fn heartbeat(&self, sid: &str) {
        loop {
            self.runtime.sleep(self.setup.ping_interval).await;
            let closed = self.change(sid, |session| {
                session.awaiting_pong = true;
                session.outgoing.push_back(Packet::Ping("".into()));
                session.closed
            });
            if closed != Some(false) {
                return;
            }
            let pong = pin!(self.wait(sid, |session| {
                (!session.awaiting_pong || session.closed).then_some(())
            }));
            if let Either::Right(_) =
                select(pong, self.runtime.sleep(self.setup.ping_timeout)).await
            {
                self.end(sid);
                return;
            }
        }
    }

    async fn websocket(&self, mut stream: MemoryStream, request: Request) {
        let key = request.websocket_key.as_deref().unwrap_or_default();
        let known = request
            .sid
            .as_ref()
            .map(|sid| self.session(sid, |session| !session.closed && !session.upgraded));
        if known.is_some_and(|usable| usable != Some(true)) {
            let _ = stream
                .write_all(&response(400, b"Session ID unknown"))
                .await;
            return;
        }
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let sid = match request.sid {
            None => {
                let (sid, open) = self.open(false);
                if socket.send(to_frame(&open)).await.is_err() {
                    return self.end(&sid);
                }
                sid
            }
            Some(sid) => {
                let upgraded = self.probe(&sid, &mut socket).await;
                let goes_on = self.change(&sid, |session| {
                    session.probed = false;
                    session.upgraded |= upgraded;
                    upgraded && !session.closed
                });
                if goes_on != Some(true) {
                    return;
                }
                sid
            }
        };
        self.talk(&sid, socket).await;
        self.end(&sid);
    }

    /// Answers a probe. Returns whether the session is upgraded.
    async fn probe(&self, sid: &str, socket: &mut WebSocketStream<MemoryStream>) -> bool {
        match next_packet(socket).await {
            Some(Packet::Ping(data)) if &*data == "probe" => {}
            Some(other) => panic!("the probe's first packet is {other:?}"),
            None => return false,
        }
        self.runtime.sleep(self.setup.probe_delay).await;
        if socket
            .send(to_frame(&Packet::Pong("probe".into())))
            .await
            .is_err()
        {
            return false;
        }
        self.change(sid, |session| session.probed = true);
        match next_packet(socket).await {
            Some(Packet::Upgrade) => {
                let busy = self.session(sid, |session| session.polling || session.posting);
                // Node's server would lose a poll or POST that is still running.
                assert_ne!(
                    busy,
                    Some(true),
                    "the upgrade packet arrived while a poll or POST was running"
                );
                true
            }
            Some(other) => panic!("the probe's second packet is {other:?}"),
            None => false,
        }
    }

    async fn talk(&self, sid: &str, socket: WebSocketStream<MemoryStream>) {
        let (mut sink, mut stream) = socket.split();
        let receive = async {
            while let Some(packet) = next_packet(&mut stream).await {
                self.take(sid, packet);
            }
        };
        let send = async {
            loop {
                let next = self.wait(sid, |session| {
                    if session.closed {
                        Some(Packet::Close)
                    } else {
                        session.outgoing.pop_front()
                    }
                });
                match next.await {
                    Some(Packet::Close) | None => {
                        let _ = sink.close(None).await;
                        return;
                    }
                    Some(packet) => {
                        if sink.send(to_frame(&packet)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        };
        let (receive, send) = (pin!(receive), pin!(send));
        match select(receive, send).await {
            Either::Left(_) => {}
            // The close frame has been sent. Messages that the client sent before it saw the close frame
            // still arrive.
            Either::Right(((), receive)) => {
                let _ = select(receive, self.runtime.sleep(Duration::from_secs(1))).await;
            }
        }
    }
}

/// The next packet, or `None` if the socket ends first. Skips pings, which tungstenite answers.
async fn next_packet<E>(
    frames: &mut (impl Stream<Item = Result<Frame, E>> + Unpin),
) -> Option<Packet> {
    loop {
        match frames.next().await?.ok()? {
            Frame::Text(text) => {
                let packet = decode_text_frame(text.into(), &Limits::default());
                return Some(packet.expect("the client sends valid packets"));
            }
            Frame::Binary(_) => {
                panic!("the client sent binary data, which this test does not send")
            }
            Frame::Ping(_) | Frame::Pong(_) => {}
            _ => return None,
        }
    }
}

fn to_frame(packet: &Packet) -> Frame {
    match frame(packet) {
        Encoded::Text(kind, text) => Frame::text(format!("{}{text}", char::from(kind))),
        Encoded::Binary(data) => Frame::binary(data.to_vec()),
    }
}

/// Runs a future together with a background future, which may end earlier.
pub(crate) async fn until<T>(
    future: impl Future<Output = T>,
    background: impl Future<Output = ()>,
) -> T {
    match select(pin!(future), pin!(background)).await {
        Either::Left((output, _)) => output,
        Either::Right(((), future)) => future.await,
    }
}
