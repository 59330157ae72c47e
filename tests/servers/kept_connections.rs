//! Kept-alive connections that the server closes just as the client sends a request. The client repeats
//! a request only if the server's system has acknowledged none of it: see report R3 in
//! `tests/reports.md`.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use engineio_client::transports::Polling;
use engineio_client::transports::rustls::{ServerConfig, ServerConnection, StreamOwned};
use engineio_client::{
    Activity, AsyncStd, Error, ErrorKind, Link, Message, OpenRequest, Packet, Runtime, Smol, Tokio,
    Transport as _,
};
use futures::FutureExt as _;
use socket2::{SockFilter, SockRef};

use crate::support::session::{DEADLINE, Runs, dialer, within};
use crate::support::tls::AUTHORITY;

/// How the server ends the connection on which the second request arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    /// With a FIN. A filter drops the second request, so that the server's system does not acknowledge
    /// it.
    Unheard,
    /// With a FIN, after the server has read the second request.
    Read,
    /// With a reset, after the server has read the second request.
    ReadReset,
    /// With a reset. A filter drops the second request.
    UnheardReset,
}

static CONFIG: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| AUTHORITY.issue(&["127.0.0.1"]).server());

/// Attaches a filter that drops every incoming packet of the socket.
fn deafen(socket: &TcpStream) -> io::Result<()> {
    let nothing = SockFilter::new(0x06, 0, 0, 0);
    SockRef::from(socket).attach_filter(&[nothing])
}

/// Whether this process can attach filters: some systems only allow root to do so.
fn can_deafen() -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the socket is bound");
    let tried = deafen(&TcpStream::connect(address).expect("the server listens"));
    if let Err(error) = &tried {
        println!("left out, since no filter can be attached: {error}");
    }
    tried.is_ok()
}

trait Stream: Read + Write + Send {
    /// Sends TLS's `close_notify`, if the stream uses TLS.
    fn close_notify(&mut self);
}

impl Stream for TcpStream {
    fn close_notify(&mut self) {}
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn close_notify(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

struct Server {
    listener: TcpListener,
    tls: bool,
}

impl Server {
    fn accept(&self) -> (TcpStream, Box<dyn Stream>) {
        let (socket, _) = self.listener.accept().expect("a connection");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let stream = socket.try_clone().expect("a second handle");
        if self.tls {
            let config = Arc::clone(&CONFIG);
            let tls = ServerConnection::new(config).expect("a TLS connection");
            return (socket, Box::new(StreamOwned::new(tls, stream)));
        }
        (socket, Box::new(stream))
    }

    /// Answers the first request and ends the connection when the client has sent the second. For
    /// `Unheard`, the client must repeat the second request on a new connection, where it is answered.
    /// Otherwise the client must not repeat it. Returns how many times the second request was read.
    fn run(&self, leave: Leave, has_asked: &Receiver<()>) -> usize {
        let (socket, mut stream) = self.accept();
        read_request(&mut stream);
        if matches!(leave, Leave::Unheard | Leave::UnheardReset) {
            deafen(&socket).expect("filters can be attached");
        }
        answer(&mut stream, "4first");
        let mut times = 0;
        if matches!(leave, Leave::Read | Leave::ReadReset) {
            read_request(&mut stream);
            times += 1;
        }
        has_asked.recv_timeout(DEADLINE).expect("the client asks");
        if matches!(leave, Leave::ReadReset | Leave::UnheardReset) {
            SockRef::from(&socket)
                .set_linger(Some(Duration::ZERO))
                .expect("a reset");
        } else {
            stream.close_notify();
            socket
                .shutdown(Shutdown::Write)
                .expect("the socket is connected");
        }
        drop((socket, stream));
        if leave == Leave::Unheard {
            let (_, mut stream) = self.accept();
            read_request(&mut stream);
            answer(&mut stream, "4second");
            times += 1;
        } else {
            has_asked
                .recv_timeout(DEADLINE)
                .expect("the client's request fails");
        }
        self.listener.set_nonblocking(true).expect("a listener");
        assert!(self.listener.accept().is_err(), "the request was repeated");
        times
    }
}

/// Reads a head, and a body of two bytes if the request is a POST.
fn read_request(stream: &mut Box<dyn Stream>) {
    let mut request = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        request.extend(byte);
        let is_post = request.starts_with(b"POST");
        let end: &[u8] = if is_post { b"\r\n\r\n4m" } else { b"\r\n\r\n" };
        if request.ends_with(end) {
            return;
        }
    }
}

fn answer(stream: &mut Box<dyn Stream>, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).expect("an answer");
    stream.flush().expect("an answer");
}

async fn ask(link: &mut Link, post: bool) -> Result<Vec<Packet>, Error> {
    if post {
        let packet = Packet::Message(Message::from("m"));
        link.sender.send(vec![packet].into()).await?;
        return Ok(Vec::new());
    }
    link.receiver.recv().await
}

async fn case<R: Runs>(leave: Leave, tls: bool, post: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let scheme = if tls { "https" } else { "http" };
    let address = listener.local_addr().expect("the socket is bound");
    let url = format!("{scheme}://{address}/engine.io/");
    let (signal, signals): (Sender<()>, _) = channel();
    let server = thread::spawn(move || Server { listener, tls }.run(leave, &signals));

    let runtime: Arc<dyn Runtime> = Arc::new(R::default());
    let activity = Activity::new(Arc::clone(&runtime));
    let request = OpenRequest::new("polling", url.parse().expect("a URL"), activity);
    let polling = Polling::default().dialer(dialer());
    let mut link = polling
        .open(&runtime, request)
        .await
        .expect("the session opens");
    let first = within(&R::default(), "the first poll", ask(&mut link, false)).await;
    assert_eq!(first.expect("an answer").len(), 1);
    let asked = {
        let mut asking = pin!(ask(&mut link, post));
        // The first poll of the future writes the request.
        let early = asking.as_mut().now_or_never();
        assert!(early.is_none(), "{early:?}");
        signal.send(()).expect("the server listens");
        within(&R::default(), "the second request", asking).await
    };
    let about = format!("{leave:?}, tls: {tls}, post: {post}");
    if leave == Leave::Unheard {
        let packets = asked.unwrap_or_else(|error| panic!("{about}: {}", error.report()));
        assert_eq!(packets.len(), usize::from(!post), "{about}");
    } else {
        let error = asked.expect_err(&about);
        assert_eq!(
            error.kind(),
            ErrorKind::Ended,
            "{about}: {}",
            error.report()
        );
        let _ = signal.send(());
    }
    let times = server.join().expect("the server's part");
    assert_eq!(times, usize::from(leave != Leave::UnheardReset), "{about}");
}

/// Runs all combinations of runtime, scheme and method concurrently, each with its own server.
fn all_cases(leave: Leave) {
    thread::scope(|scope| {
        for (tls, post) in [(false, false), (false, true), (true, false), (true, true)] {
            scope.spawn(move || Tokio::run(case::<Tokio>(leave, tls, post)));
            scope.spawn(move || Smol::run(case::<Smol>(leave, tls, post)));
            scope.spawn(move || AsyncStd::run(case::<AsyncStd>(leave, tls, post)));
        }
    });
}

/// Rule E27.
#[test]
fn r3_a_request_that_the_peer_never_acknowledged_is_repeated_on_each_runtime() {
    if can_deafen() {
        all_cases(Leave::Unheard);
    }
}

/// Rule E27.
#[test]
fn r3_a_request_that_was_read_before_a_close_or_reset_is_not_repeated() {
    all_cases(Leave::Read);
    all_cases(Leave::ReadReset);
    if can_deafen() {
        all_cases(Leave::UnheardReset);
    }
}
