//! Findings: what is wrong, how bad, where, and what to do.

use super::{Origin, Sha256};
use std::fmt;
use time::OffsetDateTime;

/// How bad a finding is. The order is that of exit codes: `0 < 1 < 3 < 2` (info, warning, unknown, critical).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Something will hurt, or hurts a little.
    Warning,
    /// Could not tell.
    Unknown,
    /// Something is broken or about to be.
    Critical,
}

impl Severity {
    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

/// Declares the finding codes once: variant and kebab-case word.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        /// A finding code: stable, part of the contract. What each means stands in `audit::checks::CHECKS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each code is documented by its row in CHECKS")]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// Every code, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word of the JSON output.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

codes! {
    Expired = "expired",
    Expiring = "expiring",
    NotYetValid = "not-yet-valid",
    IssuerExpiresFirst = "issuer-expires-first",
    OutlivesIssuer = "outlives-issuer",
    KeyMismatch = "key-mismatch",
    KeyMissing = "key-missing",
    KeyExposed = "key-exposed",
    WeakKey = "weak-key",
    WeakSignature = "weak-signature",
    IssuerMissing = "issuer-missing",
    Untrusted = "untrusted",
    NotACa = "not-a-ca",
    PathTooLong = "path-too-long",
    BundleOrder = "bundle-order",
    BundleDuplicate = "bundle-duplicate",
    SeveralCertificates = "several-certificates",
    BundleTruncated = "bundle-truncated",
    NameMismatch = "name-mismatch",
    CnOnly = "cn-only",
    SanMalformed = "san-malformed",
    UsageMissing = "usage-missing",
    UsageWrong = "usage-wrong",
    Unreadable = "unreadable",
    Malformed = "malformed",
    EmptyBundle = "empty-bundle",
    Unreachable = "unreachable",
    NotTls = "not-tls",
    Forbidden = "forbidden",
    UnexpectedReply = "unexpected-reply",
    CaDoesNotSignServer = "ca-does-not-sign-server",
    SkipTlsVerify = "skip-tls-verify",
    ClientUntrusted = "client-untrusted",
    TokenRefused = "token-refused",
    StaleCopy = "stale-copy",
    KubeletConfEmbedded = "kubelet-conf-embedded",
    TokenExpired = "token-expired",
    ServiceAccountKeyMismatch = "service-account-key-mismatch",
    FrontProxyCaShared = "front-proxy-ca-shared",
    FrontProxyUntrusted = "front-proxy-untrusted",
    ClientGroup = "client-group",
    ExternalCa = "external-ca",
    CaExpiring = "ca-expiring",
    EtcdUsage = "etcd-usage",
    ServedDiffers = "served-differs",
    LoopbackExpired = "loopback-expired",
    LoopbackExpiring = "loopback-expiring",
    LoopbackNotServed = "loopback-not-served",
    ClockSkew = "clock-skew",
    ProtocolOld = "protocol-old",
    CabundleStale = "cabundle-stale",
    CabundleEmpty = "cabundle-empty",
    CsrPending = "csr-pending",
    ClusterInfoSignature = "cluster-info-signature",
    ClusterInfoCaStale = "cluster-info-ca-stale",
    RootCaConfigmapStale = "root-ca-configmap-stale",
    IstioCaBundleInvalid = "istio-ca-bundle-invalid",
    IstioRootStale = "istio-root-stale",
    IstioLeafOutlivesCa = "istio-leaf-outlives-ca",
    IstioTrustDomain = "istio-trust-domain",
    RejectedByTarget = "rejected-by-target",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fact that a finding rests on, under a camelCase key in the JSON output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// An instant.
    Time(OffsetDateTime),
    /// Several texts.
    List(Vec<String>),
}

/// One finding. The same fault at several places is one finding with several origins.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is here.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop. Names of certificates in it are unescaped.
    pub message: String,
    /// What to do about it, in a sentence or a command.
    pub hint: String,
    /// The certificates concerned.
    pub certificates: Vec<Sha256>,
    /// Every place concerned, with the index of the certificate in it.
    pub origins: Vec<(Origin, u32)>,
    /// The facts.
    pub evidence: Vec<(&'static str, Evidence)>,
    /// The handshakes that it breaks, by their ids ([`super::Handshake::id`]).
    pub handshakes: Vec<String>,
    /// The finding that it is a consequence of, by its code: mending that one mends this.
    pub because: Option<Code>,
}
