//! The runtimes of this build, and how each of them runs a session.

use super::args::Options;
use super::stdio::Output;

/// Runs a session and returns the exit status.
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
        Ok(runtime) => block_on(
            runtime,
            super::session::run::<engineio_client::Tokio>(options, output),
        ),
        Err(error) => {
            eprintln!("eio: could not start the tokio runtime: {error}");
            super::exit_status::FAILED
        }
    }
}

/// Runs a future, and then leaves other tasks behind. Dropping the runtime would wait for a running
/// name resolution: it blocks a thread, for 10 s or more if the nameserver does not answer.
#[cfg(feature = "tokio")]
fn block_on<F: Future>(runtime: tokio::runtime::Runtime, future: F) -> F::Output {
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
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

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::block_on;

    #[test]
    fn r4_a_blocking_tokio_task_that_never_ends_does_not_delay_the_exit() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let (release, held) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        thread::spawn(move || {
            block_on(runtime, async {
                tokio::task::spawn_blocking(move || {
                    let _ = started.send(());
                    let _ = held.recv();
                });
                // Wait until the task runs: on shutdown, the runtime drops tasks that have not started.
                let _ = starts.recv();
            });
            let _ = ended.send(());
        });
        let in_time = ends.recv_timeout(Duration::from_secs(10)).is_ok();
        drop(release);
        assert!(in_time, "`block_on` waited for the blocking task");
    }
}
