//! A case: a script of the server, and the outcome that the client has to report.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, Closed, ErrorKind, Event, Message, Reason, Runtime};
use futures::StreamExt as _;
use futures::future::{self, Either};
use futures::stream::select;

use crate::server::{self, Cue, Cues, PATIENCE, Server};
use crate::support::session::Runs;

pub(crate) const POLLING: &str = "polling";
pub(crate) const WEBSOCKET: &str = "websocket";

/// Time by which a case may exceed its time limit. On a busy machine, encoding a message of megabytes
/// takes seconds in an unoptimised build.
const SLACK: Duration = Duration::from_secs(8);

/// Value of the timeouts that a case does not set. It is longer than [`PATIENCE`], so a case that ends
/// only by such a timeout fails.
const OTHERS: Duration = Duration::from_secs(60);

/// Time limit of a case whose outcome does not depend on a timeout.
const AT_ONCE: Duration = Duration::ZERO;

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The session did not open, because of an error of this kind.
    FailedToOpen(ErrorKind),
    /// An error of this kind ended an open session.
    Broken(ErrorKind),
    PingTimeout,
    ByServer,
    ByClient,
}

/// The limits that a case lowers. A limit that is `None` is so generous that a slow machine does not
/// reach it.
#[derive(Clone, Copy, Default)]
struct Limits {
    open: Option<Duration>,
    send: Option<Duration>,
    upgrade: Option<Duration>,
    close: Option<Duration>,
    message: Option<usize>,
    body: Option<usize>,
}

pub(crate) struct Case {
    script: server::Script,
    transports: Vec<&'static str>,
    limits: Limits,
    end: End,
    /// Another end that is right, too, because of a race.
    other_end: Option<End>,
    status: Option<u16>,
    words: Vec<&'static str>,
    delivered: Vec<Message>,
    uncertain: Vec<&'static str>,
    unsent: Vec<&'static str>,
    upgrade: Option<Upgrade>,
    governed_by: Duration,
    elsewhere: Option<String>,
}

/// How the upgrade has to end.
enum Upgrade {
    Done,
    Failed(&'static str),
}

/// What the events of the session reported.
struct Reported {
    connected: bool,
    delivered: Vec<Message>,
    upgraded: bool,
    upgrade_error: Option<String>,
    closed: Closed,
}

impl Case {
    /// A session over this transport alone.
    pub(crate) fn by(
        transport: &'static str,
        script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self {
            script: Box::new(script),
            transports: vec![transport],
            limits: Limits::default(),
            end: End::ByServer,
            other_end: None,
            status: None,
            words: Vec::new(),
            delivered: Vec::new(),
            uncertain: Vec::new(),
            unsent: Vec::new(),
            upgrade: None,
            governed_by: AT_ONCE,
            elsewhere: None,
        }
    }

    pub(crate) fn polling(
        script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self::by(POLLING, script)
    }

    pub(crate) fn websocket(
        script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self::by(WEBSOCKET, script)
    }

    /// A session that begins on polling and tries to upgrade to WebSocket.
    pub(crate) fn upgrading(
        script: impl FnOnce(&mut Server) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let mut case = Self::by(POLLING, script);
        case.transports.push(WEBSOCKET);
        case
    }

    // The settings of the client.

    /// Sets the open timeout, which is also the time limit of the case.
    pub(crate) fn open_timeout(mut self, limit: Duration) -> Self {
        self.limits.open = Some(limit);
        self.governed_by(limit)
    }

    /// Sets the timeout of a POST, which is also the time limit of the case.
    pub(crate) fn send_timeout(mut self, limit: Duration) -> Self {
        self.limits.send = Some(limit);
        self.governed_by(limit)
    }

    /// Sets the upgrade timeout, which is also the time limit of the case.
    pub(crate) fn upgrade_timeout(mut self, limit: Duration) -> Self {
        self.limits.upgrade = Some(limit);
        self.governed_by(limit)
    }

    /// Sets the close timeout, which is also the time limit of the case.
    pub(crate) fn close_timeout(mut self, limit: Duration) -> Self {
        self.limits.close = Some(limit);
        self.governed_by(limit)
    }

    pub(crate) fn max_message(mut self, bytes: usize) -> Self {
        self.limits.message = Some(bytes);
        self
    }

    pub(crate) fn max_body(mut self, bytes: usize) -> Self {
        self.limits.body = Some(bytes);
        self
    }

    /// Sets the time limit of the case, where that is not a timeout of the client: for example a time
    /// that the server has announced.
    pub(crate) fn governed_by(mut self, limit: Duration) -> Self {
        self.governed_by = limit;
        self
    }

    /// Connects to this URL instead of the script's server.
    pub(crate) fn elsewhere(mut self, url: String) -> Self {
        self.elsewhere = Some(url);
        self
    }

    // The expected outcome.

    /// Expects that the session does not open, because of an error of this kind whose report contains
    /// these words.
    pub(crate) fn fails_to_open(mut self, kind: ErrorKind, words: &[&'static str]) -> Self {
        self.end = End::FailedToOpen(kind);
        self.words = words.to_vec();
        self
    }

    /// Expects that an error of this kind, whose report contains these words, ends the open session.
    pub(crate) fn breaks(mut self, kind: ErrorKind, words: &[&'static str]) -> Self {
        self.end = End::Broken(kind);
        self.words = words.to_vec();
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn ends_by_server(mut self) -> Self {
        self.end = End::ByServer;
        self
    }

    pub(crate) fn ends_by_client(mut self) -> Self {
        self.end = End::ByClient;
        self
    }

    /// A failure to open of this kind is right, too: the server's answer may already be there for a poll of the driver
    /// that began before the program closed the session.
    pub(crate) fn or_fails_to_open(mut self, kind: ErrorKind) -> Self {
        self.other_end = Some(End::FailedToOpen(kind));
        self
    }

    /// Expects that the session ends with a ping timeout after `span` without a packet.
    pub(crate) fn ends_by_ping_timeout(mut self, span: Duration) -> Self {
        self.end = End::PingTimeout;
        self.governed_by(span)
    }

    pub(crate) fn delivers<M: Into<Message>>(
        mut self,
        messages: impl IntoIterator<Item = M>,
    ) -> Self {
        self.delivered = messages.into_iter().map(Into::into).collect();
        self
    }

    /// Expects that these messages are reported as uncertain: the server may have received them.
    pub(crate) fn uncertain(mut self, messages: &[&'static str]) -> Self {
        self.uncertain = messages.to_vec();
        self
    }

    /// Expects that these messages are reported as unsent.
    pub(crate) fn unsent(mut self, messages: &[&'static str]) -> Self {
        self.unsent = messages.to_vec();
        self
    }

    pub(crate) fn upgrades(mut self) -> Self {
        self.upgrade = Some(Upgrade::Done);
        self
    }

    /// Expects that the upgrade fails with an error that contains these words, and that the session
    /// continues.
    pub(crate) fn fails_to_upgrade(mut self, words: &'static str) -> Self {
        self.upgrade = Some(Upgrade::Failed(words));
        self
    }

    // Running the case.

    pub(crate) fn run<R: Runs>(self) {
        R::run(self.check::<R>());
    }

    async fn check<R: Runs>(self) {
        let (server, cues) = server::run(self.script);
        let url = match &self.elsewhere {
            Some(url) => url.clone(),
            None => format!("http://{}", server.address),
        };
        let mut builder = Client::<Transports, R>::builder(url).transports(self.transports.clone());
        builder = set(builder, self.limits);
        let client = builder.start().expect("the settings are valid");
        let runtime = client.runtime().clone();
        let started = runtime.now();
        let reported = within(&*runtime, converse(client, cues)).await;
        let took = runtime.now().saturating_sub(started);
        let Reported { closed, .. } = &reported;

        let end = match closed.reason() {
            Reason::Transport(error) if reported.connected => End::Broken(error.kind()),
            Reason::Transport(error) => End::FailedToOpen(error.kind()),
            Reason::PingTimeout => End::PingTimeout,
            Reason::Server { .. } => End::ByServer,
            Reason::Client => End::ByClient,
            other => panic!("unexpected reason: {other:?}"),
        };
        if self.other_end.as_ref() == Some(&end) {
            return;
        }
        assert_eq!(end, self.end, "{closed}");
        if let Reason::Transport(error) = closed.reason() {
            let report = error.report();
            for words in self.words {
                assert!(report.contains(words), "{words:?} is not in {report:?}");
            }
            assert_eq!(error.status(), self.status, "{report}");
            assert!(report.len() < 1000, "an error of {} bytes", report.len());
        }
        assert!(
            reported.delivered == self.delivered,
            "delivered: {:.300?}",
            reported.delivered
        );
        assert_eq!(texts(closed.uncertain()), self.uncertain, "uncertain");
        assert_eq!(texts(closed.unsent()), self.unsent, "unsent");
        match (self.upgrade, reported.upgraded, reported.upgrade_error) {
            (None, false, None) | (Some(Upgrade::Done), true, None) => {}
            (Some(Upgrade::Failed(words)), false, Some(report)) => {
                assert!(report.contains(words), "{words:?} is not in {report:?}");
            }
            (_, upgraded, error) => panic!("upgraded: {upgraded}, {error:?}"),
        }
        assert!(
            took <= self.governed_by + SLACK,
            "the session ended after {took:?}, but its limit is {:?}",
            self.governed_by
        );
        server.finish();
    }
}

fn set<R: Runs>(mut builder: Builder<Transports, R>, limits: Limits) -> Builder<Transports, R> {
    let close = limits.close.unwrap_or(OTHERS);
    builder = builder
        .open_timeout(limits.open.unwrap_or(OTHERS))
        .send_timeout(limits.send.unwrap_or(OTHERS))
        .upgrade_timeout(limits.upgrade.unwrap_or(OTHERS))
        .close_timeout(close)
        .close_limit(close);
    if let Some(bytes) = limits.message {
        builder = builder.max_message_size(bytes);
    }
    if let Some(bytes) = limits.body {
        builder = builder.max_body_size(bytes);
    }
    builder
}

/// Reads the events of the session until the session has ended. Meanwhile it carries out the cues of the
/// script.
async fn converse<R: Runtime>(client: Client<Transports, R>, cues: Cues) -> Reported {
    let handle = client.handle();
    let Cues { cues, done } = cues;
    let mut happens = select(client.map(Either::Left), cues.map(Either::Right));
    // Messages that are cued before the session is open are sent when it opens.
    let mut waiting: VecDeque<Message> = VecDeque::new();
    let mut connected = false;
    let mut delivered = Vec::new();
    let mut upgraded = false;
    let mut upgrade_error = None;
    let closed = loop {
        let next = happens.next().await.expect("the last event is Closed");
        let cued = matches!(next, Either::Right(_));
        match next {
            Either::Left(Event::Connected(_)) => connected = true,
            Either::Left(Event::Message(message)) => delivered.push(message),
            Either::Left(Event::Upgraded { .. }) => upgraded = true,
            Either::Left(Event::UpgradeFailed { error, .. }) => {
                upgrade_error = Some(error.report());
            }
            Either::Left(Event::Closed(closed)) => break closed,
            Either::Left(other) => panic!("{other:?}"),
            Either::Right(Cue::Send(text)) => waiting.push_back(text.into()),
            Either::Right(Cue::SendLarge(bytes)) => waiting.push_back(vec![0; bytes].into()),
            Either::Right(Cue::Open) => drop(handle.opened().await),
            Either::Right(Cue::Flush) => drop(handle.flush().await),
            Either::Right(Cue::Close) => handle.close(),
        }
        while connected && let Some(message) = waiting.pop_front() {
            // The send fails if the session has ended meanwhile; the next event then reports the end.
            let _ = handle.try_send(message);
        }
        if cued {
            let _ = done.try_send(());
        }
    };
    Reported {
        connected,
        delivered,
        upgraded,
        upgrade_error,
        closed,
    }
}

async fn within<T>(runtime: &impl Runtime, future: impl Future<Output = T>) -> T {
    match future::select(pin!(future), runtime.sleep(PATIENCE)).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("the session did not end"),
    }
}

fn texts(messages: &[Message]) -> Vec<String> {
    let text = |message: &Message| match message {
        Message::Text(text) => text.to_string(),
        Message::Binary(data) => format!("{} bytes", data.len()),
    };
    messages.iter().map(text).collect()
}
