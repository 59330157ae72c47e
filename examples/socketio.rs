//! Socket.IO on top of this library: a small client, whose code is in `support/socketio`, and a tour of
//! it. The client knows namespaces, auth, events, acknowledgements and binary attachments. It
//! is here to copy from, and to show that the library has what such a client needs.
//!
//!     cargo run --example socketio

use std::error::Error as StdError;

use engineio_client::tokio::Client;
use serde_json::{Value, json};

#[path = "support/socketio/mod.rs"]
mod socketio;
#[path = "support/socketio_server.rs"]
mod socketio_server;

use socketio::{Args, Error, Event, Socket};

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

    // The server emits an event and requests an acknowledgement. It then emits another event with the
    // value that the acknowledgement contained.
    let question = socket.recv().await?;
    print_event(&question);
    socket.ack(&question, Args::default().with("fine")).await?;
    print_event(&socket.recv().await?);

    // Emits an event that the server acknowledges.
    let numbers = Args::default().with(40).with(2);
    let answer = socket.emit_with_ack("add", numbers).await?;
    let sum: i64 = answer.get(0).ok_or("the sum is missing")?;
    println!("The server acknowledges \"add\" with {sum}.");

    // An attachment is sent as a binary message directly after the event's text.
    let mut args = Args::default();
    let placeholder = args.attach(vec![1, 2, 3]);
    socket.emit("reverse", args.with(placeholder)).await?;
    let reversed = socket.recv().await?;
    print_event(&reversed);
    let data = reversed.args.attachment(&reversed.args.values[0]);
    println!("  The attachment is {:?}.", data.map(|data| &data[..]));

    socket.emit("bye", Args::default()).await?;
    match socket.recv().await {
        Err(Error::Disconnected) => println!("The server has disconnected this client."),
        other => return Err(format!("expected a disconnect, not {other:?}").into()),
    }
    println!("The session has ended: {}.", socket.disconnect().await);
    Ok(())
}

fn print_event(event: &Event) {
    let args = Value::from(event.args.values.clone());
    println!("The server emits {:?} with {args}.", event.name);
}
