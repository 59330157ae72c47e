//! The rules of the outbox, one by one. (`client::test_model` runs it in random sequences of calls.)

mod confirmations;
mod room;
mod session;
mod sinks;

use super::*;
use crate::packet::Packet;
use crate::transport::Framing;

type Names = Outbox<&'static str>;

const CAPACITY: Amount = Amount {
    messages: 3,
    bytes: 30,
};

fn open(capacity: Amount) -> Names {
    let mut outbox = Outbox::new(capacity);
    outbox.accept(Acceptance::new(Framing::Payloads, Some(1000)));
    outbox
}

fn message(length: usize) -> Message {
    Message::from("x".repeat(length))
}

fn amount(length: usize) -> Amount {
    message(length).amount()
}

/// The reason why a message is not accepted, or `None` if it is.
fn offer(outbox: &mut Names, length: usize) -> Option<ErrorKind> {
    refused(outbox.offer(message(length)))
}

fn claim(outbox: &mut Names, ticket: Ticket, length: usize) -> Option<ErrorKind> {
    refused(outbox.claim(ticket, message(length), &"again"))
}

fn refused<C, P>(sent: Result<C, Refusal<P>>) -> Option<ErrorKind> {
    match sent {
        Ok(_) => None,
        Err(Refusal::Later(_, kind)) => Some(kind),
        Err(Refusal::Never(_, error)) => Some(error.kind()),
    }
}

fn woken(outbox: &mut Names) -> Vec<&'static str> {
    outbox.take_woken().unwrap_or_default()
}

/// Sends this many messages of this length.
fn leave(outbox: &mut Names, messages: usize, length: usize) {
    outbox.take_queue(true, &mut PacketList::default());
    let packets = vec![Packet::Message(message(length)); messages];
    outbox.batch_left(&Batch::from(packets));
}
