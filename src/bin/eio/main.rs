//! `eio`, a command line client: for Engine.IO what `websocat` is for WebSockets.

#![cfg_attr(
    not(feature = "__runtime"),
    expect(dead_code, reason = "without a runtime it can say no more than that")
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

use std::io::{self, ErrorKind, Write as _};
use std::process::exit;

use args::Request;
use exit_status::{BAD_USAGE, FAILED};
use help::HELP;

fn main() {
    let options = match args::parse(lexopt::Parser::from_env()) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            // Whoever does not read it to its end has seen enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
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
    let Some(run) = runtimes::choose(options.runtime.as_deref()) else {
        let list = runtimes::RUNTIMES
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
    // What was received is written to the end, unless nobody reads it, which is the reader's choice.
    match writer.join() {
        Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("eio: standard output can't be written: {error}");
            exit(status.max(FAILED));
        }
        _ => exit(status),
    }
}
