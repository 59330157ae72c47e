//! Explains TLS errors in plain words. rustls' own error becomes the source.

use std::io;

use engineio_client::{Error, ErrorKind};
use futures_rustls::rustls::{self, AlertDescription, CertificateError};

use super::public_key::{SUPPORTED, UnusableKey};
use super::verify::is_of_a_ca;

/// The error for a failed handshake.
pub(super) fn handshake_error(host: &str, error: io::Error) -> Error {
    let message = match cause(&error) {
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
            format!("{host} does not speak TLS on this port: should the URL be http or ws?")
        }
        Some(cause) => explain(host, cause),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("{host} closed the connection during the TLS handshake")
        }
        None => format!("the connection to {host} failed during the TLS handshake"),
    };
    tls_error(message, error)
}

/// The error for a session that fails after its handshake. rustls' text for an end without
/// `close_notify` refers to its manual, so it is replaced.
pub(super) fn session_error(host: &str, error: io::Error) -> io::Error {
    let kind = error.kind();
    match cause(&error) {
        Some(cause) => {
            let message = explain(host, cause);
            io::Error::new(kind, tls_error(message, error))
        }
        None if kind == io::ErrorKind::UnexpectedEof => io::Error::new(
            kind,
            format!("{host} closed the connection without ending TLS first (close_notify)"),
        ),
        None => error,
    }
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn tls_error(message: String, error: io::Error) -> Error {
    let own = Error::new(ErrorKind::Tls, message);
    match cause(&error) {
        Some(cause) => own.with_source(as_rustls_said(cause).clone()),
        None => own.with_source(error),
    }
}

/// Returns the original error of rustls if the verifier replaced it by an
/// [`UnusableKey`](super::public_key::UnusableKey), which rustls would print as `Debug` output.
fn as_rustls_said(cause: &rustls::Error) -> &rustls::Error {
    match cause {
        rustls::Error::InvalidCertificate(problem) => {
            unusable_key(problem).map_or(cause, |key| &key.error)
        }
        _ => cause,
    }
}

fn explain(host: &str, error: &rustls::Error) -> String {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(problem) => {
            format!("the certificate of {host} {}", explain_certificate(problem))
        }
        E::NoCertificatesPresented => format!("{host} sent no certificate"),
        E::AlertReceived(alert) => explain_alert(host, *alert),
        E::PeerIncompatible(_) => {
            format!("{host} and this client have no TLS version or cipher in common")
        }
        _ => format!("TLS with {host} failed"),
    }
}

fn explain_certificate(problem: &CertificateError) -> String {
    match unusable_key(problem) {
        Some(key) => key.to_string(),
        None => explain_by_kind(problem).to_owned(),
    }
}

fn unusable_key(problem: &CertificateError) -> Option<&UnusableKey> {
    match problem {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

fn explain_by_kind(problem: &CertificateError) -> &'static str {
    use CertificateError as C;
    match problem {
        C::NotValidForName | C::NotValidForNameContext { .. } => "is not valid for that name",
        C::Expired | C::ExpiredContext { .. } => "has expired",
        C::NotValidYet | C::NotValidYetContext { .. } => "is not valid yet",
        C::Revoked => "was revoked",
        C::UnknownIssuer => {
            "was issued by a CA that is not trusted here (a private CA can be added)"
        }
        C::BadEncoding => "can't be read",
        C::BadSignature => "has a wrong signature",
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "has a signature algorithm that the TLS library does not support"
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => "is not meant for servers",
        C::UnknownRevocationStatus
        | C::ExpiredRevocationList
        | C::ExpiredRevocationListContext { .. } => {
            "may have been revoked: its revocation status is unknown"
        }
        C::ApplicationVerificationFailure => "was refused by the verifier of the TLS configuration",
        problem if is_of_a_ca(problem) => "is a CA certificate that is not trusted here",
        _ => "was not accepted",
    }
}

fn explain_alert(host: &str, alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => format!("{host} requires a client certificate"),
        A::NoCertificate
        | A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied => format!("{host} did not accept the client certificate"),
        A::ProtocolVersion | A::InsufficientSecurity => {
            format!("{host} and this client have no TLS version or cipher in common")
        }
        A::UnrecognisedName => format!("the server at {host} does not serve this host name"),
        A::HandshakeFailure => format!(
            "{host} refused the TLS handshake: it may require a client certificate, have no cipher \
             in common with this client, or have a certificate whose key this client does not \
             support (supported keys: {SUPPORTED})"
        ),
        A::NoApplicationProtocol => format!("{host} does not speak HTTP/1.1"),
        other => format!("{host} ended the TLS connection with the alert {other:?}"),
    }
}
