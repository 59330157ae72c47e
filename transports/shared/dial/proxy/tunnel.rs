//! A tunnel through an HTTP proxy: `CONNECT`, as in RFC 9110, section 9.3.6.

use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use http::{HeaderValue, StatusCode};
use url::Url;

use super::super::super::user_agent::USER_AGENT;
use super::proxy_url::{Proxy, host_and_port};

/// Maximum number of bytes of all response heads that the proxy sends before the tunnel.
const HEAD: usize = 64 * 1024;

/// Asks the proxy at the other end of a stream for a tunnel to the host of a URL.
///
/// The request carries none of the user's headers or cookies, which are for the server.
pub(super) async fn open(
    mut stream: BoxedStream,
    url: &Url,
    proxy: &Proxy,
    authorization: Option<&HeaderValue>,
) -> Result<BoxedStream, Error> {
    let target = host_and_port(url);
    let start =
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {USER_AGENT}\r\n");
    let mut request = start.into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let failed = |error| {
        let message = format!("the connection to the proxy {proxy} failed");
        Error::new(ErrorKind::Proxy, message).with_source(error)
    };
    stream.write_all(&request).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;

    let mut left = HEAD;
    loop {
        let head = read_head(&mut stream, &mut left, proxy).await?;
        let Some(status) = status(&head) else {
            let message = format!(
                "the answer of the proxy {proxy} is not HTTP: is it another kind of proxy?"
            );
            return Err(Error::new(ErrorKind::Proxy, message));
        };
        if status.is_informational() {
            continue;
        }
        if status.is_success() {
            // A successful CONNECT has no body, whatever its headers say. The tunnel begins here.
            return Ok(stream);
        }
        let message = format!("the proxy {proxy} refused a tunnel to {target} with {status}");
        return Err(Error::new(ErrorKind::Proxy, message).with_status(status.as_u16()));
    }
}

/// Reads to the end of a head and no further, since the next byte belongs to the tunnel. The head is
/// therefore read byte by byte, as by curl. The head is short, and there is one for each connection.
async fn read_head(
    stream: &mut BoxedStream,
    left: &mut usize,
    proxy: &Proxy,
) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    // Old proxies omit the `\r`.
    while !head.ends_with(b"\n\r\n") && !head.ends_with(b"\n\n") {
        *left = left.checked_sub(1).ok_or_else(|| {
            let message = format!("the proxy {proxy} sent a head of more than {HEAD} bytes");
            Error::new(ErrorKind::Limit, message)
        })?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(|error| {
            let message = format!("the proxy {proxy} closed the connection without an answer");
            Error::new(ErrorKind::Proxy, message).with_source(error)
        })?;
        head.extend_from_slice(&byte);
    }
    Ok(head)
}

/// The status of a head that begins with `HTTP/1.1 200 ` or has no reason phrase.
fn status(head: &[u8]) -> Option<StatusCode> {
    let (minor, rest) = head.strip_prefix(b"HTTP/1.")?.split_first()?;
    let (digits, behind) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let whole = minor.is_ascii_digit() && behind.first().is_some_and(u8::is_ascii_whitespace);
    StatusCode::from_bytes(digits).ok().filter(|_| whole)
}
