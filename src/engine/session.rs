//! An open session: receiving, and sending batch by batch.

use std::time::Duration;

use super::send_queue::NextBatch;
use super::{Engine, Output, Phase, Reason, Sending};
use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::limits::Limit;
use crate::packet::Packet;
use crate::transport::Framing;

/// The most data that a ping may ask to have echoed: what a websocket's own ping may hold.
const MAX_PING: usize = 125;

impl Engine {
    pub(super) fn session_received(&mut self, now: Duration, packets: Vec<Packet>) {
        self.heartbeat.life(now);
        if self.receipts.watches_polls() {
            let confirmed = self.receipts.poll_ended(&packets);
            self.confirmed(confirmed);
        }
        if self.receipts.are_on() && self.receipts.fences_are_ignored(now, self.ping_timeout()) {
            let error = Error::new(
                ErrorKind::Unsupported,
                "the server does not answer websocket pings, so nothing can be confirmed",
            );
            if self.receipts.are_required() {
                self.take_in(packets);
                if !matches!(self.phase, Phase::Closed) {
                    self.end(Reason::Transport(error));
                }
                return;
            }
            self.no_receipts(error);
        }
        let only_noops = packets.iter().all(|packet| *packet == Packet::Noop);
        self.poll_spacing.polled(
            now,
            only_noops && self.current.framing == Some(Framing::Payloads),
        );
        self.take_in(packets);
    }

    /// Takes packets of the open session, and hands the messages on in one go.
    pub(super) fn take_in(&mut self, packets: Vec<Packet>) {
        if packets.is_empty() {
            let error = Error::new(ErrorKind::Protocol, "the transport brought no packet");
            return self.end(Reason::Transport(error));
        }
        let delivers = self.delivery.delivers(self.room);
        let mut end = None;
        let pong = &mut self.send_queue;
        // One size of packet and event, so that this reuses the allocation.
        let events: Vec<Event> = packets
            .into_iter()
            .filter_map(|packet| {
                if end.is_some() {
                    return None;
                }
                match packet {
                    Packet::Message(message) if delivers => return Some(Event::Message(message)),
                    Packet::Message(_) => {}
                    Packet::Ping(data) if data.len() > MAX_PING => {
                        let message = format!("a ping with more than {MAX_PING} bytes of data");
                        end = Some(Reason::Transport(Error::new(ErrorKind::Protocol, message)));
                    }
                    Packet::Ping(data) => pong.pong(data),
                    Packet::Close => end = Some(Reason::Server { close: None }),
                    // A second open packet changes nothing; the others say nothing to a client.
                    Packet::Open(_) | Packet::Pong(_) | Packet::Upgrade | Packet::Noop => {}
                }
                None
            })
            .collect();
        if !events.is_empty() {
            self.outputs.push_back(Output::Tell(events));
        }
        match end {
            Some(Reason::Server { .. }) => self.closed_by_server(),
            Some(reason) => self.end(reason),
            None => {}
        }
    }

    pub(super) fn pump_receive(&mut self, now: Duration) {
        if self.current.receiving {
            return;
        }
        if self.may_receive() && self.poll_spacing.is_due(now) {
            self.current.receiving = true;
            if self.receipts.watches_polls() {
                self.receipts.poll_begins(now);
            }
            self.heartbeat.resume(now);
            self.outputs.push_back(Output::Receive {
                link: self.current.id,
            });
        } else {
            // We do not listen, so we can't blame the server for silence.
            self.heartbeat.suspend();
        }
    }

    fn may_receive(&self) -> bool {
        let payloads = self.current.framing == Some(Framing::Payloads);
        let wanted = match &self.phase {
            Phase::Open => self.room,
            // A close reads on, so that the server is not stopped by a full pipe. On polling a GET
            // serves only to keep the session alive while there is something to flush.
            Phase::Closing(closing) if payloads => {
                !closing.said_goodbye() && (self.current.sending.is_some() || self.is_unsettled())
            }
            Phase::Closing(_) => true,
            _ => false,
        };
        wanted && !self.is_pausing()
    }

    /// When the next poll is due, where one is being put off.
    pub(super) fn poll_due(&self) -> Option<Duration> {
        let held = !self.current.receiving && self.may_receive();
        self.poll_spacing.due().filter(|_| held)
    }

    pub(super) fn pump_send(&mut self, now: Duration) {
        if self.send_queue.has_nothing() && !self.receipts.are_on() {
            return;
        }
        let said_goodbye = matches!(&self.phase, Phase::Closing(closing) if closing.said_goodbye());
        // A session that has expired (the machine was suspended) ends with the time-out that is
        // due; what is sent on it now would be lost.
        if self.current.sending.is_some()
            || said_goodbye
            || self.is_pausing()
            || self.heartbeat.expired(now)
        {
            return;
        }
        let batch = self.send_queue.next_batch(self.receipts.room());
        let handed = self.send_queue.handed();
        if let Some(NextBatch { packets, amount }) = batch {
            if self.receipts.are_on() {
                self.receipts.hand_over(amount);
            } else {
                self.send_queue.forget_groups(handed);
            }
            // The answer comes by the poll.
            self.poll_spacing.end_pause();
            let rides = matches!(packets.first(), Some(Packet::Pong(_)));
            let batch = Batch::from(packets);
            if rides || self.receipts.are_on() {
                self.send_with_fence(now, batch, rides);
            } else {
                self.send_on_current(now, batch);
            }
        } else if self.receipts.are_on() {
            self.send_fence(now);
        }
    }

    /// Sends a fence alone, if one is due. No message waits, or none that the window lets pass.
    pub(super) fn send_fence(&mut self, now: Duration) {
        let covers = self.send_queue.handed_whole();
        if let Some(fence) = self.receipts.fence(covers, true, false) {
            self.send_on_current(now, Batch::from(Vec::new()).with_fence(fence));
        }
    }

    /// Sends a batch, with a fence behind it if one is due.
    pub(super) fn send_with_fence(&mut self, now: Duration, batch: Batch, rides: bool) {
        let idle = self.send_queue.is_empty();
        let covers = self.send_queue.handed_whole();
        let batch = match self.receipts.fence(covers, idle, rides) {
            Some(fence) => batch.with_fence(fence),
            None => batch,
        };
        self.send_on_current(now, batch);
    }

    pub(super) fn send_on_current(&mut self, now: Duration, batch: Batch) {
        let link = self.current.id;
        self.current.sending = Some(Sending {
            batch: batch.clone(),
            begun: now,
            progress: now,
        });
        self.outputs.push_back(Output::Send { link, batch });
    }

    /// The longest time without progress of a batch.
    pub(super) fn send_limit(&self) -> Duration {
        match self.current.framing {
            Some(Framing::Frames) => self.heartbeat.span(),
            _ => self.config.send_timeout,
        }
    }

    pub(super) fn send_timeout(&self) -> Error {
        let limit = self.send_limit();
        if self.current.framing == Some(Framing::Frames) {
            // No setter changes it.
            let seconds = limit.as_secs_f64();
            let message = format!(
                "the send timeout of {seconds} s passed (the server's pingInterval and pingTimeout)"
            );
            return Error::new(ErrorKind::Timeout, message);
        }
        Error::timeout(Limit::SendTimeout, limit)
    }

    pub(super) fn send_deadline(&self) -> Option<Duration> {
        let sending = self.current.sending.as_ref()?;
        Some(sending.progress.saturating_add(self.send_limit()))
    }

    /// A batch did not leave, or not as a whole. What the server said before is still taken in: it
    /// may tell why.
    pub(super) fn send_failed(&mut self, now: Duration, error: Error) {
        if let Some(sending) = self.current.sending.take() {
            self.uncertain = super::outgoing::messages(sending.batch.into_packets()).collect();
        }
        // A server that has just closed the session refuses the POST, and says by the poll that it has
        // closed. On two connections the refusal may come first.
        let refused = error.kind() == ErrorKind::Status
            && self.current.framing == Some(Framing::Payloads)
            && self.current.receiving;
        let reason = Reason::Transport(error);
        if refused {
            self.await_the_poll(now, reason);
        } else {
            self.drain(reason);
        }
    }

    pub(super) fn closed_by_server(&mut self) {
        let ours = match &self.phase {
            Phase::Closing(closing) => closing.said_goodbye(),
            Phase::Draining(draining) => draining.is_ours(),
            _ => false,
        };
        let close = self.peer_close.take();
        self.end(if ours {
            Reason::Client
        } else {
            Reason::Server { close }
        });
    }
}
