//! What is set about a connection, and its defaults.

use std::time::Duration;

use http::HeaderMap;

use super::amount::Amount;
use crate::engine::Config;
use crate::error::Error;
use crate::transport::Limits;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) names: Option<Vec<String>>,
    pub(super) path: Option<String>,
    pub(super) trailing_slash: bool,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) cookies: bool,
    /// How many, and how many bytes of them.
    pub(super) cookie_limits: (usize, usize),
    /// The first thing that was wrong.
    pub(super) fault: Option<Error>,
    pub(super) timestamps: bool,
    pub(super) limits: Limits,
    /// The limit of a body, where it does not follow from that of a message.
    pub(super) max_body: Option<usize>,
    pub(super) outbox: Amount,
    pub(super) inbox: Amount,
    pub(super) remember_upgrade: bool,
    pub(super) log_contents: bool,
    pub(super) config: Config,
}

impl Settings {
    pub(super) fn new(url: &str) -> Self {
        let limits = Limits::default();
        Self {
            url: url.to_owned(),
            names: None,
            path: None,
            trailing_slash: true,
            query: String::new(),
            headers: HeaderMap::new(),
            cookies: true,
            cookie_limits: (64, 16 * 1024),
            fault: None,
            timestamps: true,
            limits,
            max_body: None,
            outbox: Amount {
                messages: 2048,
                bytes: 2 * 1024 * 1024,
            },
            inbox: Amount {
                messages: 1024,
                bytes: 128 * 1024,
            },
            remember_upgrade: false,
            log_contents: false,
            config: Config {
                transports: Vec::new(),
                fall_back: true,
                upgrade: true,
                open_timeout: Duration::from_secs(10),
                send_timeout: Duration::from_secs(10),
                upgrade_timeout: Duration::from_secs(7),
                close_timeout: Duration::from_secs(5),
                close_limit: Duration::from_secs(60),
                payload_packets: 16,
                handshake_size: limits.head,
            },
        }
    }
}
