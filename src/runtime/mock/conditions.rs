//! Conditions of a connection: latency, bandwidth, segments and buffer size.

use std::time::Duration;

/// The conditions of connections: latency, bandwidth, segment size and buffer size. By default bytes
/// arrive at once, in the pieces in which they were written.
///
/// The conditions apply to each direction of each connection separately. Bytes of one direction never
/// overtake each other. Random values are derived from the runtime's seed.
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::MockRuntime;
/// use engineio_client::runtime::mock::Conditions;
///
/// let mobile = Conditions::new()
///     .latency_between(Duration::from_millis(40), Duration::from_millis(300))
///     .bandwidth(100_000)
///     .segment(1400);
/// let runtime = MockRuntime::new();
/// runtime.network().set(mobile);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    latency: Delay,
    pub(super) connect_latency: Delay,
    bandwidth: Option<u64>,
    pub(super) segment: Option<usize>,
    pub(super) capacity: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    least: Duration,
    most: Duration,
}

impl Delay {
    const ZERO: Self = Self {
        least: Duration::ZERO,
        most: Duration::ZERO,
    };

    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> Duration {
        let span = self.most.saturating_sub(self.least).as_nanos();
        if span == 0 {
            return self.least;
        }
        let span = u64::try_from(span).unwrap_or(u64::MAX);
        let more = Duration::from_nanos(random.u64(..=span));
        self.least.saturating_add(more)
    }
}

impl Conditions {
    /// No latency, unlimited bandwidth, and a buffer of 64 KiB for each direction.
    ///
    /// ```
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// assert_eq!(Conditions::new(), Conditions::default());
    /// ```
    pub fn new() -> Self {
        Self {
            latency: Delay::ZERO,
            connect_latency: Delay::ZERO,
            bandwidth: None,
            segment: None,
            capacity: 64 * 1024,
        }
    }

    /// Sets how long bytes, and the end of a stream, take to arrive.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::Address;
    /// use engineio_client::runtime::mock::Conditions;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().set(Conditions::new().latency(Duration::from_millis(50)));
    /// let address = "10.0.0.1:80".parse()?;
    /// let mut listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     client.write_all(b"hi").await?;
    ///     listener.accept().await.read_exact(&mut [0; 2]).await?;
    ///     assert_eq!(runtime.now(), Duration::from_millis(50));
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        self.latency_between(latency, latency)
    }

    /// Sets how long bytes take to arrive: for each write or segment, a random time between these two.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// let satellite = Conditions::new()
    ///     .latency_between(Duration::from_millis(600), Duration::from_millis(700));
    /// # let _ = satellite;
    /// ```
    #[must_use]
    pub fn latency_between(mut self, least: Duration, most: Duration) -> Self {
        self.latency = Delay { least, most };
        self
    }

    /// Sets how long connecting takes, whether it succeeds or is refused.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::Address;
    /// use engineio_client::runtime::mock::Conditions;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().set(Conditions::new().connect_latency(Duration::from_secs(1)));
    /// let address = Address::Tcp("10.0.0.1:80".parse()?);
    /// assert!(runtime.block_on(runtime.connect(&address)).is_err());
    /// assert_eq!(runtime.now(), Duration::from_secs(1));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn connect_latency(self, latency: Duration) -> Self {
        self.connect_latency_between(latency, latency)
    }

    /// Sets how long connecting takes: for each connection, a random time between these two.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// let slow = Conditions::new().connect_latency_between(Duration::ZERO, Duration::from_secs(3));
    /// # let _ = slow;
    /// ```
    #[must_use]
    pub fn connect_latency_between(mut self, least: Duration, most: Duration) -> Self {
        self.connect_latency = Delay { least, most };
        self
    }

    /// Sets the bandwidth of each direction in bytes per second. Zero counts as one. Bytes that are
    /// written while the direction is busy are queued.
    ///
    /// ```
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// let modem = Conditions::new().bandwidth(7_000);
    /// # let _ = modem;
    /// ```
    #[must_use]
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.bandwidth = Some(bytes_per_second.max(1));
        self
    }

    /// Splits writes into segments with a random size from one byte to `most` bytes. Zero counts as one.
    /// The segments arrive at least a nanosecond apart, so that a waiting reader reads each of them
    /// alone.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::runtime::mock::Conditions;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().set(Conditions::new().segment(1));
    /// let address = "10.0.0.1:80".parse()?;
    /// let mut listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     client.write_all(b"hi").await?;
    ///     let mut server = listener.accept().await;
    ///     assert_eq!(server.read(&mut [0; 64]).await?, 1);
    ///     assert_eq!(server.read(&mut [0; 64]).await?, 1);
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn segment(mut self, most: usize) -> Self {
        self.segment = Some(most.max(1));
        self
    }

    /// Sets the buffer size of each direction: the number of bytes in flight or unread before a write
    /// waits. Zero counts as one.
    ///
    /// ```
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// let narrow = Conditions::new().capacity(1024);
    /// # let _ = narrow;
    /// ```
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes.max(1);
        self
    }

    pub(super) fn draw_latency(&self, random: &mut fastrand::Rng) -> Duration {
        self.latency.draw(random)
    }

    /// How long sending these bytes keeps the direction busy.
    pub(super) fn transmission(&self, bytes: usize) -> Duration {
        let Some(rate) = self.bandwidth else {
            return Duration::ZERO;
        };
        let nanos = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Number of bytes of the next segment.
    pub(super) fn piece(&self, bytes: usize, random: &mut fastrand::Rng) -> usize {
        match self.segment {
            Some(most) => (random.u64(1..=most as u64) as usize).min(bytes),
            None => bytes,
        }
    }
}

impl Default for Conditions {
    fn default() -> Self {
        Self::new()
    }
}
