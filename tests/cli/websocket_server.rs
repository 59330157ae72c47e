//! A WebSocket server that sends each frame as the test says. It can stop listening, and listen again
//! on the same port.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};

use async_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{Frame, FrameSocket};
use async_tungstenite::tungstenite::{Bytes, accept};

use super::DEADLINE;

pub(crate) struct WebSocketServer {
    address: SocketAddr,
    listener: Option<TcpListener>,
}

/// A session. Dropping it ends the connection.
pub(crate) struct Session {
    frames: FrameSocket<TcpStream>,
}

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// A packet, such as `4hello`.
    Packet(String),
    /// A fence.
    Ping(Bytes),
    Close,
    /// The connection has ended without a close frame.
    End,
}

impl WebSocketServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self {
            address: listener.local_addr().expect("it is bound"),
            listener: Some(listener),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening on the port.
    pub(crate) fn go_away(&mut self) {
        self.listener = None;
    }

    /// Listens on the same port again.
    pub(crate) fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).expect("the port is still free");
        self.listener = Some(listener);
    }

    /// The next session. Its handshake announces a ping interval of 25 s.
    pub(crate) fn session(&self) -> Session {
        self.session_with(r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000}"#)
    }

    pub(crate) fn session_with(&self, open: &str) -> Session {
        let listener = self.listener.as_ref().expect("the server listens");
        let socket = accept(next(listener)).expect("eio opens a WebSocket");
        let mut session = Session {
            frames: FrameSocket::new(socket.into_inner()),
        };
        session.send(open);
        session
    }
}

/// The next connection.
fn next(listener: &TcpListener) -> TcpStream {
    let listener = listener.try_clone().expect("there is a descriptor");
    listener.set_nonblocking(true).expect("sockets can do it");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts");
    let stream = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("it does not block");
        let accepted = tokio::time::timeout(DEADLINE, listener.accept()).await;
        let (stream, _) = accepted.expect("eio connects").expect("it is accepted");
        stream.into_std().expect("it is not used")
    });
    stream.set_nonblocking(false).expect("sockets can do it");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("it is not zero");
    stream
}

impl Session {
    pub(crate) fn send(&mut self, packet: &str) {
        let text = Bytes::copy_from_slice(packet.as_bytes());
        self.send_frame(Frame::message(text, OpCode::Data(Data::Text), true));
    }

    pub(crate) fn pong(&mut self, data: Bytes) {
        self.send_frame(Frame::pong(data));
    }

    /// Answers a fence and closes the session, in one write.
    pub(crate) fn pong_and_close(&mut self, data: Bytes) {
        let mut bytes = Vec::new();
        for frame in [Frame::pong(data), Frame::close(None)] {
            frame.format(&mut bytes).expect("there is room");
        }
        let stream = self.frames.get_mut();
        stream.write_all(&bytes).expect("eio is connected");
    }

    pub(crate) fn close(&mut self) {
        self.send_frame(Frame::close(None));
    }

    fn send_frame(&mut self, frame: Frame) {
        // The client may have gone.
        let _ = self.frames.send(frame);
    }

    /// The next item that the client sends.
    pub(crate) fn hear(&mut self) -> Said {
        let Ok(Some(frame)) = self.frames.read(None) else {
            return Said::End;
        };
        let mask = frame.header().mask.expect("a client masks");
        let bytes = frame.payload().iter().zip(mask.iter().cycle());
        let payload: Vec<u8> = bytes.map(|(byte, mask)| byte ^ mask).collect();
        match frame.header().opcode {
            OpCode::Control(Control::Ping) => Said::Ping(payload.into()),
            OpCode::Control(Control::Close) => Said::Close,
            _ => Said::Packet(String::from_utf8(payload).expect("it is UTF-8")),
        }
    }

    /// The next item that the client sends, which must be a fence.
    pub(crate) fn fence(&mut self) -> Bytes {
        match self.hear() {
            Said::Ping(data) => data,
            said => panic!("expected a fence, not {said:?}"),
        }
    }

    /// The next packet. Fences before it are not answered.
    pub(crate) fn packet(&mut self) -> String {
        loop {
            match self.hear() {
                Said::Packet(packet) => return packet,
                Said::Ping(_) => {}
                said => panic!("eio has ended the session: {said:?}"),
            }
        }
    }

    /// Reads packets until the end, and answers the close frame.
    pub(crate) fn serve(mut self, fences: Fences) -> Vec<String> {
        let mut packets = Vec::new();
        loop {
            match self.hear() {
                Said::Packet(packet) => packets.push(packet),
                Said::Ping(data) if fences == Fences::Answered => self.pong(data),
                Said::Ping(_) => {}
                Said::Close => {
                    self.close();
                    return packets;
                }
                Said::End => return packets,
            }
        }
    }
}

/// What a server does with fences.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fences {
    Answered,
    Ignored,
}
