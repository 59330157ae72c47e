//! The HTTP client of a session in a browser: `fetch`, or the user's.

use std::sync::Arc;

use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{Error, ErrorKind, OpenRequest};
use http::Uri;

use super::super::built_in_settings::BuiltInSettings;
#[cfg(feature = "web")]
use super::super::web::Fetch;
use super::ask::{Answer, Ask, Headers};
use super::own_client::OwnClient;

pub(super) struct Client(OwnClient);

impl Client {
    pub(super) fn new(
        settings: &BuiltInSettings,
        request: &OpenRequest,
        origin: Uri,
        headers: Headers,
    ) -> Result<Self, Error> {
        if request.address.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the URL names a Unix socket, to which a browser can't connect",
            ));
        }
        let client = match &settings.http_client {
            Some(client) => client.clone(),
            None => built_in()?,
        };
        Ok(Self(OwnClient::new(&client, origin, headers)))
    }

    pub(super) async fn send(&self, ask: &Ask<'_>, exchange: &Exchange) -> Result<Answer, Error> {
        self.0.send(ask, exchange).await
    }

    /// What was asked. Which proxy forwarded it, a browser does not say.
    pub(super) fn through_a_proxy(&self, what: &str) -> String {
        what.to_owned()
    }
}

#[cfg(feature = "web")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature `web` there is no client"
)]
fn built_in() -> Result<Arc<dyn HttpClient>, Error> {
    Ok(Arc::new(Fetch::default()))
}

#[cfg(not(feature = "web"))]
fn built_in() -> Result<Arc<dyn HttpClient>, Error> {
    Err(Error::new(
        ErrorKind::Invalid,
        "polling has no HTTP client on this target: enable the feature `web`, or set one",
    ))
}
