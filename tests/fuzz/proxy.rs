//! Proxies: their responses, their URLs, and the hosts that bypass them.

use engineio_client::runtime::mock::MemoryStream;
use engineio_client::transports::{Dialer, Proxy, WebSocket};
use engineio_client::{Error, ErrorKind, Limits, MockRuntime};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::input::Input;
use super::net::{self, Pieces, SECRET};
use super::raw::{Server, settle, spawn};

/// The input: how pieces are cut, the form, and the data. Depending on the form, the data is a proxy's
/// response to CONNECT, a proxy's bytes over SOCKS5, or three lines: the end of a proxy's URL, a list of
/// hosts without a proxy, and a URL to connect to.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pieces = Pieces::take(&mut input);
    match input.byte() % 3 {
        0 => a_tunnel(&pieces, input.rest()),
        1 => socks(&pieces, input.rest()),
        _ => {
            let [proxy, exceptions, url] = [(); 3].map(|()| {
                let line = String::from_utf8_lossy(input.until(b'\n'));
                line.into_owned()
            });
            a_url(&proxy);
            no_proxy(&exceptions, &url);
        }
    }
}

fn a_tunnel(pieces: &Pieces, answer: &[u8]) {
    let proxy = format!("http://me:{SECRET}@10.0.0.1:3128");
    let error = asked(pieces, &proxy, answer);
    let kind = error.kind();
    match made(answer) {
        Some(true) => assert!(
            [
                ErrorKind::Ended,
                ErrorKind::WebSocket,
                ErrorKind::Status,
                ErrorKind::Limit
            ]
            .contains(&kind),
            "{error:?}"
        ),
        Some(false) => {
            assert_eq!(kind, ErrorKind::Proxy, "{error:?}");
            assert!(error.status().is_none_or(|status| status >= 300));
        }
        None => assert_eq!(kind, ErrorKind::Proxy, "{error:?}"),
    }
}

/// Whether this response opens a tunnel. `None` if the response ends before its final head is complete.
fn made(answer: &[u8]) -> Option<bool> {
    let mut rest = answer;
    loop {
        let ends = (0..=rest.len())
            .filter(|&at| rest[..at].ends_with(b"\n\r\n") || rest[..at].ends_with(b"\n\n"));
        let end = ends.min()?;
        let (head, behind) = rest.split_at(end);
        rest = behind;
        let line = head.split(|byte| byte.is_ascii_whitespace());
        let words: Vec<&[u8]> = line.take(2).collect();
        let &[version, status] = words.as_slice() else {
            return Some(false);
        };
        let version = version.strip_prefix(b"HTTP/1.").unwrap_or_default();
        let digits = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
        if version.len() != 1 || !version[0].is_ascii_digit() || !digits || head[8] != b' ' {
            return Some(false);
        }
        match status[0] {
            b'1' => {}
            digit => return Some(digit == b'2'),
        }
    }
}

fn socks(pieces: &Pieces, answer: &[u8]) {
    for user in ["", "me:s3cr3t@"] {
        let error = asked(pieces, &format!("socks5h://{user}10.0.0.1:3128"), answer);
        let kinds = [
            ErrorKind::Proxy,
            ErrorKind::Ended,
            ErrorKind::WebSocket,
            ErrorKind::Status,
            ErrorKind::Limit,
        ];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        if answer.first() != Some(&5) {
            assert_eq!(error.kind(), ErrorKind::Proxy);
        }
    }
}

/// The error of opening a WebSocket through the proxy. Opening never succeeds, because the response is
/// written without knowledge of the key.
fn asked(pieces: &Pieces, proxy: &str, answer: &[u8]) -> Error {
    let dialer = Dialer::default().proxy(Proxy::new(proxy).expect("a proxy"));
    let runtime = pieces.runtime();
    let error = runtime.block_on(async {
        let mut server = Server::on(&runtime, 3128);
        let (clock, pieces, answer) = (runtime.clone(), pieces.clone(), answer.to_vec());
        drop(spawn(&runtime, async move {
            let stream = server.accept_stream().await;
            serve(&clock, stream, &pieces, &answer).await;
        }));
        let transport = WebSocket::default().dialer(dialer);
        let url = "http://chat.test/engine.io/";
        let link = net::open_at(&runtime, url, transport, Limits::default()).await;
        link.expect_err("no websocket")
    });
    runtime.abort_tasks();
    let theirs = answer.windows(6).any(|six| six == SECRET.as_bytes());
    net::is_presentable(&error, theirs);
    error
}

async fn serve(runtime: &MockRuntime, mut stream: MemoryStream, pieces: &Pieces, answer: &[u8]) {
    let mut some = [0; 4096];
    let _ = stream.read(&mut some).await;
    for piece in pieces.of(answer) {
        if stream.write_all(piece).await.is_err() {
            break;
        }
        settle(runtime).await;
    }
    let _ = stream.close().await;
    while let Ok(1..) = stream.read(&mut some).await {}
}

fn a_url(end: &str) {
    // Percent-encoded and non-ASCII text in a URL may stand for the secret.
    let graphic = end.chars().all(|c| c.is_ascii_graphic() && c != '%');
    let theirs = !graphic || end.to_ascii_lowercase().contains(SECRET);
    for start in ["http://", "socks5://", "socks5h://", "https://", ""] {
        for user in ["", "me:s3cr3t@"] {
            match Proxy::new(format!("{start}{user}{end}")) {
                Ok(proxy) => {
                    let shown = proxy.to_string();
                    assert!(theirs || !shown.contains(SECRET), "{shown}");
                    assert!(!shown.contains('@') && !format!("{proxy:?}").contains('@'));
                    let again = Proxy::new(&shown).expect("the displayed URL is valid");
                    assert_eq!(again.to_string(), shown);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Invalid);
                    net::is_presentable(&error, theirs);
                }
            }
        }
    }
}

fn no_proxy(list: &str, url: &str) {
    let Ok(url) = Url::parse(url) else { return };
    let goes_around = |list: &str| {
        let dialer = Dialer::default().proxies_from(|name| match name {
            "all_proxy" => Some("proxy.test:3128".to_owned()),
            "no_proxy" => Some(list.to_owned()),
            _ => None,
        });
        let proxy = dialer.proxy_for(&url).expect("a proxy that can be");
        proxy.is_none()
    };
    assert!(!goes_around("") && goes_around("*"));
    // Each entry of the list counts on its own.
    let entries = list.split(|c: char| c == ',' || c.is_whitespace());
    let any = entries.clone().any(goes_around);
    assert_eq!(goes_around(list), any, "{list:?}");
    let turned: Vec<&str> = entries.rev().collect();
    assert_eq!(goes_around(&turned.join(" , ")), any);
    let is_ours = matches!(url.scheme(), "http" | "https" | "ws" | "wss");
    // Only hosts that can be listed are checked: a comma and a star have a meaning in a list, and a list
    // cannot name a host of dots.
    let may_be_listed = |host: &&str| !host.contains([',', '*']) && host.contains(|c| c != '.');
    let host = url.host_str().filter(|_| is_ours).filter(may_be_listed);
    if let Some(host) = host {
        assert!(goes_around(host), "{host}");
        assert!(goes_around(&format!("{list},{host}")), "{list},{host}");
        if let Some(port) = url.port_or_known_default() {
            assert!(goes_around(&format!("{host}:{port}")));
            let other = port.wrapping_add(1);
            assert!(!goes_around(&format!("{host}:{other}")), "{host}:{other}");
        }
    }
}
