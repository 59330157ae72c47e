//! Tests of the executor and its clock, with helpers.

mod clock;
mod network;
mod order;
mod stuck;
mod tasks;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::future::join;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

use super::{Conditions, MockRuntime, Order};
use crate::runtime::{Address, Runtime};

const ORDERS: [Order; 2] = [Order::FirstInFirstOut, Order::LastInFirstOut];

fn under_both_orders(test: impl Fn(MockRuntime)) {
    for order in ORDERS {
        test(MockRuntime::with_order(order));
    }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A log of events, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn panic_of(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast::<&str>().unwrap().to_string(),
    }
}

/// Lets all other ready tasks run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            Poll::Ready(())
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl MockRuntime {
    fn go(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(Box::pin(task));
    }

    fn timers(&self) -> usize {
        self.executor.timers()
    }
}
