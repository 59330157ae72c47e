//! The error that a stream of this crate has put into an [`io::Error`].

use std::io;

use engineio_client::Error;

/// Finds this crate's own error in the source chain of another one. A stream's errors are
/// [`io::Error`]s, which libraries wrap in theirs: that the server ended a TLS session with an alert,
/// say, comes as the failure of a read.
pub(crate) fn own_error(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        let Some(error) = error.downcast_ref::<io::Error>() else {
            continue;
        };
        // The source of such an error is that of what it holds.
        let held = error.get_ref()?;
        if let Some(own) = held.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        next = Some(held);
    }
    None
}
