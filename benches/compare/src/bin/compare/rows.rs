//! The rows of the table: the jobs, and their numbers of messages.

/// Number of messages per worker, chosen so that the worker runs for some tenths of a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// For the bare client and this library.
    pub(crate) ours: usize,
    pub(crate) rust_engineio: usize,
    pub(crate) node: usize,
    pub(crate) python: usize,
}

/// What the figures of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// CPU time of a message in the only session of the process.
    Cost,
    /// Elapsed time of a message of this many sessions, on as many threads as cores.
    Throughput { sessions: usize, cores: usize },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) transport: &'static str,
    pub(crate) what: &'static str,
    pub(crate) job: &'static str,
    pub(crate) length: usize,
    pub(crate) form: &'static str,
    /// This client's limit of packets in a POST, if it is not the default. The other clients have no
    /// such setting.
    pub(crate) packets_per_post: Option<usize>,
    pub(crate) counts: Counts,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        let Self {
            transport, what, ..
        } = self;
        match self.kind {
            Kind::Cost => format!("{transport}: {what}"),
            Kind::Throughput { cores: 1, .. } => format!("throughput: {what}, one core"),
            Kind::Throughput { .. } => format!("throughput: {what}, two cores"),
        }
    }
}

/// More packets than the outbox holds or the server's `maxPayload` allows, so that this limit has no
/// effect.
const LIFTED: Option<usize> = Some(1_000_000);

const SMALL: Counts = counts(2_000_000, 200_000, 100_000, 20_000);
const ECHO: Counts = counts(10_000, 10_000, 10_000, 5_000);
const LARGE: Counts = counts(1_500, 500, 200, 500);
const POLLS: Counts = counts(2_000_000, 10_000, 50_000, 20_000);
const POSTS: Counts = counts(200_000, 10_000, 50_000, 50_000);
const POLLING_ECHO: Counts = counts(10_000, 5_000, 1_000, 1_000);
const POLLING_LARGE: Counts = counts(3_000, 500, 300, 500);

const COMPRESSED: Counts = counts(20_000, 0, 10_000, 0);
const COMPRESSED_LARGE: Counts = counts(1_000, 0, 1_000, 0);

/// The contents of compressed messages.
pub(crate) const JSON: &str = "json";

/// For each of eight sessions.
const EIGHTH: Counts = counts(500_000, 0, 0, 0);

const MB: usize = 1_000_000;

pub(crate) const ROWS: [Row; 23] = [
    websocket("receive 64 B text", "receive", 64, "text", SMALL),
    websocket("receive 64 B binary", "receive", 64, "binary", SMALL),
    websocket("send 64 B text", "send", 64, "text", SMALL),
    websocket("send 64 B binary", "send", 64, "binary", SMALL),
    websocket("echo 64 B", "echo", 64, "text", ECHO),
    websocket("receive 1 MB binary", "receive", MB, "binary", LARGE),
    websocket("receive 1 MB text", "receive", MB, "text", LARGE),
    websocket("send 1 MB binary", "send", MB, "binary", LARGE),
    websocket("send 1 MB text", "send", MB, "text", LARGE),
    websocket(
        "receive 1 kB JSON, compressed",
        "receive",
        1000,
        JSON,
        COMPRESSED,
    ),
    websocket("send 1 kB JSON, compressed", "send", 1000, JSON, COMPRESSED),
    websocket(
        "receive 64 kB JSON, compressed",
        "receive",
        64_000,
        JSON,
        COMPRESSED_LARGE,
    ),
    websocket(
        "send 64 kB JSON, compressed",
        "send",
        64_000,
        JSON,
        COMPRESSED_LARGE,
    ),
    polling("receive 64 B text", "receive", 64, "text", POLLS),
    polling(
        "send 64 B text (16 packets a POST)",
        "send",
        64,
        "text",
        POSTS,
    ),
    Row {
        packets_per_post: LIFTED,
        ..polling("send 64 B text (cap lifted)", "send", 64, "text", POLLS)
    },
    polling("echo 64 B", "echo", 64, "text", POLLING_ECHO),
    polling(
        "receive 100 kB binary",
        "receive",
        100_000,
        "binary",
        POLLING_LARGE,
    ),
    polling(
        "send 100 kB binary",
        "send",
        100_000,
        "binary",
        POLLING_LARGE,
    ),
    throughput("receive 64 B text", "receive", 1),
    throughput("send 64 B text", "send", 1),
    throughput("receive 64 B text", "receive", 2),
    throughput("send 64 B text", "send", 2),
];

const fn counts(ours: usize, rust_engineio: usize, node: usize, python: usize) -> Counts {
    Counts {
        ours,
        rust_engineio,
        node,
        python,
    }
}

const fn websocket(
    what: &'static str,
    job: &'static str,
    length: usize,
    form: &'static str,
    counts: Counts,
) -> Row {
    Row {
        kind: Kind::Cost,
        transport: "websocket",
        what,
        job,
        length,
        form,
        packets_per_post: None,
        counts,
    }
}

const fn polling(
    what: &'static str,
    job: &'static str,
    length: usize,
    form: &'static str,
    counts: Counts,
) -> Row {
    Row {
        transport: "polling",
        ..websocket(what, job, length, form, counts)
    }
}

const fn throughput(what: &'static str, job: &'static str, cores: usize) -> Row {
    Row {
        kind: Kind::Throughput { sessions: 8, cores },
        ..websocket(what, job, 64, "text", EIGHTH)
    }
}
