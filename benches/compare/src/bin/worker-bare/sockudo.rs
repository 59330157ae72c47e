//! sockudo-ws. Its texts are `Bytes` that it has checked to be UTF-8. (`as_text` would check them again.)
//!
//! Its heartbeat is turned off: the other libraries have none, and for it the clock is read twice for each
//! received message.

use engineio_client_compare::Failure;
use sockudo_ws::client::WebSocketClient;
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::{CompressedWebSocketStream, Config, Http1, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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

/// With compression. Its client does not negotiate it, so the handshake is written here.
pub(crate) async fn connect_with_deflate(address: &Address) -> Result<impl Socket, Failure> {
    let mut stream = TcpStream::connect(&address.host).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
         client_no_context_takeover\r\n\r\n",
        address.path, address.host
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let config = Config::builder().auto_ping(false).idle_timeout(0).build();
    let deflate = DeflateConfig {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..DeflateConfig::default()
    };
    Ok(CompressedWebSocketStream::client(stream, config, deflate))
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
