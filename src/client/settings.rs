//! The settings of a connection and their defaults.

use http::HeaderMap;

use crate::amount::Amount;
use crate::engine::Config;
use crate::error::Error;
use crate::limits::{self, Limits};
use crate::reconnect::Reconnect;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) names: Option<Vec<String>>,
    pub(super) path: Option<String>,
    pub(super) trailing_slash: bool,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) cookies: bool,
    pub(super) max_cookies: usize,
    pub(super) max_cookie_bytes: usize,
    /// The first error of a setter. `start` reports it.
    pub(super) fault: Option<Error>,
    pub(super) timestamps: bool,
    pub(super) limits: Limits,
    /// Overrides the body limit that follows from the message limit.
    pub(super) max_body: Option<usize>,
    pub(super) outbox: Amount,
    pub(super) inbox: Amount,
    pub(super) remember_upgrade: bool,
    pub(super) log_contents: bool,
    pub(super) config: Config,
    pub(super) reconnect: Option<Reconnect>,
}

impl Settings {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            names: None,
            path: None,
            trailing_slash: true,
            query: String::new(),
            headers: HeaderMap::new(),
            cookies: true,
            max_cookies: limits::COOKIES,
            max_cookie_bytes: limits::COOKIE_BYTES,
            fault: None,
            timestamps: true,
            limits: Limits::default(),
            max_body: None,
            outbox: limits::OUTBOX.into(),
            inbox: limits::INBOX.into(),
            remember_upgrade: false,
            log_contents: false,
            config: Config::default(),
            reconnect: None,
        }
    }
}
