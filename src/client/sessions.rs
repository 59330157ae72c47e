//! The task of a client that reconnects: it carries out the outputs of the supervisor, and drives one
//! session after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tracing::Span;

use super::driver::Driver;
use super::hooks;
use super::log::Log;
use super::open_request::{open_request, origin};
use super::outbox::Outbox;
use super::settings::Settings;
use super::shared::Shared;
use super::supervisor::{Input, Output, Policy, Supervisor};
use super::upgrade_memory::prefer_remembered;
use crate::error::{Error, ErrorKind};
use crate::event::{Ended, Event, Reason, Reconnecting};
use crate::packet::Message;
use crate::reconnect::{ConnectTo, Reconnect};
use crate::runtime::Runtime;
use crate::transport::{Activity, OpenRequest, Transport};

/// Maximum number of steps in one poll, before other tasks get a turn.
const STEPS: u32 = 32;

/// After this many sessions in a row that ended before their first fence was answered, the client sends
/// no more fences. In the last of these sessions the fence is sent before all messages, so that no
/// message can be the cause.
const FENCES_REFUSED: u32 = 3;

pub(super) struct Sessions {
    shared: Arc<Shared>,
    runtime: Arc<dyn Runtime>,
    transport: Arc<dyn Transport>,
    settings: Settings,
    reconnect: Reconnect,
    supervisor: Supervisor,
    start: Duration,
    span: Span,
    log: Log,
    /// The open request of the next session, made from the result of the hook.
    target: Option<OpenRequest>,
    /// The running call of the hook, and its number.
    hook: Option<(u64, Running<ConnectTo>)>,
    /// The running call of the greeting, and the number of its session.
    greeting: Option<(u64, Running<Vec<Message>>)>,
    session: Option<Session>,
    deadline: Option<Duration>,
    timer: Option<(Duration, BoxFuture<'static, ()>)>,
    closing: bool,
    is_over: bool,
    /// The number of sessions in a row that ended before their first fence was answered.
    fences_refused: u32,
}

type Running<O> = BoxFuture<'static, Result<O, Error>>;

struct Session {
    driver: Driver,
    number: u64,
    /// Whether the supervisor knows that the session has opened.
    reported_open: bool,
    /// Whether the driver has completed. Then it must not be polled again.
    is_over: bool,
}

impl Sessions {
    pub(super) fn new(
        shared: Arc<Shared>,
        runtime: Arc<dyn Runtime>,
        transport: Arc<dyn Transport>,
        settings: Settings,
        reconnect: Reconnect,
        span: Span,
    ) -> Self {
        let start = runtime.now();
        let seed = runtime.random();
        Self {
            log: Log::new(span.clone(), settings.log_contents),
            supervisor: Supervisor::new(Policy::from(&reconnect), seed, Duration::ZERO),
            shared,
            runtime,
            transport,
            settings,
            reconnect,
            start,
            span,
            target: None,
            hook: None,
            greeting: None,
            session: None,
            deadline: None,
            timer: None,
            closing: false,
            is_over: false,
            fences_refused: 0,
        }
    }

    fn now(&self) -> Duration {
        self.runtime.now().saturating_sub(self.start)
    }

    /// Passes the next input to the supervisor, if there is one. Returns whether there was one.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.now();
        let input = self.poll_user().or_else(|| self.poll_hook(cx));
        let input = input.or_else(|| self.poll_session(cx));
        let input = input.or_else(|| self.poll_greeting(cx));
        let input = input.or_else(|| self.poll_timer(cx, now));
        let Some(happened) = input else {
            return false;
        };
        self.happened(happened);
        true
    }

    fn happened(&mut self, happened: Happened) {
        self.supervisor.handle(self.now(), happened.input);
        self.carry_out(happened.ended);
    }

    /// Whether the user has closed the client, or wants to reconnect now.
    fn poll_user(&mut self) -> Option<Happened> {
        let mut state = self.shared.state();
        let closes = state.outbox.is_closing() && !self.closing;
        // The flag is cleared in any state: a request that is made while no delay is running has no
        // effect later.
        let now = std::mem::take(&mut state.reconnects_now);
        drop(state);
        if closes {
            self.closing = true;
            self.hook = None;
            self.greeting = None;
            return Some(Input::Close.into());
        }
        now.then(|| Input::ReconnectNow.into())
    }

    fn poll_hook(&mut self, cx: &mut Context<'_>) -> Option<Happened> {
        let (call, hook) = self.hook.as_mut()?;
        let Poll::Ready(result) = hook.as_mut().poll(cx) else {
            return None;
        };
        let call = *call;
        self.hook = None;
        let result = result.and_then(|to| self.request_for(&to));
        let result = result.map(|request| self.target = Some(request));
        Some(Input::Prepared { call, result }.into())
    }

    fn poll_session(&mut self, cx: &mut Context<'_>) -> Option<Happened> {
        let session = self.session.as_mut()?;
        if !session.is_over {
            session.is_over = Pin::new(&mut session.driver).poll(cx).is_ready();
        }
        // The session may have opened and ended in one poll.
        if session.driver.is_open() && !session.reported_open {
            session.reported_open = true;
            return Some(Input::Opened.into());
        }
        if !session.is_over {
            self.shared.report_given_up();
            return None;
        }
        let mut ended = session.driver.end_now(Reason::Aborted);
        self.count_refused_fences(&mut ended);
        Some(self.end(ended))
    }

    fn poll_greeting(&mut self, cx: &mut Context<'_>) -> Option<Happened> {
        let (session, greeting) = self.greeting.as_mut()?;
        let Poll::Ready(result) = greeting.as_mut().poll(cx) else {
            return None;
        };
        let session = *session;
        self.greeting = None;
        let result =
            result.and_then(|messages| self.shared.outbox(|outbox| outbox.release(messages)));
        Some(Input::Greeted { session, result }.into())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Duration) -> Option<Happened> {
        let deadline = self.deadline?;
        if now >= deadline {
            self.timer = None;
            return Some(Input::Timeout.into());
        }
        if self.timer.as_ref().is_none_or(|(at, _)| *at != deadline) {
            let sleep = self.runtime.sleep(deadline.saturating_sub(now));
            self.timer = Some((deadline, sleep));
        }
        let (_, sleep) = self.timer.as_mut()?;
        if sleep.as_mut().poll(cx).is_ready() {
            self.timer = None;
            cx.waker().wake_by_ref();
        }
        None
    }

    /// Makes the supervisor's input for a session that has ended.
    fn end(&mut self, ended: Ended) -> Happened {
        self.greeting = None;
        let session = self.session.take();
        Happened {
            input: Input::Ended {
                reason: ended.reason.clone(),
            },
            ended: Some((session.filter(|session| session.reported_open), ended)),
        }
    }

    /// Counts the sessions in a row that the server ended before their first fence was answered.
    fn count_refused_fences(&mut self, ended: &mut Ended) {
        let by_server = matches!(ended.reason, Reason::Server { .. } | Reason::Transport(_));
        if by_server && ended.fences_unanswered {
            self.fences_refused = self.fences_refused.saturating_add(1);
            if self.fences_refused >= FENCES_REFUSED {
                self.fences_refused = 0;
                self.go_on_without_fences(ended);
            }
        } else {
            self.fences_refused = 0;
        }
    }

    /// Stops sending fences, since they seem to end the sessions. If receipts are required, the client
    /// ends instead.
    fn go_on_without_fences(&mut self, ended: &mut Ended) {
        let error = Error::new(
            ErrorKind::Unsupported,
            format!(
                "{FENCES_REFUSED} sessions ended at the first WebSocket ping of this client, so messages cannot be confirmed"
            ),
        );
        let config = &mut self.settings.config;
        if config.receipts.is_some_and(|receipts| receipts.required) {
            // `Reconnect::decide` may still reconnect. Then receipts stay on.
            ended.reason = Reason::Transport(error);
            return;
        }
        config.fences = false;
        if config.receipts.take().is_some() {
            self.log.no_receipts(&error);
            self.shared.no_receipts(error);
        }
    }

    /// Carries out the supervisor's outputs. If the end of a session was just reported to the
    /// supervisor, `ended` is that end, with the session if it had opened.
    fn carry_out(&mut self, ended: Option<(Option<Session>, Ended)>) {
        let mut outputs = Vec::new();
        loop {
            match self.supervisor.poll() {
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    break;
                }
                output => outputs.push(output),
            }
        }
        let over = outputs.iter().find_map(|output| match output {
            Output::Over { reason } => Some(reason.clone()),
            _ => None,
        });
        match (over, ended) {
            (Some(reason), Some((_, ended))) => return self.over(Ended { reason, ..ended }),
            (Some(reason), None) => {
                let answered = matches!(reason, Reason::Client);
                return self.over(Ended::without_messages(reason, answered));
            }
            (None, Some((Some(session), ended))) => {
                let end = self.shared.end_session(session.number, ended);
                self.log.disconnected(&end);
            }
            (None, _) => {}
        }
        for output in outputs {
            self.follow(output);
        }
    }

    fn follow(&mut self, output: Output) {
        match output {
            Output::Prepare {
                call,
                attempt,
                session,
            } => self.prepare(call, attempt, session),
            Output::DropHook => self.hook = None,
            Output::Open { session } => self.open(session),
            Output::Greet { session } => self.greet(session),
            Output::Release => {
                // If there is a greeting, `poll_greeting` has already released the messages.
                if self.reconnect.greeting.is_none() {
                    let _ = self.shared.outbox(|outbox| outbox.release(Vec::new()));
                }
            }
            Output::EndSession(error) => {
                self.greeting = None;
                if let Some(session) = &mut self.session {
                    let ended = session.driver.end_now(Reason::Transport(error));
                    let happened = self.end(ended);
                    self.happened(happened);
                }
            }
            Output::Report(next) => self.report_attempt(next),
            Output::Over { .. } | Output::Wait(_) => {}
        }
    }

    /// Ends the client: no other session will follow.
    fn over(&mut self, ended: Ended) {
        self.is_over = true;
        if let Some(closed) = self.shared.end(ended) {
            self.log.closed(&closed);
        }
    }

    fn report_attempt(&mut self, next: Reconnecting) {
        self.log.reconnecting(&next);
        self.shared
            .inboxes
            .put(vec![Event::Reconnecting(Box::new(next))]);
    }

    fn prepare(&mut self, call: u64, attempt: u32, session: u64) {
        let Some(hook) = &self.reconnect.before_connect else {
            return;
        };
        let mut to = ConnectTo::new(self.settings.url.clone());
        to.query = query_pairs(&self.settings.query);
        to.headers = self.settings.headers.clone();
        to.attempt = attempt;
        to.session = session;
        let future = hooks::before_connect(Arc::clone(hook), to);
        self.hook = Some((call, Box::pin(future)));
    }

    /// The open request of a session with the URL, headers and query that the hook has returned.
    fn request_for(&self, to: &ConnectTo) -> Result<OpenRequest, Error> {
        let mut settings = self.settings.clone();
        settings.url.clone_from(&to.url);
        settings.headers = to.headers.clone();
        settings.query = String::new();
        for (name, value) in &to.query {
            crate::transport::add_query(&mut settings.query, name, value);
        }
        self.request(settings)
    }

    fn request(&self, mut settings: Settings) -> Result<OpenRequest, Error> {
        let activity = Activity::new(Arc::clone(&self.runtime));
        open_request(&mut settings, &self.transport.schemes(), activity)
    }

    fn open(&mut self, session: u64) {
        let request = match self.target.take() {
            Some(request) => Ok(request),
            None => self.request(self.settings.clone()),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                // Unlikely, since the settings were checked when the client started.
                let reason = Reason::Transport(error);
                return self.happened(Input::Ended { reason }.into());
            }
        };
        let mut config = self.settings.config.clone();
        config.session = session;
        config.fence_alone = self.fences_refused.saturating_add(1) >= FENCES_REFUSED;
        if let Some(receipts) = &mut config.receipts {
            receipts.cautious = self.shared.state().outbox.is_cautious();
            self.shared.outbox(Outbox::begin_receipts);
        }
        let remember = self.settings.remember_upgrade.then(|| origin(&request));
        if let Some(origin) = &remember {
            prefer_remembered(origin, &mut config.transports);
        }
        let driver = Driver::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.runtime),
            Arc::clone(&self.transport),
            request,
            config,
            remember,
            Log::new(self.span.clone(), self.settings.log_contents),
        );
        self.session = Some(Session {
            driver: driver.outlived(),
            number: session,
            reported_open: false,
            is_over: false,
        });
        self.shared.driver.wake();
    }

    fn greet(&mut self, session: u64) {
        let connected = self.shared.state().connected.clone();
        if let (Some(greeting), Some(connected)) = (&self.reconnect.greeting, connected) {
            let future = hooks::greeting(Arc::clone(greeting), connected);
            self.greeting = Some((session, Box::pin(future)));
            self.shared.driver.wake();
        }
    }
}

/// An input of the supervisor. If the input is the end of a session, `ended` has that end, with the
/// session if it had opened.
struct Happened {
    input: Input,
    ended: Option<(Option<Session>, Ended)>,
}

impl From<Input> for Happened {
    fn from(input: Input) -> Self {
        Self { input, ended: None }
    }
}

/// The names and values of a query.
fn query_pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

impl Future for Sessions {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sessions = &mut *self;
        sessions.shared.driver.register(cx.waker());
        // In the first poll, these are the first outputs of the supervisor. In later polls there are
        // none left here.
        sessions.carry_out(None);
        for _ in 0..STEPS {
            let happened = sessions.step(cx);
            if sessions.is_over {
                return Poll::Ready(());
            }
            if !happened {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A runtime that shuts down drops the task that owns this value. Dropping it wakes every call that waits
/// for the client, so that none hangs.
impl Drop for Sessions {
    fn drop(&mut self) {
        if self.shared.state().closed().is_some() {
            return;
        }
        let ended = match &mut self.session {
            Some(session) => session.driver.end_now(Reason::Aborted),
            None => Ended::without_messages(Reason::Aborted, false),
        };
        self.over(ended);
    }
}
