//! The heads of a session's requests. They differ only in the cache-buster, the session id, the cookies
//! and the length of the body, so the rest is encoded once.

use std::sync::OnceLock;

use engineio_client::{Error, OpenRequest};
use http::header::{CONNECTION, COOKIE, HOST, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::super::super::shared::dial::Proxy;
use super::super::ask::Headers;
use super::super::invalid_url::{invalid_url, invalid_url_because};

/// Number of digits of a cache-buster.
const DIGITS: usize = 8;

/// The encoded parts of all heads.
pub(super) struct Heads {
    /// The target of each request, up to the cache-buster or the session id. A proxy that forwards the
    /// requests is given the whole URL.
    target: String,
    has_cache_buster: bool,
    /// The part of the target that has the session id, once that is known.
    sid: OnceLock<String>,
    poll: Fields,
    post: Fields,
    /// The user's cookies.
    pub(super) cookies: HeaderMap,
    /// Each request asks the server to close the connection.
    pub(super) closes: bool,
    /// Each request asks the server to keep the connection.
    keeps: bool,
}

/// The encoded headers of one kind of request.
struct Fields {
    bytes: Vec<u8>,
    /// Where the cookies belong.
    cookies_at: usize,
}

/// The parts of a head that vary.
pub(super) struct Varying<'a> {
    pub(super) sid: Option<&'a str>,
    /// The source of the cache-buster.
    pub(super) random: u64,
    /// The `Cookie` headers.
    pub(super) cookies: &'a HeaderMap,
    /// Whether the server speaks HTTP/1.0.
    pub(super) is_http_1_0: bool,
    /// The length of the body, or `None` for a poll, which has no body.
    pub(super) length: Option<usize>,
}

impl Heads {
    /// `forwarder` is the proxy that forwards the requests, if there is one. Unless the client `reuses`
    /// its connections, the requests ask the server to close them.
    pub(super) fn new(
        request: &OpenRequest,
        origin: &Uri,
        mut headers: Headers,
        forwarder: Option<&Proxy>,
        reuses: bool,
    ) -> Result<Self, Error> {
        let authority = origin.authority().ok_or_else(invalid_url)?.as_str();
        let mut target = request.target(None, 0);
        // Refuses a target with spaces or line breaks, which would end the request line.
        let parsed = PathAndQuery::try_from(&*target).map_err(invalid_url_because)?;
        if parsed.as_str() != target {
            return Err(invalid_url());
        }
        if request.timestamps {
            target.truncate(target.len().saturating_sub(DIGITS));
        }
        if forwarder.is_some() {
            let scheme = origin.scheme_str().unwrap_or_default();
            target.insert_str(0, &format!("{scheme}://{authority}"));
        }
        let mut cookies = HeaderMap::new();
        for cookie in headers.poll.get_all(COOKIE) {
            cookies.append(COOKIE, cookie.clone());
        }
        let host = HeaderValue::from_str(authority).map_err(invalid_url_because)?;
        for headers in [&mut headers.poll, &mut headers.post] {
            // Marks the place of the cookies.
            headers
                .entry(COOKIE)
                .or_insert(HeaderValue::from_static(""));
            headers.entry(HOST).or_insert_with(|| host.clone());
            add_connection_headers(headers, forwarder, reuses);
        }
        let has_option = |option: &str| has_connection_option(&headers.poll, option);
        Ok(Self {
            target,
            has_cache_buster: request.timestamps,
            sid: OnceLock::new(),
            cookies,
            closes: has_option("close"),
            keeps: has_option("keep-alive"),
            poll: Fields::new(&headers.poll),
            post: Fields::new(&headers.post),
        })
    }

    /// Adds a head to `head`.
    pub(super) fn encode(
        &self,
        request: &OpenRequest,
        varying: &Varying<'_>,
        head: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let sid = match varying.sid {
            Some(sid) => self.sid(request, sid)?,
            None => "",
        };
        let (method, fields) = match varying.length {
            None => ("GET ", &self.poll),
            Some(_) => ("POST ", &self.post),
        };
        head.extend_from_slice(method.as_bytes());
        head.extend_from_slice(self.target.as_bytes());
        if self.has_cache_buster {
            head.extend_from_slice(&cache_buster(varying.random));
        }
        head.extend_from_slice(sid.as_bytes());
        head.extend_from_slice(if varying.is_http_1_0 {
            b" HTTP/1.0\r\n"
        } else {
            b" HTTP/1.1\r\n"
        });
        let (before, behind) = fields
            .bytes
            .split_at_checked(fields.cookies_at)
            .unwrap_or_default();
        head.extend_from_slice(before);
        for (name, value) in varying.cookies {
            push_header(head, name, value);
        }
        head.extend_from_slice(behind);
        if varying.is_http_1_0 && !self.keeps {
            head.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        if let Some(length) = varying.length {
            head.extend_from_slice(b"Content-Length: ");
            push_decimal(head, length);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The part of the target that has the session id, from the `&` on.
    fn sid(&self, request: &OpenRequest, sid: &str) -> Result<&str, Error> {
        if let Some(known) = self.sid.get() {
            return Ok(known);
        }
        let (with, without) = (request.target(Some(sid), 0), request.target(None, 0));
        let part = with.strip_prefix(&*without).ok_or_else(invalid_url)?;
        Ok(self.sid.get_or_init(|| part.to_owned()))
    }
}

/// Adds what the peer has to know about the connection.
fn add_connection_headers(headers: &mut HeaderMap, forwarder: Option<&Proxy>, reuses: bool) {
    if !reuses {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    } else if forwarder.is_some() {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    if let Some(authorization) = forwarder.and_then(Proxy::authorization) {
        headers.insert(PROXY_AUTHORIZATION, authorization.clone());
    }
}

fn has_connection_option(headers: &HeaderMap, option: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|element| element.trim().eq_ignore_ascii_case(option))
}

impl Fields {
    fn new(headers: &HeaderMap) -> Self {
        let mut bytes = Vec::new();
        let mut cookies_at = 0;
        for (name, value) in headers {
            if name == COOKIE {
                cookies_at = bytes.len();
            } else {
                push_header(&mut bytes, name, value);
            }
        }
        Self { bytes, cookies_at }
    }
}

/// Writes a header, with its name in title case: some servers recognise names only in this form.
fn push_header(output: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let mut starts_word = true;
    for byte in name.as_str().bytes() {
        output.push(if starts_word {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        starts_word = byte == b'-';
    }
    output.extend_from_slice(b": ");
    output.extend_from_slice(value.as_bytes());
    output.extend_from_slice(b"\r\n");
}

fn push_decimal(output: &mut Vec<u8>, number: usize) {
    let start = output.len();
    let mut rest = number;
    loop {
        output.push(digit(rest % 10));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if let Some(digits) = output.get_mut(start..) {
        digits.reverse();
    }
}

/// The digits with which [`OpenRequest::target`] writes the cache-buster.
fn cache_buster(random: u64) -> [u8; DIGITS] {
    let mut rest = random;
    [(); DIGITS].map(|()| {
        let next = usize::try_from(rest % 36).unwrap_or_default();
        rest /= 36;
        digit(next)
    })
}

/// A digit in a base of at most 36.
fn digit(value: usize) -> u8 {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    digits.get(value).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 65_536, 1_234_567_890] {
            let mut output = b"x".to_vec();
            push_decimal(&mut output, number);
            assert_eq!(output, format!("x{number}").as_bytes());
        }
    }

    #[test]
    fn a_cache_buster_has_eight_digits_in_base_36() {
        assert_eq!(&cache_buster(7), b"70000000");
        assert_eq!(&cache_buster(35 + 36 * 10), b"za000000");
        assert_eq!(cache_buster(u64::MAX).len(), DIGITS);
    }
}
