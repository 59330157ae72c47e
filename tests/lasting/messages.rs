//! What becomes of messages between sessions.

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use engineio_client::Handle;
use futures::task::{ArcWake, waker};

use super::*;

#[test]
fn what_is_sent_while_there_is_no_session_goes_by_the_next() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).start().unwrap();
        client.send("before the first").await.unwrap();
        let mut first = server.session().await;
        assert_eq!(received(&mut first, 1).await, ["before the first"]);
        assert_eq!(next(&mut client).await, "connected 1");
        first.cut();
        assert!(next(&mut client).await.starts_with("disconnected 1"));
        client.send("between").await.unwrap();
        client.send_all(["a", "b"]).await.unwrap();
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 3).await, ["between", "a", "b"]);
        client.flush().await.unwrap();
        assert!(client.disconnect().await.is_clean());
    });
}

#[test]
fn a_full_outbox_holds_the_producer_back_and_loses_nothing() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let builder = builder.outbox(engineio_client::Capacity::new(10, 1000));
        let client = builder.reconnect(exact()).connect().await.unwrap();
        let first = server.session().await;
        server.at(Step::Handshake, Act::Cut);
        first.cut();
        runtime.sleep(ms(1)).await;
        let handle = client.handle();
        let producer = client.spawn(async move {
            for number in 0..100 {
                handle.send(number.to_string()).await.unwrap();
            }
        });
        runtime.sleep(seconds(20)).await;
        assert_eq!(client.backlog().messages, 10);
        server.at(Step::Handshake, Act::Properly);
        let connected = client.opened().await.unwrap();
        let mut second = session_of(&mut server, &connected).await;
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(received(&mut second, 100).await, expected);
        producer.await.unwrap();
        client.disconnect().await;
    });
}

/// Closes the client at once when it is woken, whatever the task that wakes it is about to do.
struct Closing(Handle);

impl ArcWake for Closing {
    fn wake_by_ref(closing: &Arc<Self>) {
        closing.0.close();
    }
}

/// On several threads a program can hear of a session, send and close while the task of the client is
/// still busy opening the session.
#[test]
fn a_close_at_the_moment_of_opening_still_sends_what_was_accepted() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).start().unwrap();
        let handle = client.handle();
        handle.send("a").await.unwrap();
        let waker = waker(Arc::new(Closing(handle.clone())));
        {
            let mut connected = pin!(client.next());
            let first = connected.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(first.is_pending());
        }
        let mut session = server.session().await;
        assert_eq!(received(&mut session, 1).await, ["a"]);
        let closed = handle.wait().await;
        assert!(closed.is_clean(), "{closed:?}");
    });
}
