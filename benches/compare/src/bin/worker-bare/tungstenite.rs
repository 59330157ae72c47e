//! async-tungstenite: the only library here that is not bound to tokio.

use async_tungstenite as library;
use async_tungstenite::tungstenite::Message;
use engineio_client_compare::Failure;

use crate::socket::{self, Address, Socket};

pub(crate) async fn on_tokio(address: &Address) -> Result<impl Socket, Failure> {
    let (socket, _) = library::tokio::connect_async(address.websocket()).await?;
    Ok(socket)
}

pub(crate) async fn on_smol(address: &Address) -> Result<impl Socket, Failure> {
    let (socket, _) = library::smol::connect_async(address.websocket()).await?;
    Ok(socket)
}

pub(crate) async fn on_async_std(address: &Address) -> Result<impl Socket, Failure> {
    #[expect(
        deprecated,
        reason = "deprecated like async-std itself, but still measured"
    )]
    let connecting = library::async_std::connect_async(address.websocket());
    Ok(connecting.await?.0)
}

impl socket::Message for Message {
    fn text(text: String) -> Self {
        Self::text(text)
    }

    fn binary(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }

    fn contents(&self) -> (bool, &[u8]) {
        match self {
            Self::Text(text) => (true, text.as_bytes()),
            Self::Binary(bytes) => (false, bytes),
            _ => (false, b""),
        }
    }
}
