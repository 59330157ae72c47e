//! sockudo-ws. Its texts are `Bytes` that it has checked to be UTF-8. (`as_text` would check them again.)
//!
//! Its heartbeat is turned off: the other libraries have none, and for it the clock is read twice for each
//! received message.

use engineio_client_compare::Failure;
use sockudo_ws::client::WebSocketClient;
use sockudo_ws::{Config, Http1, Message};
use tokio::net::TcpStream;

use crate::socket::{self, Address, Socket};

pub(crate) async fn connect(address: &Address) -> Result<impl Socket, Failure> {
    let stream = TcpStream::connect(&address.host).await?;
    stream.set_nodelay(true)?;
    let without_heartbeat = Config::builder().auto_ping(false).idle_timeout(0).build();
    let client = WebSocketClient::<Http1>::new(without_heartbeat);
    let connecting = client.connect_raw(stream, &address.host, &address.path, None);
    Ok(connecting.await?.0)
}

impl socket::Message for Message {
    fn text(text: String) -> Self {
        Self::Text(text.into())
    }

    fn binary(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }

    fn contents(&self) -> (bool, &[u8]) {
        match self {
            Self::Text(text) => (true, text),
            Self::Binary(bytes) => (false, bytes),
            _ => (false, b""),
        }
    }
}
