//! What can be dialled: a host and a port, as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host (a name or an address) and a port. Displays as it is dialled: `10.0.0.1:6443`, `[::1]:443`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// A DNS name or an IP address, without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// Text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnEndpoint(Box<str>);

impl NotAnEndpoint {
    /// Enough of the text to recognise it by, and no password.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NotAnEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no endpoint: expected HOST:PORT, [IPV6]:PORT or https://HOST[:PORT]", self.0)
    }
}

impl std::error::Error for NotAnEndpoint {}

/// The port of `https://` (RFC 9110 section 4.2.2).
const HTTPS: u16 = 443;

impl Endpoint {
    /// Reads `HOST:PORT`, `[IPV6]:PORT`, `https://HOST[:PORT][/…]`.
    ///
    /// ```
    /// use kcert::probe::Endpoint;
    /// let shown = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.to_string()).ok();
    /// assert_eq!(shown("10.0.0.1:6443").as_deref(), Some("10.0.0.1:6443"));
    /// assert_eq!(shown("https://[::1]/api").as_deref(), Some("[::1]:443"));
    /// assert_eq!(shown("k8s.example"), None);
    /// ```
    ///
    /// # Errors
    /// Text that is none of these.
    pub fn parse(text: &str) -> Result<Self, NotAnEndpoint> {
        let refused = || NotAnEndpoint(shortened(text));
        let endpoint = match scheme(text) {
            Some(("https", rest)) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                Self::with_default(host_and_port, HTTPS)
            }
            Some(_) => None,
            None => split(text).and_then(|(host, port)| port.map(|port| Self { host: host.into(), port })),
        };
        endpoint.ok_or_else(refused)
    }

    /// The same, with a port for text that names none: `HOST`, `::1`.
    ///
    /// # Errors
    /// Text that is no host.
    pub fn parse_with(text: &str, default: u16) -> Result<Self, NotAnEndpoint> {
        if scheme(text).is_some() {
            return Self::parse(text);
        }
        Self::with_default(text, default).ok_or_else(|| NotAnEndpoint(shortened(text)))
    }

    fn with_default(text: &str, default: u16) -> Option<Self> {
        split(text).map(|(host, port)| Self { host: host.into(), port: port.unwrap_or(default) })
    }

    /// The host, if it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        // A zone (`fe80::1%eth0`) is for the resolver.
        self.host.parse().ok()
    }

    /// Whether text that is no file could be an endpoint.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        Self::parse(text).is_ok()
    }

    /// Whether a port is written in the text.
    #[must_use]
    pub fn names_a_port(text: &str) -> bool {
        scheme(text).is_some() || split(text).is_some_and(|(_, port)| port.is_some())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.host.contains(':');
        if brackets { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    text.split_once("://")
}

/// Host and, if there is one, port.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let (address, zone) = host.split_once('%').map_or((host, None), |(address, zone)| (address, Some(zone)));
        let is_v6 = address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(is_host);
        return match after.strip_prefix(':') {
            _ if !is_v6 => None,
            Some(digits) => port(digits).map(|port| (host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((host, digits)) => port(digits).filter(|_| is_host(host)).map(|port| (host, Some(port))),
        None => is_host(text).then_some((text, None)),
    }
}

fn port(digits: &str) -> Option<u16> {
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    number.filter(|port| *port != 0)
}

/// What a resolver can be asked for: at most 253 characters (RFC 1035 section 2.3.4), and none that separates.
fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(allowed)
}

/// Enough of a text to recognise it by; what stands before an `@` may be a password.
fn shortened(text: &str) -> Box<str> {
    const ENOUGH: usize = 60;
    let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    text.chars().take(ENOUGH).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_as_people_write_them() {
        for (text, shown) in [
            ("10.0.0.1:6443", "10.0.0.1:6443"),
            ("[::1]:443", "[::1]:443"),
            ("[fe80::1%eth0]:443", "[fe80::1%eth0]:443"),
            ("k8s.example:443", "k8s.example:443"),
            ("https://k8s.example", "k8s.example:443"),
            ("https://u:p@k8s.example:6443/k8s/clusters/c-1?x#y", "k8s.example:6443"),
            ("https://[::1]:6443", "[::1]:6443"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "a.crt",
            "dir/a:80",
            "a:b",
            ":80",
            "C:",
            "a:99999",
            "a:0",
            "http://a:80",
            "::1",
            "[::1",
            "[fe80::1%a b]:1",
            "[fe80::1%x\r\ny]:1",
            "[a]:1",
            "a b:1",
            "",
            "a:+1",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_can_be_left_out_where_one_is_usual() {
        for (text, shown) in [("::1", "[::1]:6443"), ("cp-1", "cp-1:6443"), ("cp-1:1", "cp-1:1"), ("[::1]", "[::1]:6443")] {
            assert_eq!(Endpoint::parse_with(text, 6443).unwrap().to_string(), shown);
        }
        assert!(Endpoint::names_a_port("[::1]:6443") && !Endpoint::names_a_port("::1") && Endpoint::names_a_port("https://x"));
    }

    #[test]
    fn no_password_is_repeated() {
        assert!(!Endpoint::parse("http://u:SECRET@h").unwrap_err().to_string().contains("SECRET"));
    }
}
