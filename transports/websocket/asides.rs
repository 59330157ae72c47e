//! Frames that carry no packet: pongs, which may answer fences, and pings and fragments, which show
//! that the server is alive.

use engineio_client::Fence;

#[derive(Default)]
pub(super) struct Asides {
    /// Whether a fence was sent on this connection. Before the first fence, no pong can answer one.
    expects_answers: bool,
    /// The newest answered fence, until [`take_answered`](Self::take_answered) returns it.
    answered: Option<Fence>,
    news: News,
}

/// What has arrived since the last call to [`Asides::take`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// A fence was answered.
    pub(super) is_answered: bool,
    /// A frame showed that the server is alive.
    pub(super) is_alive: bool,
}

impl Asides {
    /// Called before a fence is sent.
    pub(super) fn expect_answers(&mut self) {
        self.expects_answers = true;
    }

    /// Records a pong. It is no sign of life, since a gateway may answer pings for a server that is
    /// dead.
    #[cold]
    pub(super) fn pong(&mut self, data: &[u8]) {
        if self.expects_answers
            && let Some(fence) = Fence::from_bytes(data)
        {
            self.answered = Some(fence);
            self.news.is_answered = true;
        }
    }

    /// Records a ping or a fragment of a message, which are signs of life.
    #[cold]
    pub(super) fn life(&mut self) {
        self.news.is_alive = true;
    }

    /// Whether a fence was answered since the last call to [`take`](Self::take).
    pub(super) fn is_answered(&self) -> bool {
        self.news.is_answered
    }

    /// Returns what has arrived since the last call.
    #[inline]
    pub(super) fn take(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Returns the newest answered fence, once.
    pub(super) fn take_answered(&mut self) -> Option<Fence> {
        self.answered.take()
    }
}
