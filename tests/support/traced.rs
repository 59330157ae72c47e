//! Captures the `tracing` output of one test's thread, while other tests run on other threads.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::Dispatch;
use tracing_subscriber::filter::LevelFilter;

/// The log lines of one test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the function, and returns its log on this thread at this level and above.
pub(crate) fn traced(level: LevelFilter, run: impl FnOnce()) -> String {
    ask_every_subscriber();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .without_time()
        .with_max_level(level)
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let lines = lines.0.lock().unwrap().clone();
    String::from_utf8(lines).unwrap()
}

/// Makes `tracing` ask the subscribers of all threads whether a call site is enabled.
///
/// `tracing` caches the answer for the whole process when a call site is reached for the first
/// time. While there is only one subscriber, it asks the subscriber of the current thread
/// (`tracing-core`, `callsite.rs`, `Rebuilder::JustOne`). A test without a subscriber that is the
/// first to reach a call site then disables it for all other tests.
///
/// This function keeps a first subscriber alive, so that a test's subscriber is always at least the
/// second one. The first one enables nothing: while the maximum level is `OFF`, no thread fills the
/// cache before a second subscriber exists.
fn ask_every_subscriber() {
    static KEPT: OnceLock<Dispatch> = OnceLock::new();
    KEPT.get_or_init(|| {
        let silent = tracing_subscriber::fmt().with_max_level(LevelFilter::OFF);
        Dispatch::new(silent.finish())
    });
}
