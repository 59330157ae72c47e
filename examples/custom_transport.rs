//! A transport of your own: packets over channels, within one process. Below the transport are its
//! server and a test that runs the library's conformance checks for transports.
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (transport, mut connections) = InProcess::new();
    tokio::spawn(async move {
        while let Some(connection) = connections.recv().await {
            tokio::spawn(serve(connection));
        }
    });
    // This transport needs nothing of the URL but its scheme.
    let builder = Builder::new("in-process://server", transport, Tokio::current()?);
    let mut client = builder.connect().await?;
    println!(
        "Connected over {}.",
        client.transport().unwrap_or("no transport")
    );
    for message in [Message::from("hello"), Message::from(vec![1, 2, 3])] {
        client.send(message).await?;
        let echo = client.recv().await.ok_or("the session ended early")?;
        println!("The server echoed {echo:?}.");
    }
    // Time for some heartbeats: the server sends a ping every 100 ms, and the client answers each.
    tokio::time::sleep(Duration::from_millis(250)).await;
    client.send("close").await?;
    let closed = client.wait().await;
    println!("The session has ended: {closed}.");
    match closed.reason() {
        Reason::Server {
            close: Some(close), ..
        } if close.code == 4000 => Ok(()),
        _ => Err("expected a close by the server with code 4000".into()),
    }
}

/// The number of packets that a channel holds. When it is full, the writer waits for the reader.
const CAPACITY: usize = 512;
/// One call of `recv` returns at most this many packets.
const MOST_PACKETS: usize = 256;
/// One call of `recv` takes no further packet once it has this many bytes.
const MOST_BYTES: usize = 64 * 1024;

/// The transport. Each of its links is a pair of channels to the server.
///
/// The methods `schemes`, `confirms` and `peer_close` have defaults and may be left out.
struct InProcess {
    listener: mpsc::Sender<Connection>,
}

/// The server's end of a link.
struct Connection {
    incoming: mpsc::Receiver<Packet>,
    outgoing: mpsc::Sender<Packet>,
    /// The code and reason that the server gives when it closes the connection.
    close: Arc<OnceLock<PeerClose>>,
}

impl InProcess {
    /// Returns the transport, and the connections that the server accepts.
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

    /// The URL schemes that the client accepts. By default these are `http`, `https`, `ws` and `wss`.
    fn schemes(&self) -> Vec<&'static str> {
        vec!["in-process"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, _: OpenRequest) -> Result<Link, Error> {
        let (to_server, incoming) = mpsc::channel(CAPACITY);
        let (outgoing, from_server) = mpsc::channel(CAPACITY);
        let close = Arc::default();
        let connection = Connection {
            incoming,
            outgoing,
            close: Arc::clone(&close),
        };
        match self.listener.send(connection).await {
            // As on WebSocket, each packet is sent as a frame of its own. (Polling joins several
            // packets into a payload.)
            Ok(()) => Ok(Link::new(
                Sender(to_server),
                Receiver(from_server, close),
                Framing::Frames,
            )),
            Err(_) => Err(Error::new(ErrorKind::Connect, "the server has stopped")),
        }
    }
}

struct Sender(mpsc::Sender<Packet>);

#[async_trait]
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        for packet in &batch {
            let sent = self.0.send(packet).await;
            sent.map_err(|_| connection_dropped())?;
        }
        Ok(())
    }

    /// A sent packet may still be in the channel, so this transport cannot confirm that the server has
    /// read it.
    fn confirms(&self) -> Confirms {
        Confirms::Never
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.send(vec![Packet::Close].into()).await?;
        // The server answers the close packet by dropping its end of the channel.
        self.0.closed().await;
        Ok(())
    }
}

struct Receiver(mpsc::Receiver<Packet>, Arc<OnceLock<PeerClose>>);

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        // The channel ends only after every packet in it has been received.
        let first = self.0.recv().await.ok_or_else(connection_dropped)?;
        let mut packets = vec![first];
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

fn connection_dropped() -> Error {
    Error::new(ErrorKind::Ended, "the server has dropped the connection")
}

/// The server: sends the handshake and the pings, and echoes messages until one says `close`.
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
                    Some(Packet::Message(message)) if message.as_text() == Some("close") => {
                        let _ = connection.close.set(PeerClose::new(4000, "as you wish"));
                        break Packet::Close;
                    }
                    Some(Packet::Message(message)) => break Packet::Message(message),
                    Some(Packet::Close) => return println!("The client closes the session."),
                    Some(packet) => println!("The server received {packet:?}."),
                    None => return println!("The client has dropped the connection."),
                },
            }
        };
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use engineio_client::MockRuntime;
    use engineio_client::transports::conformance::{self, Peer};

    use super::*;

    /// The server's side for the conformance checks. It does only what a check asks for.
    struct Server {
        connections: mpsc::Receiver<Connection>,
        connection: Option<Connection>,
    }

    impl Server {
        fn connection(&mut self) -> &mut Connection {
            self.connection.as_mut().expect("a connection is open")
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
                // This fails when the client has closed the connection, which is allowed.
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
    fn the_transport_keeps_the_contract() {
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
