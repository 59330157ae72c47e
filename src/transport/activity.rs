//! Progress of a link, as its transport reports it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::runtime::Runtime;

/// Where a transport reports progress within a message, so that a slow exchange is not taken for a dead
/// one.
///
/// Clones share their state. Each method stores the current time of the runtime's clock, and costs as
/// much as reading that clock.
///
/// ```
/// use engineio_client::Activity;
/// use futures::{AsyncRead, AsyncReadExt};
///
/// async fn read_body(
///     mut stream: impl AsyncRead + Unpin,
///     length: usize,
///     activity: &Activity,
/// ) -> std::io::Result<Vec<u8>> {
///     let (mut body, mut buffer) = (Vec::new(), [0; 16 * 1024]);
///     while body.len() < length {
///         let count = stream.read(&mut buffer).await?;
///         if count == 0 {
///             return Err(std::io::ErrorKind::UnexpectedEof.into());
///         }
///         activity.mark();
///         body.extend_from_slice(&buffer[..count]);
///     }
///     Ok(body)
/// }
/// ```
#[derive(Clone)]
pub struct Activity(Arc<Marks>);

struct Marks {
    runtime: Arc<dyn Runtime>,
    /// Nanoseconds of [`Runtime::now`] plus one, like the fields below. Zero means never.
    received: AtomicU64,
    sent: AtomicU64,
    asked: AtomicU64,
}

impl Activity {
    /// Creates an `Activity` without progress, for tests of transports. In a session the client creates
    /// it, and passes it in [`OpenRequest::activity`](super::OpenRequest).
    ///
    /// ```
    /// # #[cfg(feature = "mock")] {
    /// use std::sync::Arc;
    ///
    /// use engineio_client::{Activity, MockRuntime};
    ///
    /// let activity = Activity::new(Arc::new(MockRuntime::new()));
    /// activity.mark_sent();
    /// # }
    /// ```
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Marks {
            runtime,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        }))
    }

    /// Reports that bytes of an incomplete message arrived. They count as a sign of life of the server.
    pub fn mark(&self) {
        self.0.received.store(self.stamp(), Ordering::Relaxed);
    }

    /// Reports that bytes of an unfinished batch were sent. This restarts the send timeout.
    ///
    /// See [`new`](Self::new) for an example.
    pub fn mark_sent(&self) {
        self.0.sent.store(self.stamp(), Ordering::Relaxed);
    }

    /// Reports that a poll was sent: the request of a running `recv`, on a link that confirms [by
    /// polls](super::Confirms::ByPoll). While this poll stays unanswered, the server has not closed the
    /// session, so [receipts](crate::Receipts) measure how long it stays unanswered, from this call.
    ///
    /// For a transport that never calls this method, receipts measure from the call of `recv`, although
    /// the transport may still be connecting at that time.
    pub fn mark_asked(&self) {
        self.0.asked.store(self.stamp(), Ordering::Relaxed);
    }

    /// Withdraws [`mark_asked`](Self::mark_asked): the poll did not reach the server, since its
    /// connection was already closed, and the transport is sending it again. Call `mark_asked` again
    /// when it has been sent.
    ///
    /// ```
    /// use engineio_client::Activity;
    ///
    /// async fn poll(activity: &Activity) {
    ///     // Write the request, then:
    ///     activity.mark_asked();
    ///     // If the server has closed the connection without reading the request:
    ///     activity.mark_not_asked();
    ///     // Write the request on a new connection, then:
    ///     activity.mark_asked();
    /// }
    /// ```
    pub fn mark_not_asked(&self) {
        self.0.asked.store(NOT_ASKED, Ordering::Relaxed);
    }

    fn stamp(&self) -> u64 {
        let nanos = u64::try_from(self.0.runtime.now().as_nanos()).unwrap_or(u64::MAX);
        nanos.saturating_add(1).min(NOT_ASKED - 1)
    }

    /// When bytes last arrived, on the runtime's clock.
    pub(crate) fn received(&self) -> Option<Duration> {
        at(&self.0.received)
    }

    /// When bytes were last sent, on the runtime's clock.
    pub(crate) fn sent(&self) -> Option<Duration> {
        at(&self.0.sent)
    }

    /// When the last poll was sent, on the runtime's clock.
    pub(crate) fn asked(&self) -> Asked {
        if self.0.asked.load(Ordering::Relaxed) == NOT_ASKED {
            return Asked::NotYet;
        }
        at(&self.0.asked).map_or(Asked::Untold, Asked::At)
    }
}

/// Whether a poll was sent, as far as the transport reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The transport does not report it.
    #[default]
    Untold,
    /// The last poll was sent at this time.
    At(Duration),
    /// The running poll did not reach the server and is being sent again.
    NotYet,
}

const NOT_ASKED: u64 = u64::MAX;

fn at(mark: &AtomicU64) -> Option<Duration> {
    mark.load(Ordering::Relaxed)
        .checked_sub(1)
        .map(Duration::from_nanos)
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity")
            .field("received", &self.received())
            .field("sent", &self.sent())
            .field("asked", &self.asked())
            .finish()
    }
}
