//! HTTP requests and responses for Engine.IO servers on the in-memory network.

use engineio_client::runtime::mock::MemoryStream;
use futures::{AsyncRead, AsyncReadExt as _};

/// An HTTP request of the client.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) sid: Option<String>,
    pub(crate) websocket_key: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the next request, or returns `None` if the connection ends first. `buffer` keeps surplus
    /// bytes.
    pub(crate) async fn read(stream: &mut MemoryStream, buffer: &mut Vec<u8>) -> Option<Self> {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break buffer.drain(..end + 4).collect::<Vec<u8>>();
            }
            more(stream, buffer).await?;
        };
        let head = String::from_utf8(head).expect("the client's head is text");
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (_, query) = target.split_once('?').expect("there is a query");
        let parameter = |wanted: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.to_owned())
        };
        assert_eq!(parameter("EIO").as_deref(), Some("4"));
        let (mut length, mut websocket_key) = (0, None);
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a length is a number"),
                "sec-websocket-key" => websocket_key = Some(value.to_owned()),
                _ => {}
            }
        }
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        Some(Self {
            method,
            sid: parameter("sid"),
            websocket_key,
            body: buffer.drain(..length).collect(),
        })
    }
}

/// Reads some bytes into the buffer. Returns `None` at the end of the connection.
pub(crate) async fn more(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<()> {
    let mut piece = [0; 4096];
    let count = stream.read(&mut piece).await.ok()?;
    buffer.extend(&piece[..count]);
    (count > 0).then_some(())
}

pub(crate) fn response(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.extend(body);
    answer
}
