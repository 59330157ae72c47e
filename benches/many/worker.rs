//! The process with the clients. Prints its measurements, one name and number per line.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{AsyncStd, Builder, Client, Event, Handle, Runtime, Smol, Tokio};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};

use super::plan::{Active, Form, Job, OnRuntime, Order, Plan, Way};
use super::{compressed, sessions, storm, system};

/// Time after which the worker is considered to hang. A plan takes a fraction of it.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Number of sessions that are opened concurrently.
const OPENING: usize = 100;
/// Interval at which new work is started.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Number of heartbeats in the idle time. The memory that they need is part of the measurement.
pub(crate) const HEARTBEATS: u32 = 2;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn run(plan: Plan) -> Result<(), Failure> {
    exit_with_parent();
    system::raise_files()?;
    match plan.runtime {
        OnRuntime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            match plan.job {
                Job::Sessions { with } => runtime.block_on(sessions::run(plan, with)),
                _ => runtime.block_on(work::<Tokio>(plan)),
            }
        }
        OnRuntime::Smol => smol::block_on(work::<Smol>(plan)),
        OnRuntime::AsyncStd => async_std::task::block_on(work::<AsyncStd>(plan)),
    }
}

/// Exits when the parent process ends, which closes the standard input.
fn exit_with_parent() {
    std::thread::spawn(|| {
        while std::io::stdin()
            .read(&mut [0; 64])
            .is_ok_and(|read| read > 0)
        {}
        std::process::exit(1);
    });
    std::thread::spawn(|| {
        std::thread::sleep(TIMEOUT);
        eprintln!("many: the worker timed out");
        std::process::exit(1);
    });
}

async fn work<R: Runtime + Default>(plan: Plan) -> Result<(), Failure> {
    let _warm_up = warm_up::<R>(plan).await?;
    match plan.job {
        Job::Crowd { active } => crowd::<R>(plan, active).await?,
        Job::Large { form, order } => large::<R>(plan, form, order).await?,
        Job::Storm => storm::run::<R>(plan).await?,
        Job::Compressed { with } => compressed::run::<R>(plan, with).await?,
        Job::Sessions { .. } => return Err("pipes are measured on tokio".into()),
    }
    // Exits without closing the thousands of sessions, which is not part of the measurement.
    std::process::exit(0);
}

pub(crate) type OneClient<R> = Client<Transports, R>;

pub(crate) async fn open<R: Runtime + Default>(plan: Plan) -> Result<OneClient<R>, Failure> {
    let Plan { port, way, .. } = plan;
    let interval = plan.ping_interval().as_millis();
    let upgrade = u8::from(way == Way::Upgraded);
    let url =
        format!("http://127.0.0.1:{port}/?job=idle&ping_interval={interval}&upgrade={upgrade}");
    let mut client = Builder::new(url, Transports::default(), R::default())
        .transports(way.transports().iter().copied())
        .connect()
        .await?;
    while client.transport() != Some(way.destination()) {
        match client.next().await {
            Some(Event::Connected(_) | Event::Upgraded { .. }) => {}
            other => return Err(format!("expected an upgrade, received {other:?}").into()),
        }
    }
    Ok(client)
}

/// Opens and uses a connection before the measurement, so that one-time allocations are not part of it.
pub(crate) async fn warm_up<R: Runtime + Default>(plan: Plan) -> Result<OneClient<R>, Failure> {
    let mut client = open::<R>(plan).await?;
    client.send("hello").await?;
    match client.recv().await {
        Some(message) if message.as_text() == Some("hello") => Ok(client),
        other => Err(format!("expected an echo, received {other:?}").into()),
    }
}

pub(crate) fn report(name: &str, figure: f64) {
    println!("{name} {figure}");
}

fn memory_per_connection(before: u64, plan: Plan) -> Result<f64, Failure> {
    Ok(per_connection(before, system::memory()?, plan))
}

pub(crate) fn per_connection(before: u64, after: u64, plan: Plan) -> f64 {
    after.saturating_sub(before) as f64 / plan.connections as f64
}

/// Counters of the receiving tasks.
#[derive(Default)]
struct Counters {
    messages: AtomicU64,
    ends: AtomicU64,
}

pub(crate) async fn crowd<R: Runtime + Default>(plan: Plan, active: Active) -> Result<(), Failure> {
    let runtime = R::default();
    let counters = Arc::new(Counters::default());
    let before = system::memory()?;
    let handles = open_evenly::<R>(plan, &runtime, &counters).await?;

    let start = system::cpu();
    runtime.sleep(plan.ping_interval() * HEARTBEATS).await;
    let taken = system::cpu().saturating_sub(start);
    let heartbeats = f64::from(HEARTBEATS) * plan.connections as f64;
    report("heartbeat_cpu", taken.as_secs_f64() / heartbeats);
    report("memory", memory_per_connection(before, plan)?);

    let rates: &[u64] = match active {
        Active::No => &[],
        Active::One => &[1],
        Active::OneAndTen => &[1, 10],
    };
    for rate in rates {
        let start = (system::cpu(), counters.messages.load(Ordering::Relaxed));
        let sent = send_evenly(plan, &runtime, &handles, *rate).await?;
        let wanted = start.1 + sent;
        for _ in 0..200 {
            if counters.messages.load(Ordering::Relaxed) >= wanted {
                break;
            }
            runtime.sleep(TICK).await;
        }
        let taken = system::cpu().saturating_sub(start.0);
        let came = counters.messages.load(Ordering::Relaxed);
        if came != wanted {
            return Err(format!("{} of {sent} messages came back", came - start.1).into());
        }
        // This includes the heartbeats, which are more frequent than by default.
        report(
            &format!("echo_{rate}_cpu"),
            taken.as_secs_f64() / sent as f64,
        );
    }
    match counters.ends.load(Ordering::Relaxed) {
        0 => Ok(()),
        ends => Err(format!("{ends} sessions have ended").into()),
    }
}

/// Opens the sessions evenly over one ping interval, so that their pings are spread out. A task per
/// session waits for messages, as a user's task would.
async fn open_evenly<R: Runtime + Default>(
    plan: Plan,
    runtime: &R,
    counters: &Arc<Counters>,
) -> Result<Vec<Handle>, Failure> {
    let mut handles = Vec::with_capacity(plan.connections);
    let mut opening = FuturesUnordered::new();
    let mut begun = 0;
    let start = runtime.now();
    while handles.len() < plan.connections {
        let passed = runtime.now().saturating_sub(start);
        let share = passed.as_secs_f64() / plan.ping_interval().as_secs_f64();
        let due = ((share * plan.connections as f64) as usize).min(plan.connections);
        while begun < due && opening.len() < OPENING {
            begun += 1;
            opening.push(open::<R>(plan));
        }
        let opened = if opening.is_empty() {
            runtime.sleep(TICK).await;
            continue;
        } else {
            opening.next().await
        };
        let mut client = opened.expect("`opening` is not empty")?;
        handles.push(client.handle());
        let counters = Arc::clone(counters);
        runtime.spawn(Box::pin(async move {
            while client.recv().await.is_some() {
                counters.messages.fetch_add(1, Ordering::Relaxed);
            }
            counters.ends.fetch_add(1, Ordering::Relaxed);
        }));
    }
    Ok(handles)
}

/// Sends `rate` messages per second on each connection, spread over the ticks. One task sends all
/// messages: a timer for each connection would add a cost of the user's program to the measurement.
async fn send_evenly<R: Runtime>(
    plan: Plan,
    runtime: &R,
    handles: &[Handle],
    rate: u64,
) -> Result<u64, Failure> {
    let text = "x".repeat(64);
    let all = plan.active().as_secs() * rate * handles.len() as u64;
    let start = runtime.now();
    let mut sent = 0;
    while sent < all {
        let share =
            (runtime.now().saturating_sub(start)).as_secs_f64() / plan.active().as_secs_f64();
        let due = ((share * all as f64) as u64).min(all);
        for number in sent..due {
            handles[number as usize % handles.len()].try_send(text.as_str())?;
        }
        sent = due;
        runtime.sleep(TICK).await;
    }
    Ok(sent)
}

async fn large<R: Runtime + Default>(plan: Plan, form: Form, order: Order) -> Result<(), Failure> {
    let runtime = R::default();
    let before = system::memory()?;
    let opening = stream::iter((0..plan.connections).map(|_| open::<R>(plan)));
    let opened: Vec<_> = opening.buffer_unordered(OPENING).collect().await;
    let mut clients = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
    report("memory_before", memory_per_connection(before, plan)?);
    let at_a_time = match order {
        Order::OneAfterAnother => 1,
        Order::AtOnce | Order::AtOnceMapped => plan.connections,
    };
    let echoes = stream::iter(clients.iter_mut().map(|client| echo(plan, form, client)));
    let echoes: Vec<_> = echoes.buffer_unordered(at_a_time).collect().await;
    echoes.into_iter().collect::<Result<(), _>>()?;
    report("memory_right_after", memory_per_connection(before, plan)?);
    // Idle except for the heartbeats.
    runtime
        .sleep(plan.ping_interval() * HEARTBEATS * 5 / 4)
        .await;
    report("memory", memory_per_connection(before, plan)?);
    match clients
        .iter()
        .position(|client| client.transport() != Some(plan.way.destination()))
    {
        None => Ok(()),
        Some(index) => Err(format!("the session {index} has ended").into()),
    }
}

/// Sends one message, receives its echo and drops both.
async fn echo<R: Runtime>(
    plan: Plan,
    form: Form,
    client: &mut OneClient<R>,
) -> Result<(), Failure> {
    let length = plan.large_message(form).len();
    client.send(plan.large_message(form)).await?;
    match client.recv().await {
        Some(message) if message.len() == length => Ok(()),
        Some(message) => Err(format!("{} of {length} bytes came back", message.len()).into()),
        None => Err(format!(
            "expected an echo, the session ended: {}",
            client.wait().await
        )
        .into()),
    }
}
