//! The low level: a transport without a protocol, whose other end is a script.

mod link;
mod transport;
mod watched;

pub use link::{Answer, Call, MockLink};
pub use transport::{MockEnd, MockOpen, MockTransport};
