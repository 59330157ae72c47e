use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HTTP: &str = "http://app.example.com/engine.io/";
const HTTPS: &str = "https://app.example.com/engine.io/";
/// 6 November 1994, 08:49:37.
const DATE: i64 = 784_111_777;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            SET_COOKIE,
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    headers
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(jar: &Jar, at_url: &str, seconds: u64, lines: &[&str]) {
    jar.store_at(&headers(lines), &url(at_url), at(seconds), || Some(DATE));
}

/// The `Cookie` headers of a request for which the user has set `users`.
fn sent_with(jar: &Jar, at_url: &str, seconds: u64, users: &[&str]) -> Vec<String> {
    let mut request = HeaderMap::new();
    for value in users {
        request.append(COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    jar.add_to(&mut request, &url(at_url), at(seconds));
    let values = request.get_all(COOKIE).iter();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    values.map(text).collect()
}

fn sent(jar: &Jar, at_url: &str, seconds: u64) -> String {
    let mut values = sent_with(jar, at_url, seconds, &[]);
    assert!(values.len() < 2, "{values:?}");
    values.pop().unwrap_or_default()
}

/// The `Cookie` header of a request after a response with these `Set-Cookie` headers.
fn kept(at_url: &str, lines: &[&str]) -> String {
    let jar = Jar::default();
    set(&jar, at_url, 0, lines);
    sent(&jar, at_url, 0)
}

#[test]
fn a_name_and_a_value_come_back_byte_by_byte() {
    // Ported from engine.io-client: node.js:109, :129; python-engineio:
    // test_websocket_connection_with_cookie_header
    for (line, expected) in [
        ("a=b", "a=b"),
        ("  a \t=  b c \t; Path=/", "a=b c"),
        ("a=b=c==", "a=b=c=="),
        (r#"a="b c"; HttpOnly"#, r#"a="b c""#),
        (r#"a="b\"c, d""#, r#"a="b\"c, d""#),
        ("a=%20+&x", "a=%20+&x"),
        ("a=ü", "a=ü"),
        ("A=b", "A=b"),
        ("a=", "a="),
        ("a=;", "a="),
        // Without a name.
        ("b", "b"),
        ("=b", "b"),
        ("=b=c", ""),
        ("=", ""),
        ("", ""),
        (" ; Path=/", ""),
        (";a=b", ""),
        ("a\tb=c\td", "a\tb=c\td"),
    ] {
        assert_eq!(kept(HTTP, &[line]), expected, "{line:?}");
    }
}

#[test]
fn control_characters_are_refused() {
    for byte in (0..0x20).chain([0x7f]).filter(|byte| *byte != b'\t') {
        for line in [
            [&b"a="[..], &[byte]].concat(),
            [&b"a=b; x="[..], &[byte]].concat(),
            [&[byte][..], b"=b"].concat(),
        ] {
            assert_eq!(parse::set_cookie(&line), None);
        }
    }
}

#[test]
fn a_cookie_of_the_same_name_domain_and_path_is_replaced_in_its_place() {
    assert_eq!(kept(HTTP, &["a=1", "b=2", "a=3"]), "a=3; b=2");
    // Cookies whose names differ in case, or whose paths or domains differ, are different cookies.
    assert_eq!(kept(HTTP, &["a=1", "A=2"]), "a=1; A=2");
    assert_eq!(kept(HTTP, &["a=1", "a=2; Path=/"]), "a=1; a=2");
    assert_eq!(kept(HTTP, &["a=1", "a=2; Domain=example.com"]), "a=1; a=2");
    let same = ["a=1", "a=2; Path=/engine.io; Domain=.APP.example.com"];
    assert_eq!(kept(HTTP, &same), "a=2");
}

#[test]
fn longer_paths_go_first_and_then_older_cookies() {
    let lines = [
        "a=1; Path=/",
        "b=2; Path=/engine.io/",
        "c=3; Path=/",
        "d=4; Path=/engine.io",
        "e=5; Path=/engine.io/",
        "a=6; Path=/",
    ];
    assert_eq!(kept(HTTP, &lines), "b=2; e=5; d=4; a=6; c=3");
}

#[test]
fn max_age_counts_from_the_arrival_of_the_response() {
    let jar = Jar::default();
    set(&jar, HTTP, 100, &["a=1; max-AGE=10", "b=2"]);
    assert_eq!(sent(&jar, HTTP, 100), "a=1; b=2");
    assert_eq!(sent(&jar, HTTP, 109), "a=1; b=2");
    assert_eq!(sent(&jar, HTTP, 110), "b=2");
    // A cookie without a lifetime lasts as long as the session; other cookies last 400 days at most.
    let long = "c=3; Max-Age=99999999999999999999999999";
    set(&jar, HTTP, 200, &[long]);
    assert_eq!(sent(&jar, HTTP, 199 + 400 * 86_400), "b=2; c=3");
    assert_eq!(sent(&jar, HTTP, 200 + 400 * 86_400), "b=2");
    assert_eq!(sent(&jar, HTTP, u64::MAX), "b=2");
}

#[test]
fn max_age_wins_over_expires_and_the_last_valid_one_of_each_counts() {
    // Ported from engine.io-client: node.js:118
    let past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    let future = "Expires=Fri, 01 Jan 2100 00:00:00 GMT";
    for (attributes, is_kept) in [
        (format!("Max-Age=1; {past}"), true),
        (format!("{future}; Max-Age=0"), false),
        (format!("{future}; Max-Age=-1"), false),
        ("Max-Age=-99999999999999999999999".into(), false),
        ("Max-Age=0; Max-Age=1".into(), true),
        ("Max-Age=1; Max-Age=0".into(), false),
        // Invalid attributes are ignored.
        ("Max-Age=0x".into(), true),
        ("Max-Age=+0".into(), true),
        ("Max-Age=-".into(), true),
        ("Max-Age=".into(), true),
        ("Max-Age".into(), true),
        ("Max-Age=0; Max-Age=x".into(), false),
        (format!("{past}; Expires=never"), false),
        ("Expires=0".into(), true),
        ("Expires".into(), true),
    ] {
        let line = format!("a=1; {attributes}");
        assert_eq!(kept(HTTP, &[&line]) == "a=1", is_kept, "{line}");
    }
}

#[test]
fn an_expired_cookie_deletes_the_previous_one() {
    for deletion in [
        "a=; Max-Age=0",
        "a=x; Max-Age=-5",
        "a; Path=/", // A cookie without a name deletes nothing.
        "a=; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
        "a=; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
    ] {
        let expected = if deletion.starts_with("a;") {
            "b=2; a=1; a"
        } else {
            "b=2"
        };
        let lines = ["b=2", "a=1; Path=/", &format!("{deletion}; Path=/")];
        assert_eq!(kept(HTTP, &lines), expected, "{deletion}");
    }
    // A cookie with another path is a different cookie, so it is not deleted.
    assert_eq!(kept(HTTP, &["a=1; Path=/", "a=; Max-Age=0"]), "a=1");
}

#[test]
fn expires_counts_from_the_responses_own_date() {
    let store = |date: Option<&str>, clock: fn() -> Option<i64>| {
        let jar = Jar::default();
        let mut response = headers(&["a=1; Expires=Sun, 06-Nov-94 08:50:37 GMT"]);
        if let Some(date) = date {
            response.insert(http::header::DATE, date.parse().unwrap());
        }
        jar.store_at(&response, &url(HTTP), at(1000), clock);
        jar
    };
    // This machine's clock does not matter.
    for clock in [|| None, || Some(0), || Some(i64::MAX)] {
        let jar = store(Some("Sun, 06 Nov 1994 08:49:37 GMT"), clock);
        assert_eq!(sent(&jar, HTTP, 1059), "a=1");
        assert_eq!(sent(&jar, HTTP, 1060), "");
        let jar = store(Some("Sun, 06 Nov 1994 08:50:37 GMT"), clock);
        assert_eq!(sent(&jar, HTTP, 1000), "");
    }
    // Without a `Date`, this machine's clock counts.
    for date in [None, Some("today")] {
        let jar = store(date, || Some(DATE + 30));
        assert_eq!(sent(&jar, HTTP, 1029), "a=1");
        assert_eq!(sent(&jar, HTTP, 1030), "");
        assert_eq!(sent(&store(date, || None), HTTP, 9_999_999), "a=1");
    }
}

#[test]
fn without_a_date_expires_counts_from_the_time_of_this_machine() {
    let jar = Jar::default();
    let lines = [
        "a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
        "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
    ];
    jar.store(&headers(&lines), &url(HTTP), at(0));
    assert_eq!(sent(&jar, HTTP, 0), "a=1");
}

#[test]
fn the_default_path_is_the_directory_of_the_request() {
    for (set_at, path, asked, is_sent) in [
        ("/engine.io/", "", "/engine.io/", true),
        ("/engine.io/", "", "/engine.io", true),
        ("/engine.io/", "", "/", false),
        ("/engine.io/", "", "/engine.iox/", false),
        ("/engine.io", "", "/other", true),
        ("/a/b/c", "", "/a/b", true),
        ("/a/b/c", "", "/a", false),
        ("/x/", "; path=/a", "/a/b/", true),
        ("/x/", "; path=/a/", "/a/b/", true),
        ("/x/", "; path=/a/", "/a", false),
        ("/x/", "; path=/A", "/a/", false),
        ("/x/", "; path=/", "/a", true),
        // An invalid path counts as the default.
        ("/x/", "; path=a", "/x/y", true),
        ("/x/", "; path=a", "/y/", false),
        ("/x/", "; path=", "/x/", true),
        ("/x/", "; path=/y; path=z", "/x/", true),
        ("/x/", "; path=z; path=/y", "/y/", true),
    ] {
        let jar = Jar::default();
        let address = |path: &str| format!("http://h{path}");
        set(&jar, &address(set_at), 0, &[&format!("a=1{path}")]);
        let expected = if is_sent { "a=1" } else { "" };
        assert_eq!(
            sent(&jar, &address(asked), 0),
            expected,
            "{set_at} {path} {asked}"
        );
    }
}

#[test]
fn the_domain_of_another_host_is_refused() {
    for (host, domain, is_taken) in [
        ("app.example.com", "app.example.com", true),
        ("app.example.com", ".app.EXAMPLE.com", true),
        ("app.example.com", "example.com", true),
        ("app.example.com", "", true),
        ("app.example.com", ".", true),
        ("app.example.com", "pp.example.com", false),
        ("app.example.com", "x.app.example.com", false),
        ("app.example.com", "example.org", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "0.0.1", false),
        ("[::1]", "[::1]", true),
        ("localhost", "localhost", true),
        ("localhost", "host", false),
    ] {
        let line = format!("a=1; domain={domain}");
        let taken = kept(&format!("http://{host}/"), &[&line]) == "a=1";
        assert_eq!(taken, is_taken, "{host} {domain}");
    }
}

#[test]
fn another_host_gets_only_the_cookies_of_a_common_parent_domain() {
    for (domain, other, is_sent) in [
        ("", "app.example.com", true),
        ("", "app.example.com:81", true),
        ("", "other.example.com", false),
        ("", "x.app.example.com", false),
        ("", "example.com", false),
        ("; Domain=example.com", "other.example.com", true),
        ("; Domain=example.com", "example.com", true),
        ("; Domain=.Example.com", "x.other.example.COM", true),
        ("; Domain=example.com", "example.org", false),
        ("; Domain=example.com", "ownexample.com", false),
        ("; Domain=com", "app.example.com", true),
        ("; Domain=com", "other.com", false),
        ("; Domain=com", "com", false),
    ] {
        let jar = Jar::default();
        set(&jar, HTTP, 0, &[&format!("a=1{domain}; Path=/")]);
        let sent = sent(&jar, &format!("http://{other}/"), 0);
        assert_eq!(sent == "a=1", is_sent, "{domain} {other}");
    }
}

#[test]
fn secure_cookies_are_sent_only_over_tls() {
    assert_eq!(kept(HTTP, &["a=1; secure"]), "");
    assert_eq!(kept(HTTPS, &["a=1; Secure"]), "a=1");
    assert_eq!(kept("wss://h/", &["a=1; SECURE=x"]), "a=1");
    let jar = Jar::default();
    set(&jar, HTTPS, 0, &["a=1; Secure", "b=2"]);
    assert_eq!(sent(&jar, HTTP, 0), "b=2");
    // A `Secure` cookie that was set without TLS is not stored, so a later request over TLS has none.
    let jar = Jar::default();
    set(&jar, HTTP, 0, &["a=1; Secure"]);
    assert_eq!(sent(&jar, HTTPS, 0), "");
}

#[test]
fn the_secure_and_host_prefixes_are_enforced() {
    for (line, over_tls) in [
        ("__Secure-a=1; Secure", true),
        ("__Secure-a=1", false),
        ("__Host-a=1; Secure; Path=/", true),
        ("__Host-a=1; Secure; Path=/; Domain=app.example.com", false),
        ("__Host-a=1; Secure; Path=/engine.io", false),
        ("__Host-a=1; Secure", false),
        ("__host-a=1; Path=/", false),
        ("__SECURE-a=1", false),
        // A value without a name that looks like a name with a prefix.
        ("__Host-a", false),
        ("=__Secure-a; Secure", false),
    ] {
        assert_eq!(kept(HTTP, &[line]), "", "{line}");
        assert_eq!(!kept(HTTPS, &[line]).is_empty(), over_tls, "{line}");
    }
}

#[test]
fn the_users_cookies_come_first_and_the_servers_replace_those_of_the_same_name() {
    // Ported from python-engineio: test_websocket_connection_with_cookie_header,
    // test_websocket_connection_with_cookies_and_headers
    let jar = Jar::default();
    // A single header of the user stays as it is.
    let odd = "  x=\"1;2\";;y ";
    assert_eq!(sent_with(&jar, HTTP, 0, &[odd]), [odd]);
    assert_eq!(sent_with(&jar, HTTP, 0, &[]), [""; 0]);
    // Two headers are joined to one.
    assert_eq!(
        sent_with(&jar, HTTP, 0, &["x=1", "y=2; z=3"]),
        ["x=1; y=2; z=3"]
    );
    set(&jar, HTTP, 0, &["lb=7", "token=new"]);
    for (users, expected) in [
        ("x=1", "x=1; lb=7; token=new"),
        ("token=old; x=1;y=2", "x=1; y=2; lb=7; token=new"),
        ("token=old;", "lb=7; token=new"),
        ("Token=old", "Token=old; lb=7; token=new"),
        ("token", "token; lb=7; token=new"),
    ] {
        assert_eq!(sent_with(&jar, HTTP, 0, &[users]), [expected]);
    }
    // A cookie for another URL replaces nothing, and neither does a deleted one.
    let elsewhere = sent_with(&jar, "http://app.example.com/", 0, &["token=old"]);
    assert_eq!(elsewhere, ["token=old"]);
    set(&jar, HTTP, 0, &["token=; Max-Age=0"]);
    assert_eq!(
        sent_with(&jar, HTTP, 0, &["token=old"]),
        ["token=old; lb=7"]
    );
}

#[test]
fn the_oldest_cookies_are_removed_when_there_are_too_many() {
    let jar = Jar::default();
    for n in 0..64 {
        set(&jar, HTTP, 0, &[&format!("c{n}=x")]);
    }
    // A cookie that is set again is no longer the oldest.
    set(&jar, HTTP, 0, &["c0=y", "new=z"]);
    let line = sent(&jar, HTTP, 0);
    assert_eq!(line.split("; ").count(), 64);
    assert!(line.starts_with("c0=y; c2=x; "), "{line}");
    assert!(line.ends_with("; new=z"), "{line}");
}

#[test]
fn the_oldest_cookies_are_removed_when_all_are_too_large_and_a_single_too_large_one_is_not_stored()
{
    let jar = Jar::default();
    let value = "x".repeat(5000);
    for name in ["a", "b", "c", "d"] {
        set(&jar, HTTP, 0, &[&format!("{name}={value}")]);
    }
    let line = sent(&jar, HTTP, 0);
    let names: Vec<&str> = line.split("; ").map(|pair| &pair[..2]).collect();
    assert_eq!(names, ["b=", "c=", "d="]);
    set(&jar, HTTP, 0, &[&format!("b={}", "x".repeat(16 * 1024))]);
    assert_eq!(sent(&jar, HTTP, 0), line);

    // The name, the value, the host and the path count.
    let line = "name=value";
    let bytes = "namevalue".len() + "app.example.com".len() + "/engine.io".len();
    for (bytes, expected) in [(bytes, line), (bytes - 1, "")] {
        let jar = Jar::new(1, bytes);
        set(&jar, HTTP, 0, &[line]);
        assert_eq!(sent(&jar, HTTP, 0), expected);
    }
    let none = Jar::new(0, 1000);
    set(&none, HTTP, 0, &["a=1"]);
    assert_eq!(sent(&none, HTTP, 0), "");
}

#[test]
fn expired_cookies_are_removed_before_others() {
    let jar = Jar::new(2, 1000);
    set(&jar, HTTP, 0, &["a=1", "b=2; Max-Age=5"]);
    set(&jar, HTTP, 5, &["c=3"]);
    assert_eq!(sent(&jar, HTTP, 5), "a=1; c=3");
}

#[test]
fn debug_shows_only_names_and_the_header_is_marked_as_sensitive() {
    let jar = Jar::default();
    set(&jar, HTTP, 0, &["lb=hidden; Path=/engine.io"]);
    assert_eq!(format!("{jar:?}"), r#"Jar(["lb"])"#);
    let mut request = HeaderMap::new();
    jar.add_to(&mut request, &url(HTTP), at(0));
    assert!(request[COOKIE].is_sensitive());
    assert!(!format!("{request:?}").contains("hidden"));
}

/// Lines that are almost valid cookies.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("a=1".to_owned()),
        Just("=".to_owned()),
        "[a-c]?=?[a-c\" ,=]{0,3}",
        "(?i)(expires|max-age|domain|path|secure|__host-x)=?",
        "[0-9]{1,3}[:/ -][0-9]{1,3}[:/ -](jan|9)?[0-9]{1,5}",
        "-?[0-9]{1,30}",
        "/[a-z]{0,3}",
    ];
    prop_oneof![
        vec(any::<u8>(), 0..60),
        vec(part, 0..8).prop_map(|parts| parts.join("; ").replace("=; ", "=").into_bytes()),
    ]
}

proptest! {
    #[test]
    fn no_input_breaks_the_jar_or_its_limits(
        lines in vec((lines(), 0_u64..50), 0..30),
        most in 0_usize..6,
        bytes in 0_usize..120,
        secure: bool,
    ) {
        let jar = Jar::new(most, bytes);
        let url = url(if secure { HTTPS } else { HTTP });
        let mut last = 0;
        for (line, now) in lines {
            let _ = crate::http_date::parse(&line);
            let _ = parse::set_cookie(&line);
            let Ok(value) = HeaderValue::from_bytes(&line) else { continue };
            let mut response = HeaderMap::new();
            response.insert(http::header::DATE, value.clone());
            response.insert(SET_COOKIE, value.clone());
            jar.store_at(&response, &url, at(now), || Some(DATE));
            let state = jar.lock();
            prop_assert!(state.cookies.len() <= most);
            prop_assert!(state.cookies.iter().map(Cookie::size).sum::<usize>() <= bytes);
            drop(state);
            let mut request = HeaderMap::new();
            request.append(COOKIE, value);
            jar.add_to(&mut request, &url, at(now));
            prop_assert_eq!(request.get_all(COOKIE).iter().count(), 1);
            last = now;
        }
        jar.add_to(&mut HeaderMap::new(), &url, at(last));
    }

    /// A cookie is sent as it was set, and parsing what was sent gives the same cookie.
    #[test]
    fn a_cookie_is_sent_back_as_it_was_set(name in "[a-z0-9]{1,8}", value in "[!-:<-~]{0,20}") {
        let line = format!("{name}={value}");
        prop_assert_eq!(kept(HTTP, &[&line]), line);
    }
}
