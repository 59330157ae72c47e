//! Runs a client: sends standard input, and ends when the user or the server ends the session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::transports::Transports;
use engineio_client::{Client, ErrorKind, Handle, Message, Runtime};
use futures::StreamExt as _;
use futures::channel::mpsc::Receiver;
use futures::future::{self, Either};

use super::account::{ANSWER_TIMEOUT, Account, End, Leave};
use super::args::Options;
use super::events::connect_error;
use super::exit_status::{BAD_USAGE, FAILED};
use super::lasting::Lasting;
use super::printing::{Style, print};
use super::stdio::{self, Input, Output};
use super::{settings, signals};

/// Runs a session, and returns the exit status.
pub(crate) async fn run<R: Runtime + Default>(options: Options, mut output: Output) -> i32 {
    let builder = match settings::builder::<R>(&options) {
        Ok(builder) => builder,
        Err(error) => {
            eprintln!("eio: {error}");
            return BAD_USAGE;
        }
    };
    // Installed before the session starts, since a session may run on another thread at once.
    let interrupts = signals::interrupts();
    let client = match builder.start() {
        Ok(client) => client,
        Err(error) => {
            eprintln!("eio: {}", error.report());
            if error.kind() == ErrorKind::Invalid {
                return BAD_USAGE;
            }
            if options.json {
                // If writing fails, the exit status still reports the failure.
                let _ = output.send(connect_error(&error)).await;
            }
            return FAILED;
        }
    };
    converse(client, &options, output, interrupts).await
}

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
        if options.lasting.reconnect {
            deliver(&handle, &options.lasting).await;
        }
        // Closing the client during an attempt would hide that the attempt fails, so wait for its
        // outcome first.
        if options.lasting.reconnect && options.linger.is_zero() {
            // Nothing is left to send, so no further attempt is awaited.
            account.first_attempt().await;
        } else if handle.opened().await.is_ok() && !options.linger.is_zero() {
            future::select(runtime.sleep(options.linger), Box::pin(handle.wait())).await;
        }
        account.leave(Leave::InputEnded);
        if options.lasting.reconnect {
            return leave(&handle, &*runtime).await;
        }
        End::Closed(handle.disconnect().await)
    };
    let interrupted = async {
        if interrupts.next().await.is_none() {
            future::pending::<()>().await;
        }
        account.leave(Leave::Asked);
        leave(&handle, &*runtime).await
    };
    let end = {
        let user = future::select(Box::pin(feed), Box::pin(interrupted));
        let style = Style {
            json: options.json,
            news: options.verbosity == 0,
        };
        let print = Box::pin(print(&mut client, style, output, &account));
        match future::select(print, user).await {
            Either::Left((closed, _)) => End::Closed(closed),
            Either::Right((user, print)) => match user.factor_first().0 {
                // Events that have arrived are still printed.
                End::Closed(_) => End::Closed(print.await),
                End::HandshakeUnanswered => End::HandshakeUnanswered,
            },
        }
    };
    account.report(&end, &handle, &options.lasting, &mut input)
}

/// Waits until nothing of the input is left to send, in as many sessions as necessary. Messages that
/// were given up are counted in the account.
async fn deliver(handle: &Handle, lasting: &Lasting) {
    let _ = if lasting.resends() {
        handle.confirm().await
    } else {
        handle.flush().await
    };
}

/// Closes the client. If a handshake is running, waits only briefly for its answer.
async fn leave<R: Runtime>(handle: &Handle, runtime: &R) -> End {
    handle.close();
    let closed = Box::pin(handle.wait());
    let closed = if handle.sid().is_some() {
        closed.await
    } else {
        match future::select(runtime.sleep(ANSWER_TIMEOUT), closed).await {
            Either::Right((closed, _)) => closed,
            // The session was opened just before the client was closed.
            Either::Left((_, closed)) if handle.sid().is_some() => closed.await,
            Either::Left(_) => return End::HandshakeUnanswered,
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
            Err(error) => Err(format!("it is not valid base64: {error}")),
        }
    } else {
        match String::from_utf8(line) {
            Ok(text) => Ok(Message::from(text)),
            Err(error) => Err(format!("it is not valid UTF-8: {error}")),
        }
    }
}
