//! What the tests in a browser call: whole exchanges of messages, whose time would otherwise be that of the driver, and
//! [`Session`], with which the driver goes through a case step by step.
//!
//! Arguments and results are JSON. A failed check throws an `Error` that says what was expected.

mod failure;
mod handlers;
mod messages;
mod options;
mod report;
mod session;
mod tasks;
mod volume;

pub use session::Session;
