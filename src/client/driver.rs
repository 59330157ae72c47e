//! The one task of a connection: it makes the calls that the engine wants, and tells the engine
//! how they ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use super::log::Log;
use super::shared::Shared;
use crate::engine::{Call, Config, Engine, Input, LinkId, Output};
use crate::error::Error;
use crate::event::{Closed, Event, Reason};
use crate::packet::{Message, Packet};
use crate::runtime::Runtime;
use crate::transport::{Activity, Link, OpenRequest, PacketReceiver, PacketSender, Transport};

/// After so many turns without a pause other tasks get theirs.
const TURNS: u32 = 32;

/// A sleep of no length, after which the runtime has looked at its sockets. tokio needs that: until
/// then a read trusts what was known, and being woken does not make it look.
const A_LOOK: Duration = Duration::ZERO;

pub(crate) struct Driver {
    shared: Arc<Shared>,
    runtime: Arc<dyn Runtime>,
    transport: Arc<dyn Transport>,
    /// What every `open` is asked, but for the transport's name and the sid.
    request: OpenRequest,
    engine: Engine,
    start: Duration,
    /// The session's link, and the probe's.
    links: Vec<Half>,
    /// What the engine waits for.
    deadline: Option<Duration>,
    timer: Option<Timer>,
    /// The deadline has passed; one last look is taken at what may have come.
    overdue: bool,
    /// A link whose `recv` is polled once more when this sleep is over.
    draining: Option<(LinkId, BoxFuture<'static, ()>)>,
    /// Whether the engine was told that the inbox has room.
    room: bool,
    closing: bool,
    /// An empty buffer for the outbox's queue.
    spare: Vec<Packet>,
    /// The origin for which the success of an upgrade is to be remembered.
    remember: Option<String>,
    log: Log,
}

/// Both halves of a link, and their calls.
struct Half {
    id: LinkId,
    transport: &'static str,
    activity: Activity,
    open: Slot<(), Result<Link, Error>>,
    sender: HalfSlot<dyn PacketSender, Sent>,
    receiver: HalfSlot<dyn PacketReceiver, Result<Vec<Packet>, Error>>,
}

/// A half belongs to its call while that runs, and comes back with the result.
type HalfSlot<H, O> = Slot<Box<H>, (Box<H>, O)>;

enum Sent {
    Batch(Result<(), Error>),
    Goodbye(Result<(), Error>),
}

/// Something to call, and its call while it runs.
struct Slot<I, O> {
    idle: Option<I>,
    running: Option<BoxFuture<'static, O>>,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Remembers which call was woken, so that no other is polled: a look at a socket may cost a call to
/// the system.
struct Signal {
    fired: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::Release);
        self.shared.driver.wake();
    }
}

impl<I, O> Slot<I, O> {
    fn new(shared: &Arc<Shared>) -> Self {
        let signal = Arc::new(Signal {
            fired: AtomicBool::new(false),
            shared: Arc::clone(shared),
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

    /// Polls the call if it was woken.
    fn poll(&mut self) -> Option<O> {
        if !self.signal.fired.swap(false, Ordering::AcqRel) {
            return None;
        }
        let call = self.running.as_mut()?;
        let Poll::Ready(output) = call.as_mut().poll(&mut Context::from_waker(&self.waker)) else {
            return None;
        };
        self.running = None;
        Some(output)
    }

    /// Has the call polled in any case.
    fn look_again(&self) {
        self.signal.fired.store(true, Ordering::Release);
    }
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
            request,
            engine: Engine::new(config, Duration::ZERO),
            start,
            links: Vec::with_capacity(2),
            deadline: None,
            timer: None,
            overdue: false,
            draining: None,
            room: true,
            closing: false,
            spare: Vec::new(),
            remember,
            log,
        }
    }

    fn now(&self) -> Duration {
        self.runtime.now().saturating_sub(self.start)
    }

    /// One turn: what has happened goes in, what is to be done is begun. Local work comes before
    /// new work from the server.
    fn turn(&mut self, cx: &mut Context<'_>, now: Duration) -> Turn {
        let mut busy = self.take_commands(now);
        busy |= self.poll_senders(now);
        busy |= self.poll_receivers(now);
        busy |= self.poll_draining(cx, now);
        self.look_for_room(now);
        match self.carry_out(now) {
            Turn::Done => return Turn::Done,
            Turn::Busy => busy = true,
            Turn::Idle => {}
        }
        if busy { Turn::Busy } else { self.wait(cx, now) }
    }

    fn take_commands(&mut self, now: Duration) -> bool {
        let (packets, closing) = self
            .shared
            .take_queue(self.engine.wants_messages(), &mut self.spare);
        let mut busy = false;
        if !packets.is_empty() {
            self.engine.handle(now, Input::Send(packets));
            busy = true;
        }
        if closing && !self.closing {
            self.closing = true;
            self.engine.handle(now, Input::Close);
            busy = true;
        }
        busy
    }

    fn poll_senders(&mut self, now: Duration) -> bool {
        let mut busy = false;
        for half in &mut self.links {
            let Some((sender, sent)) = half.sender.poll() else {
                continue;
            };
            half.sender.idle = Some(sender);
            let link = half.id;
            let input = match sent {
                Sent::Batch(Ok(())) => Input::Sent { link },
                Sent::Batch(Err(error)) => Input::Failed {
                    link,
                    call: Call::Send,
                    error,
                },
                Sent::Goodbye(said) => {
                    if let Err(error) = said {
                        self.log.goodbye_failed(&error);
                    }
                    Input::SaidGoodbye { link }
                }
            };
            self.engine.handle(now, input);
            busy = true;
        }
        busy
    }

    fn poll_receivers(&mut self, now: Duration) -> bool {
        let mut busy = false;
        for half in &mut self.links {
            let link = half.id;
            let input = if let Some(opened) = half.open.poll() {
                match opened {
                    Ok(opened) => {
                        half.sender.idle = Some(opened.sender);
                        half.receiver.idle = Some(opened.receiver);
                        Input::Opened {
                            link,
                            framing: opened.framing,
                        }
                    }
                    Err(error) => {
                        self.log.open_failed(half.transport, &error);
                        Input::Failed {
                            link,
                            call: Call::Open,
                            error,
                        }
                    }
                }
            } else if let Some((receiver, received)) = half.receiver.poll() {
                half.receiver.idle = Some(receiver);
                match received {
                    Ok(packets) => {
                        self.log.received(half.transport, &packets);
                        Input::Received { link, packets }
                    }
                    Err(error) => Input::Failed {
                        link,
                        call: Call::Receive,
                        error,
                    },
                }
            } else {
                continue;
            };
            self.engine.handle(now, input);
            busy = true;
        }
        busy
    }

    fn look_for_room(&mut self, now: Duration) {
        let room = self.shared.inboxes.wants_more();
        if room != self.room {
            self.room = room;
            self.engine.handle(now, Input::Room(room));
        }
    }

    fn carry_out(&mut self, now: Duration) -> Turn {
        let mut turn = Turn::Idle;
        loop {
            match self.engine.poll(now) {
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return turn;
                }
                Output::Closed {
                    reason,
                    uncertain,
                    unsent,
                } => {
                    self.close(reason, uncertain, unsent);
                    return Turn::Done;
                }
                Output::Open {
                    link,
                    transport,
                    sid,
                } => {
                    self.log.opens(transport, sid.is_some());
                    let mut request = self.request.clone();
                    let activity = Activity::new(Arc::clone(&self.runtime));
                    request.transport = transport.to_owned();
                    request.sid = sid.map(|handshake| handshake.sid.clone());
                    request.activity = activity.clone();
                    let mut half = Half {
                        id: link,
                        transport,
                        activity,
                        open: Slot::new(&self.shared),
                        sender: Slot::new(&self.shared),
                        receiver: Slot::new(&self.shared),
                    };
                    let transport = Arc::clone(&self.transport);
                    let runtime = Arc::clone(&self.runtime);
                    half.open.start(Box::pin(
                        async move { transport.open(&runtime, request).await },
                    ));
                    self.links.push(half);
                }
                Output::Receive { link } => {
                    if let Some(half) = self.link(link)
                        && let Some(mut receiver) = half.receiver.idle.take()
                    {
                        half.receiver.start(Box::pin(async move {
                            let received = receiver.recv().await;
                            (receiver, received)
                        }));
                    }
                }
                Output::Send { link, batch } => {
                    if let Some(half) = self.links.iter_mut().find(|half| half.id == link)
                        && let Some(mut sender) = half.sender.idle.take()
                    {
                        self.log.sends(half.transport, &batch);
                        half.sender.start(Box::pin(async move {
                            let sent = sender.send(batch).await;
                            (sender, Sent::Batch(sent))
                        }));
                    }
                }
                Output::Close { link } => {
                    if let Some(half) = self.link(link)
                        && let Some(mut sender) = half.sender.idle.take()
                    {
                        half.sender.start(Box::pin(async move {
                            let said = sender.close().await;
                            (sender, Sent::Goodbye(said))
                        }));
                    }
                }
                Output::Drain { link } => self.drain(link),
                Output::Drop { link } => self.links.retain(|half| half.id != link),
                Output::Accept(acceptance) => self.shared.accept(acceptance),
                Output::Left(batch) => {
                    self.shared.batch_left(&batch);
                    self.recycle(batch.into_packets());
                }
                Output::Tell(events) => {
                    self.tell(events);
                    // Before the engine asks for more.
                    self.look_for_room(now);
                }
            }
            turn = Turn::Busy;
        }
    }

    /// Keeps the buffer for the next messages, unless it is far too large for what it held: a
    /// connection should not keep the memory of its busiest moment.
    fn recycle(&mut self, mut packets: Vec<Packet>) {
        if packets.capacity() / 8 <= packets.len().max(8) {
            packets.clear();
            self.spare = packets;
        }
    }

    fn link(&mut self, link: LinkId) -> Option<&mut Half> {
        self.links.iter_mut().find(|half| half.id == link)
    }

    /// Begins to poll a receive call until it would wait: now, and when the runtime has looked.
    fn drain(&mut self, link: LinkId) {
        // One that has returned meanwhile was told to the engine, which has said how to go on.
        if let Some(half) = self.link(link)
            && half.receiver.running.is_some()
        {
            half.receiver.look_again();
            self.draining = Some((link, self.runtime.sleep(A_LOOK)));
        }
    }

    fn poll_draining(&mut self, cx: &mut Context<'_>, now: Duration) -> bool {
        let Some((link, sleep)) = &mut self.draining else {
            return false;
        };
        let link = *link;
        let running = |half: &&mut Half| half.id == link && half.receiver.running.is_some();
        let Some(half) = self.links.iter_mut().find(running) else {
            self.draining = None;
            return false;
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.draining = None;
        half.receiver.look_again();
        if !self.poll_receivers(now) {
            self.engine.handle(now, Input::Drained { link });
        }
        true
    }

    fn tell(&mut self, events: Vec<Event>) {
        // The engine tells such news apart from messages, one at a time.
        match events.first() {
            Some(Event::Connected(connected)) => {
                self.log.connected(connected);
                let mut state = self.shared.state();
                state.connected = Some(connected.clone());
                state.transport = Some(connected.transport);
                drop(state);
                self.shared.turned.notify(usize::MAX);
                self.remember(connected.transport == "websocket");
            }
            Some(Event::Upgraded { transport }) => {
                self.log.upgraded(transport);
                self.shared.state().transport = Some(*transport);
                self.remember(*transport == "websocket");
            }
            Some(Event::UpgradeFailed { transport, error }) => {
                self.log.upgrade_failed(transport, error);
                self.remember(false);
            }
            _ => {}
        }
        self.shared.inboxes.put(events, self.closing);
    }

    fn remember(&self, upgraded: bool) {
        if let Some(origin) = &self.remember {
            super::builder::remember(origin, upgraded);
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>, now: Duration) -> Turn {
        let Some(deadline) = self.deadline else {
            return Turn::Idle;
        };
        if now >= deadline {
            return self.time_is_up(cx, now);
        }
        self.overdue = false;
        // A deadline that has moved later lets the old timer fire, and looks again.
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
            return Turn::Busy;
        }
        Turn::Idle
    }

    /// A user who blocks the runtime's thread delays us, not the server: before a deadline counts,
    /// the runtime gets a turn to notice what has come, and all that waits is looked at.
    fn time_is_up(&mut self, cx: &mut Context<'_>, now: Duration) -> Turn {
        if !self.overdue {
            self.overdue = true;
            self.timer = Some(Timer {
                at: now,
                sleep: self.runtime.sleep(A_LOOK),
            });
            for half in &self.links {
                half.receiver.look_again();
                half.sender.look_again();
            }
        }
        if let Some(timer) = &mut self.timer
            && timer.sleep.as_mut().poll(cx).is_pending()
        {
            return Turn::Idle;
        }
        self.timer = None;
        self.overdue = false;
        for half in &self.links {
            let since = |at: Duration| at.saturating_sub(self.start);
            let received = half.activity.received().map(since);
            let sent = half.activity.sent().map(since);
            self.engine.handle(
                now,
                Input::Active {
                    link: half.id,
                    received,
                    sent,
                },
            );
        }
        self.engine.handle(now, Input::Timeout);
        Turn::Busy
    }

    fn close(&mut self, reason: Reason, uncertain: Vec<Message>, mut unsent: Vec<Message>) {
        self.links.clear();
        self.timer = None;
        let ended = self.shared.end(|queue| {
            unsent.extend(queue.into_iter().filter_map(|packet| match packet {
                Packet::Message(message) => Some(message),
                _ => None,
            }));
            Closed::new(reason, uncertain, unsent)
        });
        if let Some(closed) = ended {
            self.log.closed(&closed);
        }
    }
}

enum Turn {
    Busy,
    Idle,
    Done,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = &mut *self;
        driver.shared.driver.register(cx.waker());
        // Nothing in a turn waits.
        let now = driver.now();
        for _ in 0..TURNS {
            match driver.turn(cx, now) {
                Turn::Busy => {}
                Turn::Idle => return Poll::Pending,
                Turn::Done => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A runtime that is shut down drops this task, and a transport may panic in it: those who wait
/// hear of it all the same.
impl Drop for Driver {
    fn drop(&mut self) {
        let (uncertain, unsent) = self.engine.abandon();
        self.close(Reason::Aborted, uncertain, unsent);
    }
}
