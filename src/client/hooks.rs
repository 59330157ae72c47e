//! Calls the functions that the user has set on [`Reconnect`](crate::Reconnect). A panic in one of these
//! functions becomes an error, so that it does not end the task that drives the connection.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::panic_text::panic_text;
use crate::error::{Error, ErrorKind};
use crate::event::Connected;
use crate::packet::Message;
use crate::reconnect::{BeforeConnect, ConnectTo, Greeting};

/// Calls [`Reconnect::before_connect`](crate::Reconnect::before_connect).
pub(crate) async fn before_connect(hook: BeforeConnect, to: ConnectTo) -> Result<ConnectTo, Error> {
    let call = AssertUnwindSafe(async move { hook(to).await });
    match call.catch_unwind().await {
        Ok(result) => result.map_err(|error| {
            Error::new(ErrorKind::Other, "the hook before connecting failed")
                .with_handler_error(error)
        }),
        Err(panic) => {
            let message = format!(
                "the hook before connecting panicked: {}",
                panic_text(&*panic)
            );
            Err(Error::new(ErrorKind::Other, message))
        }
    }
}

/// Calls [`Reconnect::greeting`](crate::Reconnect::greeting).
pub(crate) async fn greeting(
    greeting: Greeting,
    connected: Connected,
) -> Result<Vec<Message>, Error> {
    let call = AssertUnwindSafe(async move { greeting(connected).await });
    call.catch_unwind().await.map_err(|panic| {
        let message = format!("the greeting panicked: {}", panic_text(&*panic));
        Error::new(ErrorKind::Other, message)
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::Arc;

    use futures::executor::block_on;

    use super::*;
    use crate::packet::Handshake;
    use crate::reconnect::Reconnect;

    fn call(reconnect: Reconnect) -> Result<ConnectTo, Error> {
        let hook = reconnect.before_connect.unwrap();
        block_on(before_connect(hook, ConnectTo::new("http://h")))
    }

    fn greet(reconnect: Reconnect) -> Result<Vec<Message>, Error> {
        let text = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        let connected = Connected {
            handshake: Arc::new(Handshake::parse(text).unwrap()),
            transport: "polling",
            session: 1,
        };
        block_on(greeting(reconnect.greeting.unwrap(), connected))
    }

    #[test]
    fn the_error_of_a_hook_is_the_source_of_the_attempts_error() {
        let error = call(Reconnect::new().before_connect(async |_| {
            "x".parse::<u8>()?;
            unreachable!()
        }))
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_eq!(error.to_string(), "the hook before connecting failed");
        assert!(error.source().unwrap().is::<std::num::ParseIntError>());
    }

    #[test]
    fn a_hook_that_panics_before_or_after_its_first_await_is_an_error() {
        let before = |_: ConnectTo| -> std::future::Ready<_> { panic!("no token") };
        let hooks = [
            Reconnect::new().before_connect(before),
            Reconnect::new().before_connect(async |_| {
                futures::future::ready(()).await;
                panic!("no token")
            }),
        ];
        for reconnect in hooks {
            let error = call(reconnect).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
            assert_eq!(
                error.to_string(),
                "the hook before connecting panicked: no token"
            );
        }
        let error = greet(Reconnect::new().greeting(async |_| panic!("no name"))).unwrap_err();
        assert_eq!(error.to_string(), "the greeting panicked: no name");
    }

    #[test]
    fn the_results_of_the_functions_are_passed_on() {
        let to = call(Reconnect::new().before_connect(async |mut to| {
            to.url.push_str("/path");
            Ok(to)
        }));
        assert_eq!(to.unwrap().url, "http://h/path");
        let greeting = Reconnect::new().greeting(async |_| vec![Message::from("log-in")]);
        assert_eq!(greet(greeting).unwrap(), [Message::from("log-in")]);
    }
}
