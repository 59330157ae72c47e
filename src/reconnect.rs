//! Settings of a client that opens a new session when one ends.

mod connect_to;
mod lost;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

pub use connect_to::ConnectTo;
pub use lost::{Lost, Retry};

use crate::error::HandlerError;
use crate::event::Connected;
use crate::limits;
use crate::packet::Message;

/// How a client reconnects: when it opens a new session after one has ended, or could not be opened.
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::Reconnect;
///
/// let reconnect = Reconnect::new()
///     .delay(Duration::from_millis(500))
///     .max_delay(Duration::from_secs(30))
///     .attempts(10);
/// # let _ = reconnect;
/// ```
///
/// # Attempts and delays
///
/// The settings are those of Socket.IO, with its defaults:
///
/// | here | Socket.IO | default |
/// |---|---|---|
/// | [`delay`](Reconnect::delay) | `reconnectionDelay` | 1 s |
/// | [`max_delay`](Reconnect::max_delay) | `reconnectionDelayMax` | 5 s |
/// | [`randomization`](Reconnect::randomization) | `randomizationFactor` | 0.5 |
/// | [`attempts`](Reconnect::attempts) | `reconnectionAttempts` | no limit |
///
/// Attempts are numbered from 1. The client waits for `delay` before attempt 1, for twice as long before
/// attempt 2, and so on up to `max_delay`. Each of these delays is randomised, so that the clients of a
/// server that restarts do not all come back at the same moment: it is drawn evenly between
/// `1 - randomization` and `1 + randomization` times the delay, but never exceeds `max_delay`. With the
/// defaults that is 0.5 to 1.5 s, 1 to 3 s, 2 to 5 s, and from then on 2.5 to 5 s.
///
/// A session that lasted starts the count anew, so that the next attempt has the number 1 again. A session
/// has lasted when it was open for `max_delay`, with its [greeting](Reconnect::greeting) done. One that
/// ended earlier counts as a failed attempt: a server that accepts each session and ends it at once is
/// asked less and less often, too.
///
/// The first connection of a client has the number 0. When it fails it is tried again like the others.
///
/// # When it is over
///
/// By default, whether there is another attempt depends on how the session, or the attempt to open one,
/// ended:
///
/// | end | what follows |
/// |---|---|
/// | this client closed it, or its task was dropped | no further attempt |
/// | the server closed it, was silent for too long, or the connection failed | an attempt after the usual delay |
/// | the server knows the session no more (400, "Session ID unknown"), as after a restart | the same |
/// | any answer with `Retry-After`, as 429 and 503 have it | an attempt after the time named there (one hour at most) or the usual delay, whichever is longer |
/// | no session could be opened, for a reason that rarely mends itself | at the third time in a row no further attempt, before that as usual |
///
/// These reasons rarely mend themselves: the settings or the runtime can't be used
/// ([`Invalid`](crate::ErrorKind::Invalid), [`Runtime`](crate::ErrorKind::Runtime)), TLS fails
/// ([`Tls`](crate::ErrorKind::Tls)), the server answers 401, 403 or 404
/// ([`Status`](crate::ErrorKind::Status)), or what it sends before the session is open is not Engine.IO 4
/// ([`Protocol`](crate::ErrorKind::Protocol)), as from a server of protocol 3 (EIO=3).
///
/// After a `Retry-After` the client waits a little longer at random, by up to as much as the usual delay
/// varies, for the sake of a server that has told many clients the same.
///
/// [`decide`](Reconnect::decide) changes these rules, and [`attempts`](Reconnect::attempts) limits the
/// number of attempts.
#[derive(Clone)]
pub struct Reconnect {
    pub(crate) delay: Duration,
    pub(crate) max_delay: Duration,
    /// From 0 to 1.
    pub(crate) randomization: f64,
    pub(crate) attempts: Option<u32>,
    pub(crate) decide: Option<Decide>,
    pub(crate) resend: Resend,
    pub(crate) before_connect: Option<BeforeConnect>,
    pub(crate) greeting: Option<Greeting>,
    pub(crate) hook_timeout: Duration,
}

pub(crate) type Decide = Arc<dyn Fn(&Lost) -> Retry + Send + Sync>;

pub(crate) type BeforeConnect =
    Arc<dyn Fn(ConnectTo) -> BoxFuture<'static, Result<ConnectTo, HandlerError>> + Send + Sync>;

pub(crate) type Greeting = Arc<dyn Fn(Connected) -> BoxFuture<'static, Vec<Message>> + Send + Sync>;

/// Which messages of a session that has ended are sent in the next one: see
/// [`Reconnect::resend`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resend {
    /// At most once: those of which nothing was handed to a connection. No message arrives twice. What
    /// was under way when a connection broke may be lost.
    #[default]
    Unsent,
    /// At least once: also those that may not have arrived. Each message arrives, or the client tells
    /// that it gave the message up; some arrive twice, so the server has to recognise duplicates, for
    /// example by a number in the message. Needs receipts.
    Unconfirmed,
}

impl Reconnect {
    /// The defaults: see [`Reconnect`].
    pub fn new() -> Self {
        Self {
            delay: limits::RECONNECT_DELAY,
            max_delay: limits::RECONNECT_MAX_DELAY,
            randomization: RANDOMIZATION,
            attempts: None,
            decide: None,
            resend: Resend::default(),
            before_connect: None,
            greeting: None,
            hook_timeout: limits::HOOK_TIMEOUT,
        }
    }

    /// The delay before the first attempt, which doubles with each attempt that fails. 1 s by default.
    ///
    /// Socket.IO's `reconnectionDelay`. Zero means no delay before any attempt.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The longest delay before an attempt, after randomisation, and how long a session must have been
    /// open for the count of attempts to start anew. 5 s by default.
    ///
    /// Socket.IO's `reconnectionDelayMax`. A server's `Retry-After` and [`Retry::After`] may exceed it.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// By which part of itself a delay varies at random. From 0, which makes all delays exact, to 1; 0.5
    /// by default. Other numbers count as the nearest of these, and a NaN as the default.
    ///
    /// Socket.IO's `randomizationFactor`. A delay that has reached [`max_delay`](Reconnect::max_delay)
    /// varies downwards only.
    #[must_use]
    pub fn randomization(mut self, factor: f64) -> Self {
        self.randomization = if factor.is_nan() {
            RANDOMIZATION
        } else {
            factor.clamp(0.0, 1.0)
        };
        self
    }

    /// How many attempts in a row may fail before the client gives up, whatever
    /// [`decide`](Reconnect::decide) says. By default there is no limit.
    ///
    /// Socket.IO's `reconnectionAttempts`. The first connection of a client is not counted: with
    /// `attempts(3)` a server that never answers is asked four times. With `attempts(0)` the client never
    /// tries again.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// A function that says whether and when there is another attempt. It is asked when a session, or the
    /// attempt to open one, has ended, unless this client closed it or its task was dropped.
    ///
    /// It is called in the task that drives the connection, and so must not block. One that panics is
    /// reported by `tracing`, and counts as [`Retry::Usual`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::{Reconnect, Retry};
    ///
    /// // A server that is being deployed answers 404 for a while; 403 is final.
    /// let reconnect = Reconnect::new().decide(|lost| match lost.status() {
    ///     Some(404) => Retry::After(Duration::from_secs(20)),
    ///     Some(403) => Retry::Never,
    ///     _ => Retry::Usual,
    /// });
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn decide(mut self, decide: impl Fn(&Lost) -> Retry + Send + Sync + 'static) -> Self {
        self.decide = Some(Arc::new(decide));
        self
    }

    /// Which messages of a session that has ended are sent in the next one. [`Resend::Unsent`] by default.
    #[must_use]
    pub fn resend(mut self, resend: Resend) -> Self {
        self.resend = resend;
        self
    }

    /// An async function that is called before every connection, the first one among them, and after the
    /// delay. It is given where the client is about to connect, and returns where it shall: with a fresh
    /// token, another host, or unchanged. Changes last for this connection; the next call is given the
    /// client's own settings again.
    ///
    /// An error, a panic, and a call that takes longer than [`hook_timeout`](Reconnect::hook_timeout) count
    /// as a failed attempt. What [`decide`](Reconnect::decide) sees of them is an error of the kind
    /// [`Other`](crate::ErrorKind::Other), with the cause as its source, or
    /// [`Timeout`](crate::ErrorKind::Timeout).
    ///
    /// ```
    /// use engineio_client::Reconnect;
    /// use engineio_client::handlers::HandlerError;
    ///
    /// async fn fetch_token() -> Result<String, std::io::Error> {
    /// #   Ok(String::from("secret"))
    ///     // ...
    /// }
    ///
    /// let reconnect = Reconnect::new().before_connect(async |mut to| {
    ///     let token = fetch_token().await?;
    ///     to.headers.insert("authorization", format!("Bearer {token}").parse()?);
    ///     Ok(to)
    /// });
    /// # let _ = reconnect;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The call is dropped at whichever `.await` it has reached when its time is up, or when the client is
    /// closed or dropped.
    #[must_use]
    pub fn before_connect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(ConnectTo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ConnectTo, HandlerError>> + Send + 'static,
    {
        self.before_connect = Some(Arc::new(move |to| Box::pin(hook(to))));
        self
    }

    /// [`before_connect`](Reconnect::before_connect) with something that the function works with: each call
    /// gets a clone of it, such as an `Arc`. An async closure can't lend to its future what it captures.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use engineio_client::Reconnect;
    ///
    /// let hosts = Arc::new(["http://one.example", "http://two.example"]);
    /// let reconnect = Reconnect::new().before_connect_with(hosts, async |hosts, mut to| {
    ///     to.url = hosts[to.attempt as usize % hosts.len()].to_owned();
    ///     Ok(to)
    /// });
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn before_connect_with<S, F, Fut>(self, state: S, hook: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, ConnectTo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ConnectTo, HandlerError>> + Send + 'static,
    {
        self.before_connect(move |to| hook(state.clone(), to))
    }

    /// An async function that gives what every session must hear first, such as a log-in and
    /// subscriptions. Its messages leave in one piece, before all others, also before those left over from
    /// the session before. No other message leaves before it has returned. They are never sent again: the
    /// next session has its own greeting.
    ///
    /// A panic, and a call that takes longer than [`hook_timeout`](Reconnect::hook_timeout), end the
    /// session, and count as a failed attempt.
    ///
    /// ```
    /// use engineio_client::{Message, Reconnect};
    ///
    /// let reconnect = Reconnect::new().greeting(async |connected| {
    ///     println!("session {}", connected.handshake.sid);
    ///     vec![Message::from("log-in"), Message::from("subscribe")]
    /// });
    /// # let _ = reconnect;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The call is dropped at whichever `.await` it has reached when its time is up, when the session ends,
    /// or when the client is closed or dropped.
    #[must_use]
    pub fn greeting<F, Fut>(mut self, greeting: F) -> Self
    where
        F: Fn(Connected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Message>> + Send + 'static,
    {
        self.greeting = Some(Arc::new(move |connected| Box::pin(greeting(connected))));
        self
    }

    /// [`greeting`](Reconnect::greeting) with something that the function works with: each call gets a
    /// clone of it, such as an `Arc`. An async closure can't lend to its future what it captures.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use engineio_client::{Message, Reconnect};
    ///
    /// let rooms = Arc::new(Mutex::new(vec!["news".to_owned()]));
    /// let reconnect = Reconnect::new().greeting_with(rooms.clone(), async |rooms, _connected| {
    ///     let rooms = rooms.lock().expect("nothing panics with it");
    ///     rooms.iter().map(|room| Message::from(format!("join {room}"))).collect()
    /// });
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn greeting_with<S, F, Fut>(self, state: S, greeting: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Connected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Message>> + Send + 'static,
    {
        self.greeting(move |connected| greeting(state.clone(), connected))
    }

    /// The longest that [`before_connect`](Reconnect::before_connect) may take, and the longest that
    /// [`greeting`](Reconnect::greeting) may. 10 s each by default.
    #[must_use]
    pub fn hook_timeout(mut self, timeout: Duration) -> Self {
        self.hook_timeout = timeout;
        self
    }
}

/// Socket.IO's default as well.
const RANDOMIZATION: f64 = 0.5;

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

/// Of functions it only shows whether they are set.
impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("delay", &self.delay)
            .field("max_delay", &self.max_delay)
            .field("randomization", &self.randomization)
            .field("attempts", &self.attempts)
            .field("decide", &self.decide.is_some())
            .field("resend", &self.resend)
            .field("before_connect", &self.before_connect.is_some())
            .field("greeting", &self.greeting.is_some())
            .field("hook_timeout", &self.hook_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests;
