//! A small Socket.IO client on top of Engine.IO, for revision 5 of the protocol of Socket.IO
//! (<https://github.com/socketio/socket.io-protocol>). One connection serves one namespace.

mod packet;

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use engineio_client::{Builder, Client, Closed, Runtime, Transport};
use futures::future::{Either, select};
use serde_json::Value;

pub(crate) use packet::Args;
use packet::{ACK, CONNECT, CONNECT_ERROR, DISCONNECT, Decoder, EVENT, Packet};

/// The time in which the server has to answer CONNECT, and to acknowledge an event.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of events that `emit_with_ack` keeps for `recv`.
const MOST_EVENTS: usize = 1024;

#[derive(Debug)]
pub(crate) enum Error {
    /// The session could not be opened, or it does not accept messages any more.
    EngineIo(engineio_client::Error),
    /// The server does not let this client into the namespace. The value is usually an object with a
    /// `message`, and perhaps with `data`.
    Refused(Value),
    /// The server did not answer within [`ANSWER_TIMEOUT`].
    Timeout,
    /// The server sent something that is not Socket.IO.
    Malformed(&'static str),
    /// The server disconnected this client from the namespace.
    Disconnected,
    /// The session has ended.
    Closed(Closed),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineIo(error) => f.write_str(&error.report()),
            Self::Refused(why) => write!(f, "the server refuses this client: {}", why["message"]),
            Self::Timeout => write!(f, "no answer from the server within {ANSWER_TIMEOUT:?}"),
            Self::Malformed(problem) => write!(f, "malformed packet from the server: {problem}"),
            Self::Disconnected => f.write_str("the server has disconnected this client"),
            Self::Closed(closed) => write!(f, "the session has ended: {closed}"),
        }
    }
}

impl std::error::Error for Error {}

/// An event from the server.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) args: Args,
    /// Present if the server wants an acknowledgement: see [`Socket::ack`].
    pub(crate) id: Option<u64>,
}

/// A client in one namespace. Dropping it closes the session.
pub(crate) struct Socket<T: Transport, R: Runtime> {
    client: Client<T, R>,
    namespace: String,
    decoder: Decoder,
    /// Events that arrived while `emit_with_ack` waited for something else.
    events: VecDeque<Event>,
    next_id: u64,
}

impl<T: Transport, R: Runtime> Socket<T, R> {
    /// Opens a session and connects to a namespace, whose name begins with a slash. `auth` is an object
    /// for the server, or `Null`. The builder must set the path, which is `/socket.io/` by default on
    /// servers.
    pub(crate) async fn connect(
        builder: Builder<T, R>,
        namespace: &str,
        auth: Value,
    ) -> Result<Self, Error> {
        let mut socket = Self {
            client: builder.connect().await.map_err(Error::EngineIo)?,
            namespace: namespace.to_owned(),
            decoder: Decoder::default(),
            events: VecDeque::new(),
            next_id: 0,
        };
        let auth = Args::default().with(auth);
        socket.send(CONNECT, None, auth).await?;
        let answer = socket.answer(|_| true).await?;
        match answer.kind {
            CONNECT => Ok(socket),
            CONNECT_ERROR => Err(Error::Refused(answer.args.get(0).unwrap_or_default())),
            _ => Err(Error::Malformed("it does not answer CONNECT")),
        }
    }

    /// Sends an event. Returns when it is in the outbox; it does not wait for the server.
    pub(crate) async fn emit(&self, name: &str, args: Args) -> Result<(), Error> {
        self.send(EVENT, None, args.named(name)).await
    }

    /// Sends an event, and returns the arguments of its acknowledgement. Events that arrive before it
    /// are kept for `recv`.
    pub(crate) async fn emit_with_ack(&mut self, name: &str, args: Args) -> Result<Args, Error> {
        let id = Some(self.next_id);
        self.next_id += 1;
        self.send(EVENT, id, args.named(name)).await?;
        let is_ack = |packet: &Packet| packet.kind == ACK && packet.id == id;
        Ok(self.answer(is_ack).await?.args)
    }

    /// Receives the next event. Returns an error if no more events can arrive, for example because the
    /// session has ended.
    ///
    /// No event is lost when the future is dropped.
    pub(crate) async fn recv(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let packet = self.next_packet().await?;
            self.keep(packet)?;
        }
    }

    /// Acknowledges an event. Does nothing if the server did not request an acknowledgement.
    pub(crate) async fn ack(&self, event: &Event, args: Args) -> Result<(), Error> {
        match event.id {
            Some(_) => self.send(ACK, event.id, args).await,
            None => Ok(()),
        }
    }

    /// Leaves the namespace and closes the session. Everything that was emitted before is sent first.
    pub(crate) async fn disconnect(self) -> Closed {
        // This fails if the session has ended already.
        let _ = self.send(DISCONNECT, None, Args::default()).await;
        self.client.disconnect().await
    }

    async fn send(&self, kind: u8, id: Option<u64>, args: Args) -> Result<(), Error> {
        let messages = Packet { kind, id, args }.encode(&self.namespace);
        // Sent as one group, so that no other message is sent between a packet and its attachments.
        let sent = self.client.send_all(messages).await;
        sent.map_err(|refused| Error::EngineIo(refused.error))
    }

    /// Waits for the answer to a packet, and keeps the events that arrive before it.
    async fn answer(&mut self, is_answer: impl Fn(&Packet) -> bool) -> Result<Packet, Error> {
        let handle = self.client.handle();
        let search = async {
            loop {
                match self.next_packet().await? {
                    packet if is_answer(&packet) => return Ok(packet),
                    packet => self.keep(packet)?,
                }
            }
        };
        match select(pin!(search), pin!(handle.sleep(ANSWER_TIMEOUT))).await {
            Either::Left((found, _)) => found,
            Either::Right(_) => Err(Error::Timeout),
        }
    }

    async fn next_packet(&mut self) -> Result<Packet, Error> {
        loop {
            let Some(message) = self.client.recv().await else {
                return Err(Error::Closed(self.client.wait().await));
            };
            if let Some(packet) = self.decoder.push(message).map_err(Error::Malformed)? {
                return Ok(packet);
            }
        }
    }

    /// Keeps an event for `recv`. Returns an error if the packet ends the connection or is malformed,
    /// or if too many events are kept.
    fn keep(&mut self, packet: Packet) -> Result<(), Error> {
        let (id, mut args) = (packet.id, packet.args);
        let name = args
            .values
            .first()
            .and_then(Value::as_str)
            .map(str::to_owned);
        match (packet.kind, name) {
            (EVENT, _) if self.events.len() == MOST_EVENTS => Err(Error::Malformed(
                "too many events before an acknowledgement",
            )),
            (EVENT, Some(name)) => {
                args.values.remove(0);
                self.events.push_back(Event { name, args, id });
                Ok(())
            }
            // The acknowledgement belongs to a call of `emit_with_ack` that has timed out or was
            // dropped.
            (ACK, _) => Ok(()),
            (DISCONNECT, _) => {
                self.client.close();
                Err(Error::Disconnected)
            }
            _ => Err(Error::Malformed(
                "an event without a name, or an unexpected type",
            )),
        }
    }
}
