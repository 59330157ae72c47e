//! The body of a POST, which is encoded piece by piece.

use engineio_client::Batch;
use engineio_client::codec::SEPARATOR;

/// A batch as a payload. [`encode_payload`](engineio_client::codec::encode_payload) returns the same
/// bytes as a whole.
pub(super) struct Body {
    batch: Batch,
    /// Index of the packet that is being encoded.
    index: usize,
    /// Number of its bytes that were encoded.
    done: usize,
    /// The separator before the packet was encoded.
    is_separated: bool,
}

impl Body {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            batch,
            index: 0,
            done: 0,
            // There is no separator before the first packet.
            is_separated: true,
        }
    }

    /// Writes the next bytes to the front of `room`, which has at least four bytes. Returns their number,
    /// which is zero only at the end.
    pub(super) fn encode(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0_usize;
        while let Some(frame) = self.batch.frame(self.index) {
            if !self.is_separated {
                let Some(next) = room.get_mut(filled) else {
                    break;
                };
                *next = SEPARATOR;
                filled = filled.saturating_add(1);
                self.is_separated = true;
            }
            let left = room.get_mut(filled..).unwrap_or_default();
            let count = frame.encode_part(self.done, left);
            filled = filled.saturating_add(count);
            self.done = self.done.saturating_add(count);
            if self.done < frame.payload_len() {
                break;
            }
            self.index = self.index.saturating_add(1);
            self.done = 0;
            self.is_separated = false;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use engineio_client::codec::{Packets as _, encode_payload};
    use engineio_client::{Message, Packet};

    use super::*;

    #[test]
    fn a_body_is_the_payload_in_pieces_of_any_length() {
        let text = |text: &str| Packet::Message(Message::from(text));
        let binary = |length: u8| Packet::Message(Message::from((0..length).collect::<Vec<u8>>()));
        for packets in [
            vec![Packet::Close],
            vec![binary(0), text(""), binary(0)],
            vec![
                text("hè"),
                binary(1),
                binary(2),
                text("é"),
                binary(3),
                Packet::Noop,
            ],
            vec![
                binary(100),
                text("a text that is longer"),
                binary(101),
                binary(102),
            ],
        ] {
            let batch = Batch::from(packets);
            let whole = encode_payload(&batch);
            assert_eq!(batch.payload_len(), whole.len());
            let mut appended = vec![1, 2];
            batch.append_payload(&mut appended);
            assert_eq!(appended, [&[1, 2], &*whole].concat());
            for most in 4..=whole.len() + 4 {
                let mut body = Body::new(batch.clone());
                let mut encoded = Vec::new();
                loop {
                    let mut room = vec![0; most];
                    match body.encode(&mut room) {
                        0 => break,
                        count => encoded.extend(&room[..count]),
                    }
                }
                assert_eq!(encoded, whole, "{most}");
            }
        }
    }
}
