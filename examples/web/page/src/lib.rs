//! A chat in a browser. `index.html` has the elements, the server is in `../serve`.

use std::rc::Rc;

use engineio_client::web::Client;
use engineio_client::{Event, Handle, Message, Reconnect};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

mod view;

use view::{State, View};

/// A message as it is sent: `{"name":"Ada","text":"hello"}`. The server sends it to everybody in the chat.
#[derive(Deserialize, Serialize)]
struct Line {
    name: String,
    text: String,
}

/// Called when the browser has loaded the module.
#[wasm_bindgen(start)]
fn main() -> Result<(), JsValue> {
    let view = Rc::new(View::new()?);
    // The chat server is the server of this page. With `start` instead of `connect`, the client also goes on trying
    // if the first attempt fails.
    let client = Client::builder(view.origin()?)
        .reconnect(Reconnect::new())
        .start()
        .map_err(|error| JsError::new(&error.report()))?;
    view.on_submit(send_lines(&view, client.handle()))?;
    view.on_leave({
        let handle = client.handle();
        move || handle.close()
    })?;
    view.on_online({
        let handle = client.handle();
        move || handle.reconnect_now()
    })?;
    spawn_local(show_events(view, client));
    Ok(())
}

/// What happens when the user sends a line.
fn send_lines(view: &Rc<View>, handle: Handle) -> impl FnMut() + use<> {
    let view = Rc::clone(view);
    move || {
        let Some((name, text)) = view.take_line() else {
            return;
        };
        let (view, handle) = (Rc::clone(&view), handle.clone());
        spawn_local(async move {
            // Without a connection, the message waits in the client until there is one.
            if let Err(error) = handle.send_json(&Line { name, text }).await {
                view.show_note(&format!("Not sent: {error}."));
            }
        });
    }
}

async fn show_events(view: Rc<View>, mut client: Client) {
    while let Some(event) = client.next().await {
        match event {
            Event::Connected(now) => {
                view.show_state(State::Connected, &format!("connected by {}", now.transport));
            }
            Event::Upgraded { transport, .. } => {
                view.show_state(State::Connected, &format!("connected by {transport}"));
            }
            Event::UpgradeFailed { error, .. } => view.show_note(&error.report()),
            Event::Message(message) => show_message(&view, &message),
            Event::Disconnected(end) => {
                // The server sends every message back, so the user sees which ones were lost.
                view.show_note(&format!("The connection was lost: {}.", end.reason));
            }
            Event::Reconnecting(next) => {
                let seconds = next.delay.as_secs_f64();
                let text = format!("attempt {} in {seconds:.1} s", next.attempt);
                view.show_state(State::Waiting, &text);
            }
            Event::Closed(closed) => {
                view.show_state(State::Ended, "not connected");
                view.show_note(&format!("The chat has ended: {closed}."));
                for message in closed.unsent() {
                    view.show_note("This message was not sent:");
                    show_message(&view, message);
                }
                view.show_note("Reload the page to come back.");
            }
            _ => {}
        }
    }
}

fn show_message(view: &View, message: &Message) {
    match message.json::<Line>() {
        Ok(line) => view.show_line(&line.name, &line.text),
        Err(error) => view.show_note(&format!("This is not a chat message: {error}.")),
    }
}
