//! The packets that the checks send, and how they are compared.

use engineio_client::{Message, Packet};

/// The result of a check or of a step. The error is the reason of the failure.
pub(super) type Outcome = Result<(), String>;

pub(super) fn text(text: &str) -> Packet {
    Packet::Message(Message::from(text))
}

pub(super) fn length(packet: &Packet) -> usize {
    match packet {
        Packet::Message(message) => message.len(),
        _ => 0,
    }
}

/// All kinds of packets that a link carries in either direction, except for the close packet.
pub(super) fn all_kinds() -> Vec<Packet> {
    vec![
        Packet::Open("{}".into()),
        Packet::Ping("probe".into()),
        Packet::Pong("probe".into()),
        text("a"),
        Packet::Message(Message::from(vec![0, 1, 2, 0x1e, 255])),
        text("wörld 🌍 \"\\\n\u{0}"),
        Packet::Noop,
        text("4"),
        Packet::Message(Message::from(b"b")),
        Packet::Ping("".into()),
        Packet::Pong("".into()),
        Packet::Upgrade,
    ]
}

pub(super) fn empty() -> Vec<Packet> {
    vec![
        text(""),
        Packet::Message(Message::from(Vec::new())),
        text(""),
    ]
}

pub(super) fn large() -> Vec<Packet> {
    let bytes: Vec<u8> = (0..=250).cycle().take(1024 * 1024).collect();
    vec![
        text(&"Größe".repeat(150_000)),
        Packet::Message(Message::from(bytes)),
    ]
}

pub(super) fn compare(packets: &[Packet], expected: &[Packet], what: &str) -> Outcome {
    if packets == expected {
        return Ok(());
    }
    Err(format!(
        "{what} {} instead of {}",
        list(packets),
        list(expected)
    ))
}

/// Packets for an error message: at most 16, with large messages abridged.
pub(super) fn list(packets: &[Packet]) -> String {
    const SHOWN: usize = 16;
    let mut shown: Vec<String> = packets
        .iter()
        .take(SHOWN)
        .map(|packet| match packet {
            Packet::Message(message) if message.len() > 40 => {
                format!("a message of {} bytes", message.len())
            }
            packet => format!("{packet:?}"),
        })
        .collect();
    if let Some(more) = packets.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    format!("[{}]", shown.join(", "))
}
