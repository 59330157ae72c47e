//! Runtimes without sockets or timers, with paused time, or that were dropped; and the blocking client's
//! background thread as a runtime.

use std::time::Duration;

use engineio_client::blocking::Background;
use engineio_client::{Client, ErrorKind, Tokio, blocking, transports::Transports};
use futures::FutureExt as _;

use crate::support::oxide::Oxide;
use crate::support::server::{Server as _, Setup};

const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn s13_a_tokio_runtime_without_sockets_or_timers_is_an_error() {
    for (with_io, with_time, method) in [
        (false, true, "enable_io"),
        (true, false, "enable_time"),
        (false, false, "enable_time"),
    ] {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        if with_io {
            builder.enable_io();
        }
        if with_time {
            builder.enable_time();
        }
        let runtime = builder.build().expect("tokio starts");
        let error = runtime
            .block_on(engineio_client::tokio::connect(NOBODY))
            .map(drop)
            .expect_err("the runtime is incomplete");
        assert_eq!(error.kind(), ErrorKind::Runtime);
        assert!(error.report().contains(method), "{}", error.report());
    }
}

/// While tokio's time is paused, the time jumps to the next deadline as soon as all tasks wait for
/// sockets, unless a blocking task is running. The documentation of `Tokio` describes this.
#[test]
fn t7_a_blocking_task_stops_paused_time_from_advancing_while_a_server_answers() {
    let server = Oxide::start(Setup::Default);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("tokio starts");
    runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || ended.recv().is_err());
        let connecting = engineio_client::tokio::connect(server.url());
        let mut client = connecting.await.expect("no limit has passed");
        client.send("still").await.expect("the session is open");
        let echo = client.recv().await.expect("an answer");
        assert_eq!(echo.as_text(), Some("still"));
        assert!(client.disconnect().await.is_clean());
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(end);
        assert!(blocking.await.expect("the task returns"));
    });
}

#[test]
fn s12_a_sleep_does_not_panic_after_its_runtime_was_dropped() {
    let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
    let client = runtime
        .block_on(async { engineio_client::tokio::Client::builder(NOBODY).start() })
        .expect("the client starts");
    let handle = client.handle();
    let mut begun = Box::pin(handle.sleep(Duration::from_secs(3600)));
    assert!(begun.as_mut().now_or_never().is_none());
    drop(runtime);
    let short = Duration::from_millis(1);
    for _ in 0..3 {
        assert!(handle.sleep(short).now_or_never().is_none());
        assert!(begun.as_mut().now_or_never().is_none());
        std::thread::sleep(short);
    }
    let closed = handle.wait().now_or_never().expect("the session is over");
    assert!(!closed.is_clean());
}

/// On the thread of blocking clients, tasks can await, but blocking calls would deadlock.
#[test]
fn s10_an_async_client_runs_on_the_thread_of_blocking_clients() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    let client = blocking::connect(&url).expect("the client connects");
    let task = client.handle().as_async().spawn(async move {
        let blocks = blocking::Client::builder(&url).start().map(drop);
        let error = blocks.expect_err("the call would deadlock");
        assert_eq!(error.kind(), ErrorKind::Runtime, "{}", error.report());

        let builder = Client::<Transports, Tokio>::builder(&url).runtime(Background::default());
        let mut client = builder.connect().await.expect("the client connects");
        client.send("to itself").await.expect("the session is open");
        let echo = client.recv().await.expect("an answer");
        assert_eq!(echo.as_text(), Some("to itself"));
        client.disconnect().await.is_clean()
    });
    assert!(futures::executor::block_on(task).expect("the task returns"));
}
