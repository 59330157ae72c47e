//! What a program asks of a session beside sending and receiving.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use engineio_client::{Backlog, PeerClose};
use futures::Stream;

use super::*;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn try_recv_gives_what_has_come_and_waits_for_nothing() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket(&runtime).await;
        assert_eq!(client.try_recv().unwrap(), None);
        link.deliver(vec![text("a"), text("b")]);
        settle(&runtime).await;
        assert_eq!(client.try_recv().unwrap(), Some(Message::from("a")));
        assert_eq!(client.recv().await, Some(Message::from("b")));
        assert_eq!(client.try_recv().unwrap(), None);
        link.deliver(vec![text("c"), Packet::Close]);
        client.wait().await;
        assert_eq!(client.try_recv().unwrap(), Some(Message::from("c")));
        assert_eq!(client.try_recv().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.recv().await, None);
    });
}

#[test]
fn try_recv_takes_the_waker_of_nobody_who_waits() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket(&runtime).await;
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        while Pin::new(&mut client).poll_next(&mut cx).is_ready() {}
        assert_eq!(client.try_recv().unwrap(), None);
        link.deliver(vec![text("a")]);
        settle(&runtime).await;
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        let polled = Pin::new(&mut client).poll_next(&mut cx);
        assert!(matches!(polled, Poll::Ready(Some(Event::Message(_)))));
    });
}

#[test]
fn a_session_tells_whether_it_has_ended_and_what_is_on_its_way() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket(&runtime).await;
        assert_eq!(client.backlog(), Backlog::default());
        client.try_send("four").unwrap();
        client.try_send(vec![0; 6]).unwrap();
        let backlog = client.backlog();
        assert_eq!((backlog.messages, backlog.bytes), (2, 10));
        link.sent().await;
        settle(&runtime).await;
        assert_eq!(client.handle().backlog(), Backlog::default());
        assert!(!client.is_closed());
        client.close();
        assert!(!client.is_closed(), "it is closing");
        answer_all(link).await;
        client.wait().await;
        assert!(client.is_closed() && client.handle().is_closed());
    });
}

/// A session on polling, whose server offers to go over to the websocket.
async fn upgradable(runtime: &MockRuntime) -> (MockClient, Servers, MockLink) {
    let (builder, mut servers) = setup(runtime);
    let client = builder.start().unwrap();
    let mut upgraded = Box::pin(client.upgraded());
    assert!(waits(runtime, &mut upgraded).await, "it is not open");
    drop(upgraded);
    let polling = servers.polling.opened().await.accept(Framing::Payloads);
    polling.deliver(vec![Packet::Open(OPEN.into())]);
    client.opened().await.unwrap();
    (client, servers, polling)
}

#[test]
fn upgraded_waits_for_the_better_transport() {
    under_all_orders(async |runtime| {
        let (client, mut servers, polling) = upgradable(&runtime).await;
        let mut upgraded = Box::pin(client.upgraded());
        assert!(waits(&runtime, &mut upgraded).await);
        let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
        assert_eq!(websocket.sent().await, [Packet::Ping("probe".into())]);
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        settle(&runtime).await;
        assert!(waits(&runtime, &mut upgraded).await, "a poll is under way");
        polling.deliver(vec![Packet::Noop]);
        assert_eq!(upgraded.await.unwrap(), "websocket");
        assert_eq!(client.upgraded().await.unwrap(), "websocket", "again");
    });
}

#[test]
fn upgraded_tells_why_there_was_none() {
    under_all_orders(async |runtime| {
        let (client, mut servers, _polling) = upgradable(&runtime).await;
        let refused = Error::new(ErrorKind::Connect, "refused");
        servers.websocket.opened().await.refuse(refused);
        let error = client.upgraded().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert_eq!(client.transport(), Some("polling"));

        // The session ends before it is known.
        let (client, _servers, polling) = upgradable(&runtime).await;
        polling.deliver(vec![Packet::Close]);
        let error = client.upgraded().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    });
}

#[test]
fn upgraded_returns_at_once_where_there_is_nothing_better() {
    under_all_orders(async |runtime| {
        let (client, _link) = websocket(&runtime).await;
        assert_eq!(client.upgraded().await.unwrap(), "websocket");
        let (client, _link) = polling(&runtime).await;
        assert_eq!(client.upgraded().await.unwrap(), "polling");
    });
}

#[test]
fn a_task_that_is_aborted_is_dropped_where_it_waits() {
    under_all_orders(async |runtime| {
        let (client, _link) = websocket(&runtime).await;
        let (kept, dropped) = futures::channel::oneshot::channel::<()>();
        let task = client.spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        settle(&runtime).await;
        task.abort();
        assert_eq!(task.await.unwrap_err().kind(), ErrorKind::Aborted);
        assert!(dropped.await.is_err());
        let task = client.spawn(async { 7 });
        settle(&runtime).await;
        task.abort();
        assert_eq!(task.await.unwrap(), 7, "it had ended");
    });
}

#[test]
fn what_was_not_sent_comes_back_and_debug_does_not_show_it() {
    under_all_orders(async |runtime| {
        let (client, _link) = websocket(&runtime).await;
        client.close();
        let error = client.send("secret").await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.contains("text of 6 bytes"), "{shown}");
        assert!(!shown.contains("secret"));
        let error = client.send(vec![115; 3]).await.unwrap_err();
        assert!(format!("{error:?}").contains("binary of 3 bytes"));
        let error = client.send_json("secret").await.unwrap_err();
        assert_eq!(error.message, Some(Message::from("\"secret\"")));
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(!format!("{error:?}").contains("secret"));
        let unkeyed = std::collections::BTreeMap::from([(vec![1], 1)]);
        let error = client.send_json(&unkeyed).await.unwrap_err();
        assert_eq!(
            (error.message, error.error.kind()),
            (None, ErrorKind::Invalid)
        );
    });
}

#[test]
fn what_the_server_said_as_it_closed_is_told_with_the_reason() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        link.close_with(PeerClose::new(1009, "too big"));
        let closed = client.wait().await;
        let Reason::Server { close, .. } = closed.reason() else {
            panic!("{closed:?}")
        };
        assert_eq!(*close, Some(PeerClose::new(1009, "too big")));
        assert_eq!(closed.to_string(), "closed by the server (1009: too big)");

        // A close packet has no words.
        let (client, link) = websocket(&runtime).await;
        link.deliver(vec![Packet::Close]);
        let closed = client.wait().await;
        assert!(matches!(
            closed.reason(),
            Reason::Server { close: None, .. }
        ));
        assert_eq!(closed.to_string(), "closed by the server");
    });
}

/// A transport whose library reports a close as an error, and has kept what the server said.
struct ClosesByError;

struct Half(Vec<Packet>);

#[engineio_client::async_trait]
impl engineio_client::Transport for ClosesByError {
    fn name(&self) -> &'static str {
        "websocket"
    }

    async fn open(
        &self,
        _: &Arc<dyn Runtime>,
        _: engineio_client::OpenRequest,
    ) -> Result<engineio_client::Link, Error> {
        let open = vec![Packet::Open(OPEN.into())];
        Ok(engineio_client::Link::new(
            Half(Vec::new()),
            Half(open),
            Framing::Frames,
        ))
    }
}

#[engineio_client::async_trait]
impl engineio_client::PacketSender for Half {
    async fn send(&mut self, _: Batch) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[engineio_client::async_trait]
impl engineio_client::PacketReceiver for Half {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        match std::mem::take(&mut self.0) {
            packets if packets.is_empty() => Err(Error::new(ErrorKind::Ended, "closed")),
            packets => Ok(packets),
        }
    }

    fn peer_close(&self) -> Option<PeerClose> {
        Some(PeerClose::new(1012, "restarting"))
    }
}

#[test]
fn a_close_that_a_transport_reports_as_an_error_is_the_servers_all_the_same() {
    under_all_orders(async |runtime| {
        let transports = Transports::new().with(ClosesByError);
        let builder = Builder::new("http://localhost/", transports, runtime.clone());
        let client = builder.connect().await.unwrap();
        let closed = client.wait().await;
        assert_eq!(
            closed.to_string(),
            "closed by the server (1012: restarting)"
        );
    });
}

/// A transport for URLs of its own.
pub(super) struct Pigeons(pub(super) MockTransport);

#[engineio_client::async_trait]
impl engineio_client::Transport for Pigeons {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec!["pigeon"]
    }

    async fn open(
        &self,
        runtime: &Arc<dyn Runtime>,
        request: engineio_client::OpenRequest,
    ) -> Result<engineio_client::Link, Error> {
        self.0.open(runtime, request).await
    }
}

#[test]
fn r16_a_transport_says_which_schemes_it_takes() {
    under_all_orders(async |runtime| {
        let (pigeons, mut server) = MockTransport::new("pigeons");
        let builder = Builder::new("pigeon://loft:7/a?b=1", Pigeons(pigeons), runtime.clone());
        let _client = builder.start().unwrap();
        let open = server.opened().await;
        assert_eq!(open.request.url.as_str(), "pigeon://loft:7/a/");
        assert_eq!(open.request.query, "b=1");

        let (pigeons, _server) = MockTransport::new("pigeons");
        let builder = Builder::new("http://loft/", Pigeons(pigeons), runtime.clone());
        let error = builder.start().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("pigeon"), "{error}");

        // A list takes what one of its own does.
        let (pigeons, mut server) = MockTransport::new("pigeons");
        let (other, _other) = MockTransport::new("other");
        let list = Transports::new().with(other).with(Pigeons(pigeons));
        for url in ["pigeon://loft", "https://loft"] {
            let builder = Builder::new(url, list.clone(), runtime.clone());
            let _client = builder.transports(["pigeons"]).start().unwrap();
            drop(server.opened().await);
        }
    });
}

#[test]
fn a_runtime_may_be_shared_whatever_its_type() {
    let runtime: Arc<dyn Runtime> = Arc::new(MockRuntime::new());
    let (websocket, _server) = MockTransport::new("websocket");
    let transports = Transports::new().with(websocket);
    let client = Builder::new("http://localhost/", transports, Arc::clone(&runtime))
        .start()
        .unwrap();
    assert_eq!(client.runtime().now(), runtime.now());
}
