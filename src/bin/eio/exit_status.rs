//! The exit statuses.

/// This side ended the session, and every line was delivered.
pub(crate) const DELIVERED: i32 = 0;

/// The connection could not be made or failed, or lines were not delivered.
pub(crate) const FAILED: i32 = 1;

/// The command line can't be followed.
pub(crate) const BAD_USAGE: i32 = 2;
