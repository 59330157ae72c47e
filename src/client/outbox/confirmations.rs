//! Which messages are confirmed and which may be lost, and the calls of `confirm` that wait for that.
//!
//! Messages are counted from the first that was accepted; a *place* is such a count.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::error::{Error, ErrorKind};

#[derive(Debug)]
pub(super) struct Confirmations<W> {
    /// Why there are none; `None` where there are.
    without: Option<Error>,
    /// All messages before this place are confirmed, or among those that may be lost.
    settled: u64,
    /// The messages that may be lost, in order.
    lost: VecDeque<Range<u64>>,
    /// Messages that will never be sent, though others before them still wait to be confirmed.
    given_up: VecDeque<Range<u64>>,
    /// Of the losses before this place a call has been told.
    told: u64,
    next_number: u64,
    waiting: BTreeMap<(u64, u64), W>,
}

/// A call of `confirm`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfirmTicket {
    /// It waits for the messages before this place.
    place: u64,
    /// Tells calls apart that wait for the same.
    number: u64,
    /// Losses before this place were told to somebody else.
    told: u64,
}

/// So many ranges of losses are kept apart.
const MOST_RANGES: usize = 1024;

impl<W> Confirmations<W> {
    /// Without receipts, until [`begin`](Self::begin).
    pub(super) fn new() -> Self {
        let off = Error::new(
            ErrorKind::Unsupported,
            "receipts are off: `Builder::receipts` turns them on",
        );
        Self {
            without: Some(off),
            settled: 0,
            lost: VecDeque::new(),
            given_up: VecDeque::new(),
            told: 0,
            next_number: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.without = None;
    }

    /// There are none any more. All calls fail.
    pub(super) fn end(&mut self, error: Error, woken: &mut Vec<W>) {
        self.without.get_or_insert(error);
        self.dismiss(woken);
    }

    /// All messages before this place are confirmed, or among those that may be lost.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// The place of the first of so many messages that were accepted last and not given up.
    pub(super) fn place_of_last(&self, count: u64, accepted: u64) -> u64 {
        let mut place = accepted.saturating_sub(count);
        for places in self.given_up.iter().rev() {
            if places.end <= place {
                break;
            }
            place = place.saturating_sub(places.end.saturating_sub(places.start));
        }
        place
    }

    /// The next so many messages are confirmed. What was given up among them does not count.
    pub(super) fn confirm(&mut self, count: u64, woken: &mut Vec<W>) {
        let mut rest = count;
        self.pass();
        while rest > 0 {
            let next = self.given_up.front();
            let part = next.map_or(rest, |next| {
                next.start.saturating_sub(self.settled).min(rest)
            });
            self.settled = self.settled.saturating_add(part);
            rest = rest.saturating_sub(part);
            self.pass();
        }
        self.wake(woken);
    }

    /// Those before this place that are not confirmed may be lost.
    pub(super) fn lose(&mut self, place: u64, woken: &mut Vec<W>) {
        self.add_loss(self.settled..place);
        self.settled = self.settled.max(place);
        self.pass();
        self.wake(woken);
    }

    /// These messages will never be sent.
    pub(super) fn give_up(&mut self, places: Range<u64>, woken: &mut Vec<W>) {
        let at = self
            .given_up
            .partition_point(|others| others.end <= places.start);
        self.given_up.insert(at, places);
        self.pass();
        self.wake(woken);
    }

    /// Passes over what was given up.
    fn pass(&mut self) {
        while let Some(next) = self.given_up.front()
            && next.start <= self.settled
        {
            // What was lost together with others before it is among those already.
            let places = self.settled..next.end;
            self.given_up.pop_front();
            self.settled = self.settled.max(places.end);
            self.add_loss(places);
        }
    }

    /// Wakes those whose messages are settled.
    fn wake(&mut self, woken: &mut Vec<W>) {
        while let Some(call) = self.waiting.first_entry()
            && call.key().0 <= self.settled
        {
            woken.push(call.remove());
        }
    }

    fn add_loss(&mut self, places: Range<u64>) {
        if places.is_empty() {
            return;
        }
        match self.lost.back_mut() {
            Some(last) if last.end >= places.start => last.end = places.end,
            _ => self.lost.push_back(places),
        }
        // Of more than anybody asks for, the oldest are joined.
        if self.lost.len() > MOST_RANGES
            && let Some(oldest) = self.lost.pop_front()
            && let Some(next) = self.lost.front_mut()
        {
            next.start = oldest.start;
        }
    }

    /// Whether all is confirmed that was accepted before the call began, or why it is not. `None` if
    /// neither is known yet. Gives the waker that is replaced.
    pub(super) fn is_confirmed(
        &mut self,
        ticket: &mut Option<ConfirmTicket>,
        accepted: u64,
        is_closed: bool,
        waker: W,
    ) -> (Option<Result<(), Error>>, Option<W>) {
        let call = *ticket.get_or_insert_with(|| {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            ConfirmTicket {
                place: accepted,
                number,
                told: self.told,
            }
        });
        let missing = call.place.saturating_sub(self.settled);
        if missing > 0 && !is_closed && self.without.is_none() {
            let last = self.waiting.insert((call.place, call.number), waker);
            return (None, last);
        }
        let last = self.cancel(ticket);
        if let Some(why) = &self.without {
            return (Some(Err(why.clone())), last);
        }
        let lost = self
            .lost_between(call.told, call.place)
            .saturating_add(missing);
        if lost == 0 {
            return (Some(Ok(())), last);
        }
        self.told = self.told.max(call.place);
        let messages = if lost == 1 { "message" } else { "messages" };
        let error = Error::new(
            ErrorKind::Unconfirmed,
            format!(
                "{lost} {messages} may not have arrived: the session ended before that was confirmed"
            ),
        );
        (Some(Err(error)), last)
    }

    fn lost_between(&self, start: u64, end: u64) -> u64 {
        let overlap = |lost: &Range<u64>| lost.end.min(end).saturating_sub(lost.start.max(start));
        self.lost.iter().map(overlap).fold(0, u64::saturating_add)
    }

    /// Gives up a call, and returns its waker.
    pub(super) fn cancel(&mut self, ticket: &mut Option<ConfirmTicket>) -> Option<W> {
        let call = ticket.take()?;
        self.waiting.remove(&(call.place, call.number))
    }

    /// Nothing more will be confirmed.
    pub(super) fn dismiss(&mut self, woken: &mut Vec<W>) {
        woken.extend(std::mem::take(&mut self.waiting).into_values());
    }
}
