//! Confirmed and lost messages, with messages between them that are given up.

use super::*;

/// The result of a `confirm` call that begins now and waits for the messages before this place: `None`
/// if the call would wait.
fn ask(confirmations: &mut Confirmations<&'static str>, place: u64) -> Option<Result<(), String>> {
    let mut ticket = None;
    let (outcome, _) = confirmations.is_confirmed(&mut ticket, place, false, "call");
    confirmations.cancel(&mut ticket);
    outcome.map(|outcome| outcome.map_err(|error| error.to_string()))
}

fn lost(count: &str) -> Option<Result<(), String>> {
    let rest = "may not have arrived: the session ended before the confirmation";
    Some(Err(format!("{count} {rest}")))
}

fn begun() -> Confirmations<&'static str> {
    let mut confirmations = Confirmations::new();
    confirmations.begin();
    confirmations
}

#[test]
fn one_confirmation_can_span_a_message_that_was_given_up() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    // Messages 0, 1, 3 and 4 were sent. Message 2 cannot be sent.
    confirmations.give_up(2..3, &mut woken);
    confirmations.confirm(4, &mut woken);
    assert_eq!(confirmations.settled(), 5);
    assert_eq!(ask(&mut confirmations, 6), None);
    assert_eq!(ask(&mut confirmations, 5), lost("1 message"));
}

#[test]
fn a_message_that_was_given_up_and_lost_counts_once() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    confirmations.give_up(2..3, &mut woken);
    confirmations.lose(5, &mut woken);
    assert_eq!(ask(&mut confirmations, 5), lost("5 messages"));
    confirmations.confirm(1, &mut woken);
    assert_eq!(ask(&mut confirmations, 6), Some(Ok(())));
}

#[test]
fn a_place_counts_the_messages_given_up_before_it() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    confirmations.give_up(7..8, &mut woken);
    // Ten messages were accepted, and message 7 was given up. The last two are 8 and 9. The last three
    // are 6, 8 and 9.
    assert_eq!(confirmations.place_of_last(2, 10), 8);
    assert_eq!(confirmations.place_of_last(3, 10), 6);
    confirmations.give_up(6..7, &mut woken);
    assert_eq!(confirmations.place_of_last(2, 10), 8);
    assert_eq!(confirmations.place_of_last(3, 10), 5);
    confirmations.confirm(7, &mut woken);
    assert_eq!(confirmations.settled(), 9);
}
