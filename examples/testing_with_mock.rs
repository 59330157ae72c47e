//! A small chat bot, and its tests: against a server in memory, in virtual time, without a socket
//! and without waiting.
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
    /// Somebody said `!quit`.
    Asked,
    /// The server closed the session, and will not want the bot back.
    Dismissed,
    /// The connection was lost: it is worth connecting again.
    Lost,
}

/// The bot: greets, answers `!ping` with `pong`, and leaves on `!quit`.
///
/// It takes any transport and runtime, so that the tests can give it theirs.
async fn run<T: Transport, R: Runtime>(builder: Builder<T, R>) -> Result<Stopped, Error> {
    let mut client = builder.connect().await?;
    let mut answer = Some("hello, I am a bot");
    loop {
        if let Some(answer) = answer
            && client.send(answer).await.is_err()
        {
            // The session has ended; what it was is told below.
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

/// Shows the bot at work: an hour of it, in no time.
fn main() -> Result<(), Error> {
    let runtime = MockRuntime::new();
    let (transport, mut server) = MockServer::new(runtime.clone());
    let start = runtime.now();
    let tell = |what: &str| println!("{:>5} s: {what}", (runtime.now() - start).as_secs());

    let bot = async {
        loop {
            let builder = Builder::new("http://chat.test", transport.clone(), runtime.clone());
            let stopped = run(builder).await?;
            tell(&format!("the bot has stopped: {stopped:?}"));
            if stopped != Stopped::Lost {
                return Ok(());
            }
        }
    };
    let script = async {
        let mut session = server.session().await;
        tell(&format!("the bot says {:?}", session.recv().await));
        runtime.sleep(Duration::from_secs(3600)).await;
        session.send("!ping");
        tell(&format!("the bot says {:?}", session.recv().await));
        tell("the connection is cut");
        session.cut();

        let mut session = server.session().await;
        tell(&format!("the bot says {:?}", session.recv().await));
        tell("the server falls silent");
        server.at(Step::Poll, Act::Never);
        session.ended().await;
        // Both sides give up at the same instant: the bot is to notice before the server speaks.
        runtime.sleep(Duration::from_millis(1)).await;
        server.at(Step::Poll, Act::Properly);

        let mut session = server.session().await;
        tell(&format!("the bot says {:?}", session.recv().await));
        session.send("!quit");
        tell(&format!(
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

    /// Runs the bot and the test's script at once, under both orders of execution: what is right
    /// does not depend on it.
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
            assert_eq!(runtime.tasks(), 0, "a task is left behind");
        }
    }

    /// The next session, whose greeting has come.
    async fn greeted(server: &mut MockServer) -> MockSession {
        let mut session = server.session().await;
        assert_eq!(session.recv().await, Some(GREETING.into()));
        session
    }

    #[test]
    fn it_answers_pings_and_nothing_else() {
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
    fn it_answers_by_websocket_too() {
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
    fn dismissed_it_does_not_come_back() {
        with_bot(
            async |server, _| greeted(server).await.close(),
            Ok(Stopped::Dismissed),
        );
    }

    #[test]
    fn a_connection_that_is_cut_is_worth_another() {
        with_bot(
            async |server, _| greeted(server).await.cut(),
            Ok(Stopped::Lost),
        );
    }

    #[test]
    fn a_server_that_falls_silent_is_given_up_in_time() {
        with_bot(
            async |server, runtime| {
                let mut session = greeted(server).await;
                server.at(Step::Poll, Act::Never);
                let start = runtime.now();
                // Either side misses the other.
                session.ended().await;
                let settings = Settings::new();
                let patience = settings.ping_interval + settings.ping_timeout;
                assert_eq!(runtime.now() - start, patience);
            },
            Ok(Stopped::Lost),
        );
    }

    #[test]
    fn hours_of_silence_are_no_reason_to_stop() {
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
    fn a_server_that_refuses_is_an_error() {
        with_bot(
            async |server, _| {
                let refusal = Error::new(ErrorKind::Status, "too many bots").with_status(503);
                server.at(Step::Open, Act::Fail(refusal));
            },
            Err(ErrorKind::Status),
        );
    }
}
