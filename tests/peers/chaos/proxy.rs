//! A TCP proxy that behaves like a bad network: it randomly delays, splits, stalls, closes, half-closes
//! and resets connections, or swallows their data. A seed determines its choices.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer};
use socket2::SockRef;

/// A delay of this length or more may make a heartbeat late, so it counts as a fault.
const HARMFUL: Duration = Duration::from_millis(100);

/// Time for which one direction goes on after the other has ended.
const HALF_CLOSED: Duration = Duration::from_secs(2);

/// The kinds of faults that the proxy counts.
pub(super) const FAULTS: [&str; 7] = [
    "refusals",
    "resets",
    "closes",
    "half-closes",
    "black holes",
    "stalls",
    "connections split",
];

#[derive(Clone, Copy)]
enum Fault {
    Refusal,
    Reset,
    Close,
    HalfClose,
    BlackHole,
    Stall,
    Split,
}

/// The proxy, with one address for each client, so that faults can be attributed to sessions.
pub(super) struct Proxy {
    ports: Vec<u16>,
    shared: Arc<Shared>,
    /// Dropping this sender ends the thread.
    stop: Option<smol::channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    slots: Vec<Slot>,
    faults: [AtomicU64; FAULTS.len()],
    connections: AtomicU64,
    alive: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    /// Port of the server behind this address.
    target: AtomicU16,
    /// Number of faults that may end a session.
    harm: AtomicU64,
}

impl Proxy {
    pub(super) fn start(slots: usize, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            faults: Default::default(),
            connections: AtomicU64::new(0),
            alive: AtomicUsize::new(0),
        });
        let listeners: Vec<_> = (0..slots)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free"))
            .collect();
        let port =
            |listener: &std::net::TcpListener| listener.local_addr().expect("an address").port();
        let ports = listeners.iter().map(port).collect();
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let executor = Rc::new(LocalExecutor::new());
            for (slot, listener) in listeners.into_iter().enumerate() {
                let shared = Arc::clone(&theirs);
                let seed = seed ^ (slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let listen = listen(Rc::clone(&executor), shared, slot, listener, seed);
                executor.spawn(listen).detach();
            }
            // Ends when the channel closes; no value is ever sent.
            let _ = smol::block_on(executor.run(stopped.recv()));
        });
        Self {
            ports,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Makes the slot forward to this server, and returns the slot's address.
    pub(super) fn before(&self, slot: usize, server: &str) -> String {
        let port = server.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.expect("the server's address has a port");
        self.shared.slots[slot].target.store(port, Ordering::SeqCst);
        format!("http://127.0.0.1:{}", self.ports[slot])
    }

    pub(super) fn harm(&self, slot: usize) -> u64 {
        self.shared.slots[slot].harm.load(Ordering::SeqCst)
    }

    /// Number of open connections.
    pub(super) fn alive(&self) -> usize {
        self.shared.alive.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(super) fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.shared.faults.iter();
        FAULTS
            .into_iter()
            .zip(counts.map(|count| count.load(Ordering::SeqCst)))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Counts a fault. The proxy calls this before it injects the fault, so a session without counted
    /// faults had none.
    fn count(&self, slot: usize, fault: Fault) {
        if !matches!(fault, Fault::Split) {
            self.slots[slot].harm.fetch_add(1, Ordering::SeqCst);
        }
        self.faults[fault as usize].fetch_add(1, Ordering::SeqCst);
    }
}

async fn listen(
    executor: Rc<LocalExecutor<'static>>,
    shared: Arc<Shared>,
    slot: usize,
    listener: std::net::TcpListener,
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    listener.set_nonblocking(true).expect("a setting");
    let listener = TcpListener::try_from(listener).expect("the runtime registers the listener");
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let plan = Plan::random(&mut random);
        let limit = match plan.end {
            End::Theirs => u64::MAX,
            _ => plan.bytes,
        };
        let connection = Connection {
            shared: Arc::clone(&shared),
            slot,
            limit: Cell::new(limit),
            plan,
            bytes: Cell::new(0),
        };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        shared.alive.fetch_add(1, Ordering::SeqCst);
        let random = random.fork();
        executor
            .spawn(async move {
                connection.run(client, random).await;
                connection.shared.alive.fetch_sub(1, Ordering::SeqCst);
            })
            .detach();
    }
}

/// The faults of a connection.
struct Plan {
    end: End,
    /// The connection ends after this time, or after this number of bytes.
    after: Duration,
    bytes: u64,
    /// For the first `split_bytes` bytes, the largest piece that is forwarded at once.
    piece: usize,
    split_bytes: u64,
    /// Longest delay of a piece.
    delay: Duration,
    /// One in this number of reads is followed by a stall.
    stalls: Option<u32>,
}

#[derive(Clone, Copy)]
enum End {
    /// The proxy does not end the connection.
    Theirs,
    Refusal,
    Reset,
    Close,
    /// One direction ends at once, and the other direction some time later.
    HalfClose,
    /// Nothing is forwarded for this time; then the connection is reset.
    BlackHole(Duration),
}

impl Plan {
    fn random(random: &mut fastrand::Rng) -> Self {
        let end = match random.u32(0..100) {
            0..65 => End::Theirs,
            65..68 => End::Refusal,
            68..79 => End::Reset,
            79..87 => End::Close,
            87..95 => End::HalfClose,
            _ => End::BlackHole(Duration::from_millis(random.u64(200..5000))),
        };
        let (after, bytes) = match random.u32(0..3) {
            0 => (Duration::MAX, 1 << random.u32(0..19)),
            1 => (Duration::from_millis(random.u64(0..50)), u64::MAX),
            _ => (Duration::from_millis(random.u64(0..4000)), u64::MAX),
        };
        let (piece, split_bytes) = match random.u32(0..4) {
            0 => (40, 3_000),
            1 => (3_000, u64::MAX),
            _ => (usize::MAX, 0),
        };
        let delay = *random
            .choice(&[0, 0, 1, 5, 30])
            .expect("the list is not empty");
        Self {
            end,
            after,
            bytes: bytes + random.u64(0..bytes.min(1 << 20)).min(u64::MAX - bytes),
            piece,
            split_bytes,
            delay: Duration::from_millis(delay),
            stalls: (random.u32(0..5) == 0).then(|| random.u32(5..60)),
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    slot: usize,
    plan: Plan,
    /// Number of bytes forwarded in both directions.
    bytes: Cell<u64>,
    /// Number of bytes that may be forwarded.
    limit: Cell<u64>,
}

/// Why a direction of a connection stopped.
enum Stop {
    /// The source of the direction has ended, or a socket failed.
    Ended,
    /// The connection's planned end has come.
    Due,
}

impl Connection {
    async fn run(&self, client: TcpStream, mut random: fastrand::Rng) {
        if let End::Refusal = self.plan.end {
            self.count(Fault::Refusal);
            reset(&client);
            return;
        }
        let target = self.shared.slots[self.slot].target.load(Ordering::SeqCst);
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let Ok(server) = TcpStream::connect(target).await else {
            return;
        };
        // Otherwise the system would join the pieces again.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        if self.plan.split_bytes > 0 {
            self.count(Fault::Split);
        }
        let up = self.pass(client.clone(), server.clone(), random.fork());
        let down = self.pass(server.clone(), client.clone(), random.fork());
        let (mut up, mut down) = (Box::pin(up.fuse()), Box::pin(down.fuse()));
        let time = match self.plan.end {
            End::Theirs => Duration::MAX,
            _ => self.plan.after,
        };
        let to_client =
            match select(Box::pin(both(&mut up, &mut down)), Box::pin(sleep(time))).await {
                Either::Left((None, _)) => return,
                Either::Left((Some(to_client), _)) => to_client,
                Either::Right(_) => random.bool(),
            };
        match self.plan.end {
            End::Theirs | End::Refusal => {}
            End::Close => self.count(Fault::Close),
            End::Reset => {
                self.count(Fault::Reset);
                reset(&client);
                reset(&server);
            }
            End::HalfClose => {
                self.count(Fault::HalfClose);
                self.limit.set(u64::MAX);
                let (end, mut other) = if to_client {
                    (client, up)
                } else {
                    (server, down)
                };
                let _ = end.shutdown(Shutdown::Write);
                // `other` is not a new future: it first forwards the data that it has already read.
                let _ = select(&mut other, Box::pin(sleep(HALF_CLOSED))).await;
            }
            End::BlackHole(time) => {
                self.count(Fault::BlackHole);
                sleep(time).await;
                if random.bool() {
                    reset(&client);
                    reset(&server);
                }
            }
        }
    }

    fn count(&self, fault: Fault) {
        self.shared.count(self.slot, fault);
    }

    /// Forwards one direction until it ends or the connection's planned end comes.
    async fn pass(&self, from: TcpStream, to: TcpStream, random: fastrand::Rng) -> Stop {
        match self.pass_on(from, to.clone(), random).await {
            Ok(stop) => stop,
            Err(_) => {
                let _ = to.shutdown(Shutdown::Both);
                Stop::Ended
            }
        }
    }

    async fn pass_on(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        mut random: fastrand::Rng,
    ) -> io::Result<Stop> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                to.shutdown(Shutdown::Write)?;
                return Ok(Stop::Ended);
            }
            let mut rest = &buffer[..length];
            while !rest.is_empty() {
                let most = if self.bytes.get() < self.plan.split_bytes {
                    random.usize(1..=self.plan.piece)
                } else {
                    rest.len()
                };
                // Forwards exactly up to the byte at which the connection is cut.
                let left = self.limit.get().saturating_sub(self.bytes.get());
                let most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
                if most == 0 {
                    return Ok(Stop::Due);
                }
                let (piece, others) = rest.split_at(most.min(rest.len()));
                rest = others;
                if !self.plan.delay.is_zero() && random.u32(0..4) == 0 {
                    sleep(self.plan.delay.mul_f64(random.f64())).await;
                }
                to.write_all(piece).await?;
                self.bytes.set(self.bytes.get() + piece.len() as u64);
            }
            if self
                .plan
                .stalls
                .is_some_and(|one_in| random.u32(0..one_in) == 0)
            {
                let time = Duration::from_millis(random.u64(20..1500));
                if time >= HARMFUL {
                    self.count(Fault::Stall);
                }
                sleep(time).await;
            }
        }
    }
}

/// Runs both directions. When one has ended, the other goes on for a while. Returns the direction in
/// which the connection's planned end came.
async fn both(
    up: &mut (impl Future<Output = Stop> + Unpin),
    down: &mut (impl Future<Output = Stop> + Unpin),
) -> Option<bool> {
    let (to_client, stop, other): (_, _, &mut (dyn Future<Output = Stop> + Unpin)) =
        match select(&mut *up, &mut *down).await {
            Either::Left((stop, _)) => (false, stop, down),
            Either::Right((stop, _)) => (true, stop, up),
        };
    if let Stop::Due = stop {
        return Some(to_client);
    }
    match select(other, Box::pin(sleep(HALF_CLOSED))).await {
        Either::Left((Stop::Due, _)) => Some(!to_client),
        Either::Left((Stop::Ended, _)) | Either::Right(_) => None,
    }
}

/// Makes the drop of the stream reset the connection, so that data in flight is lost.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn sleep(time: Duration) {
    if time == Duration::MAX {
        std::future::pending::<()>().await;
    }
    Timer::after(time).map(|_| ()).await;
}
