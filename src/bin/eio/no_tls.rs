//! The options `--ca`, `--cert`, `--key` and `--insecure` in a build without TLS: a refusal.

use engineio_client::transports::Transports;
use engineio_client::{Builder, Runtime};

use super::args::Options;

pub(crate) fn set<R: Runtime>(
    builder: Builder<Transports, R>,
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    // `--key` comes with `--cert` alone.
    if options.ca.is_empty() && options.cert.is_none() && !options.insecure {
        return Ok(builder);
    }
    Err("this build of eio has no TLS, so no --ca, --cert, --key and --insecure".into())
}
