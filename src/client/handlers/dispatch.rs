//! The task that calls the handlers.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;

use super::registry::{Handlers, Running, report};
use super::time_budget::TimeBudget;
use crate::client::handle::Handle;
use crate::client::inbox::Reader;
use crate::client::shared::Shared;
use crate::event::Event;

/// Calls the handlers until the client has ended and all events have been handled.
pub(crate) struct HandlerTask {
    handlers: Handlers,
    reader: Reader,
    guard: Guard,
}

impl HandlerTask {
    pub(crate) fn new(handlers: Handlers, shared: Arc<Shared>, reader: Reader) -> Self {
        Self {
            handlers,
            reader,
            guard: Guard(shared),
        }
    }

    /// The future to spawn on the runtime, where it shares a thread with other tasks.
    pub(crate) fn on_runtime(self) -> BoxFuture<'static, ()> {
        let runtime = Arc::clone(&self.guard.0.runtime);
        self.run(Some(TimeBudget::new(runtime)))
    }

    /// The future to run on a thread of its own.
    #[cfg(all(feature = "blocking", not(target_os = "unknown")))]
    pub(crate) fn on_thread(self) -> BoxFuture<'static, ()> {
        self.run(None)
    }

    fn run(self, mut budget: Option<TimeBudget>) -> BoxFuture<'static, ()> {
        let Self {
            handlers,
            reader,
            guard,
        } = self;
        // The future owns the guard from the start, since it may be dropped before its first poll.
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
    /// The call of an async handler that has not finished.
    running: Option<Running>,
    connected: bool,
}

/// Why the dispatcher stops calling handlers for now.
enum Pause {
    /// Other tasks must get a turn.
    StepAside,
    /// The runtime must poll its sockets.
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
            budget.read_clock();
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
            self.running = self.handlers.call(&self.handle, event, self.connected);
            returned = self.running.is_none();
        }
    }
}

/// Maximum number of handler calls before other tasks get a turn. On a runtime of one thread, handlers
/// that never wait would otherwise delay the heartbeat for as long as there are messages.
const CALLS: u32 = 32;

/// Yields to the other tasks that are ready to run.
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

/// When dropped, wakes the calls that wait for the disconnect handler. This also works if a runtime that
/// shuts down drops the task of the handlers.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.handled();
    }
}
