//! The names of the checks, and the failures that they report.

use std::fmt;

/// A property of transports that the suite checks.
///
/// Each description begins with the words by which `Display`, and so a printed [`Failure`], names the
/// check.
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
    /// `lazy before open`: The transport does nothing before `open`.
    LazyBeforeOpen,
    /// `lazy between calls`: The transport receives nothing between calls: it makes no poll, and fills
    /// no unbounded queue. A link of frames accepts less than 64 MiB.
    LazyBetweenCalls,
    /// `order of what is sent`: The peer receives what was sent, unchanged and in order, once `send` has
    /// returned.
    OrderOfSent,
    /// `order of what is received`: The client receives what the peer sent, unchanged and in order.
    OrderOfReceived,
    /// `one call, one exchange`: On a link of payloads, a call of `send` makes one exchange with all
    /// packets of its batch, and a call of `recv` returns all packets of one payload.
    OneExchange,
    /// `bounds of a call`: On a link of frames, a call of `recv` returns at least one packet, and at
    /// most 256 packets or 64 KiB beyond the first one. The packet that reaches 64 KiB may exceed it.
    /// The peer sends 300 packets before the first call, so this check hangs if the link holds fewer.
    Bounds,
    /// `what is ready`: A call of `recv` returns everything that has arrived, within
    /// [`Bounds`](Self::Bounds).
    Ready,
    /// `empty messages`: Empty text and binary messages arrive in both directions.
    EmptyMessages,
    /// `large messages`: Messages of one megabyte arrive in both directions.
    LargeMessages,
    /// `both halves at once`: A batch can be sent while a call of `recv` waits.
    BothHalves,
    /// `clean end`: A clean end is reported as [`Packet::Close`](engineio_client::Packet::Close), after
    /// the packets that the peer sent before it.
    CleanEnd,
    /// `unclean end`: An end without a goodbye is an error of the kind
    /// [`Ended`](engineio_client::ErrorKind::Ended).
    UncleanEnd,
    /// `packets before an error`: If packets arrive before an error occurs, `recv` returns these packets
    /// first, and then the error.
    PacketsBeforeError,
    /// `close flushes`: `close` sends the goodbye after all packets that were sent earlier, and returns
    /// once the peer has answered the goodbye.
    CloseFlushes,
    /// `drop without a goodbye`: Dropping a link sends no goodbye, because a goodbye would end the
    /// session even if it continues on another link. On a link of frames, the peer notices that the
    /// connection has ended.
    SilentDrop,
    /// `order of a fence`: On a link that confirms by fences, a fence is sent after all packets of its
    /// batch, and can be sent without packets. This check passes on all other links.
    FenceOrder,
    /// `answer to a fence`: On a link that confirms by fences, `recv` reports the answer to a fence
    /// exactly once. This check passes on all other links.
    FenceAnswer,
    /// `nobody there`: If no peer exists, opening or the first call of `recv` fails, with an error of a
    /// kind after which another transport may be tried.
    NobodyThere,
}

impl Check {
    /// All checks, in the order in which they run.
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

/// A failed check.
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
    /// The check that failed.
    pub check: Check,
    /// What the check observed instead of this property.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.reason)
    }
}

/// Same as `Display`, so that the output of `unwrap` is readable.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
