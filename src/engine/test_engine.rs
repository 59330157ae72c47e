//! An engine with a clock, for tests.

use super::*;

/// An engine, its clock, and when it wants to be called again.
pub(super) struct TestEngine {
    pub(super) inner: Engine,
    pub(super) now: Duration,
    pub(super) wait: Option<Duration>,
    /// What the engine has told of its upgrades as a whole, apart from the outputs.
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
        engine.inner.room = true;
        engine
    }

    /// What is to be done now.
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
