//! Parses frames, and joins fragments to messages.
//!
//! It does not use tungstenite's reader, whose buffer belongs to one connection and keeps the size of
//! the largest message for ever (at least 16 KiB, zeroed before each read). Frame headers are parsed
//! by tungstenite.

use std::io::{self, Cursor};

use async_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame, FrameHeader, Utf8Bytes};
use bytes::{Buf as _, Bytes};

use super::super::shared::buffer_pool::SizedBuffer;
use super::asides::Asides;
use super::deflate::{Agreement, Broken, Inflated, Inflater};
use super::fragments::Fragments;

/// RFC 6455, 5.5.
const LONGEST_CONTROL: usize = 125;

/// The first byte of a frame that holds a whole text or binary message.
const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;

/// If at least this number of bytes of a frame are missing, they are read directly into the frame's
/// buffer.
const LONG: usize = 16 * 1024;

/// A frame, or a message joined from several frames.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The bytes of a text message, which were not checked for valid UTF-8 yet.
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// A fragment that does not complete its message.
    Fragment,
    /// A part of a compressed message, whose next part would take further time.
    Part,
    Close(Option<CloseFrame>),
}

pub(super) struct FrameReader {
    /// Bytes received and not parsed yet.
    input: Bytes,
    /// Whether messages in `input` are copied out. Slices would keep alive a buffer that consists
    /// mostly of other frames.
    copies: bool,
    /// A frame that has arrived in part.
    begun: Option<Box<(FrameHeader, SizedBuffer)>>,
    /// A message of which some fragments have arrived.
    message: Option<Box<Fragments>>,
    /// A compressed frame that is being decompressed.
    inflating: Option<Box<Inflating>>,
    /// Decompresses messages, if that was agreed.
    inflater: Option<Box<Inflater>>,
    /// Whether the server has sent a close frame.
    closed: bool,
    /// Events of frames that carry no packet.
    pub(super) asides: Asides,
    /// Maximum number of bytes of a message.
    most: usize,
    /// The limit for all messages after the first one. Set only while the first message has not
    /// arrived and has a limit of its own.
    most_later: Option<usize>,
}

struct Inflating {
    payload: Bytes,
    /// Number of its bytes that were decompressed.
    done: usize,
    is_final: bool,
}

impl FrameReader {
    /// A reader of messages of at most `most` bytes. The first message may have a limit of its own.
    pub(super) fn new(
        most: usize,
        most_first: Option<usize>,
        agreement: Option<&Agreement>,
    ) -> Self {
        Self {
            input: Bytes::new(),
            copies: false,
            begun: None,
            message: None,
            inflating: None,
            inflater: agreement.map(|agreement| Box::new(Inflater::new(agreement))),
            closed: false,
            asides: Asides::default(),
            most: most_first.unwrap_or(most),
            most_later: most_first.map(|_| most),
        }
    }

    /// Called when the first message has arrived.
    #[cold]
    fn end_first(&mut self) {
        if let Some(most) = self.most_later.take() {
            self.most = most;
        }
    }

    /// Whether the first message, with its own limit, has not arrived yet.
    pub(super) fn awaits_first(&self) -> bool {
        self.most_later.is_some()
    }

    /// Whether a frame other than a pong has arrived in part. Also true if a call reached its limits
    /// before it parsed a frame that has arrived completely.
    pub(super) fn is_within_a_frame(&self) -> bool {
        const PONG: u8 = 10;
        let begun = self.begun.as_ref();
        begun.is_some_and(|begun| begun.0.opcode != OpCode::Control(Control::Pong))
            || self.inflating.is_some()
            || self.input.first().is_some_and(|first| first & 0xf != PONG)
    }

    /// The buffer for the missing part of a long frame, which can be read into directly.
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        let room = self.begun.as_mut()?.1.room();
        (room.len() >= LONG).then_some(room)
    }

    /// Records that `count` bytes were read into [`room`](Self::room).
    pub(super) fn filled(&mut self, count: usize) {
        if let Some(begun) = &mut self.begun {
            begun.1.fill(count);
        }
    }

    /// Takes bytes that were read, after [`next`](Self::next) has returned `None`.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let rest = match &mut self.begun {
            Some(begun) => begun.1.take(bytes),
            None => bytes,
        };
        if !rest.is_empty() {
            // The messages are slices of this buffer: one allocation for everything that arrived
            // together.
            let mut input = Vec::with_capacity(self.input.len().saturating_add(rest.len()));
            input.extend_from_slice(&self.input);
            input.extend_from_slice(rest);
            self.copies = !is_half_messages(&input);
            self.input = Bytes::from(input);
        }
    }

    /// The next frame, or `None` if it has not arrived completely.
    ///
    /// Each call takes at most one frame, so that the caller can bound the work that a peer causes
    /// with frames that yield no message, such as empty fragments.
    ///
    /// # Errors
    ///
    /// The error of tungstenite for bytes that violate the protocol or exceed a limit. The reader must
    /// not be used after an error.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Error> {
        match self.next_plain() {
            Some(message) => Ok(Some(message)),
            None => self.next_other(),
        }
    }

    /// The next frame if it is an unfragmented message of less than 64 KiB, all of which has arrived, and
    /// nothing else has to be done about it. Most frames are such messages, and need none of the steps of
    /// [`next_other`](Self::next_other).
    #[inline]
    fn next_plain(&mut self) -> Option<Incoming> {
        let (kind, head, length) = match *self.input {
            [kind, length @ ..126, ..] => (kind, 2, usize::from(length)),
            [kind, 126, high, low, ..] => (kind, 4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return None,
        };
        let end = length.saturating_add(head);
        let is_plain = matches!(kind, FINAL_TEXT | FINAL_BINARY)
            && end <= self.input.len()
            && length <= self.most
            && self.is_between_messages();
        if !is_plain {
            return None;
        }
        self.input.advance(head);
        let payload = self.input.split_to(length);
        Some(if kind == FINAL_TEXT {
            Incoming::Text(payload)
        } else {
            Incoming::Binary(payload)
        })
    }

    /// Whether the input begins with a new message that is to be a slice of it, and is not the first
    /// message with its own limit.
    #[inline]
    fn is_between_messages(&self) -> bool {
        self.begun.is_none()
            && self.message.is_none()
            && !self.closed
            && !self.copies
            && self.most_later.is_none()
    }

    fn next_other(&mut self) -> Result<Option<Incoming>, Error> {
        if let Some(frame) = self.inflating.take() {
            return self.inflate(frame).map(Some);
        }
        let Some((head, payload)) = self.next_frame()? else {
            return Ok(None);
        };
        if self.closed {
            return Err(ProtocolError::ReceivedAfterClosing.into());
        }
        self.closed = matches!(head.opcode, OpCode::Control(Control::Close));
        match head.opcode {
            OpCode::Control(control) => self.read_control(control, payload).map(Some),
            OpCode::Data(data) => self.join(data, &head, payload).map(Some),
        }
    }

    fn next_frame(&mut self) -> Result<Option<(FrameHeader, Bytes)>, Error> {
        if let Some(begun) = self.begun.take_if(|begun| begun.1.is_whole()) {
            let (head, begun) = *begun;
            return Ok(Some((head, begun.into_bytes())));
        }
        if self.begun.is_some() || self.input.is_empty() {
            return Ok(None);
        }
        let mut cursor = Cursor::new(&self.input);
        let Some((head, length)) = FrameHeader::parse(&mut cursor)? else {
            // Copied, so that the remaining bytes do not keep the whole buffer alive.
            self.input = Bytes::copy_from_slice(&self.input);
            return Ok(None);
        };
        let behind = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let length = self.check(&head, length)?;
        self.input.advance(behind.min(self.input.len()));
        if length <= self.input.len() {
            let mut payload = self.input.split_to(length);
            let is_message = matches!(head.opcode, OpCode::Data(_));
            if self.copies && is_message && self.compressed(&head).is_none() {
                payload = Bytes::copy_from_slice(&payload);
            }
            return Ok(Some((head, payload)));
        }
        let mut begun = SizedBuffer::new(length);
        begun.take(&std::mem::take(&mut self.input));
        self.begun = Some(Box::new((head, begun)));
        Ok(None)
    }

    /// Checks a frame header before its payload is awaited.
    fn check(&self, head: &FrameHeader, length: u64) -> Result<usize, Error> {
        let is_control = matches!(head.opcode, OpCode::Control(_));
        let before = self
            .message
            .as_ref()
            .map_or(0, |message| message.whole.len());
        let compressed = self.compressed(head);
        let most = match (head.opcode, compressed) {
            // The limit on messages may be lower than the length of a control frame, which has a limit
            // of its own.
            (OpCode::Control(_), _) => usize::MAX,
            (OpCode::Data(_), Some(before)) => longest_compressed(self.most).saturating_sub(before),
            (OpCode::Data(_), None) => self.most.saturating_sub(before),
        };
        let length = match usize::try_from(length) {
            Ok(length) if length <= most => length,
            _ => return Err(self.too_long(length)),
        };
        // Only the first frame of a message says that the message is compressed (RFC 7692, 6).
        let may_be_compressed = compressed.is_some() && head.opcode != OpCode::Data(Data::Continue);
        let wrong = if head.rsv1 && !may_be_compressed || head.rsv2 || head.rsv3 {
            ProtocolError::NonZeroReservedBits
        } else if head.mask.is_some() {
            ProtocolError::MaskedFrameFromServer
        } else if is_control && !head.is_final {
            ProtocolError::FragmentedControlFrame
        } else if is_control && length > LONGEST_CONTROL {
            ProtocolError::ControlFrameTooBig
        } else {
            return Ok(length);
        };
        Err(wrong.into())
    }

    /// If this frame is compressed, the number of bytes of its message that came before it.
    fn compressed(&self, head: &FrameHeader) -> Option<usize> {
        self.inflater.as_ref()?;
        match (head.opcode, &self.message) {
            (OpCode::Data(Data::Continue), Some(message)) => message.compressed,
            (OpCode::Data(Data::Text | Data::Binary), _) if head.rsv1 => Some(0),
            _ => None,
        }
    }

    fn too_long(&self, length: u64) -> Error {
        Error::Capacity(CapacityError::MessageTooLong {
            size: usize::try_from(length).unwrap_or(usize::MAX),
            max_size: self.most,
        })
    }

    fn read_control(&mut self, control: Control, payload: Bytes) -> Result<Incoming, Error> {
        Ok(match control {
            Control::Ping => {
                self.asides.life();
                Incoming::Ping(payload)
            }
            Control::Close => Incoming::Close(match payload.split_first_chunk() {
                Some((code, reason)) => Some(CloseFrame {
                    code: u16::from_be_bytes(*code).into(),
                    reason: Utf8Bytes::try_from(Bytes::copy_from_slice(reason))?,
                }),
                None if payload.is_empty() => None,
                None => return Err(ProtocolError::InvalidCloseSequence.into()),
            }),
            // Reserved opcodes were refused with the header.
            Control::Pong | Control::Reserved(_) => {
                self.asides.pong(&payload);
                Incoming::Pong
            }
        })
    }

    /// Returns the message that this frame completes, or [`Incoming::Fragment`].
    fn join(&mut self, data: Data, head: &FrameHeader, payload: Bytes) -> Result<Incoming, Error> {
        let is_final = head.is_final;
        let (kind, payload) = match (data, self.message.take()) {
            (Data::Continue, None) => return Err(ProtocolError::UnexpectedContinueFrame.into()),
            (data, Some(_)) if data != Data::Continue => {
                return Err(ProtocolError::ExpectedFragment(data).into());
            }
            (_, Some(message)) if message.compressed.is_some() => {
                return self.begin_inflating(message, payload, is_final);
            }
            (kind, None) if head.rsv1 => {
                let message = Box::new(Fragments {
                    kind,
                    whole: Inflater::buffer(),
                    valid: 0,
                    compressed: Some(0),
                });
                return self.begin_inflating(message, payload, is_final);
            }
            (_, Some(mut message)) => {
                message.whole.extend_from_slice(&payload);
                if !is_final {
                    return self.keep(message);
                }
                (message.kind, Bytes::from(message.whole))
            }
            (kind, None) if is_final => (kind, payload),
            (kind, None) => {
                return self.keep(Box::new(Fragments {
                    kind,
                    // Copied, since a conversion from `Bytes` to `Vec` could keep the whole buffer
                    // that the slice belongs to.
                    whole: payload.to_vec(),
                    valid: 0,
                    compressed: None,
                }));
            }
        };
        Ok(self.complete(kind, payload))
    }

    /// Keeps the fragments of a message that is not complete.
    fn keep(&mut self, mut message: Box<Fragments>) -> Result<Incoming, Error> {
        message.validate()?;
        self.message = Some(message);
        self.asides.life();
        Ok(Incoming::Fragment)
    }

    fn complete(&mut self, kind: Data, payload: Bytes) -> Incoming {
        if self.most_later.is_some() {
            self.end_first();
        }
        match kind {
            Data::Text => Incoming::Text(payload),
            _ => Incoming::Binary(payload),
        }
    }

    fn begin_inflating(
        &mut self,
        mut message: Box<Fragments>,
        payload: Bytes,
        is_final: bool,
    ) -> Result<Incoming, Error> {
        let before = message.compressed.unwrap_or_default();
        message.compressed = Some(before.saturating_add(payload.len()));
        self.message = Some(message);
        self.inflate(Box::new(Inflating {
            payload,
            done: 0,
            is_final,
        }))
    }

    /// Decompresses a frame, or a part of it.
    fn inflate(&mut self, mut frame: Box<Inflating>) -> Result<Incoming, Error> {
        let (Some(inflater), Some(mut message)) = (&mut self.inflater, self.message.take()) else {
            return Err(ProtocolError::NonZeroReservedBits.into());
        };
        let rest = frame.payload.get(frame.done..).unwrap_or_default();
        match inflater.inflate(rest, &mut message.whole, self.most, frame.is_final) {
            Ok(Inflated::Whole) => {}
            Ok(Inflated::Part(count)) => {
                frame.done = frame.done.saturating_add(count);
                self.inflating = Some(frame);
                self.message = Some(message);
                return Ok(Incoming::Part);
            }
            Err(Broken::TooLong) => return Err(self.too_long(u64::MAX)),
            Err(Broken::Corrupt) => return Err(corrupt()),
        }
        if !frame.is_final {
            return self.keep(message);
        }
        let payload = Inflater::message(message.whole);
        Ok(self.complete(message.kind, payload))
    }
}

/// The error of a message that can't be decompressed.
fn corrupt() -> Error {
    let message = "the compressed message is corrupt";
    Error::Io(io::Error::new(io::ErrorKind::InvalidData, message))
}

/// Maximum number of bytes of a compressed message that may have this length without compression. A compressor
/// that finds nothing to compress makes a message longer: zlib by up to an eighth with short blocks.
fn longest_compressed(length: usize) -> usize {
    length.saturating_add(length / 7).saturating_add(64)
}

/// Whether at least half of these bytes are frames of unfragmented messages.
///
/// The inbox counts the bytes of messages only. A message that is a slice keeps its whole buffer
/// alive, so messages are slices only if this check succeeds. That bounds the memory to about twice
/// the counted bytes.
#[inline]
fn is_half_messages(input: &[u8]) -> bool {
    let half = input.len() / 2;
    let mut messages = 0_usize;
    let mut rest = input;
    while let [first, second, behind @ ..] = rest {
        let (head, length) = match (second & 0x7f, behind) {
            (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
            (127, [a, b, c, d, e, f, g, h, ..]) => {
                let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                (10, usize::try_from(length).unwrap_or(usize::MAX))
            }
            (126 | 127, _) => break,
            (short, _) => (2, usize::from(short)),
        };
        let Some((frame, behind)) = rest.split_at_checked(length.saturating_add(head)) else {
            break;
        };
        let is_message = match *first {
            FINAL_TEXT => frame.get(head) == Some(&b'4'),
            FINAL_BINARY => true,
            _ => false,
        };
        if is_message {
            messages = messages.saturating_add(frame.len());
            if messages >= half {
                return true;
            }
        }
        rest = behind;
    }
    false
}
