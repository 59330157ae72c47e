//! The table of hostile servers: what real networks and bad servers do to a client, written byte by
//! byte on real sockets, on each runtime. A case is a script of the server and what must come of it;
//! none may end later than the limit that governs it.
//!
//! The same on a network in memory, where time is exact, is in `tests/transports`.

#[path = "support"]
mod support {
    #![allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod session;
    pub(crate) mod tls;
}

/// `CASE::RUNTIME`, for functions that give a case.
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

/// `CASE::TRANSPORT_RUNTIME`, for functions of the transport that give a case.
macro_rules! by_each_transport {
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
#[cfg(target_os = "linux")]
#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/polling.rs"]
mod polling;
#[path = "hostile/server.rs"]
mod server;
#[path = "hostile/upgrade.rs"]
mod upgrade;
#[path = "hostile/websocket.rs"]
mod websocket;
