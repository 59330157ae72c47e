//! What the jobs need of a WebSocket library.

use std::error::Error;

use engineio_client_compare::{Failure, Task};
use futures::{Sink, SinkExt, Stream, StreamExt};

/// A connection by one of the libraries, used as its documentation shows and with default settings. Each
/// of them checks that texts are valid UTF-8.
pub(crate) trait Socket: Send + 'static {
    type Message: Message;

    /// Gives a message to the library, which may keep it until `flush`.
    fn feed(&mut self, message: Self::Message) -> impl Future<Output = Result<(), Failure>> + Send;

    fn flush(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    fn next(&mut self) -> impl Future<Output = Result<Self::Message, Failure>> + Send;
}

pub(crate) trait Message: Send {
    fn text(text: String) -> Self;

    fn binary(bytes: Vec<u8>) -> Self;

    /// Whether this is a text, and its contents.
    fn contents(&self) -> (bool, &[u8]);
}

impl<S, M, E> Socket for S
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin + Send + 'static,
    M: Message,
    E: Error + Send + Sync + 'static,
{
    type Message = M;

    async fn feed(&mut self, message: M) -> Result<(), Failure> {
        Ok(SinkExt::feed(self, message).await?)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        Ok(SinkExt::flush(self).await?)
    }

    async fn next(&mut self) -> Result<M, Failure> {
        match StreamExt::next(self).await {
            Some(message) => Ok(message?),
            None => Err("the server has closed the connection".into()),
        }
    }
}

/// The parts of an address that begins with `http://`.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Host and port.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: String,
}

impl Address {
    pub(crate) fn new(task: &Task) -> Result<Self, Failure> {
        let address = format!("{}&EIO=4&transport={}", task.address(), task.transport);
        let (host, path) = address
            .strip_prefix("http://")
            .and_then(|rest| rest.split_at_checked(rest.find('/')?))
            .ok_or("the URL does not start with http://")?;
        Ok(Self {
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The URL for a WebSocket library.
    pub(crate) fn websocket(&self) -> String {
        format!("ws://{}{}", self.host, self.path)
    }
}
