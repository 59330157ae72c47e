//! The open session: receives packets, and sends queued messages in batches.

use std::time::Duration;

use super::send_queue::NextBatch;
use super::{Engine, Output, Phase, Reason, Sending};
use crate::batch::Batch;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::limits::Limit;
use crate::packet::Packet;
use crate::seconds::Seconds;
use crate::transport::Framing;

/// Maximum data in a ping, which the pong has to echo. A WebSocket ping has the same limit (RFC 6455,
/// 5.5).
const MAX_PING: usize = 125;

impl Engine {
    pub(super) fn session_received(&mut self, now: Duration, packets: Vec<Packet>) {
        self.heartbeat.activity(now);
        if self.receipts.watches_polls() {
            let confirmed = self.receipts.poll_ended(&packets);
            self.confirmed(confirmed);
        }
        if self.receipts.are_on() && self.receipts.fences_are_ignored(now, self.ping_timeout()) {
            let error = Error::new(
                ErrorKind::Unsupported,
                "the server does not answer WebSocket pings, so no message can be confirmed",
            );
            if self.receipts.are_required() {
                self.process_packets(packets);
                if !matches!(self.phase, Phase::Closed) {
                    self.end(Reason::Transport(error));
                }
                return;
            }
            self.turn_off_receipts(error);
        }
        let only_noops = packets.iter().all(|packet| *packet == Packet::Noop);
        self.poll_spacing.polled(
            now,
            only_noops && self.current.framing == Some(Framing::Payloads),
        );
        self.process_packets(packets);
    }

    /// Handles packets of the open session. Their messages are reported in one output.
    pub(super) fn process_packets(&mut self, packets: Vec<Packet>) {
        if packets.is_empty() {
            let error = Error::new(ErrorKind::Protocol, "the transport returned no packet");
            return self.end(Reason::Transport(error));
        }
        let delivers = self.delivery.delivers(self.inbox_has_room);
        let mut end = None;
        let send_queue = &mut self.send_queue;
        // `Packet` and `Event` have the same size, so `collect` reuses the allocation.
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
                        let message = format!(
                            "the server sent a ping with more than {MAX_PING} bytes of data"
                        );
                        end = Some(Reason::Transport(Error::new(ErrorKind::Protocol, message)));
                    }
                    Packet::Ping(data) => send_queue.pong(data),
                    Packet::Close => end = Some(Reason::Server { close: None }),
                    // A second open packet is ignored. The other three have no meaning in an open
                    // session.
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
            // Without a running `recv`, the server's packets can't arrive. Its silence says nothing.
            self.heartbeat.suspend();
        }
    }

    fn may_receive(&self) -> bool {
        let payloads = self.current.framing == Some(Framing::Payloads);
        let wanted = match &self.phase {
            Phase::Open => self.inbox_has_room,
            // While closing, the client keeps reading: a server that can't write because the connection
            // is full may not read either. On polling, a further GET is needed only to keep the session
            // alive while messages are still being sent or confirmed.
            Phase::Closing(closing) if payloads => {
                !closing.said_goodbye() && (self.current.sending.is_some() || self.is_unsettled())
            }
            Phase::Closing(_) => true,
            _ => false,
        };
        wanted && !self.is_pausing()
    }

    /// When the next poll is due, if the poll spacing is what delays it.
    pub(super) fn poll_due(&self) -> Option<Duration> {
        let held = !self.current.receiving && self.may_receive();
        self.poll_spacing.due().filter(|_| held)
    }

    pub(super) fn pump_send(&mut self, now: Duration) {
        if self.send_queue.nothing_to_send() && !self.receipts.are_on() {
            return;
        }
        let said_goodbye = matches!(&self.phase, Phase::Closing(closing) if closing.said_goodbye());
        // After the machine was suspended, the heartbeat deadline may have passed while its timeout has
        // not been handled yet. The server has dropped the session, so a batch sent now would be lost.
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
            // The server's response to these messages will arrive in a poll.
            self.poll_spacing.end_pause();
            let piggybacks = matches!(packets.frame(0), Some(Frame::Text(b'3', _)));
            let batch = Batch::new(packets);
            if piggybacks || self.receipts.are_on() {
                self.send_with_fence(now, batch, piggybacks);
            } else {
                self.send_on_current(now, batch);
            }
        } else if self.receipts.are_on() {
            self.send_fence(now);
        }
    }

    /// Sends a fence without packets, if one is due. Called when no message is queued, or when the
    /// window has no room for the next one.
    pub(super) fn send_fence(&mut self, now: Duration) {
        let covers = self.send_queue.handed_whole_groups();
        if let Some(fence) = self.receipts.fence(covers, true, false) {
            self.send_on_current(now, Batch::from(Vec::new()).with_fence(fence));
        }
    }

    /// Sends a batch, followed by a fence if one is due.
    pub(super) fn send_with_fence(&mut self, now: Duration, batch: Batch, piggybacks: bool) {
        let queue_empty = self.send_queue.is_empty();
        let covers = self.send_queue.handed_whole_groups();
        let batch = match self.receipts.fence(covers, queue_empty, piggybacks) {
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

    /// Maximum time without progress of a batch.
    pub(super) fn send_limit(&self) -> Duration {
        match self.current.framing {
            Some(Framing::Frames) => self.heartbeat.span(),
            _ => self.config.send_timeout,
        }
    }

    pub(super) fn send_timeout(&self) -> Error {
        let limit = self.send_limit();
        if self.current.framing == Some(Framing::Frames) {
            // No setter changes this limit, so the error names the values from which it is computed.
            let seconds = Seconds(limit);
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

    /// A `send` has failed, so an unknown part of its batch has left. Packets that have already arrived
    /// are handled before the session ends, because they may hold the server's close and thereby the
    /// reason.
    pub(super) fn send_failed(&mut self, now: Duration, error: Error) {
        if let Some(sending) = self.current.sending.take() {
            self.uncertain = sending.batch.into_messages().collect();
        }
        // A server that has just closed the session refuses the POST and reports the close in the poll
        // (engineioxide does so when its handler of the POST closes). The two responses come over two
        // connections, so the refusal may arrive first.
        let refused = error.kind() == ErrorKind::Status
            && self.current.framing == Some(Framing::Payloads)
            && self.current.receiving;
        let reason = Reason::Transport(error);
        if refused {
            self.await_poll(now, reason);
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
