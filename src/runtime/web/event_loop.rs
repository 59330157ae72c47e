//! The runtime.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use send_wrapper::SendWrapper;

use super::host::{self, OtherTurn, Timeout};
use super::polite::Polite;
use super::timing::next_timeout;
use crate::runtime::connection::{Address, BoxedStream};
use crate::runtime::traits::Runtime;

/// A JavaScript event loop: that of a page or a worker in a browser, or of Node or Deno.
///
/// It is the event loop of the thread that uses it. A client must stay on the thread that created it: used on another
/// one (on targets with threads), it panics.
///
/// ```no_run
/// use engineio_client::Web;
/// use engineio_client::transports::Transports;
///
/// # async fn run() -> Result<(), engineio_client::Error> {
/// let builder = engineio_client::Builder::new("https://chat.example", Transports::default(), Web::new());
/// let client = builder.connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Tasks
///
/// Tasks run by [`spawn_local`](wasm_bindgen_futures::spawn_local). When they have run for 4 ms, the page gets a turn to
/// react to events and to be drawn, however much there is to do. Nothing can interrupt a single call, so a handler
/// that computes for a second stops the page for a second.
///
/// A panic ends the whole instance of the WebAssembly module on this target, so a handler must not panic.
///
/// # Time
///
/// The clock is `performance.now()`. Setting the computer's clock does not change it. Whether it counts the time during
/// which the computer sleeps depends on the browser and the system
/// ([the specification](https://www.w3.org/TR/hr-time-3/) requires it, but not all comply). Where it does not, a
/// connection that died meanwhile is noticed when the browser reports it, or at the latest
/// `pingInterval + pingTimeout` after the computer has woken up.
///
/// Browsers delay the timers of a page that is in the background: to once per second, and Chromium
/// [to once per minute](https://developer.chrome.com/blog/timer-throttling-in-chrome-88) when it has been hidden for five
/// minutes. Pings are answered nevertheless, as they need no timer. A silent server is noticed later by as much.
///
/// # Connections
///
/// A browser lets no program resolve names or open sockets, so [`resolve`](Runtime::resolve) and
/// [`connect`](Runtime::connect) fail with [`Unsupported`](io::ErrorKind::Unsupported). The
/// [transports for the web](crate::transports::web) need neither.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Web;

impl Web {
    /// Returns the event loop of this thread.
    ///
    /// ```no_run
    /// use engineio_client::{Runtime, Web};
    ///
    /// println!("{:?} since the page was opened", Web::new().now());
    /// ```
    pub fn new() -> Self {
        Self
    }
}

/// What a deadline waits for what has arrived. A page that was frozen gets its timers and its messages in any order.
const CATCH_UP: Duration = Duration::from_millis(50);

#[async_trait]
impl Runtime for Web {
    /// Checks that the host has `setTimeout` and `performance.now`.
    fn check(&self) -> io::Result<()> {
        if host::is_usable() {
            return Ok(());
        }
        Err(unsupported(
            "this JavaScript host has no setTimeout or no performance.now",
        ))
    }

    fn now(&self) -> Duration {
        host::now()
    }

    /// A sleep of no length gives the page a turn.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return Box::pin(SendWrapper::new(OtherTurn::new()));
        }
        let deadline = host::now().saturating_add(duration);
        Box::pin(SendWrapper::new(async move {
            // A time-out may come early by the clock, which browsers round.
            while let Some(milliseconds) = next_timeout(deadline.saturating_sub(host::now())) {
                Timeout::new(milliseconds).await;
            }
        }))
    }

    fn catch_up(&self) -> BoxFuture<'static, ()> {
        self.sleep(CATCH_UP)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        wasm_bindgen_futures::spawn_local(Polite::new(task));
    }

    /// A number from `Math.random`. Nothing here needs to be unpredictable: browsers make the masks and keys of their
    /// WebSockets themselves.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both halves are whole numbers below 2^32"
    )]
    fn random(&self) -> u64 {
        let half = || (js_sys::Math::random() * 4_294_967_296.0) as u64;
        half() << 32 | half()
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(unsupported("a browser resolves no names for programs"))
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Err(unsupported("a browser opens no sockets for programs"))
    }
}

fn unsupported(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, message)
}
