//! What becomes of messages between sessions.

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

/// Ends each session at its first message.
async fn kill_at_messages(mut server: MockServer, times: u32) -> MockServer {
    for _ in 0..times {
        let mut session = server.session().await;
        assert_eq!(session.recv().await, Some("poison".into()));
        session.cut();
    }
    server
}

#[test]
fn a_message_that_ends_three_sessions_is_given_up_and_the_fences_are_not() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        // The server has died before it can answer the first fence, unless no message comes with it.
        server.at(Step::Fence, Act::After(ms(100)));
        let reconnect = exact().resend(Resend::Unconfirmed);
        let mut client = builder.reconnect(reconnect).start().unwrap();
        client.send_all(["poison"]).await.unwrap();
        client.send("b").await.unwrap();
        let server = client.spawn(kill_at_messages(server, 3));
        let mut told = Vec::new();
        while told.len() < 10 {
            told.push(next(&mut client).await);
        }
        let ends = told.iter().filter(|line| line.starts_with("disconnected"));
        assert_eq!(ends.count(), 3, "{told:?}");
        assert!(
            told.iter()
                .any(|line| line.starts_with("given up [\"poison\"]")),
            "{told:?}"
        );
        let mut server = server.await.unwrap();
        let mut session = server.session().await;
        assert_eq!(received(&mut session, 1).await, ["b"]);
        client.confirm().await.unwrap_err();
        client.send("c").await.unwrap();
        client.confirm().await.unwrap();
        assert!(client.disconnect().await.is_clean());
    });
}

#[test]
fn a_server_that_ends_each_session_at_a_ping_is_none_for_at_least_once() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.at(Step::Fence, Act::Cut);
        let reconnect = exact().resend(Resend::Unconfirmed);
        let client = builder.reconnect(reconnect).start().unwrap();
        client.send("a").await.unwrap();
        let closed = client.wait().await;
        let Reason::Transport(error) = closed.reason() else {
            panic!("{closed}");
        };
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let open = [closed.unconfirmed(), closed.uncertain(), closed.unsent()].concat();
        assert_eq!(open, ["a".into()]);
    });
}

#[test]
fn a_greeting_that_fails_says_nothing_of_the_fences() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.at(Step::Fence, Act::Never);
        let reconnect = exact()
            .resend(Resend::Unconfirmed)
            .hook_timeout(seconds(1))
            .greeting(async |_| std::future::pending().await);
        let mut client = builder.reconnect(reconnect).start().unwrap();
        for number in 1..8 {
            assert_eq!(next(&mut client).await, format!("connected {number}"));
            assert!(next(&mut client).await.contains("the greeting took longer"));
            assert!(next(&mut client).await.starts_with("reconnecting"));
        }
        client.disconnect().await;
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
