//! A bare Engine.IO server for benchmarks: one thread, one light task a connection, and all that it
//! sends is encoded before. It is never what a client waits for, if it has a core of its own.
//!
//! What it does in a session stands in the query of the URL, which every client lets its user set:
//!
//! | name | values | default |
//! |---|---|---|
//! | `job` | `receive`, `send`, `echo`, `idle` | `idle` |
//! | `length` | bytes in a message | 64 |
//! | `count` | messages, for `receive` and `send` | 200000 |
//! | `form` | `text`, `binary` | `text` |
//! | `ping_interval`, `ping_timeout` | milliseconds | 25000, 20000 |
//! | `upgrade` | 1: offers websocket to polling, for `idle` alone | 0 |
//!
//! The first message of a session, whatever it says, starts the job, so that no client has anything
//! to read before its clock runs:
//!
//! - `receive`: the server sends `count` messages, and the text `end`, which a client that counts to
//!   `count` sees only when it has lost some.
//! - `send`: it counts messages, checks their form and length, and says `done` when there were
//!   `count`, or else what was wrong.
//! - `echo`: it answers each message with one of `form` and `length`.
//!
//! Where nothing moves for 5 s before that, it says so.
//!
//! `idle` needs no start: the server pings, ends sessions whose pongs stay away, and sends each
//! message back as it is.

mod http;
mod job;
mod polling;
mod websocket;

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use http::{Connection, Request};
use job::Job;
use polling::Session;

/// Serves on a free port, which is printed, until the standard input ends.
pub(crate) fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        std::thread::spawn(|| {
            // However it ends, whoever started this has gone.
            while io::stdin().read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
            std::process::exit(0);
        });
        serve(listener).await;
        Ok(())
    })
}

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener) {
    let sessions = Sessions::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let sessions = Arc::clone(&sessions);
                tokio::spawn(async move {
                    // A client that goes without a word is not the server's trouble.
                    let _ = converse(stream, &sessions).await;
                });
            }
            Err(error) => {
                eprintln!("bare server: cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// The sessions on polling, by sid.
type Sessions = Arc<Mutex<HashMap<String, Arc<Session>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, request by request.
async fn converse(stream: TcpStream, sessions: &Sessions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.request().await? {
        match answer(&mut connection, &request, sessions).await {
            Ok(Next::Request) if request.keep_alive => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let words = error.to_string();
                return connection
                    .respond("400 Bad Request", words.as_bytes())
                    .await;
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
        return Err(refused("only EIO=4 is spoken here"));
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
            websocket::accept(connection, request, open.as_bytes()).await?;
            websocket::work(connection, &job).await?;
            Ok(Next::End)
        }
        (Some("websocket"), Some(session)) => {
            websocket::accept(connection, request, b"").await?;
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
        _ => Err(refused("a session begins by a GET of polling or websocket")),
    }
}

/// A client that neither sends nor reads for so long has lost something, and is told.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// Is told to the client, with the status 400.
fn refused(words: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, words.into())
}

/// Ends the connection.
fn broken(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}
