//! Stands in for `sock_diag` on systems other than Linux: the number of acknowledged bytes is unknown.

pub(super) fn unacknowledged<S>(_socket: &S) -> Option<u64> {
    None
}
