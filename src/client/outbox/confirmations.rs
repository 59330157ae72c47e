//! Which messages are confirmed and which may be lost, and the calls of `confirm` that wait to know.
//!
//! A *place* is the number of a message, counted from the first one that was accepted.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::error::{Error, ErrorKind};

#[derive(Debug)]
pub(super) struct Confirmations<W> {
    /// Why there are no receipts; `None` if there are.
    off: Option<Error>,
    /// Every message before this place is confirmed, or in `lost`.
    settled: u64,
    /// The messages that may be lost, in order.
    lost: VecDeque<Range<u64>>,
    /// The messages that will never be sent, and that come after messages which are not settled yet.
    given_up: VecDeque<Range<u64>>,
    /// The losses before this place were reported to a call.
    reported: u64,
    next_number: u64,
    waiting: BTreeMap<(u64, u64), W>,
}

/// A call of `confirm`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfirmTicket {
    /// The call returns when the messages before this position are confirmed.
    place: u64,
    /// Distinguishes calls that wait for the same position.
    number: u64,
    /// Losses before this position had been reported when the call began.
    reported: u64,
}

/// Maximum number of ranges of losses that are kept.
const MAX_RANGES: usize = 1024;

impl<W> Confirmations<W> {
    /// Receipts are off until [`begin`](Self::begin) is called.
    pub(super) fn new() -> Self {
        let off = Error::new(
            ErrorKind::Unsupported,
            "receipts are off: `Builder::receipts` turns them on",
        );
        Self {
            off: Some(off),
            settled: 0,
            lost: VecDeque::new(),
            given_up: VecDeque::new(),
            reported: 0,
            next_number: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.off = None;
    }

    /// Receipts have ended: all calls of `confirm` fail.
    pub(super) fn end(&mut self, error: Error, woken: &mut Vec<W>) {
        self.off.get_or_insert(error);
        self.dismiss(woken);
    }

    /// Every message before this place is settled: it is confirmed, or counted among those that may be lost.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Counts back `count` messages from the last accepted one, skipping messages that were given up,
    /// and returns the place reached.
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

    /// The next `count` messages are confirmed, not counting those that were given up.
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

    /// The messages before this place that are not confirmed may be lost.
    pub(super) fn lose(&mut self, place: u64, woken: &mut Vec<W>) {
        self.add_loss(self.settled..place);
        self.settled = self.settled.max(place);
        self.pass();
        self.wake(woken);
    }

    /// The messages at these places will never be sent.
    pub(super) fn give_up(&mut self, places: Range<u64>, woken: &mut Vec<W>) {
        let at = self
            .given_up
            .partition_point(|others| others.end <= places.start);
        self.given_up.insert(at, places);
        self.pass();
        self.wake(woken);
    }

    /// Settles the messages that were given up, if all messages before them are settled.
    fn pass(&mut self) {
        while let Some(next) = self.given_up.front()
            && next.start <= self.settled
        {
            // `lose` has already added the part before `settled` to `lost`.
            let places = self.settled..next.end;
            self.given_up.pop_front();
            self.settled = self.settled.max(places.end);
            self.add_loss(places);
        }
    }

    /// Wakes the calls whose messages are settled.
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
        // Joins the two oldest ranges, which counts the confirmed messages between them as lost. That
        // only matters to a call that began before more than `MAX_RANGES` separate losses.
        if self.lost.len() > MAX_RANGES
            && let Some(oldest) = self.lost.pop_front()
            && let Some(next) = self.lost.front_mut()
        {
            next.start = oldest.start;
        }
    }

    /// Returns success if every message accepted before the call began is confirmed, the reason if one of
    /// them never will be, and `None` while that is open. Also returns the waker that the new one replaced.
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
                reported: self.reported,
            }
        });
        let missing = call.place.saturating_sub(self.settled);
        if missing > 0 && !is_closed && self.off.is_none() {
            let last = self.waiting.insert((call.place, call.number), waker);
            return (None, last);
        }
        let last = self.cancel(ticket);
        if let Some(why) = &self.off {
            return (Some(Err(why.clone())), last);
        }
        let lost = self
            .lost_between(call.reported, call.place)
            .saturating_add(missing);
        if lost == 0 {
            return (Some(Ok(())), last);
        }
        self.reported = self.reported.max(call.place);
        let messages = if lost == 1 { "message" } else { "messages" };
        let error = Error::new(
            ErrorKind::Unconfirmed,
            format!(
                "{lost} {messages} may not have arrived: the session ended before the confirmation"
            ),
        );
        (Some(Err(error)), last)
    }

    fn lost_between(&self, start: u64, end: u64) -> u64 {
        let overlap = |lost: &Range<u64>| lost.end.min(end).saturating_sub(lost.start.max(start));
        self.lost.iter().map(overlap).fold(0, u64::saturating_add)
    }

    /// Cancels a call of `confirm`, and returns its waker.
    pub(super) fn cancel(&mut self, ticket: &mut Option<ConfirmTicket>) -> Option<W> {
        let call = ticket.take()?;
        self.waiting.remove(&(call.place, call.number))
    }

    /// No more messages will be confirmed: adds the wakers of all calls to `woken`.
    pub(super) fn dismiss(&mut self, woken: &mut Vec<W>) {
        woken.extend(std::mem::take(&mut self.waiting).into_values());
    }
}
