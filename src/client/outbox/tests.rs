//! The rules of the outbox, one by one. (Whatever else may happen to it, the model of the client does.)

use super::*;
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

/// Why it is not accepted, if it is not.
fn offer(outbox: &mut Names, length: usize) -> Option<ErrorKind> {
    refused(outbox.offer(message(length)))
}

fn claim(outbox: &mut Names, ticket: Ticket, length: usize) -> Option<ErrorKind> {
    refused(outbox.claim(ticket, message(length), &"again"))
}

fn refused<P>(sent: Result<(), Refusal<P>>) -> Option<ErrorKind> {
    match sent {
        Ok(()) => None,
        Err(Refusal::Later(_, kind)) => Some(kind),
        Err(Refusal::Never(_, error)) => Some(error.kind()),
    }
}

fn woken(outbox: &mut Names) -> Vec<&'static str> {
    outbox.take_woken().unwrap_or_default()
}

/// As many messages of this length leave.
fn leave(outbox: &mut Names, messages: usize, length: usize) {
    outbox.take_queue(true, &mut Vec::new());
    outbox.batch_left(&vec![Packet::Message(message(length)); messages]);
}

#[test]
fn a_newcomer_enters_while_there_is_room_and_nobody_waits() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 10), None);
    assert_eq!(offer(&mut outbox, 21), Some(ErrorKind::Full), "31 bytes");
    assert_eq!(offer(&mut outbox, 10), None);
    let waiting = outbox.queue_up(amount(11), "waits");
    assert_eq!(
        offer(&mut outbox, 1),
        Some(ErrorKind::Full),
        "another waits"
    );
    outbox.cancel(waiting);
    assert_eq!(offer(&mut outbox, 10), None);
    assert_eq!(offer(&mut outbox, 0), Some(ErrorKind::Full), "4 messages");
    assert_eq!(
        outbox.audit().pending,
        Amount {
            messages: 3,
            bytes: 30
        }
    );
    assert_eq!(outbox.audit().accepted, 3);
}

#[test]
fn what_is_larger_than_the_outbox_is_let_in_alone() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 50), None);
    assert_eq!(offer(&mut outbox, 0), Some(ErrorKind::Full));
    let large = outbox.queue_up(amount(40), "large");
    leave(&mut outbox, 1, 50);
    assert_eq!(woken(&mut outbox), ["large"]);
    assert_eq!(
        offer(&mut outbox, 0),
        Some(ErrorKind::Full),
        "its room is reserved"
    );
    assert_eq!(claim(&mut outbox, large, 40), None);
    leave(&mut outbox, 1, 40);
    let group = vec![message(1); 4];
    assert_eq!(refused(outbox.offer(group)), None);
    assert_eq!(
        outbox.audit().pending,
        Amount {
            messages: 4,
            bytes: 4
        }
    );
}

#[test]
fn those_who_wait_are_given_room_in_order_and_only_they_are_woken() {
    let mut outbox = open(CAPACITY);
    for _ in 0..3 {
        assert_eq!(offer(&mut outbox, 10), None);
    }
    let first = outbox.queue_up(amount(20), "first");
    let second = outbox.queue_up(amount(5), "second");
    let third = outbox.queue_up(amount(5), "third");
    leave(&mut outbox, 1, 10);
    assert_eq!(woken(&mut outbox), [""; 0], "not enough for the first");
    leave(&mut outbox, 1, 10);
    assert_eq!(woken(&mut outbox), ["first"]);
    assert_eq!(claim(&mut outbox, second, 5), Some(ErrorKind::Full));
    leave(&mut outbox, 1, 10);
    assert_eq!(woken(&mut outbox), ["again", "third"]);
    assert_eq!(
        outbox.audit().reserved,
        Amount {
            messages: 3,
            bytes: 30
        }
    );
    // In whichever order they use it.
    assert_eq!(claim(&mut outbox, third, 5), None);
    assert_eq!(claim(&mut outbox, first, 20), None);
    assert_eq!(claim(&mut outbox, second, 5), None);
    assert_eq!(outbox.audit().reserved, Amount::default());
    assert_eq!(
        outbox.audit().pending,
        Amount {
            messages: 3,
            bytes: 30
        }
    );
}

#[test]
fn room_that_is_given_up_goes_to_the_next() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 30), None);
    let first = outbox.queue_up(amount(30), "first");
    let second = outbox.queue_up(amount(30), "second");
    outbox.queue_up(amount(1), "third");
    leave(&mut outbox, 1, 30);
    assert_eq!(woken(&mut outbox), ["first"]);
    outbox.cancel(first);
    assert_eq!(woken(&mut outbox), ["second"]);
    // One whose message can't be sent after all gives its room back as well.
    outbox.accept(Acceptance::new(Framing::Payloads, Some(10)));
    let refusal = claim(&mut outbox, second, 30);
    assert_eq!(refusal, Some(ErrorKind::TooLarge));
    assert_eq!(woken(&mut outbox), ["third"]);
}

#[test]
fn a_place_in_the_queue_that_is_given_up_holds_up_nobody_behind_it() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 10), None);
    let large = outbox.queue_up(amount(25), "large");
    outbox.queue_up(amount(5), "small");
    assert_eq!(woken(&mut outbox), [""; 0]);
    outbox.cancel(large);
    assert_eq!(woken(&mut outbox), ["small"]);
}

#[test]
fn nobody_is_given_room_before_the_session_is_open_or_after_it_closes() {
    let mut outbox = Names::new(CAPACITY);
    assert_eq!(offer(&mut outbox, 1), Some(ErrorKind::NotOpen));
    let ticket = outbox.queue_up(amount(1), "early");
    let other = outbox.queue_up(amount(1), "cancelled");
    outbox.cancel(other);
    assert_eq!(woken(&mut outbox), [""; 0]);
    assert_eq!(claim(&mut outbox, ticket, 1), Some(ErrorKind::NotOpen));
    outbox.accept(Acceptance::new(Framing::Frames, None));
    assert_eq!(woken(&mut outbox), ["again"]);
    let late = outbox.queue_up(amount(100), "late");
    outbox.close();
    assert_eq!(woken(&mut outbox), ["late"]);
    assert!(outbox.is_closing());
    for ticket in [ticket, late] {
        assert_eq!(claim(&mut outbox, ticket, 1), Some(ErrorKind::Closed));
    }
    assert_eq!(offer(&mut outbox, 1), Some(ErrorKind::Closed));
    assert_eq!(outbox.audit().reserved, Amount::default());
}

/// Batches of polling are short, and to wake somebody for each message costs more than the message.
#[test]
fn room_is_given_when_a_32nd_of_the_outbox_is_free_or_all_of_it() {
    let wide = Amount {
        messages: 64,
        bytes: 640,
    };
    let mut outbox = open(wide);
    for _ in 0..64 {
        assert_eq!(offer(&mut outbox, 1), None);
    }
    let first = outbox.queue_up(amount(1), "first");
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), [""; 0]);
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["first"]);
    outbox.cancel(first);

    // And so for bytes.
    let mut outbox = open(wide);
    assert_eq!(offer(&mut outbox, 621), None);
    assert_eq!(offer(&mut outbox, 1), None);
    let refusal = offer(&mut outbox, 19);
    assert_eq!(refusal, Some(ErrorKind::Full));
    outbox.queue_up(amount(19), "first");
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), [""; 0], "19 of 640 are free");
    leave(&mut outbox, 1, 621);
    assert_eq!(woken(&mut outbox), ["first"]);

    // A message that fills it alone leaves nothing that could free more.
    let mut outbox = open(wide);
    assert_eq!(offer(&mut outbox, 1), None);
    let granted = outbox.queue_up(amount(640), "granted");
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["granted"]);
    assert_eq!(claim(&mut outbox, granted, 640), None);
    outbox.queue_up(amount(1), "next");
    leave(&mut outbox, 1, 640);
    assert_eq!(woken(&mut outbox), ["next"]);
}

#[test]
fn the_driver_is_called_for_the_first_message_of_a_queue_and_for_a_close() {
    let mut outbox = open(CAPACITY);
    assert!(!outbox.takes_driver());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(outbox.takes_driver());
    assert!(!outbox.takes_driver());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(!outbox.takes_driver(), "it knows");
    outbox.take_queue(true, &mut Vec::new());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(outbox.takes_driver());
    outbox.close();
    assert!(outbox.takes_driver());
    outbox.close();
    assert!(!outbox.takes_driver());
}

#[test]
fn the_queue_is_handed_over_when_it_is_wanted_or_is_the_last() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(outbox.take_queue(false, &mut Vec::new()).is_empty());
    assert!(!outbox.take_queue(true, &mut Vec::new()).is_empty());
    assert!(outbox.take_queue(true, &mut Vec::new()).is_empty());
    assert_eq!(offer(&mut outbox, 1), None);
    outbox.close();
    let mut spare = Vec::with_capacity(100);
    assert!(!outbox.take_queue(false, &mut spare).is_empty());
    assert_eq!(spare.capacity(), 0, "it serves as the next queue");
    // An empty one leaves the buffer where it is.
    let mut spare = Vec::with_capacity(100);
    assert!(outbox.take_queue(true, &mut spare).is_empty());
    assert_eq!(spare.capacity(), 100);
}

#[test]
fn a_sink_is_promised_room_for_one_message_of_any_size() {
    let mut outbox = open(CAPACITY);
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    assert!(outbox.is_ready(&mut seat, &"sink"), "still");
    assert_eq!(outbox.audit().reserved, PROMISED);
    assert_eq!(offer(&mut outbox, 10), None);
    assert_eq!(offer(&mut outbox, 10), None);
    assert_eq!(offer(&mut outbox, 1), Some(ErrorKind::Full));
    assert!(outbox.start_send(&mut seat, message(90)).is_ok());
    assert_eq!(
        outbox.audit().pending,
        Amount {
            messages: 3,
            bytes: 110
        }
    );
    assert_eq!(outbox.audit().reserved, Amount::default());

    // Without a promise it is like any newcomer.
    assert_eq!(
        refused(outbox.start_send(&mut seat, message(1))),
        Some(ErrorKind::Full)
    );
    assert!(!outbox.is_ready(&mut seat, &"sink"));
    assert_eq!(
        refused(outbox.start_send(&mut seat, message(1))),
        Some(ErrorKind::Full)
    );
    assert_eq!(outbox.audit().waiting, 0, "and it has given its place up");
}

#[test]
fn a_sink_waits_in_the_queue_like_others() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 30), None);
    let mut seat = Seat::None;
    assert!(!outbox.is_ready(&mut seat, &"sink"));
    outbox.queue_up(amount(29), "sender");
    assert!(!outbox.is_ready(&mut seat, &"sink again"));
    leave(&mut outbox, 1, 30);
    assert_eq!(woken(&mut outbox), ["sink again", "sender"]);
    assert!(outbox.is_ready(&mut seat, &"sink"));

    // One that asks only now does not pass those who wait.
    outbox.queue_up(amount(2), "another");
    let mut late = Seat::None;
    assert!(!outbox.is_ready(&mut late, &"late"));
    outbox.leave(&mut late);
    assert_eq!(outbox.audit().waiting, 1);
}

#[test]
fn a_promise_whose_message_can_not_be_sent_gives_the_room_to_the_next() {
    let mut outbox = open(Amount {
        messages: 1,
        bytes: 10,
    });
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    outbox.queue_up(amount(1), "waits");
    let refusal = refused(outbox.start_send(&mut seat, message(1200)));
    assert_eq!(refusal, Some(ErrorKind::TooLarge));
    assert_eq!(woken(&mut outbox), ["waits"]);
}

#[test]
fn a_promise_lapses_when_the_driver_has_seen_it_unused_twice_while_others_wait() {
    let mut outbox = open(Amount {
        messages: 1,
        bytes: 10,
    });
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    outbox.let_promises_lapse();
    outbox.let_promises_lapse();
    assert!(!outbox.takes_driver(), "nobody waits");
    let other = outbox.queue_up(amount(1), "other");
    assert!(outbox.takes_driver());
    outbox.let_promises_lapse();
    assert!(outbox.takes_driver(), "and once more");
    assert_eq!(woken(&mut outbox), [""; 0]);
    // The one who waited gives up, so it starts anew.
    outbox.cancel(other);
    outbox.let_promises_lapse();
    outbox.queue_up(amount(1), "waits");
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), [""; 0]);
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), ["waits"]);
    assert!(!outbox.takes_driver() || outbox.audit().promised == 0);
    // It was told, and may still send its one message; then it waits like others.
    assert!(outbox.start_send(&mut seat, message(10)).is_ok());
    assert!(!outbox.is_ready(&mut seat, &"sink"));
}

#[test]
fn what_has_lapsed_is_not_promised_any_more() {
    let mut outbox = open(Amount {
        messages: 1,
        bytes: 10,
    });
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    let mut other = Seat::None;
    assert!(!outbox.is_ready(&mut other, &"other"));
    assert!(outbox.takes_driver());
    outbox.let_promises_lapse();
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), ["other"]);
    assert!(!outbox.is_ready(&mut seat, &"sink"));
    assert!(outbox.takes_driver(), "the other's may lapse, too");
    assert!(outbox.is_ready(&mut other, &"other"));
    assert!(outbox.start_send(&mut other, message(1)).is_ok());
    // What is given up by one that was told goes to the next.
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["sink"]);
    outbox.queue_up(amount(1), "waits");
    assert!(outbox.is_ready(&mut seat, &"sink"));
    outbox.leave(&mut seat);
    assert_eq!(woken(&mut outbox), ["waits"]);
}

#[test]
fn after_a_close_a_sink_may_send_and_is_told_then() {
    let mut outbox = open(CAPACITY);
    let mut told = Seat::None;
    assert!(outbox.is_ready(&mut told, &"told"));
    assert_eq!(offer(&mut outbox, 29), None);
    let mut waits = Seat::None;
    assert!(!outbox.is_ready(&mut waits, &"waits"));
    outbox.close();
    assert_eq!(woken(&mut outbox), ["waits"]);
    for seat in [&mut told, &mut waits] {
        let refusal = refused(outbox.start_send(seat, message(1)));
        assert_eq!(refusal, Some(ErrorKind::Closed));
        assert!(outbox.is_ready(seat, &"late"));
        assert!(matches!(seat, Seat::None));
    }
}

#[test]
fn a_flush_waits_for_what_was_accepted_before() {
    let mut outbox = open(CAPACITY);
    let mut none = None;
    assert!(matches!(
        outbox.is_flushed(&mut none, &"none"),
        Some(Ok(()))
    ));
    assert_eq!(offer(&mut outbox, 1), None);
    let mut first = None;
    assert!(outbox.is_flushed(&mut first, &"first").is_none());
    assert_eq!(offer(&mut outbox, 1), None);
    let mut second = None;
    assert!(outbox.is_flushed(&mut second, &"second").is_none());
    let mut given_up = None;
    assert!(outbox.is_flushed(&mut given_up, &"given up").is_none());
    outbox.cancel_flush(&mut given_up);
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["first"]);
    assert!(matches!(
        outbox.is_flushed(&mut first, &"first"),
        Some(Ok(()))
    ));
    assert!(first.is_none());
    assert!(outbox.is_flushed(&mut second, &"second again").is_none());
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["second again"]);
    assert_eq!(outbox.audit().left, 2);
}

#[test]
fn a_flush_of_a_sink_is_extended_once() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 1), None);
    let mut flush = SinkFlush::default();
    assert!(outbox.is_sink_flushed(&mut flush, &"sink").is_none());
    assert!(outbox.is_sink_flushed(&mut flush, &"sink").is_none());
    assert_eq!(offer(&mut outbox, 1), None);
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["sink"]);
    assert!(outbox.is_sink_flushed(&mut flush, &"sink").is_none());
    assert_eq!(offer(&mut outbox, 1), None);
    leave(&mut outbox, 1, 1);
    let flushed = outbox.is_sink_flushed(&mut flush, &"sink");
    assert!(matches!(flushed, Some(Ok(()))), "others can't hold it up");
    // And the next begins anew.
    assert!(outbox.is_sink_flushed(&mut flush, &"sink").is_none());
    assert_eq!(offer(&mut outbox, 1), None);
    leave(&mut outbox, 1, 1);
    assert!(outbox.is_sink_flushed(&mut flush, &"sink").is_none());
}

#[test]
fn the_end_accounts_for_everything_once() {
    let mut outbox = open(CAPACITY);
    for _ in 0..2 {
        assert_eq!(offer(&mut outbox, 5), None);
    }
    outbox.take_queue(true, &mut Vec::new());
    assert_eq!(offer(&mut outbox, 7), None);
    outbox.queue_up(amount(30), "waits");
    let mut flush = None;
    assert!(outbox.is_flushed(&mut flush, &"flushes").is_none());
    let closed = outbox.end(
        Reason::Server { close: None },
        vec![message(5)],
        vec![message(5)],
    );
    let closed = closed.expect("the first end");
    assert_eq!(closed.uncertain(), [message(5)]);
    assert_eq!(closed.unsent(), [message(5), message(7)]);
    assert_eq!(woken(&mut outbox), ["waits", "flushes"]);
    assert!(matches!(
        outbox.is_flushed(&mut flush, &"late"),
        Some(Err(_))
    ));
    assert!(outbox.end(Reason::Client, Vec::new(), Vec::new()).is_none());
    let reason = outbox.closed().expect("it has ended").reason();
    assert!(matches!(reason, Reason::Server { .. }));
    outbox.close();
    assert!(outbox.closed().is_some(), "an end stays one");
    assert_eq!(offer(&mut outbox, 1), Some(ErrorKind::Closed));
    assert_eq!(outbox.audit().pending, Amount::default());
}

#[test]
fn a_batch_of_nothing_but_pongs_makes_no_room() {
    let mut outbox = open(CAPACITY);
    outbox.batch_left(&[Packet::Pong("".into())]);
    assert_eq!(outbox.audit().left, 0);
}

#[test]
fn a_group_counts_as_all_its_messages() {
    let mut outbox = open(CAPACITY);
    let refusal = refused(outbox.offer(vec![message(1), message(1200)]));
    assert_eq!(refusal, Some(ErrorKind::TooLarge));
    assert_eq!(outbox.audit().pending, Amount::default());
    assert_eq!(refused(outbox.offer(vec![message(10), message(20)])), None);
    assert_eq!(
        outbox.audit().pending,
        Amount {
            messages: 2,
            bytes: 30
        }
    );
    assert_eq!(outbox.audit().accepted, 2);
}
