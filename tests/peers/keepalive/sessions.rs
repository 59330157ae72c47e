//! Polling sessions that send numbered messages and receive their echoes.

use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use engineio_client::{AsyncStd, Closed, Message, Reason, Smol, Tokio};
use futures::future::join_all;
use serde_json::Value;

use crate::support::peers;
use crate::support::session::{DEADLINE, Mode, Runs, builder, dialer, within};

/// The actions of all sessions of a round.
pub(super) struct Plan {
    pub(super) url: String,
    pub(super) reuse: bool,
    pub(super) interval: Duration,
    /// Number of messages of each session.
    pub(super) messages: usize,
    /// Number of messages sent by all sessions so far.
    pub(super) sent: AtomicUsize,
}

/// The result of one session.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) sent: Vec<String>,
    pub(super) received: Vec<String>,
    /// Why the session ended early, if it did.
    pub(super) ended: Option<String>,
    /// The messages that were reported as unsent or uncertain at the end of the session.
    pub(super) listed: Vec<String>,
}

impl Plan {
    /// Runs this number of sessions, divided among the three runtimes.
    pub(super) fn run_on_each_runtime(&self, sessions: usize) -> Vec<Outcome> {
        let share = sessions / 3;
        thread::scope(|scope| {
            let groups = [
                scope.spawn(|| self.run::<Tokio>(0..share)),
                scope.spawn(|| self.run::<Smol>(share..2 * share)),
                scope.spawn(|| self.run::<AsyncStd>(2 * share..sessions)),
            ];
            let outcomes = groups.map(|group| group.join().expect("a runtime"));
            outcomes.concat()
        })
    }

    fn run<R: Runs>(&self, numbers: Range<usize>) -> Vec<Outcome> {
        let (give, take) = std::sync::mpsc::channel();
        R::run(async move {
            let outcomes = join_all(numbers.map(|number| self.session::<R>(number))).await;
            let _ = give.send(outcomes);
        });
        take.recv().expect("the runtime has run it")
    }

    /// Runs the sessions with Node's client, which trusts the CA in this file.
    pub(super) fn run_by_node(&self, sessions: usize, authority: &Path) -> Vec<Outcome> {
        let mut node = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "node"])
            .arg(peers::source("node/keepalive_client.js"))
            .args([&self.url, &sessions.to_string()])
            .arg(self.interval.as_millis().to_string())
            .arg(self.messages.to_string())
            .env("NODE_PATH", peers::installed("node").join("node_modules"))
            .env("NODE_EXTRA_CA_CERTS", authority)
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node starts");
        let mut outcomes = Vec::new();
        for line in BufReader::new(node.stdout.take().expect("the stream is piped")).lines() {
            let line = line.expect("the program writes UTF-8");
            if line == "sent" {
                self.sent.fetch_add(1, Ordering::Relaxed);
            } else {
                outcomes.push(outcome_of_node(&line));
            }
        }
        let _ = node.wait();
        outcomes
    }

    /// Waits until all sessions together have sent this number of messages. Panics at a deadline.
    pub(super) fn wait_until_sent(&self, messages: usize) {
        let deadline = Instant::now() + DEADLINE;
        while self.sent.load(Ordering::Relaxed) < messages {
            assert!(Instant::now() < deadline, "the sessions send no more");
            thread::sleep(Duration::from_millis(5));
        }
    }

    async fn session<R: Runs>(&self, number: usize) -> Outcome {
        let runtime = R::default();
        let received = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&received);
        let connecting = builder::<R>(&self.url, Mode::Polling)
            .dialer(dialer().reuse_connections(self.reuse))
            .on_message(move |_, message| {
                writer
                    .lock()
                    .expect("no thread panicked")
                    .push(text(&message));
            })
            .connect();
        let client = within(&runtime, "connecting", connecting).await;
        let client = client.unwrap_or_else(|error| panic!("{}", error.report()));
        let mut sent = Vec::new();
        for message in 0..self.messages {
            let text = format!("{number}:{message}");
            if client.send(text.as_str()).await.is_err() {
                break;
            }
            sent.push(text);
            self.sent.fetch_add(1, Ordering::Relaxed);
            runtime.sleep(self.interval).await;
        }
        let all_are_back = async {
            while received.lock().expect("no thread panicked").len() < sent.len()
                && !client.is_closed()
            {
                runtime.sleep(Duration::from_millis(5)).await;
            }
        };
        within(&runtime, "the last messages", all_are_back).await;
        let ended = client.is_closed();
        let closed = within(&runtime, "the end", client.disconnect()).await;
        let received = received.lock().expect("no thread panicked").clone();
        Outcome {
            sent,
            received,
            ended: ended.then(|| reason(&closed)),
            listed: listed(&closed),
        }
    }
}

/// Node's client does not report unsent messages.
fn outcome_of_node(line: &str) -> Outcome {
    let outcome: Value = serde_json::from_str(line).expect("an outcome");
    let texts = |name: &str| {
        let texts = outcome[name].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Outcome {
        sent: texts("sent"),
        received: texts("received"),
        ended: outcome["ended"].as_str().map(str::to_owned),
        listed: Vec::new(),
    }
}

fn text(message: &Message) -> String {
    message.as_text().expect("only texts are sent").to_owned()
}

fn reason(closed: &Closed) -> String {
    match closed.reason() {
        Reason::Transport(error) => error.report(),
        _ => closed.to_string(),
    }
}

fn listed(closed: &Closed) -> Vec<String> {
    let lists = closed.unsent().iter().chain(closed.uncertain());
    lists.map(text).collect()
}
