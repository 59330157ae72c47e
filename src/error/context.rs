//! What the client adds to errors of the engine and of transports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Error, ErrorKind};
use crate::limits::Limit;
use crate::seconds::Seconds;

impl Error {
    /// Appends to the message why the redirect was not followed.
    pub(crate) fn redirect_not_followed(self, why: impl fmt::Display) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.message = format!("{}, which is not followed: {why}", inner.message).into();
        Self(Arc::new(inner))
    }

    /// Copies everything but the message and the cause from another error, whose text this error's
    /// message already contains.
    pub(crate) fn with_facts_of(self, other: &Self) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.kind = other.0.kind;
        inner.status = other.0.status;
        inner.limit = other.0.limit;
        inner.url.clone_from(&other.0.url);
        inner.retry_after = other.0.retry_after;
        inner.redirect.clone_from(&other.0.redirect);
        Self(Arc::new(inner))
    }

    /// The error of a time limit of the builder that has passed.
    pub(crate) fn timeout(limit: Limit, value: Duration) -> Self {
        Self::passed(limit, value, "")
    }

    /// The error of a server that did not answer in time. Node's server never answers a request for a
    /// path without a handler.
    pub(crate) fn open_timeout(value: Duration) -> Self {
        let hint = " without an answer; is the path right?";
        Self::passed(Limit::OpenTimeout, value, hint)
    }

    fn passed(limit: Limit, value: Duration, hint: &str) -> Self {
        let name = limit.setter().replace('_', " ");
        let message = format!("the {name} of {} s passed{hint}", Seconds(value));
        Self::new(ErrorKind::Timeout, message).with_limit(limit)
    }

    /// Names the URL of the session, if this error names none. The engine knows no addresses, so the
    /// message of its open timeout is prefixed with the URL. Transports begin their messages with the
    /// address.
    pub(crate) fn at(self, url: &Url) -> Self {
        if self.0.url.is_some() {
            return self;
        }
        let is_open_timeout = self.0.limit == Some(Limit::OpenTimeout);
        let mut inner = Arc::unwrap_or_clone(self.with_url(url).0);
        if let (true, Some(url)) = (is_open_timeout, &inner.url) {
            inner.message = format!("{url}: {}", inner.message).into();
        }
        Self(Arc::new(inner))
    }
}
