//! The kinds of errors.

/// What went wrong, for a program to decide on.
///
/// The [`Error`](crate::Error) has the details: a message for people, the URL, the HTTP status, the
/// limit, and the cause.
///
/// # What to do
///
/// | kind | another attempt? | what to do |
/// |---|---|---|
/// | [`Resolve`](Self::Resolve), [`Connect`](Self::Connect), [`Timeout`](Self::Timeout), [`Ended`](Self::Ended) | yes | retry after a delay |
/// | [`Status`](Self::Status), [`Proxy`](Self::Proxy) | depends on the status | retry after 408, 425, 429 and most 5xx; otherwise fix the URL or the credentials |
/// | [`Aborted`](Self::Aborted) | yes | look for a panic in the log, or for a runtime that was shut down |
/// | [`Other`](Self::Other) | yes | read the message: a custom transport, a runtime or a hook failed |
/// | [`Invalid`](Self::Invalid), [`Runtime`](Self::Runtime) | no | fix the program or its configuration |
/// | [`Tls`](Self::Tls) | no | fix the certificate, or configure the CA that signed it |
/// | [`Limit`](Self::Limit) | no | raise the limit that [`Error::limit`](crate::Error::limit) names, or let the server send less |
/// | [`Unsupported`](Self::Unsupported) | no | use another transport, or do without [receipts](crate::Receipts) |
/// | [`NotEngineIo`](Self::NotEngineIo) | no | fix the URL: most often its path is wrong |
/// | [`Handshake`](Self::Handshake), [`Protocol`](Self::Protocol), [`Http`](Self::Http), [`WebSocket`](Self::WebSocket) | no | fix the server, or the proxy in front of it |
/// | [`Upgrade`](Self::Upgrade) | not needed | nothing: the session continues on its transport |
/// | [`NotOpen`](Self::NotOpen), [`Full`](Self::Full) | yes, send again | wait, or call `send`, which waits |
/// | [`TooLarge`](Self::TooLarge), [`NeedsFrames`](Self::NeedsFrames) | no | change the message, or send it over WebSocket |
/// | [`Unconfirmed`](Self::Unconfirmed) | no | send again what may be lost, if the server recognises duplicates |
/// | [`Closed`](Self::Closed) | no | connect anew; the source of the error says why the session ended |
///
/// [`Error::is_retryable`](crate::Error::is_retryable) answers the second column in code.
/// [`Reconnect`](crate::Reconnect) lets the client make the attempts itself.
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
    /// could not reach the host, or did not answer as a proxy. Retry, unless the status is a 4xx.
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
    /// `send` waits until the session is open.
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
