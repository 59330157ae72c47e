//! Compares the clients' reports of their sessions with the servers' logs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use engineio_client::Reason;

use super::session::{Leave, Report};
use super::{Counts, MOST_FAULTS, RUNTIMES, SERVERS};
use crate::support::session::Mode;

/// A server may log more after the end of a session, about a POST that it was reading.
const GRACE: Duration = Duration::from_secs(1);

/// The time in which a server must notice that a client is gone.
const ENDED_BY: Duration = Duration::from_secs(60);

/// A session that has ended.
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) runtime: usize,
    pub(super) server: usize,
    pub(super) report: Report,
    /// Whether the proxy injected a fault that may end the session.
    pub(super) harmed: bool,
}

#[derive(Default)]
pub(super) struct Ledger {
    /// The servers' records, by server and session.
    records: BTreeMap<(usize, String), Record>,
    /// The clients' reports that wait for a server's record, with their time.
    waiting: Vec<(Entry, Instant)>,
    faults: Vec<String>,
    sessions: Counts,
    totals: BTreeMap<&'static str, u64>,
    ends: Counts,
    other_lines: u64,
}

/// A server's record of a session.
#[derive(Clone)]
struct Record {
    /// Number of messages that arrived in order and unchanged.
    received: u64,
    /// The messages that arrived out of order or changed, as a JSON array.
    faults: String,
    reason: Option<String>,
    changed: Instant,
}

impl Ledger {
    /// Reads a line of a server's log.
    pub(super) fn line(&mut self, server: usize, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (kind, sid) = (words.next(), words.next());
        let (Some(kind), Some(sid)) = (kind, sid) else {
            return;
        };
        let rest = words.next().unwrap_or_default();
        if !["connect", "numbered", "disconnect"].contains(&kind) {
            // Other lines are errors of the server.
            self.other_lines += u64::from(kind != "received");
            return;
        }
        let record = self
            .records
            .entry((server, sid.to_owned()))
            .or_insert_with(|| Record {
                received: 0,
                faults: "[]".to_owned(),
                reason: None,
                changed: Instant::now(),
            });
        record.changed = Instant::now();
        match kind {
            "numbered" => {
                let (received, faults) = rest.split_once(' ').unwrap_or((rest, "?"));
                record.received = received.parse().expect("a number");
                record.faults = faults.to_owned();
            }
            "disconnect" => record.reason = Some(rest.to_owned()),
            _ => {}
        }
    }

    pub(super) fn enter(&mut self, entry: Entry) {
        self.waiting.push((entry, Instant::now()));
    }

    /// Checks the sessions for which both the client's report and the server's record are complete.
    pub(super) fn settle(&mut self) {
        for (entry, since) in std::mem::take(&mut self.waiting) {
            let record = match &entry.report.sid {
                None => None,
                Some(sid) => {
                    let key = (entry.server, sid.clone());
                    let complete = self.records.get(&key).filter(|record| {
                        record.reason.is_some() && record.changed.elapsed() > GRACE
                    });
                    match complete {
                        Some(_) => self.records.remove(&key),
                        None if since.elapsed() > ENDED_BY => {
                            self.fault(
                                &entry,
                                None,
                                "the server never noticed the end of the session",
                            );
                            continue;
                        }
                        None => {
                            self.waiting.push((entry, since));
                            continue;
                        }
                    }
                }
            };
            self.check(&entry, record.as_ref());
            self.count(&entry, record.as_ref());
        }
        // Forgets sessions whose handshake never reached the client.
        self.records
            .retain(|_, record| record.changed.elapsed() < 2 * ENDED_BY);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    fn check(&mut self, entry: &Entry, record: Option<&Record>) {
        let report = &entry.report;
        let mut faults = report.faults.clone();
        let accepted = report.accepted.len() as u64;
        let left = accepted - report.uncertain - report.unsent;
        let reason = report.closed.as_ref().map(|closed| closed.reason().clone());
        if matches!(reason, Some(Reason::Client)) && !report.left {
            faults.push("the reason is a close by the client, which did not close".to_owned());
        }
        if matches!(reason, Some(Reason::Aborted)) {
            faults.push("the driver was dropped or panicked".to_owned());
        }
        match record {
            None => {
                if report.echoes > 0 {
                    faults.push("echoes arrived without a session".to_owned());
                }
            }
            Some(record) => {
                let received = record.received;
                if record.faults != "[]" {
                    faults.push(format!("the server received {}", record.faults));
                }
                if received > accepted - report.unsent {
                    faults.push(
                        "the server received messages that were reported as unsent".to_owned(),
                    );
                }
                if report.echoes > received {
                    faults.push("more echoes arrived than messages had been received".to_owned());
                }
                // The server discards messages that follow the request to close.
                let expected = report.asked_to_close.unwrap_or(u64::MAX);
                let over_polling = report.mode != Mode::WebSocket && !report.upgraded;
                if over_polling && received < left.min(expected) {
                    faults.push("messages of an answered POST did not arrive".to_owned());
                }
                if received < report.flushed.min(expected) {
                    faults.push("messages flushed over polling did not arrive".to_owned());
                }
                // After one connection of a session broke, the server may still send a close packet or a
                // close frame: on the direction that still works, or as the answer to the session's
                // other polling request. So the following is only checked for sessions without network
                // faults.
                let by_server = matches!(reason, Some(Reason::Server { .. }));
                let lost = ["transport close", "transport error", "client disconnect"];
                let logged = record.reason.as_deref();
                if by_server && !entry.harmed && logged.is_some_and(|it| lost.contains(&it)) {
                    faults.push(
                        "the reason is a close by the server, which did not close".to_owned(),
                    );
                }
                let server_saw_us_close = !matches!(
                    record.reason.as_deref(),
                    Some("ping timeout" | "transport error")
                );
                let undisturbed = matches!(reason, Some(Reason::Client))
                    && !entry.harmed
                    && server_saw_us_close
                    && report.asked_to_close.is_none();
                if undisturbed && received < accepted {
                    faults.push("a close without network faults lost messages".to_owned());
                }
            }
        }
        for fault in faults {
            self.fault(entry, record, &fault);
        }
    }

    fn fault(&mut self, entry: &Entry, record: Option<&Record>, fault: &str) {
        if self.faults.len() >= MOST_FAULTS {
            return;
        }
        let Entry {
            number,
            runtime,
            server,
            report,
            harmed,
        } = entry;
        let logged = record.map(|record| (record.received, record.reason.as_deref()));
        self.faults.push(format!(
            "session {number} ({} on {}, {:?}, {:?}, {}): {fault}; accepted {}, uncertain {}, \
             unsent {}, flushed {}, echoes {}, asked to close {:?}, upgraded {}, closed {:?}, the server \
             received and ended {logged:?}",
            SERVERS[*server],
            RUNTIMES[*runtime],
            report.mode,
            report.leave,
            if *harmed { "with network faults" } else { "without network faults" },
            report.accepted.len(),
            report.uncertain,
            report.unsent,
            report.flushed,
            report.echoes,
            report.asked_to_close,
            report.upgraded,
            report.closed,
        ));
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.clone()
    }

    fn count(&mut self, entry: &Entry, record: Option<&Record>) {
        let report = &entry.report;
        let mode = match (report.mode, report.upgraded) {
            (Mode::Polling, _) => "polling",
            (Mode::WebSocket, _) => "websocket",
            (Mode::Upgraded, true) => "polling, then websocket",
            (Mode::Upgraded, false) => "polling, not upgraded",
        };
        for name in [SERVERS[entry.server], RUNTIMES[entry.runtime], mode] {
            *self.sessions.entry(name.to_owned()).or_default() += 1;
        }
        let unsettled = match &report.closed {
            Some(closed) => closed.reason().clone(),
            None => Reason::Aborted,
        };
        let reason = match (&unsettled, report.sid.is_some()) {
            (Reason::Client, _) => "by the client".to_owned(),
            (Reason::Server { .. }, _) => "by the server".to_owned(),
            (Reason::PingTimeout, _) => "by ping timeout".to_owned(),
            (Reason::Transport(error), true) => format!("by the transport: {:?}", error.kind()),
            (Reason::Transport(error), false) => format!("not opened: {:?}", error.kind()),
            _ => "otherwise".to_owned(),
        };
        if let Reason::Transport(error) = &unsettled
            && error.is_protocol()
        {
            // Servers follow the protocol and the network changes no bytes, so a protocol error deserves
            // attention.
            println!("session {}: {}", entry.number, error.report());
        }
        let logged = match record {
            Some(record) => record.reason.as_deref().unwrap_or_default(),
            None => "nothing",
        };
        let end = format!("{reason} ({} reports {logged})", SERVERS[entry.server]);
        *self.ends.entry(end).or_default() += 1;
        for (name, number) in [
            ("sessions", 1),
            ("sessions without network faults", u64::from(!entry.harmed)),
            (
                "sessions whose client was dropped",
                u64::from(report.leave == Leave::Drop),
            ),
            ("messages accepted", report.accepted.len() as u64),
            (
                "messages received by servers",
                record.map_or(0, |record| record.received),
            ),
            ("echoes received", report.echoes),
            ("messages uncertain", report.uncertain),
            ("messages unsent", report.unsent),
            ("messages refused as too large", report.refused_as_too_large),
            ("sends dropped while waiting", report.given_up),
        ] {
            *self.totals.entry(name).or_default() += number;
        }
    }

    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for (name, number) in &self.totals {
            let _ = writeln!(text, "{name}: {number}");
        }
        text += "\nsessions by server, runtime and transport:\n";
        for (name, number) in &self.sessions {
            let _ = writeln!(text, "  {name}: {number}");
        }
        text += "\nsessions by their end, as reported by client and server:\n";
        for (name, number) in &self.ends {
            let _ = writeln!(text, "  {name}: {number}");
        }
        let lines = self.other_lines;
        let _ = writeln!(text, "error lines printed by the servers: {lines}");
        text
    }
}
