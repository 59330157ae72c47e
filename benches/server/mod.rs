//! A minimal Engine.IO server for benchmarks: one thread, one light task per connection, and everything
//! that it sends is encoded in advance. With a core of its own it is never the bottleneck.
//!
//! The query of the URL, which every client lets its user set, selects what the server does in a
//! session:
//!
//! | name | values | default |
//! |---|---|---|
//! | `job` | `receive`, `send`, `echo`, `idle` | `idle` |
//! | `length` | bytes in a message | 64 |
//! | `count` | messages, for `receive` and `send` | 200000 |
//! | `form` | `text`, `binary`, `json` (a text) | `text` |
//! | `deflate` | `fresh` (without context), or window bits | messages are not compressed |
//! | `ping_interval`, `ping_timeout` | milliseconds | 25000, 20000 |
//! | `upgrade` | 1: offers an upgrade to WebSocket, only with `idle` | 0 |
//!
//! The first message of a session, with any content, starts the job. So a client has nothing to read
//! before it starts its clock. Then:
//!
//! - `receive`: the server sends `count` messages and the text `end`. A client that stops after `count`
//!   messages sees the `end` only if it has lost some.
//! - `send`: the server counts messages and checks their form and length. It sends `done` when `count`
//!   have arrived, or a text with the mismatch.
//! - `echo`: the server answers each message with one of `form` and `length`.
//!
//! If `send` or `echo` makes no progress for 5 s, the server sends a text that says so.
//!
//! `idle` needs no start. The server pings, ends sessions whose pongs do not arrive, and sends each
//! message back unchanged.

mod http;
mod job;
mod json;
mod polling;
mod websocket;

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use http::{Connection, Request};
use job::Job;
use polling::Session;

/// Connections that wait to be accepted. The system may have a lower limit.
const BACKLOG: u32 = 65_535;

/// Prints a free port and serves on it until the standard input ends.
pub(crate) fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        // With the usual backlog, the system would refuse clients that connect at once, and each of
        // them would try again after a second.
        let listener = socket.listen(BACKLOG)?;
        println!("{}", listener.local_addr()?.port());
        std::thread::spawn(|| {
            // The standard input ends when the parent process does.
            while io::stdin().read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
            std::process::exit(0);
        });
        serve(listener).await;
        Ok(())
    })
}

/// Serves forever.
pub(crate) async fn serve(listener: TcpListener) {
    let sessions = Sessions::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let sessions = Arc::clone(&sessions);
                tokio::spawn(async move {
                    // A client that disconnects without a close is not an error of the server.
                    let _ = serve_connection(stream, &sessions).await;
                });
            }
            Err(error) => {
                eprintln!("bare server: can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Polling sessions by sid.
type Sessions = Arc<Mutex<HashMap<String, Arc<Session>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves the requests of one connection.
async fn serve_connection(stream: TcpStream, sessions: &Sessions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.request().await? {
        match answer(&mut connection, &request, sessions).await {
            Ok(Next::Request) if request.keep_alive => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let text = error.to_string();
                return connection.respond("400 Bad Request", text.as_bytes()).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

enum Next {
    Request,
    End,
}

async fn answer(
    connection: &mut Connection,
    request: &Request,
    sessions: &Sessions,
) -> io::Result<Next> {
    if request.value("EIO") != Some("4") {
        return Err(refused("only EIO=4 is supported"));
    }
    let session = match request.value("sid") {
        None => None,
        Some(sid) => match lock(sessions).get(sid) {
            None => return Err(refused("unknown sid")),
            session => session.cloned(),
        },
    };
    match (request.value("transport"), session) {
        (Some("websocket"), None) => {
            let job = Job::parse(request)?;
            let open = open_packet(&new_sid(), &job, "");
            websocket::accept(connection, request, job.deflate, open.as_bytes()).await?;
            websocket::work(connection, &job).await?;
            Ok(Next::End)
        }
        (Some("websocket"), Some(session)) => {
            websocket::accept(connection, request, None, b"").await?;
            let upgraded = websocket::upgrade(connection, &session).await;
            if session.has_ended() {
                lock(sessions).remove(request.value("sid").unwrap_or_default());
            }
            upgraded.map(|()| Next::End)
        }
        (Some("polling"), None) if request.is_get => {
            let job = Job::parse(request)?;
            let sid = new_sid();
            let upgrades = if job.upgrade { r#""websocket""# } else { "" };
            let open = open_packet(&sid, &job, upgrades);
            lock(sessions).insert(sid, Arc::new(Session::new(job)));
            connection.respond("200 OK", open.as_bytes()).await?;
            Ok(Next::Request)
        }
        (Some("polling"), Some(session)) => {
            if request.is_get {
                session.poll(connection).await?;
            } else {
                session.post(connection, request).await?;
            }
            if session.has_ended() {
                lock(sessions).remove(request.value("sid").unwrap_or_default());
            }
            Ok(Next::Request)
        }
        _ => Err(refused(
            "expected a GET with transport=polling or transport=websocket",
        )),
    }
}

/// Time without progress after which the server assumes that a message was lost, and sends an error
/// text.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

const MAX_PAYLOAD: usize = 1_000_000;

fn open_packet(sid: &str, job: &Job, upgrades: &str) -> String {
    let (interval, timeout) = (job.ping_interval.as_millis(), job.ping_timeout.as_millis());
    format!(
        r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":{MAX_PAYLOAD}}}"#
    )
}

fn new_sid() -> String {
    static SIDS: AtomicU64 = AtomicU64::new(0);
    format!("bare{:016x}", SIDS.fetch_add(1, Ordering::Relaxed))
}

/// An error that the client receives as status 400 with this text.
fn refused(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text.into())
}

/// An error that ends the connection.
fn broken(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
