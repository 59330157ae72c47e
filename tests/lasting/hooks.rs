//! The hook before each connection, and each session's greeting.

use super::*;

/// Rule E59.
#[test]
fn the_greeting_leaves_before_queued_messages() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let time = runtime.clone();
        let reconnect = exact().greeting_with(time, async |time, connected| {
            time.sleep(ms(100)).await;
            vec![
                format!("log-in {}", connected.session).into(),
                "join".into(),
            ]
        });
        let client = builder.reconnect(reconnect).start().unwrap();
        client.send("a").await.unwrap();
        let mut first = server.session().await;
        assert_eq!(received(&mut first, 3).await, ["log-in 1", "join", "a"]);
        first.cut();
        runtime.sleep(ms(1)).await;
        client.send("b").await.unwrap();
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 3).await, ["log-in 2", "join", "b"]);
        let closed = client.disconnect().await;
        assert!(closed.uncertain().is_empty() && closed.unsent().is_empty());
        assert_eq!(
            closed.unconfirmed_count(),
            2,
            "a and b may not have arrived"
        );
    });
}

#[test]
fn the_hook_can_change_url_query_and_headers() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let reconnect = exact().before_connect(async |mut to| {
            assert_eq!(to.query, [("room".to_owned(), "a b".to_owned())]);
            to.query.push(("session".into(), to.session.to_string()));
            to.headers
                .insert("authorization", format!("Bearer {}", to.attempt).parse()?);
            Ok(to)
        });
        let builder = builder.query("room", "a b").reconnect(reconnect);
        let client = builder.connect().await.unwrap();
        let first = server.session().await;
        assert_eq!(first.request().query, "room=a%20b&session=1");
        assert_eq!(first.request().headers["authorization"], "Bearer 0");
        runtime.sleep(seconds(6)).await;
        first.cut();
        let second = server.session().await;
        assert_eq!(second.request().query, "room=a%20b&session=2");
        assert_eq!(second.request().headers["authorization"], "Bearer 1");
        client.disconnect().await;
    });
}

#[test]
fn a_failing_hook_counts_as_a_failed_attempt() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let reconnect = exact().before_connect(async |to| match to.attempt {
            0 | 1 => Err("no token".into()),
            _ => Ok(to),
        });
        let client = builder.reconnect(reconnect).start().unwrap();
        client.opened().await.unwrap();
        assert_eq!(runtime.now(), seconds(3));
        server.session().await;
        client.disconnect().await;
    });
}

#[test]
fn disconnect_ends_the_client_during_the_hook_and_the_greeting() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let forever = exact().before_connect(async |to| {
            std::future::pending::<()>().await;
            Ok(to)
        });
        let client = builder
            .try_clone()
            .unwrap()
            .reconnect(forever)
            .start()
            .unwrap();
        runtime.sleep(seconds(1)).await;
        client.disconnect().await;
        assert_eq!(runtime.now(), seconds(1));
        let forever = exact().greeting(async |_| std::future::pending().await);
        let client = builder.reconnect(forever).connect().await.unwrap();
        client.send("a").await.unwrap();
        let mut session = server.session().await;
        let closed = client.disconnect().await;
        assert_eq!(runtime.now(), seconds(1));
        assert_eq!(closed.unsent(), ["a".into()]);
        assert_eq!(session.recv().await, None);
    });
}

#[test]
fn a_greeting_that_takes_too_long_ends_the_session() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let forever = exact()
            .hook_timeout(seconds(3))
            .greeting(async |connected| {
                if connected.session == 1 {
                    std::future::pending::<()>().await;
                }
                vec!["hello".into()]
            });
        let mut client = builder.reconnect(forever).start().unwrap();
        assert_eq!(next(&mut client).await, "connected 1");
        let event = next(&mut client).await;
        assert!(
            event.starts_with("disconnected 1: the transport failed"),
            "{event}"
        );
        assert_eq!(runtime.now(), seconds(3));
        let mut first = server.session().await;
        assert_eq!(first.recv().await, None);
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 1).await, ["hello"]);
        client.disconnect().await;
    });
}
