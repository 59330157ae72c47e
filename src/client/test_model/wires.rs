//! What the client calls: a transport whose calls end as the model says, and its clock.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::running;
use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::packet::Packet;
use crate::runtime::{Address, BoxedStream, Runtime};
use crate::transport::{Framing, Link, OpenRequest, PacketReceiver, PacketSender, Transport};

/// A waker that remembers that it was called.
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(false)))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.set();
        interrupt();
        if let Some(model) = running()
            && !Arc::ptr_eq(&self, &model.world.borrow().driver_woken)
        {
            model.may_panic();
        }
    }
}

/// The last waker of a task may take the task with it, and whatever that does in its end.
impl Drop for Flag {
    fn drop(&mut self) {
        interrupt();
    }
}

/// Another thread may act here.
pub(super) fn interrupt() {
    if let Some(model) = running() {
        model.interrupt();
    }
}

/// A call of the transport's that has not ended.
pub(super) struct Call {
    pub(super) kind: CallKind,
    pub(super) link: u64,
    pub(super) answer: Option<Answer>,
    pub(super) waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum CallKind {
    /// Whether it is for an upgrade.
    Open(bool),
    Receive {
        first: bool,
        probe: bool,
    },
    Send,
    Close,
}

pub(super) enum Answer {
    Ok,
    Packets(Vec<Packet>),
    Failed,
    Panic,
}

/// What a transport panics with that is to panic.
pub(super) struct Planned;

pub(super) struct CallFuture(u64);

impl CallFuture {
    pub(super) fn new(kind: CallKind, link: u64) -> Self {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let id = world.tick();
        let call = Call {
            kind,
            link,
            answer: None,
            waker: None,
        };
        world.calls.insert(id, call);
        Self(id)
    }
}

impl Future for CallFuture {
    type Output = Result<Vec<Packet>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        interrupt();
        let model = running().expect("a model runs");
        let answer = {
            let mut world = model.world.borrow_mut();
            let call = world.calls.get_mut(&self.0).expect("it has not ended");
            call.waker = Some(cx.waker().clone());
            call.answer.take()
        };
        match answer {
            None => Poll::Pending,
            Some(Answer::Ok) => Poll::Ready(Ok(Vec::new())),
            Some(Answer::Packets(packets)) => Poll::Ready(Ok(packets)),
            Some(Answer::Failed) => Poll::Ready(Err(Error::new(ErrorKind::Ended, "gone"))),
            Some(Answer::Panic) => resume_unwind(Box::new(Planned)),
        }
    }
}

impl Drop for CallFuture {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.world.borrow_mut().calls.remove(&self.0);
        }
    }
}

pub(super) struct Wires;

#[async_trait]
impl Transport for Wires {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["polling", "websocket"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let link = running().map_or(0, |model| {
            let mut world = model.world.borrow_mut();
            world.links += 1;
            world.links
        });
        let probe = request.sid.is_some();
        CallFuture::new(CallKind::Open(probe), link).await?;
        let framing = match request.transport.as_str() {
            "polling" => Framing::Payloads,
            _ => Framing::Frames,
        };
        let upgraded = Arc::new(AtomicBool::new(!probe));
        let sender = WireSender {
            link,
            upgraded: Arc::clone(&upgraded),
        };
        let receiver = WireReceiver {
            link,
            first: !probe,
            upgraded,
        };
        Ok(Link::new(sender, receiver, framing))
    }
}

pub(super) struct WireSender {
    pub(super) link: u64,
    /// It is the session's link, and no probe.
    pub(super) upgraded: Arc<AtomicBool>,
}

#[async_trait]
impl PacketSender for WireSender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        if batch.iter().any(|packet| packet == Packet::Upgrade) {
            self.upgraded.store(true, Ordering::Relaxed);
        }
        let messages = batch.iter().filter_map(|packet| match packet {
            Packet::Message(message) => Some(message),
            _ => None,
        });
        running()
            .expect("a model runs")
            .world
            .borrow_mut()
            .wire
            .extend(messages);
        CallFuture::new(CallKind::Send, self.link).await.map(drop)
    }

    async fn close(&mut self) -> Result<(), Error> {
        CallFuture::new(CallKind::Close, self.link).await.map(drop)
    }
}

pub(super) struct WireReceiver {
    pub(super) link: u64,
    pub(super) first: bool,
    pub(super) upgraded: Arc<AtomicBool>,
}

impl Drop for WireReceiver {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.may_panic();
        }
    }
}

#[async_trait]
impl PacketReceiver for WireReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let kind = CallKind::Receive {
            first: std::mem::take(&mut self.first),
            probe: !self.upgraded.load(Ordering::Relaxed),
        };
        CallFuture::new(kind, self.link).await
    }
}

pub(super) struct Clock;

#[async_trait]
impl Runtime for Clock {
    fn now(&self) -> Duration {
        interrupt();
        running().map_or(Duration::ZERO, |model| model.world.borrow().now)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let id = world.tick();
        let at = world.now + duration;
        world.timers.insert(id, (at, None));
        Box::pin(Timer(id))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let model = running().expect("a model runs");
        model.world.borrow_mut().driver = Some(task);
    }

    fn random(&self) -> u64 {
        0
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(super) struct Timer(u64);

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let model = running().expect("a model runs");
        let mut world = model.world.borrow_mut();
        let now = world.now;
        let Some((at, waker)) = world.timers.get_mut(&self.0) else {
            return Poll::Ready(());
        };
        if *at <= now {
            return Poll::Ready(());
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.world.borrow_mut().timers.remove(&self.0);
        }
    }
}
