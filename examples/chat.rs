//! A chat of three clients. Each client has a message handler, whose state is the list of lines that
//! the client's screen shows. The messages are JSON. The chat is over when Ada says goodbye.
//!
//!     cargo run --example chat

use std::error::Error;
use std::sync::{Arc, Mutex};

use engineio_client::handlers::HandlerError;
use engineio_client::tokio::Client;
use engineio_client::{Handle, Message};
use futures::future::join_all;

#[path = "support/chat_server.rs"]
mod chat_server;
#[path = "support/server.rs"]
mod server;

use chat_server::Chat;

/// The lines that one client has shown. The handler and `main` share them.
type Screen = Arc<Mutex<Vec<String>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = chat_server::start()?;
    let mut clients = Vec::new();
    let screens = ["Ada", "Grace", "Linus"].map(|name| (name, Screen::default()));
    for state in screens.clone() {
        let client = Client::builder(&url)
            // Each call of the handler gets a clone of its state.
            .on_message_with(state.clone(), on_message)
            .connect()
            .await?;
        let name = state.0.to_owned();
        client.send_json(&Chat::Join { name }).await?;
        clients.push(client);
    }
    // From here on, only the handlers send messages. Each of them closes its session at the end of the
    // chat.
    for closed in join_all(clients.iter().map(Client::wait)).await {
        println!("A session has ended: {closed}.");
    }
    for (name, screen) in screens {
        let lines = screen.lock().map_err(|_| "a handler panicked")?.len();
        println!("The screen of {name} shows {lines} lines.");
    }
    Ok(())
}

async fn on_message(
    (me, screen): (&'static str, Screen),
    handle: Handle,
    message: Message,
) -> Result<(), HandlerError> {
    let chat: Chat = message.json()?;
    let line = match &chat {
        Chat::Join { name } => format!("{name} has joined."),
        Chat::Say { name, text } => format!("{name}: {text}"),
        Chat::Leave { name } => format!("{name} has left."),
    };
    println!("[screen of {me}] {line}");
    // The lock is not held across an `await`.
    screen
        .lock()
        .map_err(|_| "another call panicked")?
        .push(line);
    let answer = match &chat {
        Chat::Join { name } if me == "Ada" && name == "Linus" => "Hello, you two!",
        Chat::Say { text, .. } if me == "Grace" && text == "Hello, you two!" => "Hello, Ada!",
        Chat::Say { name, .. } if me == "Ada" && name == "Grace" => "Goodbye!",
        Chat::Say { text, .. } if text == "Goodbye!" => {
            handle.close();
            return Ok(());
        }
        _ => return Ok(()),
    };
    let (name, text) = (me.to_owned(), answer.to_owned());
    handle.send_json(&Chat::Say { name, text }).await?;
    Ok(())
}
