//! An engine with a clock, for tests.

use super::*;

/// An engine, its clock, and when it wants to be called again.
pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) now: Duration,
    pub(super) wait: Option<Duration>,
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

impl Rig {
    pub(super) fn new(config: Config) -> Self {
        let mut rig = Self {
            engine: Engine::new(config, Duration::ZERO),
            now: Duration::ZERO,
            wait: None,
        };
        rig.engine.room = true;
        rig
    }

    /// What is to be done now.
    pub(super) fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll(self.now) {
                Output::Wait(wait) => {
                    self.wait = wait;
                    return outputs;
                }
                output => outputs.push(output),
            }
        }
    }
}
