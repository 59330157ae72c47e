//! Whether a [`Builder`](crate::Builder) makes an async client or one for threads: the setters are
//! the same, while `connect` and the handlers differ.

/// Makes a [`Client`](crate::Client).
#[derive(Debug)]
#[non_exhaustive]
pub struct Async;

/// Makes a [`blocking::Client`](crate::blocking::Client).
#[cfg(feature = "blocking")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Blocking;
