//! The options `--ca` and `--insecure` in a build without TLS: a refusal.

use engineio_client::transports::Transports;
use engineio_client::{Builder, Runtime};

use super::args::Options;

pub(crate) fn set<R: Runtime>(
    builder: Builder<Transports, R>,
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    if options.ca.is_empty() && !options.insecure {
        return Ok(builder);
    }
    Err("this build of eio has no TLS, so no --ca and no --insecure".into())
}
