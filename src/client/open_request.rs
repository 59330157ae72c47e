//! Makes the open request of a session from the settings.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};

use super::server_url::ServerUrl;
use super::settings::Settings;
use crate::cookies::Jar;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::transport::{Activity, OpenRequest};

/// The request that each link of the session is opened with. `schemes` are the URL schemes that the
/// transport supports.
pub(super) fn open_request(
    settings: &mut Settings,
    schemes: &[&str],
    activity: Activity,
) -> Result<OpenRequest, Error> {
    let mut server = ServerUrl::parse(&settings.url, schemes)?;
    server.set_path(settings.path.as_deref(), settings.trailing_slash)?;
    server.add_query(&settings.query);
    let mut headers = std::mem::take(&mut settings.headers);
    if let Some(name) = FRAMING.iter().find(|name| headers.contains_key(*name)) {
        let message =
            format!("header {name}: cannot be set, since it is different for each request");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if let Some(credentials) = server.credentials
        && !headers.contains_key(AUTHORIZATION)
    {
        headers.insert(AUTHORIZATION, credentials);
    }
    let mut request = OpenRequest::new("", server.url, activity);
    request.query = server.query;
    request.address = server.address;
    request.headers = headers;
    request.cookies = settings
        .cookies
        .then(|| Jar::new(settings.max_cookies, settings.max_cookie_bytes));
    request.timestamps = settings.timestamps;
    request.limits = settings.limits;
    request.limits.body = settings
        .max_body
        .unwrap_or_else(|| Limits::for_message(settings.limits.message).body);
    request.dial_timeout = settings.config.open_timeout;
    request.must_confirm = settings
        .config
        .receipts
        .is_some_and(|receipts| receipts.required);
    Ok(request)
}

/// The server of a request, as the key of the upgrade memory.
pub(super) fn origin(request: &OpenRequest) -> String {
    match &request.address {
        Some(address) => format!("unix://{address}"),
        None => request.url.origin().ascii_serialization(),
    }
}

/// The headers that say where a body ends. A wrong value would make the server wait for more of a body
/// that has ended, or treat a part of the body as the whole body.
const FRAMING: [HeaderName; 2] = [CONTENT_LENGTH, TRANSFER_ENCODING];
