//! The peers as servers, and the cases that need a server in a process of its own.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, ErrorKind, Reason};
use futures::future::join_all;

use super::log::Log;
use super::peers::Peer;
use super::server::{LARGE, Server, Setup};
use super::session::{Mode, Runs, Session, builder, within};

/// The kind of an error, the HTTP status, and the words.
type Refusal = (ErrorKind, Option<u16>, &'static str);

/// A server in a process of its own. What it answers is told for polling and for websocket.
pub(crate) trait Foreign: Server {
    /// To a session that the application rejects.
    const REJECTION: [Refusal; 2];
    /// On a path where no Engine.IO is.
    const NOWHERE: [Refusal; 2];

    /// One with these options of its program.
    fn with(options: &[&str]) -> Self;

    fn peer(&self) -> &Peer;
}

/// Node's engine.io.
pub(crate) struct Node(Peer);
/// The same with TLS of its own.
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
        // After a second it ends the connection without a word.
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
        // ASGI has no words for a websocket that is not accepted.
        (ErrorKind::Status, Some(403), "403 Forbidden"),
    ];
    const NOWHERE: [Refusal; 2] = [
        (ErrorKind::Status, Some(404), "404 Not Found: Not Found"),
        // python-engineio answers as if it were no websocket request, at which uvicorn fails.
        (ErrorKind::Status, Some(500), "500 Internal Server Error"),
    ];

    fn with(options: &[&str]) -> Self {
        Self(Peer::python("uvicorn", &owned(options)))
    }

    fn peer(&self) -> &Peer {
        &self.0
    }
}

/// The server stops where it is, and all connections stay open: a session ends when the heartbeat is
/// overdue, and not before. In all modes at once, since all it does is wait.
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
        // The last packet came somewhere in between.
        let (longest, shortest) = (end - earliest, end - latest);
        let span = session.span();
        assert!(longest >= span, "after {longest:?} of {span:?}");
        let grace = Duration::from_secs(2);
        assert!(shortest <= span + grace, "after {shortest:?} of {span:?}");
    });
    join_all(ends).await;
}

/// The server says why in its own words, and a client that tries both transports tells of both.
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
        let error = refused.expect_err("it is refused");
        let report = error.report();
        for (_, _, words) in tried {
            assert!(report.contains(words), "{report:?} without {words:?}");
        }
        // The one that was tried last.
        let last = tried.last().map(|&(kind, status, _)| (kind, status));
        assert_eq!(Some((error.kind(), error.status())), last, "{report}");
    }
}

pub(crate) async fn a_rejected_session_tells_why<S: Foreign, R: Runs>() {
    let server = S::start(Setup::Default);
    let url = server.url();
    refused::<R>(S::REJECTION, |mode| {
        builder(&url, mode).query("reject", "1")
    })
    .await;
}

pub(crate) async fn a_wrong_path_tells_so<S: Foreign, R: Runs>() {
    let server = S::start(Setup::Default);
    let url = server.url();
    refused::<R>(S::NOWHERE, |mode| builder(&url, mode).path("/elsewhere/")).await;
}
