//! What is confirmed and what may be lost, where messages between others are given up.

use super::*;

/// Whether all before this place is confirmed, for a call that begins now: `None` where it would wait, or
/// how many messages it says are lost.
fn ask(confirmations: &mut Confirmations<&'static str>, place: u64) -> Option<Result<(), String>> {
    let mut ticket = None;
    let (outcome, _) = confirmations.is_confirmed(&mut ticket, place, false, "call");
    confirmations.cancel(&mut ticket);
    outcome.map(|outcome| outcome.map_err(|error| error.to_string()))
}

fn lost(count: &str) -> Option<Result<(), String>> {
    let rest = "may not have arrived: the session ended before that was confirmed";
    Some(Err(format!("{count} {rest}")))
}

fn begun() -> Confirmations<&'static str> {
    let mut confirmations = Confirmations::new();
    confirmations.begin();
    confirmations
}

#[test]
fn what_is_confirmed_at_once_may_lie_on_both_sides_of_what_was_given_up() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    // Of ten messages 0, 1, 3 and 4 have left, and 2 can't.
    confirmations.give_up(2..3, &mut woken);
    confirmations.confirm(4, &mut woken);
    assert_eq!(confirmations.settled(), 5);
    assert_eq!(ask(&mut confirmations, 6), None);
    assert_eq!(ask(&mut confirmations, 5), lost("1 message"));
}

#[test]
fn what_is_lost_together_with_what_was_given_up_is_lost_once() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    confirmations.give_up(2..3, &mut woken);
    confirmations.lose(5, &mut woken);
    assert_eq!(ask(&mut confirmations, 5), lost("5 messages"));
    confirmations.confirm(1, &mut woken);
    assert_eq!(ask(&mut confirmations, 6), Some(Ok(())));
}

#[test]
fn a_place_counts_what_was_given_up_before_it() {
    let (mut confirmations, mut woken) = (begun(), Vec::new());
    confirmations.give_up(7..8, &mut woken);
    // Ten were accepted: 8 and 9 wait, or 6 as well, which is to be sent again.
    assert_eq!(confirmations.place_of_last(2, 10), 8);
    assert_eq!(confirmations.place_of_last(3, 10), 6);
    confirmations.give_up(6..7, &mut woken);
    assert_eq!(confirmations.place_of_last(2, 10), 8);
    assert_eq!(confirmations.place_of_last(3, 10), 5);
    confirmations.confirm(7, &mut woken);
    assert_eq!(confirmations.settled(), 9);
}
