//! The properties of any bytes, with one function for each place where bytes come in. The fuzz targets
//! in `fuzz/` call these functions with libFuzzer's inputs, and the tests in `tests/fuzz.rs` with random
//! bytes, nearly right ones, and inputs that were kept.

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
