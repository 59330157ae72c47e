//! The state of the mock network: listeners, connections, faults, host names and the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use super::conditions::Conditions;
use super::event_log::EventLog;
use super::executor::Executor;
use super::line::{Line, Route};
use super::lock::lock;
use super::sleep::Sleep;
use super::stream::MemoryStream;
use super::waiter::Waiter;
use super::weak_map::WeakMap;

/// Maximum number of connections that wait to be accepted by a listener.
const BACKLOG: usize = 128;

/// Separates the network's random numbers from those that users draw.
const NETWORK_SEED: u64 = 0x6e65_7477_6f72_6b01;

pub(super) struct Net {
    pub(super) executor: Arc<Executor>,
    pub(super) log: Arc<EventLog>,
    lines: Arc<WeakMap<Line>>,
    state: Mutex<NetState>,
}

struct NetState {
    conditions: Conditions,
    random: fastrand::Rng,
    listeners: BTreeMap<SocketAddr, Backlog>,
    refusing: BTreeSet<SocketAddr>,
    black_holes: BTreeSet<SocketAddr>,
    partitioned: bool,
    names: BTreeMap<String, Vec<IpAddr>>,
    /// The number of the newest connection.
    last: u64,
    /// Connection attempts that wait for an answer, by number.
    connecting: BTreeMap<u64, (SocketAddr, Waiter)>,
    last_attempt: u64,
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<MemoryStream>,
    accepting: Option<Waiter>,
}

impl Net {
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        Self {
            log: Arc::new(EventLog::new(Arc::clone(&executor))),
            executor,
            lines: Arc::new(WeakMap::new()),
            state: Mutex::new(NetState {
                conditions: Conditions::new(),
                random: fastrand::Rng::with_seed(NETWORK_SEED),
                listeners: BTreeMap::new(),
                refusing: BTreeSet::new(),
                black_holes: BTreeSet::new(),
                partitioned: false,
                names: BTreeMap::new(),
                last: 0,
                connecting: BTreeMap::new(),
                last_attempt: 0,
            }),
        }
    }

    pub(super) fn set_seed(&self, seed: u64) {
        self.state().random = fastrand::Rng::with_seed(seed ^ NETWORK_SEED);
    }

    /// Reserves an address for a listener.
    ///
    /// # Panics
    ///
    /// If the address already has a listener.
    pub(super) fn bind(&self, address: SocketAddr) {
        let earlier = {
            let mut state = self.state();
            let taken = state.listeners.contains_key(&address);
            if !taken {
                state.listeners.insert(address, Backlog::default());
            }
            taken
        };
        assert!(
            !earlier,
            "{address} of this MockRuntime already has a listener"
        );
    }

    pub(super) fn unlisten(&self, address: &SocketAddr) {
        // Dropping the waiting streams locks the network, so they are dropped after the lock is
        // released.
        let removed = self.state().listeners.remove(address);
        drop(removed);
    }

    /// Returns the next connection, or stores the waiter, which is woken by the next connection.
    pub(super) fn accept(&self, address: &SocketAddr, waiter: Waiter) -> Option<MemoryStream> {
        let mut waiter = Some(waiter);
        let mut state = self.state();
        let backlog = state.listeners.get_mut(address)?;
        let stream = backlog.waiting.pop_front();
        if stream.is_none() {
            mem::swap(&mut backlog.accepting, &mut waiter);
        }
        drop(state);
        stream
    }

    pub(super) fn stop_accepting(&self, address: &SocketAddr) {
        let forgotten = {
            let mut state = self.state();
            let backlog = state.listeners.get_mut(address);
            backlog.and_then(|backlog| backlog.accepting.take())
        };
        drop(forgotten);
    }

    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<MemoryStream> {
        self.connect_from(None, address).await
    }

    pub(super) async fn connect_from(
        &self,
        local: Option<SocketAddr>,
        address: SocketAddr,
    ) -> io::Result<MemoryStream> {
        let delay = {
            let state = &mut *self.state();
            state.conditions.connect_latency.draw(&mut state.random)
        };
        if !delay.is_zero() {
            Sleep::new(&self.executor, delay).await;
        }
        let attempt = Attempt {
            net: self,
            address,
            number: None,
        };
        attempt.await;
        self.connect_now(local, address)
    }

    fn connect_now(
        &self,
        local: Option<SocketAddr>,
        address: SocketAddr,
    ) -> io::Result<MemoryStream> {
        let refused = |why| {
            self.log.add(|| format!("connect {address}: refused"));
            Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                format!("{why} on {address} of the mock network"),
            ))
        };
        let (client, accepting, number) = {
            let state = &mut *self.state();
            if state.refusing.contains(&address) {
                return refused("connections are refused");
            }
            let Some(backlog) = state.listeners.get_mut(&address) else {
                return refused("no listener");
            };
            if backlog.waiting.len() >= BACKLOG {
                return refused("too many waiting connections");
            }
            state.last += 1;
            let route = Route {
                executor: Arc::clone(&self.executor),
                log: Arc::clone(&self.log),
                lines: Arc::clone(&self.lines),
                number: state.last,
                address,
                local,
            };
            let seed = state.random.u64(..);
            let line = Line::new(state.conditions.clone(), seed, Some(route));
            let line = Arc::new(line);
            self.lines.insert(state.last, &line);
            let (client, server) = MemoryStream::ends(&line);
            backlog.waiting.push_back(server);
            (client, backlog.accepting.take(), state.last)
        };
        self.log.add(|| match local {
            Some(local) => format!("#{number} connect {address} from {}", local.ip()),
            None => format!("#{number} connect {address}"),
        });
        if let Some(waiter) = accepting {
            waiter.wake();
        }
        Ok(client)
    }

    pub(super) fn resolve(&self, host: &str) -> Option<Vec<IpAddr>> {
        let state = self.state();
        if state.names.is_empty() {
            return None;
        }
        state.names.get(&host.to_ascii_lowercase()).cloned()
    }

    pub(super) fn name(&self, name: &str, addresses: Vec<IpAddr>) {
        let name = name.to_ascii_lowercase();
        let names = &mut self.state().names;
        if addresses.is_empty() {
            names.remove(&name);
        } else {
            names.insert(name, addresses);
        }
    }

    pub(super) fn set(&self, conditions: Conditions) {
        self.state().conditions = conditions;
    }

    pub(super) fn refuse(&self, address: SocketAddr) {
        self.state().refusing.insert(address);
        self.log.add(|| format!("refuse {address}"));
    }

    pub(super) fn black_hole(&self, address: SocketAddr) {
        self.state().black_holes.insert(address);
        self.log.add(|| format!("black hole {address}"));
    }

    pub(super) fn restore(&self, address: SocketAddr) {
        let woken = {
            let mut state = self.state();
            state.refusing.remove(&address);
            state.black_holes.remove(&address);
            mem::take(&mut state.connecting)
        };
        self.log.add(|| format!("restore {address}"));
        wake(woken);
    }

    pub(super) fn partition(&self, partitioned: bool) {
        let (woken, lines) = {
            let mut state = self.state();
            if state.partitioned == partitioned {
                return;
            }
            state.partitioned = partitioned;
            let woken = if partitioned {
                BTreeMap::new()
            } else {
                mem::take(&mut state.connecting)
            };
            (woken, self.lines.values())
        };
        self.log
            .add(|| if partitioned { "partition" } else { "heal" }.into());
        for line in lines {
            line.hold(false, partitioned);
        }
        wake(woken);
    }

    pub(super) fn lines(&self) -> Vec<Arc<Line>> {
        self.lines.values()
    }

    /// The tasks that wait for the network, and what they wait for.
    pub(super) fn waits(&self) -> Vec<(u64, String)> {
        let mut waits = Vec::new();
        let lines = {
            let state = self.state();
            for (address, backlog) in &state.listeners {
                if let Some(waiter) = &backlog.accepting {
                    waits.push((waiter.task, format!("a connection to accept on {address}")));
                }
            }
            for (address, waiter) in state.connecting.values() {
                let why = if state.partitioned {
                    "across a partition"
                } else {
                    "a black hole"
                };
                waits.push((waiter.task, format!("a connection to {address}, {why}")));
            }
            self.lines.values()
        };
        for line in lines {
            line.waits(&mut waits);
        }
        waits
    }

    fn state(&self) -> MutexGuard<'_, NetState> {
        lock(&self.state)
    }
}

/// A connection attempt, which waits during a partition or in a black hole.
struct Attempt<'a> {
    net: &'a Net,
    address: SocketAddr,
    number: Option<u64>,
}

impl Future for Attempt<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (net, address) = (self.net, self.address);
        let waiter = Waiter::new(cx.waker().clone(), Some(&net.executor));
        let replaced = {
            let mut state = net.state();
            if !state.partitioned && !state.black_holes.contains(&address) {
                return Poll::Ready(());
            }
            let number = *self.number.get_or_insert_with(|| {
                state.last_attempt += 1;
                net.log.add(|| format!("connect {address}: no answer"));
                state.last_attempt
            });
            state.connecting.insert(number, (address, waiter))
        };
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let removed = self.net.state().connecting.remove(&number);
            drop(removed);
        }
    }
}

fn wake(woken: BTreeMap<u64, (SocketAddr, Waiter)>) {
    for (_, waiter) in woken.into_values() {
        waiter.wake();
    }
}
