//! The interface between test cases and the real servers.

use serde_json::Value;

use super::log::Log;
use super::session::DEADLINE;
use super::tls::{AUTHORITY, Front};

/// A running server; dropping the value ends the server. It understands (some of) the commands that
/// `tests/peers/node/server.js` documents.
pub(crate) trait Server: Sized {
    /// Whether the server only reads the beginning of a large POST.
    const CUTS_LARGE_POSTS: bool = false;
    /// Whether the server applies `maxPayload` to WebSocket frames, too.
    const LIMITS_FRAMES: bool = true;

    /// A part of the error for a transport that the server does not offer.
    const NOT_SERVED: &str;

    fn start(setup: Setup) -> Self;

    fn url(&self) -> String;

    fn log(&self) -> &Log;
}

/// A server behind a TLS proxy with a certificate of the test CA.
pub(crate) struct Secure<S> {
    front: Front,
    server: S,
}

impl<S: Server> Server for Secure<S> {
    const CUTS_LARGE_POSTS: bool = S::CUTS_LARGE_POSTS;
    const LIMITS_FRAMES: bool = S::LIMITS_FRAMES;
    const NOT_SERVED: &str = S::NOT_SERVED;

    fn start(setup: Setup) -> Self {
        let server = S::start(setup);
        let config = AUTHORITY.issue(&["127.0.0.1"]).server();
        let front = Front::of(&server.url(), config);
        Self { front, server }
    }

    fn url(&self) -> String {
        self.front.url()
    }

    fn log(&self) -> &Log {
        self.server.log()
    }
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Setup {
    Default,
    /// With a `maxPayload` of [`LARGE`] bytes.
    LargeMessages,
    /// Only the WebSocket transport.
    WithoutPolling,
    /// With about the shortest heartbeat that the server supports.
    QuickHeartbeat,
}

/// Enough for 5 MB in base64.
pub(crate) const LARGE: &str = "8000000";

/// Number of messages that each transport carried in one direction.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polling: u64,
    pub(crate) websocket: u64,
}

impl Counts {
    /// Parses the JSON in the answer to `!count`.
    pub(crate) fn parse(json: &str) -> Self {
        let value: Value = serde_json::from_str(json).expect("the counts are JSON");
        let count = |name: &str| value[name].as_u64().expect("a count is a number");
        Self {
            polling: count("polling"),
            websocket: count("websocket"),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.polling + self.websocket
    }

    /// Waits for the first session to end, and returns the counts of its messages.
    pub(crate) fn of_ended_session(server: &impl Server) -> Self {
        let log = server.log();
        let line = log
            .wait_for_line("received ", DEADLINE)
            .unwrap_or_else(|| panic!("the session has not ended: {:?}", log.lines()));
        let json = line
            .splitn(3, ' ')
            .nth(2)
            .expect("the line has three words");
        Self::parse(json)
    }
}
