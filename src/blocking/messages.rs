//! Iterating over messages.

use super::client::Client;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// An iterator over the messages of a session, from [`Client::iter`].
///
/// ```no_run
/// # fn run() -> Result<(), engineio_client::Error> {
/// let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
/// for message in &mut client {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Messages<'a, T: Transport, R: Runtime> {
    pub(super) client: &'a mut Client<T, R>,
}

impl<T: Transport, R: Runtime> Iterator for Messages<'_, T, R> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.client.recv()
    }
}

impl<'a, T: Transport, R: Runtime> IntoIterator for &'a mut Client<T, R> {
    type Item = Message;
    type IntoIter = Messages<'a, T, R>;

    fn into_iter(self) -> Messages<'a, T, R> {
        self.iter()
    }
}
