//! What to ask of an endpoint, and as whom.

use super::recorder::Admission;
use super::tls::is_sendable;
use super::{Endpoint, Proxy, StartTls};
use crate::decode::Secret;
use crate::model::peer::{ClientAuth, LoginUsed};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroize;

/// One endpoint and what to ask of it.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Where.
    pub endpoint: Endpoint,
    /// The name to ask for.
    pub server_name: Sni,
    /// The plain protocol to begin with.
    pub starttls: Option<StartTls>,
    /// The proxy on the way.
    pub proxy: Option<Arc<Proxy>>,
    /// Who asks; `None` for nobody.
    pub client: Option<Arc<Client>>,
    /// What is asked once the handshake is done.
    pub request: Request,
    /// Other ports of the host to try, in this order, while none serves the loopback certificate.
    pub other_ports: &'static [u16],
}

impl Dial {
    /// A handshake with an endpoint under its own name.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            server_name: Sni::Host,
            starttls: None,
            proxy: None,
            client: None,
            request: Request::Nothing,
            other_ports: &[],
        }
    }

    /// The Server Name Indication to send: an address is none (RFC 6066 section 3).
    pub(super) fn sni(&self) -> Option<&str> {
        match &self.server_name {
            Sni::Host => Some(&*self.endpoint.host).filter(|host| self.endpoint.address().is_none() && is_sendable(host)),
            Sni::Name(name) => Some(&**name).filter(|name| is_sendable(name)),
            Sni::None => None,
        }
    }
}

/// The Server Name Indication to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sni {
    /// The endpoint's host, unless it is an address.
    Host,
    /// This name.
    Name(Box<str>),
    /// None.
    None,
}

impl Sni {
    /// A name that is not the host's; empty for none. Nothing for text that cannot be sent (RFC 6066 section 3: a DNS name).
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::None),
            name => is_sendable(name).then(|| Self::Name(name.into())),
        }
    }
}

/// What is asked once the handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    Nothing,
    /// `GET` of this path and query.
    Get(Arc<str>),
}

/// Where an API server says what it is.
pub const VERSION: &str = "/version";

/// The kind of addresses to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    pub(super) fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

/// Who asks. Credentials go to servers that are admitted, and to no others.
#[derive(Debug)]
pub struct Client {
    pub(super) certificate: Option<Arc<CertifiedKey>>,
    pub(super) authorization: Option<(Secret, LoginUsed)>,
    pub(super) admission: Option<Arc<dyn Admission>>,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableKey {
    /// It is of no kind that TLS knows.
    Kind,
    /// It can be read with a password only.
    Encrypted,
    /// It belongs to another certificate.
    Mismatch,
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "the client's private key is of no kind that TLS can use",
            Self::Encrypted => "the client's private key is encrypted, and kcert asks for no password",
            Self::Mismatch => "the client's private key belongs to another certificate",
        })
    }
}

impl std::error::Error for UnusableKey {}

impl Client {
    /// Nobody, who only talks to servers that are admitted.
    #[must_use]
    pub fn anonymous(admission: Option<Arc<dyn Admission>>) -> Self {
        Self { certificate: None, authorization: None, admission }
    }

    /// The same with a certificate (its chain in DER, the end entity first) and its key (PKCS#1, PKCS#8 or SEC1, PEM or DER).
    ///
    /// # Errors
    /// A key that does not fit.
    pub fn with_certificate(self, chain: Vec<Vec<u8>>, key: &Secret) -> Result<Self, UnusableKey> {
        let key = signing_key(key.bytes())?;
        let certified = CertifiedKey::new(chain.into_iter().map(CertificateDer::from).collect(), key);
        if matches!(certified.keys_match(), Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))) {
            return Err(UnusableKey::Mismatch);
        }
        Ok(Self { certificate: Some(Arc::new(certified)), ..self })
    }

    /// The same with a value for `Authorization`, and what it is.
    #[must_use]
    pub fn with_authorization(self, value: Secret, login: LoginUsed) -> Self {
        Self { authorization: Some((value, login)), ..self }
    }

    /// How it shows who it is to a server that asks for a client certificate, or does not. API servers look at a certificate first.
    pub(super) fn login(&self, client_auth: &ClientAuth) -> LoginUsed {
        match (&self.certificate, &self.authorization) {
            (Some(_), None) => LoginUsed::Certificate,
            (Some(_), Some(_)) if *client_auth != ClientAuth::NotAsked => LoginUsed::Certificate,
            (_, Some((_, login))) => *login,
            (None, None) => LoginUsed::Anonymous,
        }
    }
}

/// The key for the cryptographic library; the copy that was made on the way is wiped.
fn signing_key(bytes: &[u8]) -> Result<Arc<dyn SigningKey>, UnusableKey> {
    let read = PrivateKeyDer::from_pem_slice(bytes).or_else(|_| PrivateKeyDer::try_from(bytes).map(|key| key.clone_key()));
    let mut der = read.map_err(|_| UnusableKey::Kind)?;
    let key = any_supported_type(&der).map_err(|_| UnusableKey::Kind);
    der.zeroize();
    key
}
