//! The promises of `poll_ready`, and when they lapse.

use super::*;

#[test]
fn a_sink_is_promised_room_for_one_message_of_any_size() {
    let mut outbox = open(CAPACITY);
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    assert!(outbox.is_ready(&mut seat, &"sink"), "still promised");
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

    // Without a promise, a sink is treated like any sender.
    assert_eq!(
        refused(outbox.start_send(&mut seat, message(1))),
        Some(ErrorKind::Full)
    );
    assert!(!outbox.is_ready(&mut seat, &"sink"));
    assert_eq!(
        refused(outbox.start_send(&mut seat, message(1))),
        Some(ErrorKind::Full)
    );
    assert_eq!(outbox.audit().waiting, 0, "the sink has left the queue");
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

    // A sink that polls later does not overtake waiting senders.
    outbox.queue_up(amount(2), "another");
    let mut late = Seat::None;
    assert!(!outbox.is_ready(&mut late, &"late"));
    outbox.leave(&mut late);
    assert_eq!(outbox.audit().waiting, 1);
}

#[test]
fn a_promise_whose_message_cannot_be_sent_gives_its_room_to_the_next_sender() {
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
fn a_promise_lapses_when_the_driver_has_found_it_unused_twice_while_senders_wait() {
    let mut outbox = open(Amount {
        messages: 1,
        bytes: 10,
    });
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    outbox.let_promises_lapse();
    outbox.let_promises_lapse();
    assert!(!outbox.take_wants_driver(), "nobody waits");
    let other = outbox.queue_up(amount(1), "other");
    assert!(outbox.take_wants_driver());
    outbox.let_promises_lapse();
    assert!(outbox.take_wants_driver(), "a second poll is needed");
    assert_eq!(woken(&mut outbox), [""; 0]);
    // The waiting sender gives up, so the count of driver polls starts anew.
    outbox.cancel(other);
    outbox.let_promises_lapse();
    outbox.queue_up(amount(1), "waits");
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), [""; 0]);
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), ["waits"]);
    assert!(!outbox.take_wants_driver() || outbox.audit().promised == 0);
    // The sink may still send its one message. After that it waits like others.
    assert!(outbox.start_send(&mut seat, message(10)).is_ok());
    assert!(!outbox.is_ready(&mut seat, &"sink"));
}

#[test]
fn a_sink_whose_promise_has_lapsed_waits_again() {
    let mut outbox = open(Amount {
        messages: 1,
        bytes: 10,
    });
    let mut seat = Seat::None;
    assert!(outbox.is_ready(&mut seat, &"sink"));
    let mut other = Seat::None;
    assert!(!outbox.is_ready(&mut other, &"other"));
    assert!(outbox.take_wants_driver());
    outbox.let_promises_lapse();
    outbox.let_promises_lapse();
    assert_eq!(woken(&mut outbox), ["other"]);
    assert!(!outbox.is_ready(&mut seat, &"sink"));
    assert!(outbox.take_wants_driver(), "the other promise may lapse");
    assert!(outbox.is_ready(&mut other, &"other"));
    assert!(outbox.start_send(&mut other, message(1)).is_ok());
    // The room of a promise that is given up goes to the next sender.
    leave(&mut outbox, 1, 1);
    assert_eq!(woken(&mut outbox), ["sink"]);
    outbox.queue_up(amount(1), "waits");
    assert!(outbox.is_ready(&mut seat, &"sink"));
    outbox.leave(&mut seat);
    assert_eq!(woken(&mut outbox), ["waits"]);
}

#[test]
fn after_a_close_a_sink_is_ready_and_its_send_fails() {
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
