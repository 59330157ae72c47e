//! The upgrade from polling to a better transport, usually WebSocket.
//!
//! 1. **Probe.** The engine opens a second link for the session, the probe, and sends `2probe` on it.
//!    Polling continues in both directions. The server answers `3probe`.
//! 2. **Pause.** After the `3probe` the engine starts no further GET or POST. Running calls are left to
//!    finish (the server answers a waiting GET with a noop), and the packets that they return are
//!    delivered. Dropping these calls would lose messages and may end the session. A `recv` on the
//!    probe keeps running, so that a failure of the probe is noticed.
//! 3. **Swap.** When GET and POST have both returned, the engine sends `5` on the probe. This is the
//!    point of no return: the server now discards polling, and the probe becomes the current link.
//!    Queued messages follow the `5`. The polling link is dropped without a goodbye, which would end the
//!    session.
//!
//! One deadline covers the time from opening the probe to the `5`: 7 s by default, since Node's server
//! gives up after 10 s. Until the `5` every step can be undone: if the probe fails, it is dropped,
//! polling continues with all queued messages, and the next candidate is probed. After the `5` a failure
//! ends the session.

use std::time::Duration;

use super::{Acceptance, Engine, Link, LinkId, Output, Phase, Sending, Upgrades};
use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::limits::Limit;
use crate::packet::{Packet, Text};
use crate::transport::{Confirms, Framing};

#[derive(Debug)]
pub(super) struct Probe {
    link: Link,
    deadline: Duration,
    /// The `3probe` has arrived, so the current link is pausing.
    answered: bool,
}

impl Probe {
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Engine {
    /// Finds the transports that the server offers and that come after the current one in our list.
    pub(super) fn find_candidates(&mut self, offered: &[String]) {
        if !self.config.upgrade || self.current.framing != Some(Framing::Payloads) {
            return;
        }
        let names = self.config.transports.iter().enumerate();
        self.candidates = names
            .skip(self.current.transport.saturating_add(1))
            .filter(|(_, name)| offered.iter().any(|offer| offer == *name))
            .map(|(index, _)| index)
            .collect();
    }

    pub(super) fn next_probe(&mut self, now: Duration) {
        let Some(transport) = self.candidates.pop_front() else {
            return;
        };
        let link = self.new_link(transport);
        let output = Output::Open {
            link: link.id,
            transport: self.transport_name(transport),
            sid: self.handshake.clone(),
            redirect: None,
        };
        self.outputs.push_back(output);
        let deadline = now.saturating_add(self.config.upgrade_timeout);
        self.probe = Some(Box::new(Probe {
            link,
            deadline,
            answered: false,
        }));
    }

    pub(super) fn is_probe(&self, link: LinkId) -> bool {
        self.probe
            .as_ref()
            .is_some_and(|probe| probe.link.id == link)
    }

    /// Whether the current link may start no further call.
    pub(super) fn is_pausing(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.answered)
    }

    pub(super) fn probe_opened(
        &mut self,
        now: Duration,
        framing: Framing,
        confirms: Confirms,
        key: u64,
    ) {
        let Some(probe) = &mut self.probe else { return };
        if probe.link.framing.is_some() {
            return;
        }
        if confirms == Confirms::Never && self.receipts.are_required() {
            let transport = probe.link.transport;
            return self.probe_failed(now, self.unsupported(transport));
        }
        (probe.link.confirms, probe.link.key) = (confirms, key);
        let link = probe.link.id;
        let batch = Batch::from(vec![Packet::Ping(Text::from_static("probe"))]);
        probe.link.framing = Some(framing);
        probe.link.receiving = true;
        probe.link.sending = Some(Sending {
            batch: batch.clone(),
            begun: now,
            progress: now,
        });
        self.outputs.push_back(Output::Send { link, batch });
        self.outputs.push_back(Output::Receive { link });
    }

    pub(super) fn probe_sent(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.link.sending = None;
        }
    }

    /// Expects one pong. Noops are ignored, because python-engineio's server may send one. Any other
    /// packet makes the probe fail.
    pub(super) fn probe_received(&mut self, now: Duration, packets: Vec<Packet>) {
        let Some(probe) = &mut self.probe else { return };
        probe.link.receiving = false;
        let mut wrong = packets.is_empty().then_some("no packet");
        for packet in &packets {
            match packet {
                Packet::Noop => {}
                Packet::Pong(data) if data == "probe" && !probe.answered => probe.answered = true,
                other => {
                    wrong = Some(other.name());
                    break;
                }
            }
        }
        let link = probe.link.id;
        match wrong {
            None => {
                // Keep receiving, so that a failure of the probe is noticed before the swap.
                probe.link.receiving = true;
                self.outputs.push_back(Output::Receive { link });
            }
            Some(name) => {
                let when = if probe.answered {
                    "after the pong"
                } else {
                    "instead of the pong"
                };
                let error = Error::new(
                    ErrorKind::Upgrade,
                    format!("the server answered the probe with {name} {when}"),
                );
                self.probe_failed(now, error);
            }
        }
    }

    pub(super) fn probe_failed(&mut self, now: Duration, error: Error) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        self.outputs.push_back(Output::Drop {
            link: probe.link.id,
        });
        let transport = self.transport_name(probe.link.transport);
        self.upgrades = Upgrades::Unreported(Some(error.clone()));
        self.outputs
            .push_back(Output::Tell(vec![Event::UpgradeFailed {
                transport,
                error,
            }]));
        self.poll_spacing.end_pause();
        self.next_probe(now);
    }

    /// Reports once that no further upgrade will be tried.
    pub(super) fn report_upgrades(&mut self) {
        if self.probe.is_none()
            && !matches!(self.phase, Phase::Closed)
            && let Upgrades::Unreported(error) = &mut self.upgrades
        {
            // Opening a session takes more outputs at once than an open session.
            self.outputs.shrink_to(2);
            self.outputs.push_back(Output::UpgradeIsOver(error.take()));
            self.upgrades = Upgrades::Reported;
        }
    }

    /// Goes back to polling for the rest of the session, without an event. The probe's link stays open,
    /// unused, until the session ends: engineioxide ends a session whose probe is closed, and the
    /// messages that are still to be sent would be lost.
    pub(super) fn abandon_probe(&mut self) {
        self.candidates.clear();
        if let Some(probe) = self.probe.take() {
            self.abandoned = Some(probe.link.id);
        }
    }

    pub(super) fn upgrade_timeout(&mut self, now: Duration) {
        if self
            .probe
            .as_ref()
            .is_some_and(|probe| now >= probe.deadline)
        {
            let error = Error::timeout(Limit::UpgradeTimeout, self.config.upgrade_timeout);
            self.probe_failed(now, error);
        }
    }

    /// Swaps the links once no call runs on the old one, so that no message can be lost there.
    pub(super) fn pump_upgrade(&mut self, now: Duration) {
        let ready = self.current.idle()
            && self
                .probe
                .as_ref()
                .is_some_and(|probe| probe.answered && probe.link.sending.is_none());
        if !ready {
            return;
        }
        let Some(probe) = self.probe.take() else {
            return;
        };
        self.candidates.clear();
        let old = std::mem::replace(&mut self.current, probe.link);
        let max_payload = self
            .handshake
            .as_ref()
            .and_then(|handshake| handshake.max_payload);
        let framing = self.current.framing.unwrap_or(Framing::Frames);
        self.use_link();
        // The first fence of this link. There is none on a probe: engineioxide fails an upgrade on any
        // frame before the `5` that is not text.
        self.send_with_fence(now, Batch::from(vec![Packet::Upgrade]), false);
        // Not `Close`: its goodbye would end the session.
        self.outputs.push_back(Output::Drop { link: old.id });
        self.accept(Acceptance::new(framing, max_payload));
        let transport = self.transport_name(self.current.transport);
        self.outputs
            .push_back(Output::Tell(vec![Event::Upgraded { transport }]));
        self.upgrades = Upgrades::Unreported(None);
        self.poll_spacing.end_pause();
        self.heartbeat.resume(now);
    }
}
