//! The kinds of errors.

/// What went wrong, for a program to decide on.
///
/// The [`Error`](crate::Error) has the details: a message for people, the URL, the HTTP status, the
/// limit, and the cause.
///
/// # What to do
///
/// | kind | cause | another attempt? | what to do |
/// |---|---|---|---|
/// | [`Invalid`](Self::Invalid) | a setting or a value of this program | no | change it: the message names the URL, header or option |
/// | [`Runtime`](Self::Runtime) | this program | no | call it inside of a tokio runtime, with IO and time enabled |
/// | [`Resolve`](Self::Resolve) | DNS | yes | check the host name; retry after a delay |
/// | [`Connect`](Self::Connect) | the network, or the server is down | yes | check host and port; retry after a delay |
/// | [`Proxy`](Self::Proxy) | the proxy | by status; yes without one | after 407, set credentials in the proxy's URL |
/// | [`Tls`](Self::Tls) | a certificate or a key | no | fix the certificate, or configure the CA that signed it |
/// | [`Status`](Self::Status) | the server refused | by status | after 401 and 403, check the credentials; after 404, the path; after 400, see the [codes](crate::guide::protocol#closing) |
/// | [`NotEngineIo`](Self::NotEngineIo) | a web page answered | no | fix the URL: most often its path is wrong, or a proxy asks for a log-in |
/// | [`Http`](Self::Http), [`WebSocket`](Self::WebSocket), [`Handshake`](Self::Handshake), [`Protocol`](Self::Protocol) | the server, or a proxy in front of it | no | check the server's version: this client speaks Engine.IO 4, which is Socket.IO 3 and later |
/// | [`Limit`](Self::Limit) | the server sent too much | no | raise the limit that [`Error::limit`](crate::Error::limit) names, or let the server send less |
/// | [`Timeout`](Self::Timeout) | the network, the server, or a wrong path | yes | retry after a delay; the message names the limit |
/// | [`Ended`](Self::Ended) | the connection broke | yes | retry after a delay; if it happens often, look for [time-outs on the way](crate::guide::deployment#idle-time-outs) |
/// | [`Upgrade`](Self::Upgrade) | WebSocket could not be used | yes, in a new session | nothing: the session continues on its transport |
/// | [`NotOpen`](Self::NotOpen), [`Full`](Self::Full) | `try_send` was called too early or too often | yes, of the send | wait, or call `send`, which waits |
/// | [`TooLarge`](Self::TooLarge) | the message exceeds the server's `maxPayload` | no | split it, or send it over WebSocket |
/// | [`NeedsFrames`](Self::NeedsFrames) | a text with U+001E over polling | no | send it as binary, or over WebSocket |
/// | [`Unconfirmed`](Self::Unconfirmed) | a session ended before the messages were confirmed | no | take the messages from [`Closed`](crate::Closed), [`Disconnected`](crate::Disconnected) or [`GivenUp`](crate::GivenUp); send them again if the server recognises duplicates |
/// | [`Unsupported`](Self::Unsupported) | no [receipts](crate::Receipts) with this server or transport | no | do without receipts, or use another transport |
/// | [`Closed`](Self::Closed) | the session has ended | no, it needs a new client | connect anew; the source of the error says why the session ended |
/// | [`Aborted`](Self::Aborted) | the runtime was dropped, or a task panicked | yes | look for a panic in the log |
/// | [`Other`](Self::Other) | a custom transport or runtime, or a hook | yes | read the message and its source |
///
/// By status means: yes after 408, 425, 429 and every 5xx except 501, 505 and 511; no after any other
/// status.
///
/// [`Error::is_retryable`](crate::Error::is_retryable) answers the third column in code.
/// [`Reconnect`](crate::Reconnect) lets the client make the attempts itself; it [retries
/// more](crate::Reconnect#when-it-is-over).
///
/// ```
/// use engineio_client::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::NotEngineIo => "is the path in the URL right?",
///         ErrorKind::Tls => "is the certificate valid, and its CA known?",
///         ErrorKind::Status if error.status() == Some(401) => "log in first",
///         _ if error.is_retryable() => "try again later",
///         _ => "see the message",
///     }
/// }
///
/// let refused = Error::new(ErrorKind::Connect, "could not connect to 127.0.0.1:9");
/// assert_eq!(advice(&refused), "try again later");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program passed a value that cannot be used: a URL, a header, an option, or a value that
    /// is not JSON. Retrying does not help.
    Invalid,
    /// The async runtime cannot be used here (`Tokio` outside of a tokio runtime, for example), or the
    /// system has no more threads. Retrying does not help.
    Runtime,
    /// The host name could not be resolved. Retry: the network or the DNS server may be down.
    Resolve,
    /// No connection to the host, or to the proxy, could be made: refused, unreachable, no such Unix
    /// socket. Retry: the server may be restarting.
    Connect,
    /// The proxy refused the request (see [`Error::status`](crate::Error::status) for an HTTP proxy),
    /// could not reach the host, or did not answer as a proxy. Retry if there is no status, and after
    /// 408, 425, 429 and most 5xx.
    Proxy,
    /// TLS failed: the handshake, the certificate of the server or of this client, or the protection of
    /// the data afterwards. Retrying does not help; the message says what is wrong with the certificate.
    Tls,
    /// The server refused a request with an HTTP status: see [`Error::status`](crate::Error::status).
    /// Retry after 408, 425, 429 and most 5xx, not earlier than
    /// [`Error::retry_after`](crate::Error::retry_after).
    Status,
    /// The response is not valid HTTP, or is HTTP that this client does not accept (an encoding that
    /// was not asked for, for example). Fix the server or the proxy in front of it.
    Http,
    /// The response to the first request is HTTP but not Engine.IO: a web page, for example. Most often
    /// the path in the URL is wrong. The client tries its next transport, if it has one.
    NotEngineIo,
    /// The server broke the WebSocket protocol (RFC 6455). Fix the server or the proxy in front of it.
    WebSocket,
    /// The server's handshake is malformed (the message names the field), or the first packet is not a
    /// handshake. No other transport is tried. Fix the server.
    Handshake,
    /// The server broke the Engine.IO protocol, or speaks another version of it. Fix the server.
    Protocol,
    /// A limit of this client was reached. [`Error::limit`](crate::Error::limit) names it; the message
    /// also has its value.
    Limit,
    /// A time limit passed. [`Error::limit`](crate::Error::limit) names it; the message also has its
    /// value. Retry.
    Timeout,
    /// The connection ended without a close packet or a close frame. Retry.
    Ended,
    /// The upgrade to a better transport failed. The session continues on its current transport, and
    /// nothing is lost.
    Upgrade,
    /// The session is not open yet. From [`try_send`](crate::Handle::try_send) and `try_send_all` only:
    /// `send` waits until the session is open. A client that [reconnects](crate::Builder::reconnect)
    /// never returns this error, since it accepts messages without a session.
    NotOpen,
    /// The session is closed or closing, so that nothing more can be sent. The source of the error is
    /// the error that ended the session, if there is one.
    Closed,
    /// The outbox is full. From [`try_send`](crate::Handle::try_send) and `try_send_all` only: `send`
    /// waits for room.
    Full,
    /// The message is larger than the server's `maxPayload` allows on polling. Split it, or send it over
    /// WebSocket.
    TooLarge,
    /// The text contains `\x1e`, the separator of polling payloads, at which any server would split
    /// it. It can only be sent on a transport that sends each packet in a frame, such as WebSocket.
    NeedsFrames,
    /// Messages may not have arrived. From [`confirm`](crate::Handle::confirm), and in
    /// [`GivenUp`](crate::GivenUp).
    Unconfirmed,
    /// Messages cannot be confirmed: [receipts](crate::Receipts) are off, or the server or the
    /// transport does not support them. Retrying does not help.
    Unsupported,
    /// The task that drives the connection was dropped (with its runtime), or panicked. Awaiting a task
    /// of [`Handle::spawn`](crate::Handle::spawn) also returns this error, if that task was dropped or
    /// panicked.
    Aborted,
    /// Any other failure: of a custom transport or runtime, or of a function that the program has set,
    /// such as [`before_connect`](crate::Reconnect::before_connect).
    Other,
}
