//! The built-in transports pass the checks of `conformance`. A transport that breaks one rule of the
//! contract fails the check of that rule, and no other.

#[path = "support/raw.rs"]
mod raw;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_tungstenite::tungstenite::Bytes;
use engineio_client::codec::{
    Frame, decode_binary, decode_payload, decode_text, encode_payload, frame as encode_frame,
};
use engineio_client::runtime::mock::Order;
use engineio_client::transports::conformance::{Check, Failure, Peer, check};
use engineio_client::transports::mock::{Call, MockEnd, MockLink, MockTransport};
use engineio_client::transports::{Polling, WebSocket};
use engineio_client::{
    Activity, Batch, Confirms, Error, ErrorKind, Fence, Framing, Limits, Link, Message,
    MockRuntime, OpenRequest, Packet, PacketReceiver, PacketSender, Runtime, Text, Transport,
    async_trait,
};
use futures::channel::{mpsc, oneshot};
use futures::future::{RemoteHandle, select};
use futures::lock::Mutex as AsyncMutex;
use futures::stream::Peekable;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};

use raw::{BINARY, CLOSE, FIN, PING, PONG, Request, Server, TEXT, frame, response};

const ORDERS: [Order; 2] = [Order::FirstInFirstOut, Order::LastInFirstOut];

// The peer for polling.

/// A server that answers each request when the check asks for it.
struct PollingPeer {
    polls: Peekable<mpsc::Receiver<Exchange>>,
    posts: Peekable<mpsc::Receiver<Exchange>>,
    _server: RemoteHandle<()>,
}

struct Exchange {
    request: Request,
    /// Takes the response. Dropping it ends the connection.
    answer: oneshot::Sender<Vec<u8>>,
}

impl PollingPeer {
    fn new(runtime: &MockRuntime) -> Self {
        let mut server = Server::new(runtime);
        let (poll, polls) = mpsc::channel(16);
        let (post, posts) = mpsc::channel(16);
        let spawner = runtime.clone();
        let (accepting, handle) = async move {
            loop {
                let mut connection = server.accept().await;
                let (mut poll, mut post) = (poll.clone(), post.clone());
                spawner.spawn(Box::pin(async move {
                    while let Some(request) = connection.next_request().await {
                        let (answer, answered) = oneshot::channel();
                        let queue = match &*request.method {
                            "GET" => &mut poll,
                            _ => &mut post,
                        };
                        let _ = queue.send(Exchange { request, answer }).await;
                        let Ok(bytes) = answered.await else { return };
                        connection.write(bytes).await;
                    }
                }));
            }
        }
        .remote_handle();
        runtime.spawn(Box::pin(accepting));
        Self {
            polls: polls.peekable(),
            posts: posts.peekable(),
            _server: handle,
        }
    }

    async fn poll(&mut self) -> Exchange {
        self.polls.next().await.expect("the server runs")
    }
}

#[async_trait]
impl Peer for PollingPeer {
    fn url(&self) -> String {
        "http://10.0.0.1/engine.io/".into()
    }

    async fn accept(&mut self) {
        let polls = Pin::new(&mut self.polls).peek();
        let posts = Pin::new(&mut self.posts).peek();
        select(polls, posts).await;
    }

    async fn receive(&mut self) -> Vec<Packet> {
        let exchange = self.posts.next().await.expect("the server runs");
        let _ = exchange.answer.send(response("ok"));
        let decoded = decode_payload(Bytes::from(exchange.request.body), &Limits::default());
        assert!(decoded.error.is_none(), "{:?}", decoded.error);
        decoded.packets
    }

    async fn send(&mut self, packets: Vec<Packet>) {
        let exchange = self.poll().await;
        let _ = exchange.answer.send(response(encode_payload(&packets)));
    }

    async fn close(&mut self) {
        self.send(vec![Packet::Close]).await;
    }

    async fn cut(&mut self) {
        drop(self.poll().await);
    }
}

#[test]
fn polling_keeps_the_contract() {
    for order in ORDERS {
        let runtime = MockRuntime::with_order(order);
        let setup = async || {
            // The previous server has to stop listening on the address first.
            raw::settle(&runtime).await;
            (Polling::default(), PollingPeer::new(&runtime))
        };
        runtime.block_on(check(runtime.clone(), setup)).unwrap();
    }
}

// The peer for WebSocket.

struct WebSocketPeer {
    server: Server,
    connection: Option<raw::Peer>,
}

impl WebSocketPeer {
    fn connection(&mut self) -> &mut raw::Peer {
        self.connection.as_mut().expect("a connection")
    }
}

#[async_trait]
impl Peer for WebSocketPeer {
    fn url(&self) -> String {
        "http://10.0.0.1/engine.io/".into()
    }

    async fn accept(&mut self) {
        let mut connection = self.server.accept().await;
        connection.accept_websocket().await;
        self.connection = Some(connection);
    }

    async fn receive(&mut self) -> Vec<Packet> {
        let connection = self.connection();
        let Some(received) = connection.next_frame().await else {
            return Vec::new();
        };
        let data = Bytes::from(received.payload);
        let limits = Limits::default();
        let packet = match received.first & 0xf {
            TEXT => {
                let text = std::str::from_utf8(&data).unwrap();
                decode_text(Text::from(text), &limits).unwrap()
            }
            BINARY => decode_binary(data, &limits).unwrap(),
            CLOSE => {
                connection.write(frame(CLOSE, data)).await;
                Packet::Close
            }
            PING => return Vec::new(),
            other => panic!("opcode {other}"),
        };
        vec![packet]
    }

    async fn fence(&mut self) -> Option<Fence> {
        let connection = self.connection();
        let ping = connection.next_frame().await?;
        if ping.first != FIN | PING {
            return None;
        }
        connection.write(frame(PONG, &ping.payload)).await;
        Fence::from_bytes(&ping.payload)
    }

    async fn send(&mut self, packets: Vec<Packet>) {
        let frames = packets.iter().map(|packet| match encode_frame(packet) {
            Frame::Text(kind, text) => frame(TEXT, [&[kind], text.as_bytes()].concat()),
            Frame::Binary(data) => frame(BINARY, data),
        });
        let bytes: Vec<u8> = frames.flatten().collect();
        self.connection().write(bytes).await;
    }

    async fn close(&mut self) {
        self.connection()
            .write(frame(CLOSE, 1000_u16.to_be_bytes()))
            .await;
    }

    async fn cut(&mut self) {
        self.connection = None;
    }
}

#[test]
fn websocket_keeps_the_contract() {
    for order in ORDERS {
        let runtime = MockRuntime::with_order(order);
        let setup = async || {
            let peer = WebSocketPeer {
                server: Server::new(&runtime),
                connection: None,
            };
            (WebSocket::default(), peer)
        };
        runtime.block_on(check(runtime.clone(), setup)).unwrap();
    }
}

// The peer for the mock transport.

struct MockPeer {
    end: MockEnd,
    framing: Framing,
    link: Option<MockLink>,
    /// The fence of the batch that was received last, if the check has not asked for it yet.
    fence: Option<Fence>,
    delivered: usize,
}

impl MockPeer {
    fn new(framing: Framing) -> (MockTransport, Self) {
        let (transport, end) = MockTransport::new("mock");
        let peer = Self {
            end,
            framing,
            link: None,
            fence: None,
            delivered: 0,
        };
        (transport, peer)
    }

    fn link(&mut self) -> &mut MockLink {
        self.link.as_mut().expect("a link")
    }
}

#[async_trait]
impl Peer for MockPeer {
    async fn accept(&mut self) {
        let confirms = match self.framing {
            Framing::Payloads => Confirms::Never,
            Framing::Frames => Confirms::ByFence,
        };
        let open = self.end.opened().await.confirms(confirms);
        self.link = Some(open.accept(self.framing));
    }

    async fn receive(&mut self) -> Vec<Packet> {
        match self.link().call().await {
            Call::Send(batch, answer) => {
                answer.ok();
                self.fence = batch.fence().copied();
                batch.to_vec()
            }
            Call::Close(answer) => {
                answer.ok();
                vec![Packet::Close]
            }
            Call::Dropped => Vec::new(),
        }
    }

    async fn fence(&mut self) -> Option<Fence> {
        let fence = match self.fence.take() {
            Some(fence) => fence,
            None => match self.link().call().await {
                Call::Send(batch, answer) if batch.is_empty() => {
                    answer.ok();
                    *batch.fence()?
                }
                _ => return None,
            },
        };
        self.link().answer_fence(fence);
        Some(fence)
    }

    /// With frames, up to eight deliveries wait in the link. Each is small enough to be returned by one
    /// call of `recv`.
    async fn send(&mut self, packets: Vec<Packet>) {
        if self.framing == Framing::Payloads {
            self.link().receiving().await;
            return self.link().deliver(packets);
        }
        let mut rest = VecDeque::from(packets);
        while !rest.is_empty() {
            let (mut chunk, mut bytes) = (Vec::new(), 0);
            while chunk.len() < 256
                && bytes < 60_000
                && let Some(packet) = rest.pop_front()
            {
                if let Packet::Message(message) = &packet {
                    bytes += message.len();
                }
                chunk.push(packet);
            }
            if self.delivered >= self.link().recv_calls() + 8 {
                self.link().receiving().await;
            }
            self.link().deliver(chunk);
            self.delivered += 1;
        }
    }

    async fn close(&mut self) {
        self.send(vec![Packet::Close]).await;
    }

    async fn cut(&mut self) {
        if self.framing == Framing::Payloads {
            self.link().receiving().await;
        }
        self.link().fail_recv(Error::new(ErrorKind::Ended, "cut"));
    }
}

#[test]
fn the_mock_transport_keeps_the_contract() {
    for order in ORDERS {
        for framing in [Framing::Payloads, Framing::Frames] {
            let runtime = MockRuntime::with_order(order);
            let setup = async || MockPeer::new(framing);
            runtime.block_on(check(runtime.clone(), setup)).unwrap();
        }
    }
}

// Transports that each break one rule of the contract.

struct Broken {
    fault: Check,
    inner: Arc<MockTransport>,
    runtime: MockRuntime,
    /// A link that this transport opened before its `open` was called.
    early: Mutex<Option<oneshot::Receiver<Result<Link, Error>>>>,
}

impl Broken {
    fn new(fault: Check, inner: MockTransport, runtime: &MockRuntime) -> Self {
        let inner = Arc::new(inner);
        let mut early = None;
        if fault == Check::LazyBeforeOpen {
            let (opened, opening) = oneshot::channel();
            early = Some(opening);
            let (inner, dynamic) = (
                Arc::clone(&inner),
                Arc::new(runtime.clone()) as Arc<dyn Runtime>,
            );
            let url = "http://localhost/".parse().unwrap();
            let request = OpenRequest::new("mock", url, Activity::new(Arc::clone(&dynamic)));
            runtime.spawn(Box::pin(async move {
                let _ = opened.send(inner.open(&dynamic, request).await);
            }));
        }
        Self {
            fault,
            inner,
            runtime: runtime.clone(),
            early: Mutex::new(early),
        }
    }
}

#[async_trait]
impl Transport for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let early = self.early.lock().unwrap().take();
        let opened = match early {
            Some(early) => early.await.unwrap(),
            None => self.inner.open(runtime, request).await,
        };
        let link = opened.map_err(|error| match self.fault {
            Check::NobodyThere => Error::new(ErrorKind::Handshake, "nobody"),
            _ => error,
        })?;
        let turn = Arc::new(AsyncMutex::new(()));
        let sender = BrokenSender {
            fault: self.fault,
            inner: Some(link.sender),
            runtime: self.runtime.clone(),
            turn: Arc::clone(&turn),
        };
        let mut inner = link.receiver;
        let mut prefetched = None;
        let mut prefetching = None;
        if self.fault == Check::LazyBetweenCalls {
            let queue = Arc::new(Mutex::new(VecDeque::new()));
            let (mut bell, rung) = mpsc::channel(1);
            prefetched = Some((Arc::clone(&queue), rung));
            let (task, handle) = async move {
                loop {
                    let received = inner.recv().await;
                    let failed = received.is_err();
                    let answered = inner.answered_fence();
                    queue.lock().unwrap().push_back((received, answered));
                    let _ = bell.try_send(());
                    if failed {
                        return;
                    }
                }
            }
            .remote_handle();
            self.runtime.spawn(Box::pin(task));
            prefetching = Some(handle);
            inner = Box::new(Nothing);
        }
        let receiver = BrokenReceiver {
            fault: self.fault,
            inner,
            prefetched,
            _prefetching: prefetching,
            rest: VecDeque::new(),
            next: None,
            answered: None,
            turn,
        };
        Ok(Link::new(sender, receiver, link.framing))
    }
}

struct Nothing;

#[async_trait]
impl PacketReceiver for Nothing {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        std::future::pending().await
    }
}

struct BrokenSender {
    fault: Check,
    inner: Option<Box<dyn PacketSender>>,
    runtime: MockRuntime,
    turn: Arc<AsyncMutex<()>>,
}

fn is_message_longer_than(packet: &Packet, length: usize) -> bool {
    matches!(packet, Packet::Message(message) if message.len() > length)
}

#[async_trait]
impl PacketSender for BrokenSender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        let inner = self.inner.as_mut().unwrap();
        let fence = batch.fence().copied();
        let mut packets = batch.to_vec();
        match self.fault {
            Check::OrderOfSent if matches!(packets.first(), Some(Packet::Open(_))) => {
                packets.swap(3, 4);
            }
            Check::OneExchange => {
                for packet in packets {
                    inner.send(vec![packet].into()).await?;
                }
                return Ok(());
            }
            Check::LargeMessages => {
                for packet in &mut packets {
                    if is_message_longer_than(packet, 500_000) {
                        *packet = Packet::Message(Message::from("shortened"));
                    }
                }
            }
            Check::BothHalves => {
                let _turn = self.turn.lock().await;
                return inner.send(batch).await;
            }
            // Holds back the last packet, as a sender does that waits for the next batch. No further
            // batch follows.
            Check::CloseFlushes if packets.len() == 100 => {
                packets.pop();
            }
            Check::FenceOrder if fence.is_some() && !packets.is_empty() => {
                let fence = Batch::from(Vec::new()).with_fence(fence.unwrap());
                inner.send(fence).await?;
                return inner.send(packets.into()).await;
            }
            _ => {}
        }
        let mut batch = Batch::from(packets);
        if let Some(fence) = fence {
            batch = batch.with_fence(fence);
        }
        inner.send(batch).await
    }

    fn confirms(&self) -> Confirms {
        self.inner.as_ref().unwrap().confirms()
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.inner.as_mut().unwrap().close().await
    }
}

impl Drop for BrokenSender {
    fn drop(&mut self) {
        if self.fault == Check::SilentDrop {
            let mut inner = self.inner.take().unwrap();
            self.runtime.spawn(Box::pin(async move {
                let _ = inner.close().await;
            }));
        }
    }
}

type Received = Result<Vec<Packet>, Error>;
type Prefetched = Arc<Mutex<VecDeque<(Received, Option<Fence>)>>>;

struct BrokenReceiver {
    fault: Check,
    inner: Box<dyn PacketReceiver>,
    prefetched: Option<(Prefetched, mpsc::Receiver<()>)>,
    _prefetching: Option<RemoteHandle<()>>,
    rest: VecDeque<Packet>,
    next: Option<(Received, Option<Fence>)>,
    answered: Option<Fence>,
    turn: Arc<AsyncMutex<()>>,
}

impl BrokenReceiver {
    async fn inner_recv(&mut self) -> (Received, Option<Fence>) {
        let received = self.inner.recv().await;
        (received, self.inner.answered_fence())
    }
}

#[async_trait]
impl PacketReceiver for BrokenReceiver {
    async fn recv(&mut self) -> Received {
        if let Some((queue, rung)) = &mut self.prefetched {
            loop {
                let received = queue.lock().unwrap().pop_front();
                match received {
                    Some((received, answered)) => {
                        self.answered = answered.or(self.answered);
                        return received;
                    }
                    None => rung.next().await,
                };
            }
        }
        if let Some(packet) = self.rest.pop_front() {
            return Ok(vec![packet]);
        }
        let (received, answered) = match self.next.take() {
            Some(next) => next,
            None if self.fault == Check::BothHalves => {
                let turn = Arc::clone(&self.turn);
                let _turn = turn.lock().await;
                self.inner_recv().await
            }
            None => self.inner_recv().await,
        };
        self.answered = answered.or(self.answered);
        let mut packets = received.map_err(|error| match self.fault {
            Check::UncleanEnd => Error::new(ErrorKind::Other, "something"),
            _ => error,
        })?;
        match self.fault {
            Check::OrderOfReceived if matches!(packets.first(), Some(Packet::Open(_))) => {
                packets.swap(3, 4);
            }
            Check::Bounds => {
                while self.next.is_none()
                    && let Some((received, answered)) = self.inner_recv().now_or_never()
                {
                    self.answered = answered.or(self.answered);
                    match received {
                        Ok(more) => packets.extend(more),
                        error => self.next = Some((error, None)),
                    }
                }
            }
            Check::Ready if !packets.is_empty() => {
                self.rest = packets.split_off(1).into();
            }
            Check::EmptyMessages => packets
                .retain(|packet| !matches!(packet, Packet::Message(message) if message.is_empty())),
            Check::CleanEnd if packets.contains(&Packet::Close) => {
                return Err(Error::new(ErrorKind::Ended, "the end"));
            }
            Check::PacketsBeforeError => {
                self.next = self.inner_recv().now_or_never();
                if let Some((Err(error), _)) = &self.next {
                    return Err(error.clone());
                }
            }
            _ => {}
        }
        Ok(packets)
    }

    fn answered_fence(&mut self) -> Option<Fence> {
        let answered = self.answered.take();
        answered.filter(|_| self.fault != Check::FenceAnswer)
    }
}

#[test]
fn each_broken_transport_fails_its_check_and_no_other() {
    for order in ORDERS {
        for fault in Check::ALL {
            let runtime = MockRuntime::with_order(order);
            let framing = match fault {
                Check::OneExchange => Framing::Payloads,
                _ => Framing::Frames,
            };
            let setup = async || {
                let (transport, peer) = MockPeer::new(framing);
                (Broken::new(*fault, transport, &runtime), peer)
            };
            let failures: Vec<Failure> = runtime
                .block_on(check(runtime.clone(), setup))
                .expect_err(&fault.to_string());
            runtime.abort_tasks();
            let failed: Vec<Check> = failures.iter().map(|failure| failure.check).collect();
            assert_eq!(failed, [*fault], "{failures:#?}");
        }
    }
}

#[test]
fn a_transport_that_does_nothing_is_reported_as_hanging() {
    let runtime = MockRuntime::new();
    let setup = async || {
        let (transport, peer) = MockPeer::new(Framing::Frames);
        (Silent(transport), peer)
    };
    let failures = runtime.block_on(check(runtime.clone(), setup)).unwrap_err();
    assert!(failures.len() > 10, "{failures:#?}");
    let first = failures[0].to_string();
    assert_eq!(
        first,
        "lazy between calls: the check hangs: not done after 10 s"
    );
}

/// A transport that sends nothing and receives nothing.
struct Silent(MockTransport);

#[async_trait]
impl Transport for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let link = self.0.open(runtime, request).await?;
        Ok(Link::new(Lost(link), Nothing, Framing::Frames))
    }
}

struct Lost(#[expect(dead_code, reason = "it keeps the link open")] Link);

#[async_trait]
impl PacketSender for Lost {
    async fn send(&mut self, _: Batch) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        std::future::pending().await
    }
}
