//! What stands in for TLS where the feature `rustls` is off: a refusal.

use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind};
use url::Url;

/// Nothing to set.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls;

/// There is none.
#[derive(Debug)]
pub(super) enum Connector {}

impl Tls {
    /// Refuses, before anything is connected.
    pub(super) fn connector(&self, _url: &Url) -> Result<Connector, Error> {
        Err(Error::new(
            ErrorKind::Tls,
            "this build of the client speaks no TLS, which an https URL needs: \
             enable the feature rustls",
        ))
    }

    pub(super) fn connector_to_proxy(&self, _proxy: &Url) -> Result<Connector, Error> {
        Err(Error::new(
            ErrorKind::Tls,
            "this build of the client speaks no TLS, which an https proxy needs: \
             enable the feature rustls",
        ))
    }
}

impl Connector {
    pub(super) async fn connect(self, _stream: BoxedStream) -> Result<BoxedStream, Error> {
        match self {}
    }
}
