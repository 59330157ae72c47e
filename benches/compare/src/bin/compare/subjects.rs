//! The columns of the tables: the clients, and the commands that start their workers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::rows::{JSON, Kind, Row};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Client {
    /// A WebSocket library alone; on polling, prebuilt requests.
    Bare,
    Ours,
    RustEngineio,
    Node,
    Python,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Group {
    /// Without Engine.IO, on tokio. The fastest of them is the measure.
    Bare,
    /// This client on tokio, and other clients.
    Clients,
    Runtimes,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// Name in `--subjects`.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) group: Group,
    pub(crate) client: Client,
    runtime: &'static str,
    /// The library of the bare client, the interface of this one.
    choice: &'static str,
}

/// The bare client on polling.
const EXCHANGE: &str = "bare-exchange";

pub(crate) const SUBJECTS: [Subject; 21] = [
    bare("bare-tungstenite", "async-tungstenite"),
    bare("bare-sockudo", "sockudo-ws"),
    bare("bare-tokio-websockets", "tokio-websockets"),
    bare("bare-fastwebsockets", "fastwebsockets"),
    bare(EXCHANGE, "prebuilt requests"),
    ours("recv", "ours, recv", "recv"),
    ours("receipts", "ours, recv with receipts", "receipts"),
    ours("stream", "ours, Stream", "stream"),
    ours("handlers", "ours, handlers", "handlers"),
    ours("blocking", "ours, blocking", "blocking"),
    other("rust_engineio", "rust_engineio", Client::RustEngineio),
    other("node", "Node", Client::Node),
    other("python", "Python", Client::Python),
    on("bare-smol", "bare smol", Client::Bare, "smol"),
    on("smol", "ours smol", Client::Ours, "smol"),
    on(
        "bare-smol-block-on",
        "bare smol, block_on",
        Client::Bare,
        "smol-block-on",
    ),
    on(
        "smol-block-on",
        "ours smol, block_on",
        Client::Ours,
        "smol-block-on",
    ),
    on(
        "bare-async-std",
        "bare async-std",
        Client::Bare,
        "async-std",
    ),
    on("async-std", "ours async-std", Client::Ours, "async-std"),
    on(
        "bare-async-std-block-on",
        "bare async-std, block_on",
        Client::Bare,
        "async-std-block-on",
    ),
    on(
        "async-std-block-on",
        "ours async-std, block_on",
        Client::Ours,
        "async-std-block-on",
    ),
];

const fn bare(key: &'static str, library: &'static str) -> Subject {
    Subject {
        key,
        title: library,
        group: Group::Bare,
        client: Client::Bare,
        runtime: "tokio",
        choice: library,
    }
}

const fn ours(key: &'static str, title: &'static str, api: &'static str) -> Subject {
    Subject {
        key,
        title,
        group: Group::Clients,
        client: Client::Ours,
        runtime: "tokio",
        choice: api,
    }
}

const fn other(key: &'static str, title: &'static str, client: Client) -> Subject {
    Subject {
        key,
        title,
        group: Group::Clients,
        client,
        runtime: "",
        choice: "",
    }
}

const fn on(
    key: &'static str,
    title: &'static str,
    client: Client,
    runtime: &'static str,
) -> Subject {
    Subject {
        key,
        title,
        group: Group::Runtimes,
        client,
        runtime,
        choice: match client {
            Client::Bare => "async-tungstenite",
            _ => "recv",
        },
    }
}

impl Subject {
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self.client, Client::Node | Client::Python)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.client == Client::Ours
    }

    /// Number of messages of a session in this row; `None` if the client can't do this job.
    pub(crate) fn count(&self, row: &Row) -> Option<usize> {
        let counts = row.counts;
        let is_able = match row.kind {
            Kind::Throughput { .. } => self.group == Group::Bare || self.key == "recv",
            // With receipts, a row without a limit of packets in a POST would take minutes.
            Kind::Cost => {
                row.packets_per_post.is_none() || (self.is_ours() && self.key != "receipts")
            }
        };
        let compresses =
            self.key == "bare-sockudo" || self.is_ours() || self.client == Client::Node;
        match self.client {
            _ if !is_able => None,
            _ if row.form == JSON && !compresses => None,
            Client::Bare => {
                // On polling, the bare client measures the operating system. One runtime is enough.
                ((row.transport == "polling") == (self.key == EXCHANGE)).then_some(counts.ours)
            }
            Client::Ours => Some(counts.ours),
            Client::RustEngineio => Some(counts.rust_engineio),
            Client::Node => Some(counts.node),
            Client::Python => Some(counts.python),
        }
    }

    /// The program and its first arguments. The arguments that all workers have in common follow them.
    pub(crate) fn command(&self, row: &Row, binaries: &Path) -> (PathBuf, Vec<OsString>) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let words = |name: &str| {
            let mut words = match row.kind {
                Kind::Throughput { .. } => vec!["--runtime", "tokio-threads"],
                Kind::Cost => vec!["--runtime", self.runtime],
            };
            words.extend([name, self.choice]);
            words.into_iter().map(OsString::from).collect()
        };
        match self.client {
            Client::Bare => (binaries.join("worker-bare"), words("--library")),
            Client::Ours => (binaries.join("worker-ours"), words("--api")),
            Client::RustEngineio => (binaries.join("worker-rust-engineio"), Vec::new()),
            Client::Node => (
                "node".into(),
                vec![here.join("peers/node/worker.js").into()],
            ),
            Client::Python => (
                installed().join("python/bin/python"),
                vec![here.join("peers/python/worker.py").into()],
            ),
        }
    }
}

/// The folder in which `benches/compare/run` installs the peers.
pub(crate) fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".installed")
}
