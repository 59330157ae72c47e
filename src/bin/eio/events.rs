//! What `eio` writes about events: JSON objects for programs, or lines for people.

use std::error::Error as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::{Closed, Error, Event, Message, Reason};
use serde_json::{Value, json};

/// Standard output has these before messages that are not written as they are.
const BASE64: &str = "base64:";
const JSON: &str = "json:";

/// The event as a JSON object. `connected` tells whether the session was open before or is now.
pub(crate) fn as_json(event: &Event, connected: bool) -> Option<String> {
    let object = match event {
        Event::Connected(connected) => {
            json!({"event": "connect", "sid": connected.handshake.sid, "transport": connected.transport})
        }
        Event::Message(Message::Text(text)) => json!({"event": "message", "text": text.as_str()}),
        Event::Message(Message::Binary(data)) => {
            json!({"event": "message", "binary": STANDARD.encode(data)})
        }
        Event::Upgraded { transport, .. } => json!({"event": "upgrade", "transport": transport}),
        Event::UpgradeFailed { error, .. } => with_error(json!({"event": "upgrade_error"}), error),
        Event::Closed(closed) if connected => disconnect(closed),
        Event::Closed(closed) => match closed.reason() {
            // Nothing failed: the user has left.
            Reason::Client => return None,
            Reason::Transport(error) => return Some(connect_error(error)),
            _ => json!({"event": "connect_error", "error": closed.to_string(), "causes": []}),
        },
        _ => return None,
    };
    Some(object.to_string())
}

/// The event of a session that could not be opened.
pub(crate) fn connect_error(error: &Error) -> String {
    with_error(json!({"event": "connect_error"}), error).to_string()
}

fn disconnect(closed: &Closed) -> Value {
    let reason = match closed.reason() {
        Reason::Client => "client disconnect",
        Reason::Server { .. } => "server disconnect",
        Reason::PingTimeout => "ping timeout",
        _ => "transport error",
    };
    let mut object = json!({"event": "disconnect", "reason": reason});
    match closed.reason() {
        Reason::Server {
            close: Some(close), ..
        } => {
            object["close_code"] = json!(close.code);
            object["close_reason"] = json!(close.reason);
        }
        Reason::Transport(error) => return with_error(object, error),
        Reason::Aborted => {
            object["error"] = json!(closed.to_string());
            object["causes"] = json!([]);
        }
        _ => {}
    }
    object
}

/// The object with the error's own words, and with those of each of its causes, outermost first.
fn with_error(mut object: Value, error: &Error) -> Value {
    object["error"] = json!(error.to_string());
    let mut last = error.to_string();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat their cause in their own message.
        if !last.ends_with(&text) {
            causes.push(text.clone());
            last = text;
        }
        cause = error.source();
    }
    object["causes"] = json!(causes);
    object
}

/// The message as one line that no other message has. A text is written as it is, unless it contains a
/// line break or begins like an encoded message: then it is written as a JSON string.
pub(crate) fn as_line(message: Message) -> String {
    match message {
        Message::Binary(data) => format!("{BASE64}{}", STANDARD.encode(data)),
        Message::Text(text) => {
            let looks_encoded = text.starts_with(BASE64) || text.starts_with(JSON);
            if looks_encoded || memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
                format!("{JSON}{}", json!(text.as_str()))
            } else {
                text.into()
            }
        }
    }
}

/// What people are told about the connection, on standard error.
pub(crate) fn news(event: &Event) -> Option<String> {
    match event {
        Event::Connected(connected) => Some(format!(
            "connected by {}, session {}",
            connected.transport, connected.handshake.sid
        )),
        Event::Upgraded { transport, .. } => Some(format!("upgraded to {transport}")),
        Event::UpgradeFailed {
            transport, error, ..
        } => Some(format!(
            "the upgrade to {transport} failed: {}",
            error.report()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::as_line;

    #[test]
    fn n7_each_message_is_one_line_that_no_other_message_has() {
        for (text, line) in [
            ("", ""),
            (
                "plain, \t \"quoted\" \\ and json: inside",
                "plain, \t \"quoted\" \\ and json: inside",
            ),
            ("base64", "base64"),
            ("base64:AQID", r#"json:"base64:AQID""#),
            ("json:\"x\"", r#"json:"json:\"x\"""#),
            ("two\nlines", r#"json:"two\nlines""#),
            ("with a return\r", r#"json:"with a return\r""#),
            ("x\nbase64:AQID", r#"json:"x\nbase64:AQID""#),
        ] {
            assert_eq!(as_line(text.into()), line);
        }
        assert_eq!(as_line(vec![1, 2, 3].into()), "base64:AQID");
        assert_eq!(as_line(Vec::new().into()), "base64:");
    }
}
