//! Keeps account of outgoing messages, from acceptance to the end of the session.
//!
//! [`Outbox`] is the only place that knows where an accepted message is: queued here, handed to the
//! engine, or sent. Its parts are `Room` (how much of the capacity is used, and the senders that wait
//! for more), `Flushes` (which messages were sent, and the flushes that wait for them), `Confirmations`
//! (which messages have arrived or may be lost) and, if the client reconnects, `Succession` (the state
//! that outlives a session). Only the outbox builds [`Closed`]. It has no lock, no clock and no IO:
//! `Shared` keeps the outbox behind its mutex, and wakes the tasks that the outbox names. `W` is the
//! handle by which a waiting task is woken: a `Waker`, or a name in the unit tests.
//!
//! # How room is given
//!
//! - A sender enters at once if there is room and no sender waits. Otherwise it joins the queue. When
//!   its turn comes, the outbox reserves room for its message and wakes this sender only. A sender that
//!   is not polled therefore occupies the room for its own message, but it never blocks the senders
//!   behind it. Dropping the future returns the room, or the place in the queue.
//! - A sink has no future that could be dropped, so the promise made by `poll_ready` is kept in its
//!   [`Seat`]: room for one message of any size. While other senders wait, a promise that the driver
//!   has found unused in two of its polls lapses, and its room goes to the next sender in the queue.
//!   The sink may still send one message, which then exceeds the capacity.
//! - The outbox therefore holds at most its capacity (or a single larger message or group, which is let
//!   in alone), plus one message for each sink that was promised room.

mod confirmations;
mod flushes;
mod parcel;
mod receipts;
mod refusal;
mod room;
mod sessions;
mod succession;
#[cfg(test)]
mod tests;

pub(crate) use confirmations::ConfirmTicket;
pub(crate) use flushes::{FlushTicket, SinkFlush};
pub(crate) use parcel::Parcel;
pub(crate) use refusal::{Refusal, closed_error};
pub(crate) use room::{Seat, Ticket};

use confirmations::Confirmations;
use flushes::Flushes;
use room::{PROMISED, Room};
use succession::Succession;

use crate::amount::Amount;
use crate::batch::Batch;
use crate::engine::{Acceptance, Outgoing};
use crate::error::ErrorKind;
use crate::event::{Closed, Ended};
use crate::packet::Message;
use crate::packet_list::PacketList;

#[derive(Debug)]
pub(crate) struct Outbox<W> {
    /// Which messages the session can carry; `None` until it is open.
    acceptance: Option<Acceptance>,
    stage: Stage,
    /// The messages that were accepted and not handed to the engine yet.
    queue: Outgoing,
    room: Room<W>,
    flushes: Flushes<W>,
    confirmations: Confirmations<W>,
    /// The state that outlives a session, if the client reconnects.
    succession: Option<Succession>,
    /// Tasks to wake once the lock is released.
    woken: Vec<W>,
    /// Wakers that are no longer needed, to drop once the lock is released.
    retired: Vec<W>,
    wants_driver: bool,
}

#[derive(Debug)]
enum Stage {
    Open,
    /// No messages are accepted any more. The accepted ones are flushed.
    Closing,
    Closed(Closed),
}

impl<W: Clone> Outbox<W> {
    pub(crate) fn new(capacity: Amount) -> Self {
        Self {
            acceptance: None,
            stage: Stage::Open,
            queue: Outgoing::default(),
            room: Room::new(capacity),
            flushes: Flushes::new(),
            confirmations: Confirmations::new(),
            succession: None,
            woken: Vec::new(),
            retired: Vec::new(),
            wants_driver: false,
        }
    }

    /// Whether the driver must be woken. Call this after each change.
    pub(crate) fn take_wants_driver(&mut self) -> bool {
        std::mem::take(&mut self.wants_driver)
    }

    /// The tasks that can go on now, if any. Call this after each change.
    pub(crate) fn take_woken(&mut self) -> Option<Vec<W>> {
        taken(&mut self.woken)
    }

    /// Wakers that are no longer needed, if any. Call this after each change, and drop the result
    /// without holding the lock: dropping the last waker of a task can drop the task, and with it
    /// futures that call back into this outbox.
    pub(crate) fn take_retired(&mut self) -> Option<Vec<W>> {
        taken(&mut self.retired)
    }

    // Senders.

    /// Accepts a parcel from a sender that is not queued. The parcel is refused while any sender is
    /// queued.
    ///
    /// Like [`claim`](Self::claim) and [`start_send`](Self::start_send), this returns the messages whose
    /// contents were copied, to be dropped without holding the lock: see [`PacketList::push_message`].
    pub(crate) fn offer<P: Parcel>(&mut self, parcel: P) -> Result<P::Copied, Refusal<P>> {
        match self.accepts(&parcel) {
            Some(amount) => Ok(self.put(parcel, amount)),
            None => Err(self.refusal(parcel)),
        }
    }

    /// The size of the parcel, if it may enter at once. This is the hot path: most messages need
    /// nothing else.
    #[inline]
    pub(crate) fn accepts<P: Parcel>(&self, parcel: &P) -> Option<Amount> {
        let acceptance = self.acceptance.as_ref()?;
        let amount = parcel.amount();
        let enters = matches!(self.stage, Stage::Open)
            && self.room.admits(amount)
            && parcel.check(acceptance).is_ok();
        enters.then_some(amount)
    }

    /// Why a parcel may not enter at once.
    pub(crate) fn refusal<P: Parcel>(&self, parcel: P) -> Refusal<P> {
        let Some(acceptance) = self.acceptance() else {
            return self.not_open(parcel);
        };
        match parcel.check(&acceptance) {
            Err(error) => Refusal::Never(parcel, error),
            Ok(()) => Refusal::Later(parcel, ErrorKind::Full),
        }
    }

    /// Joins the queue. Call this under the same lock as the `offer` that was refused: otherwise room
    /// that became free in between would go unnoticed.
    pub(crate) fn queue_up(&mut self, amount: Amount, waker: W) -> Ticket {
        self.join_queue(amount, false, waker)
    }

    /// Accepts a parcel from a sender that was given room. If the sender still waits, this replaces its
    /// waker.
    pub(crate) fn claim<P: Parcel>(
        &mut self,
        ticket: Ticket,
        parcel: P,
        waker: &W,
    ) -> Result<P::Copied, Refusal<P>> {
        let Some(acceptance) = self.acceptance() else {
            self.still_waits(ticket, waker);
            return Err(self.not_open(parcel));
        };
        if self.still_waits(ticket, waker) {
            return Err(Refusal::Later(parcel, ErrorKind::Full));
        }
        let amount = parcel.amount();
        self.room.give_back(ticket);
        // The session may have upgraded since the sender queued up, which changes what it can carry.
        if let Err(error) = parcel.check(&acceptance) {
            self.deal();
            return Err(Refusal::Never(parcel, error));
        }
        Ok(self.put(parcel, amount))
    }

    /// A sender or a sink gives up its place in the queue or its reserved room.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        self.retired.extend(self.room.cancel(ticket));
        self.deal();
    }

    /// Whether this sender or sink still waits for room. If so, this replaces its waker.
    fn still_waits(&mut self, ticket: Ticket, waker: &W) -> bool {
        let last = self.room.replace_waker(ticket, waker);
        let waits = last.is_some();
        self.retired.extend(last);
        waits
    }

    // Sinks.

    /// Whether a sink may send a message. If not, its waker is called as soon as it may. A sink is also
    /// ready once the session is closing, so that `start_send` can report the closing.
    pub(crate) fn is_ready(&mut self, seat: &mut Seat, waker: &W) -> bool {
        if !matches!(self.stage, Stage::Open) {
            *seat = Seat::None;
            return true;
        }
        if let Seat::Promised(ticket) | Seat::Waiting(ticket) = *seat {
            if self.room.is_promised(ticket) {
                *seat = Seat::Promised(ticket);
                return true;
            }
            if self.still_waits(ticket, waker) {
                return false;
            }
        }
        // The sink has not polled before, or its promise has lapsed.
        if self.acceptance.is_some()
            && let Some(ticket) = self.room.try_promise()
        {
            *seat = Seat::Promised(ticket);
            return true;
        }
        *seat = Seat::Waiting(self.join_queue(PROMISED, true, waker.clone()));
        false
    }

    /// Accepts the message of a sink. A sink that was promised room is never refused for lack of room.
    pub(crate) fn start_send(
        &mut self,
        seat: &mut Seat,
        message: Message,
    ) -> Result<Option<Message>, Refusal<Message>> {
        match std::mem::take(seat) {
            Seat::None => return self.offer(message),
            Seat::Waiting(ticket) => {
                self.cancel(ticket);
                return self.offer(message);
            }
            Seat::Promised(ticket) => self.room.give_back(ticket),
        }
        let Some(acceptance) = self.acceptance() else {
            return Err(self.not_open(message));
        };
        if let Err(error) = message.check(&acceptance) {
            self.deal();
            return Err(Refusal::Never(message, error));
        }
        let amount = message.amount();
        Ok(self.put(message, amount))
    }

    /// A sink gives up its promise, or its place in the queue.
    pub(crate) fn leave(&mut self, seat: &mut Seat) {
        if let Seat::Waiting(ticket) | Seat::Promised(ticket) = std::mem::take(seat) {
            self.cancel(ticket);
        }
    }

    /// If senders wait, revokes the promises that were already unused at the previous call. The driver
    /// calls this at the beginning of each of its polls; between two polls a sink that was woken has
    /// had a chance to run and use its promise.
    pub(crate) fn let_promises_lapse(&mut self) {
        if self.room.let_promises_lapse() {
            self.deal();
        }
    }

    // Flushes.

    /// Whether every message that was accepted before the flush began has been sent, or how the session
    /// ended before that. `None` if neither is known yet; the waker is called when it is.
    pub(crate) fn is_flushed(
        &mut self,
        flush: &mut Option<FlushTicket>,
        waker: &W,
    ) -> Option<Result<(), Closed>> {
        let outcome = if self.flushes.is_done(*flush) {
            Ok(())
        } else if let Stage::Closed(closed) = &self.stage {
            Err(closed.clone())
        } else {
            let last = self.flushes.wait(flush, waker.clone());
            self.retired.extend(last);
            return None;
        };
        self.cancel_flush(flush);
        Some(outcome)
    }

    /// Like [`is_flushed`](Self::is_flushed), for a sink. A sink cannot know whether a poll continues
    /// the previous flush, or starts a new one because the previous flush was abandoned. If messages
    /// were accepted in the meantime, the flush is extended to cover them, but only once: otherwise a
    /// task that sends without pause could delay it for ever.
    pub(crate) fn is_sink_flushed(
        &mut self,
        flush: &mut SinkFlush,
        waker: &W,
    ) -> Option<Result<(), Closed>> {
        self.retired.extend(self.flushes.extend(flush));
        let outcome = self.is_flushed(&mut flush.ticket, waker)?;
        flush.extended = false;
        Some(outcome)
    }

    pub(crate) fn cancel_flush(&mut self, flush: &mut Option<FlushTicket>) {
        self.retired.extend(self.flushes.cancel(flush));
    }

    pub(crate) fn cancel_sink_flush(&mut self, flush: &mut SinkFlush) {
        self.cancel_flush(&mut flush.ticket);
    }

    // The session.

    /// Stops accepting messages. The accepted ones are still sent.
    pub(crate) fn close(&mut self) {
        if matches!(self.stage, Stage::Open) {
            self.stage = Stage::Closing;
            self.wants_driver = true;
            self.room.dismiss(&mut self.woken);
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        !matches!(self.stage, Stage::Open)
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        match &self.stage {
            Stage::Closed(closed) => Some(closed),
            Stage::Open | Stage::Closing => None,
        }
    }

    /// The amount that has been accepted but not yet sent.
    pub(crate) fn pending(&self) -> Amount {
        self.room.pending()
    }

    /// Sets which messages the session can carry, when it opens and when it upgrades.
    pub(crate) fn accept(&mut self, acceptance: Acceptance) {
        self.acceptance = Some(self.accept_for(acceptance));
        self.deal();
    }

    /// Hands the queue to the engine, if the engine wants more or the session is closing. If the session
    /// is closing, the driver tells the engine to close next, and the engine must already have every
    /// accepted message by then.
    pub(crate) fn take_queue(&mut self, wanted: bool, spare: &mut PacketList) -> Outgoing {
        if !(wanted || self.is_closing()) {
            return Outgoing::default();
        }
        if let Some(succession) = &self.succession
            && !succession.lets_all_pass()
        {
            return self.take_carried();
        }
        if self.queue.is_empty() {
            return Outgoing::default();
        }
        std::mem::replace(&mut self.queue, Outgoing::new(std::mem::take(spare)))
    }

    /// A batch of the engine was sent.
    pub(crate) fn batch_left(&mut self, batch: &Batch) {
        let mut amount = Amount::default();
        let mut known = 0;
        if self.succession.is_some() {
            let messages = batch.amounts().filter(|amount| amount.messages > 0);
            let mut amounts: Vec<Amount> = messages.collect();
            known = self.own_of(&mut amounts);
            amount = amounts.into_iter().fold(amount, Amount::plus);
        } else {
            amount = batch.amounts().fold(amount, Amount::plus);
        }
        if amount.messages == 0 {
            return;
        }
        self.room.free(amount);
        let news = amount.messages.saturating_sub(known);
        self.flushes.count_left(news, &mut self.woken);
        self.deal();
    }

    /// The session has ended. The engine gives back the messages that it had: those that may have
    /// arrived, and those that were not sent. Only the first end counts.
    pub(crate) fn end(&mut self, mut ended: Ended) -> Option<Closed> {
        if self.closed().is_some() {
            return None;
        }
        let queue = std::mem::take(&mut self.queue);
        ended.unsent.extend(queue.into_messages());
        let ended = self.with_totals(ended);
        debug_assert_eq!(
            ended.uncertain.len().saturating_add(ended.unsent.len()),
            self.room.pending().messages,
            "each pending message is uncertain or unsent"
        );
        self.room.free_all();
        let closed = Closed::new(ended);
        self.stage = Stage::Closed(closed.clone());
        self.room.dismiss(&mut self.woken);
        self.flushes.dismiss(&mut self.woken);
        self.confirmations.dismiss(&mut self.woken);
        Some(closed)
    }

    // Helpers.

    /// Which messages are accepted now, or `None` if none are.
    fn acceptance(&self) -> Option<Acceptance> {
        self.acceptance.filter(|_| !self.is_closing())
    }

    fn not_open<P>(&self, parcel: P) -> Refusal<P> {
        if self.is_closing() {
            Refusal::Never(parcel, closed_error(self.closed()))
        } else {
            Refusal::Later(parcel, ErrorKind::NotOpen)
        }
    }

    /// Gives room to the senders at the front of the queue, as long as there is room. If senders still
    /// wait while a sink holds a promise, the driver is woken, so that it can let the promise lapse.
    fn deal(&mut self) {
        if self.acceptance().is_some() {
            self.room.deal(&mut self.woken);
        }
        self.wants_driver |= self.room.is_contested();
    }

    fn join_queue(&mut self, amount: Amount, is_sink: bool, waker: W) -> Ticket {
        let ticket = self.room.join_queue(amount, is_sink, waker);
        self.wants_driver |= self.room.is_contested();
        ticket
    }

    /// Adds an accepted parcel to the queue.
    #[inline]
    #[must_use]
    pub(crate) fn put<P: Parcel>(&mut self, parcel: P, amount: Amount) -> P::Copied {
        self.wants_driver |= self.queue.is_empty();
        self.room.fill(amount);
        self.flushes.count_accepted(amount.messages);
        parcel.append_to(&mut self.queue)
    }
}

/// Empties a list. `None` if it was empty.
fn taken<T>(list: &mut Vec<T>) -> Option<Vec<T>> {
    if list.is_empty() {
        return None;
    }
    Some(std::mem::take(list))
}

/// The counters that the model of the client checks.
#[cfg(any(test, fuzzing))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) pending: Amount,
    pub(crate) reserved: Amount,
    pub(crate) accepted: u64,
    pub(crate) left: u64,
    pub(crate) waiting: usize,
    pub(crate) promised: usize,
}

#[cfg(any(test, fuzzing))]
impl<W: Clone> Outbox<W> {
    pub(crate) fn audit(&self) -> Audit {
        Audit {
            pending: self.room.pending(),
            reserved: self.room.reserved(),
            accepted: self.flushes.accepted(),
            left: self.flushes.left(),
            waiting: self.room.waiting_count(),
            promised: self.room.promised_count(),
        }
    }
}
