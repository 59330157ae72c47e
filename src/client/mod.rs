//! The client: everything between the user's calls and the calls of the transport.

mod async_builder;
mod builder;
mod driver;
mod handle;
pub mod handlers;
mod hooks;
mod inbox;
mod link_calls;
mod lock;
mod log;
mod open_request;
mod outbox;
mod panic_text;
mod redirect;
mod send_error;
mod server_url;
mod session;
mod sessions;
mod settings;
mod shared;
mod sink;
mod start;
mod supervisor;
mod task;
#[cfg(any(test, fuzzing))]
pub(crate) mod test_model;
mod ticket_map;
mod upgrade_memory;
mod waiting;

pub use builder::Builder;
pub use handle::{Backlog, Handle};
pub use send_error::{SendAllError, SendError, SendJsonError};
pub use session::Client;
pub use sink::SinkError;
pub use task::Task;
