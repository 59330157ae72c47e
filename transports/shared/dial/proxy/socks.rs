//! SOCKS5, by tokio-socks, which runs on any stream in spite of its name.

use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind};
use tokio_socks::io::Compat;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, IntoTargetAddr as _, TargetAddr};
use url::{Host, Url};

use super::super::tcp::Sockets;
use super::proxy_url::{Credentials, Proxy};

/// What to ask the proxy to connect to: the host name, or its addresses in order of preference.
pub(super) async fn targets(
    sockets: &Sockets<'_>,
    url: &Url,
    proxy_resolves: bool,
) -> Result<Vec<TargetAddr<'static>>, Error> {
    if let Some(Host::Domain(name)) = url.host()
        && proxy_resolves
    {
        let port = url.port_or_known_default().unwrap_or(80);
        let name = (name.to_owned(), port).into_target_addr();
        let name = name.map_err(|error| {
            Error::new(ErrorKind::Invalid, "the host name is too long for SOCKS5")
                .with_source(error)
        })?;
        return Ok(vec![name]);
    }
    let (_, addresses) = sockets.locate(url).await?;
    Ok(addresses.into_iter().map(TargetAddr::Ip).collect())
}

/// Asks the proxy to connect to each target in turn, until one succeeds.
pub(super) async fn connect(
    sockets: &Sockets<'_>,
    proxy: &Proxy,
    credentials: Option<&Credentials>,
    targets: &[TargetAddr<'static>],
) -> Result<BoxedStream, Error> {
    let mut failure = None;
    for target in targets {
        // A SOCKS5 proxy closes the connection after a failed request, so each attempt needs a new
        // one.
        let stream = Compat::new(proxy.reach_by_tcp(sockets).await?);
        let connected = match credentials {
            Some(Credentials { user, password }) => {
                Socks5Stream::connect_with_password_and_socket(
                    stream,
                    target.to_owned(),
                    user,
                    password,
                )
                .await
            }
            None => Socks5Stream::connect_with_socket(stream, target.to_owned()).await,
        };
        match connected {
            Ok(stream) => return Ok(stream.into_inner().into_inner()),
            Err(socks_error) => {
                let another = may_succeed_elsewhere(&socks_error);
                failure = Some(error(socks_error, proxy, target, credentials.is_some()));
                if !another {
                    break;
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| Error::new(ErrorKind::Resolve, "the host name has no address")))
}

/// Whether the same proxy may succeed with another address of the target host after this failure.
fn may_succeed_elsewhere(failure: &SocksError) -> bool {
    matches!(
        failure,
        SocksError::GeneralSocksServerFailure
            | SocksError::ConnectionNotAllowedByRuleset
            | SocksError::NetworkUnreachable
            | SocksError::HostUnreachable
            | SocksError::ConnectionRefused
            | SocksError::TtlExpired
            | SocksError::AddressTypeNotSupported
    )
}

fn error(
    failure: SocksError,
    proxy: &Proxy,
    target: &TargetAddr<'_>,
    had_credentials: bool,
) -> Error {
    let message = match &failure {
        SocksError::NoAcceptableAuthMethods | SocksError::AuthorizationRequired
            if !had_credentials =>
        {
            format!("the proxy {proxy} requires a user name and a password")
        }
        SocksError::NoAcceptableAuthMethods => {
            format!(
                "the proxy {proxy} requires an authentication method other than user name and password"
            )
        }
        SocksError::PasswordAuthFailure(_) => {
            format!("the proxy {proxy} refused the user name and password")
        }
        SocksError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            format!("the proxy {proxy} closed the connection without an answer")
        }
        SocksError::Io(_) => format!("the connection to the proxy {proxy} failed"),
        failure if may_succeed_elsewhere(failure) => {
            format!("the proxy {proxy} could not connect to {target}")
        }
        SocksError::CommandNotSupported => {
            format!("the proxy {proxy} does not support connecting (the SOCKS5 command CONNECT)")
        }
        _ => format!("the answer of the proxy {proxy} is not SOCKS5: is it another kind of proxy?"),
    };
    let error = Error::new(ErrorKind::Proxy, message);
    match failure {
        // tokio-socks returns this error for an unknown method and for a malformed answer, mostly the
        // latter, so its text would mislead.
        SocksError::UnknownAuthMethod => error,
        failure => error.with_source(failure),
    }
}
