//! Finds the kind of key in a certificate, and whether ring supports it. ring reports an unsupported
//! key as a wrong signature, which would mislead the user.

use std::fmt;
use std::sync::Arc;

use futures_rustls::rustls::pki_types::CertificateDer;
use futures_rustls::rustls::{self, CertificateError, OtherError};

/// The keys whose signatures ring can verify.
pub(super) const SUPPORTED: &str =
    "RSA of 2048 to 8192 bits, ECDSA on P-256 and P-384, and Ed25519";

/// A key that ring does not support. It is the cause of a [`CertificateError::Other`].
#[derive(Debug)]
pub(super) struct UnusableKey {
    key: Key,
    /// Whether the key is that of a CA that signed a certificate of the chain.
    is_of_an_issuer: bool,
    /// rustls' error about the signature.
    pub(super) error: rustls::Error,
}

/// The end of a sentence that begins with "the certificate of {host}".
impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = if self.is_of_an_issuer {
            "was signed by a CA with"
        } else {
            "has"
        };
        let judgement = match self.key {
            Key::Rsa { bits } if bits < 2048 => "is too small for the TLS library",
            Key::Rsa { .. } => "is too large for the TLS library",
            _ => "the TLS library does not support",
        };
        let key = self.key;
        write!(
            f,
            "{has} {key}, which {judgement} (supported keys: {SUPPORTED})"
        )
    }
}

impl std::error::Error for UnusableKey {}

/// Replaces the error for a signature if the key of this certificate is not supported.
pub(super) fn explain_signature(
    error: rustls::Error,
    certificate: &CertificateDer<'_>,
) -> rustls::Error {
    if !is_about_a_signature(&error) {
        return error;
    }
    match unusable_key(certificate) {
        Some(key) => unusable(key, false, error),
        None => error,
    }
}

/// Replaces the error for a certificate chain if the key of an issuer is not supported. `authorities`
/// are the CAs given by the user. Those of the system can't be inspected.
pub(super) fn explain_chain(
    error: rustls::Error,
    chain: &[&CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
) -> rustls::Error {
    if !is_about_a_signature(&error) {
        return error;
    }
    let known = || chain.iter().copied().chain(authorities);
    let mut issuers = chain.iter().filter_map(|issued| {
        let issued = Certificate::parse(issued)?;
        let by = |issuer: &&CertificateDer<'_>| {
            Certificate::parse(issuer).is_some_and(|issuer| issuer.subject == issued.issuer)
        };
        known().filter(by).find_map(unusable_key)
    });
    match issuers.next() {
        Some(key) => unusable(key, true, error),
        None => error,
    }
}

fn is_about_a_signature(error: &rustls::Error) -> bool {
    use CertificateError as C;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            C::BadSignature
                | C::UnsupportedSignatureAlgorithmContext { .. }
                | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

fn unusable(key: Key, is_of_an_issuer: bool, error: rustls::Error) -> rustls::Error {
    let cause = UnusableKey {
        key,
        is_of_an_issuer,
        error,
    };
    CertificateError::Other(OtherError(Arc::new(cause))).into()
}

fn unusable_key(certificate: &CertificateDer<'_>) -> Option<Key> {
    let key = Certificate::parse(certificate)?.key;
    (!key.is_supported()).then_some(key)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Rsa { bits: usize },
    Ecdsa(Curve),
    Ed25519,
    Ed448,
    RsaPss,
    Dsa,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
    Other,
}

impl Key {
    fn is_supported(self) -> bool {
        match self {
            // ring rounds up to whole bytes for the lower limit.
            Self::Rsa { bits } => bits > 2040 && bits <= 8192,
            Self::Ecdsa(curve) => matches!(curve, Curve::P256 | Curve::P384),
            Self::Ed25519 => true,
            Self::Ed448 | Self::RsaPss | Self::Dsa | Self::Other => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "an RSA key of {bits} bits"),
            Self::Ecdsa(Curve::P256) => f.write_str("an ECDSA key on P-256"),
            Self::Ecdsa(Curve::P384) => f.write_str("an ECDSA key on P-384"),
            Self::Ecdsa(Curve::P521) => f.write_str("an ECDSA key on P-521"),
            Self::Ecdsa(Curve::Other) => f.write_str("an ECDSA key on another curve"),
            Self::Ed25519 => f.write_str("an Ed25519 key"),
            Self::Ed448 => f.write_str("an Ed448 key"),
            Self::RsaPss => f.write_str("an RSA key for PSS only"),
            Self::Dsa => f.write_str("a DSA key"),
            Self::Other => f.write_str("a key of another kind"),
        }
    }
}

/// The parts of an X.509 certificate (RFC 5280, 4.1) that error messages need. They describe a
/// certificate, and no decision about trust depends on them.
struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    key: Key,
}

impl<'a> Certificate<'a> {
    fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Der(Der(der).expect(SEQUENCE)?);
        let mut signed = Der(certificate.expect(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.expect(VERSION)?;
        }
        signed.expect(INTEGER)?; // serial number
        signed.expect(SEQUENCE)?; // signature algorithm
        let issuer = signed.expect(SEQUENCE)?;
        signed.expect(SEQUENCE)?; // validity
        let subject = signed.expect(SEQUENCE)?;
        let key = Key::parse(signed.expect(SEQUENCE)?)?;
        Some(Self {
            issuer,
            subject,
            key,
        })
    }
}

impl Key {
    /// Parses the contents of a SubjectPublicKeyInfo.
    fn parse(der: &[u8]) -> Option<Self> {
        let mut info = Der(der);
        let mut algorithm = Der(info.expect(SEQUENCE)?);
        Some(match algorithm.expect(OBJECT_IDENTIFIER)? {
            // OID 1.2.840.113549.1.1.1, rsaEncryption
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" => {
                let bits = info.expect(BIT_STRING)?;
                let [0, key @ ..] = bits else {
                    return None;
                };
                let mut key = Der(Der(key).expect(SEQUENCE)?);
                Self::Rsa {
                    bits: bit_length(key.expect(INTEGER)?)?,
                }
            }
            // OID 1.2.840.113549.1.1.10, id-RSASSA-PSS
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => Self::RsaPss,
            // OID 1.2.840.10040.4.1, id-dsa
            b"\x2a\x86\x48\xce\x38\x04\x01" => Self::Dsa,
            // OID 1.2.840.10045.2.1, id-ecPublicKey
            b"\x2a\x86\x48\xce\x3d\x02\x01" => Self::Ecdsa(Curve::parse(algorithm)),
            // OIDs 1.3.101.112 and 1.3.101.113, id-Ed25519 and id-Ed448
            b"\x2b\x65\x70" => Self::Ed25519,
            b"\x2b\x65\x71" => Self::Ed448,
            _ => Self::Other,
        })
    }
}

impl Curve {
    /// Parses the parameters of an algorithm, which need not be a named curve.
    fn parse(mut parameters: Der<'_>) -> Self {
        match parameters.expect(OBJECT_IDENTIFIER) {
            // OIDs 1.2.840.10045.3.1.7, 1.3.132.0.34 and 1.3.132.0.35, the named curves
            Some(b"\x2a\x86\x48\xce\x3d\x03\x01\x07") => Self::P256,
            Some(b"\x2b\x81\x04\x00\x22") => Self::P384,
            Some(b"\x2b\x81\x04\x00\x23") => Self::P521,
            _ => Self::Other,
        }
    }
}

/// The bit length of a positive integer.
fn bit_length(integer: &[u8]) -> Option<usize> {
    let leading = integer.iter().take_while(|byte| **byte == 0).count();
    let digits = integer.get(leading..)?;
    let unused = digits.first()?.leading_zeros();
    let bits = digits.len().checked_mul(8)?;
    bits.checked_sub(usize::try_from(unused).ok()?)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The optional tag `[0]` at the beginning of a certificate.
const VERSION: u8 = 0xa0;

/// A sequence of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next element, if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, length], mut rest) = self.0.split_first_chunk()?;
        if found != tag {
            return None;
        }
        let mut length = usize::from(length);
        if length >= 0x80 {
            let (digits, behind) = rest.split_at_checked(length & 0x7f)?;
            // Three length bytes suffice: a certificate of 16 MiB exceeds the limit of a handshake.
            if digits.is_empty() || digits.len() > 3 {
                return None;
            }
            length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = behind;
        }
        let (inside, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some(inside)
    }
}
