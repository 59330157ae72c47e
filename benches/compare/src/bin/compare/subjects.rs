//! The columns of the table: the clients, and the commands that start their workers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::rows::Row;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Client {
    Bare,
    Ours,
    RustEngineio,
    Node,
    Python,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// Name in `--subjects`.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) client: Client,
    runtime: &'static str,
    api: &'static str,
}

pub(crate) const SUBJECTS: [Subject; 14] = [
    subject("bare-tokio", "bare tokio", Client::Bare, "tokio", ""),
    subject("recv", "ours tokio recv", Client::Ours, "tokio", "recv"),
    subject(
        "receipts",
        "ours tokio recv, with receipts",
        Client::Ours,
        "tokio",
        "receipts",
    ),
    subject(
        "stream",
        "ours tokio stream",
        Client::Ours,
        "tokio",
        "stream",
    ),
    subject(
        "handlers",
        "ours tokio handlers",
        Client::Ours,
        "tokio",
        "handlers",
    ),
    subject(
        "blocking",
        "ours blocking",
        Client::Ours,
        "tokio",
        "blocking",
    ),
    subject("bare-smol", "bare smol", Client::Bare, "smol", ""),
    subject("smol", "ours smol recv", Client::Ours, "smol", "recv"),
    subject(
        "smol-executor",
        "ours smol recv, own executor",
        Client::Ours,
        "smol",
        "recv-executor",
    ),
    subject(
        "bare-async-std",
        "bare async-std",
        Client::Bare,
        "async-std",
        "",
    ),
    subject(
        "async-std",
        "ours async-std recv",
        Client::Ours,
        "async-std",
        "recv",
    ),
    subject(
        "rust_engineio",
        "rust_engineio",
        Client::RustEngineio,
        "",
        "",
    ),
    subject("node", "Node", Client::Node, "", ""),
    subject("python", "Python", Client::Python, "", ""),
];

const fn subject(
    key: &'static str,
    title: &'static str,
    client: Client,
    runtime: &'static str,
    api: &'static str,
) -> Subject {
    Subject {
        key,
        title,
        client,
        runtime,
        api,
    }
}

impl Subject {
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self.client, Client::Node | Client::Python)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.client == Client::Ours
    }

    /// Number of messages in this row; `None` if the client can't do this job.
    pub(crate) fn count(&self, row: &Row) -> Option<usize> {
        let counts = row.counts;
        if row.packets_per_post.is_some() && !self.is_ours() {
            return None;
        }
        match self.client {
            // On polling, the bare client measures the operating system. One runtime is enough.
            Client::Bare => {
                (row.transport == "websocket" || self.runtime == "tokio").then_some(counts.ours)
            }
            Client::Ours => Some(counts.ours),
            Client::RustEngineio => Some(counts.rust_engineio),
            Client::Node => Some(counts.node),
            Client::Python => Some(counts.python),
        }
    }

    /// The program and its first arguments. The arguments that all workers have in common follow them.
    pub(crate) fn command(&self, binaries: &Path) -> (PathBuf, Vec<OsString>) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let words = |list: &[&str]| list.iter().map(OsString::from).collect();
        match self.client {
            Client::Bare => (
                binaries.join("worker-bare"),
                words(&["--runtime", self.runtime]),
            ),
            Client::Ours => (
                binaries.join("worker-ours"),
                words(&["--runtime", self.runtime, "--api", self.api]),
            ),
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
