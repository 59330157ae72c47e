//! The room in the outbox: how much of it is used, and which senders and sinks wait for it.

use crate::amount::Amount;
use crate::client::ticket_map::TicketMap;

#[derive(Debug)]
pub(super) struct Room<W> {
    capacity: Amount,
    /// The messages that were accepted and are not sent yet: those in the queue and in the engine.
    pending: Amount,
    /// The room that was given to senders and sinks and is not used yet.
    reserved: Amount,
    next_ticket: u64,
    /// Allocated when a sender or sink first has a ticket: most connections never fill their outbox.
    tickets: Option<Box<Tickets<W>>>,
}

#[derive(Debug)]
struct Tickets<W> {
    /// Senders and sinks that wait for room, in order of arrival. Without this order, small messages
    /// could pass a large one for ever.
    waiting: TicketMap<Ticket, Waiter<W>>,
    /// Senders that were given room, and how much.
    granted: TicketMap<Ticket, Amount>,
    /// Sinks that were promised room for one message, and whether the driver has already found the
    /// promise unused while other senders waited.
    promised: TicketMap<Ticket, bool>,
}

impl<W> Default for Tickets<W> {
    fn default() -> Self {
        Self {
            waiting: TicketMap::default(),
            granted: TicketMap::default(),
            promised: TicketMap::default(),
        }
    }
}

/// A place in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct Waiter<W> {
    amount: Amount,
    is_sink: bool,
    waker: W,
}

/// What `poll_ready` has promised to a sink.
#[derive(Debug, Default)]
pub(crate) enum Seat {
    #[default]
    None,
    /// The sink waits for room.
    Waiting(Ticket),
    /// The sink has been promised room for one message.
    Promised(Ticket),
}

/// The room reserved for a sink, whose message is not known in advance.
pub(super) const PROMISED: Amount = Amount {
    messages: 1,
    bytes: 1,
};

impl<W: Clone> Room<W> {
    pub(super) fn new(capacity: Amount) -> Self {
        Self {
            capacity,
            pending: Amount::default(),
            reserved: Amount::default(),
            next_ticket: 0,
            tickets: None,
        }
    }

    fn tickets(&mut self) -> &mut Tickets<W> {
        self.tickets.get_or_insert_default()
    }

    /// The amount that was accepted and is not sent yet.
    pub(super) fn pending(&self) -> Amount {
        self.pending
    }

    /// Whether a message of a sender that is not queued may enter.
    #[inline]
    pub(super) fn admits(&self, amount: Amount) -> bool {
        self.nobody_waits() && self.has_room(amount)
    }

    #[inline]
    fn nobody_waits(&self) -> bool {
        let tickets = self.tickets.as_ref();
        tickets.is_none_or(|tickets| tickets.waiting.is_empty())
    }

    /// A parcel that is larger than the capacity has room in an empty outbox.
    #[inline]
    fn has_room(&self, amount: Amount) -> bool {
        let held = self.pending.plus(self.reserved);
        held.messages == 0 || held.plus(amount).fits_in(self.capacity)
    }

    #[inline]
    pub(super) fn fill(&mut self, amount: Amount) {
        self.pending = self.pending.plus(amount);
    }

    pub(super) fn free(&mut self, amount: Amount) {
        self.pending = self.pending.minus(amount);
    }

    pub(super) fn free_all(&mut self) {
        self.pending = Amount::default();
    }

    // The queue.

    pub(super) fn join_queue(&mut self, amount: Amount, is_sink: bool, waker: W) -> Ticket {
        let ticket = self.ticket();
        let waiter = Waiter {
            amount,
            is_sink,
            waker,
        };
        self.tickets().waiting.insert(ticket, waiter);
        ticket
    }

    /// Replaces the waker of a sender or sink that still waits for room, and returns the old one. `None`
    /// if it does not wait.
    pub(super) fn replace_waker(&mut self, ticket: Ticket, waker: &W) -> Option<W> {
        let waiter = self.tickets.as_mut()?.waiting.get_mut(ticket)?;
        Some(std::mem::replace(&mut waiter.waker, waker.clone()))
    }

    /// Removes the place of this ticket in the queue, and frees the room that was reserved for it, if
    /// any. Returns the waker of the place.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> Option<W> {
        let waiter = self.tickets.as_mut()?.waiting.remove(ticket);
        self.give_back(ticket);
        waiter.map(|waiter| waiter.waker)
    }

    /// Frees the room that was reserved for this ticket, if any.
    pub(super) fn give_back(&mut self, ticket: Ticket) {
        let Some(tickets) = &mut self.tickets else {
            return;
        };
        if let Some(amount) = tickets.granted.remove(ticket) {
            self.reserved = self.reserved.minus(amount);
        } else if tickets.promised.remove(ticket).is_some() {
            self.reserved = self.reserved.minus(PROMISED);
        }
    }

    /// Gives room to the senders at the front of the queue, as long as there is room. Their wakers are
    /// added to `woken`.
    pub(super) fn deal(&mut self, woken: &mut Vec<W>) {
        let deals = self.is_worth_dealing();
        while deals
            && let Some(tickets) = &self.tickets
            && let Some((ticket, waiter)) = tickets.waiting.first()
            && self.has_room(waiter.amount)
            && let Some(waiter) = self.tickets().waiting.remove(ticket)
        {
            if waiter.is_sink {
                self.promise(ticket);
            } else {
                self.tickets().granted.insert(ticket, waiter.amount);
                self.reserved = self.reserved.plus(waiter.amount);
            }
            woken.push(waiter.waker);
        }
    }

    /// Room is only given once 1/32 of the outbox is free. Otherwise a sender would be woken after each
    /// short batch that polling sends, which costs more than sending a message. (An empty outbox always
    /// satisfies this.)
    fn is_worth_dealing(&self) -> bool {
        let most = |of: usize| of.saturating_sub(of / 32);
        let most = Amount {
            messages: most(self.capacity.messages),
            bytes: most(self.capacity.bytes),
        };
        self.pending.fits_in(most)
    }

    /// No more room is given: empties the queue, and adds its wakers to `woken`.
    pub(super) fn dismiss(&mut self, woken: &mut Vec<W>) {
        self.reserved = Amount::default();
        if let Some(mut tickets) = self.tickets.take() {
            let waiting = tickets.waiting.take_values();
            woken.extend(waiting.map(|waiter| waiter.waker));
        }
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        ticket
    }

    // Promises.

    /// Promises room to a sink that is not queued, if it may enter.
    pub(super) fn try_promise(&mut self) -> Option<Ticket> {
        if !self.admits(PROMISED) {
            return None;
        }
        let ticket = self.ticket();
        self.promise(ticket);
        Some(ticket)
    }

    fn promise(&mut self, ticket: Ticket) {
        self.tickets().promised.insert(ticket, false);
        self.reserved = self.reserved.plus(PROMISED);
    }

    pub(super) fn is_promised(&self, ticket: Ticket) -> bool {
        let tickets = self.tickets.as_ref();
        tickets.is_some_and(|tickets| tickets.promised.contains(ticket))
    }

    /// If senders wait, revokes the promises that were already unused at the previous call, and returns
    /// whether there may be room to give now.
    pub(super) fn let_promises_lapse(&mut self) -> bool {
        let Some(tickets) = &mut self.tickets else {
            return false;
        };
        if tickets.waiting.is_empty() {
            let promised = tickets.promised.iter_mut();
            promised.for_each(|(_, seen)| *seen = false);
            return false;
        }
        let mut lapsed = Vec::new();
        for (ticket, seen) in tickets.promised.iter_mut() {
            if *seen {
                lapsed.push(ticket);
            }
            *seen = true;
        }
        for ticket in lapsed {
            self.give_back(ticket);
        }
        true
    }

    /// Whether senders wait while a sink holds a promise that it may never use.
    pub(super) fn is_contested(&self) -> bool {
        let tickets = self.tickets.as_ref();
        tickets.is_some_and(|tickets| !tickets.promised.is_empty() && !tickets.waiting.is_empty())
    }
}

#[cfg(any(test, fuzzing))]
impl<W> Room<W> {
    pub(super) fn reserved(&self) -> Amount {
        self.reserved
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.tickets
            .as_ref()
            .map_or(0, |tickets| tickets.waiting.len())
    }

    pub(super) fn promised_count(&self) -> usize {
        self.tickets
            .as_ref()
            .map_or(0, |tickets| tickets.promised.len())
    }
}
