//! The headers of every request in a browser.

use http::HeaderMap;

/// None: the browser sends its own, and asks the server of another origin beforehand whether a page may send
/// any but the commonest.
pub(super) fn default_headers() -> HeaderMap {
    HeaderMap::new()
}
