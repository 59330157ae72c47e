//! Settings of a client that opens a new session when its session ends.

mod connect_to;
mod hooks;
mod lost;

use std::fmt;
use std::time::Duration;

pub use connect_to::ConnectTo;
pub(crate) use hooks::{BeforeConnect, Decide, Greeting};
pub use lost::{Lost, Retry};

use crate::error::HandlerError;
use crate::event::Connected;
use crate::limits;
use crate::packet::Message;
use crate::runtime::{MaybeSend, MaybeSync};

/// Settings of a client that reconnects: whether and when it opens a new session after one has ended or
/// could not be opened, and which messages the new session sends again.
///
/// [`Builder::reconnect`](crate::Builder::reconnect) turns reconnecting on. The client, its handles and
/// its handlers then outlive the sessions.
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
/// A session that lasted resets the count, so that the next attempt has the number 1 again. A session
/// has lasted if it was open for `max_delay`, with its [greeting](Reconnect::greeting) done. A session
/// that ended earlier counts as a failed attempt, so that a server that accepts each session and ends it
/// at once also sees fewer and fewer attempts.
///
/// The first connection of a client has the number 0. If it fails, [`connect`](crate::Builder::connect)
/// returns the error and ends the client. A client from [`start`](crate::Builder::start) retries it like
/// any other attempt.
///
/// # When it is over
///
/// By default, the end of a session, or of the attempt to open one, decides whether there is another
/// attempt:
///
/// | end | what follows |
/// |---|---|
/// | this client closed the session, or its task was dropped | no further attempt |
/// | the server closed the session or was silent for too long, or the connection failed | an attempt after the usual delay |
/// | the server does not know the session (400, "Session ID unknown"), for example after a restart | an attempt after the usual delay |
/// | a response with `Retry-After`, such as 429 and 503 | an attempt after that time (one hour at most) or after the usual delay, whichever is longer |
/// | [receipts](crate::Receipts) are required, and the server cannot confirm | no further attempt |
/// | no session could be opened, for a reason that needs a change | an attempt after the usual delay; after the third such failure in a row, no further attempt |
///
/// These reasons need a change: the settings or the runtime cannot be used
/// ([`Invalid`](crate::ErrorKind::Invalid), [`Runtime`](crate::ErrorKind::Runtime)), TLS fails
/// ([`Tls`](crate::ErrorKind::Tls)), the server answers 401, 403 or 404
/// ([`Status`](crate::ErrorKind::Status)), or its first data is not Engine.IO 4
/// ([`Protocol`](crate::ErrorKind::Protocol)), for example because it only supports protocol 3 (EIO=3).
///
/// Every other failure is retried, also one for which
/// [`Error::is_retryable`](crate::Error::is_retryable) is false: a web page instead of an Engine.IO
/// response ([`NotEngineIo`](crate::ErrorKind::NotEngineIo)), for example. `is_retryable` judges a first
/// attempt, which often fails because of a wrong URL. A client that reconnects may instead have met
/// the error page of a load balancer whose server restarts, or a server that is shutting down. So a
/// client from [`start`](crate::Builder::start) with a wrong path may retry without end, unless
/// [`attempts`](Reconnect::attempts) limits it. ([`connect`](crate::Builder::connect) returns the first
/// error.) To stop at every error that is not retryable:
///
/// ```
/// use engineio_client::{Reconnect, Retry};
///
/// let reconnect = Reconnect::new().decide(|lost| match lost.error() {
///     Some(error) if !lost.was_open && !error.is_retryable() => Retry::Never,
///     _ => Retry::Usual,
/// });
/// # let _ = reconnect;
/// ```
///
/// After a `Retry-After` the client adds a random time, up to the randomised part of the usual delay:
/// the server may have sent the same time to many clients.
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
    /// Whether the client ends if its first attempt fails.
    pub(crate) must_connect: bool,
}

/// Which messages of an ended session the next session sends: see [`Reconnect::resend`].
///
/// ```
/// use engineio_client::{Reconnect, Resend};
///
/// let at_least_once = Reconnect::new().resend(Resend::Unconfirmed);
/// # let _ = at_least_once;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resend {
    /// At most once: only messages that were never handed to a connection. No message arrives twice.
    /// Messages that were being sent, or had been sent, when a connection broke may be lost.
    #[default]
    Unsent,
    /// At least once: also messages that may not have arrived. Every message arrives, or the client
    /// reports that it [gave it up](crate::Event::GivenUp). Some messages arrive twice, so the server
    /// must recognise duplicates, for example by a number in each message.
    ///
    /// This turns [receipts](crate::Receipts) on, and requires them, also without a call of
    /// [`Builder::receipts`](crate::Builder::receipts). With a server that cannot confirm messages,
    /// the session ends with [`Unsupported`](crate::ErrorKind::Unsupported), and by default no further
    /// attempt follows.
    Unconfirmed,
}

impl Reconnect {
    /// The defaults: see [`Reconnect`].
    ///
    /// ```
    /// use engineio_client::Reconnect;
    ///
    /// let reconnect = Reconnect::new();
    /// # let _ = reconnect;
    /// ```
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
            must_connect: false,
        }
    }

    /// Sets the delay before the first attempt. The delay doubles with each attempt that fails. 1 s by
    /// default.
    ///
    /// Socket.IO's `reconnectionDelay`. Zero means that no attempt is delayed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::Reconnect;
    ///
    /// let reconnect = Reconnect::new().delay(Duration::from_millis(200));
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the longest delay before an attempt, after randomisation. A session that was open for this
    /// long resets the count of attempts. 5 s by default.
    ///
    /// Socket.IO's `reconnectionDelayMax`. A server's `Retry-After` and [`Retry::After`] may exceed it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::Reconnect;
    ///
    /// let reconnect = Reconnect::new().max_delay(Duration::from_secs(60));
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the fraction of a delay by which it varies at random: from 0, for exact delays, to 1. 0.5 by
    /// default. Numbers outside of this range are clamped, and NaN is the default.
    ///
    /// Socket.IO's `randomizationFactor`. A delay that has reached [`max_delay`](Reconnect::max_delay)
    /// is only ever shortened.
    ///
    /// ```
    /// use engineio_client::Reconnect;
    ///
    /// let exact = Reconnect::new().randomization(0.0);
    /// # let _ = exact;
    /// ```
    #[must_use]
    pub fn randomization(mut self, factor: f64) -> Self {
        self.randomization = if factor.is_nan() {
            RANDOMIZATION
        } else {
            factor.clamp(0.0, 1.0)
        };
        self
    }

    /// Sets how many attempts in a row may fail before the client gives up, whatever
    /// [`decide`](Reconnect::decide) returns. No limit by default.
    ///
    /// Socket.IO's `reconnectionAttempts`. The first connection of a client is not counted: with
    /// `attempts(3)` a client from [`start`](crate::Builder::start) connects four times to a server that
    /// never answers. ([`connect`](crate::Builder::connect) returns the error of the first connection.)
    /// With `attempts(0)` the client never reconnects.
    ///
    /// A session that was open for less than [`max_delay`](Reconnect::max_delay) counts as a failed
    /// attempt: a server that accepts each session and soon ends it uses up the attempts.
    ///
    /// ```
    /// use engineio_client::Reconnect;
    ///
    /// let reconnect = Reconnect::new().attempts(10);
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets a function that decides whether and when there is another attempt. The client calls the
    /// function when a session has ended, or when an attempt to open one has failed. It does not call
    /// it if the client itself closed the session or if the client's task was dropped.
    ///
    /// The function runs in the task that drives the connection, so it must not block. A panic is logged
    /// with `tracing`, and counts as [`Retry::Usual`].
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
    pub fn decide(
        mut self,
        decide: impl Fn(&Lost) -> Retry + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.decide = Some(hooks::decide(decide));
        self
    }

    /// Sets which messages of an ended session the next session sends. [`Resend::Unsent`] by default.
    ///
    /// [`Resend::Unconfirmed`] turns [receipts](crate::Receipts) on, and requires them:
    /// [`Builder::receipts`](crate::Builder::receipts) is only needed to change their settings.
    ///
    /// ```
    /// use engineio_client::{Reconnect, Resend};
    ///
    /// let reconnect = Reconnect::new().resend(Resend::Unconfirmed);
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn resend(mut self, resend: Resend) -> Self {
        self.resend = resend;
        self
    }

    /// Sets an async function that is called before every connection, including the first, and after the
    /// delay. It receives the address, query and headers of the connection, and returns them: with a
    /// fresh token, with another host, or unchanged. Changes apply to this connection only.
    ///
    /// # Errors
    ///
    /// An error, a panic, and a call that takes longer than [`hook_timeout`](Reconnect::hook_timeout)
    /// count as a failed attempt. [`decide`](Reconnect::decide) then receives an error of the kind
    /// [`Other`](crate::ErrorKind::Other), with the cause as its source, or of the kind
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
    /// The client drops the function's future, at whichever `.await` it has reached, when the time is up
    /// or when the client is closed or dropped.
    #[must_use]
    pub fn before_connect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(ConnectTo) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = Result<ConnectTo, HandlerError>> + MaybeSend + 'static,
    {
        self.before_connect = Some(hooks::before_connect(hook));
        self
    }

    /// [`before_connect`](Reconnect::before_connect) with shared state: each call receives a clone of
    /// the state, such as an `Arc`. Use this instead of a capture, since the future of an async closure
    /// cannot borrow what the closure captures.
    ///
    /// # Errors
    ///
    /// As for [`before_connect`](Reconnect::before_connect).
    ///
    /// # Cancel safety
    ///
    /// As for [`before_connect`](Reconnect::before_connect).
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
        S: Clone + MaybeSend + MaybeSync + 'static,
        F: Fn(S, ConnectTo) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = Result<ConnectTo, HandlerError>> + MaybeSend + 'static,
    {
        self.before_connect(move |to| hook(state.clone(), to))
    }

    /// Sets an async function that returns the first messages of every session, such as a login and
    /// subscriptions.
    ///
    /// The messages are sent together, before all other messages, including those that the previous
    /// session left unsent. The client sends nothing else until the function has returned. A greeting
    /// is never sent again: the next session has its own.
    ///
    /// # Errors
    ///
    /// A panic, and a call that takes longer than [`hook_timeout`](Reconnect::hook_timeout), end the
    /// session and count as a failed attempt.
    ///
    /// ```
    /// use engineio_client::{Message, Reconnect};
    ///
    /// let reconnect = Reconnect::new().greeting(async |connected| {
    ///     println!("session {}", connected.handshake.sid);
    ///     vec![Message::from("login"), Message::from("subscribe")]
    /// });
    /// # let _ = reconnect;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The client drops the function's future, at whichever `.await` it has reached, when the time is
    /// up, when the session ends, or when the client is closed or dropped.
    #[must_use]
    pub fn greeting<F, Fut>(mut self, greeting: F) -> Self
    where
        F: Fn(Connected) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = Vec<Message>> + MaybeSend + 'static,
    {
        self.greeting = Some(hooks::greeting(greeting));
        self
    }

    /// [`greeting`](Reconnect::greeting) with shared state: each call receives a clone of the state,
    /// such as an `Arc`. Use this instead of a capture, since the future of an async closure cannot
    /// borrow what the closure captures.
    ///
    /// # Errors
    ///
    /// As for [`greeting`](Reconnect::greeting).
    ///
    /// # Cancel safety
    ///
    /// As for [`greeting`](Reconnect::greeting).
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use engineio_client::{Message, Reconnect};
    ///
    /// let rooms = Arc::new(Mutex::new(vec!["news".to_owned()]));
    /// let reconnect = Reconnect::new().greeting_with(rooms.clone(), async |rooms, _connected| {
    ///     let rooms = rooms.lock().expect("no holder of the lock panics");
    ///     rooms.iter().map(|room| Message::from(format!("join {room}"))).collect()
    /// });
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn greeting_with<S, F, Fut>(self, state: S, greeting: F) -> Self
    where
        S: Clone + MaybeSend + MaybeSync + 'static,
        F: Fn(S, Connected) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = Vec<Message>> + MaybeSend + 'static,
    {
        self.greeting(move |connected| greeting(state.clone(), connected))
    }

    /// Sets the time limit of [`before_connect`](Reconnect::before_connect), and of
    /// [`greeting`](Reconnect::greeting). 10 s each by default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::Reconnect;
    ///
    /// let reconnect = Reconnect::new().hook_timeout(Duration::from_secs(30));
    /// # let _ = reconnect;
    /// ```
    #[must_use]
    pub fn hook_timeout(mut self, timeout: Duration) -> Self {
        self.hook_timeout = timeout;
        self
    }
}

/// The same default as Socket.IO's.
const RANDOMIZATION: f64 = 0.5;

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

/// For functions, shows only whether they are set.
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
