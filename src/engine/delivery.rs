//! Which messages of the server the user is given, while the session lives and while it is closed.

/// The state of that rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// All: where the inbox is full, nothing more is received.
    All,
    /// While closing, which can't wait for a reader: those for which there is room.
    WhileThereIsRoom,
    /// A message was dropped for want of room. The messages behind it are dropped, too, so that there is
    /// no gap in what was delivered.
    Nothing,
}

impl Delivery {
    /// The user closes the session.
    pub(super) fn close(&mut self) {
        if *self == Self::All {
            *self = Self::WhileThereIsRoom;
        }
    }

    /// Whether messages that come now are delivered. `room` tells whether the inbox has room.
    pub(super) fn delivers(&mut self, room: bool) -> bool {
        if *self == Self::WhileThereIsRoom && !room {
            *self = Self::Nothing;
        }
        *self != Self::Nothing
    }
}
