//! Slow handlers on a single-threaded runtime, with a queue of messages that takes longer to handle than
//! the server waits for a pong. This test has its own binary because it blocks its thread for most of
//! the time.

#[path = "support"]
#[allow(dead_code, reason = "each test binary uses only a part of it")]
mod support {
    pub(crate) mod log;
    pub(crate) mod oxide;
    pub(crate) mod server;
    pub(crate) mod session;
    pub(crate) mod tls;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engineio_client::Reason;
use support::oxide::Oxide;
use support::server::{Server as _, Setup};

const MESSAGES: usize = 100;

/// The server pings every 300 ms and waits 1.2 s for the pong. The handlers take 5 s in total. tokio
/// only polls its sockets after 61 tasks or when no task is ready, so the client has to yield between
/// handlers.
///
/// Rule E28.
#[test]
fn s8_the_session_survives_slow_handlers_with_a_long_queue() {
    let server = Oxide::start(Setup::QuickHeartbeat);
    let handled = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts");
    let closed = runtime.block_on(async {
        let (all, all_handled) = futures::channel::oneshot::channel();
        let mut all = Some(all);
        let counter = Arc::clone(&handled);
        let client = engineio_client::tokio::Client::builder(server.url())
            .transports(["websocket"])
            .on_message(move |_handle, _message| {
                std::thread::sleep(Duration::from_millis(50));
                if counter.fetch_add(1, Ordering::SeqCst) + 1 == MESSAGES
                    && let Some(all) = all.take()
                {
                    let _ = all.send(());
                }
            })
            .connect()
            .await
            .expect("the client connects");
        client
            .send(format!("!burst {MESSAGES}"))
            .await
            .expect("the session is open");
        let ended = client.handle();
        futures::future::select(Box::pin(ended.wait()), all_handled).await;
        client.disconnect().await
    });
    assert!(matches!(closed.reason(), Reason::Client), "{closed}");
    assert_eq!(handled.load(Ordering::SeqCst), MESSAGES);
}
