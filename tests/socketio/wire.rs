//! The packets on the wire, and packets that a client must survive.

use std::pin::pin;
use std::time::Duration;

use engineio_client::transports::mock::{MockServer, MockSession, MockTransports};
use engineio_client::{Builder, Message, MockRuntime, Runtime as _};
use futures::future::{Either, join, select};
use serde_json::{Value, json};

use crate::socketio::{ANSWER_TIMEOUT, Args, Error, Socket};

type MockSocket = Socket<MockTransports, MockRuntime>;

/// Runs a test with a client in the namespace "/admin".
fn with_socket(test: impl AsyncFn(&mut MockSocket, &mut MockSession, &MockRuntime)) {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let (transport, mut server) = MockServer::new(runtime.clone());
        let builder = Builder::new("http://socket.test", transport, runtime.clone());
        let connecting = Socket::connect(builder, "/admin", json!({"token": "123"}));
        let accepting = async {
            let mut session = server.session().await;
            assert_eq!(text(&mut session).await, r#"0/admin,{"token":"123"}"#);
            session.send(r#"0/admin,{"sid":"CjdVH4TQvovi1VvgAC5Z"}"#);
            session
        };
        let (socket, mut session) = join(connecting, accepting).await;
        let mut socket = socket.unwrap();
        let test = test(&mut socket, &mut session, &runtime);
        let late = runtime.sleep(Duration::from_secs(3600));
        if let Either::Right(_) = select(pin!(test), late).await {
            panic!("the test was still waiting after an hour of virtual time");
        }
    });
}

async fn text(session: &mut MockSession) -> String {
    match session.recv().await {
        Some(Message::Text(text)) => text.into(),
        other => panic!("{other:?} is not a text"),
    }
}

#[test]
fn packets_have_the_form_that_the_protocol_demands() {
    with_socket(async |socket, session, _| {
        let args = Args::default().with("hello").with(json!({"a": [1]}));
        socket.emit("message", args).await.unwrap();
        let expected = r#"2/admin,["message","hello",{"a":[1]}]"#;
        assert_eq!(text(session).await, expected);

        let mut args = Args::default();
        let picture = args.attach(vec![1, 2]);
        let args = args.with(json!({"picture": picture}));
        socket.emit("upload", args).await.unwrap();
        let expected = r#"51-/admin,["upload",{"picture":{"_placeholder":true,"num":0}}]"#;
        assert_eq!(text(session).await, expected);
        assert_eq!(session.recv().await, Some(vec![1, 2].into()));

        session.send(r#"2/admin,12["question"]"#);
        let question = socket.recv().await.unwrap();
        let answer = Args::default().with("answer");
        socket.ack(&question, answer).await.unwrap();
        assert_eq!(text(session).await, r#"3/admin,12["answer"]"#);

        session.send(r#"52-/admin,7["two",{"_placeholder":true,"num":1}]"#);
        session.send(vec![1]);
        session.send(vec![2]);
        let event = socket.recv().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("two", Some(7)));
        let attachment = event.args.attachment(&event.args.values[0]);
        assert_eq!(attachment.unwrap()[..], [2]);
        let mut answer = Args::default();
        let data = answer.attach(vec![3]);
        socket.ack(&event, answer.with(data)).await.unwrap();
        let expected = r#"61-/admin,7[{"_placeholder":true,"num":0}]"#;
        assert_eq!(text(session).await, expected);
        assert_eq!(session.recv().await, Some(vec![3].into()));
    });
}

#[test]
fn an_event_without_a_request_for_an_acknowledgement_is_not_acknowledged() {
    with_socket(async |socket, session, _| {
        session.send(r#"2/admin,["news"]"#);
        let news = socket.recv().await.unwrap();
        socket.ack(&news, Args::default()).await.unwrap();
        socket.emit("next", Args::default()).await.unwrap();
        assert_eq!(text(session).await, r#"2/admin,["next"]"#);
    });
}

#[test]
fn an_acknowledgement_that_comes_too_late_is_ignored() {
    with_socket(async |socket, session, runtime| {
        let start = runtime.now();
        let late = socket.emit_with_ack("first", Args::default());
        assert!(matches!(late.await, Err(Error::Timeout)));
        assert_eq!(runtime.now() - start, ANSWER_TIMEOUT);
        assert_eq!(text(session).await, r#"2/admin,0["first"]"#);
        session.send(r#"3/admin,0["late"]"#);

        let asking = socket.emit_with_ack("second", Args::default());
        let answering = async {
            assert_eq!(text(session).await, r#"2/admin,1["second"]"#);
            session.send(r#"2/admin,["between"]"#);
            session.send(r#"3/admin,1["in time"]"#);
        };
        let (answer, ()) = join(asking, answering).await;
        assert_eq!(answer.unwrap().values, [json!("in time")]);
        assert_eq!(socket.recv().await.unwrap().name, "between");
    });
}

#[test]
fn malformed_packets_are_errors() {
    let texts = [
        "",
        "7",
        "x",
        "é",
        "2{}",
        "2[",
        "2[]",
        "2[1]",
        "2",
        r#"299999999999999999999["a"]"#,
        "5",
        "5[]",
        "5x-[]",
        "5-1-[]",
        "511-[]",
        "0",
        "4/admin,{}",
    ];
    let binary = [vec![1].into(), vec![].into()];
    let stray = texts.map(Message::from).into_iter().chain(binary);
    for message in stray {
        with_socket(async |socket, session, _| {
            session.send(message.clone());
            let error = socket.recv().await;
            assert!(
                matches!(error, Err(Error::Malformed(_))),
                "{message:?}: {error:?}"
            );
        });
    }
    with_socket(async |socket, session, _| {
        session.send(r#"51-/admin,["a"]"#);
        session.send(r#"2/admin,["b"]"#);
        let error = socket.recv().await;
        assert!(matches!(error, Err(Error::Malformed(_))), "{error:?}");
    });
}

#[test]
fn a_placeholder_without_its_attachment_stands_for_nothing() {
    with_socket(async |socket, session, _| {
        session.send(r#"51-/admin,["a",{"_placeholder":true,"num":1},{"num":0},0]"#);
        session.send(vec![1]);
        let args = socket.recv().await.unwrap().args;
        assert!(
            args.values
                .iter()
                .all(|value| args.attachment(value).is_none())
        );
        assert_eq!(args.get::<Value>(3), None);
    });
}

#[test]
fn a_server_that_does_not_answer_connect_is_given_up() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let (transport, _server) = MockServer::new(runtime.clone());
        let builder = Builder::new("http://socket.test", transport, runtime.clone());
        let refused = Socket::connect(builder, "/", Value::Null).await.err();
        assert!(matches!(refused, Some(Error::Timeout)), "{refused:?}");
    });
}

#[test]
fn the_end_of_the_session_ends_a_wait_for_an_acknowledgement() {
    with_socket(async |socket, session, _| {
        let asking = socket.emit_with_ack("question", Args::default());
        let (answer, ()) = join(asking, async { session.cut() }).await;
        assert!(matches!(answer, Err(Error::Closed(_))), "{answer:?}");
        let event = socket.recv().await;
        assert!(matches!(event, Err(Error::Closed(_))), "{event:?}");
    });
}

#[test]
fn events_before_an_acknowledgement_are_kept_up_to_a_limit() {
    with_socket(async |socket, session, _| {
        let asking = socket.emit_with_ack("question", Args::default());
        let flooding = async {
            for _ in 0..1025 {
                session.send(r#"2/admin,["flood"]"#);
            }
        };
        let (answer, ()) = join(asking, flooding).await;
        assert!(matches!(answer, Err(Error::Malformed(_))), "{answer:?}");
        for _ in 0..1024 {
            assert_eq!(socket.recv().await.unwrap().name, "flood");
        }
    });
}
