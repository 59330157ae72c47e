//! The driver, flushes, and the end of the session.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::event::Reason;
use crate::reconnect::Resend;

#[test]
fn the_driver_is_woken_for_the_first_message_of_a_queue_and_for_a_close() {
    let mut outbox = open(CAPACITY);
    assert!(!outbox.take_wants_driver());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(outbox.take_wants_driver());
    assert!(!outbox.take_wants_driver());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(!outbox.take_wants_driver(), "the queue was not empty");
    outbox.take_queue(true, &mut PacketList::default());
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(outbox.take_wants_driver());
    outbox.close();
    assert!(outbox.take_wants_driver());
    outbox.close();
    assert!(!outbox.take_wants_driver());
}

#[test]
fn the_queue_is_handed_over_when_the_engine_wants_it_or_the_session_closes() {
    let mut outbox = open(CAPACITY);
    assert_eq!(offer(&mut outbox, 1), None);
    assert!(
        outbox
            .take_queue(false, &mut PacketList::default())
            .is_empty()
    );
    assert!(
        !outbox
            .take_queue(true, &mut PacketList::default())
            .is_empty()
    );
    assert!(
        outbox
            .take_queue(true, &mut PacketList::default())
            .is_empty()
    );
    assert_eq!(offer(&mut outbox, 1), None);
    outbox.close();
    let mut spare = PacketList::with_buffer();
    assert!(!outbox.take_queue(false, &mut spare).is_empty());
    assert!(!spare.has_buffer(), "the buffer is the next queue");
    // An empty queue does not take the buffer.
    let mut spare = PacketList::with_buffer();
    assert!(outbox.take_queue(true, &mut spare).is_empty());
    assert!(spare.has_buffer());
}

#[test]
fn a_flush_waits_for_the_messages_accepted_before_it() {
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
    assert!(matches!(flushed, Some(Ok(()))), "extended only once");
    // The next flush begins anew.
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
    outbox.take_queue(true, &mut PacketList::default());
    assert_eq!(offer(&mut outbox, 7), None);
    outbox.queue_up(amount(30), "waits");
    let mut flush = None;
    assert!(outbox.is_flushed(&mut flush, &"flushes").is_none());
    let closed = outbox.end(Ended {
        uncertain: vec![message(5)],
        unsent: vec![message(5)],
        ..Ended::without_messages(Reason::Server { close: None }, false)
    });
    let closed = closed.expect("the first end");
    assert_eq!(closed.uncertain(), [message(5)]);
    assert_eq!(closed.unsent(), [message(5), message(7)]);
    assert_eq!(woken(&mut outbox), ["waits", "flushes"]);
    assert!(matches!(
        outbox.is_flushed(&mut flush, &"late"),
        Some(Err(_))
    ));
    let again = Ended::without_messages(Reason::Client, true);
    assert!(outbox.end(again).is_none());
    let reason = outbox.closed().expect("it has ended").reason();
    assert!(matches!(reason, Reason::Server { .. }));
    outbox.close();
    assert!(outbox.closed().is_some(), "the end is final");
    assert_eq!(offer(&mut outbox, 1), Some(ErrorKind::Closed));
    assert_eq!(outbox.audit().pending, Amount::default());
}

/// Dropping it may run code of the user, which must not happen under the lock.
struct Owned {
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        b"short"
    }
}

#[test]
fn a_message_whose_buffer_belongs_to_the_user_is_not_dropped_under_the_lock() {
    let alive = Arc::new(());
    let owned = || {
        let _alive = Arc::clone(&alive);
        Message::from(Bytes::from_owner(Owned { _alive }))
    };
    let count = || Arc::strong_count(&alive) - 1;

    let mut outbox = open(CAPACITY);
    let Ok(copied) = outbox.offer(owned()) else {
        panic!("there is room");
    };
    assert_eq!(count(), 1, "the caller drops it");
    drop(copied);
    assert_eq!(count(), 0);

    let mut outbox = Outbox::<&'static str>::new(CAPACITY);
    outbox.outlive_sessions(Resend::Unsent, true);
    outbox.accept(Acceptance::new(Framing::Frames, None));
    assert!(outbox.release(vec![owned(), owned()]).is_ok());
    let greeting = outbox.take_queue(true, &mut PacketList::default());
    assert_eq!((greeting.len(), count()), (2, 2));
    drop(greeting);
    assert_eq!(count(), 0);
}
