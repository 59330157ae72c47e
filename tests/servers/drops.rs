//! Clients that are dropped at any time, on real runtimes and sockets: they leave no task and no socket
//! behind, and the server's sessions end. `tests/transports/drops.rs` tests the same in virtual time.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::Duration;

use engineio_client::blocking::Client as BlockingClient;
use engineio_client::{AsyncStd, Reason, Smol, Tokio};
use futures::executor::block_on;
use futures::future::select;

use crate::support::oxide::Oxide;
use crate::support::server::{Server as _, Setup};
use crate::support::session::{DEADLINE, Mode, Runs, Session, builder};

/// Checks the condition again and again until it holds: nothing notifies this process of a closed
/// socket.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let step = Duration::from_millis(5);
    let looks = DEADLINE.as_millis() / step.as_millis();
    for _ in 0..looks {
        if holds() {
            return;
        }
        thread::sleep(step);
    }
    panic!("{what}: timed out after {DEADLINE:?}");
}

/// The number of this process's sockets that are connected to the server.
fn sockets(server: &Oxide) -> usize {
    let url = server.url();
    let (_, port) = url.rsplit_once(':').expect("there is a port");
    let port = format!(
        ":{:04X}",
        port.parse::<u16>().expect("the text is a number")
    );
    let table = fs::read_to_string("/proc/net/tcp").expect("this is Linux");
    let lines = table.lines().skip(1).filter(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        // A closed socket that the system still keeps (TIME_WAIT) has no inode.
        cells[2].ends_with(&port) && cells[9] != "0"
    });
    lines.count()
}

/// Waits until no socket is connected to the server and the server's sessions have ended. The server's
/// ping timeout is longer than the deadline, so the sessions end because the client closed them.
///
/// engineioxide 0.17 never ends a session whose WebSocket breaks before its open packet has left
/// (`on_init` returns at the failure and closes nothing). Over WebSocket, this function therefore only
/// waits for the sessions in `known`, whose handshake the client has received. Over polling, it waits
/// for all sessions.
fn nothing_is_left(server: &Oxide, mode: Mode, known: &[String]) {
    eventually(&format!("{mode:?}: no socket"), || sockets(server) == 0);
    eventually(&format!("{mode:?}: no session"), || {
        let lines = server.log().lines();
        let sids = |event: &'static str| {
            lines.iter().filter_map(move |line| {
                let rest = line.strip_prefix(event)?;
                rest.split(' ').next().map(str::to_owned)
            })
        };
        let ended: HashSet<String> = sids("disconnect ").collect();
        let mut all: HashSet<String> = known.iter().cloned().collect();
        if mode != Mode::WebSocket {
            all.extend(sids("opened "));
        }
        all.is_subset(&ended)
    });
}

/// Drops clients, and futures of `connect`, after increasing times: some while the session opens, some
/// afterwards, and some on another thread. Returns the ids of the sessions that had opened.
async fn drop_everywhere<R: Runs>(server: &Oxide, mode: Mode) -> Vec<String> {
    let mut known = Vec::new();
    let mut threads = Vec::new();
    for step in 0..90 {
        let moment = Duration::from_micros(60 * step);
        let builder = builder::<R>(&server.url(), mode);
        if step % 3 == 0 {
            let connect = Box::pin(builder.connect());
            select(connect, R::default().sleep(moment)).await;
            continue;
        }
        let client = builder.start().expect("the settings are right");
        // Whether most of these clients are open when they are dropped depends on the machine. The last
        // clients wait until they are open, so that open clients are dropped even on a slow machine.
        let opened = Box::pin(client.opened());
        if step < 75 {
            select(opened, client.runtime().sleep(moment)).await;
        } else {
            opened.await.expect("the session opens");
        }
        let _ = client.try_send("last words");
        known.extend(client.sid());
        if step % 3 == 1 {
            drop(client);
        } else {
            threads.push(thread::spawn(move || drop(client)));
        }
    }
    for thread in threads {
        thread.join().expect("dropping does not panic");
    }
    known
}

#[test]
fn a_client_dropped_at_any_time_leaves_no_task_socket_or_session_on_tokio() {
    for mode in Mode::ALL {
        let server = Oxide::start(Setup::Default);
        let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
        let known = runtime.block_on(drop_everywhere::<Tokio>(&server, mode));
        eventually(&format!("{mode:?}: no task"), || {
            runtime.metrics().num_alive_tasks() == 0
        });
        nothing_is_left(&server, mode, &known);
    }
}

#[test]
fn a_client_dropped_at_any_time_leaves_no_socket_or_session_on_smol() {
    for mode in Mode::ALL {
        let server = Oxide::start(Setup::Default);
        Smol::run(async {
            let known = drop_everywhere::<Smol>(&server, mode).await;
            nothing_is_left(&server, mode, &known);
        });
    }
}

#[test]
fn a_client_dropped_at_any_time_leaves_no_socket_or_session_on_async_std() {
    for mode in Mode::ALL {
        let server = Oxide::start(Setup::Default);
        AsyncStd::run(async {
            let known = drop_everywhere::<AsyncStd>(&server, mode).await;
            nothing_is_left(&server, mode, &known);
        });
    }
}

#[test]
fn a_blocking_client_dropped_at_any_time_leaves_no_socket_or_session() {
    for mode in Mode::ALL {
        let server = Oxide::start(Setup::Default);
        let threads = (0..30).map(|step| {
            let url = server.url();
            thread::spawn(move || {
                let client = BlockingClient::builder(url)
                    .transports(mode.transports().iter().copied())
                    .start()
                    .expect("the settings are right");
                thread::sleep(Duration::from_micros(200 * step));
                let _ = client.try_send("last words");
                client.sid()
            })
        });
        let threads: Vec<_> = threads.collect();
        let sids = threads.into_iter().map(|thread| thread.join());
        let known: Vec<String> = sids
            .filter_map(|sid| sid.expect("dropping does not panic"))
            .collect();
        nothing_is_left(&server, mode, &known);
    }
}

#[test]
fn dropping_the_runtime_closes_its_sockets_and_notifies_waiters() {
    for mode in Mode::ALL {
        // The runtime is gone before the client can close the session, so the server's ping timeout has
        // to be short.
        let server = Oxide::start(Setup::QuickHeartbeat);
        let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
        let (open, opening) = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..5 {
                open.push(Session::<Tokio>::open(&server.url(), mode).await.client);
            }
            let start = |_| builder::<Tokio>(&server.url(), mode).start();
            let opening: Result<Vec<_>, _> = (0..5).map(start).collect();
            (open, opening.expect("the settings are right"))
        });
        assert!(sockets(&server) > 0);
        drop(runtime);
        for client in &open {
            let closed = block_on(client.wait());
            assert!(matches!(closed.reason(), Reason::Aborted), "{closed}");
        }
        for client in &opening {
            let closed = block_on(client.wait());
            assert!(matches!(closed.reason(), Reason::Aborted), "{closed}");
            assert!(block_on(client.flush()).is_ok(), "nothing was accepted");
        }
        let known: Vec<String> = open.iter().filter_map(|client| client.sid()).collect();
        assert_eq!(known.len(), 5);
        nothing_is_left(&server, mode, &known);
    }
}
