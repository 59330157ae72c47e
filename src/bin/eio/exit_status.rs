//! Exit statuses.

/// `eio` ended the session, and every line was delivered.
pub(crate) const DELIVERED: i32 = 0;

/// Connecting failed, the session ended in another way, or lines were not delivered.
pub(crate) const FAILED: i32 = 1;

/// The command line is not valid.
pub(crate) const BAD_USAGE: i32 = 2;
