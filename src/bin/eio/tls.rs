//! The options `--ca` and `--insecure`.

use std::fs;

use engineio_client::transports::{Tls, Transports};
use engineio_client::{Builder, Runtime};

use super::args::Options;

/// Sets what the options say, or tells what is wrong with them.
pub(crate) fn set<R: Runtime>(
    builder: Builder<Transports, R>,
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    let mut tls = Tls::default();
    for path in &options.ca {
        let shown = path.display();
        let pem = fs::read(path)
            .map_err(|error| format!("the file {shown} of --ca can't be read: {error}"))?;
        tls = tls
            .ca_pem(pem)
            .map_err(|error| format!("the file {shown} of --ca: {}", error.report()))?;
    }
    if options.insecure {
        tls = Tls::danger_accept_any_certificate();
    }
    Ok(builder.tls(tls))
}
