//! The inputs and outputs of the supervisor.

use std::time::Duration;

use crate::error::Error;
use crate::event::{Reason, Reconnecting};

/// Something that has happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The hook call of [`Output::Prepare`] has returned. The error is that of the hook, or says why its
    /// result cannot be used.
    Prepared {
        call: u64,
        result: Result<(), Error>,
    },
    /// The session is open.
    Opened,
    /// The greeting of [`Output::Greet`] has returned, and its messages were accepted. The error is that
    /// of the greeting, or says why its messages cannot be sent.
    Greeted {
        session: u64,
        result: Result<(), Error>,
    },
    /// The session has ended, or could not be opened. This is also the answer to [`Output::EndSession`];
    /// then the reason is ignored.
    Ended { reason: Reason },
    /// The user skips the delay.
    ReconnectNow,
    /// The user closes the client. If there is a session, the driver closes it, and reports its end with
    /// [`Input::Ended`].
    Close,
    /// The deadline of [`Output::Wait`] has passed.
    Timeout,
}

/// Something to do.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Call the hook. `call` identifies this call in [`Input::Prepared`].
    Prepare {
        call: u64,
        attempt: u32,
        session: u64,
    },
    /// Drop the call of the hook, which has timed out.
    DropHook,
    /// Open the session with this number. The number stays the same until a session has opened.
    Open { session: u64 },
    /// Call the greeting of this session. No other message may be sent before [`Output::Release`].
    Greet { session: u64 },
    /// The greeting is done, or there is none: other messages may be sent from now on.
    Release,
    /// Drop the call of the greeting, and end the session with this error.
    EndSession(Error),
    /// Report to the user that an attempt follows.
    Report(Reconnecting),
    /// The client ends for this reason: no other session will follow. This is the last output.
    Over { reason: Reason },
    /// There is nothing to do before this deadline, or the next input.
    Wait(Option<Duration>),
}
