//! The two kinds of client that a [`Builder`](crate::Builder) makes: async, or for threads. The setters
//! are the same, while `connect` and the handlers differ.

/// Makes a [`Client`](crate::Client).
#[derive(Debug)]
#[non_exhaustive]
pub struct Async;

/// Makes a [`blocking::Client`](crate::blocking::Client).
#[cfg(feature = "blocking")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Blocking;
