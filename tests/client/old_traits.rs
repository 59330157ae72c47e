//! Custom transports and runtimes that only implement the required methods of the traits. Every method
//! that was added to a trait since the first version needs a default, so that such implementations still
//! compile and work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{
    Batch, Confirms, Link, OpenRequest, PacketReceiver, PacketSender, Runtime, Transport,
    async_trait,
};
use futures::channel::mpsc;
use futures::future::BoxFuture;

use super::*;

/// A transport with only the required methods.
struct Plain(mpsc::Sender<mpsc::Sender<Packet>>);

struct PlainSender(mpsc::Sender<Packet>);

struct PlainReceiver(mpsc::Receiver<Packet>);

#[async_trait]
impl Transport for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    async fn open(&self, _: &Arc<dyn Runtime>, _: OpenRequest) -> Result<Link, Error> {
        let (echo, packets) = mpsc::channel(16);
        self.0.clone().try_send(echo.clone()).expect("a server");
        Ok(Link::new(
            PlainSender(echo),
            PlainReceiver(packets),
            Framing::Frames,
        ))
    }
}

#[async_trait]
impl PacketSender for PlainSender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        for packet in &batch {
            self.0.try_send(packet.clone()).expect("a receiver");
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.send(vec![Packet::Close].into()).await
    }
}

#[async_trait]
impl PacketReceiver for PlainReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let packet = self.0.next().await;
        let ended = || Error::new(ErrorKind::Ended, "no server");
        packet.map(|packet| vec![packet]).ok_or_else(ended)
    }
}

/// A runtime with only the required methods, which forwards to a `MockRuntime`.
struct Forwarding(MockRuntime);

#[async_trait]
impl Runtime for Forwarding {
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
        Runtime::random(&self.0)
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        self.0.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> std::io::Result<BoxedStream> {
        self.0.connect(address).await
    }
}

#[test]
fn a_transport_and_a_runtime_with_only_the_original_methods_serve_a_session() {
    under_all_orders(async |runtime| {
        let (servers, mut links) = mpsc::channel(16);
        let builder = Builder::new("http://localhost/", Plain(servers), Forwarding(runtime));
        let mut client = builder.start().unwrap();
        let mut server = links.next().await.unwrap();
        server
            .try_send(Packet::Open(OPEN.into()))
            .expect("a client");
        client.opened().await.unwrap();
        client.send("echo").await.unwrap();
        assert_eq!(client.recv().await, Some(Message::from("echo")));
        let closed = client.disconnect().await;
        assert!(matches!(closed.reason(), Reason::Client), "{closed}");
    });
}

#[test]
fn a_packet_sender_confirms_nothing_by_default() {
    let (echo, _packets) = mpsc::channel(16);
    assert_eq!(PlainSender(echo).confirms(), Confirms::Never);
}

/// A receiver whose last packet only becomes ready after `Runtime::catch_up`, without waking the driver.
struct Late {
    packets: Vec<Packet>,
    caught_up: Arc<AtomicBool>,
}

#[async_trait]
impl PacketReceiver for Late {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        if let Some(packet) = self.packets.pop() {
            let is_first = self.packets.len() == 1;
            futures::future::poll_fn(|_| {
                if is_first || self.caught_up.swap(false, Ordering::SeqCst) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            return Ok(vec![packet]);
        }
        futures::future::pending().await
    }
}

struct LateTransport(Arc<AtomicBool>);

#[async_trait]
impl Transport for LateTransport {
    fn name(&self) -> &'static str {
        "late"
    }

    async fn open(&self, _: &Arc<dyn Runtime>, _: OpenRequest) -> Result<Link, Error> {
        let (echo, _) = mpsc::channel(16);
        let receiver = Late {
            packets: vec![text("in time"), Packet::Open(OPEN.into())],
            caught_up: Arc::clone(&self.0),
        };
        Ok(Link::new(PlainSender(echo), receiver, Framing::Frames))
    }
}

/// A runtime on which a sleep of zero length is ready at once, and which only polls its connections in
/// `catch_up`.
struct Lazy {
    runtime: MockRuntime,
    caught_up: Arc<AtomicBool>,
}

#[async_trait]
impl Runtime for Lazy {
    fn now(&self) -> Duration {
        self.runtime.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        self.runtime.sleep(duration)
    }

    fn catch_up(&self) -> BoxFuture<'static, ()> {
        let (sleep, caught_up) = (
            self.runtime.sleep(Duration::from_millis(1)),
            Arc::clone(&self.caught_up),
        );
        Box::pin(async move {
            sleep.await;
            caught_up.store(true, Ordering::SeqCst);
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn random(&self) -> u64 {
        0
    }

    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> std::io::Result<BoxedStream> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// The driver has to await `catch_up` and then poll the link once more before it lets the heartbeat
/// deadline expire: no waker notifies the driver of the packet.
#[test]
fn the_runtime_catches_up_and_the_link_is_polled_before_a_deadline_expires() {
    under_all_orders(async |runtime| {
        let caught_up = Arc::new(AtomicBool::new(false));
        let lazy = Lazy {
            runtime: runtime.clone(),
            caught_up: Arc::clone(&caught_up),
        };
        let builder = Builder::new("http://localhost/", LateTransport(caught_up), lazy);
        let mut client = builder.start().unwrap();
        client.opened().await.unwrap();
        assert_eq!(client.recv().await, Some(Message::from("in time")));
        // Nothing else arrives, so the next deadline ends the session.
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
    });
}
