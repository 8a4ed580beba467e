//! What is held besides certificates: keys, requests, revocation lists, credentials, kubeconfigs. Public facts only.

use super::certificate::{Origin, PublicKey, Sans, Serial};
use super::values::{Id, Instant, Rows, Text};
use crate::chain::Graph;
use crate::model::{self, inventory};
use crate::model::{
    ApprovalState, CertificateList, CertificationRequest, Content, Credential, DistinguishedName, Holding, Inventory, KeyFormat,
    PrivateKey, Sha256, SigningRequest,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// What is held besides certificates.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holdings<'r> {
    /// Every different key.
    keys: Vec<KeyEntry<'r>>,
    /// Every different certification request.
    requests: Vec<Request<'r>>,
    /// Every CertificateSigningRequest object.
    signing_requests: Rows<'r, SigningRequestObject<'r>>,
    /// Every different certificate revocation list.
    crls: Vec<Crl<'r>>,
    /// Every credential outside a kubeconfig that is no certificate.
    credentials: Rows<'r, CredentialEntry<'r>>,
    /// Every kubeconfig.
    kubeconfigs: Rows<'r, super::kubeconfig::Kubeconfig<'r>>,
}

impl<'r> Holdings<'r> {
    pub(super) fn new(graph: &'r Graph<'r>, inventory: &'r Inventory) -> Self {
        Self {
            keys: keys(graph, inventory),
            requests: requests(inventory),
            signing_requests: Rows::new(|| inventory.signing_requests.iter().map(SigningRequestObject::new)),
            crls: crls(inventory),
            credentials: Rows::new(|| places(inventory).filter_map(CredentialEntry::new)),
            kubeconfigs: Rows::new(|| inventory.kubeconfigs.iter().map(super::kubeconfig::Kubeconfig::new)),
        }
    }
}

/// A key. The private half is never here.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Key")]
struct KeyEntry<'r> {
    /// `private`, or `public` for a public key on its own.
    #[schemars(extend("enum" = ["private", "public"]))]
    kind: &'static str,
    /// The structure that a private key is stored in, unless it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["PKCS#1", "PKCS#8", "SEC1"]))]
    format: Option<&'static str>,
    /// Whether a password is needed to read it.
    encrypted: bool,
    /// The public half, unless the key is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<PublicKey<'r>>,
    /// The certificates with this key.
    certificates: Vec<Id>,
    /// Every place where it stands.
    origins: Vec<Origin<'r>>,
}

/// What makes two keys one row. Nothing can be read from an encrypted key: the same bytes share an allocation, others are different.
#[derive(PartialEq, Eq, Hash)]
enum KeyIdentity {
    Private(KeyFormat, Sha256),
    Public(Sha256),
    Encrypted(*const PrivateKey),
}

fn keys<'r>(graph: &'r Graph<'r>, inventory: &'r Inventory) -> Vec<KeyEntry<'r>> {
    let groups = grouped(inventory, |content| match content {
        Content::PrivateKey(key) => match &**key {
            PrivateKey::Plain { format, public } => Some((KeyIdentity::Private(*format, public.spki_sha256), content)),
            PrivateKey::Encrypted => Some((KeyIdentity::Encrypted(Arc::as_ptr(key)), content)),
        },
        Content::PublicKey(key) => Some((KeyIdentity::Public(key.spki_sha256), content)),
        _ => None,
    });
    let mut certificates: HashMap<Sha256, Vec<Id>> = HashMap::new();
    for (_, certificate) in graph.nodes() {
        certificates.entry(certificate.public_key.spki_sha256).or_default().push(Id(certificate.id));
    }
    let key = |(content, origins): (&'r Content, Vec<Origin<'r>>)| {
        let (kind, format, public) = match content {
            Content::PrivateKey(key) => ("private", format_name(key), key.public()),
            Content::PublicKey(key) => ("public", None, Some(&**key)),
            _ => return None,
        };
        let certificates = public.and_then(|public| certificates.get(&public.spki_sha256).cloned()).unwrap_or_default();
        Some(KeyEntry {
            kind,
            format,
            encrypted: public.is_none(),
            public_key: public.map(PublicKey::new),
            certificates,
            origins,
        })
    };
    groups.into_iter().filter_map(key).collect()
}

fn format_name(key: &PrivateKey) -> Option<&'static str> {
    match key {
        PrivateKey::Plain { format: KeyFormat::Pkcs1, .. } => Some("PKCS#1"),
        PrivateKey::Plain { format: KeyFormat::Pkcs8, .. } => Some("PKCS#8"),
        PrivateKey::Plain { format: KeyFormat::Sec1, .. } => Some("SEC1"),
        PrivateKey::Encrypted => None,
    }
}

/// A PKCS#10 certification request.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Request<'r> {
    /// SHA-256 of the DER.
    id: Id,
    /// The subject asked for (RFC 4514).
    subject: Text<&'r DistinguishedName>,
    /// The alternative names asked for.
    sans: Sans<'r>,
    /// The key.
    public_key: PublicKey<'r>,
    /// Every place where it stands.
    origins: Vec<Origin<'r>>,
}

impl<'r> Request<'r> {
    fn new((request, origins): (&'r CertificationRequest, Vec<Origin<'r>>)) -> Self {
        Self {
            id: Id(request.id),
            subject: Text(&request.subject),
            sans: Sans::new(&request.sans),
            public_key: PublicKey::new(&request.public_key),
            origins,
        }
    }
}

fn requests(inventory: &Inventory) -> Vec<Request<'_>> {
    let groups = grouped(inventory, |content| match content {
        Content::Request(request) => Some((request.id, &**request)),
        _ => None,
    });
    groups.into_iter().map(Request::new).collect()
}

/// A CertificateSigningRequest object.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CertificateSigningRequest")]
struct SigningRequestObject<'r> {
    /// `CertificateSigningRequest/name`; requests and certificates of the object have it as their origin's `source`.
    source: &'r str,
    /// The file that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'r str>,
    /// `spec.signerName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer_name: Option<&'r str>,
    /// `spec.username`: who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'r str>,
    /// What became of it.
    #[schemars(extend("enum" = ["pending", "approved", "denied", "failed", "issued"]))]
    state: &'static str,
}

impl<'r> SigningRequestObject<'r> {
    fn new(request: &'r SigningRequest) -> Self {
        Self {
            source: &request.document.source,
            file: request.document.file.as_deref(),
            signer_name: request.document.subtype.as_deref(),
            username: request.username.as_deref(),
            state: match request.state {
                ApprovalState::Pending => "pending",
                ApprovalState::Approved => "approved",
                ApprovalState::Denied => "denied",
                ApprovalState::Failed => "failed",
                ApprovalState::Issued => "issued",
            },
        }
    }
}

/// A certificate revocation list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Crl<'r> {
    /// SHA-256 of the DER.
    id: Id,
    /// Who issued it (RFC 4514).
    issuer: Text<&'r DistinguishedName>,
    /// When it was made.
    this_update: Instant,
    /// When the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<Instant>,
    /// The CRL number.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Serial>,
    /// How many certificates it revokes.
    revoked: usize,
    /// Every place where it stands.
    origins: Vec<Origin<'r>>,
}

impl<'r> Crl<'r> {
    fn new((list, origins): (&'r CertificateList, Vec<Origin<'r>>)) -> Self {
        Self {
            id: Id(list.id),
            issuer: Text(&list.issuer),
            this_update: Instant(list.this_update),
            next_update: list.next_update.map(Instant),
            number: list.number.as_ref().map(Serial::new),
            revoked: list.revoked,
            origins,
        }
    }
}

fn crls(inventory: &Inventory) -> Vec<Crl<'_>> {
    let groups = grouped(inventory, |content| match content {
        Content::Crl(list) => Some((list.id, &**list)),
        _ => None,
    });
    groups.into_iter().map(Crl::new).collect()
}

/// A token. Its value is never here.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Credential")]
struct CredentialEntry<'r> {
    /// `token` for a JSON Web Token, `bootstrapToken`.
    #[schemars(extend("enum" = ["token", "bootstrapToken"]))]
    kind: &'static str,
    /// Whose it is (`sub`).
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'r str>,
    /// The public id of a bootstrap token.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r str>,
    /// When it ends; absent for one that does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Instant>,
    /// The place where it stands.
    origins: [Origin<'r>; 1],
}

impl<'r> CredentialEntry<'r> {
    fn new((holding, index, content): Place<'r>) -> Option<Self> {
        let Content::Credential(credential) = content else { return None };
        let (kind, subject, id, expires) = match &**credential {
            Credential::Token { expires, subject } => ("token", subject.as_deref(), None, *expires),
            Credential::BootstrapToken { id, expires } => ("bootstrapToken", None, Some(&**id), *expires),
        };
        Some(Self { kind, subject, id, expires: expires.map(Instant), origins: [Origin::at(holding, index)] })
    }
}

/// A host whose files were recognised.
#[derive(Serialize, JsonSchema)]
pub(super) struct Host<'r> {
    /// Its name, where several were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    /// The directory taken as its root.
    directory: &'r str,
    /// Who laid out its files.
    layouts: Vec<&'static str>,
}

impl<'r> Host<'r> {
    pub(super) fn new(host: &'r inventory::Host) -> Self {
        let layouts = host.layouts.iter().map(|layout| model::Distribution::as_str(*layout)).collect();
        Self { name: host.name.as_deref(), directory: &host.directory, layouts }
    }
}

type Place<'r> = (&'r Holding, usize, &'r Content);

/// Everything with its place.
fn places(inventory: &Inventory) -> impl Iterator<Item = Place<'_>> {
    inventory.holdings.iter().flat_map(|holding| {
        let contents = holding.contents.iter().enumerate();
        contents.map(move |(index, content)| (holding, index, content))
    })
}

/// What `pick` takes, equal ones together, each with all its places, in the order of first appearance.
fn grouped<'r, K: Hash + Eq, V>(
    inventory: &'r Inventory,
    pick: impl Fn(&'r Content) -> Option<(K, V)>,
) -> Vec<(V, Vec<Origin<'r>>)> {
    let mut groups: Vec<(V, Vec<Origin<'r>>)> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (holding, index, content) in places(inventory) {
        let Some((key, value)) = pick(content) else { continue };
        let group = *known.entry(key).or_insert_with(|| {
            groups.push((value, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, origins)) = groups.get_mut(group) {
            origins.push(Origin::at(holding, index));
        }
    }
    groups
}
