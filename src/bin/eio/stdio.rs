//! Standard input and output. Each has a thread of its own, which may block without stopping the
//! session.

use std::io::{self, BufRead, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use event_listener::Event;
use futures::channel::mpsc::{self, Receiver, SendError, Sender};
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};

/// Maximum number of lines in the queue between a thread and the session.
const LINES: usize = 64;

/// Maximum number of bytes in the queue of output lines; the last line in the queue may exceed it.
/// Lines from the server may be long, so a limit on their number alone is not sufficient.
const BYTES: usize = 256 * 1024;

/// Maximum number of bytes that are collected for one write; the last collected line may exceed it.
const AT_ONCE: usize = 64 * 1024;

/// The lines of standard input, without their line ends.
pub(crate) struct Input {
    lines: Receiver<io::Result<Vec<u8>>>,
    read: Arc<AtomicUsize>,
}

/// Starts the thread that reads standard input.
pub(crate) fn input() -> Input {
    let (mut sender, lines) = mpsc::channel(LINES);
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = read_line(&mut input).transpose() {
            let failed = line.is_err();
            if !failed {
                count.fetch_add(1, Ordering::SeqCst);
            }
            if block_on(sender.send(line)).is_err() || failed {
                return;
            }
        }
    });
    Input { lines, read }
}

/// Reads a line. Its end, `\n` or `\r\n`, is removed.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(line))
}

impl Input {
    pub(crate) async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.lines.next().await
    }

    /// Stops reading, and returns the number of lines read so far, including those that
    /// [`next`](Self::next) has not returned.
    pub(crate) fn stop(&mut self) -> usize {
        self.lines.close();
        self.read.load(Ordering::SeqCst)
    }
}

/// The sending half of the queue of output lines.
pub(crate) struct Output {
    lines: Sender<String>,
    waiting: Arc<Waiting>,
}

/// Number of bytes in the queue.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    fewer: Event,
}

impl Output {
    /// Queues a line as soon as there is room. Fails if standard output is closed.
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

/// Starts the thread that writes standard output. It ends when the queue is dropped, or with the error
/// of a write.
pub(crate) fn output() -> (Output, JoinHandle<io::Result<()>>) {
    let (sender, lines) = mpsc::channel::<String>(LINES);
    let waiting = Arc::new(Waiting::default());
    let output = Output {
        lines: sender,
        waiting: Arc::clone(&waiting),
    };
    let thread = thread::spawn(move || {
        let written = write_lines(lines, &waiting);
        // Wakes a sender that waits for room, so that it sees the closed channel.
        if written.is_err() {
            waiting.all_gone();
        }
        written
    });
    (output, thread)
}

fn write_lines(mut lines: Receiver<String>, waiting: &Waiting) -> io::Result<()> {
    let mut output = io::stdout().lock();
    while let Some(mut text) = block_on(lines.next()) {
        let mut bytes = text.len();
        // Lines that are queued already are written together and flushed once.
        text.push('\n');
        while text.len() < AT_ONCE
            && let Ok(more) = lines.try_recv()
        {
            bytes = bytes.saturating_add(more.len());
            text.push_str(&more);
            text.push('\n');
        }
        output.write_all(text.as_bytes())?;
        output.flush()?;
        waiting.wrote(bytes);
    }
    Ok(())
}
