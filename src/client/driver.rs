//! The task that drives one session: it makes the calls that the engine asks for, and passes their
//! results to the engine.

mod events;
mod opening;
mod target;

use std::future::Future;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use self::target::Target;
use super::link_calls::LinkCalls;
use super::log::Log;
use super::panic_text::panic_text;
use super::shared::Shared;
use crate::batch::Batch;
use crate::engine::{Config, Engine, Input, LinkId, Output};
use crate::event::{Ended, Reason};
use crate::fence::Fence;
use crate::packet_list::PacketList;
use crate::runtime::Runtime;
use crate::transport::{OpenRequest, Transport};

/// Maximum number of turns in one poll, before other tasks get a turn.
const TURNS: u32 = 32;

pub(crate) struct Driver {
    shared: Arc<Shared>,
    runtime: Arc<dyn Runtime>,
    transport: Arc<dyn Transport>,
    target: Target,
    engine: Engine,
    start: Duration,
    /// The link of the session, and the link of the probe.
    links: Vec<LinkCalls>,
    /// The deadline that the engine waits for.
    deadline: Option<Duration>,
    timer: Option<Timer>,
    last_poll: LastPoll,
    /// A link whose waiting `recv` is polled once more when this future completes: then the runtime has
    /// polled its sockets.
    draining: Option<(LinkId, BoxFuture<'static, ()>)>,
    /// Whether the inbox has room, as far as the engine knows.
    room: bool,
    closing: bool,
    /// An empty list, whose buffers are for the queue of the outbox.
    spare: PacketList,
    /// The origin under which the outcome of the upgrade is remembered; `None` if it is not remembered.
    remember: Option<String>,
    is_open: bool,
    /// Whether the client reconnects. Then `Sessions` reports the end of the session.
    is_outlived: bool,
    /// The end of the session, for `Sessions`.
    ended: Option<Box<Ended>>,
    log: Log,
}

/// Whether all links were polled once more after a deadline has passed.
enum LastPoll {
    /// No deadline has passed.
    NotDue,
    /// The runtime polls its sockets first.
    WaitsFor(BoxFuture<'static, ()>),
    /// The links were polled. The deadline counts, unless an input from the links has moved it.
    Done,
}

struct Timer {
    at: Duration,
    sleep: BoxFuture<'static, ()>,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        runtime: Arc<dyn Runtime>,
        transport: Arc<dyn Transport>,
        request: OpenRequest,
        config: Config,
        remember: Option<String>,
        log: Log,
    ) -> Self {
        let start = runtime.now();
        Self {
            shared,
            runtime,
            transport,
            target: Target::Request(Box::new(request)),
            engine: Engine::new(config, Duration::ZERO),
            start,
            links: Vec::new(),
            deadline: None,
            timer: None,
            last_poll: LastPoll::NotDue,
            draining: None,
            room: true,
            closing: false,
            spare: PacketList::default(),
            remember,
            is_open: false,
            is_outlived: false,
            ended: None,
            log,
        }
    }

    /// Makes a driver for a client that reconnects. After the future has completed,
    /// [`end_now`](Self::end_now) returns the end of the session.
    pub(super) fn outlived(mut self) -> Self {
        self.is_outlived = true;
        self
    }

    /// Whether the session has opened.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Ends the session for this reason, if it has not ended, and returns its end.
    pub(super) fn end_now(&mut self, reason: Reason) -> Ended {
        for output in self.engine.end_now(reason.clone()) {
            if let Output::Closed(ended) = output {
                self.close(ended);
            }
        }
        match self.ended.take() {
            Some(ended) => *ended,
            None => Ended::without_messages(reason, false),
        }
    }

    fn now(&self) -> Duration {
        self.runtime.now().saturating_sub(self.start)
    }

    /// One turn: passes what has happened to the engine, and carries out its outputs. Local work comes
    /// before new work from the server. Returns whether anything has happened.
    fn turn(&mut self, cx: &mut Context<'_>, now: Duration, is_first: bool) -> Flow {
        let (mut busy, closing) = self.take_messages(now, is_first)?;
        let closes = closing && !self.closing;
        if closes {
            // The outputs of every other input are carried out at once. Those of `Close` are carried out
            // after the links were polled. So the session is already closing when it handles what the
            // transport has ready (test:
            // `b14_a_client_that_was_closed_before_it_was_open_does_not_open`), and if that ends the
            // session, no goodbye is sent. No message can be lost in between, because none is accepted
            // any more.
            self.closing = true;
            self.engine.handle(now, Input::Close);
        }
        busy |= self.poll_senders(now)?;
        busy |= self.check_room(now)?;
        busy |= self.poll_receivers(now)?;
        busy |= self.poll_draining(cx, now)?;
        if closes {
            busy = true;
            self.carry_out(now)?;
        }
        if busy {
            return Flow::Continue(true);
        }
        if self.carry_out(now)? {
            return Flow::Continue(true);
        }
        self.wait(cx, now)
    }

    /// Passes an input to the engine, and carries out all outputs that follow, in one step. If a message
    /// could be accepted between the input and its outputs, the end of the session would not account for
    /// that message.
    fn handle(&mut self, now: Duration, input: Input) -> Flow {
        self.engine.handle(now, input);
        self.carry_out(now)?;
        Flow::Continue(true)
    }

    /// Hands the user's messages to the engine. Returns whether there were any, and whether the user has
    /// closed the session, which means that no more messages will follow. `is_first` marks the first
    /// turn of a poll.
    fn take_messages(&mut self, now: Duration, is_first: bool) -> ControlFlow<(), (bool, bool)> {
        let wanted = self.engine.wants_messages();
        let spare = &mut self.spare;
        let (outgoing, closing) = self.shared.outbox(|outbox| {
            if is_first {
                outbox.let_promises_lapse();
            }
            (outbox.take_queue(wanted, spare), outbox.is_closing())
        });
        let busy = !outgoing.is_empty();
        if busy {
            // With receipts, the engine keeps the buffer of a sent batch until the batch is confirmed.
            if let Some(buffer) = self.engine.take_buffer() {
                self.spare = buffer;
            }
            self.handle(now, Input::Send(outgoing))?;
        }
        ControlFlow::Continue((busy, closing))
    }

    fn poll_senders(&mut self, now: Duration) -> Flow {
        let mut busy = false;
        for at in 0..self.links.len() {
            // Handling an input may remove a link; a link that is skipped because of that is polled in
            // the next turn.
            if let Some(link) = self.links.get_mut(at)
                && let Some(input) = link.poll_sender(&self.log)
            {
                busy |= self.handle(now, input)?;
            }
        }
        Flow::Continue(busy)
    }

    /// Polls the probe before the session's link: if the pong of the probe has arrived, the session's
    /// link stops polling at once (test: `upgrade::a_poll_that_brings_messages_after_the_pong`).
    fn poll_receivers(&mut self, now: Duration) -> Flow {
        let mut busy = false;
        for at in (0..self.links.len()).rev() {
            let runtime = &self.runtime;
            if let Some(link) = self.links.get_mut(at)
                && let Some(input) = link.poll_receiver(&self.log, || runtime.random())
            {
                let (fence, close) = (link.answered_fence(&input), link.closed_by(&input));
                let link = link.id;
                if let Some(fence) = fence {
                    self.fence_answered(now, link, fence)?;
                }
                if let Some(close) = close {
                    self.handle(now, Input::PeerClose { link, close })?;
                }
                busy |= self.handle(now, input)?;
            }
        }
        Flow::Continue(busy)
    }

    #[cold]
    fn fence_answered(&mut self, now: Duration, link: LinkId, fence: Fence) -> Flow {
        self.handle(now, Input::FenceAnswered { link, fence })
    }

    fn check_room(&mut self, now: Duration) -> Flow {
        match self.room_changed() {
            Some(input) => self.handle(now, input),
            None => Flow::Continue(false),
        }
    }

    /// The input for the engine if the inbox has become full, or has room again.
    fn room_changed(&mut self) -> Option<Input> {
        let room = self.shared.inboxes.wants_more();
        if room == self.room {
            return None;
        }
        self.room = room;
        Some(Input::Room(room))
    }

    fn carry_out(&mut self, now: Duration) -> Flow {
        let mut busy = false;
        loop {
            match self.engine.poll(now) {
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return Flow::Continue(busy);
                }
                Output::Closed(ended) => {
                    self.close(ended);
                    return Flow::Break(());
                }
                Output::Open {
                    link,
                    transport,
                    sid,
                    redirect,
                } => {
                    let sid = sid.map(|handshake| handshake.sid.clone());
                    if let Some(input) = self.open(link, transport, sid, redirect) {
                        self.engine.handle(now, input);
                    }
                }
                Output::Receive { link } => {
                    if let Some(link) = self.link(link) {
                        link.receive();
                    }
                }
                Output::Send { link, batch } => {
                    if let Some(link) = self.links.iter_mut().find(|known| known.id == link) {
                        self.log.sends(link.transport, &batch);
                        link.send(batch);
                    }
                }
                Output::Close { link } => {
                    if let Some(link) = self.link(link) {
                        link.say_goodbye();
                    }
                }
                Output::Drain { link } => self.drain(link),
                Output::Drop { link } => self.drop_links(|known| known.id == link),
                Output::Accept(acceptance) => self.shared.accept(acceptance),
                Output::Left(batch) => {
                    self.shared.batch_left(&batch);
                    self.recycle(batch);
                }
                Output::Confirmed(count) => self.shared.confirmed(count),
                Output::NoReceipts(error) => self.no_receipts(error),
                Output::UpgradeIsOver(error) => self.upgrade_is_over(error),
                Output::Tell(events) => self.pass_on(now, events),
            }
            busy = true;
        }
    }

    /// Drops links. A transport that panics in its destructor must not prevent the driver from
    /// accounting for the messages.
    fn drop_links(&mut self, which: impl Fn(&LinkCalls) -> bool) {
        while let Some(at) = self.links.iter().position(&which) {
            let link = self.links.remove(at);
            let transport = link.transport;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(link))) {
                self.log.drop_panicked(transport, panic_text(&*panic));
            }
        }
        self.links.shrink_to_fit();
    }

    /// Keeps the buffers of a batch for the next messages. An idle connection keeps none: all that it
    /// sends is a pong once per heartbeat.
    fn recycle(&mut self, batch: Batch) {
        if !batch.is_empty() && batch.amounts().all(|amount| amount.messages == 0) {
            self.spare = PacketList::default();
        } else if let Some(empty) = batch.into_empty_list() {
            self.spare = empty;
        }
    }

    fn link(&mut self, link: LinkId) -> Option<&mut LinkCalls> {
        self.links.iter_mut().find(|known| known.id == link)
    }

    /// Polls a receive call until it would wait: now, and once more when the runtime has polled its
    /// sockets.
    fn drain(&mut self, link: LinkId) {
        // If the call has returned meanwhile, the engine has already handled its result.
        if let Some(known) = self.link(link)
            && known.is_receiving()
        {
            known.poll_recv_again();
            self.draining = Some((link, self.runtime.catch_up()));
        }
    }

    fn poll_draining(&mut self, cx: &mut Context<'_>, now: Duration) -> Flow {
        let Some((link, caught_up)) = &mut self.draining else {
            return Flow::Continue(false);
        };
        let link = *link;
        let receiving = |known: &&LinkCalls| known.id == link && known.is_receiving();
        let Some(known) = self.links.iter().find(receiving) else {
            self.draining = None;
            return Flow::Continue(false);
        };
        if caught_up.as_mut().poll(cx).is_pending() {
            return Flow::Continue(false);
        }
        self.draining = None;
        known.poll_recv_again();
        if self.poll_receivers(now)? {
            return Flow::Continue(true);
        }
        self.handle(now, Input::Drained { link })
    }

    fn wait(&mut self, cx: &mut Context<'_>, now: Duration) -> Flow {
        let Some(deadline) = self.deadline else {
            return Flow::Continue(false);
        };
        if now >= deadline {
            return self.deadline_passed(cx, now);
        }
        self.last_poll = LastPoll::NotDue;
        // If the deadline has moved to a later time, the old timer is kept: it fires early, and a new
        // one is set then.
        if self.timer.as_ref().is_none_or(|timer| timer.at > deadline) {
            let sleep = self.runtime.sleep(deadline.saturating_sub(now));
            self.timer = Some(Timer {
                at: deadline,
                sleep,
            });
        }
        if let Some(timer) = &mut self.timer
            && timer.sleep.as_mut().poll(cx).is_ready()
        {
            self.timer = None;
            return Flow::Continue(true);
        }
        Flow::Continue(false)
    }

    /// Reports a deadline that has passed to the engine, but only after the runtime has polled its
    /// sockets and all links were polled once more: see [`Runtime::catch_up`].
    fn deadline_passed(&mut self, cx: &mut Context<'_>, now: Duration) -> Flow {
        if let LastPoll::NotDue = self.last_poll {
            self.timer = None;
            self.last_poll = LastPoll::WaitsFor(self.runtime.catch_up());
        }
        if let LastPoll::WaitsFor(caught_up) = &mut self.last_poll {
            if caught_up.as_mut().poll(cx).is_pending() {
                return Flow::Continue(false);
            }
            self.last_poll = LastPoll::Done;
            for link in &self.links {
                link.poll_again();
            }
            // The next turn polls the links.
            return Flow::Continue(true);
        }
        self.last_poll = LastPoll::NotDue;
        let active: Vec<Input> = self
            .links
            .iter()
            .map(|link| link.activity(self.start))
            .collect();
        for input in active {
            self.handle(now, input)?;
        }
        self.handle(now, Input::Timeout)
    }

    fn close(&mut self, mut ended: Box<Ended>) {
        self.drop_links(|_| true);
        if let Reason::Transport(error) = &ended.reason {
            ended.reason = Reason::Transport(self.target.name_in(error.clone()));
        }
        self.timer = None;
        if self.is_outlived {
            self.ended = Some(ended);
        } else if let Some(closed) = self.shared.end(*ended) {
            self.log.closed(&closed);
        }
    }
}

/// Whether anything has happened; `Break` when the session has ended.
type Flow = ControlFlow<(), bool>;

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = &mut *self;
        driver.shared.driver.register(cx.waker());
        // One reading of the clock is enough, since nothing in a turn waits.
        let now = driver.now();
        for turn in 0..TURNS {
            match driver.turn(cx, now, turn == 0) {
                Flow::Continue(true) => {}
                Flow::Continue(false) => return Poll::Pending,
                Flow::Break(()) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// This task is dropped when its runtime shuts down, or when a transport panics in it. Every call that
/// waits for the session is still woken. If the engine had already ended the session, that end counts.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_outlived && self.shared.state().closed().is_none() {
            self.end_now(Reason::Aborted);
        }
    }
}
