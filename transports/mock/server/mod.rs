//! The high level: a server that speaks Engine.IO as real servers do.

mod mock_server;
mod mock_session;
mod mock_transports;
mod outgoing;
mod plan;
mod seen;
mod server_core;
mod session;
mod settings;

pub use mock_server::MockServer;
pub use mock_session::MockSession;
pub use mock_transports::MockTransports;
pub use plan::{Act, Step};
pub use seen::{Seen, SessionEnd};
pub use settings::Settings;
