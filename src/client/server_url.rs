//! Parses the URL of the server.

use base64::Engine as _;
use http::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use crate::error::{Error, ErrorKind};
use crate::runtime::Address;

/// The parts of the URL that a session uses.
pub(super) struct ServerUrl {
    pub(super) url: Url,
    /// The Unix socket to connect to, instead of the host of the URL.
    pub(super) address: Option<Address>,
    pub(super) query: String,
    pub(super) credentials: Option<HeaderValue>,
}

impl ServerUrl {
    /// `schemes` are the URL schemes that the transport supports.
    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, Error> {
        let invalid = |message: &'static str| Error::new(ErrorKind::Invalid, message);
        let mut url = Url::parse(text).map_err(|error| unparsed(text, error))?;
        let mut address = None;
        if !schemes.contains(&url.scheme()) {
            return Err(unsupported_scheme(&url, schemes));
        }
        let scheme = match url.scheme() {
            "http" | "ws" => Some("http"),
            "https" | "wss" => Some("https"),
            "unix" => {
                address = Some(socket(&url)?);
                url = behind_socket(&url).ok_or_else(|| invalid("the URL cannot be parsed"))?;
                Some("http")
            }
            // The scheme of a custom transport, which interprets the host itself.
            _ => None,
        };
        if url.cannot_be_a_base() || scheme.is_some() && url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("the URL has no host"));
        }
        if let Some(scheme) = scheme
            && url.scheme() != scheme
            && url.set_scheme(scheme).is_err()
        {
            return Err(invalid("the scheme of the URL cannot be used"));
        }
        let credentials = credentials(&url)?;
        let mut query = String::new();
        for pair in url.query().unwrap_or_default().split('&') {
            let name = pair.split('=').next().unwrap_or_default();
            let name: Vec<u8> = percent_decode_str(name).collect();
            if !pair.is_empty() && !is_of_the_protocol(&name) {
                if !query.is_empty() {
                    query.push('&');
                }
                query.push_str(pair);
            }
        }
        url.set_query(None);
        url.set_fragment(None);
        // Neither call can fail, since the URL has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            url,
            address,
            query,
            credentials,
        })
    }

    pub(super) fn set_path(
        &mut self,
        path: Option<&str>,
        trailing_slash: bool,
    ) -> Result<(), Error> {
        let given = path
            .unwrap_or_else(|| self.url.path())
            .trim_matches('/')
            .to_owned();
        if given.contains(['\r', '\n', ' ']) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the path contains a space or a line break",
            ));
        }
        if given.contains(['?', '#']) {
            let message = format!(
                "the path {given:?} contains a query or a fragment: pass query parameters to Builder::query"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut whole = String::from("/");
        whole.push_str(if given.is_empty() && path.is_none() {
            "engine.io"
        } else {
            &given
        });
        if trailing_slash && whole != "/" {
            whole.push('/');
        }
        self.url.set_path(&whole);
        Ok(())
    }

    pub(super) fn add_query(&mut self, more: &str) {
        if !self.query.is_empty() && !more.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(more);
    }
}

/// Neither the URL standard nor browsers support IPv6 zones, such as `http://[fe80::1%25eth0]` (RFC
/// 6874).
fn unparsed(text: &str, error: ParseError) -> Error {
    let message = if error == ParseError::InvalidIpv6Address && text.contains('%') {
        "a URL cannot contain an IPv6 zone: use a name or the address without the zone as the host, and pass \
         the address with its scope id to transports::Dialer::resolve_to"
    } else if error == ParseError::RelativeUrlWithoutBase {
        "the URL has no scheme: is http:// missing?"
    } else {
        "the URL cannot be parsed"
    };
    Error::new(ErrorKind::Invalid, message).with_source(error)
}

fn unsupported_scheme(url: &Url, schemes: &[&str]) -> Error {
    // As in "localhost:3000".
    let hint = if url.cannot_be_a_base() {
        "; is http:// missing?"
    } else {
        ""
    };
    let message = format!(
        "the URL scheme {:?} is not supported by the transport, use one of: {}{hint}",
        url.scheme(),
        schemes.join(", ")
    );
    Error::new(ErrorKind::Invalid, message)
}

/// Whether the client adds this query parameter itself. If the parameter were in the query twice,
/// servers would not find the session.
pub(super) fn is_of_the_protocol(name: &[u8]) -> bool {
    matches!(name, b"EIO" | b"transport" | b"sid")
}

/// The percent-decoded socket path of a URL `unix:///path`.
fn socket(url: &Url) -> Result<Address, Error> {
    let path = percent_decode_str(url.path()).decode_utf8();
    match path {
        Ok(path) if !url.has_host() && path.len() > 1 && !path.contains('\0') => {
            Ok(Address::Unix(path.into_owned().into()))
        }
        _ => Err(Error::new(
            ErrorKind::Invalid,
            "the URL of a Unix socket must be unix:///path, without a host",
        )),
    }
}

/// The URL of requests through a Unix socket: `http://localhost/` with the query of the `unix` URL.
fn behind_socket(url: &Url) -> Option<Url> {
    let mut server = Url::parse("http://localhost/").ok()?;
    server.set_query(url.query());
    Some(server)
}

fn credentials(url: &Url) -> Result<Option<HeaderValue>, Error> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return Ok(None);
    }
    let mut plain: Vec<u8> = percent_decode_str(url.username()).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password.unwrap_or_default()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            "the user and password of the URL cannot be sent as a header",
        )
        .with_source(error)
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [&str; 5] = ["http", "https", "ws", "wss", "unix"];
    use crate::transport::add_query;

    fn parse(url: &str, path: Option<&str>, slash: bool) -> ServerUrl {
        let mut server = ServerUrl::parse(url, &SCHEMES).unwrap();
        server.set_path(path, slash).unwrap();
        server
    }

    #[test]
    fn the_path_is_the_urls_or_the_one_given_or_the_default() {
        // Ported from engine.io-client: engine.io-client.js:62, parseuri.js:7; python-engineio:
        // test_engineio_url
        for (url, path, expected) in [
            ("http://h", None, "http://h/engine.io/"),
            ("http://h/", None, "http://h/engine.io/"),
            ("ws://h:8080", None, "http://h:8080/engine.io/"),
            ("wss://h:443", None, "https://h/engine.io/"),
            ("HTTP://H/chat", None, "http://h/chat/"),
            ("http://h/a/b/", None, "http://h/a/b/"),
            ("http://h/a", Some("x/y"), "http://h/x/y/"),
            ("http://h/a", Some("/"), "http://h/"),
            ("http://[::1]:80/", Some("/x/"), "http://[::1]/x/"),
            ("http://h/a?q=1#f", None, "http://h/a/"),
        ] {
            assert_eq!(parse(url, path, true).url.as_str(), expected);
        }
        assert_eq!(
            parse("http://h", None, false).url.as_str(),
            "http://h/engine.io"
        );
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_with_a_hint() {
        for url in ["localhost:3000", "127.0.0.1:3000", "h/engine.io"] {
            let error = ServerUrl::parse(url, &SCHEMES).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(
                error.to_string().ends_with("is http:// missing?"),
                "{error}"
            );
        }
        let error = ServerUrl::parse("ftp://h", &SCHEMES).err().unwrap();
        assert!(!error.to_string().contains("missing"), "{error}");
    }

    /// If such a path were accepted, the client would request `/x%3Fa=1` for `/x?a=1`.
    #[test]
    fn r15_a_path_with_a_query_or_a_fragment_is_refused() {
        for path in ["/x?a=1", "x#y", "?"] {
            let mut server = ServerUrl::parse("http://h", &SCHEMES).unwrap();
            let error = server.set_path(Some(path), true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("Builder::query"), "{error}");
        }
    }

    #[test]
    fn the_host_and_the_port_are_those_of_the_url_or_of_its_scheme() {
        // Ported from engine.io-client: engine.io-client.js:27, :32, :38, :44, :50, :56, :68, :74, :80,
        // :86, :92, transport.js:70, :81, :93, :107, :119, :131, :157, :168, :179, :190, :213, :224,
        // parseuri.js:7; python-engineio: test_engineio_url
        for (url, host, port, authority) in [
            ("http://localhost", "localhost", 80, "localhost"),
            ("https://localhost", "localhost", 443, "localhost"),
            ("ws://localhost", "localhost", 80, "localhost"),
            ("wss://localhost", "localhost", 443, "localhost"),
            ("http://localhost:80", "localhost", 80, "localhost"),
            ("https://localhost:443", "localhost", 443, "localhost"),
            ("http://h:443", "h", 443, "h:443"),
            ("https://h:80", "h", 80, "h:80"),
            ("http://localhost:8080", "localhost", 8080, "localhost:8080"),
            (
                "https://localhost:8443",
                "localhost",
                8443,
                "localhost:8443",
            ),
            ("wss://localhost:2020", "localhost", 2020, "localhost:2020"),
            ("http://[::1]", "[::1]", 80, "[::1]"),
            ("https://[::1]", "[::1]", 443, "[::1]"),
            ("http://[::1]:8080", "[::1]", 8080, "[::1]:8080"),
            ("ws://[::1]", "[::1]", 80, "[::1]"),
            (
                "ws://[2001:db8::1]:7334",
                "[2001:db8::1]",
                7334,
                "[2001:db8::1]:7334",
            ),
            ("http://user:b@h:81/p?bar=@example.com", "h", 81, "h:81"),
            ("http://h?bar=@example.com", "h", 80, "h"),
        ] {
            let url = parse(url, None, true).url;
            assert_eq!(url.host_str(), Some(host), "{url}");
            assert_eq!(url.port_or_known_default(), Some(port), "{url}");
            let written = &url[url::Position::BeforeHost..url::Position::AfterPort];
            assert_eq!(written, authority);
        }
    }

    #[test]
    fn the_query_is_kept_except_for_the_parameters_of_the_protocol() {
        // Ported from python-engineio: test_connect_query_string, test_engineio_url
        let mut server = parse("http://h/?a=1&EIO=3&b=%20x&transport=x&c", None, true);
        assert_eq!(server.query, "a=1&b=%20x&c");
        let mut more = String::new();
        add_query(&mut more, "d&", "e f=ü");
        server.add_query(&more);
        assert_eq!(server.query, "a=1&b=%20x&c&d%26=e%20f%3D%C3%BC");
        let copied = ServerUrl::parse("http://h/?sid=old&%45IO=4&t=1&side=2", &SCHEMES).unwrap();
        assert_eq!(copied.query, "t=1&side=2");
    }

    #[test]
    fn t14_a_query_value_is_percent_encoded() {
        let mut query = String::new();
        add_query(&mut query, "token", "a+b==&c d/ü%41#?");
        assert_eq!(query, "token=a%2Bb%3D%3D%26c%20d%2F%C3%BC%2541%23%3F");
    }

    #[test]
    fn a_user_in_the_url_becomes_basic_authentication_and_leaves_the_url() {
        // Ported from engine.io-client: parseuri.js:7; python-engineio:
        // test_websocket_connection_with_auth
        let server = parse("http://foo:b%40r@h/", None, true);
        assert_eq!(server.url.as_str(), "http://h/engine.io/");
        let value = server.credentials.unwrap();
        assert_eq!(value, "Basic Zm9vOmJAcg==");
        assert!(value.is_sensitive());
    }

    #[test]
    fn the_path_of_a_unix_url_is_the_path_of_the_socket() {
        let server = parse("unix:///run/my%20app.sock?a=1", None, true);
        let path = std::path::PathBuf::from("/run/my app.sock");
        assert_eq!(server.address, Some(Address::Unix(path)));
        assert_eq!(server.url.as_str(), "http://localhost/engine.io/");
        assert_eq!(server.query, "a=1");
    }

    #[test]
    fn an_unusable_url_is_refused() {
        // Ported from engine.io-client: engine.io-client.js:98, parseuri.js:7
        for url in [
            "unix://host/path",
            "unix:///",
            "unix:",
            "",
            "localhost",
            "localhost:80",
            "ftp://h",
            "http://",
            "http://h:99999",
            "data:x",
            "http:// x",
            "http://::1",
            "//h",
            "/foo?bar=@example.com",
        ] {
            let Err(error) = ServerUrl::parse(url, &SCHEMES) else {
                panic!("{url:?} was accepted")
            };
            assert_eq!(error.kind(), ErrorKind::Invalid, "{url:?}");
        }
    }
}
