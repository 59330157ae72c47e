//! The proxies in environment variables, and `no_proxy`.

use std::net::IpAddr;

use engineio_client::{Error, ErrorKind};
use ipnet::IpNet;
use url::{Host, Url};

use super::proxy_url::Proxy;

/// The contents of the variables, read once.
#[derive(Debug)]
pub(super) struct Environment {
    http: Option<Variable>,
    https: Option<Variable>,
    exceptions: Exceptions,
}

/// A proxy, or why the value of its variable is invalid. The error is returned by each connection that
/// would use this proxy. A direct connection instead could reveal what the proxy is meant to hide.
type Variable = Result<Proxy, Error>;

impl Environment {
    /// Reads the variables. The lower-case form of a name takes precedence, as in curl.
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
                let message =
                    format!("the environment variable {name} does not hold a valid proxy URL");
                Error::new(ErrorKind::Invalid, message).with_source(error)
            }))
        };
        let all = proxy(&["all_proxy", "ALL_PROXY"]);
        let no = first(&["no_proxy", "NO_PROXY"]);
        Self {
            // A CGI program gets the request's header `Proxy` as `HTTP_PROXY`, so upper case is not
            // read.
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
    /// If set, the exception holds for this port only.
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    All,
    /// A domain and all domains below it.
    Domain(String),
    Network(IpNet),
}

impl Exceptions {
    /// Ignores invalid entries.
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
        // Tries the whole entry first, since an IPv6 address contains colons.
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
        // `.example.com`, `*.example.com` and `example.com.` mean the same as `example.com`.
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
