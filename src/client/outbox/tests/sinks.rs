//! What a sink is promised, and when that lapses.

use super::*;

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
