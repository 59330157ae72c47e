//! A runtime of your own: an executor for one thread, its timers and its sockets, from the standard
//! library alone. The client runs on it, against a server in another thread.
//!
//!     cargo run --example custom_runtime
//!
//! It is as simple as it can be: it looks every millisecond whether a socket is ready. A real one
//! would let the system tell it.

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

/// How often sockets that were not ready are looked at.
const LOOK: Duration = Duration::from_millis(1);

/// The executor. Clones are the same one.
#[derive(Clone)]
struct SingleThread(Arc<Shared>);

struct Shared {
    start: Instant,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Task>>,
    timers: Vec<(Duration, Waker)>,
    /// Who waits for a socket.
    sockets: Vec<Waker>,
}

struct Task {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    queued: AtomicBool,
    executor: SingleThread,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let executor = self.executor.clone();
            executor.state().ready.push_back(self);
            executor.0.woken.notify_one();
        }
    }
}

impl Task {
    fn run(self: &Arc<Self>) {
        self.queued.store(false, Ordering::Release);
        let mut slot = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(future) = &mut *slot {
            let waker = Waker::from(Arc::clone(self));
            if future
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_ready()
            {
                *slot = None;
            }
        }
    }
}

impl SingleThread {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is a runtime's clock")]
        let start = Instant::now();
        Self(Arc::new(Shared {
            start,
            state: Mutex::default(),
            woken: Condvar::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs this and what is spawned, on this thread, until this is done.
    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (done, result) = mpsc::sync_channel(1);
        self.spawn(Box::pin(async move {
            let _ = done.send(future.await);
        }));
        loop {
            if let Ok(result) = result.try_recv() {
                return result;
            }
            let task = self.next_task();
            task.run();
        }
    }

    fn next_task(&self) -> Arc<Task> {
        let mut state = self.state();
        loop {
            if let Some(task) = state.ready.pop_front() {
                return task;
            }
            let now = self.now();
            let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut state.timers)
                .into_iter()
                .partition(|(at, _)| *at <= now);
            state.timers = later;
            if due.is_empty() {
                let timer = state.timers.iter().map(|(at, _)| *at - now).min();
                let socket = (!state.sockets.is_empty()).then_some(LOOK);
                let wait = timer.into_iter().chain(socket).min();
                let wait = wait.unwrap_or(Duration::from_secs(1));
                let waited = self.0.woken.wait_timeout(state, wait);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            // Wakers take the lock.
            let sockets = std::mem::take(&mut state.sockets);
            drop(state);
            for waker in due.into_iter().map(|(_, waker)| waker).chain(sockets) {
                waker.wake();
            }
            state = self.state();
        }
    }

    /// Does what blocks in a thread of its own.
    async fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || sender.send(work()));
        let result = receiver.await;
        result.unwrap_or_else(|_| Err(io::Error::other("the thread has panicked")))
    }
}

#[async_trait]
impl Runtime for SingleThread {
    #[expect(clippy::disallowed_methods, reason = "this is a runtime's clock")]
    fn now(&self) -> Duration {
        Instant::now() - self.0.start
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let executor = self.clone();
        let at = self.now().saturating_add(duration);
        Box::pin(poll_fn(move |cx| {
            if executor.now() >= at {
                return Poll::Ready(());
            }
            executor.state().timers.push((at, cx.waker().clone()));
            Poll::Pending
        }))
    }

    /// Each read asks the system, so there is nothing to be noticed before it.
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
        Self::unblock(move || Ok((host, port).to_socket_addrs()?.collect())).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let &Address::Tcp(address) = address else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = Self::unblock(move || TcpStream::connect(address)).await?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Box::new(Connection {
            stream,
            executor: self.clone(),
        }))
    }
}

/// A socket that is tried again whenever the executor looks.
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
                println!("Connected by {}.", connected.transport);
                Message::from("hello by polling")
            }
            Event::Upgraded { transport, .. } => {
                println!("The session went over to {transport}.");
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
            other => return Err(format!("{other:?}")),
        };
        client
            .send(message)
            .await
            .map_err(|error| error.error.report())?;
    }
    let closed = client.disconnect().await;
    println!("The session is over: {closed}.");
    if closed.is_clean() {
        Ok(())
    } else {
        Err("it did not end well".into())
    }
}
