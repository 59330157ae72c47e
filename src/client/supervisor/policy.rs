//! Whether, and after which delay, another attempt follows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::backoff::{Backoff, Random};
use crate::client::log::TARGET;
use crate::client::panic_text::panic_text;
use crate::error::{Error, ErrorKind};
use crate::event::Reason;
use crate::limits;
use crate::reconnect::{Decide, Lost, Reconnect, Retry};

/// What the supervisor is told to keep to.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(super) has_hook: bool,
    pub(super) has_greeting: bool,
    pub(super) hook_timeout: Duration,
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

/// After so many failures in a row that rarely mend themselves it is over.
const HOPELESS: u32 = 3;

impl Policy {
    /// Whether a session that was open for so long starts the count of attempts anew.
    pub(super) fn has_lasted(&self, open: Duration) -> bool {
        open >= self.backoff.max_delay
    }

    /// The delay before the attempt that follows, or `None` where none does. So many failures in a row,
    /// this one included, were [`hopeless`].
    pub(super) fn delay(
        &self,
        lost: &Lost,
        hopeless: u32,
        random: &mut Random,
    ) -> Option<Duration> {
        if matches!(lost.reason, Reason::Client | Reason::Aborted) {
            return None;
        }
        // Asked before the limit is looked at, since it is to be asked at each end.
        let retry = self.ask(lost);
        if self.attempts.is_some_and(|most| lost.attempt >= most) {
            return None;
        }
        match retry {
            Retry::Never => None,
            Retry::After(delay) => Some(delay),
            // Of required receipts: no server learns to answer pings.
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

/// Whether no session could be opened for a reason that rarely mends itself.
///
/// `Protocol` stands for a peer that does not speak Engine.IO 4: polling reports a server of protocol 3 by
/// it, and no error of this kind comes before a session is open otherwise, but for a first websocket frame
/// that is no packet. A session that was open shows that one can be opened: a 404 of a poll, say, comes
/// from a load balancer whose server is gone.
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
