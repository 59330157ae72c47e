//! Hostile servers on real sockets: scripts that do to a client, byte by byte, what broken servers,
//! proxies and networks do. A case is a script of the server and the outcome that the client has to
//! report. A case fails if its session ends later than the case's time limit.
//!
//! # Where to look for the test of a fault
//!
//! | fault | where |
//! |---|---|
//! | one answer that is wrong: HTTP, status, handshake, first packet, payload, frame | a row in `tests/faults`; `transports::every_fault` runs all rows, and `sample` runs some of them here |
//! | the JSON of the open packet | a row in `tests/transports/handshakes.rs` |
//! | a limit of the builder that is reached exactly, or exceeded by one | `tests/transports/limits.rs` |
//! | connecting: refused, reset, silent, endless | `connecting` |
//! | an open session on polling: bodies that stop or never end, POSTs that fail | `polling` |
//! | an open session over WebSocket: resets, silence, a peer that does not read | `websocket` |
//! | an upgrade that fails at any step | `upgrade` |
//! | a close by the user while the server misbehaves | `closing` |
//! | memory that a server can make the client use | `memory` |
//! | a connection that is kept and then dies, cookies, proxies, TLS, redirects | the file of that name in `tests/transports` |
//! | a defect of another client, a public report | `tests/defects.md`, `tests/reports.md` |
//!
//! The runtimes differ only in how they wait for sockets and timers. Therefore some cases of each kind
//! run on each runtime, and the others on tokio.

#[path = "support"]
mod support {
    #![allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod session;
    pub(crate) mod tls;
}
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod wire;

/// Defines the tests `CASE::RUNTIME` for functions that return a case.
macro_rules! on_each_runtime {
    ($($case:ident)+) => {
        $( mod $case {
            #[test]
            fn tokio() {
                super::$case().run::<engineio_client::Tokio>();
            }
            #[test]
            fn smol() {
                super::$case().run::<engineio_client::Smol>();
            }
            #[test]
            fn async_std() {
                super::$case().run::<engineio_client::AsyncStd>();
            }
        } )+
    };
}

/// For each function `CASE`, which returns a case, defines the test `CASE::tokio`, which runs it.
macro_rules! on_tokio {
    ($($case:ident)+) => {
        $( mod $case {
            #[test]
            fn tokio() {
                super::$case().run::<engineio_client::Tokio>();
            }
        } )+
    };
}

/// Defines the tests `CASE::TRANSPORT`, on tokio, for functions that take a transport and return a case.
macro_rules! by_each_transport {
    ($($case:ident)+) => {
        $( mod $case {
            use crate::case::{POLLING, WEBSOCKET};
            #[test]
            fn polling() {
                super::$case(POLLING).run::<engineio_client::Tokio>();
            }
            #[test]
            fn websocket() {
                super::$case(WEBSOCKET).run::<engineio_client::Tokio>();
            }
        } )+
    };
}

/// Defines the tests `CASE::TRANSPORT_RUNTIME` for functions that take a transport and return a case.
macro_rules! by_each_transport_on_each_runtime {
    ($($case:ident)+) => {
        $( mod $case {
            use crate::case::{POLLING, WEBSOCKET};
            #[test]
            fn polling_tokio() {
                super::$case(POLLING).run::<engineio_client::Tokio>();
            }
            #[test]
            fn polling_smol() {
                super::$case(POLLING).run::<engineio_client::Smol>();
            }
            #[test]
            fn polling_async_std() {
                super::$case(POLLING).run::<engineio_client::AsyncStd>();
            }
            #[test]
            fn websocket_tokio() {
                super::$case(WEBSOCKET).run::<engineio_client::Tokio>();
            }
            #[test]
            fn websocket_smol() {
                super::$case(WEBSOCKET).run::<engineio_client::Smol>();
            }
            #[test]
            fn websocket_async_std() {
                super::$case(WEBSOCKET).run::<engineio_client::AsyncStd>();
            }
        } )+
    };
}

#[path = "hostile/case.rs"]
mod case;
#[path = "hostile/closing.rs"]
mod closing;
#[path = "hostile/connecting.rs"]
mod connecting;
#[path = "faults/mod.rs"]
mod faults;
#[cfg(target_os = "linux")]
#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/polling.rs"]
mod polling;
#[path = "hostile/sample.rs"]
mod sample;
#[path = "hostile/server.rs"]
mod server;
#[path = "hostile/upgrade.rs"]
mod upgrade;
#[path = "hostile/websocket.rs"]
mod websocket;
