//! Checks the properties that hold in every run, whatever the faults were.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engineio_client::{ErrorKind, Event, Reason};

use super::Counting;
use super::ledger::{Ledger, number};
use super::plan::{Plan, ReconnectPlan};
use super::records::{Kept, Observed, Records};
use super::server::{Amount, Pongs, Server, Session, Taken};

/// The messages that the servers took in.
struct Arrived<'a> {
    sessions: &'a [Session],
    log: &'a [Taken],
    /// When each number was taken in for the first time.
    first: BTreeMap<u32, Duration>,
}

pub(crate) fn check(plan: &Plan, server: &Server, records: &Records, counting: &Counting) {
    let kept = records.kept();
    let ledger = Ledger::read(plan, &kept);
    server.look(|sessions, log| {
        let mut first = BTreeMap::new();
        for taken in log.iter().filter(|taken| !is_greeting(&taken.text)) {
            first.entry(number(&taken.text)).or_insert(taken.at);
        }
        let arrived = Arrived {
            sessions,
            log,
            first,
        };
        confirmed_messages_were_taken_in(&ledger, &kept, &arrived);
        missing_messages_were_reported(plan, &ledger, &kept, &arrived);
        first_arrivals_are_in_order(&arrived);
        groups_stay_together(plan, &ledger, &kept, &arrived);
        each_session_begins_with_its_greeting(plan, &ledger, &arrived);
    });
    if let Some(reconnect) = &plan.reconnect {
        attempts_follow_the_policy(reconnect, &kept, counting);
    }
    the_window_was_respected(plan, &kept, server);
    idleness_costs_nothing(&kept);
    fences_are_few(server);
    receipts_stay_on(plan, &kept);
    let (_, end) = kept.closed.as_ref().expect("the client has ended");
    // The end need not be clean, because an earlier session may have lost messages.
    let is_fine = end.is_answered() && end.uncertain().is_empty() && end.unsent().is_empty();
    assert!(
        !kept.is_settled || is_fine,
        "{end:?}, though all faults had ended"
    );
    assert_eq!(counting.tasks(), 0, "a task of the client is left behind");
    let (closed, _) = kept.closed.as_ref().expect("the client has ended");
    let late = counting.connects().into_iter().find(|at| at > closed);
    assert_eq!(late, None, "a connection after the end");
}

fn is_greeting(text: &str) -> bool {
    text.starts_with("greeting")
}

/// A message that is confirmed, by an event or by `confirm`, was taken in by the session that confirmed
/// it.
fn confirmed_messages_were_taken_in(ledger: &Ledger, kept: &Kept, arrived: &Arrived<'_>) {
    for (message, session) in &ledger.confirmed {
        let sid = &ledger.sids[session];
        let known = arrived.sessions.iter().find(|session| session.sid == *sid);
        let known = known.expect("the server knows its session");
        assert!(
            known
                .taken
                .iter()
                .any(|text| !is_greeting(text) && number(text) == *message),
            "{message} was confirmed in session {session}, which did not take it in"
        );
    }
    for confirm in &kept.confirms {
        let asked = &kept.accepted[confirm.start.min(confirm.end)..confirm.end];
        match confirm.result {
            Ok(()) => {
                for item in asked {
                    let at = arrived.first.get(&item.number);
                    assert!(
                        at.is_some_and(|at| *at <= confirm.at),
                        "{} was confirmed at {:?}, but taken in at {at:?}",
                        item.number,
                        confirm.at
                    );
                }
            }
            // At the end, every call that covers a loss fails, even if the loss was reported before.
            Err(ErrorKind::Unconfirmed) => assert!(
                kept.accepted[..confirm.end]
                    .iter()
                    .any(|item| ledger.reported.contains(&item.number)),
                "a confirm failed that covers no loss: {confirm:?}"
            ),
            Err(kind) => assert_eq!(kind, ErrorKind::Unsupported),
        }
    }
}

/// Every accepted message has arrived or was reported. No message arrives if it was not accepted, or if
/// it was reported as unsent. Unless messages are resent, no message arrives twice.
fn missing_messages_were_reported(
    plan: &Plan,
    ledger: &Ledger,
    kept: &Kept,
    arrived: &Arrived<'_>,
) {
    for item in &kept.accepted {
        assert!(
            arrived.first.contains_key(&item.number) || ledger.reported.contains(&item.number),
            "{} is missing, but was not reported",
            item.number
        );
    }
    let accepted: BTreeSet<u32> = kept.accepted.iter().map(|item| item.number).collect();
    let mut seen = BTreeSet::new();
    for taken in arrived.log {
        if !plan.resends() {
            assert!(seen.insert(&taken.text), "{:?} arrived twice", taken.text);
        }
        if !is_greeting(&taken.text) {
            let message = number(&taken.text);
            assert!(accepted.contains(&message), "{message} was not accepted");
            assert!(
                !ledger.unsent.contains(&message),
                "{message} was reported as unsent, but arrived"
            );
        }
    }
}

/// Within a server process, messages arrive in order, apart from repetitions. This does not hold for a
/// process in which one session began before the server had dropped the previous one, so such processes
/// are skipped.
fn first_arrivals_are_in_order(arrived: &Arrived<'_>) {
    let mut processes: BTreeMap<u64, Vec<&Session>> = BTreeMap::new();
    for session in arrived.sessions {
        processes.entry(session.process).or_default().push(session);
    }
    for sessions in processes.values() {
        let dropped = sessions.windows(2).all(|pair| {
            let stopped = pair[0].stopped;
            stopped.is_some_and(|stopped| stopped <= pair[1].opened)
        });
        if !dropped {
            continue;
        }
        let mut seen = BTreeSet::new();
        for text in sessions.iter().flat_map(|session| &session.taken) {
            if is_greeting(text) {
                continue;
            }
            let message = number(text);
            let newest = seen.last().copied().unwrap_or_default();
            assert!(
                seen.contains(&message) || message > newest,
                "{message} first arrived after {newest}"
            );
            seen.insert(message);
        }
    }
}

/// A group is reported as a whole or arrives as a whole, and unless messages are resent, in a single
/// session.
fn groups_stay_together(plan: &Plan, ledger: &Ledger, kept: &Kept, arrived: &Arrived<'_>) {
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for item in &kept.accepted {
        if let Some(group) = item.group {
            groups.entry(group).or_default().push(item.number);
        }
    }
    let sessions: Vec<Vec<u32>> = arrived
        .sessions
        .iter()
        .map(|session| {
            let texts = session.taken.iter().filter(|text| !is_greeting(text));
            texts.map(|text| number(text)).collect()
        })
        .collect();
    for group in groups.values() {
        let reported = group.iter().filter(|it| ledger.reported.contains(it));
        let reported = reported.count();
        assert!(
            reported == 0 || reported == group.len(),
            "only a part of the group {group:?} is reported: {:?}",
            ledger.reported
        );
        let whole = sessions
            .iter()
            .any(|taken| taken.windows(group.len()).any(|part| part == group));
        assert!(
            reported > 0 || whole,
            "the group {group:?} did not arrive as a whole"
        );
        let parts = sessions
            .iter()
            .filter(|taken| group.iter().any(|message| taken.contains(message)));
        assert!(
            plan.resends() || parts.count() <= 1,
            "the group {group:?} was sent in more than one session"
        );
    }
}

/// Each session begins with its own greeting, and the greeting is sent only once.
fn each_session_begins_with_its_greeting(plan: &Plan, ledger: &Ledger, arrived: &Arrived<'_>) {
    let greeting = plan.reconnect.as_ref().and_then(|plan| plan.greeting);
    let length = greeting.map_or(0, |(length, _)| length);
    for session in arrived.sessions {
        let number = ledger.sids.iter().find(|(_, sid)| **sid == session.sid);
        let Some((number, _)) = number else {
            assert!(
                session.taken.is_empty(),
                "messages arrived in a session that the client does not know"
            );
            continue;
        };
        for (at, text) in session.taken.iter().enumerate() {
            if at < length {
                assert_eq!(*text, format!("greeting {number} {at}"));
            } else {
                assert!(!is_greeting(text), "{text} in {:?}", session.taken);
            }
        }
    }
}

/// Attempts are numbered, limited and delayed as the policy says.
fn attempts_follow_the_policy(plan: &ReconnectPlan, kept: &Kept, counting: &Counting) {
    let connects = counting.connects();
    let (mut attempt, mut opened, mut lasted) = (0, None, false);
    let closing = kept.closing.unwrap_or(Duration::MAX);
    for observed in &kept.events {
        match &observed.event {
            Event::Connected(_) => opened = Some(observed.at),
            Event::Disconnected(_) => {
                let open = opened.take().map_or(Duration::ZERO, |at| observed.at - at);
                lasted = open >= plan.max_delay;
            }
            Event::Reconnecting(next) => {
                // A session may have ended during its greeting, before it counted as lasting.
                let is_first = next.attempt == 1 && lasted;
                let may_go_on = !lasted || plan.greeting.is_some();
                assert!(
                    is_first || (may_go_on && next.attempt == attempt + 1),
                    "attempt {} follows {attempt}",
                    next.attempt
                );
                (attempt, lasted) = (next.attempt, false);
                let most = plan.attempts.unwrap_or(u32::MAX);
                assert!(attempt <= most, "attempt {attempt} of {most}");
                the_delay_is_right(plan, next);
                let due = observed.at + next.delay;
                let mut hurried = kept.hurried.iter();
                let hurried = hurried.any(|at| (observed.at..=due).contains(at));
                if plan.hook.is_some() || hurried || closing <= due {
                    continue;
                }
                assert_eq!(connects.get(observed.connects), Some(&due), "{next:?}");
            }
            _ => {}
        }
    }
}

fn the_delay_is_right(plan: &ReconnectPlan, next: &engineio_client::Reconnecting) {
    let doublings = (next.attempt - 1).min(20);
    let base = (plan.delay * 2_u32.pow(doublings)).min(plan.max_delay);
    let low = base.mul_f64(1.0 - plan.randomization);
    let high = base.mul_f64(1.0 + plan.randomization).min(plan.max_delay);
    let error = match &next.reason {
        Reason::Transport(error) => Some(error),
        _ => None,
    };
    let after = error.and_then(engineio_client::Error::retry_after);
    let after = after.unwrap_or_default();
    // Allows for rounding of floats.
    let rounding = Duration::from_nanos(10);
    let most = high.max(after + high.saturating_sub(low));
    assert!(
        next.delay + rounding >= low.max(after) && next.delay <= most + rounding,
        "{:?} is not between {low:?} and {high:?}, with Retry-After {after:?}",
        next.delay
    );
}

/// No more messages are unconfirmed than the window allows, unless a single group is larger than the
/// window.
fn the_window_was_respected(plan: &Plan, kept: &Kept, server: &Server) {
    let behaviour = &plan.behaviour;
    let Some(receipts) = &plan.receipts else {
        return;
    };
    // With a server that does not answer pings, the client may switch receipts off.
    if behaviour.pongs == Pongs::None || behaviour.closes_on_ping {
        return;
    }
    let mut largest = Amount::default();
    let greeting = plan.reconnect.as_ref().and_then(|plan| plan.greeting);
    if let Some((messages, _)) = greeting {
        let bytes = messages * "greeting 1000 10".len();
        largest = Amount { messages, bytes };
    }
    let groups = kept
        .accepted
        .chunk_by(|one, other| one.group.is_some() && one.group == other.group);
    for group in groups {
        largest = largest.max(Amount {
            messages: group.len(),
            bytes: group.iter().map(|item| item.bytes).sum(),
        });
    }
    let most = largest.max(Amount {
        messages: receipts.messages,
        bytes: receipts.bytes,
    });
    let outstanding = server.most_outstanding();
    assert!(
        outstanding.messages <= most.messages && outstanding.bytes <= most.bytes,
        "{outstanding:?} unconfirmed, but the window is {most:?}"
    );
}

/// Receipts are not switched off with a server that answers pings, even if messages end its sessions.
fn receipts_stay_on(plan: &Plan, kept: &Kept) {
    let behaviour = &plan.behaviour;
    let answers = behaviour.pongs != Pongs::None && !behaviour.closes_on_ping;
    // To the client, a server that ends sessions before it answers a ping looks like a server that ends
    // them because of the ping.
    if !answers || behaviour.stillborn > 0 || !plan.events.is_empty() {
        return;
    }
    let (_, closed) = kept.closed.as_ref().expect("the client has ended");
    if let Reason::Transport(error) = closed.reason() {
        assert_ne!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let gone = |it: &&Observed| matches!(it.event, Event::NoReceipts { .. });
    assert!(
        kept.events.iter().find(gone).is_none(),
        "receipts were switched off"
    );
}

/// A session has at most two fences, and two more for each message.
fn fences_are_few(server: &Server) {
    server.look(|sessions, _| {
        for session in sessions {
            let counts = session.counts;
            assert!(counts.fences <= 2 * counts.read + 2, "{counts:?}");
        }
    });
}

/// An idle client only answers pings and polls, and sets few timers.
fn idleness_costs_nothing(kept: &Kept) {
    if let Some(idle) = kept.idle {
        let most = idle.pings + 2;
        assert!(
            idle.fences == 0 && idle.polls <= most && idle.posts <= most,
            "an idle client sends requests: {idle:?}"
        );
        assert!(
            idle.sleeps <= 4 * most,
            "an idle client sets timers: {idle:?}"
        );
    }
}
