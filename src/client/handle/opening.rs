//! Waiting for the session and its upgrade.

use super::Handle;
use crate::client::outbox::closed_error;
use crate::client::shared::{State, Upgrade};
use crate::client::waiting::Turning;
use crate::error::{Error, ErrorKind};
use crate::event::{Connected, Reason};

impl Handle {
    /// Waits until the session is open, as [`Client::opened`](crate::Client::opened) does.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// let connected = handle.opened().await?;
    /// println!("session {}", connected.handshake.sid);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why the session could not be opened: see [`Client::opened`](crate::Client::opened).
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on opening.
    pub async fn opened(&self) -> Result<Connected, Error> {
        Turning::new(&self.shared, is_opened).await
    }

    /// Waits until the upgrade has ended, as [`Client::upgraded`](crate::Client::upgraded) does.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// println!("on {}", handle.upgraded().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) if the session ended before the upgrade did. Any other kind is the
    /// reason why the upgrade failed.
    ///
    /// # Cancel safety
    ///
    /// Safe: the upgrade goes on.
    pub async fn upgraded(&self) -> Result<&'static str, Error> {
        Turning::new(&self.shared, is_upgraded).await
    }

    /// Returns the id of the session. It is `None` until a session has opened, and while a client is
    /// [reconnecting](crate::Builder::reconnect).
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// println!("session {:?} by {:?}", handle.sid(), handle.transport());
    /// # }
    /// ```
    pub fn sid(&self) -> Option<String> {
        self.shared
            .state()
            .connected
            .as_ref()
            .map(|connected| connected.handshake.sid.clone())
    }

    /// Returns the name of the transport in use, such as `"polling"` or `"websocket"`. It is `None`
    /// whenever [`sid`](Self::sid) is.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// println!("on {:?}", handle.transport());
    /// # }
    /// ```
    pub fn transport(&self) -> Option<&'static str> {
        self.shared.state().transport
    }
}

fn is_opened(state: &State) -> Option<Result<Connected, Error>> {
    if let Some(connected) = &state.connected {
        return Some(Ok(connected.clone()));
    }
    let closed = state.closed()?;
    Some(Err(match closed.reason() {
        Reason::Transport(error) => error.clone(),
        Reason::Aborted => Error::new(
            ErrorKind::Aborted,
            "the task that drives the connection ended early",
        ),
        _ => Error::new(
            ErrorKind::Closed,
            "the session was closed before it was open",
        ),
    }))
}

/// The result of the first attempt to connect, once it is known.
fn is_upgraded(state: &State) -> Option<Result<&'static str, Error>> {
    match (&state.upgrade, state.transport, state.closed()) {
        (Some(Upgrade::Failed(error)), ..) => Some(Err(error.clone())),
        (Some(Upgrade::Over), Some(transport), _) => Some(Ok(transport)),
        (_, _, Some(closed)) => Some(Err(closed_error(Some(closed)))),
        _ => None,
    }
}
