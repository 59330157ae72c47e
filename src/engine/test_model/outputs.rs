//! Executes the engine's outputs, and checks that each is allowed at this point.

use super::*;

impl Model {
    /// Executes all outputs until the next `Wait`.
    pub(super) fn execute(&mut self) {
        for output in self.engine.outputs() {
            assert!(self.end.is_none(), "{output:?} after the end");
            match output {
                Output::Open {
                    link,
                    transport,
                    sid,
                    redirect: _,
                } => self.call_open(link, transport, sid.is_some()),
                Output::Receive { link } => self.call_receive(link),
                Output::Send { link, batch } => {
                    self.call_send(link, &batch);
                    self.check_window();
                }
                Output::Close { link } => self.call_close(link),
                Output::Drain { link } => assert!(self.link(link).receiving),
                Output::Drop { link } => {
                    self.link(link);
                    self.links.remove(&link);
                    self.dropped.push(link);
                }
                Output::Accept(acceptance) => self.acceptance = Some(acceptance),
                Output::UpgradeIsOver(_) => self.end_upgrades(),
                Output::Left(batch) => self.left.extend(batch_labels(&batch.into_packets())),
                Output::Tell(events) => events.into_iter().for_each(|event| self.hear(event)),
                Output::Confirmed(count) => self.confirmed += usize::try_from(count).unwrap(),
                Output::NoReceipts(_) => {
                    assert!(!self.no_receipts, "reported twice");
                    self.no_receipts = true;
                }
                Output::Closed(ended) => self.end = Some(*ended),
                Output::Wait(_) => unreachable!(),
            }
        }
        if let Some(wait) = self.engine.wait.filter(|_| self.end.is_none()) {
            assert!(wait + Duration::from_secs(3600) > self.engine.now);
        }
    }

    fn call_open(&mut self, link: LinkId, transport: &'static str, for_upgrade: bool) {
        assert_eq!(for_upgrade, self.handshake_given);
        if for_upgrade {
            let session = &self.links[&self.session];
            assert_eq!(session.framing, Some(Framing::Payloads));
            assert!(self.engine.inner.config.upgrade);
        }
        let calls = Calls {
            opening: true,
            transport,
            ..Calls::default()
        };
        assert!(
            self.links.insert(link, calls).is_none(),
            "{link:?} is opened twice"
        );
        if !self.handshake_given {
            self.session = link;
        }
    }

    fn call_receive(&mut self, link: LinkId) {
        let calls = self.link(link);
        assert!(
            !calls.opening && !calls.receiving,
            "two receive calls on {link:?}"
        );
        calls.receiving = true;
    }

    /// Unconfirmed messages never exceed the window, except for a single message.
    fn check_window(&self) {
        if self.engine.inner.config.receipts.is_none() || self.no_receipts {
            return;
        }
        let mut unconfirmed = self.left.clone();
        if let Some(packets) = &self.links[&self.session].sending {
            unconfirmed.extend(batch_labels(packets));
        }
        let unconfirmed = &unconfirmed[self.confirmed..];
        let bytes = unconfirmed.iter().map(String::len).sum::<usize>();
        assert!(
            unconfirmed.len() <= 1
                || (unconfirmed.len() <= WINDOW.messages && bytes <= WINDOW.bytes)
        );
    }

    fn call_send(&mut self, link: LinkId, batch: &Batch) {
        let packets = batch.to_vec();
        let calls = self.link(link);
        assert!(
            !calls.opening && calls.sending.is_none() && !calls.closing,
            "two send calls on {link:?}"
        );
        assert!(!batch.is_empty() || batch.fence().is_some());
        if let Some(fence) = batch.fence() {
            let calls = self.link(link);
            assert_eq!(calls.confirms(), Confirms::ByFence);
            calls.fences.push_back(*fence);
            assert!(calls.fences.len() <= 8);
        }
        let calls = self.link(link);
        if calls.framing == Some(Framing::Payloads) {
            self.check_payload(&packets);
        }
        self.link(link).sending = Some(packets.clone());
        if packets == [Packet::Upgrade] {
            let old = &self.links[&self.session];
            assert!(
                !old.receiving && old.sending.is_none(),
                "a call still runs on the old link"
            );
            self.session = link;
        } else if link != self.session {
            assert_eq!(packets, [Packet::Ping(Text::from("probe"))], "on a probe");
        }
    }

    /// A payload is within the server's limits, or holds a single packet.
    fn check_payload(&self, packets: &[Packet]) {
        let limit = match self.max_payload {
            0 => usize::MAX,
            limit => limit,
        };
        let sizes = packets.iter().map(|packet| payload_len(packet) + 1);
        let size = sizes.sum::<usize>() - 1;
        assert!(
            size <= limit || packets.len() == 1,
            "a payload of {size} bytes"
        );
        assert!(packets.len() <= 16);
    }

    fn call_close(&mut self, link: LinkId) {
        assert_eq!(
            link, self.session,
            "a goodbye on a link other than the current one"
        );
        let calls = self.link(link);
        assert!(calls.sending.is_none() && !calls.closing);
        calls.closing = true;
        assert!(self.closing);
    }

    fn end_upgrades(&mut self) {
        assert!(!self.upgrades_over, "reported twice");
        assert!(
            self.engine.inner.probe.is_none(),
            "an upgrade is still in progress"
        );
        self.upgrades_over = true;
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.delivered.extend(labels(&[message])),
            Event::Connected(_) => {
                assert!(!self.open);
                self.open = true;
            }
            _ => assert!(self.open),
        }
    }
}
