//! Compresses the messages of one connection.

use std::cell::Cell;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::agreement::{Agreement, TAIL};
use super::saved::Saved;
use super::scratch::Scratch;

/// Maximum number of bytes of a message that are compressed in one step, and sent as one frame: a control frame
/// need not wait for the rest.
pub(in super::super) const PIECE: usize = 64 * 1024;

/// Length up to which a text is copied behind its type.
const SHORT: usize = 2048;

/// Room that each call of the compressor has at least. With less than seven bytes it would repeat the end of a
/// message.
const MIN_ROOM: usize = 64;

thread_local! {
    /// The compressor of the messages that have no context, of all connections that the thread drives.
    static SHARED: Cell<Option<Box<State>>> = const { Cell::new(None) };
}

/// A compressor with its settings.
struct State {
    level: u8,
    window_bits: u8,
    compress: Compress,
}

impl State {
    /// Compresses these bytes. Returns whether it succeeded.
    fn add(
        &mut self,
        kind: Option<u8>,
        piece: &[u8],
        flush: FlushCompress,
        output: &mut Vec<u8>,
    ) -> bool {
        let Some(kind) = kind else {
            return run(&mut self.compress, piece, output, flush);
        };
        if piece.len() < SHORT {
            // A short message is copied, since a call with one byte takes longer than that.
            let mut whole = [kind; SHORT];
            let length = piece.len().saturating_add(1);
            if let Some(rest) = whole.get_mut(1..length) {
                rest.copy_from_slice(piece);
            }
            let whole = whole.get(..length).unwrap_or_default();
            return run(&mut self.compress, whole, output, flush);
        }
        run(&mut self.compress, &[kind], output, FlushCompress::None)
            && run(&mut self.compress, piece, output, flush)
    }
}

pub(in super::super) struct Deflater {
    threshold: usize,
    level: u8,
    window_bits: u8,
    takes_over: bool,
    /// With context it is kept from the first message on, otherwise for the length of a message.
    state: Option<Box<State>>,
    /// Number of bytes of the current message that were compressed, without its type.
    done: usize,
    /// The first frame of the current message was returned.
    has_begun: bool,
    saved: Saved,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// The message does not shrink, and is to be sent as it is.
    Plain,
    /// There is more to compress.
    More,
    /// The message has ended.
    Done,
    /// The compressor has failed.
    Failed,
}

/// A frame of a compressed message.
pub(in super::super) struct Compressed<'a> {
    pub(in super::super) bytes: &'a [u8],
    pub(in super::super) is_first: bool,
    pub(in super::super) is_final: bool,
}

impl Deflater {
    pub(in super::super) fn new(agreement: &Agreement) -> Self {
        Self {
            // There is nothing to compress in an empty message.
            threshold: agreement.threshold.max(1),
            level: agreement.level,
            window_bits: agreement.client_bits,
            takes_over: agreement.client_takes_over,
            state: None,
            done: 0,
            has_begun: false,
            saved: Saved::default(),
        }
    }

    /// The length from which messages are compressed.
    pub(in super::super) fn threshold(&self) -> usize {
        self.threshold
    }

    /// Compresses the next piece of a message, and calls `write` if that completes a frame. The message consists of
    /// a type, which a text has, and its data. Both must be the same until the step that ends the message.
    pub(in super::super) fn step(
        &mut self,
        kind: Option<u8>,
        data: &[u8],
        write: impl FnOnce(Compressed<'_>),
    ) -> Step {
        let mut scratch = Scratch::new();
        let output = &mut *scratch;
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.create(),
        };
        let begins = self.done == 0;
        let rest = data.get(self.done..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        let is_final = piece.len() == rest.len();
        let kind = kind.filter(|_| begins);
        let length = piece.len().saturating_add(usize::from(kind.is_some()));
        let flush = match (is_final, begins) {
            // A full flush also forgets the context.
            (true, _) if !self.takes_over => FlushCompress::Full,
            // The first piece is flushed, so that its length is known.
            (true, _) | (_, true) => FlushCompress::Sync,
            (false, false) => FlushCompress::None,
        };
        let mut is_compressed = state.add(kind, piece, flush, output);
        if is_final {
            let end = output.len().saturating_sub(TAIL.len());
            is_compressed = is_compressed && output.get(end..) == Some(&TAIL);
            output.truncate(end);
        }
        if begins && (!is_compressed || output.len() >= length) {
            // The server does not see this message's context.
            state.compress.reset();
            self.put_back(state);
            return Step::Plain;
        }
        if !is_compressed {
            return Step::Failed;
        }
        self.saved.add(length, output.len());
        if is_final {
            self.put_back(state);
            self.done = 0;
        } else {
            self.state = Some(state);
            self.done = self.done.saturating_add(piece.len());
            if output.is_empty() {
                return Step::More;
            }
        }
        write(Compressed {
            bytes: output,
            is_first: !std::mem::replace(&mut self.has_begun, !is_final),
            is_final,
        });
        if is_final { Step::Done } else { Step::More }
    }

    fn create(&self) -> Box<State> {
        if !self.takes_over
            && let Some(shared) = SHARED.take()
            && (shared.level, shared.window_bits) == (self.level, self.window_bits)
        {
            return shared;
        }
        let level = Compression::new(self.level.into());
        Box::new(State {
            level: self.level,
            window_bits: self.window_bits,
            compress: Compress::new_with_window_bits(level, false, self.window_bits),
        })
    }

    fn put_back(&mut self, state: Box<State>) {
        if self.takes_over {
            self.state = Some(state);
        } else {
            SHARED.set(Some(state));
        }
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        if self.saved.before > 0 {
            let (bytes, compressed) = (self.saved.before, self.saved.after);
            tracing::debug!(bytes, compressed, "sent compressed messages");
        }
    }
}

/// Compresses all of `input`. Returns whether it succeeded.
fn run(state: &mut Compress, mut input: &[u8], output: &mut Vec<u8>, flush: FlushCompress) -> bool {
    loop {
        let room = output.capacity().saturating_sub(output.len());
        if room < MIN_ROOM {
            output.reserve(input.len().max(MIN_ROOM));
        }
        let (read, written) = (state.total_in(), output.len());
        let Ok(Status::Ok | Status::BufError) = state.compress_vec(input, output, flush) else {
            return false;
        };
        let count = state.total_in().saturating_sub(read);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        input = input.get(count..).unwrap_or_default();
        if input.is_empty() && output.len() < output.capacity() {
            return true;
        }
        if count == 0 && output.len() == written {
            return false;
        }
    }
}
