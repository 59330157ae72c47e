//! The blocking client: on each runtime, and called from threads, tasks and other executors.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use engineio_client::blocking::{self, Background, Client, Handle};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::transports::{Dialer, Proxy, Tls};
use engineio_client::{
    Closed, Error, ErrorKind, Event, Message, Reason, Runtime as _, async_trait,
};
use http::{Request, Response};

use crate::support::oxide::Oxide;
use crate::support::redirects::Moved;
use crate::support::server::{Server as _, Setup};
use crate::support::session::{DEADLINE, Mode};

/// Runs the function on its own thread and returns its output. Panics at the deadline.
pub(super) fn within<O: Send + 'static>(
    what: &str,
    function: impl FnOnce() -> O + Send + 'static,
) -> O {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(function()));
    match receiver.recv_timeout(DEADLINE) {
        Ok(output) => output,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: timed out after {DEADLINE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => panic!("{what}: no result"),
        },
    }
}

fn backgrounds() -> [Background; 3] {
    [
        Background::tokio(),
        Background::smol(),
        Background::async_std(),
    ]
}

/// A conversation like the one in the documentation's example.
fn talk(url: &str, background: &Background, mode: Mode) {
    let mut client = Client::builder(url)
        .transports(mode.transports().iter().copied())
        .runtime(background.clone())
        .connect()
        .expect("the client connects");
    if mode == Mode::Upgraded {
        loop {
            match client.next_event() {
                Some(Event::Upgraded { .. }) => break,
                Some(_) => {}
                None => panic!("the session ended early"),
            }
        }
    }
    assert_eq!(client.transport(), Some(mode.transport()));
    assert!(client.sid().is_some());
    let all: Vec<Message> = vec!["a".into(), "".into(), vec![0, 255].into()];
    for message in &all {
        client.send(message.clone()).expect("the session is open");
    }
    client.send_json(&[1, 2]).expect("the session is open");
    client.flush().expect("the session is open");
    let received: Vec<Message> = client.iter().take(3).collect();
    assert_eq!(received, all);
    let numbers: Vec<u8> = client
        .recv()
        .expect("an echo")
        .json()
        .expect("the message is JSON");
    assert_eq!(numbers, [1, 2]);
    let error = client
        .recv_timeout(Duration::from_millis(20))
        .expect_err("nothing was sent");
    assert!(error.is_timeout(), "{error:?}");
    let closed = client.disconnect();
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(client.recv(), None);
    let error = client
        .recv_timeout(DEADLINE)
        .expect_err("the session is closed");
    assert!(error.is_closed(), "{error:?}");
    assert_eq!(
        client
            .send("late")
            .expect_err("the session is closed")
            .kind(),
        ErrorKind::Closed
    );
}

#[test]
fn a_redirect_is_followed_if_the_builder_says_so() {
    let server = Oxide::start(Setup::Default);
    for mode in Mode::ALL {
        let server = server.url();
        within(&format!("{mode:?}"), move || {
            let connect = |url: &str, follow| {
                Client::builder(url)
                    .transports(mode.transports().iter().copied())
                    .fall_back(false)
                    .follow_redirects(follow)
                    .connect()
            };
            let moved = Moved::to(&server);
            let error = connect(&moved.url, false).expect_err("following redirects is off");
            assert_eq!(error.status(), Some(308));
            assert!(error.redirect().is_some());
            moved.was_asked();
            let moved = Moved::to(&server);
            let mut client = connect(&moved.url, true).expect("the client connects");
            client.send("x").expect("the session is open");
            assert_eq!(client.recv().expect("an echo").as_text(), Some("x"));
            assert!(client.disconnect().is_clean());
            moved.was_asked();
        });
    }
}

#[test]
fn a_blocking_client_works_on_each_runtime_over_each_transport() {
    let server = Oxide::start(Setup::Default);
    for background in backgrounds() {
        for mode in Mode::ALL {
            let (url, background) = (server.url(), background.clone());
            let what = format!("{background:?}, {mode:?}");
            within(&what, move || talk(&url, &background, mode));
        }
    }
}

#[test]
fn handlers_run_in_order_on_one_thread_and_the_disconnect_handler_runs_last() {
    let server = Oxide::start(Setup::Default);
    for background in backgrounds() {
        let url = server.url();
        within(&format!("{background:?}"), move || {
            let (diary, lines) = mpsc::channel();
            let (connect, message, disconnect) = (diary.clone(), diary.clone(), diary);
            let note = |line: &str| (thread::current().id(), line.to_owned());
            let client = Client::builder(&url)
                .runtime(background)
                .on_connect(move |handle: Handle| {
                    connect.send(note("connect"))?;
                    handle.send("1")?;
                    handle.send("2")?;
                    handle.send("3")?;
                    Ok(())
                })
                .on_message(move |handle, text: Message| {
                    let text = text.as_text().unwrap_or_default();
                    message.send(note(text))?;
                    if text == "3" {
                        // A handler may wait for the end of its own session.
                        let closed = handle.disconnect();
                        assert!(closed.is_clean(), "{closed}");
                    }
                    Ok(())
                })
                .on_disconnect(move |_, closed: Closed| {
                    disconnect.send(note(&closed.to_string()))?;
                    Ok(())
                })
                .connect()
                .expect("the client connects");
            assert!(client.wait().is_clean());
            // All handlers have run.
            let all: Vec<_> = lines.try_iter().collect();
            let texts: Vec<_> = all.iter().map(|(_, text)| &**text).collect();
            assert_eq!(texts, ["connect", "1", "2", "3", "closed by this client"]);
            assert!(all.iter().all(|(thread, _)| *thread == all[0].0));
            assert_ne!(all[0].0, thread::current().id());
        });
    }
}

#[test]
fn handles_send_from_many_threads_and_background_tasks_return_values() {
    // Covers a test case of python-engineio: test_background_tasks.
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    within("many threads", move || {
        let mut client = blocking::connect(&url).expect("the client connects");
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let handle = client.handle();
                client
                    .start_background_task(move || {
                        for i in 0..500 {
                            handle
                                .send(format!("{task} {i}"))
                                .expect("the session is open");
                        }
                        handle.sleep(Duration::from_millis(1));
                        task
                    })
                    .expect("there are threads")
            })
            .collect();
        let mut next = [0; 4];
        for message in client.iter().take(2000) {
            let text = message.as_text().expect("a text");
            let (task, i) = text.split_once(' ').expect("two numbers");
            let (task, i): (usize, usize) = (task.parse().unwrap(), i.parse().unwrap());
            assert_eq!(i, next[task], "in order");
            next[task] += 1;
        }
        assert_eq!(next, [500; 4]);
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().expect("the task does not panic"), number);
        }
        drop(client);
    });
}

#[test]
fn a_blocking_client_works_in_spawn_blocking_and_in_tokio_tasks() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    within("tokio", move || {
        let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
        runtime.block_on(async {
            let inner = url.clone();
            tokio::task::spawn_blocking(move || {
                talk(&inner, &Background::tokio(), Mode::Upgraded);
            })
            .await
            .expect("the task does not panic");
            // This blocks a thread of the runtime but neither panics nor deadlocks. The same holds for
            // the drop below.
            talk(&url, &Background::tokio(), Mode::Upgraded);
            tokio::spawn(async move {
                let client = blocking::connect(&url).expect("the client connects");
                drop(client);
            })
            .await
            .expect("the task does not panic");
        });
    });
}

#[test]
fn a_blocking_client_works_inside_smol_and_futures_executors() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    within("smol", move || {
        smol::block_on(async {
            talk(&url, &Background::smol(), Mode::Upgraded);
            let inner = url.clone();
            smol::spawn(async move { talk(&inner, &Background::smol(), Mode::Polling) }).await;
        });
        futures::executor::block_on(async {
            talk(&url, &Background::smol(), Mode::WebSocket);
        });
    });
}

#[test]
fn a_blocking_call_that_would_deadlock_is_an_error() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    within("the background's own thread", move || {
        for background in backgrounds() {
            let client = Client::builder(&url)
                .runtime(background.clone())
                .connect()
                .expect("the client connects");
            let (url, here) = (url.clone(), background.clone());
            let task = client.handle().as_async().spawn(async move {
                let builder = Client::builder(&url).runtime(here);
                builder.connect().map(drop)
            });
            let error = futures::executor::block_on(task)
                .expect("the task does not panic")
                .expect_err("the call would deadlock");
            assert_eq!(error.kind(), ErrorKind::Runtime, "{background:?}");
            assert!(error.report().contains("spawn_blocking"), "{error:?}");
        }
        // async-std allows blocking in `spawn_blocking`.
        async_std::task::block_on(async_std::task::spawn_blocking(move || {
            talk(&url, &Background::async_std(), Mode::WebSocket);
        }));
    });
}

/// An HTTP client that panics.
struct Buggy;

#[async_trait]
impl HttpClient for Buggy {
    async fn send(&self, _: Request<Bytes>, _: &Exchange) -> Result<Response<Bytes>, Error> {
        panic!("out of ink")
    }
}

#[test]
fn a_panic_in_one_session_leaves_the_others_alone() {
    let server = Oxide::start(Setup::Default);
    for background in backgrounds() {
        let url = server.url();
        within(&format!("{background:?}"), move || {
            let error = Client::builder(&url)
                .http_client(Arc::new(Buggy))
                .transports(["polling"])
                .runtime(background.clone())
                .connect()
                .expect_err("the HTTP client panics");
            assert_eq!(error.kind(), ErrorKind::Aborted, "{error:?}");
            talk(&url, &background, Mode::Polling);
        });
    }
}

#[test]
fn a_blocking_client_uses_the_settings_of_its_builder() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let proxy = listener
        .local_addr()
        .expect("the socket is bound")
        .to_string();
    drop(listener);
    within("the shortcuts", move || {
        let builder = || Client::builder("http://localhost").fall_back(false);
        let dialer = Dialer::default().proxy(Proxy::new(&proxy).expect("a valid address"));
        for builder in [builder().proxy(&proxy), builder().dialer(dialer)] {
            let error = builder.connect().expect_err("nobody listens");
            assert!(error.report().contains("proxy"), "{}", error.report());
        }
        let builder = builder().tls(Tls::default()).proxies_from_env();
        let error = builder.proxy("gopher://x").start().expect_err("no proxy");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_session_that_cannot_be_opened_reports_why() {
    // Nobody listens on a port that was just released.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("the socket is bound")
    );
    drop(listener);
    within("refused", move || {
        let error = blocking::connect(&url).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect);
        let error = blocking::connect("no url").expect_err("the text is not a URL");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

#[test]
fn dropping_a_blocking_client_closes_its_session() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    let closed = within("drop", move || {
        let client = blocking::connect(&url).expect("the client connects");
        let handle = client.handle();
        handle.send("one more").expect("the session is open");
        drop(client);
        handle.wait()
    });
    assert!(matches!(closed.reason(), Reason::Client), "{closed}");
    assert!(closed.is_clean());
}

#[test]
fn the_background_thread_is_a_usable_runtime() {
    for background in backgrounds() {
        background
            .check()
            .expect("this is not the background thread");
        let before = background.now();
        blocking_sleep(&background, Duration::from_millis(5));
        assert!(background.now() - before >= Duration::from_millis(5));
    }
}

fn blocking_sleep(background: &Background, duration: Duration) {
    futures::executor::block_on(background.sleep(duration));
}
