//! Properties that hold for any bytes, with one function for each place where bytes come in from
//! outside. The fuzz targets in `fuzz/` call these functions with libFuzzer's inputs, and the tests in
//! `tests/fuzz.rs` with random bytes, nearly valid bytes, and the inputs of the corpus.

pub mod codec;
pub mod cookies;
pub mod deflate;
pub mod encoding;
pub mod handshake;
mod input;
mod net;
#[path = "../support/peer_deflate.rs"]
mod peer_deflate;
pub mod polling_body;
pub mod proxy;
#[path = "../support/raw.rs"]
mod raw;
pub mod websocket;
