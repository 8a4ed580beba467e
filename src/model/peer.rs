//! What a server said of itself when it was asked: everything of a TLS handshake but the certificates, which stand in the
//! [`Holding`](super::Holding) of the same [`Origin`].

use super::{Certificate, DistinguishedName, GeneralName, Origin};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// The name that a kube-apiserver serves its in-memory loopback certificate to (kubernetes/apiserver,
/// pkg/server/config_selfclient.go: `LoopbackClientServerNameOverride`).
pub const LOOPBACK_NAME: &str = "apiserver-loopback-client";

/// One conversation with one address of an endpoint.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The place of what it presented: `host:port`, and in the field what tells this conversation from others with the same endpoint.
    pub origin: Origin,
    /// The address that was dialled; `None` when the name led to none, or a proxy was to resolve it.
    pub address: Option<SocketAddr>,
    /// The Server Name Indication that was sent (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// What was agreed on; `None` when it did not come so far.
    pub session: Option<Session>,
    /// The path that was asked for, if something was.
    pub request: Option<Arc<str>>,
    /// What was answered to that.
    pub reply: Option<Reply>,
    /// How the client was ready to show who it is.
    pub login: LoginUsed,
    /// From the first packet to the last; name resolution not counted.
    pub took: Duration,
}

/// What the two sides of a TLS handshake agreed on, as far as it came.
#[derive(Clone, Debug)]
pub struct Session {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// The cipher suite under its IANA name, else its number.
    pub cipher_suite: Option<Box<str>>,
    /// The group of the key exchange under its IANA name.
    pub key_exchange: Option<Box<str>>,
    /// The protocol that the server chose (RFC 7301).
    pub alpn: Option<Box<str>>,
    /// Whether an OCSP response was stapled.
    pub ocsp_staple: bool,
    /// Whether the server asked for a client certificate.
    pub client_auth: ClientAuth,
    /// How it ended.
    pub end: End,
}

/// What a server wants of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No certificate.
    #[default]
    NotAsked,
    /// A certificate from one of these CAs; an empty list is from any (RFC 8446 section 4.2.4).
    Asked(Vec<DistinguishedName>),
}

/// How a handshake ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was completed.
    Completed,
    /// The server ended it with this alert after it had presented its chain (RFC 8446 section 6.2: `certificate_required`).
    Refused(Alert),
    /// Only as far as the chain, which was all that was asked: older versions than TLS 1.2, and suites that nobody should speak.
    ChainOnly,
    /// The chain was presented, and then it went wrong.
    Broken(Box<str>),
    /// The chain was presented, and is not one that a credential may be shown to.
    Distrusted,
}

/// The number of a TLS alert (RFC 8446 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

/// The alerts that tell why a peer was refused.
const ALERTS: &[(u8, &str)] = &[
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (112, "unrecognized_name"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
];

/// The alerts by which a server says that it wants another client certificate, or one at all. Servers before TLS 1.3 have no word of
/// their own for a missing one: they say `handshake_failure` or `bad_certificate`.
const OF_CLIENT_CERTIFICATES: &[u8] = &[40, 41, 42, 43, 44, 45, 46, 48, 49, 51, 116];

impl Alert {
    /// Whether it is about the client's certificate, given that one was asked for.
    #[must_use]
    pub fn is_about_client_certificate(self) -> bool {
        OF_CLIENT_CERTIFICATES.contains(&self.0)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ALERTS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

/// A protocol version by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion(pub u16);

impl ProtocolVersion {
    /// TLS 1.2, the oldest that Go, rustls and browsers still speak (RFC 8996).
    pub const TLS12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);

    /// Whether RFC 8996 and RFC 7568 forbid it.
    #[must_use]
    pub fn is_old(self) -> bool {
        self < Self::TLS12
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301..=0x0304 => write!(f, "TLS 1.{}", self.0 - 0x0301),
            other => write!(f, "version {other:#06x}"),
        }
    }
}

/// What an API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The server's clock: its `Date` header.
    pub date: Option<OffsetDateTime>,
    /// This machine's clock when the answer came.
    pub received: OffsetDateTime,
    /// What it says it is, when it answered `GET /version`.
    pub version: Option<ServerVersion>,
    /// The reason that a Kubernetes `Status` gives for a refusal.
    pub reason: Option<Box<str>>,
}

/// How a client showed who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginUsed {
    /// Not at all.
    Anonymous,
    /// By its certificate.
    Certificate,
    /// By a bearer token.
    Token,
    /// By user name and password.
    Password,
}

/// `GET /version` of an API server (k8s.io/apimachinery/pkg/version: `Info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// `gitVersion`: `v1.32.4`, `v1.32.4+k3s1`.
    pub git_version: Box<str>,
    /// `goVersion`: `go1.23.8`.
    pub go_version: Option<Box<str>>,
    /// `platform`: `linux/amd64`.
    pub platform: Option<Box<str>>,
}

/// A kube-apiserver's loopback certificate: made in memory when the process starts, an hour back-dated, and never renewed
/// (kubernetes/apiserver, pkg/server/options/serving_with_loopback.go).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopback {
    /// When the process that serves it was started.
    pub started: OffsetDateTime,
    /// When the process can no longer reach itself.
    pub ends: OffsetDateTime,
    /// How long the certificate lives.
    pub lifetime: Duration,
}

impl Loopback {
    /// What a certificate says, if it is such a one: its common name is `apiserver-loopback-client@` and a Unix time.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let rest = certificate.subject.common_name()?.strip_prefix(LOOPBACK_NAME)?;
        rest.strip_prefix('@').filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        // The names that its maker gives it; its own CA signed it, or in old releases itself.
        let is_by_itself = certificate.issuer.common_name().is_some_and(|issuer| issuer.starts_with(LOOPBACK_NAME));
        let is_for_itself = certificate.sans.iter().any(|san| matches!(san, GeneralName::Dns(name) if **name == *LOOPBACK_NAME));
        if !is_by_itself || !is_for_itself {
            return None;
        }
        let validity = certificate.validity;
        let started = validity.not_before.saturating_add(Duration::HOUR);
        Some(Self { started, ends: validity.not_after, lifetime: validity.lifetime() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_alerts_have_names() {
        let shown = [0x0300, 0x0301, 0x0303, 0x0304, 0x7f1c].map(|number| ProtocolVersion(number).to_string());
        assert_eq!(shown, ["SSL 3.0", "TLS 1.0", "TLS 1.2", "TLS 1.3", "version 0x7f1c"]);
        assert!(ProtocolVersion(0x0302).is_old() && !ProtocolVersion::TLS12.is_old());
        assert_eq!([Alert(116), Alert(250)].map(|alert| alert.to_string()), ["certificate_required", "alert 250"]);
        assert!(Alert(48).is_about_client_certificate() && !Alert(70).is_about_client_certificate());
    }
}
