//! Which senders enter at once, which wait, and which are given room.

use super::*;

#[test]
fn a_sender_enters_at_once_while_there_is_room_and_no_queue() {
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
fn a_message_larger_than_the_outbox_enters_alone() {
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
fn waiting_senders_are_given_room_in_order_and_only_they_are_woken() {
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
    // The senders may use their room in any order.
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
fn room_that_is_given_up_goes_to_the_next_sender() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 30), None);
    let first = outbox.queue_up(amount(30), "first");
    let second = outbox.queue_up(amount(30), "second");
    outbox.queue_up(amount(1), "third");
    leave(&mut outbox, 1, 30);
    assert_eq!(woken(&mut outbox), ["first"]);
    outbox.cancel(first);
    assert_eq!(woken(&mut outbox), ["second"]);
    // A sender whose message cannot be sent any more returns its room, too.
    outbox.accept(Acceptance::new(Framing::Payloads, Some(10)));
    let refusal = claim(&mut outbox, second, 30);
    assert_eq!(refusal, Some(ErrorKind::TooLarge));
    assert_eq!(woken(&mut outbox), ["third"]);
}

#[test]
fn a_place_in_the_queue_that_is_given_up_blocks_no_sender_behind_it() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 10), None);
    let large = outbox.queue_up(amount(25), "large");
    outbox.queue_up(amount(5), "small");
    assert_eq!(woken(&mut outbox), [""; 0]);
    outbox.cancel(large);
    assert_eq!(woken(&mut outbox), ["small"]);
}

#[test]
fn no_sender_is_given_room_before_the_session_opens_or_after_it_closes() {
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

/// Polling sends short batches. Waking a sender after each of them would cost more than sending a
/// message.
#[test]
fn room_is_given_once_a_32nd_of_the_outbox_is_free() {
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

    // The rule holds for bytes, too.
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

    // When a single message fills the outbox, sending it frees the whole outbox at once.
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
fn a_batch_of_pongs_frees_no_room() {
    let mut outbox = open(CAPACITY);
    outbox.batch_left(&Batch::from(vec![Packet::Pong("".into())]));
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
