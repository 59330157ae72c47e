//! Decompresses the messages of one connection.

use std::cell::Cell;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::super::super::shared::deflate::{MAX_BITS, MIN_CLIENT_BITS};
use super::agreement::{Agreement, TAIL};
use super::saved::Saved;
use super::scratch::{Scratch, give_back};

/// Approximate maximum number of bytes of a step, so that a large message does not keep other tasks waiting.
const STEP: usize = 1024 * 1024;

/// Maximum number of bytes that are decompressed at once. Deflate compresses to no less than a thousandth, so
/// this also limits how far a step may exceed [`STEP`].
const PIECE: usize = 4096;

/// Maximum length of a message that is copied out of the thread's buffer.
const COPIED: usize = 64 * 1024;

/// Length up to which a message is copied before its end.
const SHORT: usize = 1024;

/// Smallest growth of the result.
const MIN_ROOM: usize = 8 * 1024;

/// Empty blocks, which may follow any block: one after which the stream goes on, and one that ends it.
const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

thread_local! {
    /// Decompresses the messages that have no context, of all connections that the thread drives.
    static SHARED: Cell<Option<Box<Decompress>>> = const { Cell::new(None) };
}

pub(in super::super) struct Inflater {
    window_bits: u8,
    takes_over: bool,
    /// With context it is kept from the first message on, otherwise for the length of a message.
    state: Option<Box<Decompress>>,
    /// A byte of the current message was decompressed.
    has_begun: bool,
    /// The last block of the message was marked as the last one of its stream (RFC 7692, 7.2.3.4).
    has_ended: bool,
    saved: Saved,
}

/// Why a message can't be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Broken {
    /// It is longer than allowed.
    TooLong,
    Corrupt,
}

/// How far a step has come.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Inflated {
    /// All of the input was decompressed.
    Whole,
    /// This number of bytes of the input was decompressed.
    Part(usize),
}

impl Inflater {
    pub(in super::super) fn new(agreement: &Agreement) -> Self {
        Self {
            // zlib compresses with 9 bits if it is asked for 8.
            window_bits: agreement.server_bits.max(MIN_CLIENT_BITS),
            takes_over: agreement.server_takes_over,
            state: None,
            has_begun: false,
            has_ended: false,
            saved: Saved::default(),
        }
    }

    /// An empty buffer for a message.
    pub(in super::super) fn buffer() -> Vec<u8> {
        Scratch::new().into_buffer()
    }

    /// Turns a buffer that contains a whole message into the message.
    pub(in super::super) fn message(mut buffer: Vec<u8>) -> Bytes {
        if buffer.len() <= COPIED {
            let message = Bytes::copy_from_slice(&buffer);
            give_back(buffer);
            return message;
        }
        buffer.shrink_to_fit();
        Bytes::from(buffer)
    }

    /// Decompresses a frame, or as much of it as one step allows, and adds the result to `output`, which must not
    /// become longer than `most`. `is_final` says that the message ends with this frame.
    ///
    /// # Errors
    ///
    /// The inflater must not be used after an error.
    pub(in super::super) fn inflate(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        most: usize,
        is_final: bool,
    ) -> Result<Inflated, Broken> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.create(),
        };
        let start = output.len();
        let stop = start.saturating_add(STEP);
        let mut rest = input;
        // A short message is copied before its end, since each call takes time.
        let mut copied = [0; SHORT];
        let whole = input.len().saturating_add(TAIL.len());
        let has_tail = is_final && whole <= SHORT && !input.is_empty();
        if has_tail && let Some(whole) = copied.get_mut(..whole) {
            let (data, tail) = whole.split_at_mut(input.len());
            data.copy_from_slice(input);
            tail.copy_from_slice(&TAIL);
            self.run(&mut state, whole, TAIL.len(), output, most)?;
            rest = &[];
        }
        while !rest.is_empty() && output.len() < stop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            self.run(&mut state, piece, 0, output, most)?;
            rest = behind;
        }
        let taken = input.len().saturating_sub(rest.len());
        self.has_begun |= taken > 0;
        if rest.is_empty() && is_final {
            self.end(&mut state, has_tail, output, most)?;
            if self.takes_over {
                self.state = Some(state);
            } else {
                SHARED.set(Some(state));
            }
        } else {
            self.state = Some(state);
        }
        self.saved.add(taken, output.len().saturating_sub(start));
        Ok(if rest.is_empty() {
            Inflated::Whole
        } else {
            Inflated::Part(taken)
        })
    }

    fn create(&self) -> Box<Decompress> {
        let create = |bits| Box::new(Decompress::new_with_window_bits(false, bits));
        if self.takes_over {
            return create(self.window_bits);
        }
        // The largest window can decompress what was compressed with any.
        SHARED.take().unwrap_or_else(|| create(MAX_BITS))
    }

    /// Decompresses all of `input`. The last `tail` bytes of it are only needed if the stream has not ended before
    /// them.
    fn run(
        &mut self,
        state: &mut Decompress,
        mut input: &[u8],
        tail: usize,
        output: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), Broken> {
        loop {
            if output.len() == output.capacity() {
                // One byte more than allowed, to notice that there is more.
                let room = most.saturating_sub(output.len()).saturating_add(1);
                output.reserve_exact(output.len().max(MIN_ROOM).min(room));
            }
            let (read, written) = (state.total_in(), output.len());
            let status = state
                .decompress_vec(input, output, FlushDecompress::None)
                .map_err(|_| Broken::Corrupt)?;
            if output.len() > most {
                return Err(Broken::TooLong);
            }
            let count = state.total_in().saturating_sub(read);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            input = input.get(count..).unwrap_or_default();
            self.has_ended = status == Status::StreamEnd;
            if self.has_ended {
                // More may follow, which does not refer to anything before it: a zlib that ends a stream has
                // no context afterwards.
                state.reset(false);
                if input.len() == tail {
                    return Ok(());
                }
            }
            if input.is_empty() && output.len() < output.capacity() {
                return Ok(());
            }
            if count == 0 && output.len() == written {
                return Err(Broken::Corrupt);
            }
        }
    }

    /// Decompresses the end that every message has and no frame contains, unless that was done with it (`has_tail`),
    /// and checks that the message is whole.
    fn end(
        &mut self,
        state: &mut Decompress,
        has_tail: bool,
        output: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), Broken> {
        // A zlib that has nothing to flush makes an empty message of no bytes.
        if self.has_begun && !self.has_ended {
            if !has_tail {
                self.run(state, &TAIL, 0, output, most)?;
            }
            // A message that was cut off takes this block for something else: for a part of its contents, or of the
            // header of a block. That is an error or adds to the message, with few exceptions, for which zlib would
            // have to tell where it is within a block.
            let length = output.len();
            let block = if self.takes_over {
                EMPTY_BLOCK
            } else {
                LAST_BLOCK
            };
            self.run(state, &block, 0, output, most)?;
            if output.len() != length || self.has_ended == self.takes_over {
                return Err(Broken::Corrupt);
            }
        }
        self.has_begun = false;
        self.has_ended = false;
        Ok(())
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if self.saved.before > 0 {
            let (compressed, bytes) = (self.saved.before, self.saved.after);
            tracing::debug!(compressed, bytes, "received compressed messages");
        }
    }
}
