//! The functions of the user that are called between sessions.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::connect_to::ConnectTo;
use super::lost::{Lost, Retry};
use crate::error::HandlerError;
use crate::event::Connected;
use crate::packet::Message;
use crate::runtime::{Local, MaybeSend, MaybeSync, local};

pub(crate) type Decide = Arc<dyn Fn(&Lost) -> Retry + Send + Sync>;

pub(crate) type BeforeConnect =
    Arc<dyn Fn(ConnectTo) -> BoxFuture<'static, Result<ConnectTo, HandlerError>> + Send + Sync>;

pub(crate) type Greeting = Arc<dyn Fn(Connected) -> BoxFuture<'static, Vec<Message>> + Send + Sync>;

pub(super) fn decide(decide: impl Fn(&Lost) -> Retry + MaybeSend + MaybeSync + 'static) -> Decide {
    let decide = Local::new(decide);
    Arc::new(move |lost| decide.get()(lost))
}

pub(super) fn before_connect<F, Fut>(hook: F) -> BeforeConnect
where
    F: Fn(ConnectTo) -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = Result<ConnectTo, HandlerError>> + MaybeSend + 'static,
{
    let hook = Local::new(hook);
    Arc::new(move |to| Box::pin(local(hook.get()(to))))
}

pub(super) fn greeting<F, Fut>(greeting: F) -> Greeting
where
    F: Fn(Connected) -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = Vec<Message>> + MaybeSend + 'static,
{
    let greeting = Local::new(greeting);
    Arc::new(move |connected| Box::pin(local(greeting.get()(connected))))
}
