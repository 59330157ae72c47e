//! The log of `-v`: the events of this library, and of no other.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The verbosity from which on the log contains the contents of messages.
pub(crate) const CONTENTS: u8 = 3;

pub(crate) fn to_stderr(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_timer(fmt::time::uptime())
        .with_filter(Targets::new().with_target("engineio_client", level));
    tracing_subscriber::registry().with(lines).init();
}
