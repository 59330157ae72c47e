//! `eio`, a command line client: for Engine.IO what `websocat` is for WebSockets.

#![cfg_attr(
    not(feature = "__runtime"),
    expect(dead_code, reason = "without a runtime it can say no more than that")
)]

mod args;
mod log;
mod stdio;
#[cfg(all(feature = "rustls", feature = "__dial"))]
mod tls;
#[cfg(not(all(feature = "rustls", feature = "__dial")))]
#[path = "no_tls.rs"]
mod tls;

use std::cell::Cell;
use std::process::exit;

use args::{Options, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::transports::Transports;
use engineio_client::{
    Builder, Client, Closed, ErrorKind, Event, Handle, Message, Reason, Runtime,
};
use futures::StreamExt as _;
use futures::channel::mpsc::Receiver;
use futures::future::{self, Either};
use serde_json::json;
use stdio::Output;

/// The exit statuses.
const DELIVERED: i32 = 0;
const FAILED: i32 = 1;
const BAD_USAGE: i32 = 2;

fn main() {
    let options = match args::parse(lexopt::Parser::from_env()) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            print!("{}", args::HELP);
            return;
        }
        Ok(Request::Version) => {
            println!("eio {}", env!("CARGO_PKG_VERSION"));
            return;
        }
        Err(error) => {
            eprintln!("eio: {error}");
            exit(BAD_USAGE);
        }
    };
    let Some(run) = choose_runtime(options.runtime.as_deref()) else {
        let list = RUNTIMES
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ");
        eprintln!("eio: there is no such runtime; compiled in: {list}");
        exit(BAD_USAGE);
    };
    log::to_stderr(options.verbosity);
    let (output, writer) = stdio::output();
    let status = run(*options, output);
    // What was received is written to the end, unless nobody reads it.
    let _ = writer.join();
    exit(status);
}

type Run = fn(Options, Output) -> i32;

const RUNTIMES: &[(&str, Run)] = &[
    #[cfg(feature = "tokio")]
    ("tokio", on_tokio),
    #[cfg(feature = "smol")]
    ("smol", on_smol),
    #[cfg(feature = "async-std")]
    ("async-std", on_async_std),
];

fn choose_runtime(wanted: Option<&str>) -> Option<Run> {
    let found = match wanted {
        Some(wanted) => RUNTIMES.iter().find(|(name, _)| *name == wanted),
        None => RUNTIMES.first(),
    };
    found.map(|(_, run)| *run)
}

#[cfg(feature = "tokio")]
fn on_tokio(options: Options, output: Output) -> i32 {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(run::<engineio_client::Tokio>(options, output)),
        Err(error) => {
            eprintln!("eio: the runtime can't be started: {error}");
            FAILED
        }
    }
}

#[cfg(feature = "smol")]
fn on_smol(options: Options, output: Output) -> i32 {
    smol::block_on(run::<engineio_client::Smol>(options, output))
}

#[cfg(feature = "async-std")]
fn on_async_std(options: Options, output: Output) -> i32 {
    async_std::task::block_on(run::<engineio_client::AsyncStd>(options, output))
}

async fn run<R: Runtime + Default>(options: Options, output: Output) -> i32 {
    let mut builder = Client::<Transports, R>::builder(&options.url);
    builder = builder.log_contents(options.verbosity >= log::CONTENTS);
    if !options.transports.is_empty() {
        builder = builder.transports(options.transports.clone());
    }
    for (name, value) in &options.headers {
        builder = builder.header(name, value);
    }
    for (name, value) in &options.query {
        builder = builder.query(name, value);
    }
    if let Some(path) = &options.path {
        builder = builder.path(path);
    }
    builder = with_proxies(builder, options.proxy.as_deref());
    if let Some(timeout) = options.request_timeout {
        builder = builder.open_timeout(timeout).send_timeout(timeout);
    }
    if let Some(bytes) = options.max_message_size {
        builder = builder.max_message_size(bytes);
    }
    let builder = match tls::set(builder, &options) {
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

/// Those of the environment, unless one is given.
#[cfg(feature = "__dial")]
fn with_proxies<R: Runtime>(
    builder: Builder<Transports, R>,
    proxy: Option<&str>,
) -> Builder<Transports, R> {
    match proxy {
        Some(url) => builder.proxy(url),
        None => builder.proxies_from_env(),
    }
}

/// Without transports there is nothing to connect.
#[cfg(not(feature = "__dial"))]
fn with_proxies<R: Runtime>(
    builder: Builder<Transports, R>,
    _: Option<&str>,
) -> Builder<Transports, R> {
    builder
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

fn as_json(event: &Event, connected: bool) -> Option<String> {
    let object = match event {
        Event::Connected(connected) => {
            json!({"event": "connect", "sid": connected.handshake.sid, "transport": connected.transport})
        }
        Event::Message(Message::Text(text)) => json!({"event": "message", "text": text.as_str()}),
        Event::Message(Message::Binary(data)) => {
            json!({"event": "message", "binary": STANDARD.encode(data)})
        }
        Event::Upgraded { transport, .. } => json!({"event": "upgrade", "transport": transport}),
        Event::UpgradeFailed { error, .. } => {
            json!({"event": "upgrade_error", "error": error.report()})
        }
        Event::Closed(closed) if connected => {
            let mut object = json!({"event": "disconnect", "reason": reason(closed)});
            if let Reason::Server {
                close: Some(close), ..
            } = closed.reason()
            {
                object["close_code"] = json!(close.code);
                object["close_reason"] = json!(close.reason);
            }
            object
        }
        _ => return None,
    };
    Some(object.to_string())
}

fn as_text(event: Event) -> Option<String> {
    match event {
        Event::Message(Message::Text(text)) => return Some(text.into()),
        Event::Message(Message::Binary(data)) => {
            return Some(format!("base64:{}", STANDARD.encode(data)));
        }
        Event::Connected(connected) => {
            eprintln!(
                "eio: connected by {}, session {}",
                connected.transport, connected.handshake.sid
            );
        }
        Event::Upgraded { transport, .. } => eprintln!("eio: upgraded to {transport}"),
        Event::UpgradeFailed {
            transport, error, ..
        } => {
            eprintln!("eio: the upgrade to {transport} failed: {}", error.report());
        }
        _ => {}
    }
    None
}

fn reason(closed: &Closed) -> &'static str {
    match closed.reason() {
        Reason::Client => "client disconnect",
        Reason::Server { .. } => "server disconnect",
        Reason::PingTimeout => "ping timeout",
        _ => "transport error",
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
