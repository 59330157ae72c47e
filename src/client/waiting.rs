//! The futures behind the calls that wait: for room in the outbox, for a flush, or for a change in the
//! state of the session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outbox::{ConfirmTicket, FlushTicket, Parcel, Refusal, Ticket, closed_error};
use super::shared::{Shared, State, TurnTicket};
use crate::error::Error;

/// Waits until the outbox has accepted the parcel or refused it for good. If the future is dropped
/// before that, the parcel was not accepted.
#[derive(Debug)]
pub(super) struct Sending<'a, P: Parcel> {
    shared: &'a Arc<Shared>,
    /// `None` once the parcel was accepted or refused.
    parcel: Option<P>,
    /// The sender's place in the queue, or the room that was reserved for it.
    ticket: Option<Ticket>,
}

impl<'a, P: Parcel> Sending<'a, P> {
    pub(super) fn new(shared: &'a Arc<Shared>, parcel: P) -> Self {
        Self {
            shared,
            parcel: Some(parcel),
            ticket: None,
        }
    }
}

/// No field needs to be pinned.
impl<P: Parcel> Unpin for Sending<'_, P> {}

impl<P: Parcel> Future for Sending<'_, P> {
    /// A refused parcel is given back.
    type Output = Result<(), (P, Error)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(parcel) = this.parcel.take() else {
            // Polled again after completion.
            return Poll::Pending;
        };
        let ticket = &mut this.ticket;
        let refusal = this.shared.outbox(|outbox| {
            let refusal = match *ticket {
                None => outbox.offer(parcel),
                Some(ticket) => outbox.claim(ticket, parcel, cx.waker()),
            };
            if let (Err(Refusal::Later(parcel, _)), None) = (&refusal, &ticket) {
                *ticket = Some(outbox.queue_up(parcel.amount(), cx.waker().clone()));
            }
            refusal
        });
        match refusal {
            Ok(_copied) => {
                this.ticket = None;
                Poll::Ready(Ok(()))
            }
            Err(Refusal::Never(parcel, error)) => {
                this.ticket = None;
                Poll::Ready(Err((parcel, error)))
            }
            Err(Refusal::Later(parcel, _)) => {
                this.parcel = Some(parcel);
                Poll::Pending
            }
        }
    }
}

impl<P: Parcel> Drop for Sending<'_, P> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.outbox(|outbox| outbox.cancel(ticket));
        }
    }
}

/// Waits until every message accepted before its first poll has been sent.
#[derive(Debug)]
pub(super) struct Flushing<'a> {
    shared: &'a Arc<Shared>,
    ticket: Option<FlushTicket>,
}

impl<'a> Flushing<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }
}

impl Future for Flushing<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ticket = &mut this.ticket;
        let flushed = this
            .shared
            .outbox(|outbox| outbox.is_flushed(ticket, cx.waker()));
        match flushed {
            None => Poll::Pending,
            Some(flushed) => Poll::Ready(flushed.map_err(|closed| closed_error(Some(&closed)))),
        }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let ticket = &mut self.ticket;
            self.shared.outbox(|outbox| outbox.cancel_flush(ticket));
        }
    }
}

/// Waits until every message accepted before its first poll is confirmed.
#[derive(Debug)]
pub(super) struct Confirming<'a> {
    shared: &'a Arc<Shared>,
    ticket: Option<ConfirmTicket>,
}

impl<'a> Confirming<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }
}

impl Future for Confirming<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ticket = &mut this.ticket;
        let confirmed = this
            .shared
            .outbox(|outbox| outbox.is_confirmed(ticket, cx.waker()));
        confirmed.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Confirming<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let ticket = &mut self.ticket;
            self.shared.outbox(|outbox| outbox.cancel_confirm(ticket));
        }
    }
}

/// Waits until a condition on the session holds. The condition is checked again when an attempt to
/// connect has failed and another one follows, when the session opens, when its upgrade has ended, when
/// it ends, and when the disconnect handler has returned.
pub(super) struct Turning<'a, C> {
    shared: &'a Arc<Shared>,
    condition: C,
    ticket: Option<TurnTicket>,
}

impl<'a, C, O> Turning<'a, C>
where
    C: Fn(&State) -> Option<O>,
{
    pub(super) fn new(shared: &'a Arc<Shared>, condition: C) -> Self {
        Self {
            shared,
            condition,
            ticket: None,
        }
    }
}

/// No field needs to be pinned.
impl<C> Unpin for Turning<'_, C> {}

impl<C, O> Future for Turning<'_, C>
where
    C: Fn(&State) -> Option<O>,
{
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let this = &mut *self;
        this.shared.poll_turn(&mut this.ticket, cx, &this.condition)
    }
}

impl<C> Drop for Turning<'_, C> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.shared.cancel_turn(&mut self.ticket);
        }
    }
}
