//! The state that the user's side and the driver share: the outbox, the inboxes and the session's
//! progress.
//!
//! A batch of messages is passed with one locking of the mutex and one wake-up, whatever its length.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures::task::AtomicWaker;

use super::inbox::{Audience, Inboxes};
use super::lock::{lock, wake};
use super::outbox::{Outbox, Parcel, Refusal};
use super::ticket_map::TicketMap;
use crate::amount::Amount;
use crate::batch::Batch;
use crate::engine::Acceptance;
use crate::error::Error;
use crate::event::{Closed, Connected, Disconnected, Ended, Event};
use crate::runtime::Runtime;

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(super) outbox_capacity: Amount,
    /// Wakes the driver's task.
    pub(crate) driver: Arc<AtomicWaker>,
}

pub(crate) struct State {
    pub(super) outbox: Outbox<Waker>,
    pub(crate) connected: Option<Connected>,
    pub(crate) transport: Option<&'static str>,
    /// The outcome of the upgrade; `None` until it is known.
    pub(super) upgrade: Option<Upgrade>,
    /// The user has asked to skip the delay before the next attempt.
    pub(super) reconnects_now: bool,
    /// Whether there is a disconnect handler that has not returned.
    pub(crate) handling: bool,
    /// The tasks that wait for a change of the session: see [`Shared::poll_turn`].
    turns: TicketMap<TurnTicket, Waker>,
    /// Wakers that are no longer needed, to drop once the lock is released: see `Outbox::take_retired`.
    retired: Vec<Waker>,
    next_ticket: TurnTicket,
}

#[derive(Clone, Debug)]
pub(super) enum Upgrade {
    /// The session has upgraded, or there was no transport to upgrade to.
    Over,
    /// The last attempt to upgrade failed.
    Failed(Error),
}

/// Identifies a task that waits for a change of the session.
pub(super) type TurnTicket = u64;

impl State {
    fn poll_turn<O>(
        &mut self,
        ticket: &mut Option<TurnTicket>,
        cx: &mut Context<'_>,
        condition: impl Fn(&Self) -> Option<O>,
    ) -> Poll<O> {
        if let Some(output) = condition(self) {
            self.cancel_turn(ticket);
            return Poll::Ready(output);
        }
        let ticket = *ticket.get_or_insert_with(|| {
            self.next_ticket = self.next_ticket.wrapping_add(1);
            self.next_ticket
        });
        let last = self.turns.insert(ticket, cx.waker().clone());
        self.retired.extend(last);
        Poll::Pending
    }

    fn cancel_turn(&mut self, ticket: &mut Option<TurnTicket>) {
        if let Some(ticket) = ticket.take() {
            self.retired.extend(self.turns.remove(ticket));
        }
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.outbox.closed()
    }
}

impl Shared {
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        outbox_capacity: Amount,
        inbox_capacity: Amount,
        audience: Audience,
        handling: bool,
    ) -> Self {
        let state = State {
            outbox: Outbox::new(outbox_capacity),
            connected: None,
            transport: None,
            upgrade: None,
            reconnects_now: false,
            handling,
            turns: TicketMap::default(),
            retired: Vec::new(),
            next_ticket: 0,
        };
        let driver = Arc::new(AtomicWaker::new());
        Self {
            state: Mutex::new(state),
            inboxes: Arc::new(Inboxes::new(inbox_capacity, audience, Arc::clone(&driver))),
            runtime,
            outbox_capacity,
            driver,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the outbox, and wakes the driver and the tasks that can continue because of the change.
    pub(super) fn outbox<O>(&self, change: impl FnOnce(&mut Outbox<Waker>) -> O) -> O {
        let mut state = self.state();
        let output = change(&mut state.outbox);
        let driver = state.outbox.take_wants_driver();
        let woken = state.outbox.take_woken();
        let retired = state.outbox.take_retired();
        drop(state);
        drop(retired);
        if driver {
            self.driver.wake();
        }
        if let Some(woken) = woken {
            woken.into_iter().for_each(wake);
        }
        output
    }

    // The user's side.

    /// Accepts a parcel from a sender that is not queued. This lets no other sender continue, so only
    /// the driver may have to be woken.
    #[inline]
    pub(crate) fn offer<P: Parcel>(&self, parcel: P) -> Result<(), Refusal<P>> {
        let mut state = self.state();
        let Some(amount) = state.outbox.accepts(&parcel) else {
            return Err(state.outbox.refusal(parcel));
        };
        let copied = state.outbox.put(parcel, amount);
        let driver = state.outbox.take_wants_driver();
        drop(state);
        drop(copied);
        if driver {
            self.driver.wake();
        }
        Ok(())
    }

    /// Stops accepting messages. The accepted ones are flushed, and the session ends.
    pub(crate) fn close(&self) {
        self.outbox(Outbox::close);
    }

    /// Skips the delay before the next attempt.
    pub(super) fn reconnect_now(&self) {
        self.state().reconnects_now = true;
        self.driver.wake();
    }

    /// Drops received messages from now on.
    pub(crate) fn discard(&self) {
        self.inboxes.discard();
        self.driver.wake();
    }

    /// The client was dropped.
    pub(crate) fn client_dropped(&self) {
        self.inboxes.discard_of_client();
        self.driver.wake();
        self.close();
    }

    /// The disconnect handler has returned, or will never be called.
    pub(crate) fn handled(&self) {
        self.turn(|state| state.handling = false);
    }

    /// Checks a condition on the session. If it does not hold, the task of `cx` is woken at the next
    /// change.
    pub(super) fn poll_turn<O>(
        &self,
        ticket: &mut Option<TurnTicket>,
        cx: &mut Context<'_>,
        condition: impl Fn(&State) -> Option<O>,
    ) -> Poll<O> {
        let mut state = self.state();
        let polled = state.poll_turn(ticket, cx, condition);
        let retired = std::mem::take(&mut state.retired);
        drop(state);
        drop(retired);
        polled
    }

    /// Stops waiting for a condition.
    pub(super) fn cancel_turn(&self, ticket: &mut Option<TurnTicket>) {
        let mut state = self.state();
        state.cancel_turn(ticket);
        let retired = std::mem::take(&mut state.retired);
        drop(state);
        drop(retired);
    }

    /// Changes the state, and wakes the tasks whose condition ([`poll_turn`](Self::poll_turn)) may hold
    /// now.
    pub(super) fn turn(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let mut turns = std::mem::take(&mut state.turns);
        drop(state);
        turns.take_values().for_each(wake);
    }

    // The driver's side.

    pub(crate) fn accept(&self, acceptance: Acceptance) {
        self.outbox(|outbox| outbox.accept(acceptance));
    }

    pub(crate) fn batch_left(&self, batch: &Batch) {
        self.outbox(|outbox| outbox.batch_left(batch));
    }

    pub(super) fn upgrade_is_over(&self) {
        self.outbox(Outbox::upgrade_is_over);
        self.report_given_up();
    }

    /// Reports to the user which messages will never be sent.
    pub(super) fn report_given_up(&self) {
        let given_up = self.outbox(Outbox::take_given_up);
        if !given_up.is_empty() {
            let events = given_up.into_iter().map(Box::new).map(Event::GivenUp);
            self.inboxes.put(events.collect());
        }
    }

    /// Ends a session that was open. Another session may follow.
    pub(super) fn end_session(&self, session: u64, ended: Ended) -> Disconnected {
        let end = self.outbox(|outbox| outbox.end_session(session, ended));
        self.inboxes
            .put(vec![Event::Disconnected(Box::new(end.clone()))]);
        self.report_given_up();
        self.turn(|state| {
            state.connected = None;
            state.transport = None;
            state.upgrade = None;
        });
        end
    }

    pub(crate) fn confirmed(&self, count: u64) {
        self.outbox(|outbox| outbox.confirmed(count));
    }

    /// Receipts have ended: no more messages will be confirmed.
    pub(crate) fn no_receipts(&self, error: Error) {
        self.outbox(|outbox| outbox.no_receipts(error.clone()));
        self.inboxes.put(vec![Event::NoReceipts { error }]);
    }

    /// Ends the client, with the messages that the engine gives back. `None` if the client had already
    /// ended.
    pub(crate) fn end(&self, ended: Ended) -> Option<Closed> {
        let closed = self.outbox(|outbox| outbox.end(ended))?;
        self.inboxes.put(vec![Event::Closed(closed.clone())]);
        self.inboxes.finish();
        self.turn(|_| {});
        Some(closed)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
