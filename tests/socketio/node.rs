//! The client against npm's `socket.io`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engineio_client::tokio::Client;
use engineio_client::transports::Transports;
use engineio_client::{Builder, Reason, Tokio};
use serde_json::{Value, json};

use crate::socketio::{Args, Error, Event, Socket};
use crate::support::peers;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server in a process of its own, which ends when this is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let modules = peers::installed("node").join("node_modules");
        let mut child = Command::new("node")
            .env("NODE_PATH", modules)
            .arg(peers::source("node/socketio_server.js"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = peers::parse_port(&line).expect("the server prints its port");
        let url = format!("http://127.0.0.1:{port}");
        Self { child, url }
    }

    /// Builders for sessions over polling, over WebSocket, and over polling with an upgrade to
    /// WebSocket.
    fn builders(&self) -> [Builder<Transports, Tokio>; 3] {
        let builder = || Client::builder(&self.url).path("/socket.io/");
        [
            builder().transports(["polling"]),
            builder().transports(["websocket"]),
            builder(),
        ]
    }

    /// Sockets that are connected to "/", one by each of the `builders`.
    async fn sockets(&self) -> Vec<Socket<Transports, Tokio>> {
        let mut sockets = Vec::new();
        for builder in self.builders() {
            let socket = Socket::connect(builder, "/", json!({"token": "right"})).await;
            sockets.push(socket.unwrap());
        }
        sockets
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `kill` fails only for a process that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(socket: &mut Socket<Transports, Tokio>) -> Result<Event, Error> {
    let event = tokio::time::timeout(PATIENCE, socket.recv()).await;
    event.expect("an event or the end")
}

fn text(text: &str) -> Args {
    Args::default().with(text)
}

/// An argument with an attachment inside, and one that is an attachment.
fn with_attachments(number: u8) -> Args {
    let mut args = Args::default();
    let nested = args.attach(vec![number; 3]);
    let plain = args.attach(vec![number, 0, 255]);
    args.with(json!({"number": number, "data": nested}))
        .with(plain)
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn the_server_receives_auth() {
    let server = Server::start();
    for mut socket in server.sockets().await {
        let auth = socket.emit_with_ack("auth", Args::default()).await;
        assert_eq!(auth.unwrap().values, [json!({"token": "right"})]);
    }
    for builder in server.builders() {
        let mut socket = Socket::connect(builder, "/room", Value::Null)
            .await
            .unwrap();
        let auth = socket.emit_with_ack("auth", Args::default()).await;
        assert_eq!(auth.unwrap().values, [json!({})]);
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn events_go_there_and_back_in_order() {
    let server = Server::start();
    for mut socket in server.sockets().await {
        for number in 0..100 {
            let args = text("ä €").with(json!({"number": number}));
            socket.emit("echo", args).await.unwrap();
        }
        for number in 0..100 {
            let event = next(&mut socket).await.unwrap();
            assert_eq!((event.name.as_str(), event.id), ("echo", None));
            assert_eq!(event.args, text("ä €").with(json!({"number": number})));
        }
        assert!(socket.disconnect().await.is_clean());
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn the_server_acknowledges_events() {
    let server = Server::start();
    for mut socket in server.sockets().await {
        for number in 0..20 {
            let args = Args::default().with(number).with(1);
            let sum = socket.emit_with_ack("sum", args).await.unwrap();
            assert_eq!(sum.get::<u32>(0), Some(number + 1));
        }
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn the_client_acknowledges_events() {
    let server = Server::start();
    for mut socket in server.sockets().await {
        socket.emit("ask", text("how?")).await.unwrap();
        let question = next(&mut socket).await.unwrap();
        assert_eq!(question.name, "question");
        assert_eq!(question.args, text("how?"));
        socket.ack(&question, with_attachments(7)).await.unwrap();
        let noted = next(&mut socket).await.unwrap();
        assert_eq!(noted.name, "noted");
        assert_eq!(noted.args, with_attachments(7));
    }
}

/// On the third socket, the session moves to WebSocket while the events are on their way.
#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn attachments_stay_with_their_events_in_both_directions() {
    let server = Server::start();
    for mut socket in server.sockets().await {
        for number in 0..100 {
            let args = with_attachments(number);
            socket.emit("echo", args).await.unwrap();
        }
        for number in 0..100 {
            let event = next(&mut socket).await.unwrap();
            assert_eq!(event.args, with_attachments(number));
            let data = &event.args.values[0]["data"];
            assert_eq!(event.args.attachment(data).unwrap()[..], [number; 3]);
        }
        let copy = socket.emit_with_ack("copy", with_attachments(1));
        assert_eq!(copy.await.unwrap(), with_attachments(1));
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn a_namespace_of_its_own_works_like_the_default_one() {
    let server = Server::start();
    for builder in server.builders() {
        let mut socket = Socket::connect(builder, "/room", Value::Null)
            .await
            .unwrap();
        socket.emit("echo", with_attachments(1)).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap().args, with_attachments(1));
        let copy = socket.emit_with_ack("copy", text("x")).await;
        assert_eq!(copy.unwrap(), text("x"));
        assert!(socket.disconnect().await.is_clean());
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn a_refused_namespace_is_an_error_with_the_reason_of_the_server() {
    let server = Server::start();
    for builder in server.builders() {
        let unknown = Socket::connect(builder, "/nowhere", Value::Null).await;
        let expected = json!({"message": "Invalid namespace"});
        assert!(matches!(unknown.err(), Some(Error::Refused(why)) if why == expected));
    }
    for builder in server.builders() {
        let wrong = Socket::connect(builder, "/", json!({"token": "wrong"})).await;
        let expected = json!({"message": "wrong token", "data": {"retry": false}});
        assert!(matches!(wrong.err(), Some(Error::Refused(why)) if why == expected));
    }
}

#[tokio::test]
#[ignore = "needs the peers that tests/run installs"]
async fn a_disconnect_by_the_server_is_an_error_after_the_events_before_it() {
    let server = Server::start();
    for command in ["kick", "hang-up"] {
        for mut socket in server.sockets().await {
            socket.emit("echo", text("last")).await.unwrap();
            socket.emit(command, Args::default()).await.unwrap();
            assert_eq!(next(&mut socket).await.unwrap().args, text("last"));
            let end = next(&mut socket).await;
            assert!(
                matches!(end, Err(Error::Disconnected)),
                "{command}: {end:?}"
            );
            let end = next(&mut socket).await;
            let Err(Error::Closed(closed)) = end else {
                panic!("{command}: {end:?}");
            };
            let reason = closed.reason();
            assert!(
                matches!(reason, Reason::Client | Reason::Server { .. }),
                "{reason:?}"
            );
        }
    }
}
