//! The client: one session, from its user's calls to those of its transport.

mod amount;
mod builder;
mod driver;
mod handle;
pub mod handlers;
mod inbox;
mod link_calls;
mod lock;
mod log;
mod outbox;
mod panic_text;
mod send_error;
mod session;
mod settings;
mod shared;
mod start;
mod target;
mod task;
#[cfg(any(test, fuzzing))]
pub(crate) mod test_model;
mod upgrade_memory;
mod waiting;

pub use builder::Builder;
pub use handle::{Backlog, Handle, SinkError};
pub use send_error::{SendAllError, SendError, SendJsonError};
pub use session::Client;
pub use task::Task;
