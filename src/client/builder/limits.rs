//! Limits of messages, requests and queues.

use super::Builder;
use crate::amount::Amount;
use crate::limits::Capacity;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Limits
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Sets the maximum size of a received message, in bytes. 64 MiB by default.
    ///
    /// A larger message ends the session with a [`Limit`](crate::ErrorKind::Limit) error. The default of
    /// [`max_body_size`](Builder::max_body_size) depends on this limit.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").max_message_size(1024 * 1024);
    /// ```
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.limits.message = bytes;
        self
    }

    /// Sets the maximum size of a received polling body, in bytes, after decompression. By default 4/3
    /// of [`max_message_size`](Builder::max_message_size) (the size of such a message in base64) plus 64
    /// KiB, but at least 16 MiB.
    ///
    /// A larger body ends the session with a [`Limit`](crate::ErrorKind::Limit) error.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").max_body_size(4 * 1024 * 1024);
    /// ```
    pub fn max_body_size(mut self, bytes: usize) -> Self {
        self.settings.max_body = Some(bytes);
        self
    }

    /// Sets the maximum number of packets in a received polling body. 131,072 by default. This limits
    /// the memory that many short packets take: a packet of two bytes in the body takes 48 bytes of
    /// memory.
    ///
    /// A body with more packets ends the session with a [`Limit`](crate::ErrorKind::Limit) error.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").max_payload_packets(10_000);
    /// ```
    pub fn max_payload_packets(mut self, packets: usize) -> Self {
        self.settings.limits.payload_packets = packets;
        self
    }

    /// Sets the maximum size of the head of an HTTP response, and of the Engine.IO handshake, in bytes.
    /// 64 KiB by default. A head may have at most 1024 headers.
    ///
    /// If the head or the handshake is larger, the request fails with a
    /// [`Limit`](crate::ErrorKind::Limit) error.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").max_head_size(16 * 1024);
    /// ```
    pub fn max_head_size(mut self, bytes: usize) -> Self {
        self.settings.limits.head = bytes;
        self.settings.config.handshake_size = bytes;
        self
    }

    /// Sets the maximum number of cookies of the server that a session keeps. 64 by default. If there
    /// are more, the cookies that the server has not set for the longest time are dropped.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .max_cookies(8)
    ///     .max_cookie_bytes(4 * 1024);
    /// ```
    pub fn max_cookies(mut self, cookies: usize) -> Self {
        self.settings.max_cookies = cookies;
        self
    }

    /// Sets the maximum total size of the cookies that a session keeps, in bytes, including their names.
    /// 16 KiB by default. If they take more, the cookies that were not set for the longest time are
    /// dropped; a single cookie that is larger is ignored. There is an example at
    /// [`max_cookies`](Builder::max_cookies).
    pub fn max_cookie_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_cookie_bytes = bytes;
        self
    }

    /// Sets the capacity of the outbox: the messages that were accepted and are not sent yet, including
    /// those that are being sent. 2048 messages or 2 MiB by default, whichever is reached first.
    ///
    /// When the outbox is full, [`send`](crate::Client::send) waits, and
    /// [`try_send`](crate::Client::try_send) returns a [`Full`](crate::ErrorKind::Full) error. A single
    /// message or group that is larger than the capacity is accepted when the outbox is empty. A
    /// capacity of 0 messages counts as 1.
    ///
    /// The calls of [`send`](crate::Client::send) that wait get room in the order of their arrival. Room
    /// that a call has got stays reserved for it until its future is polled again or dropped. Handles
    /// that are used as [sinks](crate::Handle#impl-Sink<Message>-for-Handle) may exceed the capacity by
    /// one message each.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use engineio_client::Capacity;
    ///
    /// let builder = Client::builder("http://localhost:3000")
    ///     .outbox(Capacity { messages: 100, bytes: 1024 * 1024 });
    /// ```
    pub fn outbox(mut self, capacity: Capacity) -> Self {
        self.settings.outbox = Amount {
            messages: capacity.messages.max(1),
            bytes: capacity.bytes,
        };
        self
    }

    /// Sets the capacity of the inbox: the messages that were received and are not read yet. 1024
    /// messages or 128 KiB by default, whichever is reached first.
    ///
    /// When the inbox is full, the client stops receiving, so that the server's messages queue up in the
    /// network and then in the server. The last batch received may exceed the capacity.
    ///
    /// A larger byte limit makes large messages slower: until a message has been dropped, its buffer
    /// cannot be reused for the next message.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use engineio_client::Capacity;
    ///
    /// let builder = Client::builder("http://localhost:3000")
    ///     .inbox(Capacity { messages: 100, bytes: 64 * 1024 });
    /// ```
    pub fn inbox(mut self, capacity: Capacity) -> Self {
        self.settings.inbox = Amount {
            messages: capacity.messages.max(1),
            bytes: capacity.bytes.max(1),
        };
        self
    }

    /// Sets the maximum number of packets in one POST. 16 by default: python-engineio discards a larger
    /// POST, and still answers 200. With [receipts](Builder::receipts) a larger value has no effect.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// // For a server that is known to accept more packets, such as Node's.
    /// let builder = Client::builder("http://localhost:3000").packets_per_post(256);
    /// ```
    pub fn packets_per_post(mut self, packets: usize) -> Self {
        self.settings.config.packets_per_post = packets.max(1);
        self
    }
}
