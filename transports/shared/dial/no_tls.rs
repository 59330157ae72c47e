//! Replaces TLS if the feature `rustls` is disabled: every TLS connection is refused.

use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind};
use url::Url;

/// Has no settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls;

/// Never constructed.
#[derive(Debug)]
pub(super) enum Connector {}

impl Tls {
    /// Returns an error before anything is connected.
    pub(super) fn connector(&self, _url: &Url) -> Result<Connector, Error> {
        Err(Error::new(
            ErrorKind::Tls,
            "an https or wss URL needs TLS, which this build does not include: \
             enable the feature rustls",
        ))
    }

    pub(super) fn connector_to_proxy(&self, _proxy: &Url) -> Result<Connector, Error> {
        Err(Error::new(
            ErrorKind::Tls,
            "an https proxy needs TLS, which this build does not include: \
             enable the feature rustls",
        ))
    }
}

impl Connector {
    pub(super) async fn connect(self, _stream: BoxedStream) -> Result<BoxedStream, Error> {
        match self {}
    }
}
