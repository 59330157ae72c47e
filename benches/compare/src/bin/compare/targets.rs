//! The performance targets of this client.

use crate::results::Results;
use crate::rows::{Kind, ROWS, Row};

/// A limit for a client's figure in a row: a multiple of another figure in this row.
pub(crate) struct Target {
    row: String,
    subject: &'static str,
    times: f64,
    of: Other,
}

enum Other {
    FastestBare,
    Subject(&'static str),
}

pub(crate) struct Outcome {
    pub(crate) met: bool,
    pub(crate) ratio: f64,
}

/// Limits on tokio, as multiples of the fastest bare client.
const TOKIO: [(&str, f64); 17] = [
    ("websocket: receive 64 B text", 1.0),
    ("websocket: receive 64 B binary", 1.0),
    ("websocket: send 64 B text", 1.3),
    ("websocket: send 64 B binary", 1.3),
    (ECHO, 1.1),
    ("websocket: receive 1 MB binary", 1.05),
    ("websocket: receive 1 MB text", 1.05),
    ("websocket: send 1 MB binary", 1.05),
    ("websocket: send 1 MB text", 1.05),
    ("websocket: receive 1 kB JSON, compressed", 1.0),
    ("websocket: send 1 kB JSON, compressed", 1.0),
    ("websocket: receive 64 kB JSON, compressed", 1.0),
    ("websocket: send 64 kB JSON, compressed", 1.0),
    ("polling: send 64 B text (16 packets a POST)", 1.25),
    ("polling: echo 64 B", 1.05),
    ("polling: receive 100 kB binary", 1.5),
    ("polling: send 100 kB binary", 1.5),
];

const ECHO: &str = "websocket: echo 64 B";

/// Limits of the other interfaces relative to `recv`.
const INTERFACES: [(&str, f64); 3] = [("stream", 1.15), ("handlers", 1.15), ("blocking", 1.4)];

/// Other runtimes, and their bare clients.
const RUNTIMES: [(&str, &str); 2] = [("smol", "bare-smol"), ("async-std", "bare-async-std")];
/// Limit of an echo on them relative to the bare client on the same runtime.
const RUNTIMES_ECHO: f64 = 1.25;
/// Limit of everything else on them relative to tokio.
const RUNTIMES_REST: f64 = 1.15;

/// Limit with receipts relative to without.
const RECEIPTS: f64 = 1.10;

pub(crate) fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |row: &str, subject, times, of| {
        targets.push(Target {
            row: row.to_owned(),
            subject,
            times,
            of,
        });
    };
    for (row, times) in TOKIO {
        add(row, "recv", times, Other::FastestBare);
        if row == ECHO {
            add(row, "recv", times, Other::Subject("bare-tungstenite"));
        }
    }
    let costs = || ROWS.iter().filter(|row| row.kind == Kind::Cost);
    for row in costs().filter(|row| row.transport == "websocket") {
        for (subject, times) in INTERFACES {
            add(&row.name(), subject, times, Other::Subject("recv"));
        }
    }
    for (subject, bare) in RUNTIMES {
        for row in costs().map(Row::name) {
            if row == ECHO {
                add(&row, subject, RUNTIMES_ECHO, Other::Subject(bare));
            } else {
                add(&row, subject, RUNTIMES_REST, Other::Subject("recv"));
            }
        }
    }
    // Receipts only affect sending.
    let is_meant = |row: &&Row| row.job == "send" && row.packets_per_post.is_none();
    for row in costs().filter(is_meant) {
        add(&row.name(), "receipts", RECEIPTS, Other::Subject("recv"));
    }
    targets
}

impl Target {
    pub(crate) fn name(&self) -> String {
        let Self {
            row,
            subject,
            times,
            ..
        } = self;
        let other = match self.of {
            Other::FastestBare => "fastest bare",
            Other::Subject(key) => key,
        };
        format!("{subject}, {row}: at most {times:.2} x {other}")
    }

    /// `None` if the row was not measured.
    pub(crate) fn outcome(&self, results: &Results) -> Option<Outcome> {
        let other = match self.of {
            Other::FastestBare => results.fastest_bare(&self.row)?.1,
            Other::Subject(key) => results.median(&self.row, key)?,
        };
        let ratio = results.median(&self.row, self.subject)? / other;
        Some(Outcome {
            met: ratio <= self.times,
            ratio,
        })
    }
}
