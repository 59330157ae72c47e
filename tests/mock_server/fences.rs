//! How the mock server answers fences, and when it reports that a poll has left.

use super::*;

use engineio_client::{Confirms, Fence};

fn fence(number: u8) -> Fence {
    Fence::from_bytes(&[number; 16]).unwrap()
}

async fn send(link: &mut Link, packets: Vec<Packet>, number: u8) -> Result<(), Error> {
    let batch = Batch::from(packets).with_fence(fence(number));
    link.sender.send(batch).await
}

/// The packets that a call of `recv` returns, and the fence that is answered.
async fn recv(link: &mut Link) -> (Vec<Packet>, Option<Fence>) {
    let packets = link.receiver.recv().await.unwrap();
    (packets, link.receiver.answered_fence())
}

/// Whether a call of `recv` would wait.
async fn is_quiet(runtime: &MockRuntime, link: &mut Link) -> bool {
    // Dropping the call ends the session, so this has to be the last check.
    waits(runtime, &mut link.receiver.recv()).await
}

/// A session over WebSocket, whose handshake has been received.
async fn opened(runtime: &MockRuntime) -> (Link, MockServer, MockSession) {
    let (transports, mut server) = MockServer::new(runtime.clone());
    let opened = link(runtime, &transports, "websocket", None).await;
    let mut link = opened.unwrap();
    open_of(&link.receiver.recv().await.unwrap());
    let session = server.session().await;
    (link, server, session)
}

#[test]
fn fences_are_answered_after_the_servers_packets_and_are_not_recorded() {
    under_both_orders(async |runtime| {
        let (mut link, _server, mut session) = opened(&runtime).await;
        assert_eq!(link.sender.confirms(), Confirms::ByFence);
        session.send("x");
        send(&mut link, vec![text("a")], 1).await.unwrap();
        assert_eq!(session.recv().await, Some("a".into()));
        session.send("y");
        let expected = (vec![text("x"), text("y")], Some(fence(1)));
        assert_eq!(recv(&mut link).await, expected);
        assert_eq!(link.receiver.answered_fence(), None, "reported twice");
        send(&mut link, Vec::new(), 2).await.unwrap();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(2))));
        // Only the newest of several fences is answered, after all earlier packets. These are more than
        // one call of `recv` returns.
        session.send_packets(vec![text("z"); 300]);
        send(&mut link, Vec::new(), 3).await.unwrap();
        send(&mut link, Vec::new(), 4).await.unwrap();
        assert_eq!(recv(&mut link).await, (vec![text("z"); 256], None));
        let expected = (vec![text("z"); 44], Some(fence(4)));
        assert_eq!(recv(&mut link).await, expected);
        assert_eq!(seen(&session), [("websocket", text("a"))]);
        assert!(is_quiet(&runtime, &mut link).await);
    });
}

#[test]
fn answers_may_be_late_and_keep_their_order() {
    under_both_orders(async |runtime| {
        let (mut link, server, session) = opened(&runtime).await;
        server.once(Step::Fence, Act::After(seconds(1)));
        send(&mut link, Vec::new(), 1).await.unwrap();
        send(&mut link, Vec::new(), 2).await.unwrap();
        session.send("x");
        let began = runtime.now();
        assert_eq!(recv(&mut link).await, (vec![text("x")], None));
        assert_eq!(runtime.now(), began);
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(2))));
        assert_eq!(runtime.now(), began + seconds(1));
        // The connection is cut after the answer is due, so the answer arrives first.
        server.at(Step::Fence, Act::After(seconds(1)));
        send(&mut link, Vec::new(), 3).await.unwrap();
        runtime.sleep(Duration::from_millis(1500)).await;
        session.cut();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(3))));
        let error = link.receiver.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended);
    });
}

#[test]
fn a_late_answer_is_not_sent_after_the_end() {
    under_both_orders(async |runtime| {
        let (mut link, server, session) = opened(&runtime).await;
        server.at(Step::Fence, Act::After(seconds(1)));
        send(&mut link, Vec::new(), 1).await.unwrap();
        session.close();
        runtime.sleep(seconds(2)).await;
        assert_eq!(recv(&mut link).await, (vec![Packet::Close], None));
        assert!(link.receiver.recv().await.is_err());
        assert_eq!(link.receiver.answered_fence(), None);
        assert!(send(&mut link, Vec::new(), 2).await.is_err());
        // The session ends by a ping timeout before the answer is due: the server pings after 25 s, and
        // waits 20 s for the pong.
        let (mut link, server, _session) = opened(&runtime).await;
        server.at(Step::Fence, Act::After(seconds(46)));
        send(&mut link, Vec::new(), 1).await.unwrap();
        runtime.sleep(seconds(60)).await;
        let expected = vec![Packet::Ping("".into()), Packet::Close];
        assert_eq!(recv(&mut link).await, (expected, None));
        // A fence is not answered if its batch contains a close packet.
        let (mut link, _server, _session) = opened(&runtime).await;
        send(&mut link, vec![Packet::Close], 1).await.unwrap();
        assert_eq!(recv(&mut link).await, (vec![Packet::Close], None));
    });
}

#[test]
fn a_test_can_withhold_or_replace_an_answer() {
    under_both_orders(async |runtime| {
        let (mut link, server, session) = opened(&runtime).await;
        server.once(Step::Fence, Act::Never);
        server.once(Step::Fence, Act::Send(vec![text("instead")]));
        send(&mut link, Vec::new(), 1).await.unwrap();
        send(&mut link, vec![text("a")], 2).await.unwrap();
        assert_eq!(recv(&mut link).await, (vec![text("instead")], None));
        send(&mut link, Vec::new(), 3).await.unwrap();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(3))));
        assert_eq!(seen(&session), [("websocket", text("a"))]);

        server.once(Step::Fence, Act::Close);
        send(&mut link, vec![text("b")], 4).await.unwrap();
        assert_eq!(recv(&mut link).await, (vec![Packet::Close], None));

        for (act, kind) in [
            (Act::Cut, ErrorKind::Ended),
            (Act::Fail(refusal()), ErrorKind::Status),
        ] {
            let (mut link, server, mut session) = opened(&runtime).await;
            server.once(Step::Fence, act);
            send(&mut link, vec![text("a")], 1).await.unwrap();
            assert_eq!(session.recv().await, Some("a".into()));
            let error = link.receiver.recv().await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(link.receiver.answered_fence(), None);
        }

        // The second fence fails after the first one was answered.
        let (mut link, server, _session) = opened(&runtime).await;
        server.once(Step::Fence, Act::Properly);
        server.once(Step::Fence, Act::Fail(refusal()));
        send(&mut link, Vec::new(), 1).await.unwrap();
        send(&mut link, Vec::new(), 2).await.unwrap();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(1))));
        let error = link.receiver.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Status);
    });
}

#[test]
fn a_fence_alone_is_no_post_and_one_with_packets_is_sent_with_them() {
    under_both_orders(async |runtime| {
        let (mut link, server, session) = opened(&runtime).await;
        server.once(Step::Post, Act::After(seconds(1)));
        server.once(Step::Post, Act::Fail(refusal()));
        let began = runtime.now();
        send(&mut link, Vec::new(), 1).await.unwrap();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(1))));
        assert_eq!(runtime.now(), began);
        send(&mut link, vec![text("a")], 2).await.unwrap();
        assert_eq!(recv(&mut link).await, (Vec::new(), Some(fence(2))));
        assert_eq!(runtime.now(), began + seconds(1));
        let error = send(&mut link, vec![text("b")], 3).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Status);
        assert_eq!(seen(&session), [("websocket", text("a"))]);
        assert!(is_quiet(&runtime, &mut link).await);
    });
}

#[test]
fn a_probe_answers_fences_and_a_polling_link_has_none() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        assert_eq!(polling.sender.confirms(), Confirms::ByPoll);
        open_of(&polling.receiver.recv().await.unwrap());
        let session = server.session().await;
        send(&mut polling, vec![text("a")], 1).await.unwrap();
        session.send("x");
        assert_eq!(recv(&mut polling).await, (vec![text("x")], None));
        server.at(Step::Fence, Act::Never);
        let sid = Some(session.sid());
        let probe = link(&runtime, &transports, "websocket", sid.as_deref()).await;
        let mut probe = probe.unwrap();
        send(&mut probe, vec![Packet::Ping("probe".into())], 2)
            .await
            .unwrap();
        let expected = (vec![Packet::Pong("probe".into())], Some(fence(2)));
        assert_eq!(recv(&mut probe).await, expected);
        // After the upgrade, the steps of the session apply to fences.
        server.once(Step::Fence, Act::After(seconds(1)));
        let began = runtime.now();
        send(&mut probe, vec![Packet::Upgrade], 3).await.unwrap();
        assert_eq!(recv(&mut probe).await, (Vec::new(), Some(fence(3))));
        assert_eq!(runtime.now(), began + seconds(1));
    });
}

#[test]
fn a_poll_has_left_when_the_server_has_it() {
    for (transport, asked) in [("polling", "asked: At(1s)"), ("websocket", "asked: Untold")] {
        under_both_orders(async |runtime| {
            let (transports, server) = MockServer::new(runtime.clone());
            server.at(Step::Open, Act::After(seconds(1)));
            let dynamic: Arc<dyn Runtime> = Arc::new(runtime.clone());
            let activity = Activity::new(Arc::clone(&dynamic));
            let url = "http://chat.test/engine.io/".parse().unwrap();
            let request = OpenRequest::new(transport, url, activity.clone());
            let mut link = transports.open(&dynamic, request).await.unwrap();
            let told = format!("{activity:?}");
            assert!(told.contains("asked: Untold"), "{told}");
            open_of(&link.receiver.recv().await.unwrap());
            let told = format!("{activity:?}");
            assert!(told.contains(asked), "{told}");
        });
    }
}
