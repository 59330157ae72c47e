//! Polling through surf: against engineioxide on each runtime, and against servers that write raw bytes.

#![cfg(test)]

#[macro_use]
#[path = "../support"]
mod support {
    // Only parts of these modules are used here.
    #[allow(dead_code)]
    pub(crate) mod cases;
    pub(crate) mod log;
    #[allow(unused_macros)]
    #[macro_use]
    pub(crate) mod matrix;
    pub(crate) mod oxide;
    #[allow(dead_code)]
    pub(crate) mod server;
    #[allow(dead_code)]
    pub(crate) mod session;
    #[allow(dead_code)]
    pub(crate) mod tls;
}

mod backends;
mod raw;
mod sessions;

use std::sync::Arc;

use engineio_client::transports::SurfClient;

/// The configuration that the documentation of `SurfClient` asks for.
fn config() -> surf::Config {
    surf::Config::new()
        .set_timeout(None)
        .set_http_keep_alive(false)
}

fn curl() -> Arc<SurfClient> {
    let client = config().try_into().expect("curl starts");
    Arc::new(SurfClient::new(client).expect("the configuration is right"))
}
