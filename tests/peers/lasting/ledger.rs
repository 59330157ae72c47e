//! Compares a server's log with the client's reports.

use std::collections::{HashMap, HashSet};

use super::sessions::{Account, Promise};

/// The fate of a client's messages.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Accepted messages that are not in the server's log.
    pub(super) missing: Vec<u64>,
    /// Messages that are in the log more than once.
    pub(super) doubled: Vec<u64>,
    /// Number of lines of the log that repeat a message.
    pub(super) duplicates: usize,
    /// Number of messages that the client reports as possibly lost, unsent or given up.
    pub(super) reported: u64,
    pub(super) faults: Vec<String>,
}

pub(super) fn judge(promise: Promise, account: &Account, log: &str) -> Verdict {
    let mut verdict = Verdict {
        faults: account.faults.clone(),
        ..Verdict::default()
    };
    let arrivals = Arrivals::read(log, &mut verdict.faults);
    verdict.duplicates = arrivals.duplicates;
    let count = |number: &u64| arrivals.counts.get(number).copied().unwrap_or_default();
    verdict.missing = (0..account.accepted).filter(|n| count(n) == 0).collect();
    verdict.doubled = (0..account.accepted).filter(|n| count(n) > 1).collect();
    let strangers = arrivals.counts.keys().filter(|n| **n >= account.accepted);
    let strangers = strangers.count();
    verdict.require(strangers == 0, || {
        format!("{strangers} messages arrived that were not accepted")
    });
    verdict.compare(account);
    match promise {
        Promise::LeastOnce => verdict.at_least_once(account),
        Promise::MostOnce | Promise::MostOnceWithoutReceipts => {
            verdict.at_most_once(promise, account, &arrivals);
        }
    }
    verdict
}

impl Verdict {
    fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(otherwise());
        }
    }

    /// Checks that the parts of the report add up to the accepted messages.
    fn compare(&mut self, account: &Account) {
        let Some(closed) = &account.closed else {
            return;
        };
        let number = |count: usize| u64::try_from(count).expect("the number fits");
        let given_up = number(account.given_up.len());
        let uncertain = number(closed.uncertain().len());
        let unsent = number(closed.unsent().len());
        let unconfirmed = closed.unconfirmed_count();
        self.reported = unconfirmed + uncertain + unsent + given_up;
        let sum = closed.confirmed() + self.reported;
        self.require(sum == account.accepted, || {
            format!(
                "{} were accepted, but {} confirmed + {unconfirmed} unconfirmed + {uncertain} uncertain + \
                 {unsent} unsent + {given_up} given up are {sum}",
                account.accepted,
                closed.confirmed(),
            )
        });
        self.require(account.may_be_lost <= unconfirmed, || {
            format!(
                "the sessions reported {} possible losses, but the end only {unconfirmed}",
                account.may_be_lost
            )
        });
    }

    fn at_least_once(&mut self, account: &Account) {
        let mut lost = self.missing.clone();
        lost.retain(|number| !account.given_up.contains(number));
        self.require(lost.is_empty(), || format!("missing: {}", brief(&lost)));
    }

    fn at_most_once(&mut self, promise: Promise, account: &Account, arrivals: &Arrivals) {
        let doubled = brief(&self.doubled);
        self.require(self.doubled.is_empty(), || format!("duplicated: {doubled}"));
        let missing = u64::try_from(self.missing.len()).expect("the number fits");
        let reported = self.reported;
        self.require(reported >= missing, || {
            format!("{missing} are missing, but only {reported} are reported as possibly lost")
        });
        let is_here = |number: &&u64| arrivals.counts.contains_key(number);
        let arrived: Vec<u64> = account.unsent.iter().filter(is_here).copied().collect();
        self.require(arrived.is_empty(), || {
            format!("arrived, though reported as unsent: {}", brief(&arrived))
        });
        if promise == Promise::MostOnce {
            let mut unnamed = self.missing.clone();
            unnamed.retain(|number| !account.named.contains(number));
            self.require(unnamed.is_empty(), || {
                format!("missing, but in no list: {}", brief(&unnamed))
            });
        }
    }
}

/// Number of arrivals of each message.
#[derive(Default)]
struct Arrivals {
    counts: HashMap<u64, usize>,
    duplicates: usize,
}

/// The sessions of a server process, ordered by their first message.
#[derive(Default)]
struct Process<'a> {
    /// The id and the latest message of each session.
    sessions: Vec<(&'a str, u64)>,
    closed: HashSet<&'a str>,
    /// The highest message so far that was not a repetition, and the index of its session.
    newest: Option<(u64, usize)>,
}

impl Arrivals {
    /// Reads a log. All messages of a session must be in order. The first arrivals within a process must
    /// be in order, except those from an older session that the server has not dropped yet.
    fn read(log: &str, faults: &mut Vec<String>) -> Self {
        let mut arrivals = Self::default();
        let mut processes = HashMap::<&str, Process<'_>>::new();
        // The last line of a killed process is complete, because each line is a single write.
        for line in log.lines() {
            let mut words = line.split(' ');
            let (Some(generation), Some(sid), Some(text)) =
                (words.next(), words.next(), words.next())
            else {
                faults.push(format!("the log has an invalid line: {line:?}"));
                continue;
            };
            let process = processes.entry(generation).or_default();
            if text == "closed" {
                process.closed.insert(sid);
                continue;
            }
            let Some(number) = text.parse().ok() else {
                faults.push(format!("the log has an invalid line: {line:?}"));
                continue;
            };
            let times = arrivals.counts.entry(number).or_default();
            *times += 1;
            let is_first = *times == 1;
            arrivals.duplicates += usize::from(!is_first);
            if let Err(fault) = process.take(sid, number, is_first) {
                faults.push(format!("generation {generation}, {sid}: {fault}"));
            }
        }
        faults.truncate(MOST_FAULTS);
        arrivals
    }
}

impl<'a> Process<'a> {
    fn take(&mut self, sid: &'a str, number: u64, is_first: bool) -> Result<(), String> {
        let known = self.sessions.iter().position(|(other, _)| *other == sid);
        let place = known.unwrap_or(self.sessions.len());
        let last = match self.sessions.get_mut(place) {
            Some((_, last)) => Some(std::mem::replace(last, number)),
            None => {
                self.sessions.push((sid, number));
                None
            }
        };
        if let Some(last) = last.filter(|last| number <= *last) {
            return Err(format!("{number} arrived after {last} in the same session"));
        }
        if !is_first {
            return Ok(());
        }
        if let Some((newest, of)) = self.newest.filter(|(newest, _)| number < *newest) {
            // An older session that the server still holds may lag behind.
            if place >= of || self.closed.contains(sid) {
                return Err(format!("{number} first arrived after {newest}"));
            }
            return Ok(());
        }
        self.newest = Some((number, place));
        Ok(())
    }
}

/// Number of faults that are reported for a case.
const MOST_FAULTS: usize = 10;

/// The count and the first of these numbers.
fn brief(numbers: &[u64]) -> String {
    let first: Vec<u64> = numbers.iter().take(20).copied().collect();
    format!("{} messages, {first:?}", numbers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a log with these lines, if this number of messages was accepted.
    fn faults(promise: Promise, accepted: u64, log: &[&str]) -> Vec<String> {
        let account = Account {
            accepted,
            ..Account::default()
        };
        judge(promise, &account, &log.join("\n")).faults
    }

    #[test]
    fn at_least_once_requires_every_message_that_was_not_given_up() {
        let log = ["1 a 0", "1 a 1", "2 b 1", "2 b 3"];
        let found = faults(Promise::LeastOnce, 4, &log);
        assert_eq!(found, ["missing: 1 messages, [2]"]);
        let mut account = Account {
            accepted: 4,
            ..Account::default()
        };
        account.given_up.insert(2);
        let verdict = judge(Promise::LeastOnce, &account, &log.join("\n"));
        assert_eq!(verdict.faults, [""; 0]);
        assert_eq!((verdict.missing, verdict.doubled), (vec![2], vec![1]));
        assert_eq!(verdict.duplicates, 1);
    }

    #[test]
    fn at_most_once_forbids_duplicates_and_unreported_losses() {
        let found = faults(Promise::MostOnce, 4, &["1 a 0", "1 a 2", "2 b 2", "2 b 3"]);
        assert_eq!(
            found,
            [
                "duplicated: 1 messages, [2]",
                "1 are missing, but only 0 are reported as possibly lost",
                "missing, but in no list: 1 messages, [1]",
            ]
        );
    }

    #[test]
    fn messages_that_were_not_accepted_are_a_fault() {
        let found = faults(Promise::MostOnce, 1, &["1 a 0", "1 a 1"]);
        assert_eq!(found, ["1 messages arrived that were not accepted"]);
    }

    #[test]
    fn order_is_required_unless_the_server_still_holds_an_older_session() {
        for (log, wrong) in [
            (["1 a 1", "1 a 0", "1 a 2", "1 a 3"], true),
            (["1 a 0", "1 b 2", "1 a 1", "1 b 3"], false),
            (["1 a 0", "1 b 2", "1 a 3", "1 b 1"], true),
            (["1 a 1", "2 b 0", "2 b 2", "2 b 3"], false),
        ] {
            let faults = faults(Promise::MostOnce, 4, &log);
            assert_eq!(!faults.is_empty(), wrong, "{log:?}: {faults:?}");
        }
        let log = ["1 a 0", "1 a closed", "1 b 2", "1 a 1"];
        let found = faults(Promise::MostOnce, 3, &log);
        assert_eq!(found, ["generation 1, a: 1 first arrived after 2"]);
    }
}
