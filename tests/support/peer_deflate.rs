//! The other end of permessage-deflate, by another implementation of deflate than the library's: miniz_oxide.

#![allow(dead_code, reason = "each test program uses a part of it")]

use miniz_oxide::MZFlush;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// The end of each message, which is not sent.
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compresses the messages of one connection.
pub(crate) struct Compressor {
    state: Box<CompressorOxide>,
    takes_over: bool,
}

impl Compressor {
    pub(crate) fn new(takes_over: bool) -> Self {
        // A negative number of window bits stands for data without a header.
        let flags = create_comp_flags_from_zip_params(6, -15, 0);
        Self {
            state: Box::new(CompressorOxide::new(flags)),
            takes_over,
        }
    }

    /// A message as a compressed payload.
    pub(crate) fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let mut rest = data;
        loop {
            let start = output.len();
            output.resize(start + data.len() + 1024, 0);
            let result = deflate(&mut self.state, rest, &mut output[start..], MZFlush::Sync);
            output.truncate(start + result.bytes_written);
            rest = &rest[result.bytes_consumed..];
            let is_whole = output.len() < start + data.len() + 1024;
            if rest.is_empty() && is_whole {
                break;
            }
        }
        assert!(output.ends_with(&TAIL), "a flush ends with an empty block");
        output.truncate(output.len() - TAIL.len());
        if !self.takes_over {
            self.state.reset();
        }
        output
    }
}

/// Decompresses the messages of one connection.
#[derive(Clone)]
pub(crate) struct Decompressor {
    state: Box<DecompressorOxide>,
    takes_over: bool,
    /// Everything to which a message may refer.
    context: Vec<u8>,
    window: usize,
    /// Number of bytes by which the window may be exceeded.
    piece: usize,
}

impl Decompressor {
    pub(crate) fn new(takes_over: bool) -> Self {
        Self {
            state: Box::default(),
            takes_over,
            context: Vec::new(),
            window: 1 << 15,
            piece: 64 * 1024,
        }
    }

    /// Refuses distances that are longer than this window, or by at most 100 bytes.
    pub(crate) fn with_window(takes_over: bool, bits: u8) -> Self {
        Self {
            window: 1 << bits,
            piece: 100,
            ..Self::new(takes_over)
        }
    }

    /// The message with this payload, or `None` if the payload is corrupt or cut off.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        if payload.is_empty() {
            return Some(message);
        }
        if !self.add(payload, &mut message)? {
            self.add(&TAIL, &mut message)?;
            // The tail ends a block, and its last byte belongs to it as a whole.
            let place = self.state.block_boundary_state()?;
            if place.num_bits > 0 {
                return None;
            }
        }
        if !self.takes_over {
            self.forget();
        }
        Some(message)
    }

    /// The message as far as it is known from the first fragments of its payload, or `None` if they are corrupt.
    pub(crate) fn beginning(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        self.clone().add(payload, &mut message)?;
        Some(message)
    }

    fn forget(&mut self) {
        self.state.init();
        self.context.clear();
    }

    /// Whether the last block was marked as the last one of its stream.
    fn add(&mut self, mut input: &[u8], message: &mut Vec<u8>) -> Option<bool> {
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
            | TINFL_FLAG_HAS_MORE_INPUT
            | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
        loop {
            let beyond = self.context.len().saturating_sub(self.window);
            self.context.drain(..beyond);
            let start = self.context.len();
            self.context.resize(start + self.piece, 0);
            let (status, read, written) =
                decompress(&mut self.state, input, &mut self.context, start, flags);
            self.context.truncate(start + written);
            message.extend_from_slice(&self.context[start..]);
            input = &input[read..];
            match status {
                TINFLStatus::Done => {
                    self.forget();
                    if input.is_empty() {
                        return Some(true);
                    }
                }
                TINFLStatus::BlockBoundary if input.is_empty() => return Some(false),
                TINFLStatus::NeedsMoreInput => return Some(false),
                TINFLStatus::HasMoreOutput | TINFLStatus::BlockBoundary => {}
                _ => return None,
            }
        }
    }
}
