//! A request of a session and the answer to it, for either kind of HTTP client.

use bytes::Bytes;
use engineio_client::{Batch, OpenRequest};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::default_headers::default_headers;
use super::inflate::ACCEPTED;

pub(super) struct Ask<'a> {
    pub(super) request: &'a OpenRequest,
    pub(super) sid: Option<&'a str>,
    /// The packets to post, or `None` for a poll.
    pub(super) batch: Option<&'a Batch>,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `None` if nobody would look at them.
    pub(super) headers: Option<Box<HeaderMap>>,
    pub(super) body: Bytes,
}

/// The headers of a poll, and those of a POST.
pub(super) struct Headers {
    pub(super) poll: HeaderMap,
    pub(super) post: HeaderMap,
}

impl Headers {
    pub(super) fn new(request: &OpenRequest) -> Self {
        let mut poll = default_headers();
        let mut post = poll.clone();
        // The type is not `application/octet-stream`, because Node's server ends the session if a POST
        // has it.
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        post.insert(CONTENT_TYPE, text);
        if let Some(codings) = ACCEPTED {
            poll.insert(ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        // The user's headers replace ours of the same name.
        poll.extend(request.headers.clone());
        post.extend(request.headers.clone());
        Self { poll, post }
    }
}
