//! The performance targets of this client.

use crate::results::{Results, with_unit};
use crate::rows::ROWS;

pub(crate) struct Target {
    /// Name of the row.
    row: String,
    subject: &'static str,
    limit: Limit,
}

enum Limit {
    /// Multiple of another subject's figure.
    Times(f64, &'static str),
    Nanoseconds(f64),
}

pub(crate) struct Outcome {
    pub(crate) met: bool,
    /// The figure to compare with the limit.
    pub(crate) figure: f64,
}

/// Limits on tokio for the WebSocket rows, as multiples of the bare client.
const WEBSOCKET: [(&str, f64); 7] = [
    ("receive 64 B text", 1.3),
    ("send 64 B text", 1.5),
    ("echo 64 B", 1.1),
    ("receive 1 MB binary", 1.05),
    ("receive 1 MB text", 1.05),
    ("send 1 MB binary", 1.05),
    ("send 1 MB text", 1.05),
];

/// Limits on tokio for the polling rows, in nanoseconds.
const POLLING: [(&str, f64); 6] = [
    ("receive 64 B text", 250.0),
    ("send 64 B text (16 packets a POST)", 700.0),
    ("send 64 B text (cap lifted)", 250.0),
    ("echo 64 B", 50_000.0),
    ("receive 100 kB binary", 90_000.0),
    ("send 100 kB binary", 90_000.0),
];

/// Factor by which smol's limits exceed tokio's, each relative to the bare client on the same runtime.
const SMOL: f64 = 1.2;
/// Limit of async-std relative to smol.
const ASYNC_STD: f64 = 1.5;
/// Limit with receipts relative to without.
const RECEIPTS: f64 = 1.10;
/// Limit of handlers relative to `recv`.
const HANDLERS: f64 = 1.4;

pub(crate) fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |row: String, subject, limit| {
        targets.push(Target {
            row,
            subject,
            limit,
        });
    };
    for (subject, bare, more) in [("recv", "bare-tokio", 1.0), ("smol", "bare-smol", SMOL)] {
        for (what, times) in WEBSOCKET {
            let row = format!("websocket: {what}");
            add(row, subject, Limit::Times(times * more, bare));
        }
        for (what, most) in POLLING {
            let row = format!("polling: {what}");
            add(row, subject, Limit::Nanoseconds(most * more));
        }
    }
    for row in ROWS {
        add(row.name(), "async-std", Limit::Times(ASYNC_STD, "smol"));
    }
    // Receipts only affect sending.
    let sends = ROWS
        .iter()
        .filter(|row| row.job == "send" && row.packets_per_post.is_none());
    for row in sends {
        add(row.name(), "receipts", Limit::Times(RECEIPTS, "recv"));
    }
    for row in ROWS.iter().filter(|row| row.job == "receive") {
        add(row.name(), "handlers", Limit::Times(HANDLERS, "recv"));
    }
    targets
}

impl Target {
    pub(crate) fn name(&self) -> String {
        let limit = match self.limit {
            Limit::Times(times, other) => format!("{times:.3} x {other}"),
            Limit::Nanoseconds(most) => with_unit(most),
        };
        format!("{}, {}: at most {limit}", self.subject, self.row)
    }

    /// `None` if the row was not measured.
    pub(crate) fn outcome(&self, results: &Results) -> Option<Outcome> {
        let ours = results.median(&self.row, self.subject)?;
        let (figure, limit) = match self.limit {
            Limit::Times(times, other) => (ours / results.median(&self.row, other)?, times),
            Limit::Nanoseconds(most) => (ours, most),
        };
        Some(Outcome {
            met: figure <= limit,
            figure,
        })
    }

    pub(crate) fn write(&self, figure: f64) -> String {
        match self.limit {
            Limit::Times(..) => format!("{figure:.3} x"),
            // One digit more than in the table, to distinguish the figure from its limit.
            Limit::Nanoseconds(_) if figure < 10_000.0 => format!("{figure:.0} ns"),
            Limit::Nanoseconds(_) => format!("{:.2} µs", figure / 1e3),
        }
    }
}
