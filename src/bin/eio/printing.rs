//! Writes messages and events to standard output, or events for people to standard error.

use engineio_client::transports::Transports;
use engineio_client::{Client, Closed, Event, Runtime};
use futures::StreamExt as _;

use super::account::{Account, Leave};
use super::events::{as_json, as_line, news};
use super::stdio::Output;

/// How events are written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) json: bool,
    /// Whether events other than messages are described on standard error. With `-v`, the library's log
    /// contains them already.
    pub(crate) news: bool,
}

/// Prints events until the client has ended. If standard output is closed, closes the client.
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

/// Formats the event as a line for standard output. `connected` is true if the event belongs to a
/// session that was opened. Without `--json`, only messages have such a line; other events are
/// described on standard error.
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
