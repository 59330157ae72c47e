//! Compression of messages by the extension permessage-deflate (RFC 7692).

mod agreement;
mod deflater;
mod inflater;
mod saved;
mod scratch;

pub(super) use self::agreement::Agreement;
pub(super) use self::deflater::{Compressed, Deflater, PIECE, Step};
pub(super) use self::inflater::{Broken, Inflated, Inflater};
pub(super) use super::super::shared::deflate::Deflate;
