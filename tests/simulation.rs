//! Thousands of random sessions in virtual time: random clients and servers over a network with random
//! faults. Whatever happens, no message is lost silently, duplicated or reordered, no call waits past
//! its limit, and no task is left behind.
//!
//! `ENGINEIO_SIMULATIONS` sets the number of sessions, 1,000 by default. `ENGINEIO_SEED` runs a single
//! session and prints the log of its network (with `--nocapture`).

#[path = "support/counting.rs"]
mod counting;
#[path = "support/memory_http.rs"]
mod memory_http;
mod simulation {
    pub(crate) mod server;
}

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::time::Duration;

use counting::Counting;
use engineio_client::runtime::mock::Conditions;
use engineio_client::transports::Transports;
use engineio_client::{
    Builder, Capacity, Closed, ErrorKind, Event, Handle, Message, MockRuntime, Runtime,
};
use futures::StreamExt as _;
use futures::future::join;
use simulation::server::{Server, Setup, until};

const OPEN_TIMEOUT: Duration = Duration::from_secs(2);
const SEND_TIMEOUT: Duration = Duration::from_secs(2);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const CLOSE_LIMIT: Duration = Duration::from_secs(4);

/// Number of sessions, divided among the tests below.
fn sessions() -> u64 {
    match std::env::var("ENGINEIO_SIMULATIONS") {
        Ok(number) => number.parse().expect("ENGINEIO_SIMULATIONS is a number"),
        Err(_) => 1000,
    }
}

const PARTS: u64 = 4;

fn run_part(part: u64) {
    if let Ok(seed) = std::env::var("ENGINEIO_SEED") {
        let seed: u64 = seed.parse().expect("ENGINEIO_SEED is a number");
        if seed % PARTS == part {
            let log = simulate(seed);
            println!("{}", log.join("\n"));
        }
        return;
    }
    for seed in (0..sessions()).filter(|seed| seed % PARTS == part) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| simulate(seed))) {
            eprintln!("failed under seed {seed}; run this seed alone with ENGINEIO_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// Rules E20, E23, E36.
#[test]
fn no_message_is_lost_silently_1() {
    run_part(0);
}

#[test]
fn no_message_is_lost_silently_2() {
    run_part(1);
}

#[test]
fn no_message_is_lost_silently_3() {
    run_part(2);
}

#[test]
fn no_message_is_lost_silently_4() {
    run_part(3);
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let (mut different, mut lines) = (0, 0);
    for seed in 0..50 {
        let log = simulate(seed);
        assert_eq!(log, simulate(seed), "seed {seed}");
        lines += log.len();
        different += usize::from(log != simulate(seed + 1));
    }
    assert!(different > 40 && lines > 1000, "{different} {lines}");
}

/// The actions of user and server, and the faults, all drawn from the seed.
struct Plan {
    transports: &'static [&'static str],
    setup: Setup,
    /// Whether the network has little bandwidth.
    narrow: bool,
    actions: u32,
    reader_pause: Duration,
    server_sends: u32,
    server_closes: Option<Duration>,
    faults: Vec<(Duration, Fault)>,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Reset,
    ResetAfterData,
    BlackHole,
    Partition,
    HalfClose,
    Refuse,
    ResetAll,
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Disconnect,
    Drop,
    /// The network swallows everything from now on, and the user waits for the end.
    Silence,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Plan {
    fn draw(random: &mut fastrand::Rng) -> Self {
        let transports: &[&str] = match random.u8(0..4) {
            0 => &["polling"],
            1 => &["websocket"],
            _ => &["polling", "websocket"],
        };
        let setup = Setup {
            ping_interval: ms(random.u64(100..1500)),
            ping_timeout: ms(random.u64(400..1500)),
            max_payload: random.usize(40..2000),
            upgrades: random.u8(0..8) > 0,
            probe_delay: ms(if random.u8(0..6) == 0 {
                random.u64(0..2000)
            } else {
                random.u64(0..60)
            }),
            eager_noops: random.bool(),
        };
        let faults = match random.u8(0..3) {
            0 => 0,
            1 => 1,
            _ => random.usize(1..4),
        };
        let kinds = [
            Fault::Reset,
            Fault::ResetAfterData,
            Fault::BlackHole,
            Fault::Partition,
            Fault::HalfClose,
            Fault::Refuse,
            Fault::ResetAll,
            Fault::Slow,
        ];
        let mut faults: Vec<_> = (0..faults)
            .map(|_| (ms(random.u64(0..1500)), kinds[random.usize(..kinds.len())]))
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        Self {
            transports,
            setup,
            narrow: random.u8(0..4) == 0,
            actions: random.u32(0..40),
            reader_pause: ms(if random.u8(0..4) == 0 {
                random.u64(0..200)
            } else {
                0
            }),
            server_sends: random.u32(0..40),
            server_closes: (random.u8(0..6) == 0).then(|| ms(random.u64(0..3000))),
            faults,
            ending: match random.u8(0..5) {
                0 => Ending::Drop,
                1 => Ending::Silence,
                _ => Ending::Disconnect,
            },
        }
    }
}

fn conditions(random: &mut fastrand::Rng, narrow: bool) -> Conditions {
    let mut conditions = Conditions::new();
    if random.bool() {
        conditions = conditions.latency_between(ms(0), ms(random.u64(1..60)));
    }
    if random.u8(0..3) == 0 {
        conditions = conditions.segment(random.usize(1..200));
    }
    if narrow {
        conditions = conditions.bandwidth(random.u64(5_000..200_000));
    }
    conditions
}

/// Runs and checks one session. Returns the log of its network.
fn simulate(seed: u64) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let runtime = MockRuntime::seeded(seed);
    let network = runtime.network();
    network.record();
    let plan = Plan::draw(&mut random);
    network.set(conditions(&mut random, plan.narrow));
    let address: SocketAddr = "10.0.0.1:80".parse().expect("a valid address");
    let server = Server::new(&runtime, plan.setup.clone());
    let listener = runtime.listen(address);
    let counting = Counting::new(runtime.clone());
    runtime.block_on(until(
        session(&runtime, counting.clone(), &plan, &server, address, random),
        server.clone().serve(listener),
    ));
    assert_eq!(counting.tasks(), 0, "a task of the client is left behind");
    network.log()
}

async fn session(
    runtime: &MockRuntime,
    client_runtime: Counting<MockRuntime>,
    plan: &Plan,
    server: &Server,
    address: SocketAddr,
    mut random: fastrand::Rng,
) {
    let builder = Builder::new(
        format!("http://{address}"),
        Transports::default(),
        client_runtime,
    )
    .transports(plan.transports.iter().copied())
    .open_timeout(OPEN_TIMEOUT)
    .send_timeout(SEND_TIMEOUT)
    .upgrade_timeout(UPGRADE_TIMEOUT)
    .close_timeout(CLOSE_TIMEOUT)
    .close_limit(CLOSE_LIMIT)
    .outbox(Capacity {
        messages: random.usize(1..50),
        bytes: random.usize(1..500),
    })
    .inbox(Capacity {
        messages: random.usize(1..50),
        bytes: random.usize(1..500),
    });
    let mut client = builder.start().expect("the settings are right");
    let handle = client.handle();
    let delivered = Mutex::new(Vec::new());
    let dropped = plan.ending == Ending::Drop;
    let mut user_random = random.fork();
    let user = user(runtime, &handle, plan, &mut user_random);
    let reader = async {
        while let Some(event) = client.next().await {
            if let Event::Message(Message::Text(text)) = event {
                delivered
                    .lock()
                    .expect("one thread")
                    .push(text.parse::<u32>().expect("a number"));
                if !plan.reader_pause.is_zero() {
                    runtime.sleep(plan.reader_pause).await;
                }
            }
        }
    };
    let mut accepted;
    let silent;
    {
        let chaos = chaos(runtime, plan, address, random.fork());
        let talk = server_talks(runtime, &handle, plan, server, random.fork());
        let background = async {
            join(chaos, talk).await;
            std::future::pending().await
        };
        if dropped {
            // The reader is dropped at any point.
            let reading = async {
                until(std::future::pending::<()>(), reader).await;
            };
            (accepted, silent) = until(user, async {
                join(reading, background).await;
            })
            .await;
        } else {
            let ended = async {
                let (result, ()) = join(user, reader).await;
                result
            };
            (accepted, silent) = until(ended, background).await;
        }
    }
    let start = Runtime::now(runtime);
    drop(client);
    let closed = handle.wait().await;
    if dropped {
        let took = Runtime::now(runtime) - start;
        assert!(
            took <= OPEN_TIMEOUT.max(CLOSE_LIMIT),
            "a dropped client took {took:?}"
        );
    }
    if let Some(at) = silent {
        let span = plan.setup.ping_interval + plan.setup.ping_timeout;
        let limit = 2 * OPEN_TIMEOUT + span + SEND_TIMEOUT + UPGRADE_TIMEOUT;
        let took = Runtime::now(runtime).saturating_sub(at);
        assert!(
            took <= limit,
            "silence was noticed after {took:?}, but the limit is {limit:?}"
        );
    }
    assert_eq!(
        handle
            .send("late")
            .await
            .expect_err("the session is closed")
            .kind(),
        ErrorKind::Closed
    );
    // Data in flight may still arrive.
    runtime.network().heal();
    runtime.sleep(Duration::from_secs(5)).await;
    let delivered = std::mem::take(&mut *delivered.lock().expect("one thread"));
    check(plan, &handle, server, &mut accepted, &closed, &delivered);
}

/// The user: sends and waits as the plan says. Returns the accepted messages, and the time of the
/// silence if the plan has one.
async fn user(
    runtime: &MockRuntime,
    handle: &Handle,
    plan: &Plan,
    random: &mut fastrand::Rng,
) -> (Vec<u32>, Option<Duration>) {
    let mut accepted = Vec::new();
    let mut number = 0;
    for _ in 0..plan.actions {
        match random.u8(0..10) {
            0..=4 => {
                number += 1;
                if handle.send(text_of(number, random)).await.is_ok() {
                    accepted.push(number);
                }
            }
            5..=6 => {
                for _ in 0..random.u8(1..30) {
                    number += 1;
                    if handle.try_send(text_of(number, random)).is_ok() {
                        accepted.push(number);
                    }
                }
            }
            7 => {
                let _ = handle.flush().await;
            }
            _ => runtime.sleep(ms(random.u64(0..150))).await,
        }
    }
    match plan.ending {
        Ending::Drop => (accepted, None),
        Ending::Disconnect => {
            let start = Runtime::now(runtime);
            handle.disconnect().await;
            let took = Runtime::now(runtime) - start;
            assert!(
                took <= OPEN_TIMEOUT.max(CLOSE_LIMIT),
                "disconnect took {took:?}"
            );
            (accepted, None)
        }
        Ending::Silence => {
            let network = runtime.network();
            network.black_hole("10.0.0.1:80".parse().expect("a valid address"));
            for connection in network.connections() {
                connection.black_hole();
            }
            let at = Runtime::now(runtime);
            handle.wait().await;
            (accepted, Some(at))
        }
    }
}

async fn server_talks(
    runtime: &MockRuntime,
    handle: &Handle,
    plan: &Plan,
    server: &Server,
    mut random: fastrand::Rng,
) {
    let Ok(connected) = handle.opened().await else {
        return;
    };
    let sid = &connected.handshake.sid;
    let send = async {
        for number in 1..=plan.server_sends {
            server.send(sid, number);
            if random.bool() {
                runtime.sleep(ms(random.u64(0..100))).await;
            }
        }
    };
    let close = async {
        if let Some(at) = plan.server_closes {
            runtime.sleep(at).await;
            server.close(sid);
        }
    };
    join(send, close).await;
}

async fn chaos(runtime: &MockRuntime, plan: &Plan, address: SocketAddr, mut random: fastrand::Rng) {
    let network = runtime.network();
    for (at, fault) in &plan.faults {
        let now = Runtime::now(runtime);
        runtime.sleep(at.saturating_sub(now)).await;
        let open = network.connections();
        let victim = (!open.is_empty()).then(|| &open[random.usize(..open.len())]);
        match fault {
            Fault::Refuse => network.refuse(address),
            Fault::ResetAll => network.reset_all(),
            Fault::Slow => network.set(conditions(&mut random, true)),
            Fault::Partition => {
                network.partition();
                runtime.sleep(ms(random.u64(0..3000))).await;
                network.heal();
            }
            Fault::Reset => {
                if let Some(connection) = victim {
                    connection.reset();
                }
            }
            Fault::ResetAfterData => {
                if let Some(connection) = victim {
                    connection.reset_after_data();
                }
            }
            Fault::BlackHole => {
                if let Some(connection) = victim {
                    connection.black_hole();
                }
            }
            Fault::HalfClose => {
                if let Some(connection) = victim {
                    connection.half_close(engineio_client::runtime::mock::Side::Server);
                }
            }
        }
    }
}

/// A text that begins with its number. Some texts are longer than polling can carry.
fn text_of(number: u32, random: &mut fastrand::Rng) -> String {
    let length = if random.u8(0..4) == 0 {
        random.usize(0..100)
    } else {
        0
    };
    format!("{number} {}", "x".repeat(length))
}

fn numbers(messages: &[Message]) -> Vec<u32> {
    messages
        .iter()
        .map(|message| {
            let text = message.as_text().expect("only texts are sent");
            let number = text.split(' ').next().unwrap_or_default();
            number.parse().expect("a number")
        })
        .collect()
}

/// Checks the properties that hold in every run, whatever the faults were.
fn check(
    plan: &Plan,
    handle: &Handle,
    server: &Server,
    accepted: &mut Vec<u32>,
    closed: &Closed,
    delivered: &[u32],
) {
    let (uncertain, unsent) = (numbers(closed.uncertain()), numbers(closed.unsent()));
    let left = accepted.len().checked_sub(uncertain.len() + unsent.len());
    let left = left.unwrap_or_else(|| {
        panic!("more messages were returned than accepted: {uncertain:?} {unsent:?}")
    });
    let (left, rest) = accepted.split_at(left);
    assert_eq!(
        rest,
        [&uncertain[..], &unsent[..]].concat(),
        "accepted = left ++ uncertain ++ unsent"
    );
    let Some(sid) = handle.sid() else {
        assert!(accepted.is_empty() && delivered.is_empty());
        return;
    };
    let look = server.session(&sid, |session| {
        (session.received.clone(), session.given.clone())
    });
    let (received, given) = look.expect("the server knows the session");
    let possible = [left, &uncertain[..]].concat();
    assert!(
        possible.starts_with(&received),
        "{:?}: the received messages are not a prefix of those that may have left: {received:?} of {left:?} and {uncertain:?}",
        closed
    );
    if handle.transport() == Some("polling") {
        assert!(
            received.starts_with(left),
            "{closed:?}: messages of an answered POST did not arrive: {received:?} of {left:?}"
        );
    }
    assert!(
        given.starts_with(delivered),
        "{closed:?}: delivered {delivered:?} of {given:?}"
    );
    let calm = plan.faults.is_empty()
        && plan.server_closes.is_none()
        && plan.reader_pause.is_zero()
        && !plan.narrow;
    if calm && plan.ending == Ending::Disconnect {
        assert!(closed.is_clean(), "{closed:?}, though there were no faults");
        assert_eq!(received, *accepted);
    }
}
