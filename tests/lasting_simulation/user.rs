//! The user of the client: sends, waits and closes as the plan says.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{
    Builder, Capacity, Client, Handle, Message, MockRuntime, Receipts, Reconnect, Runtime,
};
use futures::future::{Either, join, select};
use futures::{FutureExt as _, StreamExt as _};

use super::Counting;
use super::chaos::{calm, chaos, gone};
use super::ms;
use super::plan::{Ending, Plan};
use super::records::{Idle, Item, Records};
use super::server::{PROBE_TIMEOUT, Server};

pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(2);
const HOOK_TIMEOUT: Duration = Duration::from_secs(1);
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(6);

type SimulatedClient = Client<Transports, Counting>;
type SimulatedBuilder = Builder<Transports, Counting>;

fn builder(plan: &Plan, counting: &Counting, address: SocketAddr) -> SimulatedBuilder {
    let (messages, bytes) = plan.outbox;
    let mut builder = Builder::new(
        format!("http://{address}"),
        Transports::default(),
        counting.clone(),
    )
    .transports(plan.transports.iter().copied())
    .open_timeout(OPEN_TIMEOUT)
    .send_timeout(ms(4000))
    .upgrade_timeout(ms(1500))
    .close_timeout(CLOSE_TIMEOUT)
    .close_limit(CLOSE_LIMIT)
    .outbox(Capacity { messages, bytes });
    if let Some(receipts) = &plan.receipts {
        let window = Capacity::new(receipts.messages, receipts.bytes);
        let receipts = Receipts::new().window(window).required(receipts.required);
        // `packets_per_post` may exceed the 16 packets that servers accept: with receipts on, the client
        // reduces it to 16.
        builder = builder
            .receipts(receipts)
            .packets_per_post(plan.packets_per_post);
    }
    if plan.reconnect.is_some() {
        builder = builder.reconnect(reconnect(plan, counting));
    }
    builder
}

fn reconnect(plan: &Plan, counting: &Counting) -> Reconnect {
    let plan = plan
        .reconnect
        .as_ref()
        .expect("the plan has settings for reconnecting");
    let mut reconnect = Reconnect::new()
        .delay(plan.delay)
        .max_delay(plan.max_delay)
        .randomization(plan.randomization)
        .resend(plan.resend)
        .hook_timeout(HOOK_TIMEOUT);
    if let Some(attempts) = plan.attempts {
        reconnect = reconnect.attempts(attempts);
    }
    if let Some((count, time)) = plan.greeting {
        let state = (counting.clone(), count, time);
        reconnect = reconnect.greeting_with(state, async |(clock, count, time), connected| {
            let session = connected.session;
            match session % 8 {
                // This greeting exceeds the time limit.
                4 => clock.sleep(HOOK_TIMEOUT * 2).await,
                _ if time.is_zero() => {}
                _ => clock.sleep(time).await,
            }
            let words = (0..count).map(|at| Message::from(format!("greeting {session} {at}")));
            words.collect()
        });
    }
    if let Some(time) = plan.hook {
        let state = (counting.clone(), time);
        reconnect = reconnect.before_connect_with(state, async |(clock, time), to| {
            clock.sleep(time).await;
            if clock.random() % 8 == 0 {
                return Err("no token".into());
            }
            Ok(to)
        });
    }
    reconnect
}

/// The life of one client.
pub(crate) async fn live(
    runtime: &MockRuntime,
    counting: &Counting,
    plan: &Plan,
    server: &Server,
    records: &Records,
    address: SocketAddr,
    mut random: fastrand::Rng,
) {
    let mut client = builder(plan, counting, address)
        .start()
        .expect("the settings are right");
    let handle = client.handle();
    {
        let life = async {
            let chaos = chaos(runtime, plan, server, address, random.fork());
            let user = User {
                runtime,
                plan,
                records,
                handle: &handle,
                random: random.fork(),
                number: 0,
                groups: 0,
            };
            let busy = pin!(join(user.act(), chaos));
            match plan.ending {
                Ending::EarlyDisconnect(at) | Ending::EarlyDrop(at) => {
                    // A fault that has begun stays in place during the close: a server that hangs or is
                    // unreachable remains so.
                    let _ = select(busy, runtime.sleep(at)).await;
                }
                Ending::Gone => {
                    busy.await;
                    gone(runtime, server, address);
                    handle.wait().await;
                }
                Ending::Disconnect | Ending::Drop => {
                    busy.await;
                    calm(runtime, server, address);
                    settle(runtime, counting, plan, server, records, &handle).await;
                }
            }
            if !plan.ending.is_drop() {
                close(runtime, records, &handle).await;
            }
        };
        let reading = read(&mut client, records);
        if plan.ending.is_drop() {
            // The reader is dropped at any point.
            let _ = select(
                pin!(life),
                pin!(reading.then(|()| std::future::pending::<()>())),
            )
            .await;
        } else {
            join(life, reading).await;
        }
    }
    if plan.ending.is_drop() {
        while let Some(Some(event)) = client.next().now_or_never() {
            records.event(event);
        }
        let start = runtime.now();
        records.kept().closing.get_or_insert(start);
        drop(client);
        within(
            runtime,
            OPEN_TIMEOUT.max(CLOSE_LIMIT),
            "a drop",
            handle.wait(),
        )
        .await;
    }
    let closed = handle.wait().await;
    records.kept().closed = Some((runtime.now(), closed));
    runtime.sleep(Duration::ZERO).await;
    assert_eq!(
        records.kept().calls,
        0,
        "calls are still running after the end"
    );
    assert!(handle.send("late").await.is_err());
    // The client must not do anything any more, although the server is reachable.
    calm(runtime, server, address);
    runtime.sleep(ms(20_000)).await;
}

async fn read(client: &mut SimulatedClient, records: &Records) {
    while let Some(event) = client.next().await {
        records.event(event);
    }
}

/// Panics if the future takes longer than the limit.
async fn within<T>(
    runtime: &MockRuntime,
    limit: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> T {
    match select(pin!(future), runtime.sleep(limit + ms(1))).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("{what} took longer than {limit:?}"),
    }
}

async fn close(runtime: &MockRuntime, records: &Records, handle: &Handle) {
    let start = runtime.now();
    records.kept().closing.get_or_insert(start);
    records.trace(|| "disconnect".to_owned());
    let limit = OPEN_TIMEOUT.max(CLOSE_LIMIT);
    within(runtime, limit, "disconnect", handle.disconnect()).await;
}

/// Without faults, all accepted messages must arrive. Afterwards the client must be idle, except for
/// answers to the server.
async fn settle(
    runtime: &MockRuntime,
    counting: &Counting,
    plan: &Plan,
    server: &Server,
    records: &Records,
    handle: &Handle,
) {
    let count = u64::try_from(records.kept().accepted.len()).expect("a few");
    let limit = ms(60_000 + 4000 * count);
    within(runtime, limit, "a flush without faults", handle.flush())
        .await
        .ok();
    stay(runtime, plan, handle).await;
    if plan.receipts.is_none() {
        return;
    }
    let places = records.begin_confirm();
    let confirmed = within(runtime, limit, "a confirm without faults", handle.confirm()).await;
    let is_confirmed = confirmed.is_ok();
    records.confirmed(places, confirmed);
    stay(runtime, plan, handle).await;
    if !is_confirmed || handle.is_closed() || plan.ending != Ending::Disconnect {
        return;
    }
    assert_eq!(handle.backlog().messages, 0);
    // Lets a running upgrade finish.
    let _ = select(pin!(handle.upgraded()), runtime.sleep(ms(10_000))).await;
    let Some(sid) = handle.sid() else { return };
    let count = |server: &Server| {
        server.look(|sessions, _| {
            let session = sessions.iter().find(|session| session.sid == sid);
            session.map(|session| session.counts)
        })
    };
    runtime.sleep(PROBE_TIMEOUT + ms(1500)).await;
    let (Some(before), sleeps) = (count(server), counting.sleeps()) else {
        return;
    };
    runtime.sleep(plan.behaviour.ping_interval * 6).await;
    if handle.sid() != Some(sid.clone()) {
        return;
    }
    let after = count(server).expect("the server still knows the session");
    if handle.is_closed() {
        return;
    }
    records.kept().is_settled = true;
    records.kept().idle = Some(Idle {
        pings: after.pings - before.pings,
        polls: after.polls - before.polls,
        posts: after.posts - before.posts,
        fences: after.fences - before.fences,
        sleeps: counting.sleeps() - sleeps,
    });
}

/// Waits for a session that lasts. Without faults, there must be one.
async fn stay(runtime: &MockRuntime, plan: &Plan, handle: &Handle) {
    let Some(reconnect) = &plan.reconnect else {
        return;
    };
    // A poison message ends several sessions for each message that is sent with it.
    for _ in 0..100 {
        let sid = handle.sid();
        runtime.sleep(reconnect.max_delay + ms(6000)).await;
        if handle.is_closed() || (sid.is_some() && handle.sid() == sid) {
            return;
        }
    }
    panic!("every session ends, though the server has no faults");
}

struct User<'a> {
    runtime: &'a MockRuntime,
    plan: &'a Plan,
    records: &'a Records,
    handle: &'a Handle,
    random: fastrand::Rng,
    number: u32,
    groups: u32,
}

impl User<'_> {
    async fn act(mut self) {
        for _ in 0..self.plan.actions {
            if self.handle.is_closed() {
                return;
            }
            match self.random.u8(0..14) {
                0..=3 => {
                    let (item, text) = self.next(None);
                    if self.handle.send(text).await.is_ok() {
                        self.records.accepted(item);
                    }
                }
                4 | 5 => {
                    for _ in 0..self.random.u8(1..20) {
                        let (item, text) = self.next(None);
                        if self.handle.try_send(text).is_ok() {
                            self.records.accepted(item);
                        }
                    }
                }
                6 | 7 => self.send_group().await,
                8 => self.flush(),
                9 => self.confirm(),
                10 => self.confirm_for_a_while().await,
                11 if self.random.u8(0..3) == 0 => {
                    let now = self.runtime.now();
                    self.records.kept().hurried.push(now);
                    self.handle.reconnect_now();
                }
                _ => self.runtime.sleep(ms(self.random.u64(0..400))).await,
            }
        }
    }

    async fn send_group(&mut self) {
        self.groups += 1;
        let (group, length) = (self.groups, self.random.usize(2..=self.plan.longest_group));
        let (items, texts): (Vec<_>, Vec<_>) = (0..length).map(|_| self.next(Some(group))).unzip();
        if self.handle.send_all(texts).await.is_ok() {
            for item in items {
                self.records.accepted(item);
            }
        }
    }

    /// Calls `flush` in a task.
    fn flush(&self) {
        let (records, handle) = (self.records.clone(), self.handle.clone());
        records.kept().calls += 1;
        self.runtime.spawn(Box::pin(async move {
            let _ = handle.flush().await;
            records.kept().calls -= 1;
        }));
    }

    /// Calls `confirm` in a task.
    fn confirm(&self) {
        let (records, handle) = (self.records.clone(), self.handle.clone());
        records.kept().calls += 1;
        self.runtime.spawn(Box::pin(async move {
            let places = records.begin_confirm();
            let confirmed = handle.confirm().await;
            records.confirmed(places, confirmed);
            records.kept().calls -= 1;
        }));
    }

    /// Calls `confirm` and drops the call after a while, which has no effect.
    async fn confirm_for_a_while(&mut self) {
        let time = ms(self.random.u64(0..2500));
        let places = self.records.begin_confirm();
        let confirm = pin!(self.handle.confirm());
        if let Either::Left((result, _)) = select(confirm, self.runtime.sleep(time)).await {
            self.records.confirmed(places, result);
        }
    }

    /// A text that begins with its number. Some texts are long, and some cannot be sent over polling.
    fn next(&mut self, group: Option<u32>) -> (Item, String) {
        self.number += 1;
        let number = self.number;
        let length = match self.random.u8(0..8) {
            0 => self.random.usize(0..300),
            1 => self.random.usize(0..60),
            _ => 0,
        };
        let separator = if self.random.u8(0..30) == 0 {
            "\u{1e}"
        } else {
            ""
        };
        let text = format!("{number} {}{separator}", "x".repeat(length));
        let item = Item {
            number,
            group,
            bytes: text.len(),
        };
        (item, text)
    }
}
