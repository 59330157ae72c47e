//! A runtime of your own, from the standard library alone: an executor for one thread, with timers and
//! sockets. It is as simple as possible: it tries each waiting socket every millisecond. A real
//! runtime would wait for the operating system to report that a socket is ready.
//!
//!     cargo run --example custom_runtime

use std::collections::VecDeque;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::Transports;
use engineio_client::{Builder, Event, Message, Runtime, async_trait};
use futures::channel::oneshot;
use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncWrite};
use futures::{FutureExt as _, StreamExt as _};

#[path = "support/server.rs"]
mod server;

fn main() -> Result<(), Box<dyn Error>> {
    let url = server::start()?;
    let runtime = SingleThread::new();
    let builder = Builder::new(url, Transports::default(), runtime.clone());
    runtime.block_on(talk(builder)).map_err(Into::into)
}

async fn talk(builder: Builder<Transports, SingleThread>) -> Result<(), String> {
    let mut client = builder.connect().await.map_err(|error| error.report())?;
    let mut echoes = 0;
    while let Some(event) = client.next().await {
        let message = match event {
            Event::Connected(connected) => {
                println!("Connected over {}.", connected.transport);
                Message::from("hello over polling")
            }
            Event::Upgraded { transport, .. } => {
                println!("The session has moved to {transport}.");
                Message::from(vec![1, 2, 3])
            }
            Event::Message(message) => {
                println!("The server echoed {message:?}.");
                echoes += 1;
                if echoes == 2 {
                    break;
                }
                continue;
            }
            other => return Err(format!("unexpected event: {other:?}")),
        };
        client
            .send(message)
            .await
            .map_err(|refused| refused.error.report())?;
    }
    let closed = client.disconnect().await;
    println!("The session has ended: {closed}.");
    match closed.is_clean() {
        true => Ok(()),
        false => Err("the session ended early".into()),
    }
}

/// What the library asks of a runtime: a clock, timers, tasks, name resolution and connections.
#[async_trait]
impl Runtime for SingleThread {
    #[expect(clippy::disallowed_methods, reason = "this is a runtime's clock")]
    fn now(&self) -> Duration {
        Instant::now() - self.0.start
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let executor = self.clone();
        let deadline = self.now().saturating_add(duration);
        Box::pin(poll_fn(move |cx| {
            if executor.now() >= deadline {
                return Poll::Ready(());
            }
            let mut state = executor.state();
            state.timers.push((deadline, cx.waker().clone()));
            Poll::Pending
        }))
    }

    /// Resolves when the runtime has noticed everything that has arrived for its connections. Here each
    /// read asks the operating system, so there is nothing to wait for.
    fn catch_up(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let task = Arc::new(Task {
            future: Mutex::new(Some(task)),
            queued: AtomicBool::new(false),
            executor: self.clone(),
        });
        task.wake();
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        unblock(move || Ok((host, port).to_socket_addrs()?.collect())).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let &Address::Tcp(address) = address else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = unblock(move || TcpStream::connect(address)).await?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Box::new(Connection {
            stream,
            executor: self.clone(),
        }))
    }
}

/// Runs a blocking call on a thread of its own.
async fn unblock<T: Send + 'static>(
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(call()));
    let result = receiver.await;
    result.unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

/// The executor. Its clones share one state.
#[derive(Clone)]
struct SingleThread(Arc<Shared>);

struct Shared {
    start: Instant,
    state: Mutex<State>,
    task_is_ready: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Task>>,
    /// Deadlines, on the runtime's clock.
    timers: Vec<(Duration, Waker)>,
    /// The wakers of reads and writes that could not proceed.
    sockets: Vec<Waker>,
}

/// The time after which a socket that was not ready is tried again.
const SOCKET_INTERVAL: Duration = Duration::from_millis(1);

impl SingleThread {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is a runtime's clock")]
        let start = Instant::now();
        Self(Arc::new(Shared {
            start,
            state: Mutex::default(),
            task_is_ready: Condvar::new(),
        }))
    }

    /// Runs a future and all spawned tasks on this thread, until the future is done.
    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, result) = mpsc::sync_channel(1);
        self.spawn(Box::pin(async move {
            let _ = sender.send(future.await);
        }));
        loop {
            if let Ok(result) = result.try_recv() {
                return result;
            }
            let task = self.next_task();
            task.run();
        }
    }

    /// Waits for a task that is ready to run. Meanwhile, wakes the tasks whose timers have expired and
    /// those that wait for a socket.
    fn next_task(&self) -> Arc<Task> {
        let mut state = self.state();
        loop {
            if let Some(task) = state.ready.pop_front() {
                return task;
            }
            let now = self.now();
            let (expired, timers): (Vec<_>, Vec<_>) = std::mem::take(&mut state.timers)
                .into_iter()
                .partition(|(deadline, _)| *deadline <= now);
            state.timers = timers;
            if expired.is_empty() {
                let timer = state.timers.iter().map(|(deadline, _)| *deadline - now);
                let socket = (!state.sockets.is_empty()).then_some(SOCKET_INTERVAL);
                let wait = timer.chain(socket).min();
                let wait = wait.unwrap_or(Duration::from_secs(1));
                let waited = self.0.task_is_ready.wait_timeout(state, wait);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            let sockets = std::mem::take(&mut state.sockets);
            // The lock is released first, because waking a task takes it.
            drop(state);
            for waker in expired.into_iter().map(|(_, waker)| waker).chain(sockets) {
                waker.wake();
            }
            state = self.state();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Task {
    /// `None` once the task has finished.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Whether the task is in the list of ready tasks, which has each task at most once.
    queued: AtomicBool,
    executor: SingleThread,
}

impl Task {
    fn run(self: &Arc<Self>) {
        // Cleared before the poll, so that a wake-up during the poll queues the task again.
        self.queued.store(false, Ordering::Release);
        let mut slot = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(future) = &mut *slot {
            let waker = Waker::from(Arc::clone(self));
            let mut context = Context::from_waker(&waker);
            if future.poll_unpin(&mut context).is_ready() {
                *slot = None;
            }
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let executor = self.executor.clone();
            executor.state().ready.push_back(self);
            executor.0.task_is_ready.notify_one();
        }
    }
}

/// A non-blocking socket. A call that cannot proceed is made again when the executor wakes its task.
struct Connection {
    stream: TcpStream,
    executor: SingleThread,
}

impl Connection {
    fn attempt<T>(
        &self,
        cx: &Context<'_>,
        mut call: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match call(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.executor.state().sockets.push(cx.waker().clone());
                    return Poll::Pending;
                }
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, |mut stream| stream.read(buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, |mut stream| stream.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}
