//! The low level: a transport without a protocol, whose server side is a script.

mod answer;
mod link;
mod transport;
mod watched;

pub use answer::Answer;
pub use link::{Call, MockLink};
pub use transport::{MockEnd, MockOpen, MockTransport};
