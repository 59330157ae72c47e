//! The cookie jar, compared with a simpler and slower jar that ignores expiry dates.

use std::time::Duration;

use engineio_client::cookies::Jar;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use super::input::Input;

const URLS: [&str; 8] = [
    "http://app.example.com/engine.io/",
    "https://app.example.com/engine.io/",
    "https://app.example.com/engine.io/a/b",
    "http://app.example.com/",
    "http://app.example.com/engine.iox",
    "https://192.0.2.1/engine.io/",
    "https://www.example.com/engine.io/",
    "http://example.com/engine.io/",
];

/// The input: the limits of a jar, and a list of steps. A step has the seconds since the previous step,
/// a byte that chooses an address, and a line. The line is a `Set-Cookie` header of the server or, if
/// the highest bit of that byte is set, the user's `Cookie` header.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (most, most_bytes) = (input.limit(), input.limit());
    let jar = Jar::new(most, most_bytes);
    let mut model = Model {
        cookies: Vec::new(),
        most,
        most_bytes,
        count: 0,
        exact: true,
    };
    let mut now = Duration::ZERO;
    let mut steps = 0;
    while !input.is_empty() && steps < 100 {
        steps += 1;
        now += Duration::from_secs(u64::from(input.byte()));
        let byte = input.byte();
        let url: Url = URLS[usize::from(byte & 0x7f) % URLS.len()].parse().unwrap();
        let Ok(line) = HeaderValue::from_bytes(input.until(b'\n')) else {
            continue;
        };
        let mut users = None;
        if byte < 0x80 {
            let mut response = HeaderMap::new();
            response.append(SET_COOKIE, line.clone());
            jar.store(&response, &url, now);
            model.store(line.as_bytes(), &url, now);
        } else {
            users = Some(line);
        }
        let mut request = HeaderMap::new();
        if let Some(users) = &users {
            request.append(COOKIE, users.clone());
        }
        jar.add_to(&mut request, &url, now);
        let sent: Vec<_> = request.get_all(COOKIE).iter().collect();
        assert!(sent.len() <= 1, "{sent:?}");
        let sent = sent.first().map(|value| value.as_bytes());
        if model.exact {
            let users = users.as_ref().map(HeaderValue::as_bytes);
            let expected = model.line(&url, now, users);
            assert_eq!(
                sent.map(<[u8]>::escape_ascii).map(|text| text.to_string()),
                expected.map(|line| line.escape_ascii().to_string())
            );
        }
        if users.is_none() {
            within_limits(sent.unwrap_or_default(), most, most_bytes);
        }
    }
    // A cookie lives for at most 400 days, so every cookie with an expiry has expired now.
    now += Duration::from_secs(400 * 24 * 60 * 60);
    let url: Url = URLS[2].parse().unwrap();
    let mut request = HeaderMap::new();
    jar.add_to(&mut request, &url, now);
    if model.exact {
        let sent = request.get(COOKIE).map(HeaderValue::as_bytes);
        assert_eq!(sent, model.line(&url, now, None).as_deref());
    }
    let _ = format!("{jar:?}");
}

fn within_limits(line: &[u8], most: usize, most_bytes: usize) {
    if line.is_empty() {
        return;
    }
    let pairs = line.windows(2).filter(|two| two == b"; ").count() + 1;
    assert!(pairs <= most);
    // The separators between cookies do not count towards the limit of bytes.
    assert!(line.len() <= most_bytes + 3 * pairs);
}

#[derive(Clone)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: Vec<u8>,
    /// Whether the cookie is also sent to subdomains.
    below: bool,
    path: Vec<u8>,
    secure: bool,
    until: Option<Duration>,
    created: usize,
    updated: usize,
}

impl Cookie {
    fn size(&self) -> usize {
        self.name.len() + self.value.len() + self.domain.len() + self.path.len()
    }
}

struct Model {
    cookies: Vec<Cookie>,
    most: usize,
    most_bytes: usize,
    count: usize,
    /// Whether the model predicts every cookie. It does until a cookie has `Expires` without `Max-Age`.
    exact: bool,
}

fn trimmed(text: &[u8]) -> Vec<u8> {
    text.trim_ascii().to_vec()
}

fn halves(text: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (trimmed(&text[..at]), Some(trimmed(&text[at + 1..]))),
        None => (trimmed(text), None),
    }
}

impl Model {
    fn store(&mut self, line: &[u8], url: &Url, now: Duration) {
        let Some(mut cookie) = self.parse(line, url, now) else {
            return;
        };
        self.count += 1;
        cookie.created = self.count;
        cookie.updated = self.count;
        if cookie.size() > self.most_bytes {
            return;
        }
        let key = |cookie: &Cookie| {
            let Cookie {
                name, domain, path, ..
            } = cookie.clone();
            (name, domain, path)
        };
        if let Some(at) = self.cookies.iter().position(|old| key(old) == key(&cookie)) {
            cookie.created = self.cookies.remove(at).created;
        }
        if cookie.until.is_some_and(|until| until <= now) {
            return;
        }
        self.cookies.push(cookie);
        if self.is_too_full() {
            self.cookies
                .retain(|cookie| cookie.until.is_none_or(|until| until > now));
        }
        while self.is_too_full() {
            let oldest = self.cookies.iter().map(|cookie| cookie.updated).min();
            self.cookies.retain(|cookie| Some(cookie.updated) != oldest);
        }
    }

    fn is_too_full(&self) -> bool {
        let bytes: usize = self.cookies.iter().map(Cookie::size).sum();
        self.cookies.len() > self.most || bytes > self.most_bytes
    }

    fn parse(&mut self, line: &[u8], url: &Url, now: Duration) -> Option<Cookie> {
        let mut parts = line.split(|byte| *byte == b';');
        let (name, value) = match halves(parts.next()?) {
            (name, Some(value)) => (name, value),
            (value, None) => (Vec::new(), value),
        };
        if name.is_empty() && (value.is_empty() || value.contains(&b'=')) {
            return None;
        }
        let (mut secure, mut domain, mut path, mut age) = (false, None, None, None);
        let mut has_date = false;
        for part in parts {
            let (word, value) = halves(part);
            // If an attribute begins with `=`, its value counts as its name.
            let (word, value) = match (word, value) {
                (word, Some(value)) if word.is_empty() => (value, Vec::new()),
                (word, value) => (word, value.unwrap_or_default()),
            };
            match word.to_ascii_lowercase().as_slice() {
                b"secure" => secure = true,
                b"expires" => has_date = true,
                b"path" => path = Some(value).filter(|path| path.first() == Some(&b'/')),
                b"domain" => {
                    let name = value.strip_prefix(b".").unwrap_or(&value).to_vec();
                    domain = Some(name).filter(|name| !name.is_empty());
                }
                b"max-age" => {
                    let digits = value.strip_prefix(b"-").unwrap_or(&value);
                    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
                        let number = std::str::from_utf8(digits).unwrap();
                        let number = number.parse().unwrap_or(u64::MAX);
                        age = Some(if value[0] == b'-' { 0 } else { number });
                    }
                }
                _ => {}
            }
        }
        let is_tls = url.scheme() == "https";
        if secure && !is_tls {
            return None;
        }
        let host = url.host_str().unwrap().as_bytes().to_vec();
        if let Some(domain) = &domain {
            let domain = domain.to_ascii_lowercase();
            let above = [b".", domain.as_slice()].concat();
            let is_name = matches!(url.host(), Some(Host::Domain(_)));
            if domain != host && !(is_name && host.ends_with(&above)) {
                return None;
            }
        }
        let start = if name.is_empty() { &value } else { &name }.to_ascii_lowercase();
        if start.starts_with(b"__secure-") && (!secure || name.is_empty()) {
            return None;
        }
        let whole_host = domain.is_none() && path.as_deref() == Some(b"/");
        if start.starts_with(b"__host-") && (!secure || !whole_host || name.is_empty()) {
            return None;
        }
        if has_date && age.is_none() {
            self.exact = false;
        }
        let directory = url.path().rsplit_once('/').unwrap().0.as_bytes();
        let directory = if directory.is_empty() {
            b"/"
        } else {
            directory
        };
        // A domain without a dot is a public suffix, and is ignored.
        let wide = domain.filter(|domain| domain.contains(&b'.'));
        Some(Cookie {
            name,
            value,
            below: wide.is_some(),
            domain: wide.unwrap_or(host).to_ascii_lowercase(),
            path: path.unwrap_or_else(|| directory.to_vec()),
            secure,
            until: age.map(|age| now + Duration::from_secs(age.min(400 * 24 * 60 * 60))),
            created: 0,
            updated: 0,
        })
    }

    fn line(&mut self, url: &Url, now: Duration, users: Option<&[u8]>) -> Option<Vec<u8>> {
        self.cookies
            .retain(|cookie| cookie.until.is_none_or(|until| until > now));
        let path = url.path().as_bytes();
        let mut ours: Vec<&Cookie> = self.cookies.iter().collect();
        ours.retain(|cookie| {
            let directory = [cookie.path.as_slice(), b"/"].concat();
            let below = cookie.path.ends_with(b"/") && path.starts_with(&cookie.path);
            path == cookie.path || below || path.starts_with(&directory)
        });
        ours.retain(|cookie| !cookie.secure || url.scheme() == "https");
        let host = url.host_str().unwrap().as_bytes();
        let is_name = matches!(url.host(), Some(Host::Domain(_)));
        ours.retain(|cookie| {
            let above = [b".", cookie.domain.as_slice()].concat();
            host == cookie.domain || cookie.below && is_name && host.ends_with(&above)
        });
        ours.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.created));
        if ours.is_empty() {
            return users.map(<[u8]>::to_vec);
        }
        let mut pairs: Vec<Vec<u8>> = users
            .unwrap_or_default()
            .split(|byte| *byte == b';')
            .map(trimmed)
            .filter(|pair| {
                let name = match halves(pair) {
                    (name, Some(_)) => name,
                    (_, None) => Vec::new(),
                };
                !pair.is_empty() && !ours.iter().any(|cookie| cookie.name == name)
            })
            .collect();
        pairs.extend(ours.iter().map(|cookie| match &*cookie.name {
            b"" => cookie.value.clone(),
            name => [name, b"=", &cookie.value].concat(),
        }));
        Some(pairs.join(&b"; "[..]))
    }
}
