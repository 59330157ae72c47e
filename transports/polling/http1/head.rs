//! The head of a response: status, headers, and how the body ends.

use std::mem::MaybeUninit;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{Header, ParserConfig, Status};

use super::super::super::shared::response_head::MAX_HEADERS;
use super::fault::Fault;

/// Number of headers for which there is room on the stack. Few responses have more.
const USUAL_HEADERS: usize = 32;

pub(super) struct Head {
    pub(super) status: StatusCode,
    /// `None` if no header is of interest: see [`parse`].
    pub(super) headers: Option<Box<HeaderMap>>,
    pub(super) length: Length,
    pub(super) is_http_1_0: bool,
    /// Whether the server keeps the connection, by the rules of its protocol version.
    pub(super) persists: bool,
    /// Whether the server, or a proxy, says that it keeps the connection.
    pub(super) says_keep_alive: bool,
    /// The seconds that the `Keep-Alive` header names.
    pub(super) timeout: Option<u64>,
}

/// How the body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Exactly(u64),
    Chunked,
    /// With the connection.
    UntilEnd,
}

impl Head {
    /// Whether another response follows to the same request.
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Parses a head of at most `limit` bytes, and returns it with its length. `None` if the bytes end within
/// it.
///
/// The result has all headers if `wants_headers`, if the status is not 200, or if there is a cookie or
/// a coding of the body. Otherwise they are left out, since nobody would look at them.
pub(super) fn parse(
    bytes: &[u8],
    limit: usize,
    wants_headers: bool,
) -> Result<Option<(Head, usize)>, Fault> {
    let mut room = [const { MaybeUninit::uninit() }; USUAL_HEADERS];
    match parse_with(bytes, &mut room, limit, wants_headers) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut room = vec![MaybeUninit::uninit(); MAX_HEADERS];
            match parse_with(bytes, &mut room, limit, wants_headers) {
                Err(httparse::Error::TooManyHeaders) => Err(Fault::HeadTooLarge),
                parsed => parsed.map_err(Fault::not_http)?,
            }
        }
        parsed => parsed.map_err(Fault::not_http)?,
    }
}

type Parsed = Result<Option<(Head, usize)>, Fault>;

fn parse_with<'a>(
    bytes: &'a [u8],
    room: &mut [MaybeUninit<Header<'a>>],
    limit: usize,
    wants_headers: bool,
) -> Result<Parsed, httparse::Error> {
    let mut parsed = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, bytes, room)? {
        Status::Partial => Ok(Ok(None)),
        Status::Complete(length) if length > limit => Ok(Err(Fault::HeadTooLarge)),
        Status::Complete(length) => {
            let head = interpret(&parsed, wants_headers);
            Ok(head.map(|head| Some((head, length))))
        }
    }
}

fn interpret(parsed: &httparse::Response<'_, '_>, wants_headers: bool) -> Result<Head, Fault> {
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(Fault::not_http)?;
    let is_http_1_0 = parsed.version == Some(0);
    let mut found = Found::default();
    for header in parsed.headers.iter() {
        found.note(header);
    }
    let is_of_interest = wants_headers || found.is_of_interest || status != StatusCode::OK;
    Ok(Head {
        status,
        headers: if is_of_interest {
            Some(Box::new(header_map(parsed.headers)?))
        } else {
            None
        },
        length: found.length(status, is_http_1_0)?,
        is_http_1_0,
        persists: !found.closes && (!is_http_1_0 || found.keeps),
        says_keep_alive: found.keeps || found.proxy_keeps,
        timeout: found.timeout,
    })
}

fn header_map(parsed: &[Header<'_>]) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        // The only names that httparse accepts and this type refuses are too long.
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let name = name.map_err(|_| Fault::HeadTooLarge)?;
        let value = HeaderValue::from_bytes(header.value).map_err(Fault::not_http)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What the headers say about the body and the connection.
#[derive(Default)]
struct Found<'a> {
    /// The common value of all `Content-Length` headers, or `None` if one is invalid or differs.
    content_length: Option<Option<u64>>,
    /// The last `Transfer-Encoding` header.
    transfer_encoding: Option<&'a [u8]>,
    closes: bool,
    keeps: bool,
    proxy_keeps: bool,
    timeout: Option<u64>,
    has_timeout: bool,
    is_of_interest: bool,
}

impl<'a> Found<'a> {
    fn note(&mut self, header: &Header<'a>) {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = header.value;
        if is("content-length") {
            for number in elements(value) {
                let number = decimal(number);
                self.content_length = match self.content_length {
                    Some(other) if other != number => Some(None),
                    _ => Some(number),
                };
            }
        } else if is("transfer-encoding") {
            self.transfer_encoding = Some(value);
        } else if is("connection") {
            self.closes |= has_option(value, b"close");
            self.keeps |= has_option(value, b"keep-alive");
        } else if is("proxy-connection") {
            self.proxy_keeps |= has_option(value, b"keep-alive");
        } else if is("keep-alive") {
            if !std::mem::replace(&mut self.has_timeout, true) {
                self.timeout = timeout(value);
            }
        } else if is("set-cookie") || is("content-encoding") {
            self.is_of_interest = true;
        }
    }

    fn length(&self, status: StatusCode, is_http_1_0: bool) -> Result<Length, Fault> {
        let is_empty = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        match (self.transfer_encoding, self.content_length) {
            _ if is_empty => Ok(Length::Exactly(0)),
            (Some(_), _) if is_http_1_0 => Err(Fault::not_http("a Transfer-Encoding in HTTP/1.0")),
            (Some(codings), _) => {
                let last = elements(codings).last().unwrap_or_default();
                Ok(if last.eq_ignore_ascii_case(b"chunked") {
                    Length::Chunked
                } else {
                    Length::UntilEnd
                })
            }
            (None, Some(Some(length))) => Ok(Length::Exactly(length)),
            (None, Some(None)) => Err(Fault::not_http("an invalid Content-Length")),
            (None, None) => Ok(Length::UntilEnd),
        }
    }
}

/// The elements of a header that is a comma-separated list.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn has_option(value: &[u8], option: &[u8]) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(option))
}

/// Unlike `str::parse`, accepts no sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The first `timeout` of a `Keep-Alive` header, as in `timeout=5, max=100`.
fn timeout(value: &[u8]) -> Option<u64> {
    elements(value).find_map(|element| decimal(element.strip_prefix(b"timeout=")?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 * 1024;

    fn parsed(headers: &str) -> Head {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let (head, length) = parse(bytes.as_bytes(), LIMIT, false)
            .ok()
            .flatten()
            .unwrap();
        assert_eq!(length, bytes.len());
        head
    }

    #[test]
    fn headers_are_kept_only_if_somebody_looks_at_them() {
        let headers = |headers: &str| parsed(headers).headers.map(|headers| headers.len());
        assert_eq!(headers("Content-Length: 2\r\nX: y\r\n"), None);
        assert_eq!(headers("X: y\r\nSET-COOKIE: a=b\r\n"), Some(2));
        assert_eq!(headers("Content-Encoding: gzip\r\n"), Some(1));
        let refusal = parse(b"HTTP/1.1 400 Bad\r\nX: y\r\n\r\n", LIMIT, false);
        assert_eq!(refusal.ok().flatten().unwrap().0.headers.unwrap()["x"], "y");
        let wanted = parse(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", LIMIT, true);
        assert_eq!(wanted.ok().flatten().unwrap().0.headers.unwrap()["x"], "y");
    }

    #[test]
    fn connection_options_decide_whether_the_connection_persists() {
        for (headers, persists, says) in [
            ("", true, false),
            ("Connection: close\r\n", false, false),
            (
                "Connection: x, CLOSE\r\nConnection: keep-alive\r\n",
                false,
                true,
            ),
            ("Connection: keep-alive\r\n", true, true),
            ("Proxy-Connection: Keep-Alive\r\n", true, true),
        ] {
            let head = parsed(headers);
            assert_eq!(
                (head.persists, head.says_keep_alive),
                (persists, says),
                "{headers}"
            );
        }
        for (headers, persists) in [("", false), ("Connection: keep-alive\r\n", true)] {
            let bytes = format!("HTTP/1.0 200 OK\r\n{headers}\r\n");
            let head = parse(bytes.as_bytes(), LIMIT, false)
                .ok()
                .flatten()
                .unwrap()
                .0;
            assert_eq!(head.persists, persists, "{headers}");
        }
    }

    #[test]
    fn the_timeout_of_a_keep_alive_header_is_a_plain_number() {
        for (value, expected) in [
            ("timeout=5", Some(5)),
            ("max=100, timeout= 72", Some(72)),
            ("timeout=x, timeout=3", Some(3)),
            ("max=100", None),
            ("timeout=+5", None),
            ("timeout=99999999999999999999", None),
        ] {
            assert_eq!(
                parsed(&format!("Keep-Alive: {value}\r\n")).timeout,
                expected
            );
        }
    }

    #[test]
    fn heads_with_many_headers_are_taken_up_to_the_limit() {
        let bytes = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        for count in [USUAL_HEADERS, USUAL_HEADERS + 1, MAX_HEADERS] {
            let head = parse(bytes(count).as_bytes(), LIMIT, true)
                .ok()
                .flatten()
                .unwrap()
                .0;
            assert_eq!(head.headers.unwrap().get_all("a").iter().count(), count);
        }
        let error = parse(bytes(MAX_HEADERS + 1).as_bytes(), LIMIT, true).err();
        assert!(matches!(error, Some(Fault::HeadTooLarge)));
    }
}
