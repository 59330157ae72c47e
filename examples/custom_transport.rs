//! A transport of your own: packets over channels, within one process. The server is in this file,
//! too, and the proof that the transport keeps the contract. Of the methods, `schemes`, `confirms` and
//! `peer_close` have defaults, and may be left out.
//!
//!     cargo run --example custom_transport
//!     cargo test --example custom_transport --features mock

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engineio_client::{
    Batch, Builder, Confirms, Error, ErrorKind, Framing, Link, Message, OpenRequest, Packet,
    PacketReceiver, PacketSender, PeerClose, Reason, Runtime, Tokio, Transport, async_trait,
};
use tokio::sync::mpsc;

/// How many packets wait in either direction. A bound is what lets a slow reader slow down a quick
/// writer.
const CAPACITY: usize = 512;
/// A call of `recv` returns at most so many packets, and so many bytes beyond the first.
const MOST_PACKETS: usize = 256;
const MOST_BYTES: usize = 64 * 1024;

/// The client's side: each link is a pair of channels.
struct InProcess {
    listener: mpsc::Sender<Connection>,
}

/// The server's side of a link.
struct Connection {
    incoming: mpsc::Receiver<Packet>,
    outgoing: mpsc::Sender<Packet>,
    /// What the server says when it closes the connection.
    last_words: Arc<OnceLock<PeerClose>>,
}

impl InProcess {
    fn new() -> (Self, mpsc::Receiver<Connection>) {
        let (listener, connections) = mpsc::channel(16);
        (Self { listener }, connections)
    }
}

#[async_trait]
impl Transport for InProcess {
    fn name(&self) -> &'static str {
        "in-process"
    }

    /// Others than `http` and the like, which are the default.
    fn schemes(&self) -> Vec<&'static str> {
        vec!["in-process"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, _: OpenRequest) -> Result<Link, Error> {
        let (to_server, incoming) = mpsc::channel(CAPACITY);
        let (outgoing, from_server) = mpsc::channel(CAPACITY);
        let last_words = Arc::default();
        let connection = Connection {
            incoming,
            outgoing,
            last_words: Arc::clone(&last_words),
        };
        match self.listener.send(connection).await {
            // Each packet is on its own here, as on websocket: nothing is joined to payloads.
            Ok(()) => Ok(Link::new(
                Sender(to_server),
                Receiver(from_server, last_words),
                Framing::Frames,
            )),
            Err(_) => Err(Error::new(ErrorKind::Connect, "the server has gone")),
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Ended, "the server has dropped the connection")
}

struct Sender(mpsc::Sender<Packet>);

#[async_trait]
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        for packet in &batch {
            let sent = self.0.send(packet).await;
            sent.map_err(|_| ended())?;
        }
        Ok(())
    }

    /// A channel takes a packet in whether the server ever looks at it or not.
    fn confirms(&self) -> Confirms {
        Confirms::Never
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.send(vec![Packet::Close].into()).await?;
        // The server answers by closing its end.
        self.0.closed().await;
        Ok(())
    }
}

struct Receiver(mpsc::Receiver<Packet>, Arc<OnceLock<PeerClose>>);

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        // Packets that are there come before the end of the channel.
        let mut packets = vec![self.0.recv().await.ok_or_else(ended)?];
        let mut bytes = 0;
        while packets.len() < MOST_PACKETS
            && bytes < MOST_BYTES
            && let Ok(packet) = self.0.try_recv()
        {
            if let Packet::Message(message) = &packet {
                bytes += message.len();
            }
            packets.push(packet);
        }
        Ok(packets)
    }

    fn peer_close(&self) -> Option<PeerClose> {
        self.1.get().cloned()
    }
}

/// A server: the handshake, a heartbeat, and an echo, until it is told to go.
async fn serve(mut connection: Connection) {
    let open = r#"{"sid":"1","upgrades":[],"pingInterval":100,"pingTimeout":1000}"#;
    let mut pings = tokio::time::interval(Duration::from_millis(100));
    let mut answer = Packet::Open(open.into());
    loop {
        let is_last = answer == Packet::Close;
        if connection.outgoing.send(answer).await.is_err() || is_last {
            return;
        }
        answer = loop {
            tokio::select! {
                _ = pings.tick() => break Packet::Ping("".into()),
                packet = connection.incoming.recv() => match packet {
                    Some(Packet::Message(message)) if message.as_text() == Some("go") => {
                        let words = PeerClose::new(4000, "as you wish");
                        let _ = connection.last_words.set(words);
                        break Packet::Close;
                    }
                    Some(Packet::Message(message)) => break Packet::Message(message),
                    Some(Packet::Close) => return println!("The client says goodbye."),
                    Some(packet) => println!("The client sends {packet:?}."),
                    None => return println!("The client has gone without a goodbye."),
                },
            }
        };
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (transport, mut connections) = InProcess::new();
    tokio::spawn(async move {
        while let Some(connection) = connections.recv().await {
            tokio::spawn(serve(connection));
        }
    });
    // The URL goes to the transport, which has no use for more than its scheme.
    let builder = Builder::new("in-process://server", transport, Tokio::current()?);
    let mut client = builder.connect().await?;
    println!("Connected by {:?}.", client.transport());
    for message in [Message::from("hello"), Message::from(vec![1, 2, 3])] {
        client.send(message).await?;
        println!("The server echoes {:?}.", client.recv().await);
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    client.send("go").await?;
    let closed = client.wait().await;
    println!("The session is over: {closed}.");
    match closed.reason() {
        Reason::Server {
            close: Some(close), ..
        } if close.code == 4000 => Ok(()),
        _ => Err("it did not end well".into()),
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use engineio_client::MockRuntime;
    use engineio_client::transports::conformance::{self, Peer};

    use super::*;

    struct Server {
        connections: mpsc::Receiver<Connection>,
        connection: Option<Connection>,
    }

    impl Server {
        fn connection(&mut self) -> &mut Connection {
            self.connection.as_mut().expect("accepted, and not cut")
        }
    }

    #[async_trait]
    impl Peer for Server {
        async fn accept(&mut self) {
            self.connection = self.connections.recv().await;
        }

        async fn receive(&mut self) -> Vec<Packet> {
            let packet = self.connection().incoming.recv().await;
            if packet == Some(Packet::Close) {
                self.connection().incoming.close();
            }
            Vec::from_iter(packet)
        }

        async fn send(&mut self, packets: Vec<Packet>) {
            for packet in packets {
                // A client that has gone is no fault of the server.
                let _ = self.connection().outgoing.send(packet).await;
            }
        }

        async fn close(&mut self) {
            self.send(vec![Packet::Close]).await;
        }

        async fn cut(&mut self) {
            self.connection = None;
        }
    }

    #[test]
    fn it_keeps_the_contract() {
        let runtime = MockRuntime::new();
        let setup = async || {
            let (transport, connections) = InProcess::new();
            let server = Server {
                connections,
                connection: None,
            };
            (transport, server)
        };
        let checked = runtime.block_on(conformance::check(runtime.clone(), setup));
        checked.unwrap();
    }
}
