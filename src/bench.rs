//! The engine without a driver, for `benches/`. Not part of the public API.

use std::time::Duration;

use crate::engine::{Config, Input, LinkId, Output};
use crate::event::Event;
use crate::packet::Packet;
use crate::{Confirms, Framing};

/// An engine with an open session, in which every call returns at once.
#[derive(Debug)]
pub struct Engine {
    engine: crate::engine::Engine,
    link: LinkId,
}

/// The current time. It has no influence on the measured code.
const NOW: Duration = Duration::ZERO;

impl Engine {
    /// Opens a session on one link of this framing, without an upgrade. It has the client's default
    /// limits, and the server's `maxPayload` is 1,000,000.
    pub fn open(framing: Framing) -> Self {
        let config = Config {
            transports: vec!["bench"],
            fall_back: false,
            upgrade: false,
            ..Config::default()
        };
        let link = LinkId(0);
        let mut driver = Self {
            engine: crate::engine::Engine::new(config, NOW),
            link,
        };
        driver.handle(Input::Opened {
            link,
            framing,
            confirms: Confirms::Never,
            key: 0,
        });
        let open = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        driver.receive(vec![Packet::Open(open.into())]);
        driver
    }

    /// Receives these packets. Returns the number of messages reported to the user.
    pub fn receive(&mut self, packets: Vec<Packet>) -> usize {
        let link = self.link;
        self.handle(Input::Received { link, packets }).reported
    }

    /// Sends these packets. Returns the number of packets that were passed to the link.
    pub fn send(&mut self, packets: Vec<Packet>) -> usize {
        self.handle(Input::Send(packets.into_iter().collect())).left
    }

    /// Passes an input to the engine. Every batch that the engine sends counts as sent at once.
    fn handle(&mut self, input: Input) -> Done {
        let mut done = Done::default();
        self.engine.handle(NOW, input);
        loop {
            match self.engine.poll(NOW) {
                Output::Tell(events) => {
                    let messages = events.iter().filter(|event| is_message(event)).count();
                    done.reported = done.reported.saturating_add(messages);
                }
                Output::Send { link, batch } => {
                    // A real link owns the batch while it sends, and drops it before `Sent`.
                    drop(batch);
                    self.engine.handle(NOW, Input::Sent { link });
                }
                Output::Left(batch) => done.left = done.left.saturating_add(batch.len()),
                Output::Wait(_) => return done,
                _ => {}
            }
        }
    }
}

#[derive(Default)]
struct Done {
    reported: usize,
    left: usize,
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Message(_))
}
