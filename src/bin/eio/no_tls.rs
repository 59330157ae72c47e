//! Refuses `--ca`, `--cert`, `--key` and `--insecure` in a build without TLS.

use engineio_client::transports::Transports;
use engineio_client::{Builder, Runtime};

use super::args::Options;

pub(crate) fn set<R: Runtime>(
    builder: Builder<Transports, R>,
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    // `--key` is only accepted together with `--cert`.
    if options.ca.is_empty() && options.cert.is_none() && !options.insecure {
        return Ok(builder);
    }
    Err("--ca, --cert, --key and --insecure need TLS, which this build does not include".into())
}
