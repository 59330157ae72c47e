//! The Socket.IO client of the examples: its packets against a scripted server in virtual time, and the
//! whole client against npm's `socket.io`, which `tests/run` installs.

#[path = "../examples/support/socketio/mod.rs"]
mod socketio;

#[path = "support"]
mod support {
    pub(crate) mod log;
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod peers;
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod tls;
}

#[path = "socketio/node.rs"]
mod node;
#[path = "socketio/wire.rs"]
mod wire;
