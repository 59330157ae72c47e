//! Passes the engine's events to the log, the shared state and the inboxes.

use std::time::Duration;

use super::super::shared::Upgrade;
use super::super::upgrade_memory;
use super::Driver;
use super::target::Target;
use crate::error::Error;
use crate::event::Event;

impl Driver {
    pub(super) fn pass_on(&mut self, now: Duration, events: Vec<Event>) {
        // The engine emits each of these events alone, never in a list with messages.
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
            // The engine emits no other events.
            Some(_) | None => {}
        }
        self.shared.inboxes.put(events);
        // The engine must know of a full inbox before its next output, which could be to receive more.
        // So this input comes while outputs are still being carried out: see the test
        // `a_full_inbox_stops_receiving_and_reading_resumes_it`.
        if let Some(input) = self.room_changed() {
            self.engine.handle(now, input);
        }
    }

    pub(super) fn no_receipts(&self, error: Error) {
        self.log.no_receipts(&error);
        self.shared.no_receipts(error);
    }

    pub(super) fn upgrade_is_over(&mut self, error: Option<Error>) {
        if let Target::Request(request) = &self.target {
            // The engine opens no more links.
            self.target = Target::Url(request.url.as_str().into());
        }
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
