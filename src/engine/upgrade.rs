//! The upgrade: a better transport is probed while polling goes on; then polling comes to rest, and
//! only then does the session go over. Until that moment everything can be undone.

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
    /// The server has answered: the current link comes to rest.
    answered: bool,
}

impl Probe {
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Engine {
    /// The transports in the server's list that come after the current one in ours.
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
            transport: self.name_of(transport),
            sid: self.handshake.clone(),
            redirect: None,
        };
        self.outputs.push_back(output);
        let deadline = now.saturating_add(self.config.upgrade_timeout);
        self.probe = Some(Probe {
            link,
            deadline,
            answered: false,
        });
    }

    pub(super) fn is_probe(&self, link: LinkId) -> bool {
        self.probe
            .as_ref()
            .is_some_and(|probe| probe.link.id == link)
    }

    /// Whether the current link is to start nothing new.
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

    /// The pong, once; python's server lets a noop slip in. Anything else fails the probe.
    pub(super) fn probe_received(&mut self, now: Duration, packets: Vec<Packet>) {
        let Some(probe) = &mut self.probe else { return };
        probe.link.receiving = false;
        let mut wrong = packets.is_empty().then_some("nothing");
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
                // Watched on, so that its death is seen in time to go back.
                probe.link.receiving = true;
                self.outputs.push_back(Output::Receive { link });
            }
            Some(name) => {
                let what = if probe.answered {
                    "after the pong"
                } else {
                    "instead of the pong"
                };
                let error = Error::new(
                    ErrorKind::Upgrade,
                    format!("the probe was sent {name} {what}"),
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
        let transport = self.name_of(probe.link.transport);
        self.upgrades = Upgrades::Tried(Some(error.clone()));
        self.outputs
            .push_back(Output::Tell(vec![Event::UpgradeFailed {
                transport,
                error,
            }]));
        self.poll_spacing.end_pause();
        self.next_probe(now);
    }

    /// Tells once what has come of all upgrades.
    pub(super) fn tell_of_upgrades(&mut self) {
        if self.probe.is_none()
            && !matches!(self.phase, Phase::Closed)
            && let Upgrades::Tried(error) = &mut self.upgrades
        {
            self.outputs.push_back(Output::UpgradeIsOver(error.take()));
            self.upgrades = Upgrades::Told;
        }
    }

    /// Goes back to polling, for good, without a word. The link is kept, unused, to the end of the
    /// session: engineioxide ends a session whose probe ends, and what is to be flushed with it.
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

    /// The point of no return: both links at rest, so nothing can be lost on the old one.
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
        self.send_with_fence(now, Batch::from(vec![Packet::Upgrade]), false);
        // Its goodbye would end the session.
        self.outputs.push_back(Output::Drop { link: old.id });
        self.accept(Acceptance::new(framing, max_payload));
        let transport = self.name_of(self.current.transport);
        self.outputs
            .push_back(Output::Tell(vec![Event::Upgraded { transport }]));
        self.upgrades = Upgrades::Tried(None);
        self.poll_spacing.end_pause();
        self.heartbeat.resume(now);
    }
}
