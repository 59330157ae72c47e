//! The session: from standard input to the server, and from the server to standard output.

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::transports::Transports;
use engineio_client::{Client, Closed, ErrorKind, Event, Handle, Message, Reason, Runtime};
use futures::StreamExt as _;
use futures::channel::mpsc::Receiver;
use futures::future::{self, Either};

use super::args::Options;
use super::events::{as_json, as_line, connect_error, news};
use super::exit_status::{BAD_USAGE, DELIVERED, FAILED};
use super::stdio::{self, Input, Output};
use super::{settings, signals};

/// Runs a session to its end, and gives the exit status.
pub(crate) async fn run<R: Runtime + Default>(options: Options, mut output: Output) -> i32 {
    let builder = match settings::builder::<R>(&options) {
        Ok(builder) => builder,
        Err(error) => {
            eprintln!("eio: {error}");
            return BAD_USAGE;
        }
    };
    // Before the session, which may run on another thread from the first moment.
    let interrupts = signals::interrupts();
    let client = match builder.start() {
        Ok(client) => client,
        Err(error) => {
            eprintln!("eio: {}", error.report());
            if error.kind() == ErrorKind::Invalid {
                return BAD_USAGE;
            }
            if options.json {
                // Nobody may read it; the status tells the same.
                let _ = output.send(connect_error(&error)).await;
            }
            return FAILED;
        }
    };
    converse(client, &options, output, interrupts).await
}

/// What became of the input.
#[derive(Default)]
struct Account {
    /// The lines that the session accepted.
    accepted: Cell<usize>,
    /// Whether standard input could not be read to its end.
    input_failed: Cell<bool>,
}

/// How a session ended for `eio`.
enum End {
    Closed(Closed),
    /// The user gave up a handshake that the server did not answer.
    GivenUp,
}

/// After Ctrl-C during the handshake, its answer is awaited for this long: only the answer tells the
/// id of the session that the server is to forget.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

async fn converse<R: Runtime>(
    mut client: Client<Transports, R>,
    options: &Options,
    output: Output,
    mut interrupts: Receiver<()>,
) -> i32 {
    let handle = client.handle();
    let runtime = client.runtime().clone();
    let account = Account::default();
    let mut input = stdio::input();

    let feed = async {
        feed(&mut input, &handle, &account, options.binary_input).await;
        // Closing an attempt ends it as if nothing had failed, so its outcome is awaited first.
        let opened = handle.opened().await;
        if opened.is_ok() && !options.linger.is_zero() {
            future::select(runtime.sleep(options.linger), Box::pin(handle.wait())).await;
        }
        End::Closed(handle.disconnect().await)
    };
    let interrupted = async {
        if interrupts.next().await.is_none() {
            future::pending::<()>().await;
        }
        leave(&handle, &*runtime).await
    };
    let end = {
        let user = future::select(Box::pin(feed), Box::pin(interrupted));
        let style = Style {
            json: options.json,
            news: options.verbosity == 0,
        };
        let print = Box::pin(print(&mut client, style, output));
        match future::select(print, user).await {
            Either::Left((closed, _)) => End::Closed(closed),
            Either::Right((user, print)) => match user.factor_first().0 {
                // What the session has brought is still to be printed.
                End::Closed(_) => End::Closed(print.await),
                End::GivenUp => End::GivenUp,
            },
        }
    };
    report(&handle, &end, &account, &mut input)
}

/// Closes the session for a user who has asked for it.
async fn leave<R: Runtime>(handle: &Handle, runtime: &R) -> End {
    handle.close();
    let closed = Box::pin(handle.wait());
    let closed = if handle.sid().is_some() {
        closed.await
    } else {
        match future::select(runtime.sleep(ANSWER_TIMEOUT), closed).await {
            Either::Right((closed, _)) => closed,
            // It was opened just before it was closed.
            Either::Left((_, closed)) if handle.sid().is_some() => closed.await,
            Either::Left(_) => return End::GivenUp,
        }
    };
    End::Closed(closed)
}

/// Sends the input, line by line.
async fn feed(input: &mut Input, handle: &Handle, account: &Account, binary: bool) {
    let mut number = 0_usize;
    while let Some(line) = input.next().await {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("eio: standard input can't be read: {error}");
                account.input_failed.set(true);
                return;
            }
        };
        number = number.saturating_add(1);
        let message = match to_message(line, binary) {
            Ok(message) => message,
            Err(error) => {
                eprintln!("eio: line {number} was not sent: {error}");
                continue;
            }
        };
        match handle.send(message).await {
            Ok(()) => {
                let accepted = account.accepted.get().saturating_add(1);
                account.accepted.set(accepted);
            }
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

/// What is written besides messages, and how.
#[derive(Clone, Copy)]
struct Style {
    json: bool,
    /// Whether standard error tells of the connection. With `-v` the library's log does.
    news: bool,
}

/// Prints what comes, until the session has ended. When standard output can't be written any more, the
/// session is closed.
async fn print<R: Runtime>(
    client: &mut Client<Transports, R>,
    style: Style,
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
        let line = if style.json {
            as_json(&event, connected)
        } else if let Event::Message(message) = event {
            Some(as_line(message))
        } else {
            if let Some(news) = news(&event).filter(|_| style.news) {
                eprintln!("eio: {news}");
            }
            None
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

/// Says how the session ended, and gives the exit status.
fn report(handle: &Handle, end: &End, account: &Account, input: &mut Input) -> i32 {
    let accepted = account.accepted.get();
    let (ours, uncertain, unsent) = match end {
        End::Closed(closed) => {
            let ours = matches!(closed.reason(), Reason::Client);
            if !ours {
                tell_failure(handle.sid().is_some(), closed);
            }
            let unsent = closed.unsent().len();
            let uncertain = if ours && !closed.is_answered() {
                // All that had left: the server may have read none of it.
                accepted.saturating_sub(unsent)
            } else {
                closed.uncertain().len()
            };
            if ours && uncertain > 0 && !closed.is_answered() {
                eprintln!("eio: the server did not answer the goodbye");
            }
            (ours, uncertain, unsent)
        }
        End::GivenUp => {
            let seconds = ANSWER_TIMEOUT.as_secs();
            eprintln!(
                "eio: the server did not answer the handshake within {seconds} s of the \
                 interruption: ended without a goodbye"
            );
            (true, 0, accepted)
        }
    };
    let refused = input.stop().saturating_sub(accepted);
    let undelivered = refused.saturating_add(unsent);
    match undelivered {
        0 => {}
        1 => eprintln!("eio: 1 line was not delivered"),
        _ => eprintln!("eio: {undelivered} lines were not delivered"),
    }
    match uncertain {
        0 => {}
        1 => eprintln!("eio: 1 line may not have been delivered"),
        _ => eprintln!("eio: {uncertain} lines may not have been delivered"),
    }
    let delivered = undelivered == 0 && uncertain == 0 && !account.input_failed.get();
    if ours && delivered { DELIVERED } else { FAILED }
}

fn tell_failure(was_open: bool, closed: &Closed) {
    if was_open {
        eprintln!("eio: {closed}");
    } else if let Reason::Transport(error) = closed.reason() {
        eprintln!("eio: connecting failed: {}", error.report());
    } else {
        eprintln!("eio: connecting failed: {closed}");
    }
}
