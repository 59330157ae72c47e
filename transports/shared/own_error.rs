//! Recovers an error of this crate from the errors that other libraries wrap it in.

use std::io;

use engineio_client::Error;

/// Finds this crate's own error in the source chain of another error.
///
/// Our streams return [`io::Error`]s, which may hold an error of this crate. For example, a TLS alert from
/// the server reaches a transport as a failed read. Libraries wrap these in errors of their own.
pub(crate) fn own_error(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        let Some(error) = error.downcast_ref::<io::Error>() else {
            continue;
        };
        // `io::Error::source` skips the error that it holds, so that one is looked at here.
        let held = error.get_ref()?;
        if let Some(own) = held.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        next = Some(held);
    }
    None
}
