//! Points in virtual time: the one that never comes, and the way the log writes them.

use std::time::Duration;

/// The arrival of what never arrives, or does not arrive before a partition ends.
pub(super) const NEVER: Duration = Duration::MAX;

/// A time as the log writes it: in seconds.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}
