//! The error for an HTTP response with an unexpected status.

use engineio_client::http::retry_after;
use engineio_client::{Error, ErrorKind};
use http::{HeaderMap, StatusCode, header};
use url::{Position, Url};

use super::server_message::{MAX_QUOTED, server_message};

/// The error for a response with an unexpected status. `what` names the request, and `url` is where it
/// was sent.
pub(crate) fn status_error(
    what: &str,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Error {
    let asked = address(url);
    let mut message = format!("{asked}: the server answered {what} with {status}");
    let redirect = redirect(status, headers);
    match redirect {
        Some(Ok(location)) => {
            message.push_str(&format!(
                ", a redirect to {}",
                redirect_target(url, location)
            ));
        }
        Some(Err(without)) => message.push_str(&format!(", a redirect {without}")),
        None => {}
    }
    if !matches!(redirect, Some(Ok(_)))
        && let Some(said) = server_message(body)
    {
        message.push_str(": ");
        message.push_str(&cut(&said));
    }
    if status == StatusCode::NOT_FOUND {
        message.push_str("; is the path right?");
    }
    let mut error = Error::new(ErrorKind::Status, message)
        .with_status(status.as_u16())
        .with_url(url);
    if let Some(Ok(location)) = redirect {
        error = error.with_redirect(location);
    }
    match retry_after(headers) {
        Some(time) => error.with_retry_after(time),
        None => error,
    }
}

/// The `Location` of a redirect as the server sent it, or what is wrong with it. `None` if the
/// response is not a redirect.
pub(crate) fn redirect(
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Result<&str, &'static str>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut locations = headers.get_all(header::LOCATION).iter();
    let Some(first) = locations.next() else {
        return Some(Err("without a Location"));
    };
    // If an attacker can make the server write a line break, one of the headers may be the attacker's.
    if locations.any(|other| other != first) {
        return Some(Err("with more than one Location"));
    }
    // Some servers send a `Location` with characters that are not ASCII.
    let text = std::str::from_utf8(first.as_bytes());
    Some(text.map_err(|_| "with a Location that is not UTF-8"))
}

/// The target of a redirect for an error message: a path if the origin is the same, otherwise the URL.
/// Parts that may be secret are left out.
fn redirect_target(asked: &Url, location: &str) -> String {
    match asked.join(location) {
        Ok(target) if location.starts_with('/') && target.origin() == asked.origin() => {
            cut(target.path())
        }
        Ok(target) if target.cannot_be_a_base() => format!("a {}: URL", cut(target.scheme())),
        Ok(target) => cut(&address(&target)),
        Err(error) => format!("an invalid URL ({error})"),
    }
}

/// A URL for an error message, without user, password, query and fragment.
pub(crate) fn address(url: &Url) -> String {
    format!(
        "{}{}",
        without_secrets(&url[..Position::BeforePath]),
        url.path()
    )
}

/// Removes user, password, query and fragment from a URL, which may be relative.
fn without_secrets(location: &str) -> String {
    let url = location.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("//") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}")
}

/// Shortens a server's text to [`MAX_QUOTED`] characters on one line. Control characters could change a
/// terminal, so they are replaced.
pub(crate) fn cut(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(MAX_QUOTED).collect();
    if short.len() < text.len() && text.chars().count() > MAX_QUOTED {
        short.push('…');
    }
    short
}
