//! The names of the checks, and of those that failed.

use std::fmt;

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
    /// A clean end is [`Packet::Close`](engineio_client::Packet::Close), behind what was sent before.
    CleanEnd,
    /// An end without a goodbye is an error of the kind [`Ended`](engineio_client::ErrorKind::Ended).
    UncleanEnd,
    /// Packets that came before an error are returned before it.
    PacketsBeforeError,
    /// The goodbye comes behind all that was sent, and `close` returns once it is answered.
    CloseFlushes,
    /// A link that is dropped says no goodbye, which would end the session that another link
    /// carries on. On a link of frames the peer notices it.
    SilentDrop,
    /// On a link that confirms by fences, a fence comes behind all packets of its batch, and may go alone. On
    /// others there is nothing to check.
    FenceOrder,
    /// On a link that confirms by fences, the answer to one comes with `recv`, once.
    FenceAnswer,
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
        Self::FenceOrder,
        Self::FenceAnswer,
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
            Self::FenceOrder => "order of a fence",
            Self::FenceAnswer => "answer to a fence",
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
