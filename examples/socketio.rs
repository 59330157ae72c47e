//! Socket.IO on top of this library: a small client in `support/socketio`, about 250 lines of code, and
//! a tour of it. The client knows namespaces, auth, events, acknowledgements and binary attachments. It
//! is here to copy from, and to show that the library has what such a client needs.
//!
//!     cargo run --example socketio

use std::error::Error as StdError;
use std::time::Duration;

use engineio_client::tokio::Client;
use serde_json::json;

#[path = "support/socketio/mod.rs"]
mod socketio;
#[path = "support/socketio_server.rs"]
mod socketio_server;

use socketio::{Args, Error, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let url = socketio_server::start()?;
    let builder = || Client::builder(&url).path("/socket.io/");

    // The server looks at the token, and refuses a wrong one with a CONNECT_ERROR packet.
    match Socket::connect(builder(), "/", json!({"token": "wrong"})).await {
        Err(error @ Error::Refused(_)) => println!("With a wrong token: {error}."),
        _ => return Err("the server accepts a wrong token".into()),
    }
    let mut socket = Socket::connect(builder(), "/", json!({"token": "secret"})).await?;
    println!("Connected to the namespace \"/\".");

    // An event from the server that wants an acknowledgement.
    let question = socket.recv().await?;
    println!(
        "The server emits {:?} {:?}.",
        question.name, question.args.values
    );
    socket.ack(&question, Args::default().with("fine")).await?;
    let noted = socket.recv().await?;
    println!("The server emits {:?} {:?}.", noted.name, noted.args.values);

    // The same in the other direction.
    let numbers = Args::default().with(40).with(2);
    let sum = socket
        .emit_with_ack("add", numbers, Duration::from_secs(5))
        .await?;
    println!(
        "The server acknowledges with the sum {:?}.",
        sum.get::<i64>(0)
    );

    // An attachment leaves as a binary message of its own, right behind the event.
    let mut args = Args::default();
    let placeholder = args.attach(vec![1, 2, 3]);
    socket.emit("reverse", args.with(placeholder)).await?;
    let reversed = socket.recv().await?;
    let data = reversed.args.attachment(&reversed.args.values[0]);
    println!(
        "The server emits {:?} with the bytes {data:?}.",
        reversed.name
    );

    socket.emit("bye", Args::default()).await?;
    match socket.recv().await {
        Err(Error::Disconnected) => println!("The server has disconnected this client."),
        other => return Err(format!("expected a disconnect, not {other:?}").into()),
    }
    println!("The session has ended: {}.", socket.disconnect().await);
    Ok(())
}
