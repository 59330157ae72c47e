//! The state that the test's side and the client's side of a mock server share, and how calls wait for
//! it.
//!
//! The mock server spawns no tasks. The client's calls and the test's calls change one state. Every
//! waiting call looks at the state again after each change, and when the next ping is due.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio_client::{Error, ErrorKind, OpenRequest, Runtime};
use event_listener::Event;
use futures::future::select;

use super::plan::{Act, Plans, Step};
use super::session::Session;
use super::settings::Settings;

/// The server, as shared by both sides.
pub(super) struct Core {
    pub(super) runtime: Arc<dyn Runtime>,
    state: Mutex<ServerState>,
    changed: Event,
}

pub(super) struct ServerState {
    settings: Settings,
    pub(super) plans: Plans,
    pub(super) sessions: Vec<Session>,
    /// Number of sessions returned to the test.
    pub(super) handed_out: usize,
    /// Whether the test has dropped the server.
    pub(super) gone: bool,
}

/// What a waiting call has found.
pub(super) enum Look<R> {
    Done(R),
    /// The call has changed the state while it looked, so other waiting calls have to look, too.
    Again,
    /// Wait for a change, or until this time.
    Wait(Option<Duration>),
}

impl Core {
    pub(super) fn new(runtime: Arc<dyn Runtime>, settings: Settings) -> Self {
        Self {
            runtime,
            state: Mutex::new(ServerState {
                settings,
                plans: Plans::default(),
                sessions: Vec::new(),
                handed_out: 0,
                gone: false,
            }),
            changed: Event::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut ServerState) -> R) -> R {
        let result = change(&mut self.state());
        self.changed.notify(usize::MAX);
        result
    }

    pub(super) async fn wait<R>(
        &self,
        mut look: impl FnMut(&mut ServerState, Duration) -> Look<R>,
    ) -> R {
        loop {
            let changed = self.changed.listen();
            let now = self.runtime.now();
            let found = look(&mut self.state(), now);
            match found {
                Look::Done(result) => {
                    // Other calls may wait for what this one has taken.
                    self.changed.notify(usize::MAX);
                    return result;
                }
                Look::Again => {
                    self.changed.notify(usize::MAX);
                }
                Look::Wait(None) => changed.await,
                Look::Wait(Some(until)) => {
                    let sleep = self.runtime.sleep(until.saturating_sub(now));
                    select(pin!(changed), sleep).await;
                }
            }
        }
    }

    /// Opens a session, or another link of an existing session.
    pub(super) async fn enter(
        &self,
        transport: &'static str,
        request: &OpenRequest,
    ) -> Result<Place, Error> {
        let step = match request.sid {
            None => Step::Open,
            Some(_) => Step::ProbeOpen,
        };
        let act = self.change(|state| {
            if state.gone {
                Act::Fail(Error::new(
                    ErrorKind::Connect,
                    "the mock server was dropped",
                ))
            } else {
                state.plans.next(step)
            }
        });
        match act {
            Act::Properly | Act::Send(_) => {}
            Act::After(delay) => self.runtime.sleep(delay).await,
            Act::Never => pending().await,
            Act::Fail(error) => return Err(error),
            Act::Close | Act::Cut => {
                let message = "the mock server closed the connection at once";
                return Err(Error::new(ErrorKind::Ended, message));
            }
        }
        let now = self.runtime.now();
        self.change(|state| state.enter(transport, request, now))
    }
}

/// A link of a session, by index.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) session: usize,
    pub(super) link: usize,
}

impl ServerState {
    fn enter(
        &mut self,
        transport: &'static str,
        request: &OpenRequest,
        now: Duration,
    ) -> Result<Place, Error> {
        let Some(sid) = &request.sid else {
            let number = self.sessions.len() + 1;
            let sid = match number {
                1 => self.settings.sid.clone(),
                _ => format!("{}-{number}", self.settings.sid),
            };
            self.sessions.push(Session::new(
                sid,
                request.clone(),
                transport,
                &self.settings,
                &mut self.plans,
                now,
            ));
            return Ok(Place {
                session: number - 1,
                link: 0,
            });
        };
        let mut sessions = self.sessions.iter_mut().enumerate();
        match sessions.find(|(_, session)| session.sid == *sid && session.end.is_none()) {
            Some((index, session)) => Ok(Place {
                session: index,
                link: session.join(transport),
            }),
            None => Err(Error::new(
                ErrorKind::Status,
                "the mock server has no session with this id",
            )
            .with_status(400)),
        }
    }
}
