//! Responses to a WebSocket request and the frames after them, through the real transport, compared with
//! a reader that knows only RFC 6455.

use bytes::Bytes;
use engineio_client::codec::{decode_binary, decode_text};
use engineio_client::runtime::mock::MemoryStream;
use engineio_client::transports::{Deflate, WebSocket};
use engineio_client::{Error, ErrorKind, Limits, Message, MockRuntime, Packet};
use futures::future::join;
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::input::Input;
use super::net::{self, Pieces, SECRET};
use super::peer_deflate::Decompressor;
use super::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Request, Server, TEXT, fragment, settle, spawn,
    switching,
};

/// The input: how pieces are cut, the limit of a message, the form, and the rest. In form zero, the rest is
/// everything that the server sends, where `$KEY` stands for the value of `Sec-WebSocket-Accept`. In
/// form one, the rest is the frames that follow a valid response. In form two, the rest describes such
/// frames, each by its first byte, the length of its payload, and the payload.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pieces = Pieces::take(&mut input);
    let limits = Limits::default().message(input.limit());
    let form = input.byte() % 3;
    if form == 0 {
        let answer = input.rest();
        let cut = talk(&pieces, Said::All(answer), limits, None);
        let whole = talk(
            &Pieces::whole(pieces.order),
            Said::All(answer),
            limits,
            None,
        );
        assert_eq!(cut.packets, whole.packets, "cut and whole");
        assert_eq!(cut.is_open, whole.is_open, "cut and whole");
        return;
    }
    let mut frames = Vec::new();
    if form == 1 {
        frames = input.rest().to_vec();
    } else {
        while !input.is_empty() {
            let (first, length) = (input.byte(), input.byte());
            frames.extend(fragment(first, input.take(usize::from(length))));
        }
    }
    compare(&pieces, &frames, limits, None);
}

/// Compares what the client makes of these frames with what RFC 6455 and, with `deflate`, RFC 7692 say.
pub(super) fn compare(pieces: &Pieces, frames: &[u8], limits: Limits, deflate: Option<Takeover>) {
    let talk = talk(pieces, Said::Frames(frames), limits, deflate);
    assert!(talk.is_open, "{:?}", talk.error);
    let expected = Expected::of(frames, &limits, deflate);
    let is_unsure = matches!(expected.end, End::Broken);
    let packets = match talk.packets.get(..expected.packets.len()) {
        Some(packets) if is_unsure => packets,
        _ => &talk.packets,
    };
    assert!(
        packets == expected.packets,
        "{packets:?} instead of {:?}: {:?} {:?}",
        expected.packets,
        talk.error,
        expected.end
    );
    let kind = talk.error.kind();
    match expected.end {
        End::Told(expected) => assert_eq!(kind, expected, "{:?}", talk.error),
        // The kind is not compared: the client may notice a fault before the faulty frame is complete,
        // and bytes may follow the end.
        End::Wrong | End::Cut | End::Closed | End::Broken => {
            assert_ne!(kind, ErrorKind::Invalid);
        }
    }
    let pings = (!is_unsure).then_some(&*expected.pings);
    understands(&talk.written, talk.sent, pings, deflate);
}

/// Whether the context is taken over to the next message: the server's, and the client's.
#[derive(Clone, Copy)]
pub(super) struct Takeover {
    pub(super) server: bool,
    pub(super) client: bool,
}

impl Takeover {
    /// The header of the response that agrees to it.
    fn header(self) -> String {
        let mut header = "Sec-WebSocket-Extensions: permessage-deflate".to_owned();
        if !self.server {
            header.push_str("; server_no_context_takeover");
        }
        if !self.client {
            header.push_str("; client_no_context_takeover");
        }
        header
    }
}

#[derive(Clone, Copy)]
enum Said<'a> {
    All(&'a [u8]),
    Frames(&'a [u8]),
}

struct Talk {
    is_open: bool,
    packets: Vec<Packet>,
    error: Error,
    /// What the client has sent after its request.
    written: Vec<u8>,
    /// Whether the send has succeeded.
    sent: bool,
}

/// The packets that the client sends while it receives the frames.
fn batch() -> Vec<Packet> {
    let messages: [Message; 2] = ["hello".into(), vec![7; 300].into()];
    messages.map(Packet::Message).into()
}

fn talk(pieces: &Pieces, said: Said<'_>, limits: Limits, deflate: Option<Takeover>) -> Talk {
    let (Said::All(bytes) | Said::Frames(bytes)) = said;
    let theirs = bytes.windows(6).any(|six| six == SECRET.as_bytes());
    let said = match said {
        Said::All(bytes) => (bytes.to_vec(), false),
        Said::Frames(bytes) => (bytes.to_vec(), true),
    };
    let runtime = pieces.runtime();
    let talk = runtime.block_on(async {
        let mut server = Server::new(&runtime);
        let (pieces, clock) = (pieces.clone(), runtime.clone());
        let script = spawn(&runtime, async move {
            let stream = server.accept_stream().await;
            serve(&clock, stream, &pieces, said, deflate).await
        });
        let mut transport = WebSocket::default();
        if deflate.is_some() {
            transport = transport.deflate(Deflate::default().threshold(0));
        }
        let link = match net::open(&runtime, transport, limits).await {
            Ok(link) => link,
            Err(error) => {
                return Talk {
                    is_open: false,
                    packets: Vec::new(),
                    error,
                    written: script.await,
                    sent: false,
                };
            }
        };
        let (mut sender, mut receiver) = (link.sender, link.receiver);
        let receive = async {
            let mut packets = Vec::new();
            loop {
                match receiver.recv().await {
                    Ok(more) => {
                        assert!((1..=256).contains(&more.len()));
                        packets.extend(more);
                    }
                    Err(error) => return (packets, error),
                }
            }
        };
        let send = net::within_a_minute(&runtime, sender.send(batch().into()));
        let ((packets, error), sent) = join(receive, send).await;
        drop((sender, receiver));
        Talk {
            is_open: true,
            packets,
            error,
            written: script.await,
            sent: sent.expect("a send that ends").is_ok(),
        }
    });
    runtime.abort_tasks();
    net::within_limits(&talk.packets, &limits);
    let kinds = [
        ErrorKind::WebSocket,
        ErrorKind::Limit,
        ErrorKind::Protocol,
        ErrorKind::Ended,
        ErrorKind::Status,
    ];
    assert!(kinds.contains(&talk.error.kind()), "{:?}", talk.error);
    net::is_presentable(&talk.error, theirs);
    talk
}

/// Sends the bytes, and returns what the client has sent after its request.
async fn serve(
    runtime: &MockRuntime,
    mut stream: MemoryStream,
    pieces: &Pieces,
    (said, are_frames): (Vec<u8>, bool),
    deflate: Option<Takeover>,
) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.expect("a request");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("a request of text");
    let key = head.split("Sec-WebSocket-Key: ").nth(1).expect("a key");
    let key = key.split("\r\n").next().unwrap_or_default();
    let mut agreed = switching(&Request {
        method: String::new(),
        target: String::new(),
        headers: vec![("sec-websocket-key".into(), key.into())],
        body: Vec::new(),
    });
    if let Some(takeover) = deflate {
        agreed = format!("{}\r\n{}\r\n\r\n", agreed.trim_end(), takeover.header());
    }
    let said = if are_frames {
        [agreed.as_bytes(), &said].concat()
    } else {
        let key = agreed.trim_end().rsplit(' ').next().unwrap_or_default();
        let mut parts = said.split(|byte| *byte == b'$');
        let mut all = parts.next().unwrap_or_default().to_vec();
        for part in parts {
            match part.strip_prefix(b"KEY") {
                Some(rest) => all.extend([key.as_bytes(), rest].concat()),
                None => all.extend([b"$", part].concat()),
            }
        }
        all
    };
    for piece in pieces.of(&said) {
        if stream.write_all(piece).await.is_err() {
            break;
        }
        settle(runtime).await;
    }
    // The server still reads after it has closed its write half.
    let _ = stream.close().await;
    let mut written = Vec::new();
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut some).await {
        written.extend(&some[..count]);
    }
    written
}

/// The bit of a frame that begins a compressed message.
const RSV1: u8 = 0x40;

/// A message of which some frames have arrived.
struct Begun {
    kind: u8,
    payload: Vec<u8>,
    is_compressed: bool,
}

/// The packets in the frames, and how the frames end.
struct Expected {
    packets: Vec<Packet>,
    pings: Vec<Vec<u8>>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// The bytes end within a frame or a message.
    Cut,
    Closed,
    /// The frames break RFC 6455.
    Wrong,
    /// A compressed message is corrupt or was cut off. The client does not always notice a cut: see
    /// `Inflater::end`. It may also notice it only with the next message.
    Broken,
    /// A message is not a packet.
    Told(ErrorKind),
}

impl Expected {
    fn of(frames: &[u8], limits: &Limits, deflate: Option<Takeover>) -> Self {
        let mut decompressor = deflate.map(|takeover| Decompressor::new(takeover.server));
        let mut expected = Self {
            packets: Vec::new(),
            pings: Vec::new(),
            end: End::Cut,
        };
        let mut rest = frames;
        let mut message: Option<Begun> = None;
        while let Some((first, payload, behind)) = next_frame(rest) {
            rest = behind;
            let Some(payload) = payload else {
                expected.end = End::Wrong;
                break;
            };
            let end = expected.take(first, payload, &mut message, limits, decompressor.as_mut());
            if let Some(end) = end {
                expected.end = end;
                break;
            }
        }
        expected
    }

    fn take(
        &mut self,
        first: u8,
        payload: &[u8],
        message: &mut Option<Begun>,
        limits: &Limits,
        decompressor: Option<&mut Decompressor>,
    ) -> Option<End> {
        let (fin, opcode) = (first & FIN != 0, first & 0x0f);
        let is_control = opcode >= CLOSE;
        let is_compressed = first & RSV1 != 0;
        let may_be_compressed = decompressor.is_some() && matches!(opcode, TEXT | BINARY);
        if is_compressed && !may_be_compressed
            || first & 0x30 != 0
            || is_control && (!fin || payload.len() > 125)
        {
            return Some(End::Wrong);
        }
        match opcode {
            PING => self.pings.push(payload.to_vec()),
            PONG => {}
            CLOSE => {
                let reason = payload.get(2..).unwrap_or_default();
                if payload.len() == 1 || std::str::from_utf8(reason).is_err() {
                    return Some(End::Wrong);
                }
                self.packets.push(Packet::Close);
                return Some(End::Closed);
            }
            TEXT | BINARY if message.is_none() => {
                *message = Some(Begun {
                    kind: opcode,
                    payload: Vec::new(),
                    is_compressed,
                });
            }
            CONTINUATION if message.is_some() => {}
            _ => return Some(End::Wrong),
        }
        if is_control {
            return None;
        }
        let mut begun = message.take()?;
        begun.payload.extend(payload);
        // The longest message allowed is binary data in base64, or a ping with 125 bytes of data. The
        // first message may be an open packet, which has its own limit.
        let mut most = (limits.message + limits.message / 3 + 8).max(126);
        if self.packets.is_empty() {
            most = most.max(1 + limits.head);
        }
        let mut compressed = None;
        if begun.is_compressed {
            let longest = most.saturating_add(most / 7).saturating_add(64);
            if begun.payload.len() > longest {
                return Some(End::Wrong);
            }
            let decompressor = decompressor?;
            let plain = if fin {
                decompressor.message(&begun.payload)
            } else {
                decompressor.beginning(&begun.payload)
            };
            let Some(plain) = plain else {
                return Some(End::Broken);
            };
            compressed = Some(std::mem::replace(&mut begun.payload, plain));
        }
        let (kind, whole) = (begun.kind, begun.payload);
        if whole.len() > most {
            return Some(End::Wrong);
        }
        // A text whose beginning is invalid UTF-8 may be refused before its last fragment.
        let text = std::str::from_utf8(&whole);
        if kind == TEXT && text.is_err_and(|error| error.error_len().is_some()) {
            return Some(End::Wrong);
        }
        if !fin {
            *message = Some(Begun {
                kind,
                is_compressed: compressed.is_some(),
                payload: compressed.unwrap_or(whole),
            });
            return None;
        }
        let decoded = if kind == TEXT {
            match String::from_utf8(whole) {
                Ok(text) => decode_text(text.into(), limits),
                Err(_) => return Some(End::Wrong),
            }
        } else {
            decode_binary(Bytes::from(whole), limits)
        };
        match decoded {
            Ok(packet) => self.packets.push(packet),
            Err(error) => return Some(End::Told(error.kind())),
        }
        None
    }
}

/// The first byte of a frame, its payload (`None` if it is masked or far too long), and the bytes after
/// it.
type Frame<'a> = (u8, Option<&'a [u8]>, &'a [u8]);

fn next_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        short => (u64::from(short), rest),
    };
    if second & 0x80 != 0 {
        return Some((first, None, rest));
    }
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((first, Some(payload), rest))
}

/// Checks the frames that the client has sent: its own messages are whole and in order, and every pong
/// answers one of the pings, if these are known.
fn understands(written: &[u8], sent: bool, pings: Option<&[Vec<u8>]>, deflate: Option<Takeover>) {
    let mut decompressor = deflate.map(|takeover| Decompressor::new(takeover.client));
    let mut rest = written;
    let mut messages = Vec::new();
    let mut closes = 0;
    while let Some((&[first, second], behind)) = rest.split_first_chunk() {
        assert_eq!(second & 0x80, 0x80, "a mask");
        let (length, behind) = match second & 0x7f {
            126 => {
                let (length, behind) = behind.split_first_chunk().expect("a length");
                (usize::from(u16::from_be_bytes(*length)), behind)
            }
            short => (usize::from(short), behind),
        };
        let Some((mask, behind)) = behind.split_first_chunk::<4>() else {
            break;
        };
        let Some((payload, behind)) = behind.split_at_checked(length) else {
            break;
        };
        rest = behind;
        let mask = mask.iter().cycle();
        let payload: Vec<u8> = payload
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        let mut plain = payload.clone();
        if first & RSV1 != 0 {
            let decompressor = decompressor.as_mut().expect("an agreement");
            plain = decompressor.message(&payload).expect("valid data");
        }
        match (first ^ FIN) & !RSV1 {
            kind @ (TEXT | BINARY) => messages.push((kind, plain)),
            _ if first & RSV1 != 0 => panic!("a compressed frame of no message"),
            PONG => {
                let is_asked = pings.is_none_or(|pings| pings.contains(&payload));
                assert!(is_asked, "a pong without its ping");
            }
            CLOSE => closes += 1,
            _ => panic!("a frame that begins with {first:#x}"),
        }
    }
    assert!(closes <= 1);
    let expected = [(TEXT, b"4hello".to_vec()), (BINARY, vec![7; 300])];
    assert!(expected.starts_with(&messages), "{messages:?}");
    assert!(!sent || messages.len() == 2);
}
