//! Ends and errors of the library as JSON.

use engineio_client::{Closed, Error, Event, Message, Reason};
use serde_json::{Value, json};

pub fn error(error: &Error) -> Value {
    json!({
        "kind": format!("{:?}", error.kind()),
        "status": error.status(),
        "limit": error.limit().map(|limit| limit.to_string()),
        "url": error.url().map(|url| url.to_string()),
        "retryAfter": error.retry_after().map(|time| time.as_secs_f64()),
        "isRetryable": error.is_retryable(),
        "report": error.report(),
        "debug": format!("{error:?}"),
    })
}

pub fn closed(closed: &Closed) -> Value {
    json!({
        "reason": reason(closed.reason()),
        "text": closed.to_string(),
        "debug": format!("{closed:?}"),
        "isClean": closed.is_clean(),
        "isAnswered": closed.is_answered(),
        "confirmed": closed.confirmed(),
        "unconfirmed": closed.unconfirmed_count(),
        "uncertain": closed.uncertain().len(),
        "unsent": closed.unsent().len(),
    })
}

pub fn reason(reason: &Reason) -> Value {
    match reason {
        Reason::Client => json!({ "by": "Client" }),
        Reason::Server { close, .. } => {
            json!({ "by": "Server", "code": close.as_ref().map(|close| close.code) })
        }
        Reason::PingTimeout => json!({ "by": "PingTimeout" }),
        Reason::Transport(cause) => json!({ "by": "Transport", "error": error(cause) }),
        Reason::Aborted => json!({ "by": "Aborted" }),
        other => json!({ "by": format!("{other:?}") }),
    }
}

pub fn event(event: &Event) -> Value {
    match event {
        Event::Connected(connected) => json!({
            "type": "Connected",
            "session": connected.session,
            "transport": connected.transport,
            "sid": connected.handshake.sid.to_string(),
        }),
        Event::Message(Message::Text(text)) => json!({ "type": "Message", "text": &**text }),
        Event::Message(Message::Binary(data)) => json!({ "type": "Message", "bytes": data.len() }),
        Event::Upgraded { transport, .. } => json!({ "type": "Upgraded", "transport": transport }),
        Event::UpgradeFailed { error: cause, .. } => {
            json!({ "type": "UpgradeFailed", "error": error(cause) })
        }
        Event::NoReceipts { error: cause, .. } => {
            json!({ "type": "NoReceipts", "error": error(cause) })
        }
        Event::Disconnected(end) => json!({
            "type": "Disconnected",
            "session": end.session,
            "reason": reason(&end.reason),
            "mayBeLost": end.may_be_lost(),
        }),
        Event::Reconnecting(next) => json!({
            "type": "Reconnecting",
            "attempt": next.attempt,
            "delay": next.delay.as_millis() as u64,
            "reason": reason(&next.reason),
        }),
        Event::GivenUp(_) => json!({ "type": "GivenUp" }),
        Event::Closed(end) => json!({ "type": "Closed", "closed": closed(end) }),
        other => json!({ "type": format!("{other:?}") }),
    }
}
