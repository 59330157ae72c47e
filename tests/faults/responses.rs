//! HTTP responses: bytes that are not HTTP, heads that are too large, responses that are cut short,
//! refusals, and valid responses in unusual forms.

use engineio_client::ErrorKind;

use super::{Fault, Place, error, fault, goodbye, sampled, status};
use crate::wire::response;

/// Bytes that are not an HTTP response.
pub(crate) fn not_http() -> Vec<Fault> {
    let heads: [(&str, &[u8]); 9] = [
        ("the greeting of SMTP", b"220 mail.example ESMTP\r\n"),
        ("the greeting of SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("a page without a head", b"<html>"),
        ("HTTP/0.9: a body without a head", b"4hello"),
        ("HTTP/2.0 in the status line", b"HTTP/2.0 200 OK\r\n\r\n"),
        ("a status that is not a number", b"HTTP/1.1 2x0 OK\r\n\r\n"),
        (
            "a header without a colon",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ),
        (
            "a header that contains NUL",
            b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        ),
    ];
    let heads = heads.map(|(name, bytes)| {
        fault(name, bytes)
            .polls(error(ErrorKind::Http, &["not HTTP"]))
            .at(
                Place::WebSocketRequest,
                error(ErrorKind::WebSocket, &["not HTTP"]),
            )
    });
    // A malformed body is an error only in the response to a poll. A WebSocket request reports the
    // status of such a response instead.
    let long_extension = format!("2;{}\r\n4x\r\n", "x".repeat(30_000));
    let long_trailers = format!("2\r\n4x\r\n0\r\n{}\r\n", "X: y\r\n".repeat(2000));
    let bodies = [
        (
            "a Content-Length of more than 64 bits",
            with("Content-Length: 99999999999999999999", "4x"),
        ),
        (
            "a negative Content-Length",
            with("Content-Length: -1", "4x"),
        ),
        (
            "a Content-Length that is a word",
            with("Content-Length: two", "4x"),
        ),
        (
            "two Content-Lengths that differ",
            with("Content-Length: 2\r\nContent-Length: 3", "4xy"),
        ),
        (
            "a chunk size that is not a number",
            chunked("xyz\r\n4x\r\n0\r\n\r\n"),
        ),
        (
            "a chunk size of more than 64 bits",
            chunked("fffffffffffffffff\r\n4x"),
        ),
        (
            "a chunk that is longer than its size",
            chunked("2\r\n4xyz\r\n0\r\n\r\n"),
        ),
        ("a chunk extension of 30 kB", chunked(&long_extension)),
        ("trailers of 12 kB", chunked(&long_trailers)),
    ];
    let bodies =
        bodies.map(|(name, bytes)| fault(name, bytes).polls(error(ErrorKind::Http, &["not HTTP"])));
    sampled(heads.into_iter().chain(bodies).collect(), 2)
}

/// Heads that exceed a limit: complete or unfinished ones of more than 64 KiB, and one with too many
/// headers.
pub(crate) fn too_large() -> Vec<Fault> {
    let long = "x".repeat(70_000);
    let rows = [
        ("a header of 70 kB", format!("X: {long}\r\n\r\n")),
        ("a header of 70 kB that does not end", format!("X: {long}")),
    ];
    let limit = error(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    );
    let mut faults: Vec<Fault> = rows
        .map(|(name, headers)| fault(name, format!("HTTP/1.1 200 OK\r\n{headers}")))
        .map(|fault| fault.everywhere(limit.clone()))
        .into();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:b\r\n".repeat(5000));
    let too_many = error(ErrorKind::Limit, &["an HTTP head of more than"]);
    faults.push(fault("5000 headers", many).everywhere(too_many));
    sampled(faults, 1)
}

/// Responses that are incomplete when the connection ends. The client delivers nothing of them.
pub(crate) fn cut_short() -> Vec<Fault> {
    let heads = [
        ("no response at all", ""),
        ("an end within the status line", "HTTP/1.1 20"),
        ("an end after the status line", "HTTP/1.1 200 OK\r\n"),
        ("an end within a header", "HTTP/1.1 200 OK\r\nContent-Le"),
        (
            "an end between two headers",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        ),
    ];
    let heads = heads.map(|(name, bytes)| {
        let ended = error(ErrorKind::Ended, &[]);
        fault(name, bytes)
            .ends()
            .everywhere(ended)
            .also_on_sockets()
    });
    let bodies = [
        (
            "a body that is shorter than its Content-Length",
            with("Content-Length: 20", "4whole\x1e4cu"),
        ),
        ("chunks without the last chunk", chunked("2\r\n4x\r\n")),
        ("an end within a chunk", chunked("5\r\n4a\x1e4b\r\n")),
        (
            "a last chunk without its empty line",
            chunked("6\r\n4a\x1e4b1\r\n0\r\n"),
        ),
    ];
    let bodies = bodies.map(|(name, bytes)| {
        let words = &["the connection failed during a request"];
        fault(name, bytes)
            .ends()
            .polls(error(ErrorKind::Ended, words))
    });
    sampled(heads.into_iter().chain(bodies).collect(), 2)
}

/// Responses that the client refuses because of their status. The error quotes the status and the
/// server's message.
pub(crate) fn refusals() -> Vec<Fault> {
    let long = format!(
        "HTTP/1.1 500 Oh\r\n\r\nfirst\r\nsecond \x1b[31m{}",
        "x".repeat(10_000)
    );
    vec![
        fault("204 No Content", "HTTP/1.1 204 No Content\r\n\r\n")
            .everywhere(status(204, &["204 No Content"])),
        fault(
            "206 Partial Content",
            "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n4x",
        )
        .everywhere(status(206, &["206 Partial Content"])),
        fault(
            "a redirect to another host",
            "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/x?secret=1\r\nContent-Length: 0\r\n\r\n",
        )
        .everywhere(status(
            301,
            &["a redirect to https://elsewhere.example/x, which is not followed"],
        )),
        fault(
            "a redirect to another path",
            "HTTP/1.1 302 Found\r\nLocation: /login?token=secret\r\nContent-Length: 0\r\n\r\n",
        )
        .everywhere(status(302, &["a redirect to /login, which is not followed"]))
        .also_on_sockets(),
        fault(
            "a redirect with a password",
            "HTTP/1.1 307 Moved\r\nLocation: //user:secret@example.com/@x\r\nContent-Length: 0\r\n\r\n",
        )
        .everywhere(status(307, &["a redirect to http://example.com/@x"])),
        fault(
            "400 with the server's message in JSON",
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}",
        )
        .everywhere(status(
            400,
            &["400 Bad Request: Session ID unknown (code 1)"],
        ))
        .also_on_sockets(),
        fault(
            "400 with a code that is a string",
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 43\r\n\r\n{\"code\":\"1\",\"message\":\"Session ID unknown\"}",
        )
        .everywhere(status(400, &["Session ID unknown (code 1)"])),
        fault(
            "400 with a line break in its message",
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n{\"code\":0,\"message\":\"Transport no\\n\"}\n",
        )
        .everywhere(status(400, &["400 Bad Request: Transport no  (code 0)"])),
        fault(
            "400 with JSON that is broken",
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 43\r\n\r\n{\"code\":\"3\",\"message\":\"Bad request\nSession\"}",
        )
        .everywhere(status(400, &["400 Bad Request"])),
        fault(
            "400 that is not UTF-8",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        )
        .everywhere(status(400, &["400 Bad Request"])),
        fault(
            "400 in HTTP/1.0",
            "HTTP/1.0 400 Bad Request\r\n\r\nold",
        )
        .ends()
        .everywhere(status(400, &["400 Bad Request: old"])),
        fault(
            "401 with a JSON string",
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 11\r\n\r\n\"not\\nyou!\"",
        )
        .everywhere(status(401, &["401 Unauthorized: not you!"])),
        fault("403 in plain text", "HTTP/1.1 403 Forbidden\r\n\r\nplain words")
            .ends()
            .everywhere(status(403, &["403 Forbidden: plain words"])),
        fault(
            "403 of a proxy in HTML",
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!DOCTYPE html><h1>Blocked</h1>",
        )
        .ends()
        .everywhere(status(403, &["403 Forbidden"])),
        fault(
            "404 without a reason phrase",
            "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
        )
        .everywhere(status(404, &["404 Not Found"])),
        fault(
            "404 in chunks",
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nhere\r\n0\r\n\r\n",
        )
        .everywhere(status(404, &["404 Not Found: here"])),
        fault(
            "429 with Retry-After",
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\nslow",
        )
        .everywhere(status(429, &["429 Too Many Requests: slow"])),
        fault("a long 500 with control characters", long)
            .ends()
            .everywhere(status(500, &["500", "first  second"])),
        fault(
            "502 of a proxy in HTML",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 31\r\n\r\n<html><b>Bad Gateway</b></html>",
        )
        .everywhere(status(502, &["502 Bad Gateway"]))
        .also_on_sockets(),
        // The body is cut short. A poll reports that; a WebSocket request reports the status all the
        // same.
        fault(
            "502 in HTML that is cut short",
            "HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 5000\r\n\r\n<html><center>",
        )
        .ends()
        .polls(error(ErrorKind::Ended, &[]))
        .at(Place::WebSocketRequest, status(502, &["502 Bad Gateway"])),
        fault("503 without a body", "HTTP/1.1 503 Service Unavailable\r\n\r\n")
            .ends()
            .everywhere(status(503, &["503 Service Unavailable"])),
        fault(
            "503 in chunks that are cut short",
            "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ncome\r\nff\r\n ba",
        )
        .ends()
        .at(
            Place::WebSocketRequest,
            status(503, &["503 Service Unavailable: come ba"]),
        ),
        fault(
            "503 that announces chunks and sends none",
            "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        )
        .at(
            Place::WebSocketRequest,
            status(503, &["503 Service Unavailable"]),
        ),
        fault(
            "101 in answer to a poll",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n4late",
        )
        .polls(status(101, &["101 Switching Protocols"])),
        fault(
            "200 in answer to a WebSocket request",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .at(Place::WebSocketRequest, status(200, &["200 OK"])),
        fault(
            "a page in answer to a WebSocket request",
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<!DOCTYPE html>\n<html>",
        )
        .at(Place::WebSocketRequest, status(200, &["200 OK"])),
    ]
}

/// Valid responses in rare forms.
pub(crate) fn unusual() -> Vec<Fault> {
    let hello = || goodbye().delivers(["hello"]);
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
    vec![
        fault(
            "interim responses first",
            [interim.as_bytes(), &response("4hello\x1e1")].concat(),
        )
        .at(Place::LaterPoll, hello())
        .also_on_sockets(),
        fault("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n4hello\x1e1")
            .ends()
            .at(Place::LaterPoll, hello()),
        fault(
            "a body without a length",
            "HTTP/1.1 200 OK\r\n\r\n4hello\x1e1",
        )
        .ends()
        .at(Place::LaterPoll, hello())
        .also_on_sockets(),
        fault(
            "a body without a length, with Connection: close",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n4hello\x1e1",
        )
        .ends()
        .at(Place::LaterPoll, hello()),
        // Without a length, the client can't see that the body is cut short. Only the missing base64
        // padding shows it.
        fault(
            "a body without a length that is cut short",
            "HTTP/1.1 200 OK\r\n\r\n4hello\x1ebAA",
        )
        .ends()
        .at(
            Place::LaterPoll,
            error(ErrorKind::Protocol, &["not base64"]).delivers(["hello"]),
        ),
        fault(
            "chunks with an extension and a trailer",
            chunked("1\r\n4\r\n006;x=\"y\"\r\nhello\x1e\r\n1\r\n1\r\n0\r\nX-Sum: 1\r\n\r\n"),
        )
        .at(Place::LaterPoll, hello())
        .also_on_sockets(),
        fault(
            "two Content-Lengths that agree",
            with("Content-Length: 8\r\nContent-Length: 8", "4hello\x1e1"),
        )
        .at(Place::LaterPoll, hello()),
        // RFC 9112, section 6.3: `Transfer-Encoding` overrides `Content-Length`.
        fault(
            "a Content-Length and chunks",
            with(
                "Content-Length: 2\r\nTransfer-Encoding: chunked",
                "8\r\n4hello\x1e1\r\n0\r\n\r\n",
            ),
        )
        .ends()
        .at(Place::LaterPoll, hello()),
        // RFC 9112, section 6.3: a body with an unknown transfer coding ends with its connection.
        fault(
            "an unknown transfer coding",
            with("Transfer-Encoding: br", "4hello\x1e1"),
        )
        .ends()
        .at(Place::LaterPoll, hello()),
    ]
}

/// A response with these headers and this body.
fn with(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}")
}

/// A response whose head announces chunks, with this body.
fn chunked(body: &str) -> String {
    with("Transfer-Encoding: chunked", body)
}
