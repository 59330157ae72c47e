//! `eio`, a command line client for Engine.IO, as `websocat` is for WebSockets.

#![cfg_attr(
    not(feature = "__runtime"),
    expect(dead_code, reason = "without a runtime, only an error is printed")
)]

mod account;
mod args;
mod events;
mod exit_status;
mod help;
mod lasting;
mod log;
mod printing;
mod runtimes;
mod session;
mod settings;
mod signals;
mod stdio;
#[cfg(all(feature = "rustls", feature = "__dial"))]
mod tls;
#[cfg(not(all(feature = "rustls", feature = "__dial")))]
#[path = "no_tls.rs"]
mod tls;
mod version;

use std::io::{self, ErrorKind, Write as _};
use std::process::exit;

use args::Request;
use exit_status::{BAD_USAGE, FAILED};
use help::{LONG, SHORT};
use version::version;

/// Prints a text. A reader that closes the pipe early, as `head` does, is no error.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn main() {
    let options = match args::parse(lexopt::Parser::from_env()) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Summary) => return print(SHORT),
        Ok(Request::Help) => return print(LONG),
        Ok(Request::Version) => return print(&version()),
        Err(error) => {
            eprintln!("eio: {error}");
            exit(BAD_USAGE);
        }
    };
    let Some(run) = runtimes::choose(options.runtime.as_deref()) else {
        let list = runtimes::RUNTIMES
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ");
        match options.runtime.as_deref() {
            Some(wanted) => eprintln!("eio: this build has no runtime {wanted}, only: {list}"),
            None => eprintln!("eio: this build has no runtime"),
        }
        exit(BAD_USAGE);
    };
    log::to_stderr(options.verbosity);
    let (output, writer) = stdio::output();
    let status = run(*options, output);
    // Waits until every line is written. A reader that closes the pipe early is no error.
    match writer.join() {
        Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("eio: standard output can't be written: {error}");
            exit(status.max(FAILED));
        }
        _ => exit(status),
    }
}
