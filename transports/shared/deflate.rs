//! The settings of compression by permessage-deflate.

/// How WebSocket messages are compressed: by permessage-deflate (RFC 7692).
///
/// The extension is off unless a transport has these settings: see
/// [`WebSocket::deflate`](crate::transports::WebSocket::deflate), or `deflate` of the builder for the default
/// transports. It is then offered to the server, which may refuse it or choose smaller windows. JSON typically
/// shrinks to a fifth. A message that does not shrink is sent as it is.
///
/// # Memory
///
/// By default both directions keep their *context*: a message may refer to the last 32 KiB of the messages
/// before it, so short messages that resemble each other shrink to a few bytes. Each connection then has a
/// compressor and a decompressor of its own, from its first compressed message in that direction on. Smaller
/// windows save little of their memory:
///
/// | window bits, both directions | memory of a connection |
/// |---:|---:|
/// | 15 (32 KiB) | 345 KiB |
/// | 14 | 281 KiB |
/// | 12 | 233 KiB |
/// | 9 (512 bytes) | 221 KiB |
///
/// Without context, all connections that a thread drives share one compressor and one decompressor, so an idle
/// connection takes 0.4 KiB more than without compression:
///
/// ```
/// use engineio_client::transports::Deflate;
///
/// let deflate = Deflate::default()
///     .client_context_takeover(false)
///     .server_context_takeover(false);
/// # let _ = deflate;
/// ```
///
/// (Measured by the part `deflate` of `benches/many`.)
///
/// # Security
///
/// The length of a compressed message depends on what it has in common with itself and, with context, with
/// earlier messages. Whoever can put text of their choice beside a secret, and can see the lengths of the
/// encrypted messages, learns the secret piece by piece (the attack is known as CRIME and BREACH). Do not
/// compress such messages: leave the extension off for that connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflate {
    pub(crate) threshold: usize,
    pub(crate) level: u8,
    pub(crate) client_window_bits: u8,
    pub(crate) server_window_bits: u8,
    pub(crate) client_takes_over: bool,
    pub(crate) server_takes_over: bool,
}

/// The window bits for which a parameter is not needed.
pub(crate) const MAX_BITS: u8 = 15;

/// The fewest bits with which a server may compress.
pub(crate) const MIN_BITS: u8 = 8;

/// The fewest bits with which zlib compresses. It replaces 8 by 9, so that a window of 8 bits can't be promised.
pub(crate) const MIN_CLIENT_BITS: u8 = 9;

impl Default for Deflate {
    fn default() -> Self {
        Self {
            threshold: 1024,
            level: 6,
            client_window_bits: MAX_BITS,
            server_window_bits: MAX_BITS,
            client_takes_over: true,
            server_takes_over: true,
        }
    }
}

impl Deflate {
    /// Sets the length from which messages are compressed, in bytes. Default: 1 KiB (1,024 bytes), as in Node's
    /// `engine.io`. Compressing a shorter message takes more time than its transmission, unless the network is
    /// slow.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().threshold(256);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Sets the level of compression, from 1 (fast) to 9 (small). Default: 6. Values outside of this range count
    /// as its nearest end.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().level(1);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// Sets the window of the client's compressor as a power of two: from 9 (512 bytes) to 15 (32 KiB). Default:
    /// 15. Values outside of this range count as its nearest end.
    ///
    /// This is a limit: the server may ask for a smaller window. The handshake fails if it asks for 8 bits, which
    /// no zlib can do. Node's server refuses the request (400) if it was given a `clientMaxWindowBits` that is
    /// larger than this window.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().client_window_bits(10);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn client_window_bits(mut self, bits: u8) -> Self {
        self.client_window_bits = bits.clamp(MIN_CLIENT_BITS, MAX_BITS);
        self
    }

    /// Sets the largest window that the server's compressor may use, as a power of two: from 8 (256 bytes) to 15
    /// (32 KiB). Default: 15. Values outside of this range count as its nearest end.
    ///
    /// A server that can't limit its window refuses the extension then, and messages are not compressed. Node's
    /// server refuses the whole request (400) if it was given a `serverMaxWindowBits` that is larger.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().server_window_bits(10);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn server_window_bits(mut self, bits: u8) -> Self {
        self.server_window_bits = bits.clamp(MIN_BITS, MAX_BITS);
        self
    }

    /// Sets whether the client's compressor keeps its context from one message to the next. Default: `true`,
    /// unless the server asks for the contrary.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().client_context_takeover(false);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn client_context_takeover(mut self, keeps: bool) -> Self {
        self.client_takes_over = keeps;
        self
    }

    /// Sets whether the server's compressor may keep its context from one message to the next. Default: `true`.
    ///
    /// ```
    /// use engineio_client::transports::Deflate;
    ///
    /// let deflate = Deflate::default().server_context_takeover(false);
    /// # let _ = deflate;
    /// ```
    #[must_use]
    pub fn server_context_takeover(mut self, keeps: bool) -> Self {
        self.server_takes_over = keeps;
        self
    }
}
