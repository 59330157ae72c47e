//! A test suite for transports: it checks the contract that the client relies on.
//!
//! You write a [`Peer`], the server's side of a link. [`check`] runs each [`Check`] on a link of its
//! own, and returns the checks that failed, with the reasons.
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

mod case;
mod checks;
mod delivery;
mod ends;
mod fences;
mod laziness;
mod link;
mod packets;
mod peer;

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::{Runtime, Transport};
use futures::future::{Either, select};

use self::case::Case;
pub use self::checks::{Check, Failure};
use self::packets::{Outcome, all_kinds, empty, large};
pub use self::peer::Peer;

/// Time limit of one check.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs all checks, each with a transport and a peer of its own, which `setup` returns. Each check has
/// a time limit of 10 s.
///
/// On a [`MockRuntime`](engineio_client::MockRuntime) the suite takes no real time. On other runtimes
/// it takes a few seconds.
///
/// # Errors
///
/// The checks that failed.
///
/// # Cancel safety
///
/// Dropping the future abandons the running check.
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
            Either::Right(_) => Err(format!(
                "the check hangs: not done after {} s",
                LIMIT.as_secs()
            )),
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
            Check::FenceOrder => self.fence_order().await,
            Check::FenceAnswer => self.fence_answer().await,
            Check::NobodyThere => self.nobody_there().await,
        }
    }
}
