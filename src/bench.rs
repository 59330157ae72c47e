//! The engine alone, for `benches/`: no part of what users are promised.

use std::time::Duration;

use crate::engine::{Config, Input, LinkId, Output};
use crate::event::Event;
use crate::packet::Packet;
use crate::{Confirms, Framing};

/// An engine in an open session, whose calls all end at once.
#[derive(Debug)]
pub struct Engine {
    engine: crate::engine::Engine,
    link: LinkId,
}

/// What time it is makes no difference to what is measured.
const NOW: Duration = Duration::ZERO;

impl Engine {
    /// A session on one link of this framing, which is not upgraded. The limits are those that
    /// the client has by default, and the server's `maxPayload` is 1,000,000.
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

    /// These have come; the answer is how many messages the user is told.
    pub fn receive(&mut self, packets: Vec<Packet>) -> usize {
        let link = self.link;
        self.handle(Input::Received { link, packets }).told
    }

    /// The user sends these; the answer is how many packets have left.
    pub fn send(&mut self, packets: Vec<Packet>) -> usize {
        self.handle(Input::Send(packets.into_iter().collect())).left
    }

    /// Each batch that the engine sends has left as soon as it is sent.
    fn handle(&mut self, input: Input) -> Done {
        let mut done = Done::default();
        self.engine.handle(NOW, input);
        loop {
            match self.engine.poll(NOW) {
                Output::Tell(events) => {
                    let messages = events.iter().filter(|event| is_message(event)).count();
                    done.told = done.told.saturating_add(messages);
                }
                Output::Send { link, batch } => {
                    // The link has a handle of its own while it sends.
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
    told: usize,
    left: usize,
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Message(_))
}
