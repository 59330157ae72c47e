//! Responses with status 101 that do not accept the WebSocket request in the way that RFC 6455 requires.

use engineio_client::ErrorKind;

use super::{Fault, Place, accepts, error};

pub(crate) fn websocket() -> Vec<Fault> {
    let not_for_this = "the Sec-WebSocket-Accept of the response does not match this request";
    let broken = |fault: Fault, words: &[&'static str]| {
        fault.at(Place::WebSocketRequest, error(ErrorKind::WebSocket, words))
    };
    let wrong_key = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
    let long = format!("{}websocket\r\n", "h2c, ".repeat(1000));
    vec![
        broken(
            accepts("another key", "Accept: ", "Accept: x"),
            &[not_for_this],
        )
        .also_on_sockets(),
        broken(
            accepts("no key", "Sec-WebSocket-Accept", "X-Accept"),
            &["no Sec-WebSocket-Accept"],
        ),
        broken(
            accepts(
                "a wrong key first",
                "Upgrade:",
                format!("{wrong_key}Upgrade:"),
            ),
            &["more than one Sec-WebSocket-Accept"],
        ),
        broken(
            accepts(
                "a wrong key last",
                "\r\n\r\n",
                format!("\r\n{wrong_key}\r\n"),
            ),
            &["more than one Sec-WebSocket-Accept"],
        ),
        broken(
            accepts("no Upgrade", "Upgrade: websocket\r\n", ""),
            &["\"Upgrade: websocket\""],
        ),
        broken(
            accepts("an empty Upgrade", "Upgrade: websocket", "Upgrade: "),
            &["\"Upgrade: \" instead"],
        ),
        broken(
            accepts("an Upgrade to something else", "websocket\r\n", "h2c\r\n"),
            &["the response has \"Upgrade: h2c\" instead of \"Upgrade: websocket\""],
        ),
        broken(
            accepts(
                "an Upgrade of two words",
                "websocket\r\n",
                "websocket, h2c\r\n",
            ),
            &["\"Upgrade: websocket, h2c\" instead"],
        ),
        broken(
            accepts(
                "an Upgrade of two words, with websocket last",
                "websocket\r\n",
                "h2c, websocket\r\n",
            ),
            &["\"Upgrade: h2c, websocket\" instead"],
        ),
        broken(
            accepts(
                "two Upgrades",
                "websocket\r\n",
                "websocket\r\nUpgrade: h2c\r\n",
            ),
            &["\"Upgrade: websocket, h2c\" instead"],
        ),
        broken(
            accepts(
                "Upgrade twice",
                "websocket\r\n",
                "websocket\r\nUpgrade: websocket\r\n",
            ),
            &["\"Upgrade: websocket, websocket\" instead"],
        ),
        broken(
            accepts("an Upgrade of 5 kB", "websocket\r\n", long),
            &["\"Upgrade: h2c, "],
        ),
        broken(
            accepts("no Connection", "Connection: Upgrade\r\n", ""),
            &["no \"Connection: Upgrade\""],
        ),
        broken(
            accepts("an empty Connection", "Connection: Upgrade", "Connection: "),
            &["no \"Connection: Upgrade\""],
        ),
        broken(
            accepts(
                "a Connection without Upgrade",
                "Connection: Upgrade",
                "Connection: upgrades, close",
            ),
            &["no \"Connection: Upgrade\""],
        ),
        broken(accepts("HTTP/1.0", "HTTP/1.1", "HTTP/1.0"), &["HTTP/1.0"]),
        broken(
            accepts("a NUL in the head", "Switching Protocols", "\0"),
            &["not HTTP"],
        ),
        broken(
            accepts(
                "an extension",
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            &["selects an extension"],
        ),
        broken(
            accepts(
                "a protocol that was not asked for",
                "\r\n\r\n",
                "\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
            ),
            &["a Sec-WebSocket-Protocol that was not offered"],
        ),
    ]
}
