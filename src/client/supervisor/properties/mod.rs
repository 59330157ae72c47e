//! Invariants of the supervisor, checked in random runs.

mod driver;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use driver::Driver;

use super::*;
use crate::reconnect::{Reconnect, Retry};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The settings that vary between runs.
#[derive(Clone, Debug)]
struct Settings {
    hook: bool,
    greeting: bool,
    delay: u64,
    max_delay: u64,
    randomization: f64,
    attempts: Option<u32>,
    /// The results of `decide`, by the number of the failed attempt.
    decisions: Vec<Retry>,
}

impl Settings {
    fn any() -> impl Strategy<Value = Self> {
        let decision = prop_oneof![
            4 => Just(Retry::Usual),
            2 => (0..9000_u64).prop_map(|delay| Retry::After(ms(delay))),
            1 => Just(Retry::Never),
        ];
        (
            any::<[bool; 2]>(),
            0..3000_u64,
            0..9000_u64,
            prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
            prop_oneof![Just(None), (0..6_u32).prop_map(Some)],
            vec(decision, 0..6),
        )
            .prop_map(
                |([hook, greeting], delay, max_delay, randomization, attempts, decisions)| Self {
                    hook,
                    greeting,
                    delay,
                    max_delay,
                    randomization,
                    attempts,
                    decisions,
                },
            )
    }

    fn decision(decisions: &[Retry], attempt: u32) -> Retry {
        decisions
            .get(attempt as usize)
            .copied()
            .unwrap_or(Retry::Usual)
    }

    fn reconnect(&self) -> Reconnect {
        let mut reconnect = Reconnect::new()
            .delay(ms(self.delay))
            .max_delay(ms(self.max_delay))
            .randomization(self.randomization)
            .hook_timeout(HOOK_TIMEOUT);
        if let Some(attempts) = self.attempts {
            reconnect = reconnect.attempts(attempts);
        }
        if self.hook {
            reconnect = reconnect.before_connect(async |to| Ok(to));
        }
        if self.greeting {
            reconnect = reconnect.greeting(async |_| Vec::new());
        }
        let decisions = self.decisions.clone();
        reconnect.decide(move |lost| Self::decision(&decisions, lost.attempt))
    }
}

const HOOK_TIMEOUT: Duration = Duration::from_secs(3);

fn fault(argument: u8) -> Error {
    let status = |status| Error::new(ErrorKind::Status, "status").with_status(status);
    match argument % 5 {
        0 => Error::new(ErrorKind::Tls, "TLS"),
        1 => status(403),
        2 => status(503).with_retry_after(Duration::from_secs(u64::from(argument) * 30)),
        3 => status(429).with_retry_after(ms(u64::from(argument) * 10)),
        _ => Error::new(ErrorKind::Connect, "refused"),
    }
}

fn reason(argument: u8) -> Reason {
    match argument {
        0..8 => Reason::Client,
        8..12 => Reason::Aborted,
        12..60 => Reason::Server { close: None },
        60..90 => Reason::PingTimeout,
        _ => Reason::Transport(fault(argument)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_in_random_runs(
        settings in Settings::any(),
        seed: u64,
        steps in vec(any::<[u8; 2]>(), 1..200),
    ) {
        let mut driver = Driver::new(settings, seed);
        for [choice, argument] in steps {
            driver.step(choice, argument);
        }
        driver.close();
        driver.ended(Reason::Client);
        assert!(driver.over);
    }

    /// Sends inputs in orders that no driver produces.
    #[test]
    fn arbitrary_inputs_cause_no_output_after_the_end(seed: u64, steps in vec(any::<[u8; 2]>(), 1..200)) {
        let reconnect = Reconnect::new()
            .before_connect(async |to| Ok(to))
            .greeting(async |_| Vec::new());
        let mut supervisor = Supervisor::new(Policy::from(&reconnect), seed, ms(0));
        let mut ends = 0;
        for [choice, argument] in steps {
            let result = if argument < 128 { Ok(()) } else { Err(fault(argument)) };
            let number = u64::from(argument % 4);
            // The clock may go backwards.
            let now = ms(u64::from(argument) * 100);
            supervisor.handle(now, match choice % 8 {
                0 => Input::Prepared { call: number, result },
                1 => Input::Opened,
                2 => Input::Greeted { session: number, result },
                3 => Input::Ended { reason: reason(argument) },
                4 => Input::ReconnectNow,
                5 if argument < 10 => Input::Close,
                _ => Input::Timeout,
            });
            loop {
                match supervisor.poll() {
                    Output::Wait(_) => break,
                    output if ends > 0 => panic!("{output:?} after the end"),
                    Output::Over { .. } => ends += 1,
                    _ => {}
                }
            }
        }
        assert!(ends <= 1);
    }
}

/// If the random runs ended early, the tests above would pass without proving anything.
#[test]
fn random_runs_reach_sessions_delays_and_ends() {
    let mut sessions = 0;
    let mut attempts = 0;
    let mut ends = 0;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (Settings::any(), vec(any::<[u8; 2]>(), 200..=200));
    for seed in 0..500 {
        let tree = strategy.new_tree(&mut runner).unwrap();
        let (settings, steps) = tree.current();
        let mut driver = Driver::new(settings, seed);
        for [choice, argument] in steps {
            driver.step(choice, argument);
            attempts = attempts.max(driver.attempt);
        }
        sessions += driver.sessions;
        ends += u32::from(driver.over);
    }
    assert!(sessions > 500, "{sessions}");
    assert!(attempts > 5, "{attempts}");
    assert!(ends > 100 && ends < 500, "{ends}");
}
