//! fastwebsockets. It writes each frame at once, so the stream below it is buffered.

use engineio_client_compare::Failure;
use fastwebsockets::{Frame, OpCode, Role, WebSocket, handshake};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::BufWriter;
use tokio::net::TcpStream;

use crate::socket::{Address, Message, Socket};

/// As large as the default write buffer of sockudo-ws.
const BUFFER: usize = 64 * 1024;

pub(crate) async fn connect(address: &Address) -> Result<impl Socket, Failure> {
    let stream = TcpStream::connect(&address.host).await?;
    stream.set_nodelay(true)?;
    let request = hyper::Request::get(&address.path)
        .header(HOST, &address.host)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
        .header(SEC_WEBSOCKET_VERSION, "13")
        .body(Empty::<Bytes>::new())?;
    let (socket, _) = handshake::client(&TokioExecutor::new(), request, stream).await?;
    // Nothing has been read through `socket`, so its own buffer is empty.
    let stream = BufWriter::with_capacity(BUFFER, socket.into_inner());
    Ok(Buffered(WebSocket::after_handshake(stream, Role::Client)))
}

struct Buffered(WebSocket<BufWriter<TokioIo<Upgraded>>>);

impl Socket for Buffered {
    type Message = Frame<'static>;

    async fn feed(&mut self, frame: Frame<'static>) -> Result<(), Failure> {
        Ok(self.0.write_frame(frame).await?)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.0.flush().await?)
    }

    /// The benchmarks' server does not fragment messages.
    async fn next(&mut self) -> Result<Frame<'static>, Failure> {
        match self.0.read_frame().await? {
            frame if frame.fin => Ok(frame),
            _ => Err("fragmented message".into()),
        }
    }
}

impl Message for Frame<'static> {
    fn text(text: String) -> Self {
        Self::text(text.into_bytes().into())
    }

    fn binary(bytes: Vec<u8>) -> Self {
        Self::binary(bytes.into())
    }

    fn contents(&self) -> (bool, &[u8]) {
        (self.opcode == OpCode::Text, &self.payload)
    }
}
