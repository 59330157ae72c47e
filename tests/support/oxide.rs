//! engineioxide, an Engine.IO server in Rust, in a thread of this process.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use event_listener::Event as Bell;
use futures::future::select;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::log::Log;
use super::server::{LARGE, Server, Setup};

/// A running engineioxide. It understands some of the commands of the peers, and logs the same lines as
/// they do.
pub(crate) struct Oxide {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    log: Log,
    /// Number of running polls. `polled` is notified of each new poll. Only valid for a server with a
    /// single polling session.
    polls: AtomicUsize,
    polled: Bell,
    stop: Bell,
}

impl Oxide {
    /// Starts a server on this listener.
    pub(crate) fn on(listener: StdListener, setup: Setup) -> Self {
        // engineioxide drops messages that its handlers send beyond this buffer.
        let config = EngineIoConfig::builder().max_buffer_size(10_000);
        let config = match setup {
            Setup::Default => config,
            Setup::LargeMessages => config.max_payload(LARGE.parse().expect("a valid number")),
            Setup::WithoutPolling => config.transports([TransportType::Websocket]),
            Setup::QuickHeartbeat => config
                .ping_interval(Duration::from_millis(300))
                .ping_timeout(Duration::from_millis(1200)),
        };
        let config = config.build();
        listener
            .set_nonblocking(true)
            .expect("the socket becomes non-blocking");
        let port = listener.local_addr().expect("the socket is bound").port();
        let shared = Arc::new(Shared::default());
        let stop = shared.stop.listen();
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("tokio starts");
                runtime.block_on(async move {
                    let server = Box::pin(serve(listener, config, shared));
                    select(server, stop).await;
                });
            }
        });
        Self {
            port,
            shared,
            thread: Some(thread),
        }
    }
}

impl Server for Oxide {
    const LIMITS_FRAMES: bool = false;
    const NOT_SERVED: &str = "Bad request (code 3)";

    fn start(setup: Setup) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").expect("a port is free");
        Self::on(listener, setup)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> &Log {
        &self.shared.log
    }
}

impl Drop for Oxide {
    fn drop(&mut self) {
        self.shared.stop.notify(usize::MAX);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

async fn serve(listener: StdListener, config: EngineIoConfig, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
    let handler = Handler(Arc::clone(&shared));
    let service = EngineIoService::with_config(Arc::new(handler), config);
    while let Ok((stream, _)) = listener.accept().await {
        let (service, shared) = (service.clone(), Arc::clone(&shared));
        let counting = service_fn(move |request: hyper::Request<_>| {
            let query = request.uri().query().unwrap_or_default();
            let poll = request.method() == "GET"
                && query.contains("transport=polling")
                && query.contains("sid=");
            let response = service.call(request);
            let shared = Arc::clone(&shared);
            async move {
                if poll {
                    shared.polls.fetch_add(1, Ordering::SeqCst);
                    // The listener of this event only runs after this task has yielded, when the poll is
                    // waiting.
                    shared.polled.notify(usize::MAX);
                }
                let response = response.await;
                if poll {
                    shared.polls.fetch_sub(1, Ordering::SeqCst);
                }
                response
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), counting);
        tokio::spawn(connection.with_upgrades());
    }
}

#[derive(Debug)]
struct Handler(Arc<Shared>);

/// Number of messages received in a session over each transport.
#[derive(Debug, Default)]
struct Received {
    polling: AtomicU64,
    websocket: AtomicU64,
}

impl Received {
    fn count(&self, transport: TransportType) {
        match transport {
            TransportType::Polling => &self.polling,
            TransportType::Websocket => &self.websocket,
        }
        .fetch_add(1, Ordering::SeqCst);
    }

    fn json(&self) -> String {
        let (polling, websocket) = (&self.polling, &self.websocket);
        format!(
            r#"{{"polling":{},"websocket":{}}}"#,
            polling.load(Ordering::SeqCst),
            websocket.load(Ordering::SeqCst)
        )
    }
}

/// Echoes messages, and executes texts that begin with `!`. Errors of sending are ignored: the test then
/// misses the message.
impl EngineIoHandler for Handler {
    type Data = Received;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Received>>) {
        self.0.log.write(format!("opened {}", socket.id));
    }

    fn on_disconnect(&self, socket: Arc<Socket<Received>>, reason: DisconnectReason) {
        let log = &self.0.log;
        log.write(format!("received {} {}", socket.id, socket.data.json()));
        log.write(format!("disconnect {} {reason:?}", socket.id));
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Received>>) {
        let Some(command) = text.strip_prefix('!') else {
            socket.data.count(socket.transport_type());
            let _ = socket.emit(text);
            return;
        };
        match command.split_once(' ').unwrap_or((command, "")) {
            ("close", _) => {
                tokio::spawn(close(Arc::clone(&self.0), socket));
            }
            ("count", _) => {
                let _ = socket.emit(format!("count {}", socket.data.json()));
            }
            ("burst", number) => {
                for i in 0..number.parse().unwrap_or(0) {
                    let _ = socket.emit(format!("b{i}"));
                }
            }
            _ => {
                let _ = socket.emit(format!("unknown command: {text}"));
            }
        }
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<Received>>) {
        socket.data.count(socket.transport_type());
        let _ = socket.emit_binary(data);
    }
}

/// Closes a session. engineioxide removes a session when it closes it, and only a poll that is running
/// at that moment gets the close packet. So this waits for a running poll.
async fn close(shared: Arc<Shared>, socket: Arc<Socket<Received>>) {
    while socket.transport_type() == TransportType::Polling {
        let polled = shared.polled.listen();
        if shared.polls.load(Ordering::SeqCst) > 0 {
            break;
        }
        polled.await;
    }
    socket.close(DisconnectReason::ClosingServer);
}
