//! Standard input and output, each with a thread of its own: either may block for as long as it
//! likes, and the session lives on.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use event_listener::Event;
use futures::channel::mpsc::{self, Receiver, SendError, Sender};
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};

use super::exit_status::FAILED;

/// How many lines may lie between a thread and the session.
const LINES: usize = 64;

/// How many bytes of them, beyond a line that is longer: lines of the server's length would be too
/// many long before there are so many lines.
const BYTES: usize = 256 * 1024;

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

/// The lines on their way to standard output.
pub(crate) struct Output {
    lines: Sender<String>,
    waiting: Arc<Waiting>,
}

/// The bytes of the lines that were not written yet.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    fewer: Event,
}

impl Output {
    /// Hands over a line, when there is room for it. Fails when nobody reads what is written.
    pub(crate) async fn send(&mut self, line: String) -> Result<(), SendError> {
        while self.waiting.bytes.load(Ordering::SeqCst) > BYTES {
            let fewer = self.waiting.fewer.listen();
            if self.waiting.bytes.load(Ordering::SeqCst) > BYTES {
                fewer.await;
            }
        }
        self.waiting.bytes.fetch_add(line.len(), Ordering::SeqCst);
        self.lines.send(line).await
    }
}

impl Waiting {
    fn wrote(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        self.fewer.notify(usize::MAX);
    }

    fn all_gone(&self) {
        self.bytes.store(0, Ordering::SeqCst);
        self.fewer.notify(usize::MAX);
    }
}

/// Takes lines for standard output; the thread ends when the sender is dropped, or when nobody
/// reads what it writes.
pub(crate) fn output() -> (Output, JoinHandle<()>) {
    let (sender, mut lines) = mpsc::channel::<String>(LINES);
    let waiting = Arc::new(Waiting::default());
    let output = Output {
        lines: sender,
        waiting: Arc::clone(&waiting),
    };
    let thread = thread::spawn(move || {
        let mut output = io::stdout().lock();
        while let Some(mut text) = block_on(lines.next()) {
            let mut bytes = text.len();
            // What waits already is written with it, and flushed once.
            text.push('\n');
            while text.len() < AT_ONCE
                && let Ok(more) = lines.try_recv()
            {
                bytes = bytes.saturating_add(more.len());
                text.push_str(&more);
                text.push('\n');
            }
            let written = output
                .write_all(text.as_bytes())
                .and_then(|()| output.flush());
            // Who waits for room learns from the channel that there is no more reader.
            if written.is_err() {
                drop(lines);
                waiting.all_gone();
                return;
            }
            waiting.wrote(bytes);
        }
    });
    (output, thread)
}

/// Resolves when the user asks for the end. Who asks twice gets it at once, without a goodbye.
pub(crate) fn interrupt() -> Receiver<()> {
    let (mut sender, receiver) = mpsc::channel(1);
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(FAILED);
        }
        let _ = sender.try_send(());
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("eio: Ctrl-C will end the program without a goodbye: {error}");
    }
    receiver
}
