//! Finds out whether fences are what ends the sessions: there may be servers that close on a websocket's
//! ping.
//!
//! After three sessions in a row that ended with the first fence unanswered one runs without fences. If it
//! lives, they were the reason; if it ends as quickly, they were not (a message may be what kills the
//! server).

use std::time::Duration;

use crate::event::{Ended, Reason};

/// So many sessions in a row make a suspicion.
const REFUSED: u32 = 3;

#[derive(Debug)]
pub(super) struct FenceTrial {
    /// So long a session without fences must live.
    lasting: Duration,
    /// How many sessions in a row have ended with the first fence unanswered.
    refused: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The session, if there is one, has fences.
    WithFences,
    /// The session without fences is not open.
    Begun,
    /// It has proved something then.
    Until(Duration),
}

impl FenceTrial {
    pub(super) fn new(lasting: Duration) -> Self {
        Self {
            lasting,
            refused: 0,
            state: State::WithFences,
        }
    }

    /// A session is to be opened: whether it has fences.
    pub(super) fn begin(&mut self) -> bool {
        let suspected = self.refused >= REFUSED;
        self.state = if suspected {
            State::Begun
        } else {
            State::WithFences
        };
        !suspected
    }

    pub(super) fn opened(&mut self, now: Duration) {
        if self.state == State::Begun {
            self.state = State::Until(now.saturating_add(self.lasting));
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Until(at) => Some(at),
            State::WithFences | State::Begun => None,
        }
    }

    /// Whether the session without fences has lived long enough to prove that they are the reason. Asked
    /// once.
    pub(super) fn is_proved(&mut self, now: Duration) -> bool {
        let proved = self.deadline().is_some_and(|at| now >= at);
        if proved {
            self.refused = 0;
            self.state = State::WithFences;
        }
        proved
    }

    /// A session has ended: whether fences may have been the reason.
    pub(super) fn ended(&mut self, ended: &Ended) -> bool {
        let by_other = matches!(ended.reason, Reason::Server { .. } | Reason::Transport(_));
        let answered = ended.fences_answered;
        match self.state {
            State::WithFences if by_other && answered == Some(false) => {
                self.refused = self.refused.saturating_add(1);
                true
            }
            // An attempt that failed before the session was open says nothing.
            State::Begun => true,
            State::WithFences => {
                // One that was never open changes nothing.
                if answered.is_some() {
                    self.refused = 0;
                }
                false
            }
            State::Until(_) => {
                self.refused = 0;
                self.state = State::WithFences;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);
    const LASTING: Duration = Duration::from_secs(5);

    fn refused() -> Ended {
        Ended {
            fences_answered: Some(false),
            ..Ended::without_messages(Reason::Server { close: None }, false)
        }
    }

    fn suspicious() -> FenceTrial {
        let mut trial = FenceTrial::new(LASTING);
        for _ in 0..3 {
            assert!(trial.begin());
            trial.opened(NOW);
            assert_eq!(trial.deadline(), None);
            assert!(trial.ended(&refused()));
        }
        assert!(!trial.begin(), "the next has none");
        trial
    }

    #[test]
    fn a_session_without_fences_that_lives_proves_it() {
        let mut trial = suspicious();
        trial.opened(NOW);
        assert_eq!(trial.deadline(), Some(NOW + LASTING));
        assert!(!trial.is_proved(NOW));
        assert!(trial.is_proved(NOW + LASTING));
        assert_eq!(trial.deadline(), None);
    }

    #[test]
    fn one_that_ends_as_quickly_clears_them() {
        let mut trial = suspicious();
        trial.opened(NOW);
        let ended = Ended::without_messages(Reason::Server { close: None }, false);
        assert!(!trial.ended(&ended));
        assert!(trial.begin());
    }

    #[test]
    fn one_that_never_opens_says_nothing() {
        let mut trial = suspicious();
        let ended = Ended::without_messages(Reason::Server { close: None }, false);
        assert!(trial.ended(&ended));
        assert!(!trial.begin());
    }

    #[test]
    fn one_answer_or_an_end_of_our_own_clears_them() {
        for (reason, answered) in [
            (Reason::PingTimeout, false),
            (Reason::Client, false),
            (Reason::Server { close: None }, true),
        ] {
            let mut trial = FenceTrial::new(LASTING);
            for _ in 0..2 {
                trial.begin();
                trial.ended(&refused());
            }
            trial.begin();
            trial.ended(&Ended {
                fences_answered: Some(answered),
                ..Ended::without_messages(reason, false)
            });
            trial.begin();
            trial.ended(&refused());
            assert!(trial.begin());
        }
    }
}
