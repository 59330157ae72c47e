//! Formats events: as JSON objects for programs, or as lines for people.

use std::error::Error as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::{Error, Event, Message, Reason};
use serde_json::{Value, json};

/// Prefixes of messages that are printed in encoded form.
const BASE64: &str = "base64:";
const JSON: &str = "json:";

/// The event as a JSON object. `connected` is true if the event belongs to a session that was opened.
pub(crate) fn as_json(event: &Event, connected: bool) -> Option<String> {
    let object = match event {
        Event::Connected(connected) => {
            json!({"event": "connect", "sid": connected.handshake.sid, "transport": connected.transport})
        }
        Event::Message(message) => {
            let mut object = contents(message);
            object["event"] = json!("message");
            object
        }
        Event::Upgraded { transport, .. } => json!({"event": "upgrade", "transport": transport}),
        Event::UpgradeFailed { error, .. } => with_error(json!({"event": "upgrade_error"}), error),
        Event::Disconnected(end) => with_reason(json!({"event": "disconnect"}), &end.reason),
        Event::Reconnecting(next) => {
            let delay = seconds(next.delay);
            let object = json!({"event": "reconnect", "attempt": next.attempt, "delay": delay});
            with_reason(object, &next.reason)
        }
        Event::GivenUp(given_up) => {
            let messages: Vec<Value> = given_up.messages.iter().map(contents).collect();
            let object = json!({"event": "given_up", "messages": messages});
            with_error(object, &given_up.error)
        }
        Event::NoReceipts { error, .. } => with_error(json!({"event": "no_receipts"}), error),
        Event::Closed(closed) if connected => {
            with_reason(json!({"event": "disconnect"}), closed.reason())
        }
        Event::Closed(closed) => match closed.reason() {
            // The user ended `eio`, which is not a failure.
            Reason::Client => return None,
            Reason::Transport(error) => return Some(connect_error(error)),
            _ => json!({"event": "connect_error", "error": closed.to_string(), "causes": []}),
        },
        _ => return None,
    };
    Some(object.to_string())
}

/// The event for a session that could not be opened.
pub(crate) fn connect_error(error: &Error) -> String {
    with_error(json!({"event": "connect_error"}), error).to_string()
}

/// The contents of a message.
fn contents(message: &Message) -> Value {
    match message {
        Message::Text(text) => json!({"text": text.as_str()}),
        Message::Binary(data) => json!({"binary": STANDARD.encode(data)}),
    }
}

/// A number of seconds, rounded to milliseconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Adds why a session ended, or could not be opened.
fn with_reason(mut object: Value, reason: &Reason) -> Value {
    let name = match reason {
        Reason::Client => "client disconnect",
        Reason::Server { .. } => "server disconnect",
        Reason::PingTimeout => "ping timeout",
        _ => "transport error",
    };
    object["reason"] = json!(name);
    match reason {
        Reason::Server {
            close: Some(close), ..
        } => {
            object["close_code"] = json!(close.code);
            object["close_reason"] = json!(close.reason);
        }
        Reason::Transport(error) => return with_error(object, error),
        Reason::Aborted => {
            object["error"] = json!(reason.to_string());
            object["causes"] = json!([]);
        }
        _ => {}
    }
    object
}

/// Adds the error's own text and those of its causes, outermost first.
fn with_error(mut object: Value, error: &Error) -> Value {
    object["error"] = json!(error.to_string());
    let mut last = error.to_string();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat the text of the cause in their own.
        if !last.ends_with(&text) {
            causes.push(text.clone());
            last = text;
        }
        cause = error.source();
    }
    object["causes"] = json!(causes);
    object
}

/// Formats the message as one line. No two messages have the same line. A text is written unchanged
/// unless it contains a line break or begins like an encoded message. In that case it is written as a
/// JSON string.
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

/// Describes an event for standard error. `None` if there is nothing to tell the user.
pub(crate) fn news(event: &Event) -> Option<String> {
    match event {
        Event::Connected(connected) => Some(format!(
            "connected over {}, session {}",
            connected.transport, connected.handshake.sid
        )),
        Event::Upgraded { transport, .. } => Some(format!("upgraded to {transport}")),
        Event::UpgradeFailed {
            transport, error, ..
        } => Some(format!(
            "the upgrade to {transport} failed: {}",
            error.report()
        )),
        Event::Disconnected(end) => {
            let lines = match end.may_be_lost() {
                0 => return None,
                1 => "1 line sent in it".to_owned(),
                count => format!("{count} lines sent in it"),
            };
            Some(format!(
                "the session ended, and {lines} may not have arrived"
            ))
        }
        Event::Reconnecting(next) => {
            let why = match &next.reason {
                Reason::Transport(error) => error.report().to_string(),
                reason => reason.to_string(),
            };
            let (delay, attempt) = (next.delay.as_secs_f64(), next.attempt);
            Some(format!(
                "reconnecting in {delay:.1} s (attempt {attempt}): {why}"
            ))
        }
        Event::NoReceipts { error, .. } => Some(format!(
            "from now on it is unknown which lines arrive: {}",
            error.report()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::as_line;

    #[test]
    fn n7_every_message_is_written_as_one_line_that_no_other_message_shares() {
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
