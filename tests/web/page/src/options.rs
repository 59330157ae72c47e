//! The settings of a client, as the driver passes them.

use std::sync::Arc;
use std::time::Duration;

use engineio_client::transports::web::{Credentials, Fetch, WebSocket};
use engineio_client::transports::{Polling, Transports};
use engineio_client::{Builder, Capacity, Receipts, Reconnect, Resend, Web};
use serde::Deserialize;

use crate::failure::{Checked, failure};

/// Every setting but the URL may be left out, which leaves the library's default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    url: String,
    path: Option<String>,
    transports: Option<Vec<String>>,
    upgrade: Option<bool>,
    credentials: Option<Cookies>,
    /// Of the WebSocket alone.
    max_waiting: Option<usize>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    query: Vec<(String, String)>,
    /// Messages and bytes.
    outbox: Option<(usize, usize)>,
    max_message_size: Option<usize>,
    max_body_size: Option<usize>,
    open_timeout: Option<u64>,
    close_timeout: Option<u64>,
    /// The first and the longest delay of reconnecting, in milliseconds.
    reconnect: Option<(u64, u64)>,
    #[serde(default)]
    resend: bool,
    #[serde(default)]
    receipts: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Cookies {
    Omit,
    SameOrigin,
    Include,
}

impl Options {
    pub fn read(json: &str) -> Checked<Self> {
        serde_json::from_str(json)
            .map_err(|error| failure(format!("the test passed bad options: {error}: {json}")))
    }

    pub fn builder(&self) -> Builder<Transports, Web> {
        let mut builder = Builder::new(&self.url, self.list(), Web::new());
        if let Some(names) = &self.transports {
            builder = builder.transports(names.iter().cloned());
        }
        if let Some(path) = &self.path {
            builder = builder.path(path.clone());
        }
        if let Some(upgrade) = self.upgrade {
            builder = builder.upgrade(upgrade);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in &self.query {
            builder = builder.query(name, value);
        }
        self.with_promises(self.with_limits(builder))
    }

    /// The transports, made from the default list where that is possible.
    fn list(&self) -> Transports {
        let fetch = self.credentials.map(|cookies| {
            Fetch::default().credentials(match cookies {
                Cookies::Omit => Credentials::Omit,
                Cookies::SameOrigin => Credentials::SameOrigin,
                Cookies::Include => Credentials::Include,
            })
        });
        match (self.max_waiting, fetch) {
            (None, None) => Transports::default(),
            (None, Some(fetch)) => Transports::default().http_client(Arc::new(fetch)),
            (Some(bytes), _) => Transports::new()
                .with(Polling::default())
                .with(WebSocket::default().max_waiting(bytes)),
        }
    }

    fn with_limits(&self, mut builder: Builder<Transports, Web>) -> Builder<Transports, Web> {
        if let Some((messages, bytes)) = self.outbox {
            builder = builder.outbox(Capacity::new(messages, bytes));
        }
        if let Some(bytes) = self.max_message_size {
            builder = builder.max_message_size(bytes);
        }
        if let Some(bytes) = self.max_body_size {
            builder = builder.max_body_size(bytes);
        }
        if let Some(milliseconds) = self.open_timeout {
            builder = builder.open_timeout(Duration::from_millis(milliseconds));
        }
        if let Some(milliseconds) = self.close_timeout {
            builder = builder.close_timeout(Duration::from_millis(milliseconds));
        }
        builder
    }

    fn with_promises(&self, mut builder: Builder<Transports, Web>) -> Builder<Transports, Web> {
        if self.receipts {
            builder = builder.receipts(Receipts::new());
        }
        let Some((first, longest)) = self.reconnect else {
            return builder;
        };
        let resend = if self.resend {
            Resend::Unconfirmed
        } else {
            Resend::Unsent
        };
        builder.reconnect(
            Reconnect::new()
                .delay(Duration::from_millis(first))
                .max_delay(Duration::from_millis(longest))
                .resend(resend),
        )
    }
}
