//! tokio-websockets.

use engineio_client_compare::Failure;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Message};

use crate::socket::{self, Address, Socket};

pub(crate) async fn connect(address: &Address) -> Result<impl Socket, Failure> {
    let stream = TcpStream::connect(&address.host).await?;
    stream.set_nodelay(true)?;
    let builder = ClientBuilder::new().uri(&address.websocket())?;
    Ok(builder.connect_on(stream).await?.0)
}

impl socket::Message for Message {
    fn text(text: String) -> Self {
        Self::text(text)
    }

    fn binary(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }

    fn contents(&self) -> (bool, &[u8]) {
        (self.is_text(), self.as_payload())
    }
}
