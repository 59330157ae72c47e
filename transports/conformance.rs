//! Proof that a transport keeps the contract that the client relies on: for the tests of a transport
//! of your own.
//!
//! You write the other side of a link, a [`Peer`], and [`check`] runs each [`Check`] on a link of its
//! own. Those that fail come back by name, with the reason.
//!
//! ```
//! use engineio_client::transports::conformance::{self, Peer};
//! use engineio_client::transports::mock::{Call, MockEnd, MockLink, MockTransport};
//! use engineio_client::{Error, ErrorKind, Framing, MockRuntime, Packet, async_trait};
//!
//! /// The other side of the transport under test, which here is the mock transport.
//! struct Script(MockEnd, Option<MockLink>);
//!
//! #[async_trait]
//! impl Peer for Script {
//!     async fn accept(&mut self) {
//!         self.1 = Some(self.0.opened().await.accept(Framing::Payloads));
//!     }
//!
//!     async fn receive(&mut self) -> Vec<Packet> {
//!         let Some(link) = &mut self.1 else { return Vec::new() };
//!         match link.call().await {
//!             Call::Send(batch, answer) => {
//!                 answer.ok();
//!                 batch.to_vec()
//!             }
//!             Call::Close(answer) => {
//!                 answer.ok();
//!                 vec![Packet::Close]
//!             }
//!             Call::Dropped => Vec::new(),
//!         }
//!     }
//!
//!     async fn send(&mut self, packets: Vec<Packet>) {
//!         if let Some(link) = &mut self.1 {
//!             link.receiving().await;
//!             link.deliver(packets);
//!         }
//!     }
//!
//!     async fn close(&mut self) {
//!         self.send(vec![Packet::Close]).await;
//!     }
//!
//!     async fn cut(&mut self) {
//!         if let Some(link) = &mut self.1 {
//!             link.fail_recv(Error::new(ErrorKind::Ended, "cut"));
//!         }
//!     }
//! }
//!
//! let runtime = MockRuntime::new();
//! let setup = async || {
//!     let (transport, end) = MockTransport::new("mine");
//!     (transport, Script(end, None))
//! };
//! runtime.block_on(conformance::check(runtime.clone(), setup)).unwrap();
//! ```

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::{
    Activity, Batch, ErrorKind, Framing, Link, Message, OpenRequest, Packet, Runtime, Transport,
    async_trait,
};
use futures::channel::oneshot;
use futures::future::{Either, select, try_join};

/// The other side of a link: what a server would be, without a protocol. A new one is made for each
/// check; once it is dropped, nobody is there any more for the transport to reach.
///
/// The module's page has an example.
#[async_trait]
pub trait Peer: Send {
    /// What the transport is to open. By default `http://localhost/engine.io/`.
    fn url(&self) -> String {
        "http://localhost/engine.io/".into()
    }

    /// Waits until a client is there: it has connected, or made its first exchange. Called once,
    /// before the others.
    async fn accept(&mut self);

    /// Waits for packets from the client, and takes them: on a link of payloads those of one
    /// exchange, which it answers. A goodbye is [`Packet::Close`], which it answers, too, as a
    /// server does. Empty when the client has gone.
    async fn receive(&mut self) -> Vec<Packet>;

    /// Sends packets in one go: on a link of payloads in answer to one poll, for which it waits. On
    /// a link of frames it waits for the client only where the link holds no more; 300 packets must
    /// fit, and 32 KiB.
    async fn send(&mut self, packets: Vec<Packet>);

    /// Ends the link cleanly, in the transport's own way.
    async fn close(&mut self);

    /// Ends the link as a failing network does. On a link of payloads, in the middle of a poll.
    async fn cut(&mut self);
}

/// What is checked.
///
/// ```
/// use engineio_client::transports::conformance::Check;
///
/// for check in Check::ALL {
///     println!("{check}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Nothing happens before `open`.
    LazyBeforeOpen,
    /// Nothing is received between calls: no poll is made, and no queue is filled without a bound.
    LazyBetweenCalls,
    /// What is sent arrives as it was, in order, when `send` has returned.
    OrderOfSent,
    /// What is received is what was sent, in order.
    OrderOfReceived,
    /// On a link of payloads, a batch is one exchange, and a payload is one batch.
    OneExchange,
    /// On a link of frames, a call of `recv` brings at least one packet, and at most 256 of them or
    /// 64 KiB beyond the first.
    Bounds,
    /// A call of `recv` brings what is ready.
    Ready,
    /// Empty messages, text and binary, arrive as such, both ways.
    EmptyMessages,
    /// Messages of a megabyte arrive whole, both ways.
    LargeMessages,
    /// A batch is sent while a call of `recv` waits.
    BothHalves,
    /// A clean end is [`Packet::Close`], behind what was sent before.
    CleanEnd,
    /// An end without a goodbye is an error of the kind [`Ended`](ErrorKind::Ended).
    UncleanEnd,
    /// Packets that came before an error are returned before it.
    PacketsBeforeError,
    /// The goodbye comes behind all that was sent, and `close` returns once it is answered.
    CloseFlushes,
    /// A link that is dropped says no goodbye, which would end the session that another link
    /// carries on. On a link of frames the peer notices it.
    SilentDrop,
    /// Where nobody is, opening fails, or the first call of `recv`: with an error of a kind after
    /// which another transport may be tried.
    NobodyThere,
}

impl Check {
    /// All of them, in the order in which they are made.
    ///
    /// ```
    /// use engineio_client::transports::conformance::Check;
    ///
    /// assert!(Check::ALL.contains(&Check::CloseFlushes));
    /// ```
    pub const ALL: &[Self] = &[
        Self::LazyBeforeOpen,
        Self::LazyBetweenCalls,
        Self::OrderOfSent,
        Self::OrderOfReceived,
        Self::OneExchange,
        Self::Bounds,
        Self::Ready,
        Self::EmptyMessages,
        Self::LargeMessages,
        Self::BothHalves,
        Self::CleanEnd,
        Self::UncleanEnd,
        Self::PacketsBeforeError,
        Self::CloseFlushes,
        Self::SilentDrop,
        Self::NobodyThere,
    ];
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LazyBeforeOpen => "lazy before open",
            Self::LazyBetweenCalls => "lazy between calls",
            Self::OrderOfSent => "order of what is sent",
            Self::OrderOfReceived => "order of what is received",
            Self::OneExchange => "one call, one exchange",
            Self::Bounds => "bounds of a call",
            Self::Ready => "what is ready",
            Self::EmptyMessages => "empty messages",
            Self::LargeMessages => "large messages",
            Self::BothHalves => "both halves at once",
            Self::CleanEnd => "clean end",
            Self::UncleanEnd => "unclean end",
            Self::PacketsBeforeError => "packets before an error",
            Self::CloseFlushes => "close flushes",
            Self::SilentDrop => "drop without a goodbye",
            Self::NobodyThere => "nobody there",
        })
    }
}

/// A check that failed.
///
/// ```
/// use engineio_client::transports::conformance::Failure;
///
/// fn print(failures: &[Failure]) {
///     for failure in failures {
///         println!("{failure}");
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Which one.
    pub check: Check,
    /// What happened instead.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.reason)
    }
}

/// As `Display`, so that an `unwrap` can be read.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// A check that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10);
/// How long it takes to believe that nothing happens.
const WHILE: Duration = Duration::from_millis(500);
/// What a transport may take in between two calls, and a socket hold: far more than any does.
const MOST_BETWEEN_CALLS: usize = 64 * 1024 * 1024;
const MOST_PACKETS: usize = 256;
const MOST_BYTES: usize = 64 * 1024;

/// Makes all checks, each with a transport and a peer of its own.
///
/// On a [`MockRuntime`](engineio_client::MockRuntime) that takes no time; on a runtime with real
/// time some seconds.
///
/// # Errors
///
/// The checks that failed.
///
/// ```no_run
/// use engineio_client::Tokio;
/// use engineio_client::transports::conformance::{self, Peer};
/// # use engineio_client::transports::{Transports, conformance as c};
/// # type MyTransport = Transports;
/// # async fn setup() -> (MyTransport, Box<dyn Peer>) { unimplemented!() }
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// conformance::check(Tokio::current()?, setup).await.unwrap();
/// # Ok(())
/// # }
/// ```
pub async fn check<T: Transport, P: Peer>(
    runtime: impl Runtime,
    mut setup: impl AsyncFnMut() -> (T, P),
) -> Result<(), Vec<Failure>> {
    let runtime: Arc<dyn Runtime> = Arc::new(runtime);
    let mut failures = Vec::new();
    for check in Check::ALL {
        let (transport, peer) = setup().await;
        let case = Case {
            runtime: Arc::clone(&runtime),
            transport,
            peer,
            framing: Cell::new(None),
        };
        let outcome = match select(pin!(case.run(*check)), runtime.sleep(LIMIT)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(format!("it hangs: not done after {} s", LIMIT.as_secs())),
        };
        if let Err(reason) = outcome {
            failures.push(Failure {
                check: *check,
                reason,
            });
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}

#[async_trait]
impl<P: Peer + ?Sized> Peer for Box<P> {
    fn url(&self) -> String {
        (**self).url()
    }

    async fn accept(&mut self) {
        (**self).accept().await;
    }

    async fn receive(&mut self) -> Vec<Packet> {
        (**self).receive().await
    }

    async fn send(&mut self, packets: Vec<Packet>) {
        (**self).send(packets).await;
    }

    async fn close(&mut self) {
        (**self).close().await;
    }

    async fn cut(&mut self) {
        (**self).cut().await;
    }
}

type Outcome = Result<(), String>;

struct Case<T, P> {
    runtime: Arc<dyn Runtime>,
    transport: T,
    peer: P,
    framing: Cell<Option<Framing>>,
}

impl<T: Transport, P: Peer> Case<T, P> {
    async fn run(self, check: Check) -> Outcome {
        match check {
            Check::LazyBeforeOpen => self.lazy_before_open().await,
            Check::LazyBetweenCalls => self.lazy_between_calls().await,
            Check::OrderOfSent => self.sent(vec![all_kinds(), all_kinds()]).await,
            Check::OrderOfReceived => self.received(vec![all_kinds(), all_kinds()]).await,
            Check::OneExchange => self.one_exchange().await,
            Check::Bounds => self.bounds().await,
            Check::Ready => self.ready().await,
            Check::EmptyMessages => self.both_ways(&empty()).await,
            Check::LargeMessages => self.both_ways(&large()).await,
            Check::BothHalves => self.both_halves().await,
            Check::CleanEnd => self.clean_end().await,
            Check::UncleanEnd => self.unclean_end().await,
            Check::PacketsBeforeError => self.packets_before_error().await,
            Check::CloseFlushes => self.close_flushes().await,
            Check::SilentDrop => self.silent_drop().await,
            Check::NobodyThere => self.nobody_there().await,
        }
    }

    fn request(&self) -> Result<OpenRequest, String> {
        let url = self.peer.url().parse();
        let url = url.map_err(|error| format!("the peer's URL is none: {error}"))?;
        let activity = Activity::new(Arc::clone(&self.runtime));
        Ok(OpenRequest::new(self.transport.name(), url, activity))
    }

    /// Runs both sides of a link at once, until both are done or one fails.
    async fn with(
        self,
        client: impl AsyncFnOnce(&mut Link) -> Outcome,
        peer: impl AsyncFnOnce(&mut P, &Cell<Option<Framing>>) -> Outcome,
    ) -> Outcome {
        self.with_links_of(&[Framing::Payloads, Framing::Frames], client, peer)
            .await
    }

    /// The same, but that there is nothing to check on links of another framing.
    async fn with_links_of(
        mut self,
        framings: &[Framing],
        client: impl AsyncFnOnce(&mut Link) -> Outcome,
        peer: impl AsyncFnOnce(&mut P, &Cell<Option<Framing>>) -> Outcome,
    ) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer: the_peer,
            framing,
        } = &mut self;
        let client = async {
            let mut link = open(transport, runtime, request).await?;
            framing.set(Some(link.framing));
            if !framings.contains(&link.framing) {
                return Err(String::new());
            }
            client(&mut link).await?;
            Ok(link)
        };
        let peer = async {
            the_peer.accept().await;
            peer(the_peer, framing).await
        };
        // The link lives until both are done.
        let outcome = try_join(client, peer).await.map(drop);
        match framing.get() {
            Some(framing) if !framings.contains(&framing) => Ok(()),
            _ => outcome,
        }
    }

    async fn lazy_before_open(mut self) -> Outcome {
        let sleep = self.runtime.sleep(WHILE);
        match select(self.peer.accept(), sleep).await {
            Either::Left(_) => Err("the peer was contacted before open was called".into()),
            Either::Right(_) => Ok(()),
        }
    }

    async fn lazy_between_calls(self) -> Outcome {
        let sleep = {
            let runtime = Arc::clone(&self.runtime);
            move || runtime.sleep(WHILE)
        };
        let wait = sleep.clone();
        let first = text("first");
        let expected = vec![first.clone()];
        let (tell, told) = oneshot::channel();
        self.with(
            async move |link| {
                receive(link, &expected).await?;
                let _ = tell.send(());
                wait().await;
                Ok(())
            },
            async move |peer, framing| {
                peer.send(vec![first]).await;
                let _ = told.await;
                let large = text(&"x".repeat(64 * 1024));
                let flood = async {
                    let mut taken = 0;
                    while taken < MOST_BETWEEN_CALLS {
                        peer.send(vec![large.clone()]).await;
                        taken += 64 * 1024;
                        if framing.get() == Some(Framing::Payloads) {
                            break;
                        }
                    }
                    taken
                };
                match select(pin!(flood), sleep()).await {
                    Either::Right(_) => Ok(()),
                    Either::Left((taken, _)) => {
                        Err(format!("{taken} bytes were taken while nobody called recv"))
                    }
                }
            },
        )
        .await
    }

    async fn sent(self, batches: Vec<Vec<Packet>>) -> Outcome {
        let expected = batches.concat();
        self.with(
            async move |link| {
                for batch in batches {
                    send(link, batch).await?;
                }
                Ok(())
            },
            async move |peer, _| take(peer, &expected).await,
        )
        .await
    }

    async fn received(self, batches: Vec<Vec<Packet>>) -> Outcome {
        let expected = batches.concat();
        self.with(
            async move |link| receive(link, &expected).await,
            async move |peer, _| {
                for batch in batches {
                    peer.send(batch).await;
                }
                Ok(())
            },
        )
        .await
    }

    async fn one_exchange(self) -> Outcome {
        let many: Vec<Packet> = (0..1000).map(|number| text(&number.to_string())).collect();
        let batches = [vec![text("a"), text("b"), text("c")], vec![text("d")]];
        let (expected, expected_batches) = (many.clone(), batches.clone());
        self.with_links_of(
            &[Framing::Payloads],
            async move |link| {
                for batch in batches {
                    send(link, batch).await?;
                }
                let packets = recv(link).await?;
                compare(&packets, &expected, "one call of recv brought")
            },
            async move |peer, _| {
                for batch in expected_batches {
                    let packets = peer.receive().await;
                    compare(&packets, &batch, "one exchange brought the peer")?;
                }
                peer.send(many).await;
                Ok(())
            },
        )
        .await
    }

    async fn bounds(self) -> Outcome {
        let small: Vec<Packet> = (0..300).map(|number| text(&number.to_string())).collect();
        let large = vec![text(&"x".repeat(24 * 1024)); 16];
        let count = small.len() + large.len();
        let (tell, told) = oneshot::channel();
        self.with_links_of(
            &[Framing::Frames],
            async move |link| {
                let _ = told.await;
                let mut received = 0;
                while received < count {
                    let packets = recv(link).await?;
                    received += packets.len();
                    if packets.is_empty() {
                        return Err("a call of recv brought no packet".into());
                    }
                    if packets.len() > MOST_PACKETS {
                        let count = packets.len();
                        return Err(format!("a call of recv brought {count} packets"));
                    }
                    // The packet with which the bound is reached may go beyond it.
                    let between = packets.iter().skip(1).rev().skip(1);
                    let bytes: usize = between.map(length).sum();
                    if bytes > MOST_BYTES {
                        let message = "a call of recv brought more than 64 KiB beyond the first";
                        return Err(message.into());
                    }
                }
                Ok(())
            },
            async move |peer, _| {
                peer.send(small).await;
                let _ = tell.send(());
                peer.send(large).await;
                Ok(())
            },
        )
        .await
    }

    async fn ready(self) -> Outcome {
        const COUNT: usize = 100;
        let packets = vec![text("ready"); COUNT];
        let (tell, told) = oneshot::channel();
        let runtime = Arc::clone(&self.runtime);
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = told.await;
                    // What is on its way arrives.
                    runtime.sleep(WHILE).await;
                }
                let count = recv(link).await?.len();
                if count < COUNT {
                    return Err(format!(
                        "a call of recv brought {count} packets where {COUNT} were ready"
                    ));
                }
                Ok(())
            },
            async move |peer, _| {
                peer.send(packets).await;
                let _ = tell.send(());
                Ok(())
            },
        )
        .await
    }

    async fn both_ways(self, packets: &[Packet]) -> Outcome {
        self.with(
            async |link| {
                send(link, packets.to_vec()).await?;
                receive(link, packets).await
            },
            async |peer, _| {
                take(peer, packets).await?;
                peer.send(packets.to_vec()).await;
                Ok(())
            },
        )
        .await
    }

    async fn both_halves(self) -> Outcome {
        self.with(
            async |link| {
                let Link {
                    sender, receiver, ..
                } = link;
                let sending = async {
                    let sent = sender.send(Batch::from(vec![text("question")])).await;
                    sent.map_err(|error| format!("send failed: {}", error.report()))
                };
                let receiving = async {
                    let received = receiver.recv().await;
                    let packets =
                        received.map_err(|error| format!("recv failed: {}", error.report()))?;
                    compare(&packets, &[text("answer")], "recv brought")
                };
                // The call of recv is the first.
                try_join(receiving, sending).await?;
                Ok(())
            },
            async |peer, _| {
                take(peer, &[text("question")]).await?;
                peer.send(vec![text("answer")]).await;
                Ok(())
            },
        )
        .await
    }

    async fn clean_end(self) -> Outcome {
        let (tell, told) = oneshot::channel();
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = told.await;
                }
                receive(link, &[text("last words"), Packet::Close]).await
            },
            async move |peer, _| {
                peer.send(vec![text("last words")]).await;
                peer.close().await;
                let _ = tell.send(());
                Ok(())
            },
        )
        .await
    }

    async fn unclean_end(self) -> Outcome {
        let (tell, told) = oneshot::channel();
        self.with(
            async move |link| {
                receive(link, &[text("a")]).await?;
                let _ = tell.send(());
                match link.receiver.recv().await {
                    Ok(packets) => Err(format!("recv brought {}", list(&packets))),
                    Err(error) if error.kind() == ErrorKind::Ended => Ok(()),
                    Err(error) => Err(format!(
                        "the error is of the kind {:?}: {}",
                        error.kind(),
                        error.report()
                    )),
                }
            },
            async move |peer, _| {
                peer.send(vec![text("a")]).await;
                let _ = told.await;
                peer.cut().await;
                Ok(())
            },
        )
        .await
    }

    async fn packets_before_error(self) -> Outcome {
        let (tell, told) = oneshot::channel();
        let packets = vec![text("a"), text("b"), text("c")];
        let expected = packets.clone();
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = told.await;
                }
                receive(link, &expected).await?;
                match link.receiver.recv().await {
                    Ok(packets) => Err(format!(
                        "recv brought {} instead of an error",
                        list(&packets)
                    )),
                    Err(_) => Ok(()),
                }
            },
            async move |peer, _| {
                peer.send(packets).await;
                peer.cut().await;
                let _ = tell.send(());
                Ok(())
            },
        )
        .await
    }

    async fn close_flushes(self) -> Outcome {
        let runtime = Arc::clone(&self.runtime);
        let mut expected = vec![text(&"x".repeat(1000)); 100];
        let packets = expected.clone();
        expected.push(Packet::Close);
        let listens = Cell::new(false);
        let listens = &listens;
        self.with(
            async move |link| {
                send(link, packets).await?;
                let Link {
                    sender, receiver, ..
                } = link;
                // The other half goes on meanwhile.
                let receiving = async {
                    while receiver
                        .recv()
                        .await
                        .is_ok_and(|packets| !packets.contains(&Packet::Close))
                    {
                    }
                    pending::<Infallible>().await
                };
                let closed = match select(sender.close(), pin!(receiving)).await {
                    Either::Left((closed, _)) => closed,
                    Either::Right((never, _)) => match never {},
                };
                closed.map_err(|error| format!("close failed: {}", error.report()))?;
                if !listens.get() {
                    return Err("close returned before it was answered".into());
                }
                Ok(())
            },
            async move |peer, _| {
                // Nothing may rely on a peer that is quick.
                runtime.sleep(WHILE).await;
                listens.set(true);
                let mut packets = Vec::new();
                while packets.len() < expected.len() {
                    let more = peer.receive().await;
                    if more.is_empty() {
                        break;
                    }
                    packets.extend(more);
                }
                compare(&packets, &expected, "the peer was sent")
            },
        )
        .await
    }

    async fn silent_drop(mut self) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer,
            ..
        } = &mut self;
        let client = async {
            let mut link = open(transport, runtime, request).await?;
            send(&mut link, vec![text("a")]).await?;
            Ok(link)
        };
        let accepted = async {
            peer.accept().await;
            take(peer, &[text("a")]).await
        };
        let (link, ()) = try_join(client, accepted).await?;
        let framing = link.framing;
        drop(link);
        match select(self.peer.receive(), self.runtime.sleep(WHILE)).await {
            Either::Left((packets, _)) if packets.is_empty() => Ok(()),
            Either::Left((packets, _)) => Err(format!("the peer was sent {}", list(&packets))),
            Either::Right(_) if framing == Framing::Payloads => Ok(()),
            Either::Right(_) => Err("the peer did not notice".into()),
        }
    }

    async fn nobody_there(self) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer,
            ..
        } = self;
        drop(peer);
        let received = match transport.open(&runtime, request).await {
            Ok(mut link) => link.receiver.recv().await,
            Err(error) => Err(error),
        };
        match received {
            Ok(packets) => Err(format!("recv brought {}", list(&packets))),
            Err(error) => match error.kind() {
                kind @ (ErrorKind::Handshake
                | ErrorKind::Protocol
                | ErrorKind::Limit
                | ErrorKind::Invalid) => Err(format!(
                    "an error of the kind {kind:?} keeps the client from trying another \
                     transport: {}",
                    error.report()
                )),
                _ => Ok(()),
            },
        }
    }
}

fn text(text: &str) -> Packet {
    Packet::Message(Message::from(text))
}

fn length(packet: &Packet) -> usize {
    match packet {
        Packet::Message(message) => message.len(),
        _ => 0,
    }
}

/// What a link may have to carry, in either direction, but for the close packet.
fn all_kinds() -> Vec<Packet> {
    vec![
        Packet::Open("{}".into()),
        Packet::Ping("probe".into()),
        Packet::Pong("probe".into()),
        text("a"),
        Packet::Message(Message::from(vec![0, 1, 2, 0x1e, 255])),
        text("wörld 🌍 \"\\\n\u{0}"),
        Packet::Noop,
        text("4"),
        Packet::Message(Message::from(b"b")),
        Packet::Ping("".into()),
        Packet::Pong("".into()),
        Packet::Upgrade,
    ]
}

fn empty() -> Vec<Packet> {
    vec![
        text(""),
        Packet::Message(Message::from(Vec::new())),
        text(""),
    ]
}

fn large() -> Vec<Packet> {
    let bytes: Vec<u8> = (0..=250).cycle().take(1024 * 1024).collect();
    vec![
        text(&"Größe".repeat(150_000)),
        Packet::Message(Message::from(bytes)),
    ]
}

async fn open(
    transport: &impl Transport,
    runtime: &Arc<dyn Runtime>,
    request: OpenRequest,
) -> Result<Link, String> {
    let opened = transport.open(runtime, request).await;
    opened.map_err(|error| format!("open failed: {}", error.report()))
}

async fn send(link: &mut Link, packets: Vec<Packet>) -> Outcome {
    let sent = link.sender.send(Batch::from(packets)).await;
    sent.map_err(|error| format!("send failed: {}", error.report()))
}

async fn recv(link: &mut Link) -> Result<Vec<Packet>, String> {
    let received = link.receiver.recv().await;
    received.map_err(|error| format!("recv failed: {}", error.report()))
}

/// Receives until that many packets have come; they must be these.
async fn receive(link: &mut Link, expected: &[Packet]) -> Outcome {
    let mut packets = Vec::new();
    while packets.len() < expected.len() {
        let more = recv(link).await?;
        if more.is_empty() {
            return Err("a call of recv brought no packet".into());
        }
        packets.extend(more);
    }
    compare(&packets, expected, "recv brought")
}

/// The same at the other side.
async fn take(peer: &mut impl Peer, expected: &[Packet]) -> Outcome {
    let mut packets = Vec::new();
    while packets.len() < expected.len() {
        let more = peer.receive().await;
        if more.is_empty() {
            break;
        }
        packets.extend(more);
    }
    compare(&packets, expected, "the peer was sent")
}

fn compare(packets: &[Packet], expected: &[Packet], what: &str) -> Outcome {
    if packets == expected {
        return Ok(());
    }
    Err(format!(
        "{what} {} instead of {}",
        list(packets),
        list(expected)
    ))
}

/// Packets for a reader: a few of them, and not the whole of a large one.
fn list(packets: &[Packet]) -> String {
    const SHOWN: usize = 16;
    let mut shown: Vec<String> = packets
        .iter()
        .take(SHOWN)
        .map(|packet| match packet {
            Packet::Message(message) if message.len() > 40 => {
                format!("a message of {} bytes", message.len())
            }
            packet => format!("{packet:?}"),
        })
        .collect();
    if let Some(more) = packets.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    format!("[{}]", shown.join(", "))
}
