//! Runs a sample of the table of faults over real sockets on each runtime. `transports::every_fault`
//! runs all rows.

use engineio_client::{AsyncStd, Smol, Tokio};

use crate::case::Case;
use crate::faults::{Fault, OPEN, Outcome, Place, frames, handshakes, packets, responses};
use crate::server::{CLOSE, FIN, Peer, Request, Server, TEXT, frame};
use crate::support::session::Runs;

fn all() -> impl Iterator<Item = Fault> {
    let tables = [
        responses::not_http(),
        responses::too_large(),
        responses::cut_short(),
        responses::refusals(),
        responses::unusual(),
        handshakes::websocket(),
        packets::first(),
        packets::payloads(),
        packets::messages(),
        frames::broken(),
        frames::cut_short(),
        frames::close_frames(),
    ];
    tables.into_iter().flatten()
}

fn check<R: Runs>() {
    let sample = all().filter(|fault| fault.is_also_on_sockets);
    let mut count = 0;
    for fault in sample {
        for (place, outcome) in &fault.outcomes {
            // If the test fails, the last of these lines names the row that failed, and its place.
            println!("{}, {place:?}", fault.name);
            case(&fault, *place, outcome.clone()).run::<R>();
            count += 1;
        }
    }
    assert!(count >= 30, "{count} cases");
}

/// Plays the server up to this place. Returns the connection, and the client's last request on it.
fn reach(place: Place, server: &mut Server) -> std::io::Result<(Peer, Request)> {
    let mut peer = server.accept()?;
    let request = match place {
        Place::FirstPoll | Place::WebSocketRequest => peer.request()?,
        Place::LaterPoll => {
            peer.answer(OPEN)?;
            peer.request()?
        }
        Place::FirstFrame => peer.accept_websocket()?,
        Place::LaterFrame => {
            let request = peer.accept_websocket()?;
            peer.write([frame(TEXT, OPEN), frame(TEXT, "4good")].concat())?;
            request
        }
    };
    Ok((peer, request))
}

fn case(fault: &Fault, place: Place, outcome: Outcome) -> Case {
    let ends = fault.ends;
    let fault = fault.sender();
    let close_code = outcome.close_code;
    let case = Case::by(place.transport(), move |server: &mut Server| {
        let (mut peer, request) = reach(place, server)?;
        peer.write(fault(request.header("sec-websocket-key")))?;
        if ends {
            peer.finish()?;
        }
        if let Some(code) = close_code {
            let close = (FIN | CLOSE, code.to_be_bytes().to_vec());
            assert_eq!(peer.frame()?, close);
        }
        peer.until_gone()
    });
    let case = match outcome.error {
        None => case.ends_by_server(),
        Some(kind) if place.is_in_session() => case.breaks(kind, &outcome.words),
        Some(kind) => case.fails_to_open(kind, &outcome.words),
    };
    let case = case.delivers(outcome.delivered);
    match outcome.status {
        Some(status) => case.status(status),
        None => case,
    }
}

#[test]
fn tokio() {
    check::<Tokio>();
}

#[test]
fn smol() {
    check::<Smol>();
}

#[test]
fn async_std() {
    check::<AsyncStd>();
}
