//! The client against other projects' servers (the peers): Node's engine.io, and python-engineio on
//! aiohttp and on uvicorn. `tests/run` installs the peers and runs these tests, which are ignored
//! otherwise.

#[macro_use]
#[path = "support"]
mod support {
    pub(crate) mod balancer;
    pub(crate) mod cases;
    #[cfg(feature = "compression")]
    pub(crate) mod compression;
    pub(crate) mod cookies;
    pub(crate) mod counting;
    #[cfg(feature = "compression")]
    pub(crate) mod deflate;
    pub(crate) mod foreign;
    pub(crate) mod log;
    #[macro_use]
    pub(crate) mod matrix;
    pub(crate) mod peers;
    #[allow(dead_code, reason = "each test binary uses only a part of it")]
    pub(crate) mod redirects;
    pub(crate) mod server;
    pub(crate) mod session;
    #[allow(dead_code, reason = "each test binary uses only a part of it")]
    pub(crate) mod tls;
}

#[path = "peers/chaos/mod.rs"]
mod chaos;
#[cfg(target_os = "linux")]
#[path = "peers/keepalive/mod.rs"]
mod keepalive;
#[path = "peers/lasting/mod.rs"]
mod lasting;

use engineio_client::{AsyncStd, Smol, Tokio};
use support::foreign::{Aiohttp, Node, NodeWithTls, Uvicorn};
use support::server::Secure;
use support::session::{Mode, Runs as _};
use support::{cases, cookies, foreign, redirects};
#[cfg(feature = "compression")]
use support::{compression, deflate};

macro_rules! tests {
    ($module:ident $peer:ident) => {
        mod $module {
            use super::*;

            in_each_mode! {
                [#[ignore = "needs the peers that tests/run installs"]] $peer:
                cases::every_kind_of_message_is_echoed
                cases::a_record_separator_in_a_message_is_preserved
                cases::five_megabytes_are_echoed
                cases::a_message_above_max_payload_is_refused_over_polling
                cases::a_close_by_the_server_is_reported
                cases::disconnect_flushes_queued_messages
                cases::an_idle_session_disconnects_at_once
                cases::handlers_are_called_in_order
                redirects::a_session_uses_the_new_address_after_a_redirect
            }

            on_each_runtime! {
                [#[ignore = "needs the peers that tests/run installs"]] $peer:
                cases::an_upgrade_under_load_loses_nothing
                cases::a_burst_over_polling_arrives_in_order
                cases::an_idle_session_stays_alive
                cases::a_connection_to_a_closed_port_fails
                cases::a_transport_that_the_server_lacks_is_refused
                foreign::silence_ends_a_session
                foreign::a_rejected_session_reports_the_servers_reason
                foreign::a_wrong_path_is_reported
                cookies::every_request_after_the_handshake_carries_its_cookie
            }
        }
    };
}

tests!(node Node);
tests!(node_with_tls NodeWithTls);
tests!(aiohttp Aiohttp);
tests!(uvicorn Uvicorn);

/// Compression. These tests run without TLS, because they check the bytes on the wire.
#[cfg(feature = "compression")]
mod compressed {
    use super::*;

    macro_rules! tests {
        ($module:ident $peer:ident) => {
            mod $module {
                use super::*;

                on_each_runtime! {
                    [#[ignore = "needs the peers that tests/run installs"]] $peer:
                    compression::a_large_poll_is_compressed_and_a_small_one_is_not
                    compression::the_users_accept_encoding_is_sent_with_polls
                }

                mod large_messages_shrink {
                    use super::*;

                    test!([#[ignore = "needs the peers that tests/run installs"]]
                        tokio deflate::large_messages_shrink $peer Tokio (Mode::WebSocket));
                    test!([#[ignore = "needs the peers that tests/run installs"]]
                        smol deflate::large_messages_shrink $peer Smol (Mode::Upgraded));
                    test!([#[ignore = "needs the peers that tests/run installs"]]
                        async_std deflate::large_messages_shrink $peer AsyncStd (Mode::WebSocket));
                }
            }
        };
    }

    tests!(node Node);
    tests!(aiohttp Aiohttp);
    tests!(uvicorn Uvicorn);

    mod settings {
        use super::*;

        on_each_runtime! {
            [#[ignore = "needs the peers that tests/run installs"]] Node:
            deflate::every_setting_of_node_is_understood
        }

        #[test]
        #[ignore = "needs the peers that tests/run installs"]
        fn the_cases_of_autobahn_pass() {
            Tokio::run(deflate::the_cases_of_autobahn_pass::<Tokio>());
        }
    }
}

/// Several Node processes behind haproxy, which uses a cookie to find a session's process.
mod balancer {
    use super::*;

    on_each_runtime! {
        [#[ignore = "needs the peers that tests/run installs, and haproxy"]] Node:
        cookies::without_cookies_a_session_behind_a_balancer_breaks
        cookies::a_thousand_messages_each_way_pass_a_balancer_over_polling
        cookies::an_upgrade_behind_a_balancer_reaches_the_sessions_server
    }
}

/// uvicorn behind a TLS proxy, as in most deployments.
mod uvicorn_over_tls {
    use super::*;

    type SecureUvicorn = Secure<Uvicorn>;

    in_each_mode! {
        [#[ignore = "needs the peers that tests/run installs"]] SecureUvicorn:
        cases::every_kind_of_message_is_echoed
        cases::disconnect_flushes_queued_messages
    }

    on_each_runtime! {
        [#[ignore = "needs the peers that tests/run installs"]] SecureUvicorn:
        cases::an_upgrade_under_load_loses_nothing
    }
}
