//! From the client to standard output, and the news to standard error.

use engineio_client::transports::Transports;
use engineio_client::{Client, Closed, Event, Runtime};
use futures::StreamExt as _;

use super::account::{Account, Leave};
use super::events::{as_json, as_line, news};
use super::stdio::Output;

/// What is written besides messages, and how.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) json: bool,
    /// Whether standard error tells of the connection. With `-v` the library's log does.
    pub(crate) news: bool,
}

/// Prints what comes until the client has ended. When standard output can't be written any more, the
/// client is closed.
pub(crate) async fn print<R: Runtime>(
    client: &mut Client<Transports, R>,
    style: Style,
    output: Output,
    account: &Account,
) -> Closed {
    let handle = client.handle();
    let mut output = Some(output);
    let mut connected = false;
    let mut closed = None;
    while let Some(event) = client.next().await {
        account.note(&event);
        match &event {
            Event::Connected(_) => connected = true,
            Event::GivenUp(given_up) => {
                for _ in &given_up.messages {
                    eprintln!("eio: a line was given up: {}", given_up.error.report());
                }
            }
            Event::Closed(end) => closed = Some(end.clone()),
            _ => {}
        }
        let ends = matches!(event, Event::Disconnected(_));
        let line = line(event, style, connected);
        connected &= !ends;
        if let Some(line) = line
            && let Some(writer) = &mut output
            && writer.send(line).await.is_err()
        {
            output = None;
            account.leave(Leave::Asked);
            handle.close();
        }
    }
    match closed {
        Some(closed) => closed,
        None => handle.wait().await,
    }
}

/// The line of standard output for an event. `connected` tells whether the event belongs to a session
/// that was opened. Without `--json` news go to standard error.
fn line(event: Event, style: Style, connected: bool) -> Option<String> {
    if style.json {
        return as_json(&event, connected);
    }
    if let Event::Message(message) = event {
        return Some(as_line(message));
    }
    if let Some(news) = news(&event).filter(|_| style.news) {
        eprintln!("eio: {news}");
    }
    None
}
