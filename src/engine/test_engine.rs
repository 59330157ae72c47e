//! An engine with a test clock.

use super::*;

/// An engine, the current time, and the time of its last `Wait`.
pub(super) struct TestEngine {
    pub(super) inner: Engine,
    pub(super) now: Duration,
    pub(super) wait: Option<Duration>,
    /// The `UpgradeIsOver` outputs so far. `outputs` does not return them.
    pub(super) upgrades_over: Vec<Option<Error>>,
}

pub(super) fn config(transports: &[&'static str]) -> Config {
    Config {
        transports: transports.to_vec(),
        ..Config::default()
    }
}

pub(super) fn text(text: &str) -> Packet {
    Packet::Message(Message::from(text))
}

impl TestEngine {
    pub(super) fn new(config: Config) -> Self {
        let mut engine = Self {
            inner: Engine::new(config, Duration::ZERO),
            now: Duration::ZERO,
            wait: None,
            upgrades_over: Vec::new(),
        };
        engine.inner.inbox_has_room = true;
        engine
    }

    /// All outputs until the next `Wait`.
    pub(super) fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            match self.inner.poll(self.now) {
                Output::Wait(wait) => {
                    self.wait = wait;
                    return outputs;
                }
                Output::UpgradeIsOver(error) => self.upgrades_over.push(error),
                output => outputs.push(output),
            }
        }
    }
}
