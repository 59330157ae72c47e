//! Kept-alive connections that real servers close while messages are in flight: gunicorn after two idle
//! seconds; nginx, haproxy and apache when they reload. No message may be lost or arrive twice, and few
//! sessions may end.
//!
//! By default each server is behind a relay in this process that delays the server's data. This is a
//! short form, with few sessions. `tests/keepalive` runs the long form, with a delay in both directions
//! of a real network between two network namespaces.

#![expect(
    clippy::disallowed_methods,
    reason = "the servers and the relay use real time"
)]

mod place;
mod relay;
mod servers;
mod sessions;

use std::collections::{HashMap, HashSet};
use std::env;
use std::thread;
use std::time::Duration;

use self::place::Place;
use self::relay::Relay;
use self::servers::{Front, Server};
use self::sessions::{Outcome, Plan};

/// Number of sessions of a round, divided among the three runtimes.
fn sessions() -> usize {
    setting("ENGINEIO_KEEPALIVE_SESSIONS").unwrap_or(12)
}

struct Case {
    front: Front,
    tls: bool,
    client: Client,
}

#[derive(Clone, Copy, PartialEq)]
enum Client {
    /// This client with kept connections, the default.
    Kept,
    /// This client with a new connection for each request.
    New,
    /// Node's client, which always opens new connections. It shows how the servers behave.
    Node,
}

/// The results of a case's sessions.
#[derive(Debug, Default)]
struct Tally {
    sessions: usize,
    /// The reasons of all sessions that ended early.
    ended: Vec<String>,
    messages: usize,
    /// Messages that arrived twice, at the server or back at the client.
    doubled: Vec<String>,
    /// Messages that neither arrived nor are listed at the session's end.
    missing: Vec<String>,
}

impl Case {
    fn run(&self) {
        if self.client == Client::Kept && !place::is_exact() {
            println!(
                "keepalive: {}: left out, since no filter can be attached",
                self.name()
            );
            return;
        }
        let rounds = setting("ENGINEIO_KEEPALIVE_ROUNDS").unwrap_or(1);
        let mut tally = Tally::default();
        for _ in 0..rounds {
            self.round(&mut tally);
        }
        let Tally {
            sessions,
            ended,
            messages,
            doubled,
            missing,
        } = &tally;
        println!(
            "keepalive: {}: {sessions} sessions, {} ended, {messages} messages, {} twice, {} missing",
            self.name(),
            ended.len(),
            doubled.len(),
            missing.len(),
        );
        assert!(doubled.is_empty(), "twice: {doubled:?}, {ended:?}");
        assert!(missing.is_empty(), "missing: {missing:?}, {ended:?}");
        // After a reset without a FIN it is not known whether the request was processed, so the session
        // ends.
        let kept = self.client == Client::Kept;
        let allowed = if kept { sessions.div_ceil(24) } else { 0 };
        assert!(ended.len() <= allowed, "of {sessions} sessions: {ended:?}");
    }

    fn name(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let client = match self.client {
            Client::Kept => "kept connections",
            Client::New => "new connections",
            Client::Node => "Node's client",
        };
        format!("{:?} over {scheme}, {client}", self.front)
    }

    fn round(&self, tally: &mut Tally) {
        let place = Place::new(self.front.round_trip());
        let server = Server::start(&place, self.front, self.tls);
        let (url, relay) = place.reach(server.port(), self.tls);
        let plan = Plan {
            url,
            reuse: self.client == Client::Kept,
            interval: self.front.interval(),
            messages: self.front.messages(),
            sent: 0.into(),
        };
        let outcomes = thread::scope(|scope| {
            let (plan, authority) = (&plan, server.authority());
            let talking = scope.spawn(move || match self.client {
                Client::Node => plan.run_by_node(sessions(), &authority),
                Client::Kept | Client::New => plan.run_on_each_runtime(sessions()),
            });
            if self.front.reloads() {
                plan.wait_until_sent(sessions() * plan.messages / 3);
                reload(&server, relay.as_ref());
            }
            talking.join().expect("the sessions")
        });
        let has_ended = |outcome: &Outcome| outcome.ended.is_some();
        let arrived = server.stop(outcomes.iter().any(has_ended));
        tally.add(&outcomes, &arrived);
    }
}

fn reload(server: &Server, relay: Option<&Relay>) {
    if let Some(relay) = relay {
        relay.hold();
    }
    server.reload();
    if let Some(relay) = relay {
        // After this time, the server has closed its idle connections.
        thread::sleep(Duration::from_secs(1));
        relay.release();
    }
}

impl Tally {
    fn add(&mut self, outcomes: &[Outcome], arrived: &[String]) {
        let mut arrivals = HashMap::<&str, usize>::new();
        for text in arrived {
            *arrivals.entry(text).or_default() += 1;
        }
        for outcome in outcomes {
            self.sessions += 1;
            self.messages += outcome.sent.len();
            if let Some(reason) = &outcome.ended {
                self.ended.push(reason.clone());
            }
            let mut back = HashSet::new();
            for text in &outcome.received {
                if !back.insert(text) {
                    self.doubled.push(format!("{text}, back"));
                }
            }
            for text in &outcome.sent {
                let times = arrivals.get(&**text).copied().unwrap_or_default();
                if times > 1 {
                    self.doubled.push(text.clone());
                }
                // When a session ends, echoes may be lost on their way back. The client cannot report that:
                // it lists only messages that it was to send.
                let is_back = back.contains(text) || outcome.ended.is_some();
                if !(times > 0 && is_back || outcome.listed.contains(text)) {
                    self.missing.push(text.clone());
                }
            }
        }
    }
}

fn setting(name: &str) -> Option<usize> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

macro_rules! tests {
    ($($name:ident: $front:ident $tls:literal $client:ident)*) => {
        $(
            #[test]
            #[ignore = "needs the peers that tests/run installs, and web servers"]
            fn $name() {
                Case { front: Front::$front, tls: $tls, client: Client::$client }.run();
            }
        )*
    };
}

tests! {
    r3_gunicorn: Gunicorn false Kept
    r3_gunicorn_over_tls: Gunicorn true Kept
    r3_gunicorn_with_new_connections: Gunicorn false New
    r3_gunicorn_over_tls_with_new_connections: Gunicorn true New
    r3_gunicorn_and_nodes_client: Gunicorn false Node
    r3_nginx: Nginx false Kept
    r3_nginx_over_tls: Nginx true Kept
    r3_nginx_with_new_connections: Nginx false New
    r3_nginx_over_tls_with_new_connections: Nginx true New
    r3_nginx_and_nodes_client: Nginx false Node
    r3_nginx_over_tls_and_nodes_client: Nginx true Node
    r3_haproxy: Haproxy false Kept
    r3_haproxy_over_tls: Haproxy true Kept
    r3_haproxy_with_new_connections: Haproxy false New
    r3_haproxy_over_tls_with_new_connections: Haproxy true New
    r3_haproxy_and_nodes_client: Haproxy false Node
    r3_haproxy_over_tls_and_nodes_client: Haproxy true Node
    r3_apache: Apache false Kept
    r3_apache_over_tls: Apache true Kept
    r3_apache_with_new_connections: Apache false New
    r3_apache_over_tls_with_new_connections: Apache true New
    r3_apache_and_nodes_client: Apache false Node
    r3_apache_over_tls_and_nodes_client: Apache true Node
}
