//! Time per packet in the codec and in the engine, each measured alone.
//!
//!     cargo bench --bench micro --features __bench [-- PART-OF-A-NAME...]
//!
//! Each operation is measured with several batch sizes. A figure is the median of many samples, divided
//! by the number of packets. It does not include creating the input. It includes dropping the output,
//! which every user of a message has to do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use engineio_client::bench::Engine;
use engineio_client::codec::{decode_payload, decode_text, encode_payload};
use engineio_client::{Framing, Limits, Message, Packet, Text};

const BATCHES: [usize; 3] = [1, 16, 256];
const LENGTHS: [(usize, &str); 2] = [(64, "64 B"), (64 * 1024, "64 KiB")];
const SAMPLES: usize = 15;
/// Length of a sample: long enough for the clock's resolution, and short enough that few samples are
/// interrupted.
const SAMPLE: Duration = Duration::from_millis(4);
/// Maximum size of the inputs prepared at once, in bytes. They should be in a CPU cache when they are
/// used, like data that was just received.
const CACHE: usize = 256 * 1024;

fn main() {
    let names = names();
    let mut table = Table::new(&names);
    for (length, size) in LENGTHS {
        for (form, make) in [("texts", texts as Make), ("binaries", binaries)] {
            table.row(&format!("encode payload, {size} {form}"), |batch| {
                let packets = make(length, batch);
                time(batch * length, || (), |()| encode_payload(&packets).len())
            });
            table.row(&format!("decode payload, {size} {form}"), |batch| {
                let body = encode_payload(&make(length, batch));
                let prepare = || body.clone();
                time(batch * length, prepare, |body| {
                    decode_payload(body, &Limits::default()).packets.len()
                })
            });
        }
        table.row(&format!("decode frames, {size} texts"), |batch| {
            let whole = Bytes::from(format!("4{}", "x".repeat(length)).repeat(batch));
            let whole = Text::from_utf8(whole).expect("valid UTF-8");
            let prepare = || -> Vec<Text> {
                let starts = (0..batch).map(|index| index * (length + 1));
                starts
                    .map(|start| whole.slice(start..start + length + 1))
                    .map(|frame| frame.expect("the buffer has `batch` frames"))
                    .collect()
            };
            time(batch * (length + 64), prepare, |frames| {
                let limits = Limits::default();
                let packets = frames.into_iter().map(|frame| decode_text(frame, &limits));
                packets.filter(Result::is_ok).count()
            })
        });
    }
    for (framing, name) in [(Framing::Frames, "frames"), (Framing::Payloads, "payloads")] {
        for (length, size) in LENGTHS {
            // The engine treats texts and binary messages alike. The length decides how many messages
            // fit in a batch.
            table.row(&format!("engine receive, {name}, {size}"), |batch| {
                let packets = texts(length, batch);
                let mut engine = Engine::open(framing);
                let prepare = || packets.clone();
                time(batch * 64, prepare, |packets| engine.receive(packets))
            });
            table.row(&format!("engine send, {name}, {size}"), |batch| {
                let packets = texts(length, batch);
                let mut engine = Engine::open(framing);
                let prepare = || packets.clone();
                time(batch * 64, prepare, |packets| engine.send(packets))
            });
        }
    }
    if table.rows == 0 {
        eprintln!("micro: no benchmark matches {}", names.join(" or "));
        std::process::exit(2);
    }
}

/// The arguments, without the one that cargo adds.
fn names() -> Vec<String> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let Some(option) = arguments.iter().find(|name| name.starts_with('-')) {
        eprintln!("micro: unknown option {option}: expected parts of benchmark names, or nothing");
        std::process::exit(2);
    }
    arguments
}

type Make = fn(usize, usize) -> Vec<Packet>;

fn texts(length: usize, count: usize) -> Vec<Packet> {
    let message = || Packet::Message(Message::from("x".repeat(length)));
    (0..count).map(|_| message()).collect()
}

fn binaries(length: usize, count: usize) -> Vec<Packet> {
    let message = || Packet::Message(Message::from(vec![7; length]));
    (0..count).map(|_| message()).collect()
}

struct Table<'a> {
    names: &'a [String],
    rows: usize,
}

impl<'a> Table<'a> {
    fn new(names: &'a [String]) -> Self {
        Self { names, rows: 0 }
    }

    fn row(&mut self, name: &str, mut measure: impl FnMut(usize) -> f64) {
        let wanted = self.names.is_empty() || self.names.iter().any(|part| name.contains(part));
        if !wanted {
            return;
        }
        if self.rows == 0 {
            let title = "ns per packet, in batches of";
            println!(
                "{title:34}{:>12}{:>12}{:>12}",
                BATCHES[0], BATCHES[1], BATCHES[2]
            );
        }
        self.rows += 1;
        print!("{name:34}");
        for batch in BATCHES {
            let each = measure(batch) / batch as f64;
            print!("{each:>12.1}");
        }
        println!();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Median time of one run in ns, on an input of `bytes` bytes. The result of `run` keeps the compiler
/// from optimising the work away.
fn time<I>(bytes: usize, mut prepare: impl FnMut() -> I, mut run: impl FnMut(I) -> usize) -> f64 {
    let inputs_at_once = (CACHE / bytes).clamp(1, 1000);
    let mut sample = || {
        let mut taken = Duration::ZERO;
        let mut runs = 0;
        while taken < SAMPLE {
            let inputs: Vec<I> = (0..inputs_at_once).map(|_| prepare()).collect();
            let start = now();
            for input in inputs {
                black_box(run(black_box(input)));
            }
            taken += start.elapsed();
            runs += inputs_at_once;
        }
        taken.as_secs_f64() * 1e9 / runs as f64
    };
    // Warm-up.
    sample();
    let mut times: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
