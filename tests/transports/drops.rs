//! Dropping a client, a future or a runtime, at any step of a session and on any thread, leaves no task
//! and no socket. A client that is dropped in an open session still sends the server a goodbye.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::Transports;
use engineio_client::{
    Builder, Capacity, Client, Message, MockRuntime, Reason, Runtime, async_trait,
};
use futures::FutureExt as _;
use futures::future::{BoxFuture, pending, poll_immediate};

use crate::open_packet;
use crate::raw::{
    CLOSE, FIN, HOST, Peer, Server, TEXT, frame, response, settle, spawn, under_both_orders,
    under_some_orders,
};

/// Time after which a close has ended although the server does not answer: the close timeout, and 1 ms
/// more.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(5001);

/// A mock runtime that never resolves `lost.test`.
#[derive(Clone)]
struct Lost(MockRuntime);

#[async_trait]
impl Runtime for Lost {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if host == "lost.test" {
            return pending().await;
        }
        self.0.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        self.0.connect(address).await
    }
}

type Session = Client<Transports, Lost>;

fn builder(runtime: &MockRuntime, url: &str) -> Builder<Transports, Lost> {
    Builder::new(url, Transports::default(), Lost(runtime.clone()))
}

/// What a session that is being opened waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Name,
    Tcp,
    Tls,
    Proxy,
    /// The server, which has not read the request yet.
    Request,
    /// The rest of the response.
    Answer,
    OpenPacket,
}

const STEPS: [(Step, &str); 13] = [
    (Step::Name, "polling"),
    (Step::Name, "websocket"),
    (Step::Tcp, "polling"),
    (Step::Tcp, "websocket"),
    (Step::Tls, "polling"),
    (Step::Tls, "websocket"),
    (Step::Proxy, "polling"),
    (Step::Proxy, "websocket"),
    (Step::Request, "polling"),
    (Step::Request, "websocket"),
    (Step::Answer, "polling"),
    (Step::Answer, "websocket"),
    (Step::OpenPacket, "websocket"),
];

/// A session that is about to open and will stop at `step`, and its server.
struct Begun {
    builder: Builder<Transports, Lost>,
    server: Option<Server>,
    step: Step,
}

impl Step {
    fn begin(self, runtime: &MockRuntime, transport: &str) -> Begun {
        let url = match self {
            Self::Name => "http://lost.test",
            Self::Tls => "https://10.0.0.1",
            _ => "http://10.0.0.1",
        };
        let mut builder = builder(runtime, url).transports([transport]);
        let server = match self {
            Self::Name => None,
            Self::Tcp => {
                runtime.network().black_hole(SocketAddr::new(HOST, 80));
                None
            }
            Self::Tls => Some(Server::on(runtime, 443)),
            Self::Proxy => {
                builder = Builder::new(
                    "http://10.0.0.9",
                    Transports::default(),
                    Lost(runtime.clone()),
                )
                .transports([transport])
                .proxy("http://10.0.0.1:3128");
                Some(Server::on(runtime, 3128))
            }
            Self::Request | Self::Answer | Self::OpenPacket => Some(Server::new(runtime)),
        };
        Begun {
            builder,
            server,
            step: self,
        }
    }
}

/// Brings the session to this step. Returns the server's end of the connection, if there is one.
async fn reach(step: Step, server: &mut Option<Server>, runtime: &MockRuntime) -> Option<Peer> {
    settle(runtime).await;
    let server = server.as_mut()?;
    let mut peer = server.accept().await;
    match step {
        Step::Tls => {
            // The client hello has arrived.
            peer.read_some(1).await;
        }
        Step::Proxy => {
            peer.request_head().await;
        }
        Step::Answer => {
            peer.request().await;
            peer.write("HTTP/1.1 ").await;
        }
        Step::OpenPacket => {
            peer.accept_websocket().await;
        }
        Step::Name | Step::Tcp | Step::Request => {}
    }
    settle(runtime).await;
    Some(peer)
}

/// Drops a value on another thread.
fn drop_elsewhere<T: Send + 'static>(dropped: T) {
    std::thread::spawn(move || drop(dropped))
        .join()
        .expect("dropping does not panic");
}

/// Waits for the time limit for closing, and checks that the session has then left no task and no open
/// socket.
async fn is_gone(runtime: &MockRuntime, peers: impl IntoIterator<Item = Peer>, what: &str) {
    runtime.sleep(CLOSE_TIMEOUT).await;
    assert_eq!(runtime.tasks(), 0, "{what}: tasks");
    for mut peer in peers {
        assert!(
            peer.read_to_end().now_or_never().is_some(),
            "{what}: a socket is open"
        );
    }
    let open = runtime.network().connections();
    assert!(open.is_empty(), "{what}: {} sockets", open.len());
}

#[test]
fn dropping_a_client_at_any_step_of_opening_leaves_no_task_and_no_socket() {
    under_some_orders(async |runtime| {
        for (step, transport) in STEPS {
            // What is dropped: the client, on this thread or on another thread, or the future of
            // `connect`.
            for who in ["client", "client elsewhere", "connect"] {
                let what = format!("{transport}, {step:?}, {who}");
                let Begun {
                    builder,
                    mut server,
                    step,
                } = step.begin(&runtime, transport);
                let peer = if who == "connect" {
                    let mut connect = Box::pin(builder.connect());
                    assert!(poll_immediate(&mut connect).await.is_none(), "{what}");
                    let peer = reach(step, &mut server, &runtime).await;
                    assert!(poll_immediate(&mut connect).await.is_none(), "{what}");
                    drop(connect);
                    peer
                } else {
                    let client = builder.start().unwrap();
                    let peer = reach(step, &mut server, &runtime).await;
                    assert!(client.opened().now_or_never().is_none(), "{what}");
                    if who == "client" {
                        drop(client);
                    } else {
                        drop_elsewhere(client);
                    }
                    peer
                };
                drop(server);
                is_gone(&runtime, peer, &what).await;
                runtime.network().restore(SocketAddr::new(HOST, 80));
            }
        }
    });
}

#[test]
fn a_runtime_that_ends_at_any_step_of_opening_ends_the_session_as_aborted() {
    under_some_orders(async |runtime| {
        for (step, transport) in STEPS {
            let what = format!("{transport}, {step:?}");
            let mut begun = step.begin(&runtime, transport);
            let client = begun.builder.start().unwrap();
            let peer = reach(step, &mut begun.server, &runtime).await;
            runtime.abort_tasks();
            if let Some(mut peer) = peer {
                assert!(peer.read_to_end().now_or_never().is_some(), "{what}");
            }
            assert!(runtime.network().connections().is_empty(), "{what}");
            let closed = client.wait().await;
            assert!(matches!(closed.reason(), Reason::Aborted), "{what}");
            assert!(client.opened().await.is_err());
            drop(begun.server);
            runtime.network().restore(SocketAddr::new(HOST, 80));
        }
    });
}

/// What an open session is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Polling,
    /// A message has been posted, and the server has not answered.
    Posting,
    /// The probe's WebSocket request has been sent.
    ProbeAsked,
    /// The request is accepted, and the probe has sent its ping.
    Probing,
    /// The pong has arrived, and the poll still waits.
    AfterPong,
    /// The client has sent the upgrade packet.
    AfterSwap,
    WebSocket,
    /// The client has sent more than the pipe holds, and the server does not read.
    Writing,
    /// The user has closed the session, and the server has not answered the goodbye.
    ClosingPolling,
    ClosingWebSocket,
}

const MOMENTS: [Moment; 10] = [
    Moment::Polling,
    Moment::Posting,
    Moment::ProbeAsked,
    Moment::Probing,
    Moment::AfterPong,
    Moment::AfterSwap,
    Moment::WebSocket,
    Moment::Writing,
    Moment::ClosingPolling,
    Moment::ClosingWebSocket,
];

/// A session at a [`Moment`].
struct Live {
    client: Session,
    server: Server,
    /// The connection of the first poll, or of the WebSocket.
    first: Peer,
    /// The connection of the POST, or of the probe.
    second: Option<Peer>,
}

impl Moment {
    async fn reach(self, runtime: &MockRuntime) -> Live {
        let mut server = Server::new(runtime);
        let names: &[&str] = match self {
            Self::Polling | Self::Posting | Self::ClosingPolling => &["polling"],
            Self::ProbeAsked | Self::Probing | Self::AfterPong | Self::AfterSwap => {
                &["polling", "websocket"]
            }
            Self::WebSocket | Self::Writing | Self::ClosingWebSocket => &["websocket"],
        };
        let client = builder(runtime, "http://10.0.0.1")
            .transports(names.iter().copied())
            .start()
            .unwrap();
        let mut first = server.accept().await;
        let mut second = None;
        let open = open_packet(3_600_000, 3_600_000);
        if names[0] == "websocket" {
            first.accept_websocket().await;
            first.write(frame(TEXT, open)).await;
        } else {
            first.answer(open).await;
            first.request().await;
        }
        client.opened().await.unwrap();
        match self {
            Self::Polling | Self::WebSocket => {}
            Self::Posting => {
                client.send("x").await.unwrap();
                second = Some(server.accept().await);
                second.as_mut().unwrap().request().await;
            }
            Self::ProbeAsked | Self::Probing | Self::AfterPong | Self::AfterSwap => {
                let mut probe = server.accept().await;
                if self == Self::ProbeAsked {
                    probe.request().await;
                } else {
                    probe.accept_websocket().await;
                    assert_eq!(probe.frame().await.payload, b"2probe");
                }
                if matches!(self, Self::AfterPong | Self::AfterSwap) {
                    probe.write(frame(TEXT, "3probe")).await;
                    settle(runtime).await;
                }
                if self == Self::AfterSwap {
                    first.write(response("6")).await;
                    assert_eq!(probe.frame().await.payload, b"5");
                }
                second = Some(probe);
            }
            Self::Writing => client.send(vec![7; 1_000_000]).await.unwrap(),
            Self::ClosingPolling => {
                client.close();
                second = Some(server.accept().await);
                second.as_mut().unwrap().request().await;
            }
            Self::ClosingWebSocket => {
                client.close();
                first.frame().await;
            }
        }
        settle(runtime).await;
        Live {
            client,
            server,
            first,
            second,
        }
    }
}

#[test]
fn dropping_a_client_at_any_moment_leaves_no_task_and_no_socket_even_without_answers() {
    under_some_orders(async |runtime| {
        for moment in MOMENTS {
            for elsewhere in [false, true] {
                let live = moment.reach(&runtime).await;
                // A handle is weak: it keeps nothing alive.
                let handle = live.client.handle();
                if elsewhere {
                    drop_elsewhere(live.client);
                } else {
                    drop(live.client);
                }
                let peers = [Some(live.first), live.second].into_iter().flatten();
                let what = format!("{moment:?}");
                // The server listens, but accepts no new connection. If the client opens a connection
                // for its goodbye, the close timeout ends it.
                let server = live.server;
                runtime.sleep(CLOSE_TIMEOUT).await;
                assert!(handle.wait().now_or_never().is_some(), "{what}");
                drop(server);
                is_gone(&runtime, peers, &what).await;
            }
        }
    });
}

#[test]
fn a_runtime_that_ends_at_any_moment_ends_the_session_as_aborted() {
    under_some_orders(async |runtime| {
        for moment in MOMENTS {
            let live = moment.reach(&runtime).await;
            let mut wait = Box::pin(live.client.wait());
            let ended = poll_immediate(&mut wait).await;
            assert!(ended.is_none(), "{moment:?}");
            runtime.abort_tasks();
            let closed = wait.await;
            assert!(matches!(closed.reason(), Reason::Aborted), "{closed}");
            for mut peer in [Some(live.first), live.second].into_iter().flatten() {
                let read = peer.read_to_end().now_or_never();
                assert!(read.is_some(), "{moment:?}");
            }
            assert!(runtime.network().connections().is_empty(), "{moment:?}");
        }
    });
}

/// Rule E43.
#[test]
fn dropping_a_client_sends_the_server_a_goodbye() {
    under_some_orders(async |runtime| {
        for moment in MOMENTS {
            let mut live = moment.reach(&runtime).await;
            let handle = live.client.handle();
            drop_elsewhere(live.client);
            match moment {
                Moment::Polling => {
                    let goodbye = live.server.accept().await.answer("ok").await;
                    assert_eq!(goodbye.body, b"1");
                }
                Moment::Posting => {
                    let mut posts = live.second.unwrap();
                    posts.write(response("ok")).await;
                    assert_eq!(posts.answer("ok").await.body, b"1");
                }
                Moment::ProbeAsked | Moment::Probing | Moment::AfterPong => {
                    let goodbye = live.server.accept().await.answer("ok").await;
                    assert_eq!(goodbye.body, b"1");
                    // The server does not see an upgrade.
                    assert_eq!(live.second.unwrap().read_to_end().await, b"");
                }
                Moment::AfterSwap => says_goodbye(live.second.as_mut().unwrap()).await,
                Moment::WebSocket => says_goodbye(&mut live.first).await,
                Moment::Writing => {
                    assert_eq!(live.first.frame().await.payload.len(), 1_000_000);
                    says_goodbye(&mut live.first).await;
                }
                Moment::ClosingPolling => {
                    live.second.unwrap().write(response("ok")).await;
                }
                Moment::ClosingWebSocket => live.first.write(frame(CLOSE, "")).await,
            }
            let closed = handle.wait().await;
            assert!(closed.is_clean(), "{moment:?}: {closed}");
            settle(&runtime).await;
            assert_eq!(runtime.tasks(), 0, "{moment:?}");
            assert!(!live.server.has_another(), "{moment:?}");
        }
        assert_eq!(runtime.now(), Duration::ZERO);
    });
}

async fn says_goodbye(peer: &mut Peer) {
    let close = peer.frame().await;
    assert_eq!(close.first, FIN | CLOSE);
    peer.write(frame(CLOSE, close.payload)).await;
    assert_eq!(peer.read_to_end().await, b"");
}

/// Polls a future once, and drops it.
async fn give_up<T>(future: impl Future<Output = T>) {
    let mut future = Box::pin(future);
    let ready = poll_immediate(&mut future).await;
    assert!(ready.is_none(), "the future is ready");
}

#[test]
fn dropped_futures_change_nothing_except_that_a_disconnect_goes_on() {
    under_both_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let mut client = builder(&runtime, "http://10.0.0.1")
            .transports(["websocket"])
            .outbox(Capacity {
                messages: 1,
                bytes: usize::MAX,
            })
            .start()
            .unwrap();
        give_up(client.opened()).await;
        give_up(client.send("too early")).await;
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, open_packet(3_600_000, 3_600_000)))
            .await;
        client.opened().await.unwrap();
        let large = Message::from(vec![7; 1_000_000]);
        client.send(large.clone()).await.unwrap();
        let handle = Arc::new(client.handle());
        let theirs = Arc::clone(&handle);
        for _ in 0..100 {
            give_up(client.send("no room")).await;
            give_up(theirs.send("no room")).await;
            give_up(client.flush()).await;
            give_up(client.wait()).await;
            give_up(handle.wait()).await;
            give_up(client.recv()).await;
        }
        assert_eq!(runtime.tasks(), 1, "only the task of the session is left");
        let reading = spawn(&runtime, async move {
            assert_eq!(peer.frame().await.payload.len(), 1_000_000);
            assert_eq!(peer.frame().await.payload, b"4next");
            peer
        });
        client.send("next").await.unwrap();
        client.flush().await.unwrap();
        let mut peer = reading.await;
        give_up(client.disconnect()).await;
        says_goodbye(&mut peer).await;
        assert!(client.wait().await.is_clean());
        drop((client, peer));
        settle(&runtime).await;
        assert_eq!(runtime.tasks(), 0);
        // A handle keeps no connection alive.
        assert!(runtime.network().connections().is_empty());
        drop(handle);
    });
}
