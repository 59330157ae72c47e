//! The error for an HTTP response with another status than the expected one.

use engineio_client::{Error, ErrorKind};
use http::{HeaderMap, StatusCode, header};

/// More than this of a body is not repeated in an error.
const MOST: usize = 200;

/// The error for a response that is not the one asked for.
pub(crate) fn status_error(
    what: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Error {
    let mut message = format!("the server answered {what} with {status}");
    if let Some(location) = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
    {
        message.push_str(&format!(
            ", a redirect to {}, which is not followed",
            cut(&without_secrets(location))
        ));
    } else if let Some(said) = server_message(body) {
        message.push_str(": ");
        message.push_str(&cut(&said));
    }
    Error::new(ErrorKind::Status, message).with_status(status.as_u16())
}

/// A URL, whole or relative, without its query, user and password.
fn without_secrets(location: &str) -> String {
    let place = location.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = place.split_once("//") else {
        return place.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}")
}

/// The server's own words: `{"code":1,"message":"..."}` (the code a number or a string), a JSON
/// string, or plain text. Not a page of HTML.
fn server_message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.is_empty() || text.starts_with('<') {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(fields)) => {
            let message = fields.get("message").and_then(|message| message.as_str())?;
            let code = match fields.get("code") {
                Some(serde_json::Value::Number(code)) => Some(code.to_string()),
                Some(serde_json::Value::String(code)) => Some(code.clone()),
                _ => None,
            };
            Some(match code {
                Some(code) => format!("{message} (code {code})"),
                None => message.to_owned(),
            })
        }
        Ok(serde_json::Value::String(message)) => Some(message),
        _ => Some(text.to_owned()),
    }
}

/// Short, and on one line: it is the server's text, in a place where it must not draw pictures.
fn cut(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(MOST).collect();
    if short.len() < text.len() && text.chars().count() > MOST {
        short.push('…');
    }
    short
}
