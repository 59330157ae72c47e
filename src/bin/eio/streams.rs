//! Standard input and output, each with a thread of its own: either may block for as long as it
//! likes, and the session lives on.

use std::io::{self, BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use futures::channel::mpsc::{self, Receiver, Sender};
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};

/// How many lines may lie between a thread and the session.
const LINES: usize = 64;

/// How many bytes are gathered for one write.
const AT_ONCE: usize = 64 * 1024;

/// The lines of standard input, without their ends.
pub(crate) fn input() -> Receiver<io::Result<Vec<u8>>> {
    let (mut lines, receiver) = mpsc::channel(LINES);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(_) => {
                    if line.ends_with(b"\n") {
                        line.pop();
                        if line.ends_with(b"\r") {
                            line.pop();
                        }
                    }
                    Ok(line)
                }
                Err(error) => Err(error),
            };
            let failed = line.is_err();
            if block_on(lines.send(line)).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// Takes lines for standard output; the thread ends when the sender is dropped, or when nobody
/// reads what it writes.
pub(crate) fn output() -> (Sender<String>, JoinHandle<()>) {
    let (sender, mut lines) = mpsc::channel::<String>(LINES);
    let thread = thread::spawn(move || {
        let mut output = io::stdout().lock();
        while let Some(mut line) = block_on(lines.next()) {
            // What waits already is written with it, and flushed once.
            line.push('\n');
            while line.len() < AT_ONCE
                && let Ok(more) = lines.try_recv()
            {
                line.push_str(&more);
                line.push('\n');
            }
            if output
                .write_all(line.as_bytes())
                .and_then(|()| output.flush())
                .is_err()
            {
                return;
            }
        }
    });
    (sender, thread)
}

/// Resolves when the user asks for the end. Who asks twice gets it at once, without a goodbye.
pub(crate) fn interrupt() -> Receiver<()> {
    let (mut sender, receiver) = mpsc::channel(1);
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(crate::FAILED);
        }
        let _ = sender.try_send(());
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("eio: Ctrl-C will end the program without a goodbye: {error}");
    }
    receiver
}
