//! Encodes and decodes packets: text frames, binary frames, and the payloads of polling. Pure functions,
//! for use by transports.

mod base64_engine;
mod frame;
mod payload;
mod single;

pub use self::frame::{Frame, Packets, SEPARATOR, frame, payload_len};
pub use self::payload::{Decoded, decode_payload, encode_payload, is_protocol_3};
pub use self::single::{decode_binary, decode_text, decode_text_frame};

#[cfg(test)]
mod tests;
