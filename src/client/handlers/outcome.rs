//! What a handler may return.

use std::future::Future;

use futures::future::BoxFuture;

use crate::error::HandlerError;
use crate::runtime::{MaybeSend, local};

/// The types that a handler may return: `()`, `Result<(), HandlerError>`, or a future of either.
///
/// `Kind` is inferred. It only lets the compiler tell plain and async handlers apart. This trait cannot
/// be implemented outside of this crate.
///
/// ```
/// use engineio_client::handlers::{HandlerError, Outcome};
///
/// fn may_be_returned<K>(_: impl Outcome<K>) {}
///
/// may_be_returned(());
/// may_be_returned(Ok::<(), HandlerError>(()));
/// may_be_returned(async {});
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler returns `{Self}`",
    note = "a handler returns `()`, `Result<(), HandlerError>`, or a future of either; `?` converts any other \
            error, and then the last expression is `Ok(())`",
    note = "an async closure cannot capture state: pass the state to `on_message_with(state, ..)`"
)]
pub trait Outcome<Kind>: sealed::IntoStep<Kind> {}

/// The [`Outcome`] kind of handlers that have finished when they return.
///
/// ```
/// use engineio_client::handlers::{Outcome, PlainHandler};
///
/// fn is_plain(_: &impl Outcome<PlainHandler>) {}
///
/// is_plain(&());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct PlainHandler;

/// The [`Outcome`] kind of handlers that return a future.
///
/// ```
/// use engineio_client::handlers::{AsyncHandler, Outcome};
///
/// fn is_async(_: &impl Outcome<AsyncHandler>) {}
///
/// is_async(&async {});
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct AsyncHandler;

impl Outcome<PlainHandler> for () {}
impl Outcome<PlainHandler> for Result<(), HandlerError> {}
impl<F> Outcome<AsyncHandler> for F
where
    F: Future + MaybeSend + 'static,
    F::Output: Outcome<PlainHandler>,
{
}

#[expect(
    unnameable_types,
    reason = "only this crate decides what an outcome is"
)]
mod sealed {
    use futures::FutureExt as _;

    use super::{AsyncHandler, BoxFuture, Future, HandlerError, MaybeSend, PlainHandler, local};

    /// The state of a handler call after the handler has returned.
    #[expect(missing_debug_implementations, reason = "it never leaves this crate")]
    pub enum Step {
        Done(Result<(), HandlerError>),
        Runs(BoxFuture<'static, Result<(), HandlerError>>),
    }

    pub trait IntoStep<Kind> {
        fn into_step(self) -> Step;
    }

    impl IntoStep<PlainHandler> for () {
        fn into_step(self) -> Step {
            Step::Done(Ok(()))
        }
    }

    impl IntoStep<PlainHandler> for Result<(), HandlerError> {
        fn into_step(self) -> Step {
            Step::Done(self)
        }
    }

    impl<F> IntoStep<AsyncHandler> for F
    where
        F: Future + MaybeSend + 'static,
        F::Output: IntoStep<PlainHandler>,
    {
        fn into_step(self) -> Step {
            Step::Runs(Box::pin(local(self.map(
                |output| match output.into_step() {
                    Step::Done(result) => result,
                    Step::Runs(_) => Ok(()),
                },
            ))))
        }
    }
}

pub(super) use sealed::Step;
