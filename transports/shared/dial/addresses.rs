//! The dialer's settings about addresses: the local address to connect from, and fixed addresses of
//! hosts.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use engineio_client::{Error, ErrorKind};
use url::Host;

#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) local: Option<IpAddr>,
    /// Addresses given for a host, used instead of its own address or of what the resolver returns.
    given: Vec<(Host, Vec<SocketAddr>)>,
}

impl Addresses {
    pub(super) fn give(&mut self, host: &str, addresses: Vec<SocketAddr>) -> Result<(), Error> {
        let key = key(host).map_err(|error| {
            let message = format!("resolve_to: {host:?} is neither a host name nor an IP address");
            Error::new(ErrorKind::Invalid, message).with_source(error)
        })?;
        if addresses.is_empty() {
            let message = format!("resolve_to: no addresses were given for {host:?}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.given.retain(|(earlier, _)| *earlier != key);
        self.given.push((key, addresses));
        Ok(())
    }

    /// The addresses given for the host of a URL. `port` replaces a port of 0.
    pub(super) fn addresses_for(&self, host: &Host<&str>, port: u16) -> Option<Vec<SocketAddr>> {
        let host = without_dot(host.to_owned());
        let (_, addresses) = self.given.iter().find(|(key, _)| *key == host)?;
        let with_port = addresses.iter().map(|&(mut address)| {
            if address.port() == 0 {
                address.set_port(port);
            }
            address
        });
        Some(with_port.collect())
    }

    /// The local address to bind to before connecting to `address`.
    pub(super) fn local_for(&self, address: SocketAddr) -> Option<SocketAddr> {
        Some(match (self.local?, address) {
            // Both ends of a link-local connection are on the same interface.
            (IpAddr::V6(local), SocketAddr::V6(address)) if local.is_unicast_link_local() => {
                SocketAddrV6::new(local, 0, 0, address.scope_id()).into()
            }
            (local, _) => SocketAddr::new(local, 0),
        })
    }
}

fn key(host: &str) -> Result<Host, url::ParseError> {
    match host.parse() {
        Ok(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
        Ok(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
        Err(_) => Host::parse(host).map(without_dot),
    }
}

/// `chat.example.` and `chat.example` are the same host.
fn without_dot(host: Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        address => address,
    }
}
