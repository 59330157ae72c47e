//! What must hold for any bytes, a function for each place where they come in. The fuzz targets in
//! `fuzz/` call these with what libFuzzer thinks of, and the tests in `tests/fuzz.rs` with random
//! bytes, with nearly right ones, and with what was found before.

pub mod codec;
pub mod cookies;
pub mod encoding;
pub mod handshake;
mod input;
mod net;
pub mod polling_body;
pub mod proxy;
#[path = "../support/raw.rs"]
mod raw;
pub mod websocket;
