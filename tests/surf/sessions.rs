//! Whole sessions through surf and curl, on each runtime, with a real server.

use std::time::Duration;

use engineio_client::{AsyncStd, ErrorKind, Message, Reason, Smol, Tokio};

use crate::curl;
use crate::raw::Server as RawServer;
use crate::support::cases;
use crate::support::log::Log;
use crate::support::oxide::Oxide;
use crate::support::server::{Server, Setup};
use crate::support::session::{HTTP_CLIENT, Mode, Runs, Session, builder, within};

/// An engineioxide server. All its sessions share one surf client.
struct Surfed(Oxide);

impl Server for Surfed {
    const LIMITS_FRAMES: bool = Oxide::LIMITS_FRAMES;
    const NOT_SERVED: &str = Oxide::NOT_SERVED;

    fn start(setup: Setup) -> Self {
        HTTP_CLIENT.get_or_init(|| curl());
        Self(Oxide::start(setup))
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn log(&self) -> &Log {
        self.0.log()
    }
}

/// `CASE::RUNTIME_MODE`, for the modes that use polling.
macro_rules! by_polling {
    ($($from:ident::$case:ident)+) => {
        $( mod $case {
            use super::*;
            test!([] tokio_polling $from::$case Surfed Tokio (Mode::Polling));
            test!([] tokio_upgraded $from::$case Surfed Tokio (Mode::Upgraded));
            test!([] smol_polling $from::$case Surfed Smol (Mode::Polling));
            test!([] smol_upgraded $from::$case Surfed Smol (Mode::Upgraded));
            test!([] async_std_polling $from::$case Surfed AsyncStd (Mode::Polling));
            test!([] async_std_upgraded $from::$case Surfed AsyncStd (Mode::Upgraded));
        } )+
    };
}

by_polling! {
    cases::every_kind_of_message_is_echoed
    cases::a_record_separator_in_a_message_is_preserved
    cases::five_megabytes_are_echoed
    cases::a_message_above_max_payload_is_refused_over_polling
    cases::a_close_by_the_server_is_reported
    cases::disconnect_flushes_queued_messages
    cases::an_idle_session_disconnects_at_once
    cases::handlers_are_called_in_order
}

on_each_runtime! {
    [] Surfed:
    cases::an_upgrade_under_load_loses_nothing
    cases::a_burst_over_polling_arrives_in_order
    cases::an_idle_session_stays_alive
    cases::a_connection_to_a_closed_port_fails
    cases::a_transport_that_the_server_lacks_is_refused
    own::two_hundred_messages_go_each_way_in_order
    own::after_a_poll_that_was_dropped_the_next_session_gets_its_own_answers
    own::a_server_that_hangs_meets_the_open_timeout
}

mod own {
    use super::*;

    pub(super) async fn two_hundred_messages_go_each_way_in_order<S: Server, R: Runs>() {
        let server = S::start(Setup::Default);
        let mut session = Session::<R>::open(&server.url(), Mode::Polling).await;
        let numbered = |number: u32| match number % 2 {
            0 => Message::from(format!("m:{number}")),
            _ => Message::from(number.to_be_bytes().to_vec()),
        };
        for number in 0..200 {
            session.send(numbered(number)).await;
        }
        for number in 0..200 {
            assert_eq!(session.message().await, numbered(number));
        }
        assert!(session.disconnect().await.is_clean());
    }

    pub(super) async fn after_a_poll_that_was_dropped_the_next_session_gets_its_own_answers<
        S: Server,
        R: Runs,
    >() {
        let server = S::start(Setup::Default);
        for round in 0..5 {
            let mut session = Session::<R>::open(&server.url(), Mode::Polling).await;
            session.echo(format!("m:{round}")).await;
            // Drops the session while a poll waits. The drop does not wait for the goodbye.
            drop(session);
            let mut next = Session::<R>::open(&server.url(), Mode::Polling).await;
            next.echo(format!("m:next to {round}")).await;
            assert!(next.disconnect().await.is_clean());
        }
    }

    pub(super) async fn a_server_that_hangs_meets_the_open_timeout<S: Server, R: Runs>() {
        // Starting a server of the harness sets the HTTP client, which `builder` uses.
        drop(S::start(Setup::Default));
        // The backlog accepts the connection, and the server never answers.
        let server = RawServer::new();
        let connecting = builder::<R>(&server.url(), Mode::Polling)
            .open_timeout(Duration::from_millis(100))
            .connect();
        let error = within(&R::default(), "the time limit", connecting)
            .await
            .expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.report());
    }
}

/// A session on polling alone fails with an error after a redirect or a refusal, without another
/// request.
#[test]
fn a_handshake_that_is_refused_or_redirected_fails() {
    HTTP_CLIENT.get_or_init(|| curl());
    smol::block_on(async {
        for (head, status, words) in [
            ("500 Internal Server Error", 500, "no luck"),
            ("302 Found\r\nLocation: /elsewhere", 302, "/elsewhere"),
        ] {
            let server = RawServer::new();
            let script = async {
                let mut peer = server.accept().await;
                peer.request().await;
                peer.write(format!(
                    "HTTP/1.1 {head}\r\nContent-Length: 7\r\n\r\nno luck"
                ))
                .await;
            };
            let connecting = builder::<Smol>(&server.url(), Mode::Polling).connect();
            let both = futures::future::join(script, connecting);
            let (_, refused) = within(&Smol::new(), "the refusal", both).await;
            let error = refused.expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::Status);
            assert_eq!(error.status(), Some(status));
            assert!(error.report().contains(words), "{}", error.report());
            assert!(!server.has_another(), "the request was repeated");
        }
    });
}

/// A header over which surf panics ends the session with an error, and the next session works.
#[test]
fn a_panic_of_surf_ends_the_session_with_an_error() {
    let client = curl();
    smol::block_on(async {
        let server = RawServer::new();
        let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        let script = async {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.answer(open).await;
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nX-Name: grün\r\nContent-Length: 2\r\n\r\n4x")
                .await;
        };
        let session = async {
            let client = builder::<Smol>(&server.url(), Mode::Polling)
                .http_client(client)
                .connect()
                .await
                .expect("it opens");
            client.wait().await
        };
        let both = futures::future::join(script, session);
        let (_, closed) = within(&Smol::new(), "the end", both).await;
        let error = match closed.reason() {
            Reason::Transport(error) => error.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::Http);
        assert!(error.report().contains("surf panicked"), "{error:?}");
    });
}
