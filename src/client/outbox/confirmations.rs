//! Which messages are confirmed and which may be lost, and the calls of `confirm` that wait to know.
//!
//! A *place* is the number of a message, counted from the first one that was accepted.

use std::collections::VecDeque;
use std::ops::Range;

use crate::client::ticket_map::TicketMap;
use crate::error::{Error, ErrorKind};

#[derive(Debug)]
pub(super) struct Confirmations<W> {
    receipts: Receipts,
    /// Every message before this place is confirmed, or in `lost`.
    settled: u64,
    /// Allocated when it is first needed: most sessions lose nothing, and nothing waits.
    rest: Option<Box<Rest<W>>>,
}

/// Whether messages are confirmed.
#[derive(Debug)]
enum Receipts {
    On,
    /// The user has not turned them on.
    Off,
    Ended(Error),
}

#[derive(Debug)]
struct Rest<W> {
    /// The messages that may be lost, in order.
    lost: VecDeque<Range<u64>>,
    /// The messages that will never be sent, and that come after messages which are not settled yet.
    given_up: VecDeque<Range<u64>>,
    /// The losses before this place were reported to a call.
    reported: u64,
    next_number: u64,
    waiting: TicketMap<(u64, u64), W>,
}

impl<W> Default for Rest<W> {
    fn default() -> Self {
        Self {
            lost: VecDeque::new(),
            given_up: VecDeque::new(),
            reported: 0,
            next_number: 0,
            waiting: TicketMap::default(),
        }
    }
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
        Self {
            receipts: Receipts::Off,
            settled: 0,
            rest: None,
        }
    }

    pub(super) fn begin(&mut self) {
        self.receipts = Receipts::On;
    }

    /// Receipts have ended: all calls of `confirm` fail.
    pub(super) fn end(&mut self, error: Error, woken: &mut Vec<W>) {
        if let Receipts::On = self.receipts {
            self.receipts = Receipts::Ended(error);
        }
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
        let given_up = self.rest.iter().flat_map(|rest| rest.given_up.iter().rev());
        for places in given_up {
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
            let next = self.rest.as_ref().and_then(|rest| rest.given_up.front());
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
        let given_up = &mut self.rest().given_up;
        let at = given_up.partition_point(|others| others.end <= places.start);
        given_up.insert(at, places);
        self.pass();
        self.wake(woken);
    }

    /// Settles the messages that were given up, if all messages before them are settled.
    fn pass(&mut self) {
        while let Some(rest) = &mut self.rest
            && let Some(next) = rest.given_up.front()
            && next.start <= self.settled
        {
            // `lose` has already added the part before `settled` to `lost`.
            let places = self.settled..next.end;
            rest.given_up.pop_front();
            self.settled = self.settled.max(places.end);
            self.add_loss(places);
        }
    }

    /// Wakes the calls whose messages are settled.
    fn wake(&mut self, woken: &mut Vec<W>) {
        let settled = self.settled;
        let Some(rest) = &mut self.rest else {
            return;
        };
        while let Some(call) = rest.waiting.remove_first_if(|(place, _)| place <= settled) {
            woken.push(call);
        }
    }

    fn add_loss(&mut self, places: Range<u64>) {
        if places.is_empty() {
            return;
        }
        let lost = &mut self.rest().lost;
        match lost.back_mut() {
            Some(last) if last.end >= places.start => last.end = places.end,
            _ => lost.push_back(places),
        }
        // Joins the two oldest ranges, which counts the confirmed messages between them as lost. That
        // only matters to a call that began before more than `MAX_RANGES` separate losses.
        if lost.len() > MAX_RANGES
            && let Some(oldest) = lost.pop_front()
            && let Some(next) = lost.front_mut()
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
        if let Receipts::Off = self.receipts {
            let off = Error::new(
                ErrorKind::Unsupported,
                "receipts are off: `Builder::receipts` turns them on",
            );
            return (Some(Err(off)), self.cancel(ticket));
        }
        let rest = self.rest.get_or_insert_default();
        let call = *ticket.get_or_insert_with(|| {
            let number = rest.next_number;
            rest.next_number = number.wrapping_add(1);
            ConfirmTicket {
                place: accepted,
                number,
                reported: rest.reported,
            }
        });
        let missing = call.place.saturating_sub(self.settled);
        if missing > 0 && !is_closed && matches!(self.receipts, Receipts::On) {
            let last = rest.waiting.insert((call.place, call.number), waker);
            return (None, last);
        }
        let last = self.cancel(ticket);
        if let Receipts::Ended(why) = &self.receipts {
            return (Some(Err(why.clone())), last);
        }
        let lost = self
            .lost_between(call.reported, call.place)
            .saturating_add(missing);
        if lost == 0 {
            return (Some(Ok(())), last);
        }
        let rest = self.rest();
        rest.reported = rest.reported.max(call.place);
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
        let lost = self.rest.iter().flat_map(|rest| &rest.lost);
        lost.map(overlap).fold(0, u64::saturating_add)
    }

    /// Cancels a call of `confirm`, and returns its waker.
    pub(super) fn cancel(&mut self, ticket: &mut Option<ConfirmTicket>) -> Option<W> {
        let call = ticket.take()?;
        let rest = self.rest.as_mut()?;
        rest.waiting.remove((call.place, call.number))
    }

    /// No more messages will be confirmed: adds the wakers of all calls to `woken`.
    pub(super) fn dismiss(&mut self, woken: &mut Vec<W>) {
        if let Some(rest) = &mut self.rest {
            woken.extend(rest.waiting.take_values());
        }
    }

    fn rest(&mut self) -> &mut Rest<W> {
        self.rest.get_or_insert_default()
    }
}
