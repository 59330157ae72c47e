//! The hot paths, to count their instructions. `benches/count` runs this under callgrind twice, with
//! different numbers of messages, so that one-time costs cancel out.
//!
//!     instructions SCENARIO MESSAGES
//!
//! The client runs on one thread, on a runtime without clock, timers and sockets. The count covers the
//! client, the libraries below it and a small part of the scripted server, and is the same in every run.
//! It does not include the operating system's work (reading, writing, waking).

mod scripted_server;

use std::hint::black_box;

use bytes::Bytes;
use engineio_client::bench::Engine;
use engineio_client::codec::{decode_payload, encode_payload};
use engineio_client::transports::Transports;
use engineio_client::{Builder, Framing, Limits, Message, Packet, Receipts};
use futures::executor::LocalPool;

use scripted_server::{Job, ScriptedRuntime, ScriptedServer};

/// Number of messages in a polling body, and in each call of the codec and the engine.
const BATCH: usize = 256;
const LENGTH: usize = 64;

type Scenario = (&'static str, fn(usize));

const SCENARIOS: [Scenario; 11] = [
    ("websocket-receive", |count| {
        client("websocket", Job::Receive, None, count)
    }),
    ("websocket-send", |count| {
        client("websocket", Job::Send, None, count)
    }),
    ("websocket-send-receipts", |count| {
        client("websocket", Job::Send, Some(Receipts::new()), count)
    }),
    ("websocket-echo", |count| {
        client("websocket", Job::Echo, None, count)
    }),
    ("polling-receive", |count| {
        client("polling", Job::Receive, None, count)
    }),
    ("polling-send", |count| {
        client("polling", Job::Send, None, count)
    }),
    ("polling-echo", |count| {
        client("polling", Job::Echo, None, count)
    }),
    ("codec-encode", encode),
    ("codec-decode", decode),
    ("engine-receive", engine_receive),
    ("engine-send", engine_send),
];

fn main() {
    // Cargo adds this argument.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match arguments.as_slice() {
        [option] if option == "--list" => {
            for (name, _) in SCENARIOS {
                println!("{name}");
            }
        }
        [name, count] => run(name, count),
        _ => usage("expected a scenario and a number of messages, or --list"),
    }
}

fn run(name: &str, count: &str) {
    let Some((_, scenario)) = SCENARIOS.iter().find(|(known, _)| known == &name) else {
        usage(&format!("there is no scenario {name:?}: see --list"));
    };
    match count.parse() {
        Ok(count) if count > 0 && count % BATCH == 0 => scenario(count),
        _ => usage(&format!(
            "{count:?} is no number of whole batches of {BATCH}"
        )),
    }
}

fn usage(message: &str) -> ! {
    eprintln!("instructions: {message}");
    std::process::exit(2);
}

fn text() -> String {
    "x".repeat(LENGTH)
}

fn batch() -> Vec<Packet> {
    let message = || Packet::Message(Message::from(text()));
    (0..BATCH).map(|_| message()).collect()
}

/// Runs the whole client, from the user's calls to the bytes.
fn client(transport: &'static str, job: Job, receipts: Option<Receipts>, count: usize) {
    let mut pool = LocalPool::new();
    let server = ScriptedServer::new(job, count, &text(), BATCH);
    let runtime = ScriptedRuntime::new(pool.spawner(), server);
    pool.run_until(async {
        let builder = Builder::new("http://127.0.0.1/", Transports::default(), runtime);
        let mut builder = builder.transports([transport]);
        if let Some(receipts) = receipts {
            builder = builder.receipts(receipts);
        }
        let mut client = builder
            .connect()
            .await
            .expect("the scripted server accepts the session");
        let text = text();
        match job {
            Job::Receive => {
                for _ in 0..count {
                    let message = client
                        .recv()
                        .await
                        .expect("the server sends `count` messages");
                    assert_eq!(message.len(), LENGTH);
                }
            }
            Job::Send => {
                for _ in 0..count {
                    client
                        .send(text.as_str())
                        .await
                        .expect("the session is open");
                }
                match receipts {
                    Some(_) => client.confirm().await.expect("the server answers pings"),
                    None => client.flush().await.expect("the session is open"),
                }
            }
            Job::Echo => {
                for _ in 0..count {
                    client
                        .send(text.as_str())
                        .await
                        .expect("the session is open");
                    let message = client
                        .recv()
                        .await
                        .expect("the server answers each message");
                    assert_eq!(message.len(), LENGTH);
                }
            }
        }
    });
}

fn encode(count: usize) {
    let packets = batch();
    for _ in 0..count / BATCH {
        black_box(encode_payload(black_box(&packets)));
    }
}

fn decode(count: usize) {
    let body: Bytes = encode_payload(&batch());
    for _ in 0..count / BATCH {
        let decoded = decode_payload(black_box(body.clone()), &Limits::default());
        assert_eq!(decoded.packets.len(), BATCH);
    }
}

fn engine_receive(count: usize) {
    let packets = batch();
    let mut engine = Engine::open(Framing::Frames);
    for _ in 0..count / BATCH {
        assert_eq!(engine.receive(black_box(packets.clone())), BATCH);
    }
}

fn engine_send(count: usize) {
    let packets = batch();
    let mut engine = Engine::open(Framing::Frames);
    for _ in 0..count / BATCH {
        assert_eq!(engine.send(black_box(packets.clone())), BATCH);
    }
}
