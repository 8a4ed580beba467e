//! What is asked: about which certificate, with which others at hand, for which purpose and names, at which instant.

use crate::chain::NodeId;
use crate::model::CertificateList;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use time::OffsetDateTime;

/// One trust question.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The certificate it is about.
    pub end_entity: NodeId,
    /// Certificates that are at hand and not trusted, in the order given.
    pub intermediates: Vec<NodeId>,
    /// Trust anchors, in the order given.
    pub anchors: Vec<NodeId>,
    /// What the certificate is to be used for.
    pub purpose: Purpose,
    /// Names that the certificate must be valid for, every one of them.
    pub names: Vec<Name>,
    /// The instant.
    pub at: OffsetDateTime,
    /// Revocation lists. Without any, revocation is not looked at.
    pub crls: Vec<&'a CertificateList>,
    /// Certificates between end entity and anchor at most (`openssl verify -verify_depth`); `None`: the verifier's own limit.
    pub max_depth: Option<usize>,
}

/// What a certificate is to be used for: the extended key usage asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Anything.
    #[default]
    Any,
    /// TLS servers (`serverAuth`).
    Server,
    /// TLS clients (`clientAuth`).
    Client,
}

/// A name that somebody expects: RFC 6125's reference identifier. Which one it is follows from its form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A DNS name, as typed.
    Dns(Box<str>),
    /// An IP address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(Box<str>),
    /// A URI, such as a SPIFFE id.
    Uri(Box<str>),
}

/// Text that no verifier could take for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAName(Box<str>);

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no DNS name, IP address, e-mail address or URI", self.0)?;
        if port(&self.0).is_some() { f.write_str(" (leave out the port)") } else { Ok(()) }
    }
}

impl std::error::Error for NotAName {}

impl FromStr for Name {
    type Err = NotAName;

    /// ```
    /// use kcert::verify::Name;
    /// assert_eq!("::1".parse(), Ok(Name::Ip("::1".parse().unwrap())));
    /// assert_eq!("api.example".parse(), Ok(Name::Dns("api.example".into())));
    /// assert_eq!("spiffe://cluster.local/ns/a".parse(), Ok(Name::Uri("spiffe://cluster.local/ns/a".into())));
    /// assert_eq!("me@example.com".parse(), Ok(Name::Email("me@example.com".into())));
    /// assert!("".parse::<Name>().is_err());
    /// assert!("api.example:6443".parse::<Name>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let address = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Err(NotAName(text.into()))
        } else if let Ok(address) = address.parse() {
            Ok(Self::Ip(address))
        } else if text.contains("://") || text.starts_with("urn:") {
            Ok(Self::Uri(text.into()))
        } else if let Some((local, host)) = text.rsplit_once('@') {
            let whole = !local.is_empty() && !host.is_empty();
            whole.then(|| Self::Email(text.into())).ok_or_else(|| NotAName(text.into()))
        } else if text.contains([':', '/']) {
            Err(NotAName(text.into()))
        } else {
            Ok(Self::Dns(text.into()))
        }
    }
}

/// What follows the colon of `host:port`.
fn port(text: &str) -> Option<&str> {
    let (_, port) = text.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => f.write_str(text),
            Self::Ip(address) => address.fmt(f),
        }
    }
}
