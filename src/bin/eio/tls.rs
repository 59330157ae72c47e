//! The options `--ca`, `--cert`, `--key` and `--insecure`.

use std::fs;
use std::path::Path;

use engineio_client::transports::{Tls, Transports};
use engineio_client::{Builder, Runtime};

use super::args::Options;

/// Applies the options to a builder, or returns an error message about them.
pub(crate) fn set<R: Runtime>(
    builder: Builder<Transports, R>,
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    let mut tls = Tls::default();
    for path in &options.ca {
        let pem = read("--ca", path)?;
        tls = tls
            .ca_pem(pem)
            .map_err(|error| format!("--ca {}: {}", path.display(), error.report()))?;
    }
    if options.insecure {
        tls = Tls::danger_accept_any_certificate();
    }
    if let Some(path) = &options.cert {
        let certificate = read("--cert", path)?;
        let (key, key_path) = match &options.key {
            Some(path) => (read("--key", path)?, path),
            None => (certificate.clone(), path),
        };
        tls = tls.client_certificate(certificate, key).map_err(|error| {
            let (path, key_path) = (path.display(), key_path.display());
            format!(
                "--cert {path} with the key of {key_path}: {}",
                error.report()
            )
        })?;
    }
    Ok(builder.tls(tls))
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, String> {
    let path_shown = path.display();
    fs::read(path)
        .map_err(|error| format!("{option} {path_shown}: the file can't be read: {error}"))
}
