//! The cookies of a session: cookies that the server sets are sent back to it, as by a browser.
//!
//! Load balancers often use a cookie to route all requests of a session to the same server ("sticky
//! sessions"). Without the cookie, the second request reaches a server that does not know the session.
//! Each session therefore has a [`Jar`], which all its transports share. It follows RFC 6265 and its
//! revision.
//!
//! A custom transport uses the jar in two places:
//!
//! ```
//! use std::time::Duration;
//!
//! use engineio_client::cookies::Jar;
//! use http::header::{COOKIE, SET_COOKIE};
//! use http::{HeaderMap, HeaderValue};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! // In a transport these are `request.cookies`, `request.url` and `runtime.now()`.
//! let jar = Jar::default();
//! let url = "http://localhost/engine.io/".parse()?;
//! let now = Duration::from_secs(1);
//!
//! // Store the cookies of each response.
//! let mut response = HeaderMap::new();
//! response.insert(SET_COOKIE, HeaderValue::from_static("server=3; Path=/; HttpOnly"));
//! jar.store(&response, &url, now);
//!
//! // Add the cookies to each request, after those that the user has set.
//! let mut request = HeaderMap::new();
//! request.insert(COOKIE, HeaderValue::from_static("user=7"));
//! jar.add_to(&mut request, &url, now);
//! assert_eq!(request[COOKIE], "user=7; server=3");
//! # Ok(())
//! # }
//! ```

mod parse;

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
#[cfg(not(target_os = "unknown"))]
use std::time::SystemTime;

use http::header::{COOKIE, DATE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Url;

use parse::{Lifetime, SetCookie, is_secure};

/// The cookies of a session. Clones share them.
///
/// # Rules
///
/// - A cookie is sent to the host that set it, on any port. If it has a `Domain`, it is also sent to
///   subdomains of that domain, since a session that follows a redirect may use several hosts. A
///   `Domain` without a dot (`com`) is ignored. There is no list of public suffixes such as `co.uk`;
///   this matters little, since a jar only has the cookies of one session's servers.
/// - `Path`, `Secure`, `Expires`, `Max-Age` and the prefixes `__Secure-` and `__Host-` are obeyed.
///   `HttpOnly` and `SameSite` have no meaning outside of a browser and are ignored.
/// - Values are kept byte by byte, quotes included.
/// - Lifetimes are measured on the caller's clock, [`Runtime::now`](crate::Runtime::now). The lifetime
///   that an `Expires` allows is counted from the response's own `Date`, so that a wrong clock of the
///   server or of this machine does not matter. Without a `Date` it is counted from this machine's
///   time.
///
/// Values, domains and paths are secret: `Debug` shows only the names of cookies.
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::cookies::Jar;
/// use http::header::{COOKIE, SET_COOKIE};
/// use http::{HeaderMap, HeaderValue};
///
/// let jar = Jar::default();
/// let url = "http://localhost/engine.io/".parse()?;
/// let mut response = HeaderMap::new();
/// response.insert(SET_COOKIE, HeaderValue::from_static("server=3; Max-Age=60"));
/// jar.store(&response, &url, Duration::ZERO);
///
/// let mut late = HeaderMap::new();
/// jar.add_to(&mut late, &url, Duration::from_secs(61));
/// assert!(late.is_empty(), "the cookie has expired");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jar(Arc<Mutex<State>>);

struct State {
    /// In the order of the `Cookie` header: longer paths first, then older cookies.
    cookies: Vec<Cookie>,
    most: usize,
    most_bytes: usize,
    /// Number of cookies set so far.
    count: u64,
}

struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: Vec<u8>,
    /// Whether subdomains of the domain get the cookie, too.
    subdomains: bool,
    path: Vec<u8>,
    secure: bool,
    /// On the caller's clock.
    until: Option<Duration>,
    /// Values of `count` when the cookie was first set, and when it was last set.
    created: u64,
    updated: u64,
}

impl Cookie {
    fn size(&self) -> usize {
        [&self.name, &self.value, &self.domain, &self.path]
            .iter()
            .fold(0, |size, part| size.saturating_add(part.len()))
    }

    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().as_bytes();
        host.eq_ignore_ascii_case(&self.domain)
            || self.subdomains && parse::domain_matches(url, &self.domain)
    }

    fn has_expired(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// A jar for at most 64 cookies and 16 KiB.
impl Default for Jar {
    fn default() -> Self {
        Self::new(64, 16 * 1024)
    }
}

impl Jar {
    /// Creates an empty jar for at most this number of cookies, and at most this number of bytes in
    /// total (names, values, paths and domains).
    ///
    /// When the jar is full, the cookies that were set the longest ago are removed. A single cookie
    /// that is larger than the limit is not stored.
    ///
    /// ```
    /// use engineio_client::cookies::Jar;
    ///
    /// let jar = Jar::new(10, 4096);
    /// # let _ = jar;
    /// ```
    pub fn new(cookies: usize, bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            cookies: Vec::new(),
            most: cookies,
            most_bytes: bytes,
            count: 0,
        })))
    }

    /// Stores the cookies of a response, from its `Set-Cookie` headers. `url` is the request's URL, and
    /// `now` is the time of the runtime. Call it for every response, whatever its status.
    ///
    /// Malformed cookies, and cookies that this server may not set, are ignored, as by a browser. The
    /// example of the [module](self) stores a cookie and sends it back.
    pub fn store(&self, response: &HeaderMap, url: &Url, now: Duration) {
        self.store_at(response, url, now, wall_clock);
    }

    fn store_at(&self, response: &HeaderMap, url: &Url, now: Duration, clock: fn() -> Option<i64>) {
        let mut lines = response.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        let date = || {
            let date = response.get(DATE);
            date.and_then(|date| crate::http_date::parse(date.as_bytes()))
                .or_else(clock)
        };
        let mut state = self.lock();
        for line in lines {
            if let Some(cookie) = parse::set_cookie(line.as_bytes())
                && cookie.is_allowed(url)
            {
                state.take(cookie, url, now, date);
            }
        }
    }

    /// Adds the cookies for this URL to the headers of a request. They are appended to the `Cookie`
    /// header that the user has set, if any, so that there is one header.
    ///
    /// The user's cookies come first. If the server has set a cookie of the same name, the server's
    /// cookie is sent instead of the user's, since it is newer. If the server deletes its cookie, the
    /// user's is sent again. The example of the [module](self) shows both methods.
    pub fn add_to(&self, request: &mut HeaderMap, url: &Url, now: Duration) {
        let mut state = self.lock();
        if state.cookies.is_empty() && request.get_all(COOKIE).iter().nth(1).is_none() {
            return;
        }
        state.remove_expired(now);
        let secure = is_secure(url);
        let path = url.path().as_bytes();
        let ours = || {
            let mine = |cookie: &&Cookie| {
                cookie.is_for(url) && (secure || !cookie.secure) && matches(path, &cookie.path)
            };
            state.cookies.iter().filter(mine)
        };
        let users: Vec<&HeaderValue> = request.get_all(COOKIE).iter().collect();
        if users.len() < 2 && ours().next().is_none() {
            return;
        }
        let mut line = Vec::new();
        for pair in users
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b';'))
        {
            let pair = pair.trim_ascii();
            let name = parse::pair(pair).0;
            if !pair.is_empty() && !ours().any(|cookie| cookie.name == name) {
                append(&mut line, &[pair]);
            }
        }
        for cookie in ours() {
            if cookie.name.is_empty() {
                append(&mut line, &[&cookie.value]);
            } else {
                append(&mut line, &[&cookie.name, b"=", &cookie.value]);
            }
        }
        // The parts are valid header values, so the joined line is valid, too.
        if let Ok(mut value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(line)) {
            value.set_sensitive(true);
            request.insert(COOKIE, value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(line: &mut Vec<u8>, parts: &[&[u8]]) {
    if !line.is_empty() {
        line.extend_from_slice(b"; ");
    }
    for part in parts {
        line.extend_from_slice(part);
    }
}

impl State {
    fn take(
        &mut self,
        cookie: SetCookie<'_>,
        url: &Url,
        now: Duration,
        date: impl Fn() -> Option<i64>,
    ) {
        let lifetime = match cookie.lifetime {
            Lifetime::Session => None,
            Lifetime::For(lifetime) => Some(lifetime),
            // If no date is known at all, the cookie is kept for the session. The server ignores it
            // once it has expired.
            Lifetime::Until(end) => date().map(|date| {
                let left = u64::try_from(end.saturating_sub(date)).unwrap_or_default();
                Duration::from_secs(left)
            }),
        };
        let lifetime = lifetime.map(|lifetime| lifetime.min(LONGEST));
        self.count = self.count.saturating_add(1);
        let (domain, subdomains) = cookie.domain(url);
        let mut new = Cookie {
            name: cookie.name.to_vec(),
            value: cookie.value.to_vec(),
            domain,
            subdomains,
            path: cookie.path(url).to_vec(),
            secure: cookie.secure,
            until: lifetime.map(|lifetime| now.saturating_add(lifetime)),
            created: self.count,
            updated: self.count,
        };
        if new.size() > self.most_bytes {
            return;
        }
        self.cookies.retain(|old| {
            let same = old.name == new.name && old.domain == new.domain && old.path == new.path;
            if same {
                new.created = old.created;
            }
            !same
        });
        if new.has_expired(now) {
            return;
        }
        let order = |cookie: &Cookie| (Reverse(cookie.path.len()), cookie.created);
        let place = self.cookies.partition_point(|old| order(old) < order(&new));
        self.cookies.insert(place, new);
        if self.is_over_limit() {
            self.remove_expired(now);
        }
        while self.is_over_limit() {
            let oldest = self.cookies.iter().map(|cookie| cookie.updated).min();
            self.cookies.retain(|cookie| Some(cookie.updated) != oldest);
        }
    }

    fn is_over_limit(&self) -> bool {
        let sizes = self.cookies.iter().map(Cookie::size);
        self.cookies.len() > self.most || sizes.fold(0, usize::saturating_add) > self.most_bytes
    }

    fn remove_expired(&mut self, now: Duration) {
        self.cookies.retain(|cookie| !cookie.has_expired(now));
    }
}

/// The longest lifetime that the revision of RFC 6265 allows: 400 days.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Seconds since 1970. `None` in a browser, where `std` has no such clock: the browser keeps the cookies, and
/// shows them to nobody.
#[cfg(target_os = "unknown")]
fn wall_clock() -> Option<i64> {
    None
}

/// Seconds since 1970.
#[cfg(not(target_os = "unknown"))]
#[expect(
    clippy::disallowed_methods,
    reason = "an `Expires` is a date, which needs a calendar clock if the response has no `Date`"
)]
fn wall_clock() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

/// RFC 6265, 5.1.4: the cookie path `/a` matches `/a` and `/a/b`, but not `/ab`.
fn matches(path: &[u8], cookie: &[u8]) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| {
        rest.is_empty() || cookie.ends_with(b"/") || rest.first() == Some(&b'/')
    })
}

/// Shows only the names of cookies.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let names = state.cookies.iter();
        let names: Vec<_> = names
            .map(|cookie| String::from_utf8_lossy(&cookie.name))
            .collect();
        f.debug_tuple("Jar").field(&names).finish()
    }
}

#[cfg(test)]
mod tests;
