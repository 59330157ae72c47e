//! Where the servers run, and how the sessions reach them: behind a relay of this process, or, in the
//! long form, in a network namespace of their own.

use std::env;
use std::process::Command;
use std::time::Duration;

use super::relay::{self, Relay};

/// The servers' namespace, and their address in it.
const NAMESPACE: &str = "ENGINEIO_KEEPALIVE_NAMESPACE";
const HOST: &str = "ENGINEIO_KEEPALIVE_HOST";

/// Whether what a client sends to a connection that the server has closed stays without acknowledgement.
pub(super) fn is_exact() -> bool {
    env::var_os(NAMESPACE).is_some() || relay::is_exact()
}

pub(super) struct Place {
    /// `None` on this machine's loopback.
    namespace: Option<String>,
    host: String,
    round_trip: Duration,
}

impl Place {
    pub(super) fn new(round_trip: Duration) -> Self {
        let host = env::var(HOST).unwrap_or_else(|_| "127.0.0.1".to_owned());
        Self {
            namespace: env::var(NAMESPACE).ok(),
            host,
            round_trip,
        }
    }

    /// The address on which a server has to listen.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// A program that will run there, and be told to end with the thread of this test, so that none is
    /// left behind when the test process is killed.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut words = Vec::new();
        if let Some(namespace) = &self.namespace {
            words.extend(["ip", "netns", "exec", namespace]);
        }
        words.extend(["setpriv", "--pdeathsig", "TERM", program]);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }

    /// The URL of the server on this port, which lives as long as what comes with it.
    pub(super) fn reach(&self, port: u16, tls: bool) -> (String, Option<Relay>) {
        let scheme = if tls { "https" } else { "http" };
        if self.namespace.is_some() {
            return (format!("{scheme}://{}:{port}", self.host), None);
        }
        let relay = Relay::before(port, self.round_trip);
        let url = format!("{scheme}://127.0.0.1:{}", relay.port());
        (url, Some(relay))
    }
}
