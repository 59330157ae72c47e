//! Applies the options of the command line to a client builder.

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, Runtime};

use super::args::Options;
use super::{log, tls};

/// A builder with these options, or an error message about them.
pub(crate) fn builder<R: Runtime + Default>(
    options: &Options,
) -> Result<Builder<Transports, R>, String> {
    let mut builder = Client::<Transports, R>::builder(&options.url);
    builder = builder
        .log_contents(options.verbosity >= log::CONTENTS)
        .follow_redirects(options.follow_redirects);
    if !options.transports.is_empty() {
        builder = builder.transports(options.transports.clone());
    }
    for (name, value) in &options.headers {
        builder = builder.header(name, value);
    }
    for (name, value) in &options.query {
        builder = builder.query(name, value);
    }
    if let Some(path) = &options.path {
        builder = builder.path(path);
    }
    builder = builder.trailing_slash(!options.no_trailing_slash);
    builder = with_proxies(builder, options.proxy.as_deref());
    if options.deflate {
        builder = with_deflate(builder)?;
    }
    if let Some(timeout) = options.request_timeout {
        builder = builder.open_timeout(timeout).send_timeout(timeout);
    }
    if let Some(bytes) = options.max_message_size {
        builder = builder.max_message_size(bytes);
    }
    tls::set(options.lasting.set(builder), options)
}

/// Uses the proxy of `--proxy`, or otherwise those of the environment.
#[cfg(feature = "__dial")]
fn with_proxies<R: Runtime>(
    builder: Builder<Transports, R>,
    proxy: Option<&str>,
) -> Builder<Transports, R> {
    match proxy {
        Some(url) => builder.proxy(url),
        None => builder.proxies_from_env(),
    }
}

/// A build without transports makes no connections.
#[cfg(not(feature = "__dial"))]
fn with_proxies<R: Runtime>(
    builder: Builder<Transports, R>,
    _: Option<&str>,
) -> Builder<Transports, R> {
    builder
}

#[cfg(all(feature = "websocket", feature = "compression"))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "a build without compression refuses the option"
)]
fn with_deflate<R: Runtime>(
    builder: Builder<Transports, R>,
) -> Result<Builder<Transports, R>, String> {
    use engineio_client::transports::Deflate;

    Ok(builder.deflate(Deflate::default()))
}

#[cfg(not(all(feature = "websocket", feature = "compression")))]
fn with_deflate<R: Runtime>(_: Builder<Transports, R>) -> Result<Builder<Transports, R>, String> {
    Err("--deflate needs a build with the features websocket and compression".to_owned())
}
