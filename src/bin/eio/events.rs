//! What `eio` writes about events: JSON objects for programs, or lines for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::{Closed, Event, Message, Reason};
use serde_json::json;

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
        Event::UpgradeFailed { error, .. } => {
            json!({"event": "upgrade_error", "error": error.report()})
        }
        Event::Closed(closed) if connected => {
            let mut object = json!({"event": "disconnect", "reason": reason(closed)});
            if let Reason::Server {
                close: Some(close), ..
            } = closed.reason()
            {
                object["close_code"] = json!(close.code);
                object["close_reason"] = json!(close.reason);
            }
            object
        }
        _ => return None,
    };
    Some(object.to_string())
}

pub(crate) fn as_text(event: Event) -> Option<String> {
    match event {
        Event::Message(Message::Text(text)) => return Some(text.into()),
        Event::Message(Message::Binary(data)) => {
            return Some(format!("base64:{}", STANDARD.encode(data)));
        }
        Event::Connected(connected) => {
            eprintln!(
                "eio: connected by {}, session {}",
                connected.transport, connected.handshake.sid
            );
        }
        Event::Upgraded { transport, .. } => eprintln!("eio: upgraded to {transport}"),
        Event::UpgradeFailed {
            transport, error, ..
        } => {
            eprintln!("eio: the upgrade to {transport} failed: {}", error.report());
        }
        _ => {}
    }
    None
}

fn reason(closed: &Closed) -> &'static str {
    match closed.reason() {
        Reason::Client => "client disconnect",
        Reason::Server { .. } => "server disconnect",
        Reason::PingTimeout => "ping timeout",
        _ => "transport error",
    }
}
