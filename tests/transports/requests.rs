//! The bytes of polls and POSTs.

use engineio_client::cookies::Jar;
use engineio_client::transports::{Dialer, Polling, Proxy};
use engineio_client::{MockRuntime, OpenRequest};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use http::HeaderValue;
use http::header::{CONNECTION, COOKIE, HOST};

use crate::raw::{Server, response, spawn, under_both_orders};
use crate::{message, open, open_packet};

/// Sends two polls and a POST over connections that are kept as long as the server allows. The server
/// answers the first poll with these headers besides the `Content-Length`, and the status line of
/// `version`. Returns the requests.
async fn requests(
    runtime: &MockRuntime,
    dialer: Dialer,
    edit: impl FnOnce(&mut OpenRequest),
    (version, headers): (&str, &str),
) -> Vec<String> {
    let mut server = Server::new(runtime);
    let open_packet = open_packet(25000, 20000);
    let length = open_packet.len();
    let first =
        format!("HTTP/{version} 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n{open_packet}");
    let answers = [first.into_bytes(), response("4a"), response("ok")];
    let script = spawn(runtime, async move {
        let mut requests = Vec::new();
        let mut stream = server.accept_stream().await;
        for answer in answers {
            let mut request = Vec::new();
            let mut byte = [0];
            // The body of the POST is `4b`.
            while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"\r\n\r\n4b")
                || request.ends_with(b"\r\n\r\n") && request.starts_with(b"POST")
            {
                if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                    stream = server.accept_stream().await;
                } else {
                    request.extend(byte);
                }
            }
            requests.push(String::from_utf8(request).unwrap());
            stream.write_all(&answer).await.unwrap();
        }
        requests
    });
    let mut link = open(runtime, Polling::default().dialer(dialer), edit)
        .await
        .unwrap();
    link.receiver.recv().await.unwrap();
    link.receiver.recv().await.unwrap();
    link.sender.send(vec![message("b")].into()).await.unwrap();
    script.await
}

const AGENT: &str = concat!("engineio-client/", env!("CARGO_PKG_VERSION"));

fn accepts() -> &'static str {
    if cfg!(feature = "compression") {
        "Accept-Encoding: gzip, deflate\r\n"
    } else {
        ""
    }
}

#[test]
fn requests_have_the_headers_of_polling_in_title_case() {
    under_both_orders(async |runtime| {
        let edit = |request: &mut OpenRequest| request.timestamps = false;
        let requests = requests(&runtime, Dialer::default(), edit, ("1.1", "")).await;
        let target = "/engine.io/?EIO=4&transport=polling";
        let poll = |sid: &str| {
            let accepts = accepts();
            format!(
                "GET {target}{sid} HTTP/1.1\r\nAccept: */*\r\nUser-Agent: {AGENT}\r\n{accepts}\
                 Host: 10.0.0.1\r\n\r\n"
            )
        };
        let post = format!(
            "POST {target}&sid=s HTTP/1.1\r\nAccept: */*\r\nUser-Agent: {AGENT}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nHost: 10.0.0.1\r\nContent-Length: 2\r\n\r\n4b"
        );
        assert_eq!(requests, [poll(""), poll("&sid=s"), post]);
    });
}

#[test]
fn requests_have_a_cache_buster_the_users_query_and_headers_and_the_cookies_of_both() {
    under_both_orders(async |runtime| {
        let edit = |request: &mut OpenRequest| {
            request.query = "a=b%20c".into();
            request.cookies = Some(Jar::default());
            let user = |value| HeaderValue::from_static(value);
            request.headers.append("x-two", user("1"));
            request.headers.append("x-two", user("2"));
            request.headers.insert(COOKIE, user("user=7"));
            request.headers.insert("accept", user("text/*"));
            request.headers.insert("last", user("l"));
        };
        let answer = ("1.1", "Set-Cookie: server=3\r\n");
        let requests = requests(&runtime, Dialer::default(), edit, answer).await;
        let mut busters = Vec::new();
        let without_buster = requests.iter().map(|request| {
            let (before, rest) = request.split_once("&t=").unwrap();
            let (buster, rest) = rest.split_at(8);
            assert!(
                buster
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
            );
            assert!(!busters.contains(&buster));
            busters.push(buster);
            format!("{before}{rest}")
        });
        let without_buster: Vec<String> = without_buster.collect();
        let start = "/engine.io/?a=b%20c&EIO=4&transport=polling";
        let accepts = accepts();
        let poll = |sid: &str, cookies: &str| {
            format!(
                "GET {start}{sid} HTTP/1.1\r\nAccept: text/*\r\nUser-Agent: {AGENT}\r\n{accepts}\
                 X-Two: 1\r\nX-Two: 2\r\nCookie: {cookies}\r\nLast: l\r\nHost: 10.0.0.1\r\n\r\n"
            )
        };
        let post = format!(
            "POST {start}&sid=s HTTP/1.1\r\nAccept: text/*\r\nUser-Agent: {AGENT}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nX-Two: 1\r\nX-Two: 2\r\n\
             Cookie: user=7; server=3\r\nLast: l\r\nHost: 10.0.0.1\r\nContent-Length: 2\r\n\r\n4b"
        );
        let polls = [poll("", "user=7"), poll("&sid=s", "user=7; server=3")];
        assert_eq!(without_buster[..2], polls);
        assert_eq!(without_buster[2], post);
    });
}

#[test]
fn the_servers_cookies_stand_before_the_host_and_a_host_of_the_user_replaces_it() {
    under_both_orders(async |runtime| {
        for has_host in [false, true] {
            let edit = |request: &mut OpenRequest| {
                request.timestamps = false;
                request.cookies = Some(Jar::default());
                if has_host {
                    request
                        .headers
                        .insert(HOST, HeaderValue::from_static("virtual"));
                }
            };
            let answer = ("1.1", "Set-Cookie: server=3\r\n");
            let requests = requests(&runtime, Dialer::default(), edit, answer).await;
            let end = if has_host {
                "Host: virtual\r\nCookie: server=3\r\n\r\n"
            } else {
                "Cookie: server=3\r\nHost: 10.0.0.1\r\n\r\n"
            };
            assert!(requests[1].ends_with(end), "{}", requests[1]);
        }
    });
}

#[test]
fn a_forwarding_proxy_is_sent_the_whole_url_and_its_credentials() {
    under_both_orders(async |runtime| {
        let proxy = Proxy::new("http://me:secret@10.0.0.1:80").unwrap();
        let edit = |request: &mut OpenRequest| {
            request.timestamps = false;
            request.url = "http://10.0.0.9:3000/chat/".parse().unwrap();
            request
                .headers
                .insert(CONNECTION, HeaderValue::from_static("x"));
        };
        let answer = ("1.1", "Connection: keep-alive\r\n");
        let requests = requests(&runtime, Dialer::default().proxy(proxy), edit, answer).await;
        let accepts = accepts();
        let poll = format!(
            "GET http://10.0.0.9:3000/chat/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nAccept: */*\r\n\
             User-Agent: {AGENT}\r\n{accepts}Connection: keep-alive\r\nHost: 10.0.0.9:3000\r\n\
             Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"
        );
        assert_eq!(requests[1], poll);
    });
}

#[test]
fn requests_on_a_kept_connection_of_http_1_0_ask_to_keep_it() {
    under_both_orders(async |runtime| {
        let edit = |request: &mut OpenRequest| request.timestamps = false;
        let answer = ("1.0", "Connection: keep-alive\r\n");
        let requests = requests(&runtime, Dialer::default(), edit, answer).await;
        let accepts = accepts();
        let target = "/engine.io/?EIO=4&transport=polling&sid=s";
        let poll = format!(
            "GET {target} HTTP/1.0\r\nAccept: */*\r\nUser-Agent: {AGENT}\r\n{accepts}\
             Host: 10.0.0.1\r\nConnection: keep-alive\r\n\r\n"
        );
        assert_eq!(requests[1], poll);
        // The second response is one of HTTP/1.1.
        assert!(requests[2].starts_with(&format!("POST {target} HTTP/1.1\r\n")));
        assert!(!requests[2].contains("keep-alive"));
    });
}

#[test]
fn a_connection_is_not_kept_if_the_users_headers_ask_to_close_it() {
    under_both_orders(async |runtime| {
        let edit = |request: &mut OpenRequest| {
            request
                .headers
                .insert(CONNECTION, HeaderValue::from_static("te, close"));
        };
        // `requests` accepts a new connection whenever one ends.
        let requests = requests(&runtime, Dialer::default(), edit, ("1.1", "")).await;
        for request in requests {
            assert!(
                request.contains("\r\nConnection: te, close\r\n"),
                "{request}"
            );
        }
    });
}
