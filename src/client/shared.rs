//! What the user's side and the driver share: the outbox, the inboxes, and how far the session is.
//!
//! A batch crosses under one lock and with one wake-up, whatever its length.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures::task::AtomicWaker;

use super::inbox::{Audience, Inboxes};
use super::lock::{lock, wake};
use super::outbox::{Outbox, Parcel, Refusal};
use crate::amount::Amount;
use crate::engine::Acceptance;
use crate::error::Error;
use crate::event::{Closed, Connected, Disconnected, Ended, Event};
use crate::packet::Packet;
use crate::runtime::Runtime;

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(super) outbox_capacity: Amount,
    /// The task of the driver.
    pub(crate) driver: Arc<AtomicWaker>,
}

pub(crate) struct State {
    pub(super) outbox: Outbox<Waker>,
    pub(crate) connected: Option<Connected>,
    pub(crate) transport: Option<&'static str>,
    /// What has become of the upgrade to a better transport; `None` while that is open.
    pub(super) upgrade: Option<Upgrade>,
    /// Why the first connection of a client that goes on trying has failed.
    pub(super) first_failure: Option<Error>,
    /// The user wants no further delay before the next attempt.
    pub(super) reconnects_now: bool,
    /// There is a disconnect handler, and it has not returned.
    pub(crate) handling: bool,
    /// Those who wait for a turn of the session.
    turns: BTreeMap<TurnTicket, Waker>,
    /// Wakers that serve no more, to be dropped without the lock: see `Outbox::take_retired`.
    retired: Vec<Waker>,
    next_ticket: TurnTicket,
}

#[derive(Clone, Debug)]
pub(super) enum Upgrade {
    /// The session has gone over, or there was nothing to go over to.
    Over,
    /// The last that was tried has failed.
    Failed(Error),
}

/// Names one who waits for a turn of the session.
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
            self.retired.extend(self.turns.remove(&ticket));
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
            first_failure: None,
            reconnects_now: false,
            handling,
            turns: BTreeMap::new(),
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

    /// Does something with the outbox, and wakes whoever can go on after it.
    pub(super) fn outbox<O>(&self, change: impl FnOnce(&mut Outbox<Waker>) -> O) -> O {
        let mut state = self.state();
        let output = change(&mut state.outbox);
        let driver = state.outbox.takes_driver();
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

    /// Accepts something from a sender that has not waited. Nobody can go on by that but the driver.
    #[inline]
    pub(super) fn offer<P: Parcel>(&self, parcel: P) -> Result<(), Refusal<P>> {
        let mut state = self.state();
        let Some(amount) = state.outbox.accepts(&parcel) else {
            return Err(state.outbox.refusal(parcel));
        };
        state.outbox.put(parcel, amount);
        let driver = state.outbox.takes_driver();
        drop(state);
        if driver {
            self.driver.wake();
        }
        Ok(())
    }

    /// From now on nothing is accepted; what was is flushed, and the session ends.
    pub(crate) fn close(&self) {
        self.outbox(Outbox::close);
    }

    /// The next attempt is to be made now.
    pub(super) fn reconnect_now(&self) {
        self.state().reconnects_now = true;
        self.driver.wake();
    }

    /// Messages are dropped from now on.
    pub(crate) fn discard(&self) {
        self.inboxes.discard();
        self.driver.wake();
    }

    /// Nobody has the client any more.
    pub(crate) fn leave(&self) {
        self.inboxes.discard_of_client();
        self.driver.wake();
        self.close();
    }

    /// The disconnect handler has returned, or will never be called.
    pub(crate) fn handled(&self) {
        self.turn(|state| state.handling = false);
    }

    /// Asks a condition, and notes whom to wake when it is to be asked again.
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

    /// Nobody waits for that any more.
    pub(super) fn cancel_turn(&self, ticket: &mut Option<TurnTicket>) {
        let mut state = self.state();
        state.cancel_turn(ticket);
        let retired = std::mem::take(&mut state.retired);
        drop(state);
        drop(retired);
    }

    /// Something has changed that a condition of [`poll_turn`](Self::poll_turn) may ask for.
    pub(super) fn turn(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let turns = std::mem::take(&mut state.turns);
        drop(state);
        turns.into_values().for_each(wake);
    }

    // The driver's side.

    pub(crate) fn accept(&self, acceptance: Acceptance) {
        self.outbox(|outbox| outbox.accept(acceptance));
    }

    pub(crate) fn batch_left(&self, packets: &[Packet]) {
        self.outbox(|outbox| outbox.batch_left(packets));
    }

    pub(super) fn upgrade_is_over(&self) {
        self.outbox(Outbox::upgrade_is_over);
        self.tell_given_up();
    }

    /// Tells of messages that will never be sent.
    pub(super) fn tell_given_up(&self) {
        let given_up = self.outbox(Outbox::take_given_up);
        if !given_up.is_empty() {
            let events = given_up.into_iter().map(Box::new).map(Event::GivenUp);
            self.inboxes.put(events.collect());
        }
    }

    /// A session has ended that was open, and another may follow.
    pub(super) fn end_session(&self, session: u64, ended: Ended) -> Disconnected {
        let told = self.outbox(|outbox| outbox.end_session(session, ended));
        self.inboxes
            .put(vec![Event::Disconnected(Box::new(told.clone()))]);
        self.tell_given_up();
        self.turn(|state| {
            state.connected = None;
            state.transport = None;
            state.upgrade = None;
        });
        told
    }

    pub(crate) fn confirmed(&self, count: u64) {
        self.outbox(|outbox| outbox.confirmed(count));
    }

    /// There are no receipts any more.
    pub(crate) fn no_receipts(&self, error: Error) {
        self.outbox(|outbox| outbox.no_receipts(error.clone()));
        self.inboxes.put(vec![Event::NoReceipts { error }]);
    }

    /// The session has ended, with what the engine gives back.
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
