//! The bytes that a server writes: WebSocket frames, and the heads of HTTP responses.

use async_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// Set in the first byte of a message's last frame.
pub(crate) const FIN: u8 = 0x80;

/// A whole message in one frame.
pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    fragment(FIN | opcode, payload)
}

/// A frame with this first byte.
pub(crate) fn fragment(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = frame_head(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The header of a frame, without its payload.
pub(crate) fn frame_head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => head.push(short),
        (_, Ok(medium)) => {
            head.push(126);
            head.extend(medium.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend(length.to_be_bytes());
        }
    }
    head
}

/// A complete response to a poll or a POST.
pub(crate) fn response(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The head with which a server accepts a WebSocket request that has this key.
pub(crate) fn accepting(key: &str) -> String {
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}
