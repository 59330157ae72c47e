//! The actions of the user, the server's behaviour and the faults, all drawn from the seed.

use std::time::Duration;

use engineio_client::Resend;
use engineio_client::runtime::mock::Conditions;

use super::ms;
use super::server::{Behaviour, Death, Pongs, Refusal};

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) transports: &'static [&'static str],
    pub(crate) receipts: Option<ReceiptsPlan>,
    pub(crate) reconnect: Option<ReconnectPlan>,
    pub(crate) outbox: (usize, usize),
    pub(crate) packets_per_post: usize,
    pub(crate) conditions: Conditions,
    pub(crate) behaviour: Behaviour,
    /// Maximum number of messages in a group.
    pub(crate) longest_group: usize,
    pub(crate) actions: u32,
    /// Faults, each with the delay after the previous one.
    pub(crate) events: Vec<(Duration, Happening)>,
    pub(crate) ending: Ending,
}

#[derive(Clone, Debug)]
pub(crate) struct ReceiptsPlan {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) required: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ReconnectPlan {
    pub(crate) resend: Resend,
    pub(crate) delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) randomization: f64,
    pub(crate) attempts: Option<u32>,
    /// Number of messages in the greeting, and its duration.
    pub(crate) greeting: Option<(usize, Duration)>,
    /// Duration of the hook.
    pub(crate) hook: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    /// Disconnect after all faults have ended and the client has settled.
    Disconnect,
    /// Drop the client after all faults have ended and the client has settled.
    Drop,
    /// Disconnect during the faults.
    EarlyDisconnect(Duration),
    /// Drop the client during the faults.
    EarlyDrop(Duration),
    /// The server stays unreachable, and the client gives up.
    Gone,
}

impl Ending {
    pub(crate) fn is_drop(self) -> bool {
        matches!(self, Self::Drop | Self::EarlyDrop(_))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// The server dies, and is unreachable for some time.
    Dies(Death, Downtime),
    /// The server hangs for this time, and then goes on or dies.
    Hangs(Duration, Option<Death>),
    Refuses(Refusal, Duration),
    Forgets,
    Closes(usize),
    Talks,
    Reset,
    ResetAfterData,
    HalfClose,
    BlackHole,
    Partition(Duration),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Downtime {
    None,
    /// Connections are refused.
    Refused(Duration),
    /// Connection requests are not answered.
    Silent(Duration),
}

fn between(random: &mut fastrand::Rng, least: u64, most: u64) -> Duration {
    ms(random.u64(least..most))
}

fn one_in(random: &mut fastrand::Rng, count: u8) -> bool {
    random.u8(0..count) == 0
}

impl Plan {
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let transports: &[&str] = match random.u8(0..4) {
            0 => &["polling"],
            1 => &["websocket"],
            _ => &["polling", "websocket"],
        };
        let reconnect = (!one_in(random, 6)).then(|| ReconnectPlan::draw(random));
        let resends = reconnect
            .as_ref()
            .is_some_and(|plan| plan.resend == Resend::Unconfirmed);
        let receipts = (resends || !one_in(random, 4)).then(|| ReceiptsPlan {
            messages: if random.bool() {
                random.usize(1..12)
            } else {
                random.usize(12..100)
            },
            bytes: random.usize(50..5000),
            required: resends || random.bool(),
        });
        let is_silent = random.bool();
        let mut behaviour = Behaviour::draw(random, is_silent);
        let poison = resends && one_in(random, 8);
        behaviour.poison = poison.then(|| random.u32(1..10));
        let most = if one_in(random, 4) {
            0
        } else {
            random.usize(1..5)
        };
        let events = (0..most)
            .map(|_| {
                let after = between(random, 0, 3000);
                (after, Happening::draw(random, is_silent))
            })
            .collect();
        let attempts = reconnect.as_ref().and_then(|plan| plan.attempts);
        let ending = match random.u8(0..10) {
            0 => Ending::Drop,
            1 => Ending::EarlyDrop(between(random, 0, 6000)),
            2 | 3 => Ending::EarlyDisconnect(between(random, 0, 6000)),
            4 if attempts.is_some() => Ending::Gone,
            _ => Ending::Disconnect,
        };
        Self {
            transports,
            receipts,
            reconnect,
            outbox: (random.usize(1..60), random.usize(1..2000)),
            packets_per_post: random.usize(1..40),
            conditions: conditions(random),
            behaviour,
            longest_group: if one_in(random, 4) { 40 } else { 6 },
            actions: random.u32(0..40),
            events,
            ending,
        }
    }

    pub(crate) fn resends(&self) -> bool {
        let reconnect = self.reconnect.as_ref();
        reconnect.is_some_and(|plan| plan.resend == Resend::Unconfirmed)
    }
}

impl ReconnectPlan {
    fn draw(random: &mut fastrand::Rng) -> Self {
        let delay = between(random, 20, 800);
        Self {
            resend: if random.bool() {
                Resend::Unconfirmed
            } else {
                Resend::Unsent
            },
            delay,
            max_delay: delay * random.u32(1..8),
            randomization: match random.u8(0..4) {
                0 => 0.0,
                1 => random.f64(),
                _ => 0.5,
            },
            attempts: one_in(random, 3).then(|| random.u32(0..6)),
            greeting: one_in(random, 3).then(|| (random.usize(0..20), between(random, 0, 300))),
            hook: one_in(random, 5).then(|| between(random, 0, 300)),
        }
    }
}

impl Behaviour {
    fn draw(random: &mut fastrand::Rng, is_silent: bool) -> Self {
        let ordinary = random.bool();
        let delay = |random: &mut fastrand::Rng| {
            if one_in(random, 3) {
                between(random, 1, 500)
            } else {
                ms(0)
            }
        };
        let (mut poll_delay, mut post_delay) = (delay(random), delay(random));
        if random.bool() {
            poll_delay = ms(0);
        } else {
            post_delay = ms(0);
        }
        Self {
            ping_interval: between(random, 500, 4000),
            ping_timeout: between(random, 1500, 4000),
            max_payload: if ordinary {
                (1000, 1000)
            } else {
                (random.usize(60..300), random.usize(300..2000))
            },
            upgrades: !one_in(random, 8),
            probe_delay: if one_in(random, 6) {
                between(random, 0, 1500)
            } else {
                between(random, 0, 60)
            },
            eager_noops: random.bool(),
            pongs: match random.u8(0..12) {
                0 => Pongs::None,
                1..4 => Pongs::Newest,
                _ => Pongs::All,
            },
            closes_on_ping: one_in(random, 24),
            strict_frames: random.bool(),
            poll_delay,
            post_delay,
            discards_by_polling: !is_silent,
            reactions: if one_in(random, 3) { 0 } else { random.u8(..) },
            echoes: if random.bool() { 0 } else { random.u8(..) / 4 },
            stillborn: if one_in(random, 6) {
                random.u8(..) / 2
            } else {
                0
            },
            poison: None,
        }
    }
}

impl Happening {
    fn draw(random: &mut fastrand::Rng, is_silent: bool) -> Self {
        let part = if is_silent { 20 } else { 12 };
        match random.u8(0..part) {
            0 | 1 => Self::Dies(Death::Reset, Downtime::draw(random)),
            2 => Self::Dies(Death::End, Downtime::draw(random)),
            3 => Self::Refuses(Refusal::draw(random), between(random, 0, 3000)),
            4 => Self::Forgets,
            5 | 6 => Self::Closes(random.usize(0..4)),
            7 => Self::Talks,
            8 => Self::Reset,
            9 => Self::ResetAfterData,
            10 => Self::HalfClose,
            11 => Self::Dies(
                Death::BehindProxy(random.u64(0..2000)),
                Downtime::draw(random),
            ),
            12 | 13 => Self::Dies(Death::PowerOff, Downtime::draw(random)),
            14 | 15 => {
                let dies = random.bool().then_some(Death::Reset);
                Self::Hangs(between(random, 0, 6000), dies)
            }
            16 | 17 => Self::BlackHole,
            _ => Self::Partition(between(random, 0, 4000)),
        }
    }
}

impl Downtime {
    fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..3) {
            0 => Self::None,
            1 => Self::Refused(between(random, 0, 5000)),
            _ => Self::Silent(between(random, 0, 3000)),
        }
    }
}

impl Refusal {
    fn draw(random: &mut fastrand::Rng) -> Self {
        let statuses = [503, 503, 503, 429, 502, 400, 500];
        Self {
            status: statuses[random.usize(..statuses.len())],
            retry_after: random.bool().then(|| random.u64(0..4)),
        }
    }
}

fn conditions(random: &mut fastrand::Rng) -> Conditions {
    let mut conditions = Conditions::new();
    if !one_in(random, 3) {
        let most = if random.bool() { 30 } else { 200 };
        conditions = conditions.latency_between(ms(0), between(random, 1, most));
    }
    if one_in(random, 3) {
        conditions = conditions.segment(random.usize(1..200));
    }
    if one_in(random, 4) {
        conditions = conditions.connect_latency_between(ms(0), between(random, 1, 300));
    }
    conditions
}
