//! The memory that `eio` uses when a server never stops sending. With a message limit of 1 MB, `eio`
//! stays below 60 MiB, whatever the server sends.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::server::{
    self, BINARY, CONTINUATION, FIN, OPEN, PING, PONG, Peer, Server, TEXT, fragment, frame,
    frame_head,
};

/// Maximum resident memory of `eio`, in KiB.
const MOST: u64 = 60 * 1024;

const GIGABYTE: usize = 1_000_000_000;

/// Maximum duration of a script. Sending a gigabyte takes 15 s, or minutes on a busy machine. If `eio`
/// hangs, the timeouts of the script's sockets end the test earlier.
const DEADLINE: Duration = Duration::from_secs(1200);

/// A running `eio` process, which is killed when this value is dropped.
struct Eio(Child);

/// An `eio` process whose standard error is a full socket. When the session has ended, `eio` blocks
/// while it reports the end there, so the process still exists when its memory is measured.
struct Stuffed {
    eio: Eio,
    errors: UnixStream,
    stuffing: usize,
}

impl Drop for Eio {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Eio {
    /// Starts an `eio` whose standard error is full.
    fn start_stuffed(address: SocketAddr, arguments: &[&str]) -> (Stuffed, ChildStdout) {
        let (errors, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let stuffing = stuff(&mut theirs).expect("a stream to fill");
        let arguments = [&["--json"], arguments].concat();
        let (eio, output) = Self::start(address, &arguments, OwnedFd::from(theirs).into());
        let stuffed = Stuffed {
            eio,
            errors,
            stuffing,
        };
        (stuffed, output)
    }

    fn start(address: SocketAddr, arguments: &[&str], errors: Stdio) -> (Self, ChildStdout) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eio"));
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        let mut child = command
            .args(["--max-message-size", "1000000"])
            .args(arguments)
            .arg(format!("http://{address}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("eio starts");
        let output = child.stdout.take().expect("it is piped");
        (Self(child), output)
    }

    /// Peak of the process's resident memory, in KiB.
    fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.0.id());
        let status = fs::read_to_string(path).expect("eio runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let line = line.expect("eio has not exited").trim();
        let number = line.strip_suffix("kB").expect("in KiB").trim();
        number.parse().expect("a number")
    }

    fn check_peak(&self) {
        let peak = self.peak();
        println!("peak: {peak} KiB");
        assert!(peak <= MOST, "eio used {peak} KiB");
    }
}

impl Stuffed {
    /// Reads standard error to its end, so that `eio` can exit. Returns the text that `eio` has written
    /// there.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        self.errors
            .set_read_timeout(Some(DEADLINE))
            .and_then(|()| self.errors.read_to_end(&mut bytes))
            .expect("eio exits");
        String::from_utf8_lossy(&bytes[self.stuffing..]).into_owned()
    }
}

/// Fills the stream, and returns the number of bytes that this took.
fn stuff(stream: &mut UnixStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let mut written = 0;
    for size in [4096, 1] {
        loop {
            match stream.write(&vec![b'.'; size]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
    stream.set_nonblocking(false)?;
    Ok(written)
}

/// Runs `eio` and reads its output until the script ends. A script ends when `eio` has closed the
/// connection. The text that `eio` then writes to standard error must contain `words`.
fn bounded(
    arguments: &[&str],
    words: &str,
    script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
) {
    let (mut server, _cues) = server::run(Box::new(script));
    let (mut eio, mut output) = Eio::start_stuffed(server.address, arguments);
    let reader = thread::spawn(move || io::copy(&mut output, &mut io::sink()));
    let ended = server.wait(DEADLINE);
    eio.eio.check_peak();
    let said = eio.last_words();
    assert!(said.contains(words), "{said}");
    server::check(ended);
    let _ = reader.join();
}

/// Runs `eio` without reading its output. The script sends until `eio` stops reading.
fn bounded_unread(
    arguments: &[&str],
    script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
) {
    let (mut server, _cues) = server::run(Box::new(script));
    let arguments = [&["--json"], arguments].concat();
    let (eio, _output) = Eio::start(server.address, &arguments, Stdio::null());
    server::check(server.wait(DEADLINE));
    eio.check_peak();
}

const POLLING: &[&str] = &["--transport", "polling"];
const WEBSOCKET: &[&str] = &["--transport", "websocket"];

/// Opens a session on polling, and answers its next poll with `head`, followed by `again` for ever.
fn poll_without_end(words: &str, head: &'static str, again: Vec<u8>) {
    bounded(POLLING, words, move |server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with(head)?;
        peer.write_for_ever(again)
    });
}

/// Opens a session over WebSocket, and sends `start`, followed by `again` for ever.
fn frames_without_end(words: &str, start: Vec<u8>, again: Vec<u8>) {
    bounded(WEBSOCKET, words, move |server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(start)?;
        peer.write_for_ever(again)
    });
}

/// Sends a gigabyte of these bytes, and a ping. The client's pong shows that it has read everything
/// before the ping.
fn gigabyte(peer: &mut Peer, again: &[u8]) -> io::Result<()> {
    let piece = again.repeat((100_000 / again.len()).max(1));
    let mut left = GIGABYTE;
    while left > 0 {
        peer.write(&piece)?;
        left = left.saturating_sub(piece.len());
    }
    peer.write(frame(PING, "the last"))?;
    while peer.frame()?.1 != b"the last" {}
    Ok(())
}

/// Sends a gigabyte of these frames, and measures the memory of `eio` while the session is still open.
/// `eio` runs without `--json`, because printing JSON is too slow in an unoptimised build.
fn gigabyte_of_frames(again: Vec<u8>) {
    let (mut server, _cues) = server::run(Box::new(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        gigabyte(&mut peer, &again)?;
        server.hold(peer);
        Ok(())
    }));
    let (eio, mut output) = Eio::start(server.address, WEBSOCKET, Stdio::null());
    let reader = thread::spawn(move || io::copy(&mut output, &mut io::sink()));
    server::check(server.wait(DEADLINE));
    eio.check_peak();
    drop((server, eio));
    let _ = reader.join();
}

#[test]
fn a_head_without_end() {
    poll_without_end(
        "limit max_head_size",
        "HTTP/1.1 200 OK\r\nX: ",
        vec![b'x'; 100_000],
    );
}

#[test]
fn a_head_without_end_for_a_websocket() {
    bounded(WEBSOCKET, "limit max_head_size", |server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 101 Switching Protocols\r\nX: ")?;
        peer.write_for_ever([b'x'; 100_000])
    });
}

#[test]
fn interim_responses_without_end() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    poll_without_end("limit max_head_size", "", interim.repeat(1000).into());
}

#[test]
fn a_body_without_length_or_end() {
    poll_without_end(
        "limit max_body_size",
        "HTTP/1.1 200 OK\r\n\r\n4",
        vec![b'x'; 100_000],
    );
}

#[test]
fn a_body_of_chunks_without_end() {
    let chunk = [b"186a0\r\n".to_vec(), vec![b'x'; 100_000], b"\r\n".to_vec()].concat();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    poll_without_end("limit max_body_size", head, chunk);
}

#[test]
fn a_body_of_small_chunks_without_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    poll_without_end(
        "limit max_body_size",
        head,
        format!("40\r\n{}\r\n", "x".repeat(64)).repeat(1000).into(),
    );
}

#[test]
fn a_body_of_the_greatest_length_and_then_silence() {
    // The response announces 16 MiB, and all but its last byte arrive. The client allocates memory only
    // for bytes that arrive.
    bounded(POLLING, "silent for too long", |server| {
        let mut peer =
            server.open_polling(r#"0{"sid":"s","pingInterval":500,"pingTimeout":500}"#)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n4")?;
        peer.write(vec![b'x'; 16_777_214])?;
        peer.until_gone()
    });
}

#[test]
fn a_length_that_is_huge() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n4";
    poll_without_end("limit max_body_size", head, vec![b'x'; 100_000]);
}

#[test]
fn empty_packets_without_end() {
    poll_without_end(
        "limit max_body_size",
        "HTTP/1.1 200 OK\r\n\r\n",
        b"4\x1e".repeat(10_000),
    );
}

#[test]
fn the_most_packets_in_a_body() {
    let body = "4\x1e".repeat(8_000_000);
    bounded(POLLING, "limit max_payload_packets", move |server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer(body)?;
        peer.until_gone()
    });
}

#[test]
fn bodies_of_the_greatest_length() {
    let small = vec![format!("4{}", "x".repeat(120)); 131_072].join("\x1e");
    let large = vec![format!("b{}", "QUJD".repeat(333_333)); 12].join("\x1e");
    bounded(POLLING, "closed by the server", move |server| {
        let mut peer = server.open_polling(OPEN)?;
        for body in [small, large] {
            // `eio` polls again when its output has room. That may take longer than the client keeps a
            // connection without a `Keep-Alive` header.
            let length = body.len();
            peer.answer_with(format!(
                "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\nContent-Length: {length}\r\n\r\n{body}"
            ))?;
        }
        peer.answer("1")?;
        peer.until_gone()
    });
}

#[test]
fn a_refusal_without_end() {
    let head = "HTTP/1.1 500 Internal Server Error\r\n\r\n";
    poll_without_end("limit max_body_size", head, vec![b'x'; 100_000]);
}

#[test]
fn a_refusal_of_a_websocket_without_end() {
    bounded(WEBSOCKET, "500 Internal Server Error: xxx", |server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 500 Internal Server Error\r\n\r\n")?;
        peer.write_for_ever([b'x'; 100_000])
    });
}

#[test]
fn cookies_without_end() {
    bounded(POLLING, "closed by the server", |server| {
        let mut peer = server.open_polling(OPEN)?;
        for round in 0..40 {
            let cookies: String = (0..900)
                .map(|number| format!("Set-Cookie: c{round}-{number}={}\r\n", "x".repeat(40)))
                .collect();
            peer.answer_with(format!(
                "HTTP/1.1 200 OK\r\n{cookies}Content-Length: 2\r\n\r\n4x"
            ))?;
        }
        let request = peer.answer("1")?;
        let cookies = request.header("cookie").unwrap_or_default();
        assert!(cookies.len() < 20_000, "{} bytes of cookies", cookies.len());
        peer.until_gone()
    });
}

#[test]
fn a_frame_without_end() {
    frames_without_end(
        "limit max_message_size",
        frame_head(FIN | BINARY, 1 << 40),
        vec![b'x'; 100_000],
    );
}

#[test]
fn fragments_without_end() {
    frames_without_end(
        "limit max_message_size",
        fragment(BINARY, "x"),
        fragment(CONTINUATION, [b'x'; 1000]).repeat(100),
    );
}

#[test]
fn fragments_of_one_byte_without_end() {
    frames_without_end(
        "limit max_message_size",
        fragment(TEXT, "4"),
        fragment(CONTINUATION, "x").repeat(10_000),
    );
}

#[test]
fn a_gigabyte_of_messages() {
    gigabyte_of_frames(frame(TEXT, format!("4{}", "x".repeat(999_999))));
}

#[test]
fn a_gigabyte_of_pings_of_websocket() {
    gigabyte_of_frames(frame(PING, [b'x'; 125]));
}

#[test]
fn a_gigabyte_of_pings_of_engine_io() {
    gigabyte_of_frames(frame(TEXT, format!("2{}", "x".repeat(125))));
}

#[test]
fn large_messages_that_are_not_printed() {
    let patience = Duration::from_secs(1);
    bounded_unread(WEBSOCKET, move |server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write_until_stalled(frame(TEXT, format!("4{}", "x".repeat(999_999))), patience)?;
        server.hold(peer);
        Ok(())
    });
}

/// Each of these control characters takes six bytes in JSON: `\u0001`.
#[test]
fn control_characters_that_are_not_printed() {
    let patience = Duration::from_secs(2);
    bounded_unread(WEBSOCKET, move |server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write_until_stalled(
            frame(TEXT, format!("4{}", "\x01".repeat(999_999))),
            patience,
        )?;
        server.hold(peer);
        Ok(())
    });
}

#[test]
fn small_messages_that_are_not_printed() {
    let patience = Duration::from_secs(1);
    bounded_unread(WEBSOCKET, move |server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write_until_stalled(frame(TEXT, "4").repeat(10_000), patience)?;
        server.hold(peer);
        Ok(())
    });
}

/// Sends short messages, each together with frames that fill the rest of a read and that the client does
/// not keep. A message must not keep the whole read buffer alive.
fn short_messages_that_are_not_printed(among: Vec<u8>) {
    let patience = Duration::from_secs(1);
    let message = frame(TEXT, format!("4{}", "x".repeat(60)));
    bounded_unread(WEBSOCKET, move |server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write_until_stalled([message, among].concat().repeat(4), patience)?;
        server.hold(peer);
        Ok(())
    });
}

#[test]
fn r20_short_messages_among_pongs_that_are_not_printed() {
    short_messages_that_are_not_printed(frame(PONG, [b'x'; 125]).repeat(513));
}

#[test]
fn r20_short_messages_among_pings_of_engine_io_that_are_not_printed() {
    short_messages_that_are_not_printed(frame(TEXT, format!("2{}", "x".repeat(125))).repeat(513));
}

/// Each body holds a message of 5 kB and a noop of 5 MB, which the client does not keep. The message
/// must not keep the whole body alive.
#[test]
fn r20_messages_in_bodies_of_padding_that_are_not_printed() {
    let patience = Duration::from_secs(3);
    let body = format!("4{}\x1e6{}", "x".repeat(5000), "x".repeat(5_000_000));
    bounded_unread(POLLING, move |server| {
        let mut peer = server.open_polling(OPEN)?;
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        peer.answer_until_stalled(answer, patience)?;
        server.hold(peer);
        Ok(())
    });
}

#[cfg(feature = "compression")]
mod compressed {
    use super::*;

    use flate2::{Compress, Compression, FlushCompress};

    /// A gigabyte of one letter in deflate, without a last block. Each megabyte is a block of its own.
    fn bomb() -> Vec<u8> {
        let mut block = Vec::with_capacity(100_000);
        Compress::new(Compression::best(), false)
            .compress_vec(&vec![b'x'; 1_000_000], &mut block, FlushCompress::Full)
            .expect("there is room");
        block.repeat(1000)
    }

    fn bounded_bomb(coding: &'static str, bytes: Vec<u8>) {
        bounded(
            POLLING,
            "after decompression (limit max_body_size)",
            move |server| {
                let mut peer = server.open_polling(OPEN)?;
                let length = bytes.len();
                peer.answer_with(format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
            ))?;
                peer.write(bytes)?;
                peer.until_gone()
            },
        );
    }

    /// The gzip trailer claims that the decompressed data has 5 bytes.
    #[test]
    fn a_gzip_bomb() {
        let head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
        bounded_bomb(
            "gzip",
            [head, bomb(), b"\x03\0\0\0\0\0\x05\0\0\0".to_vec()].concat(),
        );
    }

    #[test]
    fn a_deflate_bomb() {
        bounded_bomb("deflate", bomb());
    }

    /// Opens a session over WebSocket with permessage-deflate, and sends `start`, followed by `again` for ever.
    fn compressed_without_end(start: Vec<u8>, again: Vec<u8>) {
        let arguments = [WEBSOCKET, &["--deflate"]].concat();
        bounded(&arguments, "limit max_message_size", move |server| {
            let mut peer = server.accept()?;
            let request = peer.request()?;
            let head = server::switching(&request);
            let extension = "Sec-WebSocket-Extensions: permessage-deflate";
            peer.write(format!("{}\r\n{extension}\r\n\r\n", head.trim_end()))?;
            peer.write(frame(TEXT, OPEN))?;
            peer.write(start)?;
            peer.write_for_ever(again)
        });
    }

    const RSV1: u8 = 0x40;

    #[test]
    fn a_bomb_in_a_frame() {
        compressed_without_end(fragment(FIN | RSV1 | BINARY, bomb()), frame(PONG, ""));
    }

    #[test]
    fn a_bomb_in_fragments_without_end() {
        let bomb = bomb();
        let block = &bomb[..bomb.len() / 1000];
        let start = fragment(RSV1 | BINARY, &block[..100]);
        let again = [&block[100..], &block[..100]].concat();
        compressed_without_end(start, fragment(CONTINUATION, again));
    }

    /// Blocks that contain nothing.
    #[test]
    fn compressed_fragments_without_contents_or_end() {
        let empty = [0, 0, 0, 0xff, 0xff].repeat(1000);
        let start = fragment(RSV1 | BINARY, &empty);
        compressed_without_end(start, fragment(CONTINUATION, &empty));
    }
}
