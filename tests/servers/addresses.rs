//! Servers behind a Unix socket and at an IPv6 address. A relay listens there and forwards connections
//! to engineioxide, which listens on IPv4.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use event_listener::Event as Bell;
use futures::future::{join, select};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy};
use smol::net::unix::UnixListener;
use smol::net::{TcpListener, TcpStream};

use super::*;
use crate::support::log::Log;
use crate::support::server::{Server, Setup};
use crate::support::session::Session;

/// A thread that forwards connections. Dropping the relay ends it.
pub(crate) struct Relay {
    stop: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(crate) fn start<S>(
        accept: impl AsyncFn() -> std::io::Result<S> + Send + 'static,
        server: &str,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let target = server.trim_start_matches("http://").to_owned();
        let stop = Arc::new(Bell::new());
        let stopped = stop.listen();
        let thread = thread::spawn(move || {
            let executor = smol::LocalExecutor::new();
            let accepting = async {
                while let Ok(stream) = accept().await {
                    executor.spawn(hand_on(stream, target.clone())).detach();
                }
            };
            smol::block_on(executor.run(select(Box::pin(accepting), stopped)));
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.notify(usize::MAX);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Copies both directions until both have ended.
async fn hand_on(client: impl AsyncRead + AsyncWrite + Unpin, target: String) {
    let Ok(server) = TcpStream::connect(&target).await else {
        return;
    };
    let _ = server.set_nodelay(true);
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    join(
        async {
            let _ = copy(from_client, &mut to_server).await;
            let _ = to_server.close().await;
        },
        async {
            let _ = copy(from_server, &mut to_client).await;
            let _ = to_client.close().await;
        },
    )
    .await;
}

/// engineioxide behind a Unix socket.
struct BySocket {
    // Declared first, so that the relay is dropped before the server.
    _relay: Relay,
    server: Oxide,
    path: PathBuf,
}

impl Server for BySocket {
    const LIMITS_FRAMES: bool = Oxide::LIMITS_FRAMES;
    const NOT_SERVED: &str = Oxide::NOT_SERVED;

    fn start(setup: Setup) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = Oxide::start(setup);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The name contains a space, to test percent-encoding. Socket paths have a length limit, so the
        // socket is in the short temporary directory.
        let name = format!("engineio {} {number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).expect("a socket can be made");
        let accept = async move || Ok(listener.accept().await?.0);
        Self {
            _relay: Relay::start(accept, &server.url()),
            server,
            path,
        }
    }

    fn url(&self) -> String {
        format!("unix://{}", self.path.display()).replace(' ', "%20")
    }

    fn log(&self) -> &Log {
        self.server.log()
    }
}

impl Drop for BySocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// engineioxide at an IPv6 address.
struct ByIpv6 {
    _relay: Relay,
    server: Oxide,
    port: u16,
}

impl Server for ByIpv6 {
    const LIMITS_FRAMES: bool = Oxide::LIMITS_FRAMES;
    const NOT_SERVED: &str = Oxide::NOT_SERVED;

    fn start(setup: Setup) -> Self {
        let server = Oxide::start(setup);
        let listener = smol::block_on(TcpListener::bind("[::1]:0"));
        let listener = listener.expect("this system has IPv6");
        let port = listener.local_addr().expect("the socket is bound").port();
        let accept = async move || {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Self {
            _relay: Relay::start(accept, &server.url()),
            server,
            port,
        }
    }

    fn url(&self) -> String {
        format!("http://[::1]:{}", self.port)
    }

    fn log(&self) -> &Log {
        self.server.log()
    }
}

mod by_unix_socket {
    use super::*;

    in_each_mode! {
        [] BySocket:
        cases::every_kind_of_message_is_echoed
        cases::disconnect_flushes_queued_messages
    }

    on_each_runtime! {
        [] BySocket:
        cases::an_upgrade_under_load_loses_nothing
    }
}

mod by_ipv6 {
    use super::*;

    in_each_mode! {
        [] ByIpv6:
        cases::every_kind_of_message_is_echoed
    }
}

/// Connects to a name with two addresses of which only one has a listener.
fn finds_localhost(server: &impl Server) {
    let url = server.url();
    let (_, port) = url.rsplit_once(':').expect("the URL has a port");
    let url = format!("http://localhost:{port}");
    Tokio::run(async {
        let mut session = Session::<Tokio>::open(&url, Mode::Upgraded).await;
        session.echo("m:x").await;
        assert!(session.disconnect().await.is_clean());
    });
}

#[test]
fn localhost_is_reached_on_any_of_its_addresses() {
    finds_localhost(&Oxide::start(Setup::Default));
    // Some systems' hosts files have no IPv6 address for it.
    let addresses = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80));
    if addresses
        .expect("there is a localhost")
        .any(|address| address.is_ipv6())
    {
        finds_localhost(&ByIpv6::start(Setup::Default));
    }
}
