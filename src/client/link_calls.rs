//! The running calls of a link's two halves. Each call is polled only when it was woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::task::AtomicWaker;

use super::log::Log;
use crate::batch::Batch;
use crate::engine::{Call, Input, LinkId};
use crate::error::Error;
use crate::event::PeerClose;
use crate::fence::Fence;
use crate::packet::Packet;
use crate::transport::{Activity, Asked, Link, PacketReceiver, PacketSender};

/// Both halves of a link, each with its running call.
pub(super) struct LinkCalls {
    pub(super) id: LinkId,
    pub(super) transport: &'static str,
    /// When the transport last sent and received bytes.
    activity: Activity,
    /// The running `open`. It uses the signal of `receiver`, which has no call yet.
    opening: Option<BoxFuture<'static, Result<Link, Error>>>,
    sender: Half<dyn PacketSender, Sent>,
    receiver: Half<dyn PacketReceiver, Result<Vec<Packet>, Error>>,
    /// Whether a fence was sent. If so, answers to it can arrive.
    has_fences: bool,
}

impl LinkCalls {
    /// A link that is being opened.
    pub(super) fn open(
        id: LinkId,
        transport: &'static str,
        activity: Activity,
        driver: &Arc<AtomicWaker>,
        open: BoxFuture<'static, Result<Link, Error>>,
    ) -> Self {
        let link = Self {
            id,
            transport,
            activity,
            opening: Some(open),
            sender: Slot::new(driver),
            receiver: Slot::new(driver),
            has_fences: false,
        };
        link.receiver.poll_again();
        link
    }

    pub(super) fn receive(&mut self) {
        if let Some(mut receiver) = self.receiver.idle.take() {
            self.receiver.start(Box::pin(async move {
                let received = receiver.recv().await;
                (receiver, received)
            }));
        }
    }

    pub(super) fn send(&mut self, batch: Batch) {
        self.has_fences |= batch.fence().is_some();
        if let Some(mut sender) = self.sender.idle.take() {
            self.sender.start(Box::pin(async move {
                let sent = sender.send(batch).await;
                (sender, Sent::Batch(sent))
            }));
        }
    }

    pub(super) fn say_goodbye(&mut self) {
        if let Some(mut sender) = self.sender.idle.take() {
            self.sender.start(Box::pin(async move {
                let said = sender.close().await;
                (sender, Sent::Goodbye(said))
            }));
        }
    }

    pub(super) fn is_receiving(&self) -> bool {
        self.receiver.running.is_some()
    }

    /// Makes the next turn poll the running `recv`, whether it was woken or not.
    pub(super) fn poll_recv_again(&self) {
        self.receiver.poll_again();
    }

    /// Makes the next turn poll all running calls, whether they were woken or not.
    pub(super) fn poll_again(&self) {
        self.receiver.poll_again();
        self.sender.poll_again();
    }

    /// When bytes of an unfinished batch were last received and sent. `start` is the time at which the
    /// session's clock began.
    pub(super) fn activity(&self, start: Duration) -> Input {
        let since = |at: Duration| at.saturating_sub(start);
        Input::Active {
            link: self.id,
            received: self.activity.received().map(since),
            sent: self.activity.sent().map(since),
            asked: match self.activity.asked() {
                Asked::At(at) => Asked::At(since(at)),
                other => other,
            },
        }
    }

    pub(super) fn poll_sender(&mut self, log: &Log) -> Option<Input> {
        let (sender, sent) = self.sender.poll()?;
        self.sender.idle = Some(sender);
        let link = self.id;
        Some(match sent {
            Sent::Batch(Ok(())) => Input::Sent { link },
            Sent::Batch(Err(error)) => Input::Failed {
                link,
                call: Call::Send,
                error,
            },
            Sent::Goodbye(said) => {
                if let Err(error) = &said {
                    log.goodbye_failed(error);
                }
                let answered = said.is_ok();
                Input::SaidGoodbye { link, answered }
            }
        })
    }

    /// `random` returns the key for the fences of a new link.
    pub(super) fn poll_receiver(
        &mut self,
        log: &Log,
        random: impl FnOnce() -> u64,
    ) -> Option<Input> {
        let link = self.id;
        if let Some(opening) = &mut self.opening {
            let opened = poll_if_woken(&self.receiver.signal, &self.receiver.waker, opening)?;
            self.opening = None;
            return Some(match opened {
                Ok(opened) => {
                    let confirms = opened.sender.confirms();
                    log.opened(self.transport, confirms);
                    let key = random();
                    self.sender.idle = Some(opened.sender);
                    self.receiver.idle = Some(opened.receiver);
                    Input::Opened {
                        link,
                        framing: opened.framing,
                        confirms,
                        key,
                    }
                }
                Err(error) => {
                    log.open_failed(self.transport, &error);
                    Input::Failed {
                        link,
                        call: Call::Open,
                        error,
                    }
                }
            });
        }
        let (receiver, received) = self.receiver.poll()?;
        self.receiver.idle = Some(receiver);
        Some(match received {
            Ok(packets) => {
                log.received(self.transport, &packets);
                Input::Received { link, packets }
            }
            Err(error) => Input::Failed {
                link,
                call: Call::Receive,
                error,
            },
        })
    }

    /// The fence whose answer was received with this input, if any.
    #[inline]
    pub(super) fn answered_fence(&mut self, input: &Input) -> Option<Fence> {
        if !self.has_fences {
            return None;
        }
        let received = matches!(input, Input::Received { .. });
        let receiver = self.receiver.idle.as_mut().filter(|_| received)?;
        receiver.answered_fence()
    }

    /// The server's close code and reason, if this input is the server's close.
    pub(super) fn closed_by(&self, input: &Input) -> Option<PeerClose> {
        let closed = match input {
            Input::Received { packets, .. } => matches!(packets.last(), Some(Packet::Close)),
            Input::Failed { call, .. } => *call == Call::Receive,
            _ => false,
        };
        let receiver = self.receiver.idle.as_ref().filter(|_| closed)?;
        receiver.peer_close()
    }
}

/// The call owns the half while it runs, and returns it with the result.
type Half<H, O> = Slot<Box<H>, (Box<H>, O)>;

enum Sent {
    Batch(Result<(), Error>),
    Goodbye(Result<(), Error>),
}

/// An idle half, or its running call.
struct Slot<I, O> {
    idle: Option<I>,
    running: Option<BoxFuture<'static, O>>,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Remembers that its call was woken, so that the driver does not have to poll the other calls: polling
/// a socket may cost a system call.
struct Signal {
    fired: AtomicBool,
    driver: Arc<AtomicWaker>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::Release);
        self.driver.wake();
    }
}

#[inline]
fn poll_if_woken<O>(signal: &Signal, waker: &Waker, call: &mut BoxFuture<'static, O>) -> Option<O> {
    if !signal.fired.swap(false, Ordering::AcqRel) {
        return None;
    }
    match call.as_mut().poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

impl<I, O> Slot<I, O> {
    fn new(driver: &Arc<AtomicWaker>) -> Self {
        let signal = Arc::new(Signal {
            fired: AtomicBool::new(false),
            driver: Arc::clone(driver),
        });
        Self {
            idle: None,
            running: None,
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }

    fn start(&mut self, call: BoxFuture<'static, O>) {
        self.running = Some(call);
        self.signal.fired.store(true, Ordering::Release);
    }

    /// Polls the running call if it was woken.
    fn poll(&mut self) -> Option<O> {
        let call = self.running.as_mut()?;
        let output = poll_if_woken(&self.signal, &self.waker, call)?;
        self.running = None;
        Some(output)
    }

    /// Makes the next `poll` poll the call, whether it was woken or not.
    fn poll_again(&self) {
        self.signal.fired.store(true, Ordering::Release);
    }
}
