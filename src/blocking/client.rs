//! The blocking client.

// rustdoc shows `impl` blocks in the order of their modules. So these modules are in the order in which
// the documentation of `Client` should show them. The blank lines keep rustfmt from sorting them.

mod opening;

mod receiving;

mod sending;

mod ending;

mod tasks;

use std::fmt;

use super::background::Background;
use super::handle::Handle;
use crate::runtime::Runtime;
use crate::transport::Transport;
use crate::transports::Transports;

/// A connection to an Engine.IO server, for threads. It is the counterpart of the async
/// [`Client`](crate::Client), with methods that block.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
/// client.send("hello")?;
/// while let Some(message) = client.recv() {
///     println!("received {message:?}");
/// }
/// // The session has ended.
/// println!("{}", client.wait());
/// # Ok(())
/// # }
/// ```
///
/// One thread reads, with [`recv`](Client::recv) or by iterating over the messages. Other threads send
/// and close with [handles](Client::handle).
///
/// [`close`](Client::close) begins to close the session and returns at once, and so does dropping the
/// client: the background thread sends the accepted messages. [`disconnect`](Client::disconnect) waits
/// until the session has ended. A program that exits calls `disconnect`, so that its last messages are
/// sent. Without an open session nothing can be sent: the messages are then in
/// [`Closed::unsent`](crate::Closed::unsent).
///
/// The documentation of the methods of the async [`Client`](crate::Client) also applies here, except for
/// the sections about cancel safety.
pub struct Client<T: Transport = Transports, R: Runtime = Background> {
    inner: crate::Client<T, R>,
    handle: Handle,
}

impl<T: Transport, R: Runtime> Client<T, R> {
    pub(super) fn new(inner: crate::Client<T, R>) -> Self {
        let handle = Handle::new(inner.handle());
        Self { inner, handle }
    }
}

impl<T: Transport, R: Runtime> fmt::Debug for Client<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
