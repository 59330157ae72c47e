//! The client against engineioxide, a real server, in this process: on each runtime, by each
//! transport, and from one to the other.

#[macro_use]
#[path = "support"]
mod support {
    pub(crate) mod cases;
    pub(crate) mod log;
    #[macro_use]
    pub(crate) mod matrix;
    pub(crate) mod oxide;
    pub(crate) mod server;
    pub(crate) mod session;
}

use engineio_client::{AsyncStd, Smol, Tokio};
use support::cases;
use support::oxide::Oxide;
use support::session::{Mode, Runs as _};

in_each_mode! {
    [] Oxide:
    cases::every_kind_of_message_is_echoed
    cases::a_separator_within_a_message_stays_there
    cases::five_megabytes_are_echoed
    cases::a_message_over_max_payload
    cases::a_close_by_the_server_is_told
    cases::disconnect_flushes_first
    cases::an_idle_session_disconnects_at_once
}

on_each_runtime! {
    [] Oxide:
    cases::an_upgrade_in_full_traffic_loses_nothing
    cases::a_burst_by_polling_arrives_in_order
    cases::an_idle_session_stays_alive
    cases::nobody_listens
    cases::a_transport_that_is_not_served_is_refused
}
