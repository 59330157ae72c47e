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
        Ok(runtime) => block_on(
            runtime,
            super::session::run::<engineio_client::Tokio>(options, output),
        ),
        Err(error) => {
            eprintln!("eio: the runtime can't be started: {error}");
            super::exit_status::FAILED
        }
    }
}

/// Runs a future to its end, and waits for nothing else. Dropping the runtime would wait for a name
/// that is still being resolved: on a thread, which the system's resolver holds for 10 s and more when
/// the nameserver does not answer.
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
    fn r4_a_blocking_task_of_tokio_that_never_ends_does_not_hold_up_the_end() {
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
                // One that has not started would be dropped.
                let _ = starts.recv();
            });
            let _ = ended.send(());
        });
        let in_time = ends.recv_timeout(Duration::from_secs(10)).is_ok();
        drop(release);
        assert!(in_time, "it waited for the blocking task");
    }
}
