//! Defects of other clients that concern handlers and threads: see `tests/defects.md`. The tests for the
//! other defects are in `tests/transports/defects`.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use async_tungstenite::tungstenite;
use engineio_client::blocking::Client;
use engineio_client::{ErrorKind, Handle, Message, Reason, Tokio};

use crate::blocking::within as on_a_thread;
use crate::support::oxide::Oxide;
use crate::support::server::{Server as _, Setup};
use crate::support::session::{DEADLINE, Mode, Runs as _, builder, within};

#[test]
fn rust_engineio_m_the_iterator_of_a_lost_connection_ends() {
    // When the server is gone, the iterator of rust_engineio yields the same wrong error forever.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("the socket is bound")
    );
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut socket = tungstenite::accept(stream).expect("the client requests a WebSocket");
        let open = r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000}"#;
        for text in [open, "4hi"] {
            socket.send(text.into()).expect("the client listens");
        }
    });
    on_a_thread("the iterator's end", move || {
        let mut client = Client::builder(url)
            .transports(["websocket"])
            .connect()
            .expect("the client connects");
        let all: Vec<Message> = client.iter().collect();
        assert_eq!(all, ["hi".into()]);
        assert_eq!(client.recv(), None);
        let closed = client.wait();
        assert!(matches!(closed.reason(), Reason::Transport(_)), "{closed}");
        let refused = client.send("late").expect_err("the session is closed");
        assert_eq!(refused.kind(), ErrorKind::Closed);
    });
    server.join().expect("the server has done its part");
}

#[test]
fn rust_engineio_n_a_blocking_client_handles_messages_on_one_thread() {
    // rust_engineio starts two threads for each message: 2,900 messages a second instead of a million.
    const COUNT: usize = 2000;
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    on_a_thread("the messages", move || {
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let count = Arc::new(AtomicUsize::new(0));
        let (note, counter) = (Arc::clone(&threads), Arc::clone(&count));
        let client = Client::builder(url)
            .transports(["websocket"])
            .on_message(move |handle, _| {
                note.lock()
                    .expect("no handler panics")
                    .insert(thread::current().id());
                if counter.fetch_add(1, Ordering::Relaxed) + 1 == COUNT {
                    handle.close();
                }
            })
            .connect()
            .expect("the client connects");
        client
            .send(format!("!burst {COUNT}"))
            .expect("the session is open");
        client.wait();
        assert_eq!(count.load(Ordering::Relaxed), COUNT);
        assert_eq!(threads.lock().expect("no handler panics").len(), 1);
    });
}

#[test]
fn rust_engineio_o_the_blocking_client_works_inside_a_runtime() {
    // rust_engineio panics: "Cannot start a runtime from within a runtime".
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    on_a_thread("the echo", move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("tokio starts");
        runtime.block_on(async {
            let mut client = Client::connect(url).expect("the client connects");
            client.send("hello").expect("the session is open");
            assert_eq!(client.recv(), Some("hello".into()));
            assert!(client.disconnect().is_clean());
        });
    });
}

#[test]
fn python_p02_a_disconnect_in_any_handler_ends_the_session() {
    // With python-engineio, `disconnect` in the connect handler leaves a client that is "disconnecting"
    // forever; in the disconnect handler, `disconnect` calls the handler once more and deadlocks.
    Tokio::run(async {
        for mode in Mode::ALL {
            for place in ["connect", "message", "upgrade", "disconnect"] {
                if place == "upgrade" && mode != Mode::Upgraded {
                    continue;
                }
                let what = format!("{mode:?}, in the {place} handler");
                let server = Oxide::start(Setup::Default);
                let leave = move |here: &'static str, handle: Handle| async move {
                    if here == place {
                        handle.disconnect().await;
                    }
                };
                let ends = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&ends);
                let client = builder::<Tokio>(&server.url(), mode)
                    .on_connect(move |handle: Handle| async move {
                        let _ = handle.try_send("echo");
                        leave("connect", handle).await;
                    })
                    .on_message(move |handle: Handle, _| async move {
                        leave("message", handle.clone()).await;
                        if place == "disconnect" {
                            handle.close();
                        }
                    })
                    .on_upgrade(move |handle, _| leave("upgrade", handle))
                    .on_disconnect(move |handle, _| {
                        count.fetch_add(1, Ordering::Relaxed);
                        leave("disconnect", handle)
                    })
                    .start()
                    .expect("the settings are right");
                let runtime = Arc::clone(client.runtime());
                let closed = within(&*runtime, &what, client.wait()).await;
                assert!(closed.is_clean(), "{what}: {closed}");
                assert_eq!(ends.load(Ordering::Relaxed), 1, "{what}");
                let logged = server.log().wait_for_line("disconnect ", DEADLINE);
                assert!(logged.is_some(), "{what}: the server did not see the end");
            }
        }
    });
}
