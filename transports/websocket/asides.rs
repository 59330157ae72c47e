//! Frames that carry no packet: pongs, which may answer fences, and pings and fragments, which show that the
//! server is alive.

use engineio_client::Fence;

#[derive(Default)]
pub(super) struct Asides {
    /// A fence was sent on this connection: before that no pong can be the answer to one.
    expects_answers: bool,
    /// The newest fence that was answered, until `answered_fence` takes it.
    answered: Option<Fence>,
    news: News,
}

/// What has come since it was looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// A fence was answered.
    pub(super) is_answered: bool,
    /// There were signs of life.
    pub(super) is_alive: bool,
}

impl Asides {
    /// A fence is about to be sent.
    pub(super) fn expect_answers(&mut self) {
        self.expects_answers = true;
    }

    /// A pong is no sign of life, since a gateway may send it for a server that is dead.
    #[cold]
    pub(super) fn pong(&mut self, data: &[u8]) {
        if self.expects_answers
            && let Some(fence) = Fence::from_bytes(data)
        {
            self.answered = Some(fence);
            self.news.is_answered = true;
        }
    }

    /// A ping has come, or a fragment of a message.
    #[cold]
    pub(super) fn life(&mut self) {
        self.news.is_alive = true;
    }

    /// Whether a fence was answered since [`take`](Self::take).
    pub(super) fn is_answered(&self) -> bool {
        self.news.is_answered
    }

    /// What has come since the last call.
    #[inline]
    pub(super) fn take(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The newest fence that was answered, once.
    pub(super) fn take_answered(&mut self) -> Option<Fence> {
        self.answered.take()
    }
}
