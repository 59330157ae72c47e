//! Encodes a batch as frames. Messages are masked on the way to the output, and not copied otherwise.

use std::sync::Arc;

use async_tungstenite::tungstenite::protocol::frame::FrameHeader;
use async_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use engineio_client::codec::Frame;
use engineio_client::{Batch, Runtime};

use super::deflate::{Agreement, Compressed, Deflater, PIECE, Step};
use super::output::Output;

pub(super) struct FrameWriter {
    batch: Option<Batch>,
    /// Index of the current packet, and the progress within it once its header is encoded.
    next: usize,
    within: Option<Within>,
    /// Whether the batch has a fence that is not encoded yet.
    owes_fence: bool,
    masks: Masks,
    /// Number of bytes that are encoded before they are written.
    piece: usize,
    compression: Compression,
}

/// Compresses messages, if that was agreed.
struct Compression {
    deflater: Option<Box<Deflater>>,
    /// The length from which messages are compressed.
    threshold: usize,
    /// Number of bytes that were compressed since the last pause.
    done: usize,
}

/// How far [`FrameWriter::encode`] has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoded {
    All,
    /// A piece is full, and more follows.
    Piece,
    /// More follows, after other tasks had a turn.
    Pause,
    /// The rest can't be encoded.
    Failed,
}

/// Approximate maximum number of bytes that are compressed before other tasks have a turn. This takes some
/// milliseconds.
const MAX_COMPRESSED: usize = 256 * 1024;

/// Source of frame masks. RFC 6455, 5.3 requires that a mask can't be predicted from earlier ones.
/// Otherwise a web page that chooses the messages could choose the bytes on the wire. The masks
/// therefore come from the runtime's random numbers and not from a small generator.
struct Masks {
    runtime: Arc<dyn Runtime>,
    /// The second half of a random number, which yields two masks.
    spare: Option<[u8; 4]>,
}

impl Masks {
    #[inline]
    fn next(&mut self) -> [u8; 4] {
        if let Some(mask) = self.spare.take() {
            return mask;
        }
        let [a, b, c, d, spare @ ..] = self.runtime.random().to_ne_bytes();
        self.spare = Some(spare);
        [a, b, c, d]
    }
}

#[derive(Clone, Copy)]
struct Within {
    mask: [u8; 4],
    /// Number of payload bytes encoded, including the packet's type.
    done: usize,
}

impl FrameWriter {
    pub(super) fn new(
        runtime: Arc<dyn Runtime>,
        piece: usize,
        agreement: Option<&Agreement>,
    ) -> Self {
        let deflater = agreement.map(|agreement| Box::new(Deflater::new(agreement)));
        Self {
            batch: None,
            next: 0,
            within: None,
            owes_fence: false,
            masks: Masks {
                runtime,
                spare: None,
            },
            piece,
            compression: Compression {
                threshold: deflater
                    .as_ref()
                    .map_or(usize::MAX, |deflater| deflater.threshold()),
                deflater,
                done: 0,
            },
        }
    }

    pub(super) fn start(&mut self, batch: Batch) {
        self.owes_fence = batch.fence().is_some();
        self.batch = Some(batch);
        self.next = 0;
        self.within = None;
    }

    /// Drops the batch.
    pub(super) fn finish(&mut self) {
        self.batch = None;
    }

    /// Whether the next byte must belong to the current frame.
    pub(super) fn is_within_a_frame(&self) -> bool {
        self.within.is_some()
    }

    /// Appends a control frame. Must not be called within a frame.
    pub(super) fn control(&mut self, output: &mut Output, control: Control, payload: &[u8]) {
        let mask = self.masks.next();
        write_header(output, whole(OpCode::Control(control)), payload.len(), mask);
        mask_into(output, payload, mask, 0);
    }

    /// Appends frames until a piece is full.
    pub(super) fn encode(&mut self, output: &mut Output) -> Encoded {
        let Some(batch) = &self.batch else {
            return Encoded::All;
        };
        while let Some(frame) = batch.frame(self.next) {
            let (prefix, data, _) = parts(frame);
            let length = data.len().saturating_add(usize::from(prefix.is_some()));
            if length >= self.compression.threshold && self.within.is_none() {
                let step = self.compression.step(frame, output, &mut self.masks);
                if step == Step::Done {
                    self.next = self.next.saturating_add(1);
                }
                let has_more = self.next < batch.len() || self.owes_fence;
                match step {
                    Step::Plain => {}
                    Step::Failed => return Encoded::Failed,
                    Step::More | Step::Done if !has_more => return Encoded::All,
                    Step::More | Step::Done if self.compression.is_due() => return Encoded::Pause,
                    Step::More | Step::Done if output.len() >= self.piece => return Encoded::Piece,
                    Step::More | Step::Done => continue,
                }
            }
            if let Ok(short @ ..126) = u8::try_from(length)
                && self.within.is_none()
                && output.len().saturating_add(LONGEST_SHORT) <= self.piece
            {
                write_short(output, prefix, data, short, self.masks.next());
                self.next = self.next.saturating_add(1);
                continue;
            }
            self.within = write_part(frame, self.within, output, self.piece, &mut self.masks);
            if self.within.is_some() {
                return Encoded::Piece;
            }
            self.next = self.next.saturating_add(1);
            if output.len() >= self.piece {
                let has_more = self.next < batch.len() || self.owes_fence;
                return if has_more {
                    Encoded::Piece
                } else {
                    Encoded::All
                };
            }
        }
        if self.owes_fence {
            self.encode_fence(output);
        }
        Encoded::All
    }

    /// Appends the batch's fence, as a ping. The ping does not pass through the queue of control
    /// frames, which may be sent between any two frames: the answer to a fence must mean that the
    /// server has read everything before the fence.
    #[cold]
    fn encode_fence(&mut self, output: &mut Output) {
        self.owes_fence = false;
        let fence = self.batch.as_ref().and_then(Batch::fence).copied();
        if let Some(fence) = fence {
            self.control(output, Control::Ping, fence.as_bytes());
        }
    }
}

impl Compression {
    /// Compresses the next piece of a message, and appends its frame.
    #[cold]
    fn step(&mut self, frame: Frame<'_>, output: &mut Output, masks: &mut Masks) -> Step {
        let Some(deflater) = &mut self.deflater else {
            return Step::Plain;
        };
        let (prefix, data, opcode) = parts(frame);
        let step = deflater.step(prefix, data, |frame: Compressed<'_>| {
            let header = FrameHeader {
                is_final: frame.is_final,
                rsv1: frame.is_first,
                opcode: if frame.is_first {
                    opcode
                } else {
                    OpCode::Data(Data::Continue)
                },
                ..FrameHeader::default()
            };
            let mask = masks.next();
            write_header(output, header, frame.bytes.len(), mask);
            mask_into(output, frame.bytes, mask, 0);
        });
        self.done = self.done.saturating_add(data.len().min(PIECE));
        step
    }

    /// Whether other tasks should have a turn. If so, the count begins anew.
    fn is_due(&mut self) -> bool {
        let is_due = self.done >= MAX_COMPRESSED;
        if is_due {
            self.done = 0;
        }
        is_due
    }
}

/// Adds the next part of a frame, as long as the output is shorter than a piece. Returns the progress, or `None` if
/// the frame is complete.
fn write_part(
    frame: Frame<'_>,
    within: Option<Within>,
    output: &mut Output,
    piece: usize,
    masks: &mut Masks,
) -> Option<Within> {
    let (prefix, data, opcode) = parts(frame);
    let before = usize::from(prefix.is_some());
    let within = within.unwrap_or_else(|| {
        let mask = masks.next();
        let length = data.len().saturating_add(before);
        write_header(output, whole(opcode), length, mask);
        if let Some(byte) = prefix {
            output.push(&[byte ^ mask[0]]);
        }
        Within { mask, done: before }
    });
    let offset = within.done.saturating_sub(before);
    let room = piece.saturating_sub(output.len());
    let rest = data.get(offset..).unwrap_or_default();
    let part = rest.get(..room).unwrap_or(rest);
    mask_into(output, part, within.mask, within.done);
    let done = within.done.saturating_add(part.len());
    (part.len() < rest.len()).then_some(Within { done, ..within })
}

/// Length of the longest frame whose header has two bytes: the header, the mask and 125 bytes.
const LONGEST_SHORT: usize = 2 + 4 + 125;

/// Adds a whole short frame in one step. A longer one takes several: see [`FrameWriter::encode`].
#[inline]
fn write_short(output: &mut Output, prefix: Option<u8>, data: &[u8], length: u8, mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let frame = output.add(usize::from(length).saturating_add(2 + 4));
    match (prefix, frame) {
        (Some(kind), [h0, h1, h2, h3, h4, h5, h6, payload @ ..]) => {
            [*h0, *h1, *h2, *h3, *h4, *h5, *h6] = [0x81, 0x80 | length, a, b, c, d, kind ^ a];
            masked(payload, data, [b, c, d, a]);
        }
        (None, [h0, h1, h2, h3, h4, h5, payload @ ..]) => {
            [*h0, *h1, *h2, *h3, *h4, *h5] = [0x82, 0x80 | length, a, b, c, d];
            masked(payload, data, mask);
        }
        // The frame is longer than its header.
        _ => {}
    }
}

fn parts(frame: Frame<'_>) -> (Option<u8>, &[u8], OpCode) {
    match frame {
        Frame::Text(kind, text) => (Some(kind), text.as_bytes(), OpCode::Data(Data::Text)),
        Frame::Binary(data) => (None, data, OpCode::Data(Data::Binary)),
    }
}

/// The header of a frame that is neither a fragment nor compressed.
#[inline]
fn whole(opcode: OpCode) -> FrameHeader {
    FrameHeader {
        opcode,
        ..FrameHeader::default()
    }
}

#[inline]
fn write_header(output: &mut Output, mut header: FrameHeader, length: usize, mask: [u8; 4]) {
    header.mask = Some(mask);
    // Writing to memory does not fail.
    let _ = header.format(u64::try_from(length).unwrap_or(u64::MAX), output);
}

/// Adds data, masked as the part of the payload that begins at `offset`.
#[inline]
fn mask_into(output: &mut Output, data: &[u8], mut mask: [u8; 4], offset: usize) {
    mask.rotate_left(offset % 4);
    masked(output.add(data.len()), data, mask);
}

/// Fills `to` with the masked bytes of `from`, which has the same length.
///
/// Always inlined: the call alone would take a tenth of the time of a short message.
#[inline(always)]
fn masked(to: &mut [u8], from: &[u8], [a, b, c, d]: [u8; 4]) {
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (to_words, to_rest) = to.as_chunks_mut::<8>();
    let (words, rest) = from.as_chunks::<8>();
    for (to, word) in to_words.iter_mut().zip(words) {
        *to = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for ((to, byte), mask) in to_rest.iter_mut().zip(rest).zip([a, b, c, d, a, b, c]) {
        *to = byte ^ mask;
    }
}
