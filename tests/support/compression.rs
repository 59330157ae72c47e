//! Compressed responses of real servers, checked on the bytes that arrive on the wire.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Runtime, async_trait};
use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncWrite};

use super::foreign::Foreign;
use super::server::Setup;
use super::session::{Mode, Runs, Session, builder};

/// A runtime that records all bytes received from the network.
#[derive(Default)]
pub(crate) struct Tapped<R> {
    inner: R,
    read: Arc<Mutex<Vec<u8>>>,
}

struct Tap {
    stream: BoxedStream,
    read: Arc<Mutex<Vec<u8>>>,
}

impl<R> Tapped<R> {
    /// The bytes received since the last call, as lossy UTF-8.
    pub(crate) fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.read.lock().expect("no thread panicked"));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[async_trait]
impl<R: Runtime> Runtime for Tapped<R> {
    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.spawn(task);
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.inner.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let stream = self.inner.connect(address).await?;
        let read = Arc::clone(&self.read);
        Ok(Box::new(Tap { stream, read }))
    }
}

impl<R: Runs> Runs for Tapped<R> {
    fn run(test: impl Future<Output = ()>) {
        R::run(test);
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let mut read = self.read.lock().expect("no thread panicked");
        read.extend_from_slice(&buffer[..count]);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Requests a message of 100,000 letters, and returns the bytes received for it.
async fn large<R: Runs>(session: &mut Session<Tapped<R>>) -> String {
    session.client.runtime().take();
    session.send("!big 100000").await;
    assert!(session.text("").await == "x".repeat(100_000));
    session.client.runtime().take().to_ascii_lowercase()
}

pub(crate) async fn a_large_poll_is_compressed_and_a_small_one_is_not<S, R>()
where
    S: Foreign,
    R: Runs,
{
    let server = S::start(Setup::Default);
    let mut session = Session::<Tapped<R>>::open(&server.url(), Mode::Polling).await;
    let received = large(&mut session).await;
    assert!(received.contains("content-encoding: gzip"), "{received}");
    assert!(received.len() < 5000, "{} bytes", received.len());
    session.echo("m:grüße, 世界 🌍").await;
    session.echo((0..=255).collect::<Vec<u8>>()).await;
    let received = session.client.runtime().take();
    assert!(
        !received.to_ascii_lowercase().contains("content-encoding"),
        "{received}"
    );
    // Binary data that is larger than gzip's window.
    if !S::CUTS_LARGE_POSTS {
        let numbers = 0..100_000_u32;
        session
            .echo(numbers.flat_map(u32::to_be_bytes).collect::<Vec<u8>>())
            .await;
    }
}

pub(crate) async fn the_users_accept_encoding_is_sent_with_polls<S: Foreign, R: Runs>() {
    let server = S::start(Setup::Default);
    let open = async |accepted: &str| {
        let builder = builder::<Tapped<R>>(&server.url(), Mode::Polling);
        Session::connect(builder.header("Accept-Encoding", accepted)).await
    };
    let received = large(&mut open("deflate").await).await;
    assert!(received.contains("content-encoding: deflate"), "{received}");
    assert!(received.len() < 5000, "{} bytes", received.len());
    let received = large(&mut open("identity").await).await;
    assert!(!received.contains("content-encoding"));
    assert!(received.len() > 100_000, "{} bytes", received.len());
}
