//! The runtimes that are compiled in, and how each runs a session to its end.

use super::args::Options;
use super::stdio::Output;

/// Runs a session and gives the exit status.
pub(crate) type Run = fn(Options, Output) -> i32;

pub(crate) const RUNTIMES: &[(&str, Run)] = &[
    #[cfg(feature = "tokio")]
    ("tokio", on_tokio),
    #[cfg(feature = "smol")]
    ("smol", on_smol),
    #[cfg(feature = "async-std")]
    ("async-std", on_async_std),
];

/// The runtime of this name, or the first one.
pub(crate) fn choose(wanted: Option<&str>) -> Option<Run> {
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
        Ok(runtime) => runtime.block_on(super::session::run::<engineio_client::Tokio>(
            options, output,
        )),
        Err(error) => {
            eprintln!("eio: the runtime can't be started: {error}");
            super::exit_status::FAILED
        }
    }
}

#[cfg(feature = "smol")]
fn on_smol(options: Options, output: Output) -> i32 {
    smol::block_on(super::session::run::<engineio_client::Smol>(
        options, output,
    ))
}

#[cfg(feature = "async-std")]
fn on_async_std(options: Options, output: Output) -> i32 {
    async_std::task::block_on(super::session::run::<engineio_client::AsyncStd>(
        options, output,
    ))
}
