//! The client's methods besides plain sending and receiving, such as `try_recv`, `next_event`, `backlog`,
//! `upgraded` and `spawn`; what errors print; and the code and reason with which the server closes.

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
fn try_recv_returns_received_messages_without_waiting() {
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
fn recv_timeout_returns_a_message_a_timeout_or_the_end_and_loses_nothing() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket(&runtime).await;
        let start = runtime.now();
        let error = client.recv_timeout(Duration::from_secs(3)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(runtime.now() - start, Duration::from_secs(3));
        link.deliver(vec![text("a"), text("b")]);
        settle(&runtime).await;
        // A message that has been received is returned even if there is no time to wait.
        let a = client.recv_timeout(Duration::ZERO).await;
        assert_eq!(a.unwrap(), Message::from("a"));
        assert_eq!(client.recv().await, Some(Message::from("b")));
        link.deliver(vec![Packet::Close]);
        let error = client.recv_timeout(Duration::from_secs(3)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed);
        assert!(runtime.now() - start < Duration::from_secs(6));
    });
}

#[test]
fn next_event_returns_each_event_up_to_the_end() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket(&runtime).await;
        link.deliver(vec![text("a"), Packet::Close]);
        assert!(matches!(
            client.next_event().await,
            Some(Event::Connected(_))
        ));
        assert!(matches!(client.next_event().await, Some(Event::Message(_))));
        assert!(matches!(client.next_event().await, Some(Event::Closed(_))));
        assert!(client.next_event().await.is_none());
    });
}

#[test]
fn errors_of_sending_print_their_reason_once() {
    under_all_orders(async |runtime| {
        let (client, _link) = websocket(&runtime).await;
        client.disconnect().await;
        let refused = client.send("a").await.unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("the message was not sent: "), "{text}");
        assert!(text.ends_with(&refused.error.to_string()), "{text}");
        let refused = client.send_all(["a", "b"]).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("the messages were not sent: "), "{text}");
        let refused = client.send_json(&1).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("the value was not sent: "), "{text}");
        // The reason is part of the text, so a printed chain does not repeat it.
        let source = std::error::Error::source(&refused).map(ToString::to_string);
        assert_ne!(source, Some(refused.error.to_string()));
    });
}

#[test]
fn try_recv_does_not_replace_the_waker_of_a_pending_poll() {
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
fn is_closed_and_backlog_report_the_state_of_the_session() {
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
        assert!(!client.is_closed(), "the close has not finished");
        answer_all(link).await;
        client.wait().await;
        assert!(client.is_closed() && client.handle().is_closed());
    });
}

/// An open session over polling whose server offers an upgrade to WebSocket.
async fn upgradable(runtime: &MockRuntime) -> (MockClient, Servers, MockLink) {
    let (builder, mut servers) = setup(runtime);
    let client = builder.start().unwrap();
    let mut upgraded = Box::pin(client.upgraded());
    assert!(
        is_pending(runtime, &mut upgraded).await,
        "the session is not open yet"
    );
    drop(upgraded);
    let polling = servers.polling.opened().await.accept(Framing::Payloads);
    polling.deliver(vec![Packet::Open(OPEN.into())]);
    client.opened().await.unwrap();
    (client, servers, polling)
}

#[test]
fn upgraded_waits_for_the_upgrade_to_finish() {
    under_all_orders(async |runtime| {
        let (client, mut servers, polling) = upgradable(&runtime).await;
        let mut upgraded = Box::pin(client.upgraded());
        assert!(is_pending(&runtime, &mut upgraded).await);
        let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
        assert_eq!(websocket.sent().await, [Packet::Ping("probe".into())]);
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        settle(&runtime).await;
        assert!(
            is_pending(&runtime, &mut upgraded).await,
            "a poll is running"
        );
        polling.deliver(vec![Packet::Noop]);
        assert_eq!(upgraded.await.unwrap(), "websocket");
        assert_eq!(client.upgraded().await.unwrap(), "websocket");
    });
}

/// Rule E38.
#[test]
fn upgraded_reports_why_the_upgrade_failed() {
    under_all_orders(async |runtime| {
        let (client, mut servers, _polling) = upgradable(&runtime).await;
        let refused = Error::new(ErrorKind::Connect, "refused");
        servers.websocket.opened().await.refuse(refused);
        let error = client.upgraded().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert_eq!(client.transport(), Some("polling"));

        // The session ends before the upgrade has succeeded or failed.
        let (client, _servers, polling) = upgradable(&runtime).await;
        polling.deliver(vec![Packet::Close]);
        let error = client.upgraded().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    });
}

#[test]
fn upgraded_returns_at_once_if_no_upgrade_is_possible() {
    under_all_orders(async |runtime| {
        let (client, _link) = websocket(&runtime).await;
        assert_eq!(client.upgraded().await.unwrap(), "websocket");
        let (client, _link) = polling(&runtime).await;
        assert_eq!(client.upgraded().await.unwrap(), "polling");
    });
}

#[test]
fn an_aborted_task_is_dropped_at_its_await_point() {
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
        assert_eq!(task.await.unwrap(), 7, "the task had already finished");
    });
}

#[test]
fn a_send_error_returns_the_message_but_debug_does_not_show_it() {
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

/// Rule E44.
#[test]
fn the_servers_close_code_and_reason_are_reported() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        link.close_with(PeerClose::new(1009, "too big"));
        let closed = client.wait().await;
        let Reason::Server { close, .. } = closed.reason() else {
            panic!("{closed:?}")
        };
        assert_eq!(*close, Some(PeerClose::new(1009, "too big")));
        assert_eq!(closed.to_string(), "closed by the server (1009: too big)");

        // A close packet carries no code and no reason.
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

/// A transport that reports a close by the peer as an error, and returns the peer's code and reason from
/// `peer_close`.
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

/// Rule E44.
#[test]
fn a_peer_close_behind_a_transport_error_counts_as_closed_by_the_server() {
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

/// A transport with its own URL scheme.
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
fn r16_a_transport_declares_its_url_schemes() {
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

        // `Transports` accepts the schemes of each transport in the list.
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
fn a_shared_trait_object_is_a_runtime() {
    let runtime: Arc<dyn Runtime> = Arc::new(MockRuntime::new());
    let (websocket, _server) = MockTransport::new("websocket");
    let transports = Transports::new().with(websocket);
    let client = Builder::new("http://localhost/", transports, Arc::clone(&runtime))
        .start()
        .unwrap();
    assert_eq!(client.runtime().now(), runtime.now());
}
