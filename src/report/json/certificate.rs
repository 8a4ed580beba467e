//! A certificate in JSON, and the places where things stand.

use super::values::{Hexadecimal, Id, Instant, Rows, Text};
use crate::model::digest::Hex;
use crate::model::{self, DistinguishedName, ExtendedKeyUsage, GeneralName, Holding, KeyAlgorithm, KeyUsage, Sha256};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;
use time::OffsetDateTime;

/// One certificate, with every place where it stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Certificate<'r> {
    /// SHA-256 of the DER.
    id: Id,
    /// The subject (RFC 4514).
    subject: Text<&'r DistinguishedName>,
    /// The issuer (RFC 4514).
    issuer: Text<&'r DistinguishedName>,
    /// The serial number.
    serial: Serial,
    /// The first second of its validity.
    not_before: Instant,
    /// The last second of its validity.
    not_after: Instant,
    /// Seconds from `evaluatedAt` to `notAfter`; negative once it is over.
    seconds_left: i64,
    /// Whether basic constraints say that the subject is a CA.
    #[serde(rename = "isCA")]
    is_ca: bool,
    /// `pathLenConstraint`, if there is one.
    path_len: Option<u32>,
    /// The subject's key.
    public_key: PublicKey<'r>,
    /// The algorithm that the issuer signed with, as its RFC names it, else the dotted OID.
    signature_algorithm: &'r str,
    /// Subject alternative names.
    sans: Sans<'r>,
    /// Key usage by the names of RFC 5280 section 4.2.1.3; empty without the extension.
    key_usage: Vec<&'static str>,
    /// Extended key usage by the names of RFC 5280 section 4.2.1.12, else dotted OIDs; empty without the extension.
    extended_key_usage: Vec<Text<&'r ExtendedKeyUsage>>,
    /// Subject key identifier.
    subject_key_id: Option<Hexadecimal<Hex<'r>>>,
    /// Key identifier of the authority key identifier.
    authority_key_id: Option<Hexadecimal<Hex<'r>>>,
    /// Whether its own key signed it. The signature is checked; where its algorithm cannot be, names and key identifiers decide.
    self_signed: bool,
    /// The user that an API server sees in it as a client certificate; null for one that cannot be a client.
    kubernetes: Option<Kubernetes<'r>>,
    /// Extensions whose contents could not be decoded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    malformed_extensions: Vec<MalformedExtension<'r>>,
    /// Every place where it stands.
    origins: Rows<'r, Origin<'r>>,
}

impl<'r> Certificate<'r> {
    /// A certificate as it stands at an instant. `own_signature` says whether its own key signed it; asked only where issuer and
    /// subject are the same name.
    pub(in crate::report) fn new(
        certificate: &'r model::Certificate,
        at: OffsetDateTime,
        own_signature: impl FnOnce() -> bool,
        origins: Rows<'r, Origin<'r>>,
    ) -> Self {
        let key_id = |bytes: &'r Option<Box<[u8]>>| bytes.as_deref().map(|bytes| Hexadecimal(Hex(bytes)));
        Self {
            id: Id(certificate.id),
            subject: Text(&certificate.subject),
            issuer: Text(&certificate.issuer),
            serial: Serial::new(&certificate.serial),
            not_before: Instant(certificate.validity.not_before),
            not_after: Instant(certificate.validity.not_after),
            seconds_left: certificate.validity.not_after.unix_timestamp() - at.unix_timestamp(),
            is_ca: certificate.is_ca(),
            path_len: certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len),
            public_key: PublicKey::new(&certificate.public_key),
            signature_algorithm: &certificate.signature_algorithm.name,
            sans: Sans::new(&certificate.sans),
            key_usage: certificate.key_usage.into_iter().flat_map(KeyUsage::names).collect(),
            extended_key_usage: certificate.extended_key_usage.iter().flatten().map(Text).collect(),
            subject_key_id: key_id(&certificate.subject_key_id),
            authority_key_id: key_id(&certificate.authority_key_id),
            self_signed: certificate.is_self_issued() && own_signature(),
            kubernetes: Kubernetes::new(certificate),
            malformed_extensions: certificate
                .malformed_extensions
                .iter()
                .map(|(oid, reason)| MalformedExtension { oid, reason })
                .collect(),
            origins,
        }
    }
}

/// An integer of any size.
#[derive(Serialize, JsonSchema)]
pub(super) struct Serial {
    /// Hexadecimal, as openssl prints it; `-` before a negative number.
    hex: Hexadecimal<String>,
    /// Decimal; null for numbers of more than 128 octets.
    decimal: Option<String>,
}

impl Serial {
    pub(super) fn new(serial: &model::Serial) -> Self {
        Self { hex: Hexadecimal(serial.hex()), decimal: serial.decimal() }
    }
}

/// A public key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicKey<'r> {
    /// `RSA`, `ECDSA`, `Ed25519`, `Ed448`, `DSA`, or the dotted OID.
    algorithm: &'r str,
    /// The curve of an ECDSA key.
    #[serde(skip_serializing_if = "Option::is_none")]
    curve: Option<&'r str>,
    /// The size that its strength is judged by.
    bits: u32,
    /// SHA-256 of the DER SubjectPublicKeyInfo.
    spki_sha256: Hexadecimal<Sha256>,
}

impl<'r> PublicKey<'r> {
    pub(super) fn new(key: &'r model::PublicKey) -> Self {
        let curve = match &key.algorithm {
            KeyAlgorithm::Ecdsa(curve) => Some(&**curve),
            _ => None,
        };
        Self { algorithm: key.algorithm.name(), curve, bits: key.bits, spki_sha256: Hexadecimal(key.spki_sha256) }
    }
}

/// Alternative names by kind (RFC 5280 section 4.2.1.6), each kind in the order of the extension.
#[derive(Serialize, JsonSchema, Default)]
pub(super) struct Sans<'r> {
    /// dNSName.
    dns: Vec<&'r str>,
    /// iPAddress.
    ip: Vec<Text<IpAddr>>,
    /// rfc822Name.
    email: Vec<&'r str>,
    /// uniformResourceIdentifier.
    uri: Vec<&'r str>,
    /// directoryName (RFC 4514).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directory: Vec<Text<&'r DistinguishedName>>,
    /// Names of other kinds, by the name of the kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other: Vec<&'static str>,
    /// Names that no reader can make sense of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    malformed: Vec<MalformedName<'r>>,
}

/// A name that could not be decoded.
#[derive(Serialize, JsonSchema)]
struct MalformedName<'r> {
    /// What it was to be.
    kind: &'static str,
    /// Its bytes.
    hex: Hexadecimal<Hex<'r>>,
}

impl<'r> Sans<'r> {
    pub(super) fn new(names: &'r [GeneralName]) -> Self {
        let mut sans = Self::default();
        for name in names {
            match name {
                GeneralName::Dns(name) => sans.dns.push(name),
                GeneralName::Ip(address) => sans.ip.push(Text(*address)),
                GeneralName::Email(address) => sans.email.push(address),
                GeneralName::Uri(uri) => sans.uri.push(uri),
                GeneralName::Directory(name) => sans.directory.push(Text(name)),
                GeneralName::Other(tag) => sans.other.push(general_name(*tag)),
                GeneralName::Malformed { tag, value } => {
                    sans.malformed.push(MalformedName { kind: general_name(*tag), hex: Hexadecimal(Hex(value)) });
                }
            }
        }
        sans
    }
}

/// The name of RFC 5280 for the context tag of a GeneralName.
fn general_name(tag: u8) -> &'static str {
    const NAMES: [&str; 9] = [
        "otherName",
        "rfc822Name",
        "dNSName",
        "x400Address",
        "directoryName",
        "ediPartyName",
        "uniformResourceIdentifier",
        "iPAddress",
        "registeredID",
    ];
    NAMES.get(usize::from(tag)).copied().unwrap_or("unknown")
}

/// A client certificate as an API server reads it.
#[derive(Serialize, JsonSchema)]
struct Kubernetes<'r> {
    /// The common name.
    user: &'r str,
    /// The organizations.
    groups: Vec<&'r str>,
}

impl<'r> Kubernetes<'r> {
    fn new(certificate: &'r model::Certificate) -> Option<Self> {
        certificate.kubernetes_user().map(|user| Self { user, groups: certificate.kubernetes_groups().collect() })
    }
}

/// An extension whose contents could not be decoded.
#[derive(Serialize, JsonSchema)]
struct MalformedExtension<'r> {
    /// Its dotted OID.
    oid: &'r str,
    /// What is wrong.
    reason: &'r str,
}

/// A place.
#[derive(Serialize, JsonSchema)]
pub(in crate::report) struct Origin<'r> {
    /// The kind of document.
    #[schemars(extend("enum" = [
        "file", "kubeconfig", "secret", "configMap", "webhook", "apiService", "crd", "csr", "clusterTrustBundle", "peer",
        "envoySecret", "stdin"
    ]))]
    kind: &'static str,
    /// The document: a path, `namespace/name`, `Kind/name`, `host:port`, or `-` for standard input.
    source: &'r str,
    /// The file that it was read from, where that is not `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'r str>,
    /// The field in the document; empty for a plain file.
    field: &'r str,
    /// The position among the things in this place, from 0.
    index: u32,
    /// The job that this place has in the cluster, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// The host that the document belongs to, where several were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
}

impl<'r> Origin<'r> {
    /// One thing in a place.
    pub(in crate::report) fn indexed(origin: &'r model::Origin, index: u32) -> Self {
        let document = &*origin.document;
        Self {
            kind: document.kind.as_str(),
            source: &document.source,
            file: document.file.as_deref().filter(|file| *file != &*document.source),
            field: &origin.field,
            index,
            role: origin.role.map(model::Role::as_str),
            host: document.host.as_deref(),
        }
    }

    /// One thing in a holding.
    pub(in crate::report) fn at(holding: &'r Holding, index: usize) -> Self {
        Self::indexed(&holding.origin, u32::try_from(index).unwrap_or(u32::MAX))
    }
}
