//! Compressed frames of a server, through the real transport, compared with a reader that knows only RFC 6455
//! and RFC 7692, and uses another implementation of deflate.

use engineio_client::Limits;

use super::input::Input;
use super::net::Pieces;
use super::peer_deflate::Compressor;
use super::raw::fragment;
use super::websocket::{Takeover, compare};

/// The input: how pieces are cut, the limit of a message, who takes the context over, and frames. Each is its
/// first byte, a form, the length of its payload, and the payload. In form zero that is the payload, in form one
/// it is compressed before it is sent, and in form two it is compressed and then cut in half.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pieces = Pieces::take(&mut input);
    let limits = Limits::default().message(input.limit());
    let flags = input.byte();
    let takeover = Takeover {
        server: flags & 1 != 0,
        client: flags & 2 != 0,
    };
    let mut compressor = Compressor::new(takeover.server);
    let mut frames = Vec::new();
    while !input.is_empty() {
        let (first, form, length) = (input.byte(), input.byte() % 3, input.byte());
        let data = input.take(usize::from(length));
        if form == 0 {
            frames.extend(fragment(first, data));
            continue;
        }
        // Long enough to need more than one block.
        let data = data.repeat(if form == 1 && length > 200 { 300 } else { 1 });
        let mut payload = compressor.message(&data);
        if form == 2 {
            payload.truncate(payload.len() / 2);
        }
        frames.extend(fragment(first, payload));
    }
    compare(&pieces, &frames, limits, Some(takeover));
}
