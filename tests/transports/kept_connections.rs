//! Connections that are kept between requests. The server may close such a connection while a request is
//! on its way. The client sends that request again if the server can't have received any of it.
//! Otherwise the request fails, so that it never arrives twice.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use engineio_client::runtime::mock::Conditions;
use engineio_client::runtime::{Acknowledges, Address, BoxedStream};
use engineio_client::transports::{Dialer, Polling, Proxy};
use engineio_client::{
    Activity, Error, ErrorKind, Link, MockRuntime, OpenRequest, Packet, Runtime, Transport,
    async_trait,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::raw::{Peer, Request, Server, response, settle, spawn, under_some_orders};
use crate::{message, open};

/// The latency of the network in one direction.
const LATENCY: Duration = Duration::from_millis(50);
/// A pause that is shorter than the latency. If one side sends this long after the other side, both are
/// on their way at the same time.
const A_MOMENT: Duration = Duration::from_millis(20);

fn slow(runtime: &MockRuntime) -> Server {
    runtime.network().set(Conditions::new().latency(LATENCY));
    Server::new(runtime)
}

async fn polling(runtime: &MockRuntime) -> Link {
    open(runtime, Polling::default(), |_| {}).await.unwrap()
}

/// A poll, or a POST of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Poll,
    Post,
}

impl Ask {
    const BOTH: [Self; 2] = [Self::Poll, Self::Post];

    async fn of(self, link: &mut Link) -> Result<Vec<Packet>, Error> {
        match self {
            Self::Poll => link.receiver.recv().await,
            Self::Post => {
                link.sender.send(vec![message("m")].into()).await?;
                Ok(Vec::new())
            }
        }
    }

    fn is(self, request: &Request) {
        let (method, body) = match self {
            Self::Poll => ("GET", ""),
            Self::Post => ("POST", "4m"),
        };
        assert_eq!(
            (&*request.method, &*request.body),
            (method, body.as_bytes())
        );
    }
}

/// A connection on which one poll has been answered.
async fn used(server: &mut Server) -> Peer {
    let mut peer = server.accept().await;
    peer.answer("4first").await;
    peer
}

fn ended(result: Result<Vec<Packet>, Error>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
}

/// Rule E27.
#[test]
fn r3_a_request_that_crosses_the_end_of_a_kept_connection_is_sent_again() {
    under_some_orders(async |runtime| {
        for ask in Ask::BOTH {
            let mut server = slow(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                let peer = used(&mut server).await;
                // The server has closed the connection, and the client does not know yet.
                waits.sleep(A_MOMENT).await;
                drop(peer);
                let mut next = server.accept().await;
                ask.is(&next.request().await);
                next.write(response("4second")).await;
                server
            });
            let mut link = polling(&runtime).await;
            assert_eq!(Ask::Poll.of(&mut link).await.unwrap(), [message("first")]);
            let received = ask.of(&mut link).await.unwrap();
            if ask == Ask::Poll {
                assert_eq!(received, [message("second")]);
            }
            assert!(
                !script.await.has_another(),
                "the request was sent three times"
            );
        }
    });
}

#[test]
fn r3_a_poll_that_is_sent_again_has_not_left_before_it_has_another_connection() {
    under_some_orders(async |runtime| {
        let mut server = slow(&runtime);
        let (waits, network) = (runtime.clone(), runtime.network());
        let script = spawn(&runtime, async move {
            let peer = used(&mut server).await;
            let second = Duration::from_secs(1);
            network.set(Conditions::new().connect_latency(second));
            waits.sleep(A_MOMENT).await;
            drop(peer);
            let mut next = server.accept().await;
            next.request().await;
            waits.sleep(second).await;
            next.write(response("4second")).await;
        });
        let mut activity = None;
        let mut link = open(&runtime, Polling::default(), |request| {
            activity = Some(request.activity.clone());
        })
        .await
        .unwrap();
        let activity = activity.unwrap();
        let asked = || format!("{activity:?}");
        assert!(asked().contains("asked: Untold"), "{}", asked());
        link.receiver.recv().await.unwrap();
        let start = runtime.now();
        let at = async |ms| {
            runtime
                .sleep(start + Duration::from_millis(ms) - runtime.now())
                .await
        };
        let watch = async {
            at(10).await;
            assert!(asked().contains("asked: At("), "{}", asked());
            at(900).await;
            assert!(asked().contains("asked: NotYet"), "{}", asked());
            at(1500).await;
            assert!(asked().contains("asked: At("), "{}", asked());
        };
        let (received, ()) = futures::future::join(link.receiver.recv(), watch).await;
        assert_eq!(received.unwrap(), [message("second")]);
        script.await;
    });
}

/// Rule E27.
#[test]
fn r3_a_request_that_has_arrived_is_not_sent_again_even_if_it_was_not_read() {
    under_some_orders(async |runtime| {
        for ask in Ask::BOTH {
            // The server reads all of the request, a part, or nothing.
            for most in [usize::MAX, 10, 0] {
                let mut server = slow(&runtime);
                let waits = runtime.clone();
                let script = spawn(&runtime, async move {
                    let mut peer = used(&mut server).await;
                    // The whole request has arrived by now.
                    waits.sleep(LATENCY * 2).await;
                    if most == usize::MAX {
                        ask.is(&peer.request().await);
                    } else {
                        peer.read_some(most).await;
                    }
                    peer.finish().await;
                    waits.sleep(LATENCY * 4).await;
                    drop(peer);
                    server
                });
                let mut link = polling(&runtime).await;
                Ask::Poll.of(&mut link).await.unwrap();
                ended(ask.of(&mut link).await);
                assert!(!script.await.has_another(), "the request was sent again");
            }
        }
    });
}

/// Rule E27.
#[test]
fn r3_a_request_that_has_arrived_in_part_is_not_sent_again() {
    under_some_orders(async |runtime| {
        let mut server = slow(&runtime);
        runtime
            .network()
            .set(Conditions::new().latency(LATENCY).bandwidth(100_000));
        let waits = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut peer = used(&mut server).await;
            // At this bandwidth the request takes 100 ms to arrive.
            peer.read_some(10).await;
            peer.finish().await;
            waits.sleep(LATENCY * 4).await;
            drop(peer);
            server
        });
        let mut link = polling(&runtime).await;
        Ask::Poll.of(&mut link).await.unwrap();
        let large = vec![message("m".repeat(10_000))].into();
        ended(link.sender.send(large).await.map(|()| Vec::new()));
        assert!(!script.await.has_another(), "the request was sent again");
    });
}

/// Rule E27.
#[test]
fn r3_a_request_that_meets_a_reset_may_have_arrived_and_is_not_sent_again() {
    under_some_orders(async |runtime| {
        for ask in Ask::BOTH {
            let mut server = slow(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                let mut stream = server.accept_stream().await;
                let some = stream.read(&mut [0; 1000]).await.unwrap();
                assert!(some > 0);
                stream.write_all(&response("4first")).await.unwrap();
                waits.sleep(A_MOMENT).await;
                stream.reset();
                server
            });
            let mut link = polling(&runtime).await;
            Ask::Poll.of(&mut link).await.unwrap();
            ended(ask.of(&mut link).await);
            assert!(!script.await.has_another(), "the request was sent again");
        }
    });
}

#[test]
fn r3_a_request_that_was_answered_in_part_is_not_sent_again() {
    under_some_orders(async |runtime| {
        for ask in Ask::BOTH {
            let mut server = slow(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                let mut peer = used(&mut server).await;
                // The server writes before the request has arrived, as some servers do to report that
                // the kept connection has timed out.
                waits.sleep(A_MOMENT).await;
                peer.write("HTTP/1.1 200 OK\r\nContent-Le").await;
                drop(peer);
                server
            });
            let mut link = polling(&runtime).await;
            Ask::Poll.of(&mut link).await.unwrap();
            ended(ask.of(&mut link).await);
            assert!(!script.await.has_another(), "the request was sent again");
        }
    });
}

#[test]
fn r3_a_request_is_sent_again_once_for_each_kept_connection_and_never_on_a_new_one() {
    under_some_orders(async |runtime| {
        for kept in [false, true] {
            let mut server = slow(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                if kept {
                    let peer = used(&mut server).await;
                    waits.sleep(A_MOMENT).await;
                    drop(peer);
                }
                // The connection ends before anything has arrived.
                drop(server.accept().await);
                server
            });
            let mut link = polling(&runtime).await;
            if kept {
                Ask::Poll.of(&mut link).await.unwrap();
            }
            ended(Ask::Post.of(&mut link).await);
            assert!(!script.await.has_another(), "the request was sent again");
        }
    });
}

#[test]
fn r3_with_a_new_connection_for_each_request_no_request_crosses_an_end() {
    under_some_orders(async |runtime| {
        for proxied in [false, true] {
            let mut server = slow(&runtime);
            let script = spawn(&runtime, async move {
                let mut peers = Vec::new();
                for n in 0..4 {
                    let mut peer = server.accept().await;
                    let request = peer.request().await;
                    assert_eq!(request.header("connection"), Some("close"));
                    Ask::BOTH[n % 2].is(&request);
                    let keeps =
                        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n4x";
                    peer.write(keeps).await;
                    peers.push(peer);
                }
                for mut peer in peers {
                    assert_eq!(peer.read_to_end().await, b"");
                }
            });
            let mut dialer = Dialer::default().reuse_connections(false);
            if proxied {
                dialer = dialer.proxy(Proxy::new("http://10.0.0.1:80").unwrap());
            }
            let mut link = open(&runtime, Polling::default().dialer(dialer), |_| {})
                .await
                .unwrap();
            for n in 0..4 {
                Ask::BOTH[n % 2].of(&mut link).await.unwrap();
            }
            script.await;
        }
    });
}

/// A mock runtime whose connections all have the same [`Fault`].
#[derive(Clone)]
struct Odd {
    inner: MockRuntime,
    fault: Fault,
    /// State of the failure: 0, or one of the constants below.
    state: Arc<AtomicU8>,
}

/// The failure begins with the next write.
const ARMED: u8 = 1;
/// The write that begins the failure was made. With [`Fault::Flush`], the next flush fails.
const WRITTEN: u8 = 2;
/// The flush has failed, and has consumed the socket's error.
const TAKEN: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The connections do not report how much was acknowledged.
    Silent,
    /// The connections do not report how much was written.
    Uncounted,
    /// The next write fails before it has written a byte.
    Write,
    /// The next write succeeds, and the flush after it fails. The next read then returns the end of the
    /// stream, as it does on a socket whose error another call has already returned.
    Flush,
    /// The server answers with 413 and closes the connection while the request is being written. The
    /// next write takes a part of the request, the one after it fails, and the response can be read.
    Refused,
}

/// What the server sends with [`Fault::Refused`].
const REFUSAL: &[u8] =
    b"HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

struct OddStream {
    stream: BoxedStream,
    fault: Fault,
    state: Arc<AtomicU8>,
}

impl OddStream {
    /// If the connections have this fault and its state is `from`, changes the state to `to`. Returns
    /// whether both were the case.
    fn steps(&self, fault: Fault, from: u8, to: u8) -> bool {
        let (done, seen) = (Ordering::Relaxed, Ordering::Relaxed);
        self.fault == fault && self.state.compare_exchange(from, to, done, seen).is_ok()
    }
}

impl Acknowledges for OddStream {
    fn written(&self) -> Option<u64> {
        (self.fault != Fault::Uncounted).then(|| self.stream.written())?
    }

    fn unacknowledged(&self) -> Option<u64> {
        match self.fault {
            Fault::Silent => None,
            // Reports that nothing has arrived.
            Fault::Flush => Some(u64::MAX),
            Fault::Uncounted | Fault::Write | Fault::Refused => self.stream.unacknowledged(),
        }
    }
}

impl AsyncRead for OddStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.steps(Fault::Flush, TAKEN, TAKEN) {
            return Poll::Ready(Ok(0));
        }
        if self.steps(Fault::Refused, WRITTEN, TAKEN) {
            buffer[..REFUSAL.len()].copy_from_slice(REFUSAL);
            return Poll::Ready(Ok(REFUSAL.len()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for OddStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.steps(Fault::Write, ARMED, WRITTEN) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.steps(Fault::Refused, WRITTEN, WRITTEN) || self.steps(Fault::Refused, TAKEN, TAKEN)
        {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.steps(Fault::Refused, ARMED, WRITTEN) {
            return Pin::new(&mut self.stream).poll_write(cx, &bytes[..50]);
        }
        self.steps(Fault::Flush, ARMED, WRITTEN);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.steps(Fault::Flush, WRITTEN, TAKEN) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[async_trait]
impl Runtime for Odd {
    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.spawn(task);
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.inner.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let stream = OddStream {
            stream: self.inner.connect(address).await?,
            fault: self.fault,
            state: Arc::clone(&self.state),
        };
        Ok(stream.boxed())
    }
}

impl Odd {
    async fn polling(&self) -> Link {
        let runtime: Arc<dyn Runtime> = Arc::new(self.clone());
        let activity = Activity::new(Arc::clone(&runtime));
        let url = "http://10.0.0.1/engine.io/".parse().unwrap();
        let request = OpenRequest::new("polling", url, activity);
        Polling::default().open(&runtime, request).await.unwrap()
    }
}

#[test]
fn r3_a_request_that_may_have_left_on_a_connection_without_reports_is_not_sent_again() {
    under_some_orders(async |runtime| {
        for fault in [Fault::Silent, Fault::Uncounted, Fault::Flush] {
            let mut server = slow(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                let peer = used(&mut server).await;
                if fault == Fault::Flush {
                    return (server, Some(peer));
                }
                waits.sleep(A_MOMENT).await;
                (server, None)
            });
            let odd = Odd {
                inner: runtime.clone(),
                fault,
                state: Arc::default(),
            };
            let mut link = odd.polling().await;
            Ask::Poll.of(&mut link).await.unwrap();
            odd.state.store(ARMED, Ordering::Relaxed);
            ended(Ask::Post.of(&mut link).await);
            assert!(
                !script.await.0.has_another(),
                "the request was sent again: {fault:?}"
            );
        }
    });
}

#[test]
fn r3_a_request_whose_first_write_fails_is_sent_again() {
    under_some_orders(async |runtime| {
        let mut server = slow(&runtime);
        let script = spawn(&runtime, async move {
            let first = used(&mut server).await;
            let mut next = server.accept().await;
            Ask::Post.is(&next.request().await);
            next.write(response("ok")).await;
            (server, first)
        });
        let odd = Odd {
            inner: runtime.clone(),
            fault: Fault::Write,
            state: Arc::default(),
        };
        let mut link = odd.polling().await;
        Ask::Poll.of(&mut link).await.unwrap();
        odd.state.store(ARMED, Ordering::Relaxed);
        Ask::Post.of(&mut link).await.unwrap();
        assert!(
            !script.await.0.has_another(),
            "the request was sent three times"
        );
    });
}

/// A server that refuses a body before it has read it may close the connection at once. The next write
/// then fails, although the response has arrived.
#[test]
fn a_refusal_that_has_arrived_is_reported_although_the_rest_of_the_request_cannot_be_written() {
    under_some_orders(async |runtime| {
        for is_kept in [true, false] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let peer = if is_kept {
                    used(&mut server).await
                } else {
                    server.accept().await
                };
                (server, peer)
            });
            let odd = Odd {
                inner: runtime.clone(),
                fault: Fault::Refused,
                state: Arc::default(),
            };
            let mut link = odd.polling().await;
            if is_kept {
                Ask::Poll.of(&mut link).await.unwrap();
            }
            odd.state.store(ARMED, Ordering::Relaxed);
            let error = Ask::Post.of(&mut link).await.unwrap_err();
            assert_eq!(error.status(), Some(413), "{}", error.report());
            script.await;
        }
    });
}

/// A body without a length ends with its connection. The client would otherwise hold its side of the
/// connection open until its next request.
#[test]
fn a_connection_that_has_ended_with_a_body_is_closed_at_once() {
    under_some_orders(async |runtime| {
        for ask in Ask::BOTH {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                ask.is(&peer.request().await);
                peer.write("HTTP/1.1 200 OK\r\n\r\n4first").await;
                peer.finish().await;
                peer.read_to_end().await
            });
            let mut link = polling(&runtime).await;
            ask.of(&mut link).await.unwrap();
            runtime.sleep(Duration::from_secs(10)).await;
            assert!(script.now_or_never().is_some(), "the connection is kept");
        }
    });
}

/// After this response the connection belongs to another protocol.
#[test]
fn a_connection_that_was_answered_with_101_is_not_used_again() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            Ask::Post.is(&peer.request().await);
            peer.write(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
            )
            .await;
            let reused = peer.next_request().await.is_some();
            assert!(!reused, "the connection was used again");
            server.accept().await.answer("ok").await;
        });
        let mut link = polling(&runtime).await;
        let error = Ask::Post.of(&mut link).await.unwrap_err();
        assert_eq!(error.status(), Some(101));
        let second = spawn(&runtime, async move {
            let _ = Ask::Post.of(&mut link).await;
        });
        script.await;
        second.await;
    });
}

/// The polls use the other connection in turn, so nothing else would look at this one.
#[test]
fn an_idle_connection_whose_time_has_passed_is_closed_at_the_next_request() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let waits = runtime.clone();
        let script = spawn(&runtime, async move {
            let answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n4x";
            let mut peers = [server.accept().await, server.accept().await];
            let methods = [
                peers[0].request().await.method,
                peers[1].request().await.method,
            ];
            let [mut polls, mut posts] = peers;
            if methods[0] == "POST" {
                std::mem::swap(&mut polls, &mut posts);
            }
            posts.write(answer).await;
            settle(&waits).await;
            polls.write(answer).await;
            for _ in 0..10 {
                Ask::Poll.is(&polls.request().await);
                waits.sleep(Duration::from_secs(1)).await;
                polls.write(answer).await;
            }
            posts.finish().await;
            posts.read_to_end().await
        });
        let mut link = polling(&runtime).await;
        let (receiver, sender) = (&mut link.receiver, &mut link.sender);
        let (polled, posted) =
            futures::future::join(receiver.recv(), sender.send(vec![message("m")].into())).await;
        polled.unwrap();
        posted.unwrap();
        for _ in 0..10 {
            Ask::Poll.of(&mut link).await.unwrap();
        }
        settle(&runtime).await;
        assert!(script.now_or_never().is_some(), "the connection is kept");
    });
}
