//! The job of a worker process, passed as command line arguments.

use std::time::Duration;

use engineio_client::Message;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OnRuntime {
    Tokio,
    Smol,
    AsyncStd,
}

/// The transports that a connection uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Websocket,
    Polling,
    Upgraded,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Job {
    /// Many connections, idle and then active.
    Crowd { active: Active },
    /// A large message in each direction on every connection.
    Large { form: Form, order: Order },
    /// All connections are opened at once.
    Storm,
    /// Many idle sessions over pipes in memory.
    Sessions { with: Part },
    /// A compressed message in each direction on every connection.
    Compressed { with: Context },
}

/// What a connection keeps of its compressed messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Context {
    /// Nothing was compressed.
    Off,
    Fresh,
    /// The context, in windows of this number of bits.
    Bits(u8),
}

impl Context {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("deflate-off", Self::Off),
        ("deflate-fresh", Self::Fresh),
        ("deflate-9", Self::Bits(9)),
        ("deflate-10", Self::Bits(10)),
        ("deflate-11", Self::Bits(11)),
        ("deflate-12", Self::Bits(12)),
        ("deflate-13", Self::Bits(13)),
        ("deflate-14", Self::Bits(14)),
        ("deflate-15", Self::Bits(15)),
    ];
}

/// What runs in a process with pipes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    /// The pipes, the server's loop, and a loop that answers its pings.
    Server,
    /// The pipes, the server's loop, and clients.
    Clients,
}

/// The order in which connections carry their large messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    OneAfterAnother,
    /// All at once. Free blocks then lie between used ones, and glibc keeps them.
    AtOnce,
    /// All at once, while glibc is set to return free blocks of this size to the system. The memory
    /// that remains belongs to the connections.
    AtOnceMapped,
}

/// Activity after the idle time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Active {
    No,
    /// One message per second on each connection.
    One,
    /// One message per second, then ten.
    OneAndTen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) runtime: OnRuntime,
    pub(crate) way: Way,
    pub(crate) connections: usize,
    pub(crate) job: Job,
    pub(crate) quick: bool,
    pub(crate) port: u16,
}

impl OnRuntime {
    pub(crate) const ALL: [Self; 3] = [Self::Tokio, Self::Smol, Self::AsyncStd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        }
    }
}

impl Way {
    const ALL: [Self; 3] = [Self::Websocket, Self::Polling, Self::Upgraded];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Polling => "polling",
            Self::Upgraded => "upgraded",
        }
    }

    pub(crate) fn transports(self) -> &'static [&'static str] {
        match self {
            Self::Websocket => &["websocket"],
            Self::Polling => &["polling"],
            Self::Upgraded => &["polling", "websocket"],
        }
    }

    /// The transport that the connection ends up on.
    pub(crate) fn destination(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Websocket | Self::Upgraded => "websocket",
        }
    }
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

impl Job {
    const UNCOMPRESSED: [(&'static str, Self); 12] = [
        ("idle", Self::Crowd { active: Active::No }),
        (
            "one",
            Self::Crowd {
                active: Active::One,
            },
        ),
        (
            "one-and-ten",
            Self::Crowd {
                active: Active::OneAndTen,
            },
        ),
        ("text", Self::large(Form::Text, Order::OneAfterAnother)),
        ("binary", Self::large(Form::Binary, Order::OneAfterAnother)),
        ("text-at-once", Self::large(Form::Text, Order::AtOnce)),
        ("binary-at-once", Self::large(Form::Binary, Order::AtOnce)),
        ("text-mapped", Self::large(Form::Text, Order::AtOnceMapped)),
        (
            "binary-mapped",
            Self::large(Form::Binary, Order::AtOnceMapped),
        ),
        ("storm", Self::Storm),
        (
            "sessions",
            Self::Sessions {
                with: Part::Clients,
            },
        ),
        ("no-sessions", Self::Sessions { with: Part::Server }),
    ];

    const fn large(form: Form, order: Order) -> Self {
        Self::Large { form, order }
    }

    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let compressed = Context::ALL.map(|(name, with)| (name, Self::Compressed { with }));
        Self::UNCOMPRESSED.into_iter().chain(compressed)
    }

    fn name(self) -> &'static str {
        let known = Self::all().find(|(_, job)| *job == self);
        known.map(|(name, _)| name).expect("the list has every job")
    }
}

impl Plan {
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            self.runtime.name().to_owned(),
            self.way.name().to_owned(),
            self.connections.to_string(),
            self.job.name().to_owned(),
            if self.quick { "quick" } else { "slow" }.to_owned(),
            self.port.to_string(),
        ]
    }

    pub(crate) fn parse(arguments: &[String]) -> Option<Self> {
        let [runtime, way, connections, job, pace, port] = arguments else {
            return None;
        };
        Some(Self {
            runtime: OnRuntime::ALL
                .into_iter()
                .find(|one| one.name() == runtime)?,
            way: Way::ALL.into_iter().find(|one| one.name() == way)?,
            connections: connections.parse().ok()?,
            job: Job::all().find(|(name, _)| name == job)?.1,
            quick: pace == "quick",
            port: port.parse().ok()?,
        })
    }

    /// Ping interval of the server. Shorter than the default, to keep the run short.
    pub(crate) fn ping_interval(&self) -> Duration {
        Duration::from_secs(match (self.job, self.quick) {
            (Job::Large { .. } | Job::Compressed { .. }, _)
            | (Job::Crowd { .. } | Job::Sessions { .. }, true) => 1,
            (Job::Crowd { .. } | Job::Sessions { .. }, false) => 5,
            // The server's default: no ping comes before all connections are open.
            (Job::Storm, _) => 25,
        })
    }

    /// Environment variable that configures glibc in the worker.
    pub(crate) fn environment(&self) -> Option<(&'static str, &'static str)> {
        let mapped = matches!(
            self.job,
            Job::Large {
                order: Order::AtOnceMapped,
                ..
            }
        );
        // This is glibc's initial threshold. If it is set explicitly, glibc does not raise it to the
        // size of the largest block that was freed.
        mapped.then_some(("MALLOC_MMAP_THRESHOLD_", "131072"))
    }

    /// Length of each active period.
    pub(crate) fn active(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 5 })
    }

    /// The large message. On polling it is as large as the server's `maxPayload` of 1,000,000 allows,
    /// including base64.
    pub(crate) fn large_message(&self, form: Form) -> Message {
        let polling = self.way == Way::Polling;
        match form {
            Form::Text => Message::from("x".repeat(if polling { 999_999 } else { 1_000_000 })),
            Form::Binary => Message::from(vec![7; if polling { 749_997 } else { 1_000_000 }]),
        }
    }
}

/// The default ping interval of Engine.IO servers.
pub(crate) const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(25);
