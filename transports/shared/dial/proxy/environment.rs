//! The proxies that the environment names, and the hosts to which it wants none.

use std::net::IpAddr;

use engineio_client::{Error, ErrorKind};
use ipnet::IpNet;
use url::{Host, Url};

use super::proxy_url::Proxy;

/// What the variables say, read once.
#[derive(Debug)]
pub(super) struct Environment {
    http: Option<Variable>,
    https: Option<Variable>,
    exceptions: Exceptions,
}

/// A proxy by name of its variable, or what is wrong with it. That is told only to a connection
/// which would take it: one past the proxy might show what the proxy is to hide.
type Variable = Result<Proxy, Error>;

impl Environment {
    /// Small letters win, as with curl.
    pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?;
                (!value.trim().is_empty()).then_some((*name, value))
            })
        };
        let proxy = |names| {
            let (name, value) = first(names)?;
            Some(Proxy::new(value).map_err(|error| {
                let message = format!("the proxy in the environment variable {name} can't be used");
                Error::new(ErrorKind::Invalid, message).with_source(error)
            }))
        };
        let all = proxy(&["all_proxy", "ALL_PROXY"]);
        let no = first(&["no_proxy", "NO_PROXY"]);
        Self {
            // In large letters it is what a CGI program is told of the request's header `Proxy`.
            http: proxy(&["http_proxy"]).or_else(|| all.clone()),
            https: proxy(&["https_proxy", "HTTPS_PROXY"]).or(all),
            exceptions: no.map_or_else(Exceptions::default, |(_, list)| Exceptions::parse(&list)),
        }
    }

    pub(super) fn choose(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        let variable = match url.scheme() {
            "https" | "wss" => &self.https,
            _ => &self.http,
        };
        match variable {
            Some(_) if self.exceptions.contain(url) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(None),
        }
    }
}

/// The list in `no_proxy`.
#[derive(Debug, Default)]
struct Exceptions(Vec<Exception>);

#[derive(Debug)]
struct Exception {
    hosts: Hosts,
    /// Of that port alone.
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    All,
    /// A domain and all below it.
    Domain(String),
    Network(IpNet),
}

impl Exceptions {
    /// What can't be understood is no exception.
    fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        Self(entries.filter_map(Exception::parse).collect())
    }

    fn contain(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        self.0.iter().any(|exception| {
            (exception.port.is_none() || exception.port == port)
                && exception.hosts.contain(url.host())
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        // First as a whole: an IPv6 address has colons itself.
        if let Some(hosts) = Hosts::parse(entry) {
            return Some(Self { hosts, port: None });
        }
        let (hosts, port) = entry.rsplit_once(':')?;
        Some(Self {
            hosts: Hosts::parse(hosts)?,
            port: Some(port.parse().ok()?),
        })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let bare = bare.unwrap_or(text);
        if let Ok(network) = bare.parse::<IpNet>() {
            return Some(Self::Network(network));
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Network(address.to_canonical().into()));
        }
        // `.example.com`, `*.example.com` and `example.com.` are what `example.com` is.
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name);
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Self::Domain(name.trim_end_matches('.').to_owned())),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn contain(&self, host: Option<Host<&str>>) -> bool {
        let is_in = |network: &IpNet, address: IpAddr| network.contains(&address.to_canonical());
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Some(Host::Domain(name))) => {
                let rest = name.trim_end_matches('.').strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(network), Some(Host::Ipv4(address))) => is_in(network, address.into()),
            (Self::Network(network), Some(Host::Ipv6(address))) => is_in(network, address.into()),
            _ => false,
        }
    }
}
