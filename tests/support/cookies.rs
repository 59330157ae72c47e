//! Cookies with real servers: a server that sets a cookie, and several servers behind a load balancer
//! that uses a cookie to find a session's server.

use std::collections::BTreeSet;
use std::time::Duration;

use engineio_client::{Message, Reason};

use super::balancer::Balancer;
use super::foreign::Foreign;
use super::server::{Counts, Server, Setup};
use super::session::{Mode, Runs, Session, builder};

pub(crate) async fn every_request_after_the_handshake_carries_its_cookie<S, R>()
where
    S: Foreign,
    R: Runs,
{
    for mode in [Mode::Polling, Mode::Upgraded] {
        let server = S::with(&["--cookie", "lb"]);
        let mut session = Session::<R>::open(&server.url(), mode).await;
        let sid = session.client.sid().expect("the session is open");
        session.echo("m:one").await;
        session.echo("m:two").await;
        let closed = session.disconnect().await;
        assert!(closed.is_clean(), "{closed:?}");
        Counts::of_ended_session(&server);
        let lines = server.log().lines();
        let requests = lines
            .iter()
            .filter_map(|line| line.strip_prefix("request "));
        // Method, transport and cookies of each request.
        let mut requests = requests.map(|line| line.splitn(3, ' ').collect::<Vec<_>>());
        let first = requests.next().expect("a handshake");
        let cookies = |request: &[&str]| request.get(2).map_or("", |words| words.trim()).to_owned();
        assert_eq!(first[..2], ["GET", "polling"]);
        assert_eq!(cookies(&first), "");
        let mut kinds = BTreeSet::new();
        for request in requests {
            assert_eq!(cookies(&request), format!("lb={sid}"), "{request:?}");
            kinds.insert((request[0], request[1]));
        }
        let mut expected = BTreeSet::from([("GET", "polling")]);
        expected.insert(match mode {
            Mode::Upgraded => ("GET", "websocket"),
            _ => ("POST", "polling"),
        });
        assert!(kinds.is_superset(&expected), "{kinds:?}");
    }
}

const SERVERS: usize = 3;

/// Several server processes behind a load balancer.
struct Farm<S> {
    servers: Vec<S>,
    balancer: Balancer,
}

impl<S: Server> Farm<S> {
    fn start() -> Self {
        let servers: Vec<S> = (0..SERVERS).map(|_| S::start(Setup::Default)).collect();
        let port = |server: &S| {
            let url = server.url();
            let (_, port) = url.rsplit_once(':').expect("a port");
            port.parse().expect("a number")
        };
        let ports: Vec<u16> = servers.iter().map(port).collect();
        let balancer = Balancer::before(&ports);
        Self { servers, balancer }
    }

    fn url(&self) -> String {
        self.balancer.url()
    }

    /// Waits for a line with this text from any server. Returns the server's index and the line.
    fn find(&self, part: &str) -> (usize, String) {
        for _ in 0..6000 {
            for (number, server) in self.servers.iter().enumerate() {
                let lines = server.log().lines();
                if let Some(line) = lines.into_iter().find(|line| line.contains(part)) {
                    return (number, line);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no server has written {part:?}");
    }

    fn server_of(&self, sid: &str) -> usize {
        self.find(&format!("connect {sid}")).0
    }
}

/// Shows that the balancer depends on the cookie. The tests below prove nothing without that.
pub(crate) async fn without_cookies_a_session_behind_a_balancer_breaks<S: Server, R: Runs>() {
    let farm = Farm::<S>::start();
    let builder = builder::<R>(&farm.url(), Mode::Polling).cookies(false);
    let mut session = Session::connect(builder).await;
    let closed = session.end().await;
    let Reason::Transport(error) = closed.reason() else {
        panic!("{closed:?}");
    };
    assert_eq!(error.status(), Some(400), "{}", error.report());
    assert!(error.to_string().contains("Session ID unknown"), "{error}");
}

pub(crate) async fn a_thousand_messages_each_way_pass_a_balancer_over_polling<
    S: Server,
    R: Runs,
>() {
    let farm = Farm::<S>::start();
    // Opens as many sessions as there are servers, and keeps them open: each session has a server of its
    // own.
    let mut sessions = Vec::new();
    let mut servers = BTreeSet::new();
    for _ in 0..SERVERS {
        let session = Session::<R>::open(&farm.url(), Mode::Polling).await;
        let sid = session.client.sid().expect("the session is open");
        servers.insert(farm.server_of(&sid));
        sessions.push(session);
    }
    assert_eq!(servers.len(), SERVERS, "it does not balance");
    for session in &mut sessions {
        for number in 0..1000 {
            session.send(format!("m:{number}")).await;
        }
        for number in 0..1000 {
            assert_eq!(
                session.message().await,
                Message::from(format!("m:{number}"))
            );
        }
    }
    for session in sessions {
        let sid = session.client.sid().expect("the session is open");
        assert_eq!(session.client.transport(), Some("polling"));
        let closed = session.disconnect().await;
        assert!(closed.is_clean(), "{closed:?}");
        let (server, line) = farm.find(&format!("received {sid}"));
        assert_eq!(server, farm.server_of(&sid));
        assert!(line.contains(r#"{"polling":1000,"websocket":0}"#), "{line}");
    }
}

pub(crate) async fn an_upgrade_behind_a_balancer_reaches_the_sessions_server<S, R>()
where
    S: Server,
    R: Runs,
{
    let farm = Farm::<S>::start();
    let mut servers = BTreeSet::new();
    for _ in 0..2 * SERVERS {
        let mut session = Session::<R>::open(&farm.url(), Mode::Upgraded).await;
        let sid = session.client.sid().expect("the session is open");
        let server = farm.server_of(&sid);
        servers.insert(server);
        for number in 0..100 {
            session.send(format!("m:{number}")).await;
        }
        for number in 0..100 {
            assert_eq!(
                session.message().await,
                Message::from(format!("m:{number}"))
            );
        }
        let closed = session.disconnect().await;
        assert!(closed.is_clean(), "{closed:?}");
        let (ended_at, line) = farm.find(&format!("received {sid}"));
        assert_eq!(ended_at, server);
        assert!(line.contains(r#"{"polling":0,"websocket":100}"#), "{line}");
    }
    assert_eq!(servers.len(), SERVERS, "it does not balance");
}
