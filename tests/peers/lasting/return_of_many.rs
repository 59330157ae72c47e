//! A hundred clients in one process, whose server is killed and started again.

use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use engineio_client::transports::Transports;
use engineio_client::{AsyncStd, Client, Event, Reconnect, Smol, Tokio};
use futures::StreamExt as _;
use futures::future::join_all;

use super::servers::{Kind, Server};
use crate::support::session::{Mode, Runs, builder, within};

const CLIENTS: [usize; 3] = [34, 33, 33];

/// Limit from the kill to the last client's new session, with the default delays.
const BACK_WITHIN: Duration = Duration::from_secs(15);

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn a_hundred_clients_reconnect_within_15_seconds_of_a_kill() {
    let mut server = Server::start(Kind::Node);
    let url = format!("http://127.0.0.1:{}", server.port());
    let all_are_there = Barrier::new(4);
    let (begin, backs) = thread::scope(|scope| {
        let (url, barrier) = (&*url, &all_are_there);
        let threads = [
            scope.spawn(move || clients::<Tokio>(url, 0, barrier)),
            scope.spawn(move || clients::<Smol>(url, 1, barrier)),
            scope.spawn(move || clients::<AsyncStd>(url, 2, barrier)),
        ];
        all_are_there.wait();
        let begin = Instant::now();
        server.kill();
        server.start_again();
        let backs = threads
            .map(|thread| thread.join().expect("a runtime"))
            .concat();
        (begin, backs)
    });
    let last = backs.iter().max().expect("not empty").duration_since(begin);
    println!(
        "lasting: 100 clients of one process: all back {:.1} s after the kill",
        last.as_secs_f64()
    );
    assert_eq!(backs.len(), 100);
    assert!(last < BACK_WITHIN, "the last one was back after {last:?}");
    let log = fs::read_to_string(server.log_file()).expect("there is a log");
    for (runtime, count) in CLIENTS.into_iter().enumerate() {
        for client in 0..count {
            assert!(
                log.contains(&format!(" {runtime}-{client}:1\n")),
                "{runtime}-{client}: {log}"
            );
        }
    }
    server.remove();
}

/// Returns when each client had a new session.
fn clients<R: Runs>(url: &str, runtime: usize, all_are_there: &Barrier) -> Vec<Instant> {
    let (give, take) = std::sync::mpsc::channel();
    R::run(async {
        let opening = (0..CLIENTS[runtime]).map(|number| open::<R>(url, number));
        let clients = join_all(opening).await;
        // Blocking this thread is fine: the runtimes run their tasks on other threads, or have nothing
        // to do.
        all_are_there.wait();
        let back = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| come_back(client, format!("{runtime}-{number}:1")));
        let _ = give.send(join_all(back).await);
    });
    take.recv().expect("the runtime has run the clients")
}

async fn open<R: Runs>(url: &str, number: usize) -> Client<Transports, R> {
    let mode = Mode::ALL[number % Mode::ALL.len()];
    let client = builder::<R>(url, mode)
        .reconnect(Reconnect::new())
        .connect()
        .await;
    let client = client.unwrap_or_else(|error| panic!("{}", error.report()));
    if mode == Mode::Upgraded {
        let upgraded = within(&**client.runtime(), "the upgrade", client.upgraded()).await;
        upgraded.expect("Node's server upgrades");
    }
    client
}

async fn come_back<R: Runs>(mut client: Client<Transports, R>, message: String) -> Instant {
    let runtime = std::sync::Arc::clone(client.runtime());
    let second_session = async {
        loop {
            match client.next().await.expect("the client goes on") {
                Event::Connected(connected) if connected.session > 1 => return Instant::now(),
                _ => {}
            }
        }
    };
    let back = within(&*runtime, "the next session", second_session).await;
    client.send(message).await.expect("the session is open");
    let closed = within(&*runtime, "the end", client.disconnect()).await;
    assert!(closed.is_clean(), "{closed:?}");
    back
}
