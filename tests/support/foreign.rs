//! The peers (real servers in their own processes) as `Server`s, and test cases that need a separate
//! process.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, ErrorKind, Reason};
use futures::future::join_all;

use super::log::Log;
use super::peers::Peer;
use super::server::{LARGE, Server, Setup};
use super::session::{Mode, Runs, Session, builder, within};

/// An expected error: its kind, HTTP status, and a part of its report.
type Refusal = (ErrorKind, Option<u16>, &'static str);

/// A server in its own process, with the errors that its responses lead to over polling and over
/// WebSocket.
pub(crate) trait Foreign: Server {
    /// The errors that the client reports if the application rejects the session: over polling and over
    /// WebSocket.
    const REJECTION: [Refusal; 2];
    /// The errors that the client reports for a path without an Engine.IO endpoint, likewise.
    const NOWHERE: [Refusal; 2];
    /// The options with which the server compresses messages over WebSocket.
    const DEFLATE: &[&str] = &[];
    /// The longest message that the server accepts then.
    const LONGEST_DEFLATED: usize = 10_000_000;

    /// Starts a server whose program gets these options.
    fn with(options: &[&str]) -> Self;

    fn peer(&self) -> &Peer;
}

/// Node's engine.io.
pub(crate) struct Node(Peer);
/// Node's engine.io with its own TLS.
pub(crate) struct NodeWithTls(Peer);
/// python-engineio on aiohttp.
pub(crate) struct Aiohttp(Peer);
/// python-engineio on uvicorn.
pub(crate) struct Uvicorn(Peer);

fn options(setup: Setup, ping_interval: &str, ping_timeout: &str) -> Vec<String> {
    let options = match setup {
        Setup::Default => Vec::new(),
        Setup::LargeMessages => vec!["--max-payload", LARGE],
        Setup::WithoutPolling => vec!["--transports", "websocket"],
        Setup::QuickHeartbeat => vec![
            "--ping-interval",
            ping_interval,
            "--ping-timeout",
            ping_timeout,
        ],
    };
    owned(&options)
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|&option| option.to_owned()).collect()
}

impl Server for Node {
    const NOT_SERVED: &str = "Transport unknown (code 0)";

    fn start(setup: Setup) -> Self {
        Self(Peer::node(&options(setup, "300", "1200")))
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn log(&self) -> &Log {
        self.0.log()
    }
}

impl Foreign for Node {
    const DEFLATE: &[&str] = &["--deflate", "{}"];
    const LONGEST_DEFLATED: usize = 20_000_000;
    const REJECTION: [Refusal; 2] = [
        (
            ErrorKind::Status,
            Some(403),
            "403 Forbidden: go away (code 4)",
        ),
        (ErrorKind::Status, Some(400), "400 Bad Request: go away"),
    ];
    const NOWHERE: [Refusal; 2] = [
        (ErrorKind::Status, Some(404), "404 Not Found"),
        // The server ends the connection after a second, without a response.
        (ErrorKind::Ended, None, "during the WebSocket handshake"),
    ];

    fn with(options: &[&str]) -> Self {
        Self(Peer::node(&owned(options)))
    }

    fn peer(&self) -> &Peer {
        &self.0
    }
}

impl Server for NodeWithTls {
    const NOT_SERVED: &str = Node::NOT_SERVED;

    fn start(setup: Setup) -> Self {
        Self(Peer::node_with_tls(&options(setup, "300", "1200")))
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn log(&self) -> &Log {
        self.0.log()
    }
}

impl Foreign for NodeWithTls {
    const DEFLATE: &[&str] = &["--deflate", "{}"];
    const LONGEST_DEFLATED: usize = 20_000_000;
    const REJECTION: [Refusal; 2] = Node::REJECTION;
    const NOWHERE: [Refusal; 2] = Node::NOWHERE;

    fn with(options: &[&str]) -> Self {
        Self(Peer::node_with_tls(&owned(options)))
    }

    fn peer(&self) -> &Peer {
        &self.0
    }
}

impl Server for Aiohttp {
    const CUTS_LARGE_POSTS: bool = true;
    const NOT_SERVED: &str = "Invalid transport";

    fn start(setup: Setup) -> Self {
        Self(Peer::python("aiohttp", &options(setup, "1000", "1000")))
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn log(&self) -> &Log {
        self.0.log()
    }
}

impl Foreign for Aiohttp {
    const REJECTION: [Refusal; 2] = [
        (ErrorKind::Status, Some(401), "401 Unauthorized: go away"),
        (ErrorKind::Status, Some(401), "401 Unauthorized: go away"),
    ];
    const NOWHERE: [Refusal; 2] = [
        (ErrorKind::Status, Some(404), "404 Not Found"),
        (ErrorKind::Status, Some(404), "404 Not Found"),
    ];

    fn with(options: &[&str]) -> Self {
        Self(Peer::python("aiohttp", &owned(options)))
    }

    fn peer(&self) -> &Peer {
        &self.0
    }
}

impl Server for Uvicorn {
    const NOT_SERVED: &str = "Invalid transport";

    fn start(setup: Setup) -> Self {
        Self(Peer::python("uvicorn", &options(setup, "1000", "1000")))
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn log(&self) -> &Log {
        self.0.log()
    }
}

impl Foreign for Uvicorn {
    const REJECTION: [Refusal; 2] = [
        (ErrorKind::Status, Some(401), "401 Unauthorized: go away"),
        // ASGI cannot send a body when it rejects a WebSocket.
        (ErrorKind::Status, Some(403), "403 Forbidden"),
    ];
    const NOWHERE: [Refusal; 2] = [
        (ErrorKind::Status, Some(404), "404 Not Found: Not Found"),
        // python-engineio sends a response for a plain HTTP request, which uvicorn cannot send for a
        // WebSocket.
        (ErrorKind::Status, Some(500), "500 Internal Server Error"),
    ];

    fn with(options: &[&str]) -> Self {
        Self(Peer::python("uvicorn", &owned(options)))
    }

    fn peer(&self) -> &Peer {
        &self.0
    }
}

/// Suspends the server's process while all connections stay open: each session must end when the
/// heartbeat is overdue, and not before. Tests all modes concurrently, because the test only waits.
pub(crate) async fn silence_ends_a_session<S: Foreign, R: Runs>() {
    let server = S::start(Setup::QuickHeartbeat);
    let url = server.url();
    let sessions = join_all(Mode::ALL.map(|mode| Session::<R>::open(&url, mode))).await;
    let heard = sessions.into_iter().map(async |mut session| {
        let earliest = session.now();
        session.echo("m:last words").await;
        (session, earliest)
    });
    let heard = join_all(heard).await;
    server.peer().silence();
    let ends = heard.into_iter().map(async |(mut session, earliest)| {
        let latest = session.now();
        let closed = session.end().await;
        let end = session.now();
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed:?}");
        // The last packet arrived between `earliest` and `latest`.
        let (longest, shortest) = (end - earliest, end - latest);
        let span = session.span();
        assert!(longest >= span, "after {longest:?} of {span:?}");
        let grace = Duration::from_secs(2);
        assert!(shortest <= span + grace, "after {shortest:?} of {span:?}");
    });
    join_all(ends).await;
}

/// Checks the errors of refused sessions. The report of a client that tries both transports must contain
/// both errors.
async fn refused<R: Runs>(
    expected: [Refusal; 2],
    connection: impl Fn(Mode) -> Builder<Transports, R>,
) {
    for mode in Mode::ALL {
        let tried = match mode {
            Mode::Polling => &expected[..1],
            Mode::WebSocket => &expected[1..],
            Mode::Upgraded => &expected[..],
        };
        let connecting = connection(mode).connect();
        let refused = within(&R::default(), "the refusal", connecting).await;
        let error = refused.expect_err("the session is refused");
        let report = error.report();
        for (_, _, words) in tried {
            assert!(report.contains(words), "{words:?} is missing in {report:?}");
        }
        // The error has the kind and status of the last attempt.
        let last = tried.last().map(|&(kind, status, _)| (kind, status));
        assert_eq!(Some((error.kind(), error.status())), last, "{report}");
    }
}

pub(crate) async fn a_rejected_session_reports_the_servers_reason<S: Foreign, R: Runs>() {
    let server = S::start(Setup::Default);
    let url = server.url();
    refused::<R>(S::REJECTION, |mode| {
        builder(&url, mode).query("reject", "1")
    })
    .await;
}

pub(crate) async fn a_wrong_path_is_reported<S: Foreign, R: Runs>() {
    let server = S::start(Setup::Default);
    let url = server.url();
    refused::<R>(S::NOWHERE, |mode| builder(&url, mode).path("/elsewhere/")).await;
}
