//! Handlers: functions that are called when something happens in a session.
//!
//! They are set on the [`Builder`](crate::Builder): `on_connect`, `on_message`, `on_upgrade` and
//! `on_disconnect`, each of which has a twin for handlers with state, `on_message_with` and so on. Each
//! takes a plain function or an async one, as a closure or by name:
//!
//! ```
//! # #[cfg(all(feature = "tokio", feature = "websocket"))] {
//! # use engineio_client::{Handle, Message};
//! async fn answer(handle: Handle, message: Message) {
//!     let _ = handle.send(message).await;
//! }
//!
//! let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
//! let builder = || engineio_client::tokio::Client::builder("http://localhost:3000");
//! # let _ = (
//! builder().on_message(answer)
//! # ,
//! builder().on_message(|_handle, message| println!("{message:?}"))
//! # ,
//! builder().on_message(async |handle, message| {
//!     handle.send(message).await?;
//!     Ok(())
//! })
//! # ,
//! // What an async closure captures can't be lent to its future. So it is given what it works with: a
//! // clone of it for each call.
//! builder().on_message_with(log, async |log, handle, message| {
//!     log.lock().expect("nothing panics with it").push(message.clone());
//!     handle.send(message).await?;
//!     Ok(())
//! })
//! # );
//! # }
//! ```
//!
//! # What holds
//!
//! - They are called one at a time, in the order in which things happened, in a task of their own (on
//!   a thread of its own in the blocking client). A message is handled before the next one is, and all
//!   that came before the end are handled before the disconnect handler is called.
//! - The session does not wait for them: pings are answered and messages leave while a handler runs,
//!   until the inbox is full. A plain handler of an async client is called on a thread of the runtime,
//!   though, like the rest of a task: one that blocks it holds up all else that this thread has to run.
//!   After 10 ms in handlers their task lets the runtime look at its sockets, so that on a runtime of
//!   one thread the session lives on however many messages wait; a single call must be shorter than
//!   the server's patience.
//! - A handler may send, spawn, sleep and disconnect by its [`Handle`], and await all of
//!   that.
//! - A handler that panics is reported by `tracing` at the level of errors, and so is one that returns
//!   an error; the session goes on, and the handler is called again for the next event.
//! - With a message handler, messages go to it, and the client's `recv` yields none: it waits for the
//!   end of the session. As a stream the client still tells the other events.
//! - [`Client::wait`](crate::Client::wait) and [`Client::disconnect`](crate::Client::disconnect)
//!   return when the disconnect handler has, if there is one, and so when all messages that came have
//!   been handled. Without one they return when the session has ended, as [`Handle::wait`] and
//!   [`Handle::disconnect`] always do, so that a handler can await those.

mod time_budget;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;

use time_budget::TimeBudget;

use super::handle::Handle;
use super::inbox::Reader;
use super::log::TARGET;
use super::panic_text::panic_text;
use super::shared::Shared;
use crate::event::{Closed, Disconnected, Event, GivenUp, Reconnecting};
use crate::packet::Message;

pub use crate::error::HandlerError;

/// What a handler may return: nothing, a `Result<(), HandlerError>`, or a future of either.
///
/// `Kind` is inferred, and only lets the compiler tell these apart.
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "a handler that returns `{Self}`",
    note = "it returns nothing, a `Result<(), HandlerError>`, or a future of either: another error becomes \
            that by `?`, with `Ok(())` behind it",
    note = "an async closure gets what it works with by `on_message_with(state, ..)`, and does not capture it"
)]
pub trait Outcome<Kind>: sealed::IntoStep<Kind> {}

/// The kind of handlers that have done their work when they return.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlainHandler;

/// The kind of handlers that return a future.
#[derive(Debug)]
#[non_exhaustive]
pub struct AsyncHandler;

impl Outcome<PlainHandler> for () {}
impl Outcome<PlainHandler> for Result<(), HandlerError> {}
impl<F> Outcome<AsyncHandler> for F
where
    F: Future + Send + 'static,
    F::Output: Outcome<PlainHandler>,
{
}

#[expect(unnameable_types, reason = "only this crate tells what an outcome is")]
mod sealed {
    use futures::FutureExt as _;

    use super::{AsyncHandler, BoxFuture, Future, HandlerError, PlainHandler};

    /// A handler's call, as far as it has come.
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
        F: Future + Send + 'static,
        F::Output: IntoStep<PlainHandler>,
    {
        fn into_step(self) -> Step {
            Step::Runs(Box::pin(self.map(|output| match output.into_step() {
                Step::Done(result) => result,
                Step::Runs(_) => Ok(()),
            })))
        }
    }
}

use sealed::Step;

/// The handlers of a session that is to be.
#[derive(Default)]
pub(crate) struct Handlers {
    connect: Option<Box<dyn FnMut(Handle) -> Step + Send>>,
    message: Option<Box<dyn FnMut(Handle, Message) -> Step + Send>>,
    upgrade: Option<Box<dyn FnMut(Handle, &'static str) -> Step + Send>>,
    connection_lost: Option<Box<dyn FnMut(Handle, Disconnected) -> Step + Send>>,
    reconnecting: Option<Box<dyn FnMut(Handle, Reconnecting) -> Step + Send>>,
    given_up: Option<Box<dyn FnMut(Handle, GivenUp) -> Step + Send>>,
    disconnect: Option<Box<dyn FnMut(Handle, Closed) -> Step + Send>>,
}

impl Handlers {
    pub(crate) fn on_connect<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.connect = Some(Box::new(move |handle| handler(handle).into_step()));
    }

    pub(crate) fn on_message<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, Message) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.message = Some(Box::new(move |handle, message| {
            handler(handle, message).into_step()
        }));
    }

    pub(crate) fn on_upgrade<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, &'static str) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.upgrade = Some(Box::new(move |handle, transport| {
            handler(handle, transport).into_step()
        }));
    }

    pub(crate) fn on_connection_lost<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, Disconnected) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.connection_lost = Some(Box::new(move |handle, end| {
            handler(handle, end).into_step()
        }));
    }

    pub(crate) fn on_reconnecting<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, Reconnecting) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.reconnecting = Some(Box::new(move |handle, next| {
            handler(handle, next).into_step()
        }));
    }

    pub(crate) fn on_given_up<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, GivenUp) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.given_up = Some(Box::new(move |handle, given_up| {
            handler(handle, given_up).into_step()
        }));
    }

    pub(crate) fn on_disconnect<F, O, K>(&mut self, mut handler: F)
    where
        F: FnMut(Handle, Closed) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.disconnect = Some(Box::new(move |handle, closed| {
            handler(handle, closed).into_step()
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connect.is_none()
            && self.message.is_none()
            && self.upgrade.is_none()
            && self.connection_lost.is_none()
            && self.reconnecting.is_none()
            && self.given_up.is_none()
            && self.disconnect.is_none()
    }

    pub(crate) fn take_messages(&self) -> bool {
        self.message.is_some()
    }

    pub(crate) fn hear_of_the_end(&self) -> bool {
        self.disconnect.is_some()
    }

    /// What calls the handlers until the session has ended and all has been handled.
    pub(crate) fn into_task(self, shared: Arc<Shared>, reader: Reader) -> HandlerTask {
        HandlerTask {
            handlers: self,
            reader,
            guard: Guard(shared),
        }
    }

    /// Calls the handler for an event, and gives what is left to do of an async one.
    fn call(&mut self, handle: &Handle, event: Event, connected: bool) -> Option<Running> {
        match event {
            Event::Message(message) => {
                let handler = self.message.as_mut()?;
                call("message", || handler(handle.clone(), message))
            }
            Event::Connected(_) => {
                let handler = self.connect.as_mut()?;
                call("connect", || handler(handle.clone()))
            }
            Event::Upgraded { transport } => {
                let handler = self.upgrade.as_mut()?;
                call("upgrade", || handler(handle.clone(), transport))
            }
            Event::Disconnected(end) => {
                let handler = self.connection_lost.as_mut()?;
                call("connection lost", || handler(handle.clone(), *end))
            }
            Event::Reconnecting(next) => {
                let handler = self.reconnecting.as_mut()?;
                call("reconnecting", || handler(handle.clone(), *next))
            }
            Event::GivenUp(given_up) => {
                let handler = self.given_up.as_mut()?;
                call("given up", || handler(handle.clone(), *given_up))
            }
            Event::UpgradeFailed { .. } | Event::NoReceipts { .. } => None,
            Event::Closed(closed) => {
                let handler = self.disconnect.as_mut().filter(|_| connected)?;
                call("disconnect", || handler(handle.clone(), closed))
            }
        }
    }
}

/// Which handler it is, and its future.
type Running = (&'static str, BoxFuture<'static, Result<(), HandlerError>>);

/// The handlers of a session, which are to be run.
pub(crate) struct HandlerTask {
    handlers: Handlers,
    reader: Reader,
    guard: Guard,
}

impl HandlerTask {
    /// For a task of the runtime, which has other tasks.
    pub(crate) fn on_runtime(self) -> BoxFuture<'static, ()> {
        let runtime = Arc::clone(&self.guard.0.runtime);
        self.run(Some(TimeBudget::new(runtime)))
    }

    /// For a thread that does nothing else.
    #[cfg(feature = "blocking")]
    pub(crate) fn on_thread(self) -> BoxFuture<'static, ()> {
        self.run(None)
    }

    fn run(self, mut budget: Option<TimeBudget>) -> BoxFuture<'static, ()> {
        let Self {
            handlers,
            reader,
            guard,
        } = self;
        // The guard is within it from the start: the future may be dropped before its first poll.
        let mut dispatcher = Dispatcher {
            handlers,
            handle: Handle::new(Arc::clone(&guard.0)),
            reader,
            running: None,
            connected: false,
        };
        Box::pin(async move {
            let _guard = guard;
            loop {
                match poll_fn(|cx| dispatcher.poll(cx, budget.as_mut())).await {
                    Pause::End => return,
                    Pause::StepAside => step_aside().await,
                    Pause::Rest => {
                        step_aside().await;
                        if let Some(budget) = &mut budget {
                            budget.rest().await;
                        }
                    }
                }
            }
        })
    }
}

/// Calls one handler after the other.
struct Dispatcher {
    handlers: Handlers,
    handle: Handle,
    reader: Reader,
    /// An async handler that has not returned.
    running: Option<Running>,
    connected: bool,
}

/// Why no further handler is called for now.
enum Pause {
    /// Other tasks are to have a turn.
    StepAside,
    /// The runtime is to look at its sockets.
    Rest,
    End,
}

impl Dispatcher {
    fn poll(&mut self, cx: &mut Context<'_>, mut budget: Option<&mut TimeBudget>) -> Poll<Pause> {
        if let Some(budget) = &mut budget {
            budget.begin();
        }
        let pause = self.call_some(cx, &mut budget);
        if let Some(budget) = budget
            && pause.is_pending()
        {
            budget.look();
        }
        pause
    }

    fn call_some(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut Option<&mut TimeBudget>,
    ) -> Poll<Pause> {
        let mut calls = 0_u32;
        let mut returned = false;
        loop {
            if let Some((which, future)) = &mut self.running {
                let which = *which;
                let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
                let result = match polled {
                    Ok(polled) => Ok(ready!(polled)),
                    Err(panic) => Err(panic),
                };
                self.running = None;
                report(which, result);
                returned = true;
            }
            if let Some(budget) = budget
                && returned
                && budget.is_spent()
            {
                return Poll::Ready(Pause::Rest);
            }
            if calls >= CALLS {
                return Poll::Ready(Pause::StepAside);
            }
            let Some(event) = ready!(self.reader.poll_next(cx)) else {
                return Poll::Ready(Pause::End);
            };
            calls = calls.saturating_add(1);
            self.connected |= matches!(event, Event::Connected(_));
            // One that is plain has done its work: no more is made of it than a call.
            self.running = self.handlers.call(&self.handle, event, self.connected);
            returned = self.running.is_none();
        }
    }
}

/// After so many calls without a pause other tasks get a turn: handlers that never wait would hold
/// up the heartbeat on a runtime of one thread, for as long as there are messages.
const CALLS: u32 = 32;

/// Waits until other tasks that can run have had a turn.
async fn step_aside() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A runtime that is shut down drops the task: who waits for the handlers waits no longer.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.handled();
    }
}

fn call(which: &'static str, handler: impl FnOnce() -> Step) -> Option<Running> {
    match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(Step::Runs(future)) => return Some((which, future)),
        Ok(Step::Done(Ok(()))) => {}
        Ok(Step::Done(result)) => report(which, Ok(result)),
        Err(panic) => report(which, Err(panic)),
    }
    None
}

fn report(which: &'static str, result: std::thread::Result<Result<(), HandlerError>>) {
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(target: TARGET, handler = which, %error, "a handler failed");
        }
        Err(panic) => {
            tracing::error!(target: TARGET, handler = which,
                panic = panic_text(&*panic),
                "a handler panicked"
            );
        }
    }
}
