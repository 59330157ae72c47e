//! Where the servers run: behind a relay in this process or, in the long form, in a separate network
//! namespace.

use std::env;
use std::process::Command;
use std::time::Duration;

use super::relay::{self, Relay};

/// Environment variables with the servers' namespace, and their address in it.
const NAMESPACE: &str = "ENGINEIO_KEEPALIVE_NAMESPACE";
const HOST: &str = "ENGINEIO_KEEPALIVE_HOST";

/// Whether data that a client sends to a connection closed by the server stays unacknowledged.
pub(super) fn is_exact() -> bool {
    env::var_os(NAMESPACE).is_some() || relay::is_exact()
}

pub(super) struct Place {
    /// The servers' namespace; `None` for this machine's loopback.
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

    /// The address on which servers must listen.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// A command that runs a program where the servers run. The kernel ends the program together with
    /// the thread of this test, also when the test process is killed.
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

    /// The URL of the server on this port. It is valid as long as the returned relay lives.
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
