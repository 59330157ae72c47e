//! The messages of a long exchange. `servers/messages.js` makes the same ones.

use engineio_client::Message;

/// The lengths of the binary messages go from 0 to this.
const LONGEST: u32 = 300;

/// The message with this number. Every fourth number has the same kind, and each kind takes all its lengths in turn.
pub fn message(number: u32) -> Message {
    let round = number / 4;
    match number % 4 {
        0 => Message::from(format!("text {number} ä€😀\u{2028}\u{2029}\"\\\n")),
        1 => Message::from(bytes(number, round % (LONGEST + 1))),
        2 if round.is_multiple_of(5) => Message::from(""),
        2 => Message::from(format!("{number} ").repeat((round % 40) as usize)),
        _ => Message::from(number.to_be_bytes().as_slice()),
    }
}

/// `length` bytes in which every value occurs if there is room for it.
pub fn bytes(number: u32, length: u32) -> Vec<u8> {
    (0..length).map(|at| low_byte(number + at)).collect()
}

/// `length` bytes with a long period, so that a piece that is missing, doubled or moved shows.
pub fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        low_byte(state >> 24)
    };
    (0..length).map(|_| next()).collect()
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// The beginning of a message, for an error.
pub fn shown(message: &Message) -> String {
    let text = format!("{message:?}");
    let beginning: String = text.chars().take(120).collect();
    format!("{beginning} ({} bytes)", message.len())
}
