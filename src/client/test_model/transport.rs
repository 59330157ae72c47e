//! The transport of the model, which decides when and how each call ends.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use super::running;
use super::waker::interrupt;
use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::packet::Packet;
use crate::runtime::Runtime;
use crate::transport::{Framing, Link, OpenRequest, PacketReceiver, PacketSender, Transport};

/// A call of the transport that has not ended.
pub(super) struct Call {
    pub(super) kind: CallKind,
    pub(super) link: u64,
    pub(super) answer: Option<Answer>,
    pub(super) waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum CallKind {
    /// Whether the link is opened for an upgrade.
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

/// The payload of a planned panic.
pub(super) struct Planned;

pub(super) struct CallFuture(u64);

impl CallFuture {
    pub(super) fn new(kind: CallKind, link: u64) -> Self {
        let model = running().expect("a model runs");
        let mut state = model.state.borrow_mut();
        let id = state.tick();
        let call = Call {
            kind,
            link,
            answer: None,
            waker: None,
        };
        state.calls.insert(id, call);
        Self(id)
    }
}

impl Future for CallFuture {
    type Output = Result<Vec<Packet>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        interrupt();
        let model = running().expect("a model runs");
        let answer = {
            let mut state = model.state.borrow_mut();
            let call = state.calls.get_mut(&self.0).expect("it has not ended");
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
            model.state.borrow_mut().calls.remove(&self.0);
        }
    }
}

pub(super) struct ModelTransport;

#[async_trait]
impl Transport for ModelTransport {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["polling", "websocket"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let link = running().map_or(0, |model| {
            let mut state = model.state.borrow_mut();
            state.links += 1;
            state.links
        });
        let probe = request.sid.is_some();
        CallFuture::new(CallKind::Open(probe), link).await?;
        let framing = match request.transport.as_str() {
            "polling" => Framing::Payloads,
            _ => Framing::Frames,
        };
        let upgraded = Arc::new(AtomicBool::new(!probe));
        let sender = ModelSender {
            link,
            upgraded: Arc::clone(&upgraded),
        };
        let receiver = ModelReceiver {
            link,
            first: !probe,
            upgraded,
        };
        Ok(Link::new(sender, receiver, framing))
    }
}

pub(super) struct ModelSender {
    pub(super) link: u64,
    /// Whether this is the link of the session, not a probe.
    pub(super) upgraded: Arc<AtomicBool>,
}

#[async_trait]
impl PacketSender for ModelSender {
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
            .state
            .borrow_mut()
            .wire
            .extend(messages);
        CallFuture::new(CallKind::Send, self.link).await.map(drop)
    }

    async fn close(&mut self) -> Result<(), Error> {
        CallFuture::new(CallKind::Close, self.link).await.map(drop)
    }
}

pub(super) struct ModelReceiver {
    pub(super) link: u64,
    pub(super) first: bool,
    pub(super) upgraded: Arc<AtomicBool>,
}

impl Drop for ModelReceiver {
    fn drop(&mut self) {
        if let Some(model) = running() {
            model.may_panic();
        }
    }
}

#[async_trait]
impl PacketReceiver for ModelReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let kind = CallKind::Receive {
            first: std::mem::take(&mut self.first),
            probe: !self.upgraded.load(Ordering::Relaxed),
        };
        CallFuture::new(kind, self.link).await
    }
}
