//! Tests of `eio` through proxies: real ones, unreachable ones, and those of the environment.

use serde_json::json;

use super::support::oxide::Oxide;
use super::support::proxies::{self, Proxy};
use super::support::server::{Server as _, Setup};
use super::support::tls::{AUTHORITY, Front};
use super::{DEADLINE, Eio, File, MODES, Mode, RUNTIMES, connected, goodbye, run};

/// The server behind the proxies, with and without TLS.
struct Target {
    server: Oxide,
    front: Front,
    ca: File,
}

impl Target {
    fn start() -> Self {
        let server = Oxide::start(Setup::Default);
        let identity = AUTHORITY.issue(&["127.0.0.1"]);
        let front = Front::of(&server.url(), identity.server());
        Self {
            server,
            front,
            ca: File::new(&AUTHORITY.pem()),
        }
    }
}

/// Checks that texts are echoed through this proxy, on each runtime and in each mode.
fn talks_through(proxy: &str, target: &Target) {
    for url in [target.server.url(), target.front.url()] {
        for (runtime, mode) in RUNTIMES
            .iter()
            .flat_map(|runtime| MODES.map(|mode| (runtime, mode)))
        {
            let options = ["--proxy", proxy, "--ca", target.ca.path()];
            let mut eio = connected(&url, runtime, mode, &options);
            let long = "long ".repeat(10_000);
            for text in ["hällo", "", &long, "last"] {
                eio.say(text.as_bytes());
                let event = eio.event();
                if event["event"] != "message" {
                    panic!("{runtime}, {mode:?}: {event}: {}", eio.errors());
                }
                assert_eq!(event, json!({"event": "message", "text": text}));
            }
            goodbye(eio, &format!("{url}, {runtime}, {mode:?}"));
        }
    }
}

/// Checks that the proxy has logged this request.
fn has_done(proxy: &Proxy, what: &str) {
    let line = proxy.log().wait_for_line(what, DEADLINE);
    assert!(line.is_some(), "no {what:?} in {:#?}", proxy.log().lines());
}

/// Checks that connecting through this proxy fails, with these words.
fn fails_through(proxy: &str, mode: Mode, url: &str, words: &[&str]) {
    for runtime in RUNTIMES {
        let arguments = [
            "--runtime",
            runtime,
            "--transport",
            mode.option(),
            "--proxy",
        ];
        let (lines, status, errors) = run(&[&arguments[..], &[proxy, url]].concat(), b"hello\n");
        assert_eq!((lines.len(), status), (0, 1), "{errors}");
        for word in words {
            assert!(errors.contains(word), "{word:?}: {errors}");
        }
        assert!(
            !errors.contains("wrong") && !errors.contains("secret"),
            "{errors}"
        );
    }
}

/// Checks that the server is refused without its CA, even though the proxy reaches it.
fn is_not_trusted_through(proxy: &str, target: &Target) {
    let words = "the certificate of 127.0.0.1 was issued by a CA that is not trusted here";
    for mode in [Mode::Polling, Mode::WebSocket] {
        fails_through(proxy, mode, &target.front.url(), &[words]);
    }
}

const CREDENTIALS: proxies::Credentials = Some(("me", "secret"));

#[test]
#[ignore = "needs the proxies that tests/run installs"]
fn talks_through_an_http_proxy() {
    let target = Target::start();
    let url = target.server.url();
    let secure = target.front.port();
    let host = url.strip_prefix("http://").expect("it is http");
    for (credentials, user) in [(None, ""), (CREDENTIALS, "me:secret@")] {
        let proxy = Proxy::http(credentials);
        let through = format!("http://{user}{}", proxy.address());
        talks_through(&through, &target);
        has_done(&proxy, &format!("GET {url}/engine.io/?"));
        has_done(&proxy, &format!("POST {url}/engine.io/?"));
        has_done(&proxy, &format!("CONNECT {host} HTTP/1.1"));
        has_done(&proxy, &format!("CONNECT 127.0.0.1:{secure} HTTP/1.1"));
        is_not_trusted_through(&through, &target);
    }
}

#[test]
#[ignore = "needs the proxies that tests/run installs"]
fn r18_talks_through_an_http_proxy_that_is_reached_by_tls() {
    let target = Target::start();
    let url = target.server.url();
    let secure = target.front.port();
    let host = url.strip_prefix("http://").expect("it is http");
    let identity = AUTHORITY.issue(&["127.0.0.1"]);
    let behind = Proxy::http(CREDENTIALS);
    let proxy = Proxy::with_tls(&behind, &(identity.certificate + &identity.key));
    let through = format!("https://me:secret@{}", proxy.address());
    talks_through(&through, &target);
    has_done(&behind, &format!("GET {url}/engine.io/?"));
    has_done(&behind, &format!("POST {url}/engine.io/?"));
    has_done(&behind, &format!("CONNECT {host} HTTP/1.1"));
    has_done(&behind, &format!("CONNECT 127.0.0.1:{secure} HTTP/1.1"));
    // If the CA of the proxy is not trusted, the client refuses the proxy itself.
    let shown = format!("could not connect to the proxy https://{}", proxy.address());
    for mode in MODES {
        let words = "the certificate of 127.0.0.1 was issued by a CA that is not trusted here";
        fails_through(&through, mode, &url, &[&shown, words]);
    }
}

#[test]
#[ignore = "needs the proxies that tests/run installs"]
fn talks_through_a_socks_proxy() {
    let target = Target::start();
    let url = target.server.url();
    let secure = target.front.port();
    let (_, port) = url.rsplit_once(':').expect("there is a port");
    for (credentials, user) in [(None, ""), (CREDENTIALS, "me:secret@")] {
        let proxy = Proxy::socks(credentials);
        let through = format!("socks5h://{user}{}", proxy.address());
        talks_through(&through, &target);
        has_done(&proxy, &format!("connected to 127.0.0.1:{port}"));
        has_done(&proxy, &format!("connected to 127.0.0.1:{secure}"));
        is_not_trusted_through(&through, &target);
    }
    // The host in the request shows which side resolves the name.
    for (scheme, asked) in [("socks5", "127.0.0.1"), ("socks5h", "localhost")] {
        let proxy = Proxy::socks(None);
        let proxy_url = format!("{scheme}://{}", proxy.address());
        let url = format!("http://localhost:{port}");
        goodbye(
            connected(&url, "tokio", Mode::Upgraded, &["--proxy", &proxy_url]),
            scheme,
        );
        has_done(&proxy, &format!("connected to {asked}:{port}"));
    }
}

#[test]
#[ignore = "needs the proxies that tests/run installs"]
fn a_refusal_by_a_proxy_is_reported() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    let http = Proxy::http(CREDENTIALS);
    let shown = format!("the proxy http://{} ", http.address());
    // This proxy refuses wrong credentials with the status that a server would use.
    for (user, status) in [("", "407 Proxy"), ("me:wrong@", "401 Unauthorized")] {
        let proxy = format!("http://{user}{}", http.address());
        for mode in [Mode::Polling, Mode::WebSocket] {
            fails_through(&proxy, mode, &url, &[&shown, status]);
        }
    }
    let socks = Proxy::socks(CREDENTIALS);
    for (user, words) in [("", "requires a user"), ("me:wrong@", "refused the user")] {
        let proxy = format!("socks5h://{user}{}", socks.address());
        let shown = format!("the proxy socks5h://{} {words}", socks.address());
        for mode in [Mode::Polling, Mode::WebSocket] {
            fails_through(&proxy, mode, &url, &[&shown]);
        }
    }
    // Proxies that can't reach the server.
    let nowhere = format!("http://127.0.0.1:{}", proxies::free_port());
    let proxy = format!("http://me:secret@{}", http.address());
    let shown = format!("through the proxy http://{} with 500", http.address());
    fails_through(&proxy, Mode::Polling, &nowhere, &[&shown]);
    fails_through(
        &proxy,
        Mode::WebSocket,
        &nowhere,
        &["refused a tunnel", "500"],
    );
    let proxy = format!("socks5h://me:secret@{}", socks.address());
    for mode in [Mode::Polling, Mode::WebSocket] {
        fails_through(
            &proxy,
            mode,
            &nowhere,
            &["could not connect to 127", "refused"],
        );
    }
}

#[test]
fn an_unreachable_proxy_is_reported() {
    let server = Oxide::start(Setup::Default);
    for scheme in ["http", "socks5", "socks5h"] {
        let address = format!("127.0.0.1:{}", proxies::free_port());
        let proxy = format!("{scheme}://me:secret@{address}");
        let shown = format!("could not connect to the proxy {scheme}://{address}");
        for mode in MODES {
            fails_through(&proxy, mode, &server.url(), &[&shown, "refused"]);
        }
    }
}

#[test]
fn the_proxy_option_overrides_the_environment() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    let [first, second] = [(), ()].map(|()| format!("http://127.0.0.1:{}", proxies::free_port()));
    let tries = |environment: &[(&str, &str)], options: &[&str]| {
        let mut eio = Eio::start_in(environment, &[options, &[&url]].concat());
        eio.say(b"hello");
        let (_, status, errors) = eio.finish();
        (status, errors)
    };
    let (status, errors) = tries(&[("http_proxy", &first)], &[]);
    let told = errors.contains(&format!("the proxy {first}"));
    assert!(status == 1 && told, "{errors}");
    let (status, errors) = tries(&[("http_proxy", &first)], &["--proxy", &second]);
    let told = errors.contains(&format!("the proxy {second}"));
    assert!(status == 1 && told, "{errors}");
    let (status, errors) = tries(&[("http_proxy", "ftp://me:secret@x")], &[]);
    let told = errors.contains("http_proxy") && !errors.contains("secret");
    assert!(status == 1 && told, "{errors}");
    for environment in [
        &[("HTTP_PROXY", &*first)][..],
        &[("https_proxy", &first)],
        &[("all_proxy", &first), ("no_proxy", "127.0.0.0/8")],
    ] {
        let (status, errors) = tries(environment, &[]);
        assert_eq!(status, 0, "{environment:?}: {errors}");
    }
}
