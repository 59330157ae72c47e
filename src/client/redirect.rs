//! Follows a redirect of the handshake: the new URL, and which headers are sent there.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, HeaderName, ORIGIN,
    PRAGMA, USER_AGENT,
};
use percent_encoding::percent_decode_str;
use url::Url;

use super::server_url::ServerUrl;
use crate::limits::LOCATION;
use crate::transport::OpenRequest;

/// The session's open request after a redirect.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) request: OpenRequest,
    /// The user's headers that are not sent to the new origin.
    pub(super) left_out: Vec<HeaderName>,
}

/// The user's headers that are also sent to another origin. Any other header may hold a secret of the
/// old origin: not only `Authorization` and `Cookie`, but also custom headers such as `X-Api-Key`, which
/// cannot be distinguished from harmless ones.
const FOR_ANY_ORIGIN: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    ORIGIN,
    PRAGMA,
    USER_AGENT,
];

/// The open request after a redirect to `location`, or the reason why the redirect cannot be followed.
/// `schemes` are the URL schemes that the transport supports.
pub(super) fn follow(
    request: &OpenRequest,
    location: &str,
    schemes: &[&str],
) -> Result<Followed, String> {
    let target = target(request, location)?;
    let same_origin = origin(&request.url) == origin(&target);
    if request.address.is_some() && !same_origin {
        return Err("it leads from a Unix socket to another host".to_owned());
    }
    let server = ServerUrl::parse(target.as_str(), schemes).map_err(|error| error.report())?;
    let mut followed = Followed {
        left_out: Vec::new(),
        request: request.clone(),
    };
    let new = &mut followed.request;
    if !same_origin {
        for name in request.headers.keys() {
            let mut values = request.headers.get_all(name).iter();
            if !FOR_ANY_ORIGIN.contains(name) || values.any(|value| value.is_sensitive()) {
                new.headers.remove(name);
                followed.left_out.push(name.clone());
            }
        }
    }
    if let Some(credentials) = server.credentials
        && !new.headers.contains_key(AUTHORIZATION)
    {
        new.headers.insert(AUTHORIZATION, credentials);
    }
    new.query = without_added_parameters(&server.query, request);
    new.url = server.url;
    Ok(followed)
}

/// Resolves a `Location` against the URL of the request, and replaces `ws` by `http`.
fn target(request: &OpenRequest, location: &str) -> Result<Url, String> {
    let location = location.trim_ascii();
    if location.is_empty() {
        return Err("its Location is empty".to_owned());
    }
    if location.len() > LOCATION {
        return Err(format!("its Location has more than {LOCATION} bytes"));
    }
    let mut base = request.url.clone();
    let query = Some(request.query.as_str());
    base.set_query(query.filter(|query| !query.is_empty()));
    let mut target = base
        .join(location)
        .map_err(|error| format!("its Location is not a URL ({error})"))?;
    let scheme = match target.scheme() {
        "ws" => "http",
        "wss" => "https",
        other => other,
    }
    .to_owned();
    match (base.scheme(), scheme.as_str()) {
        ("http", "https") => {}
        (old, new) if old == new => {}
        ("https", "http") => {
            return Err("it leads from https to http, which is not encrypted".to_owned());
        }
        _ => return Err("it leads to a URL that is neither http nor https".to_owned()),
    }
    // `set_scheme` cannot fail between `http` and `https`.
    let _ = target.set_scheme(&scheme);
    Ok(target)
}

/// Scheme, host and port. [`Url::origin`] does not support the schemes of custom transports.
fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

/// The query of the new location, without parameters that the server copied from our request: the
/// cache-buster `t`, and `b64`, which older clients send. A parameter that the user has set is kept.
fn without_added_parameters(query: &str, request: &OpenRequest) -> String {
    let is_the_users = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name: Vec<u8> = percent_decode_str(name).collect();
        let is_ours = name == b"b64" || request.timestamps && name == b"t";
        !is_ours || request.query.split('&').any(|users| users == *pair)
    };
    let pairs: Vec<&str> = query.split('&').filter(is_the_users).collect();
    pairs.join("&")
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use std::sync::Arc;

    use http::uri::PathAndQuery;
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::Runtime;
    use crate::runtime::mock::MockRuntime;
    use crate::transport::Activity;

    const SCHEMES: [&str; 5] = ["http", "https", "ws", "wss", "unix"];

    fn request(url: &str, query: &str) -> OpenRequest {
        let runtime: Arc<dyn Runtime> = Arc::new(MockRuntime::new());
        let mut request = OpenRequest::new("x", url.parse().unwrap(), Activity::new(runtime));
        query.clone_into(&mut request.query);
        request
    }

    proptest! {
        #[test]
        fn any_location_gives_a_usable_url_or_a_reason_why_not(
            secure in any::<bool>(),
            query in "(a=1)?",
            parts in proptest::collection::vec(
                prop_oneof![
                    "(https?|HTTP|wss?|ftp|unix|data|file)?:",
                    "//?|\\\\\\\\?",
                    "([a-z]{1,3}@|u:p@)?(h\\.test|\\[::1\\]|127\\.1|xn--|%41)(:[0-9]{0,6})?",
                    "[?#&=]",
                    "(EIO|t|b64|sid|transport|%74)=[0-9a-z]{0,3}",
                    "\\PC{0,4}",
                    ".{0,4}",
                ],
                0..8,
            ),
        ) {
            let old = if secure { "https://old.test/a/b" } else { "http://old.test/a/b" };
            let request = request(old, &query);
            let Ok(Followed { request: new, .. }) = follow(&request, &parts.concat(), &SCHEMES)
            else {
                return Ok(());
            };
            prop_assert!(new.url.scheme() == "https" || !secure && new.url.scheme() == "http");
            prop_assert!(new.url.host_str().is_some_and(|host| !host.is_empty()));
            prop_assert_eq!(new.url.username(), "");
            prop_assert_eq!((new.url.password(), new.url.query(), new.url.fragment()), (None, None, None));
            let target = new.target(None, 1);
            prop_assert!(PathAndQuery::try_from(target.as_str()).is_ok(), "{}", target);
            let (_, query) = target.split_once('?').unwrap();
            for name in ["EIO=", "transport=", "t="] {
                let pairs = query.split('&');
                prop_assert_eq!(pairs.filter(|pair| pair.starts_with(name)).count(), 1);
            }
        }
    }
}
