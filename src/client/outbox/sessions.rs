//! What happens to messages when a session of a client that reconnects ends.
//!
//! Each session has an engine of its own, which counts messages from the beginning of its session: first
//! the messages of the greeting, which are never sent again and which the outbox does not count, and
//! then the messages from its queue, in order.

use super::Outbox;
use super::parcel::Parcel as _;
use super::succession::{Greeting, Poison, Succession, amount, cut_group, number, shift};
use crate::amount::Amount;
use crate::engine::{Acceptance, Outgoing};
use crate::error::{Error, ErrorKind};
use crate::event::{Disconnected, Ended, GivenUp};
use crate::packet::Message;
use crate::reconnect::Resend;
use crate::transport::Framing;

/// A message is given up if it was the oldest unconfirmed message of this many sessions in a row, each
/// of which ended before any message was confirmed.
const MOST_SESSIONS: u32 = 3;

/// After this many such sessions, few messages are sent at once, so that only the message that ends the
/// sessions is given up. This is not done earlier, because it makes sending slow.
const SUSPICIOUS_SESSIONS: u32 = 2;

impl<W: Clone> Outbox<W> {
    /// Makes this the outbox of a client that reconnects. From now on it accepts messages without a
    /// session. `greets` is whether each session has a greeting, which must be sent before other
    /// messages.
    pub(crate) fn outlive_sessions(&mut self, resend: Resend, greets: bool) {
        self.succession = Some(Succession::new(resend, greets));
        self.acceptance = Some(Acceptance::new(Framing::Payloads, None).strict());
    }

    /// Called when the greeting of the session has returned, or if there is none. The messages of the
    /// greeting are sent before all others.
    ///
    /// # Errors
    /// If the session cannot carry one of the messages of the greeting. Then nothing is sent.
    pub(crate) fn release(&mut self, greeting: Vec<Message>) -> Result<(), Error> {
        let Some(succession) = self.succession.as_deref_mut() else {
            return Ok(());
        };
        if let Some(link) = &succession.link {
            greeting.check(link)?;
        }
        succession.held = false;
        succession.greeting = Greeting {
            count: greeting.len(),
            messages: greeting,
            ..Greeting::default()
        };
        self.wants_driver = true;
        Ok(())
    }

    /// The upgrade has ended: the link of the session will not change any more.
    pub(crate) fn upgrade_is_over(&mut self) {
        if let Some(succession) = self.succession.as_deref_mut() {
            succession.upgrade_is_over = true;
            self.wants_driver = true;
        }
    }

    /// The messages that were given up since the last call.
    pub(crate) fn take_given_up(&mut self) -> Vec<GivenUp> {
        let succession = self.succession.as_deref_mut();
        succession.map_or_else(Vec::new, |succession| {
            std::mem::take(&mut succession.given_up)
        })
    }

    /// Sets which messages the link of the session can carry. Returns which messages to accept from the
    /// user. The two differ, because an accepted message may be sent in another session.
    pub(super) fn accept_for(&mut self, link: Acceptance) -> Acceptance {
        let Some(succession) = self.succession.as_deref_mut() else {
            return link;
        };
        succession.link = Some(link);
        succession.unjudged = self.queue.len();
        // Released here, and not only by the supervisor: the user may close the session before the
        // supervisor knows that it is open, and then the accepted messages would not be sent.
        if !succession.greets {
            succession.held = false;
        }
        link.strict()
    }

    /// Takes the greeting and the part of the queue that the session can carry.
    pub(super) fn take_carried(&mut self) -> Outgoing {
        let is_closing = self.is_closing();
        let Some(succession) = self.succession.as_deref_mut() else {
            return Outgoing::default();
        };
        if succession.held {
            return Outgoing::default();
        }
        let greeting = std::mem::take(&mut succession.greeting.messages);
        let mut taken = Outgoing::one_group(greeting);
        let mut count = self.queue.len();
        if let Some(link) = &succession.link
            && succession.unjudged > 0
        {
            count = succession.count_carried(&self.queue, link);
        }
        if count == 0 && !is_closing {
            self.give_up_unsendable();
        } else {
            succession.unjudged = succession.unjudged.saturating_sub(count);
            let mut rest = self.queue.split_front(count);
            rest.prepend(taken);
            taken = rest;
        }
        taken
    }

    /// Gives up the first parcel of the queue if this session cannot carry it. Does nothing until all
    /// messages before the parcel have been sent, since otherwise a flush would complete too early.
    fn give_up_unsendable(&mut self) {
        let Some(succession) = self.succession.as_deref_mut() else {
            return;
        };
        let Some(link) = succession.link.filter(|_| succession.upgrade_is_over) else {
            return;
        };
        if succession.unjudged == 0 || self.room.pending().messages > self.queue.len() {
            return;
        }
        let parcel = self.queue.parcel_at(0);
        let mut messages = self.queue.messages_at(parcel.clone());
        let error = messages.find_map(|message| link.check(&message).err());
        drop(messages);
        if let Some(error) = error {
            self.give_up_first(parcel.end, error);
            self.wants_driver = true;
        }
    }

    /// Gives up the first `count` messages of the queue.
    fn give_up_first(&mut self, count: usize, error: Error) {
        let (waiting, accepted) = (number(self.queue.len()), self.flushes.accepted());
        let first = self.confirmations.place_of_last(waiting, accepted);
        let messages: Vec<Message> = self.queue.split_front(count).into_messages().collect();
        let Some(succession) = self.succession.as_deref_mut() else {
            return;
        };
        succession.unjudged = succession.unjudged.saturating_sub(count);
        let known = succession.again.min(count);
        succession.again = succession.again.saturating_sub(known);
        self.flushes
            .count_left(count.saturating_sub(known), &mut self.woken);
        self.room.free(amount(&messages));
        let places = first..first.saturating_add(number(count));
        self.confirmations.give_up(places, &mut self.woken);
        succession.given_up.push(GivenUp { messages, error });
        self.deal();
    }

    /// Removes the messages of the greeting from a batch that was sent. Returns how many of the
    /// remaining messages had already been sent in an earlier session.
    pub(super) fn own_of(&mut self, amounts: &mut Vec<Amount>) -> usize {
        let Some(succession) = self.succession.as_deref_mut() else {
            return 0;
        };
        let greeting = &mut succession.greeting;
        let theirs = greeting
            .count
            .saturating_sub(greeting.left)
            .min(amounts.len());
        greeting.left = greeting.left.saturating_add(theirs);
        amounts.drain(..theirs);
        let known = succession.again.min(amounts.len());
        succession.again = succession.again.saturating_sub(known);
        known
    }

    /// How many of the messages that were just confirmed are not messages of the greeting.
    pub(super) fn confirmed_own(&mut self, count: u64) -> u64 {
        let Some(succession) = self.succession.as_deref_mut() else {
            return count;
        };
        let greeting = &mut succession.greeting;
        let rest = greeting.count.saturating_sub(greeting.confirmed);
        let theirs = rest.min(usize::try_from(count).unwrap_or(usize::MAX));
        greeting.confirmed = greeting.confirmed.saturating_add(theirs);
        count.saturating_sub(number(theirs))
    }

    /// Ends a session while another may follow, and keeps the messages for the next session.
    pub(crate) fn end_session(&mut self, session_number: u64, ended: Ended) -> Disconnected {
        let mut ended = self.without_greeting(ended);
        let Some(succession) = self.succession.as_deref_mut() else {
            return Disconnected::new(session_number, &ended);
        };
        succession.held = true;
        succession.link = None;
        succession.upgrade_is_over = false;
        succession.greeting = Greeting::default();
        succession.totals.confirmed = succession.totals.confirmed.saturating_add(ended.confirmed);
        let resends = succession.resend == Resend::Unconfirmed;
        if !resends {
            cut_group(&mut ended);
        }
        let left = usize::try_from(ended.unconfirmed_count).unwrap_or(usize::MAX);
        let handed = left.saturating_add(ended.uncertain.len());
        let known = succession.again.min(ended.uncertain.len());
        succession.again = succession.again.saturating_sub(known);
        let news = ended.uncertain.len().saturating_sub(known);
        self.flushes.count_left(news, &mut self.woken);
        let end = Disconnected::new(session_number, &ended);
        if resends && left == ended.unconfirmed.len() {
            self.resend(ended, handed);
            return end;
        }
        succession.totals.unconfirmed =
            succession.totals.unconfirmed.saturating_add(number(handed));
        self.room.free(amount(&ended.uncertain));
        let rest = ended.unsent.len().saturating_add(self.queue.len());
        let accepted = self.flushes.accepted();
        let place = self.confirmations.place_of_last(number(rest), accepted);
        self.confirmations.lose(place, &mut self.woken);
        let groups = shift(ended.groups, handed);
        self.put_back(Outgoing::with_groups(ended.unsent, groups));
        let mut lost = ended.unconfirmed;
        lost.extend(ended.uncertain);
        end.with_lost(number(handed), lost)
    }

    /// Puts every message that is not confirmed at the front of the queue, except for a message that
    /// seems to end the sessions.
    fn resend(&mut self, ended: Ended, handed: usize) {
        let Some(succession) = self.succession.as_deref_mut() else {
            return;
        };
        self.room.fill(amount(&ended.unconfirmed));
        succession.again = succession.again.saturating_add(handed);
        let has_confirmed = ended.confirmed > 0;
        let all = ended.unconfirmed.into_iter();
        let all = all.chain(ended.uncertain).chain(ended.unsent);
        self.put_back(Outgoing::with_groups(all, ended.groups));
        let place = self.confirmations.settled();
        let Some(succession) = self.succession.as_deref_mut() else {
            return;
        };
        if has_confirmed {
            succession.poison = Poison::default();
        }
        // If no message was handed over in the session, none of them can have ended it.
        if has_confirmed || handed == 0 {
            return;
        }
        if succession.poison.place != place {
            succession.poison = Poison { place, sessions: 0 };
        }
        succession.poison.sessions = succession.poison.sessions.saturating_add(1);
        if succession.poison.sessions >= SUSPICIOUS_SESSIONS {
            let handed = place.saturating_add(number(handed));
            succession.suspected = succession.suspected.max(handed);
        }
        if succession.poison.sessions >= MOST_SESSIONS {
            succession.poison = Poison::default();
            let message = format!(
                "the message was among the first of {MOST_SESSIONS} sessions in a row, each of which ended before any message was confirmed"
            );
            let error = Error::new(ErrorKind::Unconfirmed, message);
            let parcel = self.queue.parcel_at(0);
            self.give_up_first(parcel.end, error);
        }
    }

    /// Whether one of the next messages may be the one that ends the sessions. Then few messages are
    /// sent at once.
    pub(crate) fn is_cautious(&self) -> bool {
        let suspected = self.succession.as_ref().map_or(0, |last| last.suspected);
        self.confirmations.settled() < suspected
    }

    fn put_back(&mut self, front: Outgoing) {
        self.queue.prepend(front);
        self.deal();
    }

    /// Adds the totals of the earlier sessions to those of the last session, in `ended`.
    pub(super) fn with_totals(&mut self, ended: Ended) -> Ended {
        let mut ended = self.without_greeting(ended);
        let Some(succession) = self.succession.as_deref_mut() else {
            return ended;
        };
        let totals = &succession.totals;
        ended.confirmed = ended.confirmed.saturating_add(totals.confirmed);
        ended.unconfirmed_count = ended.unconfirmed_count.saturating_add(totals.unconfirmed);
        ended.doubtful = ended.doubtful.saturating_add(totals.unconfirmed);
        // Messages that were handed over in an earlier session may have arrived in it.
        let known = succession.again.saturating_sub(ended.uncertain.len());
        let known = known.min(ended.unsent.len());
        ended.uncertain.extend(ended.unsent.drain(..known));
        ended
    }

    /// Removes the messages of the greeting, which are the first ones of the session.
    fn without_greeting(&mut self, mut ended: Ended) -> Ended {
        let Some(succession) = self.succession.as_deref_mut() else {
            return ended;
        };
        let count = succession.greeting.count;
        succession.greeting = Greeting::default();
        let mut rest = count;
        let confirmed = rest.min(usize::try_from(ended.confirmed).unwrap_or(usize::MAX));
        ended.confirmed = ended.confirmed.saturating_sub(number(confirmed));
        rest = rest.saturating_sub(confirmed);
        let cut = rest;
        let left = rest.min(usize::try_from(ended.unconfirmed_count).unwrap_or(usize::MAX));
        ended.unconfirmed_count = ended.unconfirmed_count.saturating_sub(number(left));
        ended.doubtful = ended.doubtful.min(ended.unconfirmed_count);
        rest = rest.saturating_sub(left);
        ended.unconfirmed.drain(..left.min(ended.unconfirmed.len()));
        for list in [&mut ended.uncertain, &mut ended.unsent] {
            let part = rest.min(list.len());
            list.drain(..part);
            rest = rest.saturating_sub(part);
        }
        ended.groups = shift(ended.groups, cut);
        ended
    }
}
