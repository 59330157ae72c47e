//! What the engine tells the user, on its way to the log, the state and the inboxes.

use std::time::Duration;

use super::super::shared::Upgrade;
use super::super::upgrade_memory;
use super::Driver;
use crate::error::Error;
use crate::event::Event;

impl Driver {
    pub(super) fn tell(&mut self, now: Duration, events: Vec<Event>) {
        // The engine tells such news apart from messages, one at a time.
        match events.first() {
            Some(Event::Connected(connected)) => {
                self.is_open = true;
                self.log.connected(connected);
                self.shared.turn(|state| {
                    state.connected = Some(connected.clone());
                    state.transport = Some(connected.transport);
                });
                self.remember(Some(connected.transport));
            }
            Some(Event::Upgraded { transport }) => {
                self.log.upgraded(transport);
                self.shared.state().transport = Some(*transport);
                self.remember(Some(transport));
            }
            Some(Event::UpgradeFailed { transport, error }) => {
                self.log.upgrade_failed(transport, error);
                self.remember(None);
            }
            // The others are not the engine's.
            Some(_) | None => {}
        }
        self.shared.inboxes.put(events);
        // This input comes before the outputs are at their end, since it follows from one of them, and
        // the next might be to receive more: see the test
        // `a_full_inbox_stops_receiving_and_reading_resumes_it`.
        if let Some(input) = self.news_of_room() {
            self.engine.handle(now, input);
        }
    }

    pub(super) fn no_receipts(&self, error: Error) {
        self.log.no_receipts(&error);
        self.shared.no_receipts(error);
    }

    pub(super) fn upgrade_is_over(&self, error: Option<Error>) {
        let upgrade = error.map_or(Upgrade::Over, Upgrade::Failed);
        self.shared.turn(|state| state.upgrade = Some(upgrade));
        self.shared.upgrade_is_over();
    }

    fn remember(&self, transport: Option<&str>) {
        if let Some(origin) = &self.remember {
            upgrade_memory::remember(origin, transport);
        }
    }
}
