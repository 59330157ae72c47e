//! Parses `Set-Cookie` headers, by RFC 6265, 5.2, and its revision.

use std::time::Duration;

use url::{Host, Url};

use crate::http_date;

/// One parsed `Set-Cookie` header.
#[derive(Debug, PartialEq)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) lifetime: Lifetime,
    pub(super) secure: bool,
    /// Without a leading dot; not empty.
    domain: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Lifetime {
    /// The cookie is kept as long as the jar.
    Session,
    For(Duration),
    /// In seconds since 1970.
    Until(i64),
}

pub(super) fn set_cookie(line: &[u8]) -> Option<SetCookie<'_>> {
    // A tab is allowed, since it is white space.
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return None;
    }
    let mut parts = line.split(|&byte| byte == b';');
    let (name, value) = pair(parts.next()?);
    // A cookie without a name is sent as its value alone, which must not look like `name=value`.
    if name.is_empty() && (value.is_empty() || value.contains(&b'=')) {
        return None;
    }
    let mut cookie = SetCookie {
        name,
        value,
        lifetime: Lifetime::Session,
        secure: false,
        domain: None,
        path: None,
    };
    let mut expires = None;
    let mut max_age = None;
    for part in parts {
        let (name, value) = attribute(part);
        // The last valid attribute of each kind counts.
        if name.eq_ignore_ascii_case(b"expires") {
            expires = http_date::parse(value).or(expires);
        } else if name.eq_ignore_ascii_case(b"max-age") {
            max_age = seconds(value).or(max_age);
        } else if name.eq_ignore_ascii_case(b"domain") {
            let domain = value.strip_prefix(b".").unwrap_or(value);
            cookie.domain = Some(domain).filter(|domain| !domain.is_empty());
        } else if name.eq_ignore_ascii_case(b"path") {
            cookie.path = Some(value).filter(|path| path.starts_with(b"/"));
        } else if name.eq_ignore_ascii_case(b"secure") {
            cookie.secure = true;
        }
    }
    cookie.lifetime = match (max_age, expires) {
        (Some(seconds), _) => Lifetime::For(Duration::from_secs(seconds)),
        (None, Some(end)) => Lifetime::Until(end),
        (None, None) => Lifetime::Session,
    };
    Some(cookie)
}

/// Splits `name=value` at the first `=`. Text without `=` is a value without a name.
pub(super) fn pair(text: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = text.splitn(2, |&byte| byte == b'=');
    let first = halves.next().unwrap_or_default().trim_ascii();
    match halves.next() {
        Some(value) => (first, value.trim_ascii()),
        None => (&[], first),
    }
}

/// Like [`pair`], but text without `=` is a name without a value.
fn attribute(text: &[u8]) -> (&[u8], &[u8]) {
    match pair(text) {
        ([], word) => (word, &[]),
        both => both,
    }
}

/// Parses a `Max-Age`. A negative one is zero.
fn seconds(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(0);
    }
    Some(digits.iter().fold(0, |value: u64, digit| {
        let digit = u64::from(digit.saturating_sub(b'0'));
        value.saturating_mul(10).saturating_add(digit)
    }))
}

impl SetCookie<'_> {
    /// Whether the server at this URL may set this cookie.
    pub(super) fn is_allowed(&self, url: &Url) -> bool {
        if self.secure && !is_secure(url) {
            return false;
        }
        if let Some(domain) = self.domain
            && !domain_matches(url, domain)
        {
            return false;
        }
        // A cookie without a name is sent as its value, which must not look like a name with a prefix.
        let start = if self.name.is_empty() {
            self.value
        } else {
            self.name
        };
        if starts_with(start, b"__Secure-") {
            return self.secure && !self.name.is_empty();
        }
        if starts_with(start, b"__Host-") {
            let whole_host = self.domain.is_none() && self.path == Some(b"/");
            return self.secure && whole_host && !self.name.is_empty();
        }
        true
    }

    /// The domain in lower case, and whether its subdomains get the cookie, too.
    pub(super) fn domain(&self, url: &Url) -> (Vec<u8>, bool) {
        let host = url.host_str().unwrap_or_default().as_bytes();
        match self.domain {
            // A domain without a dot is a single host, or a top-level domain such as `com`.
            Some(domain) if domain.contains(&b'.') => (domain.to_ascii_lowercase(), true),
            _ => (host.to_ascii_lowercase(), false),
        }
    }

    /// The cookie's path, by default the directory of the request's path.
    pub(super) fn path<'a>(&'a self, url: &'a Url) -> &'a [u8] {
        self.path
            .unwrap_or_else(|| match url.path().rsplit_once('/') {
                None | Some(("", _)) => b"/",
                Some((directory, _)) => directory.as_bytes(),
            })
    }
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether the host is this domain or a subdomain of it. An IP address has no subdomains.
pub(super) fn domain_matches(url: &Url, domain: &[u8]) -> bool {
    let host = url.host_str().unwrap_or_default().as_bytes();
    let Some(above) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let (below, end) = host.split_at(above);
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    end.eq_ignore_ascii_case(domain) && (below.is_empty() || is_name && below.ends_with(b"."))
}

pub(super) fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
}
