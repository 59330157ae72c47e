//! Ctrl-C, SIGTERM and SIGHUP, which end the session.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::mpsc::{self, Receiver};

use super::exit_status::FAILED;

/// Yields an item at the first signal. The second signal ends the program at once, without closing the
/// session.
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
        eprintln!(
            "eio: Ctrl-C will not close the session, since signals can't be handled: {error}"
        );
    }
    receiver
}
