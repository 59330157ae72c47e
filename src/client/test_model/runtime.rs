//! The runtime of the model: its clock, and one task.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::running;
use super::waker::interrupt;
use crate::runtime::{Address, BoxedStream, Runtime};

pub(super) struct ModelRuntime;

#[async_trait]
impl Runtime for ModelRuntime {
    fn now(&self) -> Duration {
        interrupt();
        running().map_or(Duration::ZERO, |model| model.state.borrow().now)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let model = running().expect("a model runs");
        let mut state = model.state.borrow_mut();
        let id = state.tick();
        let at = state.now + duration;
        state.timers.insert(id, (at, None));
        Box::pin(Timer(id))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let model = running().expect("a model runs");
        model.state.borrow_mut().driver = Some(task);
    }

    fn random(&self) -> u64 {
        0
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(super) struct Timer(u64);

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let model = running().expect("a model runs");
        let mut state = model.state.borrow_mut();
        let now = state.now;
        let Some((at, waker)) = state.timers.get_mut(&self.0) else {
            return Poll::Ready(());
        };
        if *at <= now {
            return Poll::Ready(());
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.state.borrow_mut().timers.remove(&self.0);
        }
    }
}
