//! Points in virtual time.

use std::time::Duration;

/// The arrival time of bytes that never arrive, or that are held by a partition.
pub(super) const NEVER: Duration = Duration::MAX;

/// Formats a time for the log, in seconds.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}
