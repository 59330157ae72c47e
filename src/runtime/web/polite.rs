//! Tasks that let the page have its turns.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::host::{OtherTurn, now, turn};

/// A task that waits for the page's turn when this thread's tasks have run for long enough.
pub(super) struct Polite {
    task: BoxFuture<'static, ()>,
    pause: Option<OtherTurn>,
}

impl Polite {
    pub(super) fn new(task: BoxFuture<'static, ()>) -> Self {
        Self { task, pause: None }
    }
}

impl Future for Polite {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.pause.is_none() && !turn(|turn| turn.may_run(now())) {
            self.pause = Some(OtherTurn::new());
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll_unpin(cx));
            self.pause = None;
        }
        let polled = self.task.poll_unpin(cx);
        turn(|turn| turn.has_run(now()));
        polled
    }
}
