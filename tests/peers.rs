//! The client against the servers of the world: Node's engine.io, and python-engineio on aiohttp and
//! on uvicorn. `tests/run` installs them, and runs these tests with all others.

#[macro_use]
#[path = "support"]
mod support {
    pub(crate) mod balancer;
    pub(crate) mod cases;
    #[cfg(feature = "compression")]
    pub(crate) mod compression;
    pub(crate) mod cookies;
    pub(crate) mod foreign;
    pub(crate) mod log;
    #[macro_use]
    pub(crate) mod matrix;
    pub(crate) mod peers;
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod redirects;
    pub(crate) mod server;
    pub(crate) mod session;
    #[allow(dead_code, reason = "each test program uses a part of it")]
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
#[cfg(feature = "compression")]
use support::compression;
use support::foreign::{Aiohttp, Node, NodeWithTls, Uvicorn};
use support::server::Secure;
use support::session::{Mode, Runs as _};
use support::{cases, cookies, foreign, redirects};

macro_rules! tests {
    ($module:ident $peer:ident) => {
        mod $module {
            use super::*;

            in_each_mode! {
                [#[ignore = "needs the peers that tests/run installs"]] $peer:
                cases::every_kind_of_message_is_echoed
                cases::a_separator_within_a_message_stays_there
                cases::five_megabytes_are_echoed
                cases::a_message_over_max_payload
                cases::a_close_by_the_server_is_told
                cases::disconnect_flushes_first
                cases::an_idle_session_disconnects_at_once
                cases::handlers_see_everything_in_order
                redirects::a_session_lives_at_the_new_address
            }

            on_each_runtime! {
                [#[ignore = "needs the peers that tests/run installs"]] $peer:
                cases::an_upgrade_in_full_traffic_loses_nothing
                cases::a_burst_by_polling_arrives_in_order
                cases::an_idle_session_stays_alive
                cases::nobody_listens
                cases::a_transport_that_is_not_served_is_refused
                foreign::silence_ends_a_session
                foreign::a_rejected_session_tells_why
                foreign::a_wrong_path_tells_so
                cookies::every_later_request_carries_the_cookie_of_the_handshake
            }
        }
    };
}

tests!(node Node);
tests!(node_with_tls NodeWithTls);
tests!(aiohttp Aiohttp);
tests!(uvicorn Uvicorn);

/// What the bytes on the wire show, so without TLS.
#[cfg(feature = "compression")]
mod compressed {
    use super::*;

    macro_rules! tests {
        ($module:ident $peer:ident) => {
            mod $module {
                use super::*;

                on_each_runtime! {
                    [#[ignore = "needs the peers that tests/run installs"]] $peer:
                    compression::a_large_poll_comes_compressed_and_a_small_one_does_not
                    compression::a_user_says_what_polls_accept
                }
            }
        };
    }

    tests!(node Node);
    tests!(aiohttp Aiohttp);
    tests!(uvicorn Uvicorn);
}

/// Several processes of Node behind haproxy, which keeps a session on one of them by a cookie.
mod balancer {
    use super::*;

    on_each_runtime! {
        [#[ignore = "needs the peers that tests/run installs, and haproxy"]] Node:
        cookies::without_cookies_a_session_behind_a_balancer_breaks
        cookies::a_thousand_messages_each_way_pass_a_balancer_by_polling
        cookies::an_upgrade_behind_a_balancer_reaches_the_server_of_the_session
    }
}

/// Behind a front, as they stand in the world.
mod uvicorn_by_tls {
    use super::*;

    type SecureUvicorn = Secure<Uvicorn>;

    in_each_mode! {
        [#[ignore = "needs the peers that tests/run installs"]] SecureUvicorn:
        cases::every_kind_of_message_is_echoed
        cases::disconnect_flushes_first
    }

    on_each_runtime! {
        [#[ignore = "needs the peers that tests/run installs"]] SecureUvicorn:
        cases::an_upgrade_in_full_traffic_loses_nothing
    }
}
