//! Ctrl-C, SIGTERM and SIGHUP: requests to end the session.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::mpsc::{self, Receiver};

use super::exit_status::FAILED;

/// Yields an item at the first signal. The second one ends the program at once, without a goodbye to
/// the server.
pub(crate) fn interrupts() -> Receiver<()> {
    let (mut sender, receiver) = mpsc::channel(1);
    let interrupted = AtomicBool::new(false);
    let handler = move || {
        if interrupted.swap(true, Ordering::Relaxed) {
            std::process::exit(FAILED);
        }
        let _ = sender.try_send(());
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("eio: Ctrl-C will end the program without a goodbye: {error}");
    }
    receiver
}
