//! The setters of handlers for an async client.

use super::Builder;
use crate::client::handle::Handle;
use crate::client::handlers::Outcome;
use crate::event::{Closed, Disconnected, GivenUp, Reconnecting};
use crate::packet::Message;
use crate::runtime::{MaybeSend, Runtime};
use crate::transport::Transport;

/// # Handlers
///
/// A handler is a plain or an async function or closure; see [`handlers`](crate::handlers) for what it
/// may do and return. Setting a handler again replaces it. Each setter has a variant `.._with`, which
/// passes a clone of a state (such as an `Arc`) to every call. Async closures need this variant, because
/// they cannot capture state.
impl<T: Transport, R: Runtime> Builder<T, R> {
    /// Sets a handler that is called when a session has opened.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").on_connect(async |handle| {
    ///     handle.send("hello").await?;
    ///     Ok(())
    /// });
    /// ```
    pub fn on_connect<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_connect(handler);
        self
    }

    /// Sets a handler as [`on_connect`](Builder::on_connect) does, and passes a clone of `state` to each
    /// call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let sessions = Arc::new(Mutex::new(0));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_connect_with(Arc::clone(&sessions), async |sessions, _handle| {
    ///         *sessions.lock().expect("not poisoned") += 1;
    ///     });
    /// ```
    pub fn on_connect_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_connect(move |handle| handler(state.clone(), handle))
    }

    /// Sets a handler that is called with each message. [`Client::recv`](crate::Client::recv) then
    /// returns no messages.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").on_message(async |handle, message| {
    ///     handle.send(message).await?;
    ///     Ok(())
    /// });
    /// ```
    pub fn on_message<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Message) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_message(handler);
        self
    }

    /// Sets a handler as [`on_message`](Builder::on_message) does, and passes a clone of `state` to each
    /// call.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use std::sync::{Arc, Mutex};
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let builder = Client::builder("http://localhost:3000").on_message_with(
    ///     Arc::clone(&log),
    ///     async |log, handle, message| {
    ///         log.lock().expect("not poisoned").push(message.clone());
    ///         handle.send(message).await?;
    ///         Ok(())
    ///     },
    /// );
    /// ```
    pub fn on_message_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, Message) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_message(move |handle, message| handler(state.clone(), handle, message))
    }

    /// Sets a handler that is called when the session has upgraded, with the name of the new transport.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_upgrade(|_handle, transport| println!("now on {transport}"));
    /// ```
    pub fn on_upgrade<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, &'static str) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_upgrade(handler);
        self
    }

    /// Sets a handler as [`on_upgrade`](Builder::on_upgrade) does, and passes a clone of `state` to each
    /// call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let upgrades = Arc::new(Mutex::new(0));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_upgrade_with(Arc::clone(&upgrades), async |upgrades, _handle, _transport| {
    ///         *upgrades.lock().expect("not poisoned") += 1;
    ///     });
    /// ```
    pub fn on_upgrade_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, &'static str) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_upgrade(move |handle, transport| handler(state.clone(), handle, transport))
    }

    /// Sets a handler that is called when a session of a client that [reconnects](Builder::reconnect)
    /// has ended and another may follow. Reconnecting does not wait for the handler. When no other
    /// session follows, [`on_disconnect`](Builder::on_disconnect) is called instead.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use engineio_client::Reconnect;
    ///
    /// let builder = Client::builder("http://localhost:3000")
    ///     .reconnect(Reconnect::new())
    ///     .on_connection_lost(|_handle, end| println!("lost: {}", end.reason))
    ///     .on_reconnecting(|_handle, next| println!("attempt {} in {:?}", next.attempt, next.delay))
    ///     .on_given_up(|_handle, lost| println!("never sent: {:?}", lost.messages));
    /// ```
    pub fn on_connection_lost<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Disconnected) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_connection_lost(handler);
        self
    }

    /// Sets a handler as [`on_connection_lost`](Builder::on_connection_lost) does, and passes a clone of
    /// `state` to each call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let lost = Arc::new(Mutex::new(0));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_connection_lost_with(Arc::clone(&lost), async |lost, _handle, end| {
    ///         *lost.lock().expect("not poisoned") += end.may_be_lost();
    ///     });
    /// ```
    pub fn on_connection_lost_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, Disconnected) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_connection_lost(move |handle, end| handler(state.clone(), handle, end))
    }

    /// Sets a handler that is called before the delay of an attempt to [reconnect](Builder::reconnect).
    /// (Socket.IO's `reconnect_attempt` comes after the delay.) There is an example at
    /// [`on_connection_lost`](Builder::on_connection_lost).
    pub fn on_reconnecting<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Reconnecting) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_reconnecting(handler);
        self
    }

    /// Sets a handler as [`on_reconnecting`](Builder::on_reconnecting) does, and passes a clone of
    /// `state` to each call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let attempts = Arc::new(Mutex::new(0));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_reconnecting_with(Arc::clone(&attempts), async |attempts, _handle, _next| {
    ///         *attempts.lock().expect("not poisoned") += 1;
    ///     });
    /// ```
    pub fn on_reconnecting_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, Reconnecting) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_reconnecting(move |handle, next| handler(state.clone(), handle, next))
    }

    /// Sets a handler for a client that [reconnects](Builder::reconnect). It is called with each message
    /// or group that the client has given up, and will never send. There is an example at
    /// [`on_connection_lost`](Builder::on_connection_lost).
    pub fn on_given_up<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, GivenUp) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_given_up(handler);
        self
    }

    /// Sets a handler as [`on_given_up`](Builder::on_given_up) does, and passes a clone of `state` to
    /// each call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let lost = Arc::new(Mutex::new(Vec::new()));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_given_up_with(Arc::clone(&lost), async |lost, _handle, given_up| {
    ///         lost.lock().expect("not poisoned").extend(given_up.messages);
    ///     });
    /// ```
    pub fn on_given_up_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, GivenUp) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_given_up(move |handle, given_up| handler(state.clone(), handle, given_up))
    }

    /// Sets a handler that is called when the client has ended, with the reason, after all messages have
    /// been handled. It is not called if the client never connected.
    ///
    /// It is not called if no session was ever open: the error of [`connect`](Builder::connect), or of
    /// [`Client::opened`](crate::Client::opened) after [`start`](Builder::start), then has the reason.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_disconnect(|_handle, closed| println!("{closed}"));
    /// ```
    pub fn on_disconnect<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Closed) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_disconnect(handler);
        self
    }

    /// Sets a handler as [`on_disconnect`](Builder::on_disconnect) does, and passes a clone of `state`
    /// to each call.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use engineio_client::tokio::Client;
    /// let unsent = Arc::new(Mutex::new(Vec::new()));
    /// let builder = Client::builder("http://localhost:3000")
    ///     .on_disconnect_with(Arc::clone(&unsent), async |unsent, _handle, closed| {
    ///         unsent.lock().expect("not poisoned").extend_from_slice(closed.unsent());
    ///     });
    /// ```
    pub fn on_disconnect_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + MaybeSend + 'static,
        F: FnMut(S, Handle, Closed) -> O + MaybeSend + 'static,
        O: Outcome<K>,
    {
        self.on_disconnect(move |handle, closed| handler(state.clone(), handle, closed))
    }
}
