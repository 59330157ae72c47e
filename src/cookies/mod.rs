//! The cookies of one session: what the server sets comes back to it, as in a browser.
//!
//! A load balancer that keeps a session on one of several servers often does so with a cookie, and
//! without it a second request meets a server that has never heard of the session. So a session has a
//! [`Jar`], by the rules of RFC 6265 and its revision, which all its transports share.
//!
//! A custom transport uses it in two places:
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
//! // From each response...
//! let mut response = HeaderMap::new();
//! response.insert(SET_COOKIE, HeaderValue::from_static("server=3; Path=/; HttpOnly"));
//! jar.store(&response, &url, now);
//!
//! // ...to each request, behind what the user has set.
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
use std::time::{Duration, SystemTime};

use http::header::{COOKIE, DATE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Url;

use parse::{Lifetime, SetCookie, is_secure};

/// The cookies that a server has set. Clones share them.
///
/// # What it does
///
/// A cookie goes to the host that has set it, on any port, and where it has a `Domain` also to hosts
/// below that one: a session that follows a redirect may talk to more than one. A `Domain` without a dot
/// (`com`) widens nothing; there is no list of the others under which anybody can have a name (`co.uk`),
/// but a jar has only what the servers of one session have set. `Path`, `Secure`, `Expires`, `Max-Age` and the prefixes
/// `__Secure-` and `__Host-` have their meaning; `HttpOnly` and `SameSite` have none outside of a
/// browser. Values are kept byte by byte, quotes included.
///
/// How long a cookie lives is measured on the clock of the caller, [`Runtime::now`]. An `Expires`
/// is taken for the time from the response's own `Date` on, so that a clock that is wrong on either
/// side changes nothing; without a `Date`, from this machine's time on.
///
/// # What is secret
///
/// All of it but the names: `Debug` shows those.
///
/// [`Runtime::now`]: crate::Runtime::now
#[derive(Clone)]
pub struct Jar(Arc<Mutex<State>>);

struct State {
    /// In the order of the header: longer paths first, then older cookies.
    cookies: Vec<Cookie>,
    most: usize,
    most_bytes: usize,
    /// Counts cookies that were set.
    count: u64,
}

struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: Vec<u8>,
    /// Whether it is for hosts below the domain, too.
    below: bool,
    path: Vec<u8>,
    secure: bool,
    /// On the caller's clock.
    until: Option<Duration>,
    /// The count when it was set first, and last.
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
            || self.below && parse::domain_matches(url, &self.domain)
    }

    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// 64 cookies, and 16 KiB.
impl Default for Jar {
    fn default() -> Self {
        Self::new(64, 16 * 1024)
    }
}

impl Jar {
    /// An empty jar for so many cookies, and so many bytes of them in all (names, values, paths and
    /// domains). When there are more, those that were set the longest ago go; a single cookie that is
    /// larger is not taken.
    pub fn new(cookies: usize, bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            cookies: Vec::new(),
            most: cookies,
            most_bytes: bytes,
            count: 0,
        })))
    }

    /// Takes the cookies that a response sets (its `Set-Cookie` headers). `url` is that of the
    /// request, and `now` the time of the runtime. Any response may set some, one that refuses, too.
    ///
    /// What is not a cookie, or not one that this server may set, is passed over, as in a browser.
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

    /// Adds what belongs to a request to its headers: to the `Cookie` that the user has set, if there
    /// is one, so that it stays one header.
    ///
    /// The user's come first. Where both have a name, what the server has set is newer, and stands
    /// alone; a cookie that the server deletes leaves the user's of that name as it is.
    pub fn add_to(&self, request: &mut HeaderMap, url: &Url, now: Duration) {
        let mut state = self.lock();
        state.forget_the_expired(now);
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
        // All of it comes from values of headers.
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
            // A machine that does not know the time can't tell: the server will.
            Lifetime::Until(end) => date().map(|date| {
                let left = u64::try_from(end.saturating_sub(date)).unwrap_or_default();
                Duration::from_secs(left)
            }),
        };
        let lifetime = lifetime.map(|lifetime| lifetime.min(LONGEST));
        self.count = self.count.saturating_add(1);
        let (domain, below) = cookie.domain(url);
        let mut new = Cookie {
            name: cookie.name.to_vec(),
            value: cookie.value.to_vec(),
            domain,
            below,
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
        if new.is_over(now) {
            return;
        }
        let order = |cookie: &Cookie| (Reverse(cookie.path.len()), cookie.created);
        let place = self.cookies.partition_point(|old| order(old) < order(&new));
        self.cookies.insert(place, new);
        if self.is_too_full() {
            self.forget_the_expired(now);
        }
        while self.is_too_full() {
            let oldest = self.cookies.iter().map(|cookie| cookie.updated).min();
            self.cookies.retain(|cookie| Some(cookie.updated) != oldest);
        }
    }

    fn is_too_full(&self) -> bool {
        let sizes = self.cookies.iter().map(Cookie::size);
        self.cookies.len() > self.most || sizes.fold(0, usize::saturating_add) > self.most_bytes
    }

    fn forget_the_expired(&mut self, now: Duration) {
        self.cookies.retain(|cookie| !cookie.is_over(now));
    }
}

/// As long as RFC 6265's revision lets a cookie live at most: 400 days.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "an Expires is a date: where the response does not tell its own, only this clock can"
)]
fn wall_clock() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

/// RFC 6265, 5.1.4: `/a` is for `/a` and `/a/b`, and not for `/ab`.
fn matches(path: &[u8], cookie: &[u8]) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| {
        rest.is_empty() || cookie.ends_with(b"/") || rest.first() == Some(&b'/')
    })
}

/// The names alone.
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
