//! What the supervisor is told, and what it says is to be done.

use std::time::Duration;

use crate::error::Error;
use crate::event::{Reason, Reconnecting};

/// What has happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The call of the hook that [`Output::Prepare`] asked for has returned. An error is one of the hook,
    /// or says that what it returned can't be used.
    Prepared {
        call: u64,
        result: Result<(), Error>,
    },
    /// The session is open.
    Opened,
    /// The greeting that [`Output::Greet`] asked for has returned, and its messages were accepted. An error
    /// is one of the greeting, or says that its messages can't be sent.
    Greeted {
        session: u64,
        result: Result<(), Error>,
    },
    /// The session has ended, or could not be opened. The answer to [`Output::EndSession`], too, and then
    /// the reason does not matter.
    Ended { reason: Reason },
    /// The user wants no further delay.
    ReconnectNow,
    /// The user closes the client. A session that is being opened, or is open, is closed by the driver
    /// itself, which tells its end by [`Input::Ended`].
    Close,
    /// The time that [`Output::Wait`] named has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Call the hook. `call` names this call in [`Input::Prepared`].
    Prepare {
        call: u64,
        attempt: u32,
        session: u64,
    },
    /// Drop the call of the hook: its time is up.
    DropHook,
    /// Open the session of this number. Failed attempts do not count, so that the number is the same until
    /// a session has opened.
    Open { session: u64 },
    /// Ask for the greeting of this session. No other message may leave before [`Output::Release`].
    Greet { session: u64 },
    /// The greeting is done, or there is none: other messages may leave from now on.
    Release,
    /// Drop the call of the greeting, and end the session, because of this error.
    EndSession(Error),
    /// Tell the user that an attempt follows.
    Tell(Reconnecting),
    /// There will be no further session, for this reason. The last output.
    Over { reason: Reason },
    /// Nothing more to do before this time, or the next input.
    Wait(Option<Duration>),
}
