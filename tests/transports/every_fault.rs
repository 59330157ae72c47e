//! Runs every row of the table of faults (`tests/faults`) on the mock network, under several orders of
//! the tasks: with the server's bytes in one piece, and one byte at a time.

use engineio_client::transports::Transports;
use engineio_client::{Builder, Event, MockRuntime, Reason};
use futures::StreamExt as _;

use crate::faults::{Fault, OPEN, Outcome, Place, frames, handshakes, packets, responses};
use crate::raw::{
    CLOSE, FIN, Peer, Request, Server, TEXT, frame, spawn, under_both_orders, under_some_orders,
};

/// Maximum number of bytes that are sent one at a time.
const SHORT: usize = 2000;

/// Checks each fault at each of its places.
fn check(faults: Vec<Fault>) {
    for fault in faults {
        assert!(
            !fault.outcomes.is_empty(),
            "{}: nothing is tried",
            fault.name
        );
        for (place, outcome) in &fault.outcomes {
            under_some_orders(async |runtime| {
                check_at(&runtime, &fault, *place, outcome, false).await;
            });
            if fault.sender()(Some("")).len() <= SHORT {
                under_both_orders(async |runtime| {
                    check_at(&runtime, &fault, *place, outcome, true).await;
                });
            }
        }
    }
}

/// Plays the server up to this place. Returns the client's last request, if the fault is the response to
/// a request.
async fn reach(place: Place, peer: &mut Peer) -> Option<Request> {
    match place {
        Place::FirstPoll | Place::WebSocketRequest => Some(peer.request().await),
        Place::LaterPoll => {
            peer.answer(OPEN).await;
            Some(peer.request().await)
        }
        Place::FirstFrame => {
            peer.accept_websocket().await;
            None
        }
        Place::LaterFrame => {
            peer.accept_websocket().await;
            let frames = [frame(TEXT, OPEN), frame(TEXT, "4good")];
            peer.write(frames.concat()).await;
            None
        }
    }
}

async fn check_at(
    runtime: &MockRuntime,
    fault: &Fault,
    place: Place,
    outcome: &Outcome,
    is_in_pieces: bool,
) {
    let what = format!("{}, {place:?}, in pieces: {is_in_pieces}", fault.name);
    let mut server = Server::new(runtime);
    let (sender, ends) = (fault.sender(), fault.ends);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        let request = reach(place, &mut peer).await;
        let key = request
            .as_ref()
            .and_then(|request| request.header("sec-websocket-key"));
        let bytes = sender(key);
        if is_in_pieces {
            peer.write_pieces(bytes, 1).await;
        } else {
            peer.write(bytes).await;
        }
        if ends {
            peer.finish().await;
        }
        (peer.read_to_end().await, server)
    });
    let started = runtime.now();
    let builder = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone());
    let builder = builder.transports([place.transport()]).upgrade(false);
    let mut client = builder.start().unwrap();
    let mut is_connected = false;
    let mut delivered = Vec::new();
    let closed = loop {
        match client.next().await.expect("the last event is Closed") {
            Event::Connected(_) => is_connected = true,
            Event::Message(message) => delivered.push(message),
            Event::Closed(closed) => break closed,
            other => panic!("{what}: {other:?}"),
        }
    };
    assert_eq!(is_connected, place.is_in_session(), "{what}: {closed}");
    assert_eq!(delivered, outcome.delivered, "{what}");
    check_reason(closed.reason(), outcome, &what);
    assert!(
        closed.uncertain().is_empty() && closed.unsent().is_empty(),
        "{what}"
    );
    assert_eq!(runtime.now(), started, "{what}: the client waited");
    drop(client);
    let (rest, mut server) = script.await;
    if let Some(code) = outcome.close_code {
        check_close_frame(&rest, code, &what);
    }
    assert!(!server.has_another(), "{what}: another request");
}

fn check_reason(reason: &Reason, outcome: &Outcome, what: &str) {
    let error = match (reason, outcome.error) {
        (Reason::Transport(error), Some(kind)) => {
            assert_eq!(error.kind(), kind, "{what}: {}", error.report());
            error
        }
        (Reason::Server { .. }, None) => return,
        (other, _) => panic!("{what}: {other:?}"),
    };
    let report = error.report();
    for words in &outcome.words {
        assert!(
            report.contains(words),
            "{what}: {words:?} is not in {report:?}"
        );
    }
    assert_eq!(error.status(), outcome.status, "{what}");
    assert!(report.len() < 500, "{what}: {report}");
    assert!(!report.contains("secret"), "{what}: {report}");
    assert!(!report.contains(char::is_control), "{what}: {report:?}");
    if outcome.status.is_some() {
        assert!(!report.contains('<'), "{what}: {report}");
    }
}

/// Checks that the client has sent one close frame with this code, and nothing else.
fn check_close_frame(bytes: &[u8], code: u16, what: &str) {
    let [first, length, mask @ .., high, low] = bytes else {
        panic!("{what}: {bytes:?} is not a close frame");
    };
    assert_eq!(
        (*first, *length, mask.len()),
        (FIN | CLOSE, 0x80 | 2, 4),
        "{what}: {bytes:?}"
    );
    let unmasked = [high ^ mask[0], low ^ mask[1]];
    assert_eq!(unmasked, code.to_be_bytes(), "{what}");
}

#[test]
fn a_response_that_is_not_http_is_an_error_that_says_so() {
    check(responses::not_http());
}

#[test]
fn a_head_of_more_than_64_kib_is_an_error_that_names_the_limit() {
    check(responses::too_large());
}

#[test]
fn a_response_that_is_cut_short_is_an_error_and_delivers_nothing() {
    check(responses::cut_short());
}

/// Rules E22, E48.
#[test]
fn a_refusal_is_an_error_with_the_status_and_the_servers_words() {
    // Ported from engine.io-client: socket.js:236, :265; python-engineio: test_polling_connection_404,
    // test_polling_connection_404_no_json
    check(responses::refusals());
}

#[test]
fn a_response_in_an_unusual_form_is_understood() {
    check(responses::unusual());
}

#[test]
fn a_websocket_handshake_that_breaks_the_protocol_is_an_error_that_names_the_header() {
    // Ported from python-engineio: test_websocket_connection_failed_with_websocket_error
    check(handshakes::websocket());
}

/// Rule E15.
#[test]
fn a_first_packet_that_opens_no_session_is_an_error_of_connecting() {
    // Ported from python-engineio: test_polling_connection_invalid_packet,
    // test_polling_connection_no_open_packet, test_websocket_connection_no_open_packet
    check(packets::first());
}

/// Rule E8.
#[test]
fn a_bad_payload_is_an_error_after_its_good_packets() {
    // Ported from engine.io: server.js:1592; python-engineio: test_payload.py:13
    check(packets::payloads());
}

/// Rule E8.
#[test]
fn a_message_that_is_not_a_packet_is_an_error_after_the_good_ones() {
    // Ported from engine.io: server.js:174, :191, :1607
    check(packets::messages());
}

/// Rule E46.
#[test]
fn a_frame_that_breaks_the_protocol_is_an_error_and_is_answered_with_a_close_frame() {
    check(frames::broken());
}

/// Rule E45.
#[test]
fn a_websocket_that_ends_without_a_close_frame_is_an_error() {
    // Ported from python-engineio: test_read_loop_websocket_no_response
    check(frames::cut_short());
}

/// Rule E44.
#[test]
fn a_close_frame_ends_the_session_whatever_it_holds_or_is_followed_by() {
    check(frames::close_frames());
}
