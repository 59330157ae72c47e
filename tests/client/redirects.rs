//! Redirects of the handshake, as any transport reports them: how the target is resolved, which targets
//! are refused, and which headers and query parameters are forwarded.

use std::sync::Arc;

use engineio_client::runtime::Address;
use engineio_client::{Link, OpenRequest, Transport, async_trait};
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, HeaderValue};

use super::*;

type MockBuilder = Builder<Transports, MockRuntime>;

/// Returns the request with which the WebSocket is opened after a redirect from `url` to `location`, or
/// the error if the redirect is not followed.
async fn followed(
    runtime: &MockRuntime,
    url: &str,
    location: &str,
    set: impl FnOnce(MockBuilder) -> MockBuilder,
) -> Result<OpenRequest, Error> {
    let (websocket, mut server) = MockTransport::new("websocket");
    let transports = Transports::new().with(websocket);
    let builder = Builder::new(url, transports, runtime.clone()).follow_redirects(true);
    let client = set(builder).start().unwrap();
    let moved = Error::new(ErrorKind::Status, "moved")
        .with_status(308)
        .with_redirect(location);
    server.opened().await.refuse(moved);
    let mut opened = Box::pin(server.opened());
    let mut ended = Box::pin(client.opened());
    match select(&mut opened, &mut ended).await {
        Either::Left((open, _)) => {
            let request = open.request.clone();
            open.refuse(Error::new(ErrorKind::Other, "enough"));
            assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::Other);
            Ok(request)
        }
        Either::Right((connected, _)) => Err(connected.unwrap_err()),
    }
}

fn under_some_orders(test: impl AsyncFn(MockRuntime)) {
    Schedules::new().seeds(0..4).run(test);
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

/// Rule E19.
#[test]
fn a_location_is_resolved_against_the_requested_url() {
    under_some_orders(async |runtime| {
        let url = "https://old.test:8443/a/b/?x=1";
        for (location, expected, query) in [
            ("https://new.test/", "https://new.test/", ""),
            ("wss://new.test/c/", "https://new.test/c/", ""),
            ("HTTPS://NEW.test:443", "https://new.test/", ""),
            ("//new.test:1/c", "https://new.test:1/c", ""),
            ("/c/", "https://old.test:8443/c/", ""),
            ("c/?y=2", "https://old.test:8443/a/b/c/", "y=2"),
            ("../c/", "https://old.test:8443/a/c/", ""),
            ("../../../../c", "https://old.test:8443/c", ""),
            ("?y=2", "https://old.test:8443/a/b/", "y=2"),
            ("#part", "https://old.test:8443/a/b/", "x=1"),
            (" /c d/#part ", "https://old.test:8443/c%20d/", ""),
            ("/ü/?ü", "https://old.test:8443/%C3%BC/", "%C3%BC"),
            ("\\\\new.test\\c", "https://new.test/c", ""),
        ] {
            let request = followed(&runtime, url, location, |builder| builder).await;
            let request = request.unwrap();
            assert_eq!(request.url.as_str(), expected, "{location}");
            assert_eq!(request.query, query, "{location}");
            assert_eq!(request.transport, "websocket");
            assert_eq!(request.sid, None);
        }
    });
}

#[test]
fn a_redirect_within_a_custom_scheme_is_followed() {
    use super::calls::Pigeons;
    under_some_orders(async |runtime| {
        for (location, expected) in [
            ("pigeon://roof/b", Some("pigeon://roof/b")),
            ("c/", Some("pigeon://loft:7/a/c/")),
            ("https://roof/", None),
        ] {
            let (pigeons, mut server) = MockTransport::new("pigeons");
            let builder = Builder::new("pigeon://loft:7/a", Pigeons(pigeons), runtime.clone());
            let client = builder.follow_redirects(true).start().unwrap();
            let moved = Error::new(ErrorKind::Other, "moved").with_redirect(location);
            server.opened().await.refuse(moved);
            if let Some(expected) = expected {
                assert_eq!(server.opened().await.request.url.as_str(), expected);
            } else {
                let error = client.opened().await.unwrap_err();
                assert!(error.to_string().contains("neither http nor"), "{error}");
            }
        }
    });
}

#[test]
fn the_query_is_that_of_the_location_without_protocol_parameters() {
    under_some_orders(async |runtime| {
        for (asked, location, expected) in [
            // The user's query is only kept if the server copies it into the location.
            ("a=1", "a=1&EIO=4&transport=websocket&t=0abcdefg", "a=1"),
            ("a=1", "EIO=4&transport=polling&t=0abcdefg", ""),
            ("a=1", "", ""),
            ("", "EIO=4&b=%20&transport=polling&b64=1&sid=x", "b=%20"),
            ("", "%45IO=3&%74=1&b=2", "b=2"),
            // Parameters of the user with the names of protocol parameters.
            ("t=1&b64=1", "t=1&b64=1&EIO=4&t=0abcdefg", "t=1&b64=1"),
            ("t=1", "t=2", ""),
        ] {
            let url = format!("http://old.test/?{asked}");
            let location = format!("/?{location}");
            let request = followed(&runtime, &url, &location, |builder| builder).await;
            assert_eq!(request.unwrap().query, expected, "{asked} {location}");
        }
        // Without timestamps, `t` is not a protocol parameter.
        let unstamped = |builder: MockBuilder| builder.timestamps(false);
        let request = followed(&runtime, "http://old.test/", "/?t=1", unstamped).await;
        assert_eq!(request.unwrap().query, "t=1");
    });
}

/// Rule E19.
#[test]
fn a_refused_redirect_says_why() {
    under_some_orders(async |runtime| {
        let long = format!("/{}", "x".repeat(8 * 1024));
        let insecure = "from https to http";
        let no_http = "neither http nor https";
        let no_url = "is not a URL";
        for (url, location, why) in [
            ("https://old.test/", "http://old.test/", insecure),
            ("wss://old.test/", "ws://old.test/", insecure),
            ("https://old.test/", "http://new.test:443/", insecure),
            ("http://old.test/", "ftp://new.test/", no_http),
            ("http://old.test/", "unix:///run/x.sock", no_http),
            ("http://old.test/", "file:///etc/passwd", no_http),
            ("http://old.test/", "data:,x", no_http),
            ("https://old.test/", "javascript:x", no_http),
            ("http://old.test/", "http://", no_url),
            ("http://old.test/", "http://[::1", no_url),
            ("http://old.test/", "//new.test:99999/", no_url),
            ("http://old.test/", "", "Location is empty"),
            ("http://old.test/", " \t", "Location is empty"),
            ("http://old.test/", &long, "more than 8192 bytes"),
            ("unix:///run/x.sock", "http://new.test/", "Unix socket"),
            ("unix:///run/x.sock", "http://localhost:1/", "Unix socket"),
            ("unix:///run/x.sock", "unix:///run/y.sock", no_http),
        ] {
            let result = followed(&runtime, url, location, |builder| builder).await;
            let error = result.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(why), "{url} {location}: {text}");
            assert!(text.starts_with("moved, which is not followed: "), "{text}");
            assert_eq!(error.kind(), ErrorKind::Status);
            assert_eq!(error.status(), Some(308));
            assert_eq!(error.redirect(), Some(location));
            assert!(!error.is_retryable());
        }
        // The longest location that is allowed.
        let most = followed(&runtime, "http://old.test/", &long[..8192], |builder| {
            builder
        });
        assert_eq!(most.await.unwrap().url.path().len(), 8192);
    });
}

#[test]
fn a_redirect_behind_a_unix_socket_is_followed_within_the_same_host() {
    under_some_orders(async |runtime| {
        for location in ["/c/", "http://localhost/c/", "ws://localhost:80/c/"] {
            let url = "unix:///run/x.sock";
            let request = followed(&runtime, url, location, |builder| builder).await;
            let request = request.unwrap();
            assert_eq!(request.url.as_str(), "http://localhost/c/");
            let socket = Address::Unix("/run/x.sock".into());
            assert_eq!(request.address, Some(socket));
        }
    });
}

#[test]
fn secrets_are_only_forwarded_to_the_same_origin() {
    under_some_orders(async |runtime| {
        let url = "http://user:password@old.test/?token=secret";
        let mut marked = HeaderMap::new();
        let mut value = HeaderValue::from_static("secret");
        value.set_sensitive(true);
        marked.insert("pragma", value);
        let set = |builder: MockBuilder| {
            builder
                .header("Cookie", "a=secret")
                .header("Proxy-Authorization", "Basic secret")
                .header("X-Api-Key", "secret")
                .header("Host", "virtual.test")
                .header("Origin", "http://page.test")
                .header("User-Agent", "mine")
                .header("Accept-Language", "fi")
                .headers(marked.clone())
        };
        for location in ["/c/", "http://old.test:80/c/", "ws://other:one@old.test/"] {
            let request = followed(&runtime, url, location, &set).await.unwrap();
            assert_eq!(
                request.headers[AUTHORIZATION], "Basic dXNlcjpwYXNzd29yZA==",
                "{location}"
            );
            assert_eq!(request.headers[HOST], "virtual.test");
            assert_eq!(request.headers.len(), 9, "{location}");
        }
        for location in [
            "https://old.test/",
            "http://old.test:81/",
            "http://new.test/",
            "http://www.old.test/",
            "//old.test.test/",
        ] {
            let request = followed(&runtime, url, location, &set).await.unwrap();
            let left = ["accept-language", "origin", "user-agent"];
            assert_eq!(names(&request.headers), left, "{location}");
            assert_eq!(request.headers["origin"], "http://page.test");
            assert_eq!(request.query, "");
        }
        // Credentials in the location are used for the new origin.
        let location = "http://other:one@new.test/";
        let request = followed(&runtime, url, location, &set).await.unwrap();
        assert_eq!(request.headers[AUTHORIZATION], "Basic b3RoZXI6b25l");
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        assert!(!request.headers.contains_key(COOKIE));
        assert_eq!(request.url.as_str(), "http://new.test/");
    });
}

#[test]
fn a_redirect_is_logged_with_its_target_and_without_secrets() {
    use tracing_subscriber::filter::LevelFilter;
    let log = traced::traced(LevelFilter::TRACE, || {
        let runtime = MockRuntime::new();
        runtime.block_on(async {
            let location = "http://u:hunter2@new.test/c/?token=hunter2";
            let set = |builder: MockBuilder| builder.header("X-Api-Key", "hunter2");
            let url = "http://u:hunter2@old.test/?token=hunter2";
            let request = followed(&runtime, url, location, set).await.unwrap();
            assert!(request.query.contains("hunter2"));
            let refused = "ftp://u:hunter2@new.test/c/?token=hunter2";
            let error = followed(&runtime, url, refused, set).await.unwrap_err();
            let shown = format!("{error:?} {error:#?} {error} {}", error.report());
            assert!(!shown.contains("hunter2"), "{shown}");
        });
    });
    let line = r#"redirected from="http://old.test/engine.io/" to="http://new.test/c/" left_out=["#;
    assert!(log.contains(line), "{log}");
    let headers = [r#""x-api-key""#, r#""authorization""#];
    let redirected = log.lines().find(|text| text.contains(line)).unwrap();
    for name in headers {
        assert!(redirected.contains(name), "{redirected}");
    }
    assert!(log.contains(r#"url="http://new.test/c/""#), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn an_attempt_that_fails_after_a_redirect_names_the_new_url() {
    under_some_orders(async |runtime| {
        let (websocket, mut server) = MockTransport::new("websocket");
        let transports = Transports::new().with(websocket);
        let builder = Builder::new("http://old.test/", transports, runtime.clone())
            .follow_redirects(true)
            .open_timeout(Duration::from_secs(3));
        let client = builder.start().unwrap();
        let before = runtime.now();
        let moved = Error::new(ErrorKind::Status, "moved").with_redirect("http://new.test/c/");
        let open = server.opened().await;
        runtime.sleep(Duration::from_secs(2)).await;
        open.refuse(moved);
        let open = server.opened().await;
        let error = client.opened().await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(runtime.now() - before, Duration::from_secs(3));
        let url = error.url().map(url::Url::as_str);
        assert_eq!(url, Some("http://new.test/c/"));
        assert!(open.is_dropped());
    });
}

/// A transport that only accepts the scheme `http`.
struct Plain(MockTransport);

#[async_trait]
impl Transport for Plain {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec!["http"]
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        self.0.open(runtime, request).await
    }
}

#[test]
fn a_redirect_to_a_scheme_that_the_transport_lacks_is_refused() {
    under_some_orders(async |runtime| {
        let (plain, mut server) = MockTransport::new("plain");
        let builder = Builder::new("http://old.test/", Plain(plain), runtime.clone());
        let client = builder.follow_redirects(true).start().unwrap();
        let moved = Error::new(ErrorKind::Status, "moved").with_redirect("https://old.test/");
        server.opened().await.refuse(moved);
        let error = client.opened().await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("not supported by the transport, use one of: http"),
            "{text}"
        );
    });
}
