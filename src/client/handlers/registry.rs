//! The handlers that were set on a builder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::future::BoxFuture;

use super::outcome::{Outcome, Step};
use crate::client::handle::Handle;
use crate::client::log::TARGET;
use crate::client::panic_text::panic_text;
use crate::error::HandlerError;
use crate::event::{Closed, Disconnected, Event, GivenUp, Reconnecting};
use crate::packet::Message;
use crate::runtime::{Local, MaybeSend};

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
    pub(crate) fn on_connect<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.connect = Some(Box::new(move |handle| {
            handler.get_mut()(handle).into_step()
        }));
    }

    pub(crate) fn on_message<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, Message) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.message = Some(Box::new(move |handle, message| {
            handler.get_mut()(handle, message).into_step()
        }));
    }

    pub(crate) fn on_upgrade<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, &'static str) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.upgrade = Some(Box::new(move |handle, transport| {
            handler.get_mut()(handle, transport).into_step()
        }));
    }

    pub(crate) fn on_connection_lost<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, Disconnected) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.connection_lost = Some(Box::new(move |handle, end| {
            handler.get_mut()(handle, end).into_step()
        }));
    }

    pub(crate) fn on_reconnecting<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, Reconnecting) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.reconnecting = Some(Box::new(move |handle, next| {
            handler.get_mut()(handle, next).into_step()
        }));
    }

    pub(crate) fn on_given_up<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, GivenUp) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.given_up = Some(Box::new(move |handle, given_up| {
            handler.get_mut()(handle, given_up).into_step()
        }));
    }

    pub(crate) fn on_disconnect<F, O, K>(&mut self, handler: F)
    where
        F: FnMut(Handle, Closed) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        let mut handler = Local::new(handler);
        self.disconnect = Some(Box::new(move |handle, closed| {
            handler.get_mut()(handle, closed).into_step()
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

    pub(crate) fn has_message_handler(&self) -> bool {
        self.message.is_some()
    }

    pub(crate) fn has_disconnect_handler(&self) -> bool {
        self.disconnect.is_some()
    }

    /// Calls the handler for an event, if there is one. Returns the future of an async handler.
    pub(super) fn call(
        &mut self,
        handle: &Handle,
        event: Event,
        connected: bool,
    ) -> Option<Running> {
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

/// The name and the future of an async handler that has not finished.
pub(super) type Running = (&'static str, BoxFuture<'static, Result<(), HandlerError>>);

fn call(which: &'static str, handler: impl FnOnce() -> Step) -> Option<Running> {
    match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(Step::Runs(future)) => return Some((which, future)),
        Ok(Step::Done(Ok(()))) => {}
        Ok(Step::Done(result)) => report(which, Ok(result)),
        Err(panic) => report(which, Err(panic)),
    }
    None
}

/// Logs a failure of a handler.
pub(super) fn report(which: &'static str, result: std::thread::Result<Result<(), HandlerError>>) {
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            // With its causes.
            let error = &*error as &(dyn std::error::Error + 'static);
            tracing::error!(target: TARGET, handler = which, error, "a handler failed");
        }
        Err(panic) => {
            tracing::error!(target: TARGET, handler = which,
                panic = panic_text(&*panic),
                "a handler panicked"
            );
        }
    }
}
