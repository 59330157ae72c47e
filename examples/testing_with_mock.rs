//! A small chat bot and its tests. The tests run it against a server in memory and in virtual time, so
//! they use no sockets and never wait. Run as a program, the example plays an hour of the bot's life.
//!
//!     cargo run --example testing_with_mock --features mock
//!     cargo test --example testing_with_mock --features mock

use std::time::Duration;

use engineio_client::transports::mock::{Act, MockServer, Step};
use engineio_client::{Builder, Error, MockRuntime, Reason, Runtime, Transport};
use futures::future::join;

/// Why the bot has stopped.
#[derive(Debug, PartialEq)]
enum Stopped {
    /// The bot received `!quit`.
    Asked,
    /// The server closed the session. The bot should not connect again.
    Dismissed,
    /// The connection was lost. The bot may connect again.
    Lost,
}

/// The bot. It says hello, answers `!ping` with `pong`, and stops at `!quit`.
///
/// It is generic over the transport and the runtime, so that tests can run it with mocks of both.
async fn run<T: Transport, R: Runtime>(builder: Builder<T, R>) -> Result<Stopped, Error> {
    let mut client = builder.connect().await?;
    let mut answer = Some("hello, I am a bot");
    loop {
        if let Some(answer) = answer
            && client.send(answer).await.is_err()
        {
            // The session has ended. `wait` below returns the reason.
            break;
        }
        let Some(message) = client.recv().await else {
            break;
        };
        answer = match message.as_text() {
            Some("!ping") => Some("pong"),
            Some("!quit") => {
                client.disconnect().await;
                break;
            }
            _ => None,
        };
    }
    Ok(match client.wait().await.reason() {
        Reason::Client => Stopped::Asked,
        Reason::Server { .. } => Stopped::Dismissed,
        _ => Stopped::Lost,
    })
}

/// Plays an hour in virtual time.
fn main() -> Result<(), Error> {
    let runtime = MockRuntime::new();
    let (transport, mut server) = MockServer::new(runtime.clone());
    let start = runtime.now();
    let print = |what: &str| println!("{:>5} s: {what}", (runtime.now() - start).as_secs());

    let bot = async {
        loop {
            let builder = Builder::new("http://chat.test", transport.clone(), runtime.clone());
            let stopped = run(builder).await?;
            print(&format!("the bot has stopped: {stopped:?}"));
            if stopped != Stopped::Lost {
                return Ok(());
            }
        }
    };
    let script = async {
        let mut session = server.session().await;
        print(&format!("the bot says {:?}", session.recv().await));
        runtime.sleep(Duration::from_secs(3600)).await;
        session.send("!ping");
        print(&format!("the bot says {:?}", session.recv().await));
        print("the connection is cut");
        session.cut();

        let mut session = server.session().await;
        print(&format!("the bot says {:?}", session.recv().await));
        print("the server stops answering");
        server.at(Step::Poll, Act::Never);
        session.ended().await;
        // The ping timeout of the bot expires at the instant at which the server ends the session. The
        // bot has to notice that before the server answers again.
        runtime.sleep(Duration::from_millis(1)).await;
        server.at(Step::Poll, Act::Properly);

        let mut session = server.session().await;
        print(&format!("the bot says {:?}", session.recv().await));
        session.send("!quit");
        print(&format!(
            "the session has ended: {:?}",
            session.ended().await
        ));
    };
    let (stopped, ()) = runtime.block_on(join(bot, script));
    stopped
}

#[cfg(test)]
mod tests {
    use engineio_client::runtime::mock::Order;
    use engineio_client::transports::mock::{MockSession, SessionEnd, Settings};
    use engineio_client::{ErrorKind, Packet};

    use super::*;

    const GREETING: &str = "hello, I am a bot";

    /// Runs the bot together with a test's script. Does so twice, with the two orders in which the mock
    /// runtime can run tasks, because the result must not depend on the order.
    fn with_bot(
        script: impl AsyncFn(&mut MockServer, &MockRuntime),
        expected: Result<Stopped, ErrorKind>,
    ) {
        for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
            let runtime = MockRuntime::with_order(order);
            let (transport, mut server) = MockServer::new(runtime.clone());
            let builder = Builder::new("http://chat.test", transport, runtime.clone());
            let both = join(run(builder), script(&mut server, &runtime));
            let (stopped, ()) = runtime.block_on(both);
            assert_eq!(stopped.map_err(|error| error.kind()), expected);
            assert_eq!(runtime.tasks(), 0, "a task has not ended");
        }
    }

    /// Waits for the next session and the bot's greeting in it.
    async fn greeted(server: &mut MockServer) -> MockSession {
        let mut session = server.session().await;
        assert_eq!(session.recv().await, Some(GREETING.into()));
        session
    }

    #[test]
    fn the_bot_answers_pings_and_nothing_else() {
        with_bot(
            async |server, _| {
                let mut session = greeted(server).await;
                session.send("good morning");
                session.send(vec![1, 2, 3]);
                session.send("!ping");
                assert_eq!(session.recv().await, Some("pong".into()));
                session.send("!quit");
                assert_eq!(session.recv().await, None);
                assert_eq!(session.ended().await, SessionEnd::Goodbye);
            },
            Ok(Stopped::Asked),
        );
    }

    #[test]
    fn the_bot_answers_over_websocket_after_the_upgrade() {
        with_bot(
            async |server, _| {
                let mut session = greeted(server).await;
                session.upgraded().await;
                session.send("!ping");
                assert_eq!(session.recv().await, Some("pong".into()));
                let seen = session.seen();
                let pong = Packet::Message("pong".into());
                assert!(
                    seen.iter()
                        .any(|seen| seen.packet == pong && seen.transport == "websocket")
                );
                session.send("!quit");
            },
            Ok(Stopped::Asked),
        );
    }

    #[test]
    fn a_close_by_the_server_dismisses_the_bot() {
        with_bot(
            async |server, _| greeted(server).await.close(),
            Ok(Stopped::Dismissed),
        );
    }

    #[test]
    fn a_connection_that_is_cut_is_lost() {
        with_bot(
            async |server, _| greeted(server).await.cut(),
            Ok(Stopped::Lost),
        );
    }

    #[test]
    fn a_silent_server_is_given_up_after_the_ping_timeout() {
        with_bot(
            async |server, runtime| {
                let mut session = greeted(server).await;
                server.at(Step::Poll, Act::Never);
                let start = runtime.now();
                // The bot misses the server's ping, and the server misses the bot's pong.
                session.ended().await;
                let settings = Settings::new();
                let limit = settings.ping_interval + settings.ping_timeout;
                assert_eq!(runtime.now() - start, limit);
            },
            Ok(Stopped::Lost),
        );
    }

    #[test]
    fn the_bot_survives_hours_without_messages() {
        with_bot(
            async |server, runtime| {
                let mut session = greeted(server).await;
                runtime.sleep(Duration::from_secs(10 * 3600)).await;
                session.send("!ping");
                assert_eq!(session.recv().await, Some("pong".into()));
                session.send("!quit");
            },
            Ok(Stopped::Asked),
        );
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        with_bot(
            async |server, _| {
                let refusal = Error::new(ErrorKind::Status, "too many bots").with_status(503);
                server.at(Step::Open, Act::Fail(refusal));
            },
            Err(ErrorKind::Status),
        );
    }
}
