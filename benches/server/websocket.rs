//! A session on WebSocket. Where possible, only the headers of frames are read.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio::time::{Instant, sleep_until};

use super::http::{Connection, Request};
use super::job::{Deflate, Job, Kind, Pieces};
use super::polling::Session;
use super::{STALL_TIMEOUT, broken, refused};

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
/// The bit of a frame that begins a compressed message.
pub(super) const RSV1: u8 = 0x40;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Answers the handshake, and sends the open packet unless it is empty.
pub(super) async fn accept(
    connection: &mut Connection,
    request: &Request,
    deflate: Option<Deflate>,
    open: &[u8],
) -> io::Result<()> {
    let key = request.websocket_key.as_deref();
    let key = key.ok_or_else(|| refused("the WebSocket handshake has no Sec-WebSocket-Key"))?;
    let accept = derive_accept_key(key.as_bytes());
    let extension = match deflate {
        None => String::new(),
        Some(deflate) if request.offers_deflate => {
            format!("Sec-WebSocket-Extensions: {}\r\n", deflate.answer())
        }
        Some(_) => return Err(refused("the client does not offer permessage-deflate")),
    };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         {extension}Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    if !open.is_empty() {
        answer.extend_from_slice(&frame(TEXT, open));
    }
    connection.write(&answer).await
}

/// Does the job of a session that was opened on WebSocket.
pub(super) async fn work(connection: &mut Connection, job: &Job) -> io::Result<()> {
    let mut frames = Frames::new(connection);
    if job.kind == Kind::Idle {
        return idle(&mut frames, job).await;
    }
    frames.connection.set_room(256 * 1024);
    let one = job.frame();
    if !start(&mut frames).await? {
        return Ok(());
    }
    // Number of messages sent or received so far.
    let done = AtomicUsize::new(0);
    loop {
        tokio::select! {
            ended = exchange(&mut frames, job, &one, &done) => break ended?,
            // Does not apply to `receive`: it would cancel a write, and a client that does not read
            // would not see the text anyway.
            () = stalled(&done), if job.kind != Kind::Receive => {
                let words = format!("4no further message after {}", done.load(Relaxed));
                frames.connection.write(&frame(TEXT, words.as_bytes())).await?;
            }
        }
    }
    // Reads until the client disconnects.
    while frames.message().await?.is_some() {}
    Ok(())
}

async fn exchange(
    frames: &mut Frames<'_>,
    job: &Job,
    one: &[u8],
    done: &AtomicUsize,
) -> io::Result<()> {
    match job.kind {
        Kind::Receive => {
            let pieces = Pieces::new(one, b"");
            while done.load(Relaxed) < job.count {
                let count = (job.count - done.load(Relaxed)).min(pieces.most());
                frames.connection.write(pieces.first(count)).await?;
                done.fetch_add(count, Relaxed);
            }
            frames.connection.write(&frame(TEXT, b"4end")).await
        }
        Kind::Send => {
            let expected = Message {
                text: job.text,
                is_compressed: job.deflate.is_some(),
                length: job.frame_length(),
            };
            while done.load(Relaxed) < job.count {
                let Some(message) = frames.message().await? else {
                    return Ok(());
                };
                let length = if message.is_compressed {
                    expected.length
                } else {
                    message.length
                };
                if (Message { length, ..message }) != expected {
                    let words = format!("4{message:?} is not {expected:?}");
                    let answer = frame(TEXT, words.as_bytes());
                    frames.connection.write(&answer).await?;
                }
                done.fetch_add(1, Relaxed);
            }
            frames.connection.write(&frame(TEXT, b"4done")).await
        }
        Kind::Echo | Kind::Idle => {
            while frames.message().await?.is_some() {
                frames.connection.write(one).await?;
                done.fetch_add(1, Relaxed);
            }
            Ok(())
        }
    }
}

/// Resolves when the job makes no progress, so a message was lost.
async fn stalled(done: &AtomicUsize) {
    loop {
        let before = done.load(Relaxed);
        tokio::time::sleep(STALL_TIMEOUT).await;
        if done.load(Relaxed) == before {
            return;
        }
    }
}

/// Waits for the message that starts the job. Some clients send a pong before it.
async fn start(frames: &mut Frames<'_>) -> io::Result<bool> {
    frames.keep = true;
    while let Some(message) = frames.message().await? {
        if !message.text || frames.kept.first() == Some(&b'4') {
            frames.keep = false;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Upgrades a session from polling, if the client completes the upgrade.
pub(super) async fn upgrade(connection: &mut Connection, session: &Session) -> io::Result<()> {
    let mut frames = Frames::new(connection);
    frames.keep = true;
    let probed = probe(&mut frames, session).await;
    if !matches!(probed, Ok(true)) {
        session.stay();
        return probed.map(|_| ());
    }
    for packet in session.leave() {
        // A binary packet stays in base64, which a text frame may contain.
        frames.connection.write(&frame(TEXT, &packet)).await?;
    }
    idle(&mut frames, &session.job).await
}

async fn probe(frames: &mut Frames<'_>, session: &Session) -> io::Result<bool> {
    if frames.message().await?.is_none() || frames.kept != b"2probe" {
        return Ok(false);
    }
    frames.connection.write(&frame(TEXT, b"3probe")).await?;
    session.probe();
    Ok(frames.message().await?.is_some() && frames.kept == b"5")
}

/// Pings, and sends each message back unchanged.
async fn idle(frames: &mut Frames<'_>, job: &Job) -> io::Result<()> {
    frames.keep = true;
    let mut pong_is_due = false;
    let sleep = sleep_until(Instant::now() + job.ping_interval);
    tokio::pin!(sleep);
    loop {
        let message = tokio::select! {
            message = frames.message() => message?,
            () = &mut sleep => {
                if pong_is_due {
                    return Ok(());
                }
                pong_is_due = true;
                frames.connection.write(&frame(TEXT, b"2")).await?;
                sleep.as_mut().reset(Instant::now() + job.ping_timeout);
                continue;
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        if message.is_compressed {
            let opcode = if message.text { TEXT } else { BINARY };
            let echo = frame(RSV1 | opcode, &frames.kept);
            frames.connection.write(&echo).await?;
            continue;
        }
        match (message.text, frames.kept.first()) {
            (false, _) => {
                frames
                    .connection
                    .write(&frame(BINARY, &frames.kept))
                    .await?
            }
            (true, Some(b'3')) => {
                pong_is_due = false;
                sleep.as_mut().reset(Instant::now() + job.ping_interval);
            }
            (true, Some(b'4' | b'b')) => {
                frames.connection.write(&frame(TEXT, &frames.kept)).await?;
            }
            _ => return Ok(()),
        }
    }
}

/// A server's frame: final and unmasked.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x80 | opcode);
    match payload.len() {
        length @ ..=125 => frame.push(length as u8),
        length @ ..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Form and length of a message from the client.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Message {
    text: bool,
    is_compressed: bool,
    length: usize,
}

/// Reads the client's frames. It holds the state of a partly read message, so reading can be cancelled
/// at any moment and continued later.
struct Frames<'a> {
    connection: &'a mut Connection,
    message: Message,
    /// Bytes of the frame's payload that were not read yet.
    left: usize,
    is_last: bool,
    mask: [u8; 4],
    /// Whether to keep the contents of messages.
    keep: bool,
    /// Contents of the last message, if `keep` is set.
    kept: Vec<u8>,
    /// Whether the next frame starts a message.
    is_new: bool,
}

impl<'a> Frames<'a> {
    fn new(connection: &'a mut Connection) -> Self {
        Self {
            connection,
            message: Message {
                text: false,
                is_compressed: false,
                length: 0,
            },
            left: 0,
            is_last: false,
            mask: [0; 4],
            keep: false,
            kept: Vec::new(),
            is_new: true,
        }
    }

    /// Reads a whole message; `None` when the client closes.
    async fn message(&mut self) -> io::Result<Option<Message>> {
        loop {
            if self.left > 0 {
                self.read_payload();
            }
            if self.left == 0 {
                if self.is_last && !self.is_new {
                    self.is_new = true;
                    return Ok(Some(self.message));
                }
                if let Some(header) = Header::parse(self.connection.unread())? {
                    if header.opcode < CLOSE {
                        self.begin(header)?;
                        continue;
                    }
                    if self.connection.unread().len() >= header.size + header.length {
                        if !self.answer_control(header).await? {
                            return Ok(None);
                        }
                        continue;
                    }
                }
            }
            if !self.connection.fill().await? {
                return Ok(None);
            }
        }
    }

    fn begin(&mut self, header: Header) -> io::Result<()> {
        if (header.opcode == 0) == self.is_new {
            return Err(broken(
                "unexpected continuation frame, or a message inside another",
            ));
        }
        if self.is_new {
            self.message = Message {
                text: header.opcode == TEXT,
                is_compressed: header.is_compressed,
                length: 0,
            };
            self.kept.clear();
            self.is_new = false;
        }
        self.message.length += header.length;
        self.connection.use_up(header.size);
        self.left = header.length;
        self.is_last = header.is_last;
        self.mask = header.mask;
        Ok(())
    }

    fn read_payload(&mut self) {
        let unread = self.connection.unread();
        let count = unread.len().min(self.left);
        if self.keep {
            self.kept.extend_from_slice(&unread[..count]);
            let from = self.kept.len() - count;
            unmask(&mut self.kept[from..], self.mask);
            self.mask.rotate_left(count % 4);
        }
        self.connection.use_up(count);
        self.left -= count;
    }

    async fn answer_control(&mut self, header: Header) -> io::Result<bool> {
        let mut payload = self.connection.unread()[header.size..][..header.length].to_vec();
        unmask(&mut payload, header.mask);
        self.connection.use_up(header.size + header.length);
        match header.opcode {
            CLOSE => {
                self.connection.write(&frame(CLOSE, &payload)).await?;
                return Ok(false);
            }
            PING => self.connection.write(&frame(PONG, &payload)).await?,
            _ => {}
        }
        Ok(true)
    }
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    for four in bytes.chunks_mut(4) {
        for (byte, mask) in four.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

#[derive(Clone, Copy)]
struct Header {
    is_last: bool,
    is_compressed: bool,
    opcode: u8,
    length: usize,
    mask: [u8; 4],
    /// Length of the header itself.
    size: usize,
}

impl Header {
    /// Returns `None` if the header is incomplete.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if second & 0x80 == 0 {
            return Err(broken("unmasked client frame"));
        }
        let (length, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((&length, rest)) => (u16::from_be_bytes(length) as usize, rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((&length, rest)) => (u64::from_be_bytes(length) as usize, rest),
                None => return Ok(None),
            },
            length => (length as usize, rest),
        };
        let Some((&mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            is_last: first & 0x80 != 0,
            is_compressed: first & RSV1 != 0,
            opcode: first & 0x0f,
            length,
            mask,
            size: bytes.len() - rest.len(),
        }))
    }
}
