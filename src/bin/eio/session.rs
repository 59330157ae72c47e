//! The session: from standard input to the server, and from the server to standard output.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::transports::Transports;
use engineio_client::{Client, Closed, ErrorKind, Event, Handle, Message, Reason, Runtime};
use futures::StreamExt as _;
use futures::channel::mpsc::Receiver;
use futures::future::{self, Either};

use super::args::Options;
use super::events::{as_json, as_text};
use super::exit_status::{BAD_USAGE, DELIVERED, FAILED};
use super::settings;
use super::stdio::{self, Output};

/// Runs a session to its end, and gives the exit status.
pub(crate) async fn run<R: Runtime + Default>(options: Options, output: Output) -> i32 {
    let builder = match settings::builder::<R>(&options) {
        Ok(builder) => builder,
        Err(error) => {
            eprintln!("eio: {error}");
            return BAD_USAGE;
        }
    };
    let client = match builder.start() {
        Ok(client) => client,
        Err(error) => {
            eprintln!("eio: {}", error.report());
            return if error.kind() == ErrorKind::Invalid {
                BAD_USAGE
            } else {
                FAILED
            };
        }
    };
    converse(client, &options, output).await
}

/// How many lines were read, and how many of them the session accepted.
#[derive(Default)]
struct Lines {
    read: Cell<usize>,
    accepted: Cell<usize>,
}

async fn converse<R: Runtime>(
    mut client: Client<Transports, R>,
    options: &Options,
    output: Output,
) -> i32 {
    let handle = client.handle();
    let runtime = client.runtime().clone();
    let lines = Lines::default();
    let mut input = stdio::input();
    let mut interrupt = stdio::interrupt();

    let feed = async {
        feed(&mut input, &handle, &lines, options.binary_input).await;
        if !options.linger.is_zero() {
            future::select(runtime.sleep(options.linger), Box::pin(handle.wait())).await;
        }
        handle.disconnect().await
    };
    let interrupted = async {
        if interrupt.next().await.is_none() {
            future::pending::<()>().await;
        }
        handle.disconnect().await
    };
    let closed = {
        let user = future::select(Box::pin(feed), Box::pin(interrupted));
        match future::select(Box::pin(print(&mut client, options.json, output)), user).await {
            Either::Left((closed, _)) => closed,
            // The session has ended; what it has brought is still to be printed.
            Either::Right((_, print)) => print.await,
        }
    };
    report(&handle, &closed, &lines, &mut input)
}

/// Sends the input, line by line.
async fn feed(
    input: &mut Receiver<std::io::Result<Vec<u8>>>,
    handle: &Handle,
    lines: &Lines,
    binary: bool,
) {
    while let Some(line) = input.next().await {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("eio: standard input can't be read: {error}");
                return;
            }
        };
        let number = lines.read.get().saturating_add(1);
        lines.read.set(number);
        let message = match to_message(line, binary) {
            Ok(message) => message,
            Err(error) => {
                eprintln!("eio: line {number} was not sent: {error}");
                continue;
            }
        };
        match handle.send(message).await {
            Ok(()) => lines.accepted.set(lines.accepted.get().saturating_add(1)),
            Err(refused) if refused.kind() == ErrorKind::Closed => return,
            Err(refused) => eprintln!(
                "eio: line {number} was not sent: {}",
                refused.error.report()
            ),
        }
    }
}

fn to_message(line: Vec<u8>, binary: bool) -> Result<Message, String> {
    if binary {
        match STANDARD.decode(&line) {
            Ok(data) => Ok(Message::from(data)),
            Err(error) => Err(format!("it is not base64: {error}")),
        }
    } else {
        match String::from_utf8(line) {
            Ok(text) => Ok(Message::from(text)),
            Err(error) => Err(format!("it is not UTF-8: {error}")),
        }
    }
}

/// Prints what comes, until the session has ended. When nobody reads it, the session is closed.
async fn print<R: Runtime>(
    client: &mut Client<Transports, R>,
    json: bool,
    mut output: Output,
) -> Closed {
    let mut connected = false;
    let mut closed = None;
    while let Some(event) = client.next().await {
        match &event {
            Event::Connected(_) => connected = true,
            Event::Closed(end) => closed = Some(end.clone()),
            _ => {}
        }
        let line = if json {
            as_json(&event, connected)
        } else {
            as_text(event)
        };
        if let Some(line) = line
            && output.send(line).await.is_err()
        {
            break;
        }
    }
    match closed {
        Some(closed) => closed,
        None => client.disconnect().await,
    }
}

/// Says how it ended, and gives the exit status.
fn report(
    handle: &Handle,
    closed: &Closed,
    lines: &Lines,
    input: &mut Receiver<std::io::Result<Vec<u8>>>,
) -> i32 {
    let ours = matches!(closed.reason(), Reason::Client);
    if handle.sid().is_none() && !ours {
        match closed.reason() {
            Reason::Transport(error) => eprintln!("eio: could not connect: {}", error.report()),
            _ => eprintln!("eio: could not connect: {closed}"),
        }
    } else if !ours {
        eprintln!("eio: {closed}");
    }
    // Those that were read from the input and have not come to their turn.
    input.close();
    let mut waiting = 0_usize;
    while let Ok(line) = input.try_recv() {
        waiting = waiting.saturating_add(usize::from(line.is_ok()));
    }
    let refused = lines.read.get().saturating_sub(lines.accepted.get());
    let left_over = closed
        .uncertain()
        .len()
        .saturating_add(closed.unsent().len());
    let undelivered = refused.saturating_add(left_over).saturating_add(waiting);
    if undelivered > 0 {
        let lines = if undelivered == 1 {
            "line was"
        } else {
            "lines were"
        };
        eprintln!("eio: {undelivered} {lines} not delivered");
    }
    if ours && undelivered == 0 {
        DELIVERED
    } else {
        FAILED
    }
}
