//! The HTTP client of a session: the built-in one, or the user's.

use engineio_client::http::Exchange;
use engineio_client::{Error, ErrorKind, OpenRequest};
use http::Uri;

use super::super::built_in_settings::BuiltInSettings;
use super::ask::{Answer, Ask, Headers};
use super::http1::Http1;
use super::own_client::OwnClient;

pub(super) enum Client {
    BuiltIn(Box<Http1>),
    Own(Box<OwnClient>),
}

impl Client {
    pub(super) fn new(
        settings: &BuiltInSettings,
        request: &OpenRequest,
        origin: Uri,
        headers: Headers,
    ) -> Result<Self, Error> {
        match &settings.http_client {
            Some(_) if request.address.is_some() => Err(Error::new(
                ErrorKind::Invalid,
                "the URL names a Unix socket, to which only the built-in HTTP client can connect",
            )),
            Some(client) => {
                let client = OwnClient::new(client, origin, headers);
                Ok(Self::Own(Box::new(client)))
            }
            None => {
                let client = Http1::new(settings.dialer.clone(), request, &origin, headers)?;
                Ok(Self::BuiltIn(Box::new(client)))
            }
        }
    }

    pub(super) async fn send(&self, ask: &Ask<'_>, exchange: &Exchange) -> Result<Answer, Error> {
        match self {
            Self::BuiltIn(client) => client.send(ask, exchange).await,
            Self::Own(client) => client.send(ask, exchange).await,
        }
    }

    /// What was asked, with the proxy that forwarded it.
    pub(super) fn through_a_proxy(&self, what: &str) -> String {
        match self {
            Self::BuiltIn(client) => client.through_a_proxy(what),
            Self::Own(_) => what.to_owned(),
        }
    }
}
