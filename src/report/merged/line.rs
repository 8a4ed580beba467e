//! What a line of `-o jsonl` says, read back. What no line has is dropped on the way, so that nothing gets through that kcert did not
//! mean to write; fields that a later release adds are among it.

use crate::model::{Code, Severity};
use crate::report::json::values;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A line: one JSON object, whose version every kind has.
#[derive(Deserialize)]
#[serde(tag = "kind")]
pub(super) enum Line {
    Certificate(Box<Certificate>),
    Defect(Defect),
    Finding(Finding),
    Peer(Peer),
    Summary(Summary),
}

/// The version of the output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
enum Version {
    #[serde(rename = "kcert/v1")]
    V1,
}

/// An instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) struct Instant(pub(in crate::report) OffsetDateTime);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self).map_err(|_| D::Error::custom("an instant is not RFC 3339"))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        values::Instant(self.0).serialize(serializer)
    }
}

/// `sha256:` and 64 digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(in crate::report) struct Id(Box<str>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit));
        if is_id { Ok(Self(text)) } else { Err(D::Error::custom("an id is not sha256: and 64 digits")) }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::report) enum Grade {
    Info,
    Warning,
    Unknown,
    Critical,
}

impl From<Grade> for Severity {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Info => Self::Info,
            Grade::Warning => Self::Warning,
            Grade::Unknown => Self::Unknown,
            Grade::Critical => Self::Critical,
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Severity::from(*self).as_str().serialize(serializer)
    }
}

/// A kind of document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) enum OriginKind {
    File,
    Kubeconfig,
    Secret,
    ConfigMap,
    Webhook,
    ApiService,
    Crd,
    Csr,
    ClusterTrustBundle,
    Peer,
    EnvoySecret,
    Stdin,
}

/// A place.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub(in crate::report) struct Origin {
    pub(in crate::report) kind: OriginKind,
    pub(in crate::report) source: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) file: Option<Box<str>>,
    pub(in crate::report) field: Box<str>,
    pub(in crate::report) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) role: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) host: Option<Box<str>>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}: ")?;
        }
        f.write_str(&self.source)?;
        if !self.field.is_empty() {
            write!(f, " {}", self.field)?;
        }
        match &self.file {
            Some(file) if self.host.is_none() => write!(f, " ({file})"),
            _ => Ok(()),
        }
    }
}

/// A certificate, or the same at another place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Certificate {
    #[serde(rename = "apiVersion")]
    _version: Version,
    pub(in crate::report) evaluated_at: Instant,
    #[serde(flatten)]
    pub(in crate::report) facts: Facts,
    pub(in crate::report) origins: Vec<Origin>,
}

/// What a certificate says itself.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Facts {
    pub(in crate::report) id: Id,
    pub(in crate::report) subject: Box<str>,
    issuer: Box<str>,
    serial: Serial,
    not_before: Instant,
    pub(in crate::report) not_after: Instant,
    /// Told anew: runs have different instants.
    pub(in crate::report) seconds_left: i64,
    #[serde(rename = "isCA")]
    is_ca: bool,
    path_len: Option<u32>,
    public_key: PublicKey,
    signature_algorithm: Box<str>,
    pub(in crate::report) sans: Sans,
    key_usage: Vec<Box<str>>,
    extended_key_usage: Vec<Box<str>>,
    subject_key_id: Option<Box<str>>,
    authority_key_id: Option<Box<str>>,
    self_signed: bool,
    kubernetes: Option<Kubernetes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    malformed_extensions: Vec<MalformedExtension>,
}

impl Facts {
    /// What it is called: its subject, else its first URI or DNS name, else its id.
    pub(in crate::report) fn name(&self) -> &str {
        let other = || self.sans.uri.iter().chain(&self.sans.dns).next().unwrap_or(&self.id.0);
        if self.subject.is_empty() { other() } else { &self.subject }
    }
}

#[derive(Deserialize, Serialize)]
struct Serial {
    hex: Box<str>,
    decimal: Option<Box<str>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicKey {
    algorithm: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    curve: Option<Box<str>>,
    bits: u32,
    spki_sha256: Box<str>,
}

/// Alternative names by kind.
#[derive(Deserialize, Serialize)]
pub(in crate::report) struct Sans {
    pub(in crate::report) dns: Vec<Box<str>>,
    ip: Vec<Box<str>>,
    email: Vec<Box<str>>,
    pub(in crate::report) uri: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    directory: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    malformed: Vec<MalformedName>,
}

#[derive(Deserialize, Serialize)]
struct MalformedName {
    kind: Box<str>,
    hex: Box<str>,
}

#[derive(Deserialize, Serialize)]
struct Kubernetes {
    user: Box<str>,
    groups: Vec<Box<str>>,
}

#[derive(Deserialize, Serialize)]
struct MalformedExtension {
    oid: Box<str>,
    reason: Box<str>,
}

/// Something that could not be read as it should be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(in crate::report) struct Defect {
    #[serde(rename = "apiVersion", skip_serializing)]
    _version: Version,
    code: Box<str>,
    message: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<LineAndColumn>,
    origins: [Origin; 1],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
struct LineAndColumn {
    line: u64,
    column: u64,
}

/// A finding.
#[derive(Deserialize, Serialize)]
pub(in crate::report) struct Finding {
    #[serde(rename = "apiVersion", skip_serializing)]
    _version: Version,
    pub(in crate::report) code: Box<str>,
    pub(in crate::report) severity: Grade,
    pub(in crate::report) message: Box<str>,
    pub(in crate::report) hint: Box<str>,
    pub(in crate::report) certificates: Vec<Id>,
    pub(in crate::report) origins: Vec<Origin>,
    pub(in crate::report) handshake: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) handshakes: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) because: Option<Box<str>>,
    pub(in crate::report) evidence: BTreeMap<Box<str>, Evidence>,
}

impl Finding {
    /// Something that could not be told, at a place.
    pub(super) fn unknown(code: Code, message: String, hint: &str, origin: Origin) -> Self {
        Self {
            _version: Version::V1,
            code: code.as_str().into(),
            severity: Grade::Unknown,
            message: message.into(),
            hint: hint.into(),
            certificates: Vec::new(),
            origins: vec![origin],
            handshake: None,
            handshakes: Vec::new(),
            because: None,
            evidence: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(in crate::report) enum Evidence {
    Number(i64),
    Text(Box<str>),
    List(Vec<Box<str>>),
}

/// A conversation with a server: its certificates and findings have lines of their own.
#[derive(Deserialize)]
pub(super) struct Peer {
    #[serde(rename = "apiVersion")]
    _version: Version,
}

/// The end of a check.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(rename = "apiVersion")]
    _version: Version,
    pub(super) evaluated_at: Instant,
}
