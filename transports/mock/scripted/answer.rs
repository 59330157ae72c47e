//! The script's answer to a call of the client's sender.

use std::fmt;
use std::sync::Arc;

use engineio_client::Error;

use super::watched::Watched;

/// The script's answer to a call of the client's sender, which waits until [`ok`](Answer::ok) or
/// [`fail`](Answer::fail) is called. If this value is dropped without either, the call waits for ever.
///
/// ```
/// use engineio_client::transports::mock::{Call, MockLink};
///
/// async fn a_post_that_hangs(link: &mut MockLink) {
///     let Call::Send(batch, answer) = link.call().await else {
///         panic!("no batch");
///     };
///     drop(answer);
///     # let _ = batch;
/// }
/// ```
#[must_use = "the client waits for it"]
pub struct Answer(pub(super) Arc<Watched<Option<Result<(), Error>>>>);

impl Answer {
    /// Lets the call succeed.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Call, MockLink};
    ///
    /// async fn goodbye(link: &mut MockLink) {
    ///     if let Call::Close(answer) = link.call().await {
    ///         answer.ok();
    ///     }
    /// }
    /// ```
    pub fn ok(self) {
        self.0.change(|answer| *answer = Some(Ok(())));
    }

    /// Lets the call fail with this error.
    ///
    /// ```
    /// use engineio_client::transports::mock::Answer;
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// fn reset(answer: Answer) {
    ///     answer.fail(Error::new(ErrorKind::Ended, "connection reset"));
    /// }
    /// ```
    pub fn fail(self, error: Error) {
        self.0.change(|answer| *answer = Some(Err(error)));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
