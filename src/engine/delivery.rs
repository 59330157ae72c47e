//! Which received messages are delivered to the user, before and during a close.

/// The delivery rule that applies at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Every message is delivered. When the inbox is full, the engine starts no further `recv`.
    All,
    /// During a close, which can't wait for the user to read: messages are delivered while the inbox has
    /// room.
    WhileThereIsRoom,
    /// During a close the inbox was full and a message was dropped. All later messages are dropped too,
    /// so that the delivered messages have no gap.
    Nothing,
}

impl Delivery {
    /// The user closes the session.
    pub(super) fn close(&mut self) {
        if *self == Self::All {
            *self = Self::WhileThereIsRoom;
        }
    }

    /// Whether messages that arrive now are delivered.
    pub(super) fn delivers(&mut self, inbox_has_room: bool) -> bool {
        if *self == Self::WhileThereIsRoom && !inbox_has_room {
            *self = Self::Nothing;
        }
        *self != Self::Nothing
    }
}
