//! What polling asks of an HTTP client: one trait, on the types of the crate `http`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::error::Error;
use crate::runtime::Runtime;
use crate::transport::{Activity, Limits};

/// An HTTP client that can serve polling. The built-in one is enough for most; implement this to
/// use one of yours.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Makes one request and reads the whole response.
    ///
    /// The URI is absolute. Implementations must not follow redirects, nor repeat a request whose
    /// bytes may have left: a GET that the server has seen may have taken messages with it. A
    /// poll may take as long as the server likes, so a time limit of yours must not cover it. They
    /// must keep no cookies either: the session's go through here as `Cookie` and `Set-Cookie`. A body
    /// may be given as it came, compressed, or decoded and without its `Content-Encoding`.
    ///
    /// # Errors
    ///
    /// When there is no response, or it is larger than the limits of the exchange. A response with
    /// any status is a response.
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error>;
}

/// What belongs to one request besides itself.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The runtime to connect with.
    pub runtime: Arc<dyn Runtime>,
    /// What may be received at most.
    pub limits: Limits,
    /// The most time for connecting.
    pub dial_timeout: Duration,
    /// Where bytes that come and go are reported.
    pub activity: Activity,
}

impl Exchange {
    /// An exchange with these.
    pub fn new(
        runtime: Arc<dyn Runtime>,
        limits: Limits,
        dial_timeout: Duration,
        activity: Activity,
    ) -> Self {
        Self {
            runtime,
            limits,
            dial_timeout,
            activity,
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("limits", &self.limits)
            .field("dial_timeout", &self.dial_timeout)
            .field("activity", &self.activity)
            .finish_non_exhaustive()
    }
}
