//! Decides whether another attempt follows, and after which delay.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::backoff::{Backoff, Random};
use crate::client::log::TARGET;
use crate::client::panic_text::panic_text;
use crate::error::{Error, ErrorKind};
use crate::event::Reason;
use crate::limits;
use crate::reconnect::{Decide, Lost, Reconnect, Retry};

/// The settings of the supervisor.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(super) has_hook: bool,
    pub(super) has_greeting: bool,
    pub(super) hook_timeout: Duration,
    /// Whether the client ends if its first attempt fails.
    pub(super) must_connect: bool,
    backoff: Backoff,
    attempts: Option<u32>,
    decide: Option<Decide>,
}

impl From<&Reconnect> for Policy {
    fn from(reconnect: &Reconnect) -> Self {
        Self {
            has_hook: reconnect.before_connect.is_some(),
            has_greeting: reconnect.greeting.is_some(),
            hook_timeout: reconnect.hook_timeout,
            must_connect: reconnect.must_connect,
            backoff: Backoff {
                delay: reconnect.delay,
                max_delay: reconnect.max_delay,
                randomization: reconnect.randomization,
            },
            attempts: reconnect.attempts,
            decide: reconnect.decide.clone(),
        }
    }
}

/// After this many [`hopeless`] failures in a row the client gives up.
const HOPELESS: u32 = 3;

impl Policy {
    /// Whether a session that was open for this time resets the count of attempts.
    pub(super) fn has_lasted(&self, open: Duration) -> bool {
        open >= self.backoff.max_delay
    }

    /// The delay before the next attempt, or `None` if there is none. `hopeless` is the number of
    /// [`hopeless`] failures in a row, including this one.
    pub(super) fn delay(
        &self,
        lost: &Lost,
        hopeless: u32,
        random: &mut Random,
    ) -> Option<Duration> {
        if matches!(lost.reason, Reason::Client | Reason::Aborted) {
            return None;
        }
        // `decide` is called before the limit of attempts is checked, because its documentation promises
        // a call at each end.
        let retry = self.ask(lost);
        if self.attempts.is_some_and(|most| lost.attempt >= most) {
            return None;
        }
        match retry {
            Retry::Never => None,
            Retry::After(delay) => Some(delay),
            // Receipts are required, but this server or transport cannot confirm messages. Another
            // attempt would not change that.
            Retry::Usual if lost.error().is_some_and(is_unsupported) => None,
            Retry::Usual if hopeless >= HOPELESS => None,
            Retry::Usual => {
                let least = lost.retry_after().unwrap_or_default();
                let next = lost.attempt.saturating_add(1);
                Some(
                    self.backoff
                        .delay(next, least.min(limits::RETRY_AFTER), random),
                )
            }
        }
    }

    fn ask(&self, lost: &Lost) -> Retry {
        let Some(decide) = &self.decide else {
            return Retry::Usual;
        };
        catch_unwind(AssertUnwindSafe(|| decide(lost))).unwrap_or_else(|panic| {
            tracing::error!(target: TARGET,
                panic = panic_text(&*panic),
                "the function that decides about reconnecting panicked"
            );
            Retry::Usual
        })
    }
}

fn is_unsupported(error: &Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// Whether a session could not be opened for a reason that another attempt is unlikely to change.
///
/// `ErrorKind::Protocol` means a server that does not speak Engine.IO 4: polling reports a server of
/// protocol 3 with this kind, and WebSocket a first frame that is not a packet. If the session was open,
/// another attempt is always worthwhile. A 404 in response to a poll, for example, may come from a load
/// balancer whose server has gone.
pub(super) fn hopeless(lost: &Lost) -> bool {
    let Some(error) = lost.error() else {
        return false;
    };
    !lost.was_open
        && match error.kind() {
            ErrorKind::Invalid | ErrorKind::Runtime | ErrorKind::Tls | ErrorKind::Protocol => true,
            ErrorKind::Status => matches!(error.status(), Some(401 | 403 | 404)),
            _ => false,
        }
}
