//! Where something was found: the document, the field in it, and what the place is for.

use super::Role;
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// The kind of document (`origins[].kind` of the JSON output).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginKind {
    /// A file that holds PEM, DER or another container.
    File,
    /// A kubeconfig, whether a file or the value of a Secret.
    Kubeconfig,
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
    /// A ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
    Webhook,
    /// An APIService.
    ApiService,
    /// A CustomResourceDefinition with conversion webhook.
    Crd,
    /// A CertificateSigningRequest.
    Csr,
    /// A ClusterTrustBundle.
    ClusterTrustBundle,
    /// What a server presented.
    Peer,
    /// A secret in an Envoy or istioctl dump.
    EnvoySecret,
    /// Standard input that holds PEM or DER.
    Stdin,
}

impl OriginKind {
    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Kubeconfig => "kubeconfig",
            Self::Secret => "secret",
            Self::ConfigMap => "configMap",
            Self::Webhook => "webhook",
            Self::ApiService => "apiService",
            Self::Crd => "crd",
            Self::Csr => "csr",
            Self::ClusterTrustBundle => "clusterTrustBundle",
            Self::Peer => "peer",
            Self::EnvoySecret => "envoySecret",
            Self::Stdin => "stdin",
        }
    }
}

/// One document: a file, a Kubernetes object, a kubeconfig, a peer. Shared by everything found in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// What it is.
    pub kind: OriginKind,
    /// Its name: a path as the user would type it, `namespace/name`, `Kind/name` for a cluster-scoped object, `host:port`, or `-`.
    pub source: Arc<str>,
    /// The file it was read from, where that is not `source` itself.
    pub file: Option<Arc<str>>,
    /// What it calls itself: the type of a Secret (`kubernetes.io/tls`), the signer of a CertificateSigningRequest, the kind of a
    /// webhook configuration.
    pub subtype: Option<Arc<str>>,
    /// The host it belongs to, where several are looked at in one run (`--root NAME=DIR`).
    pub host: Option<Arc<str>>,
    /// Permission bits and owner of the file, where there is one.
    pub access: Option<Access>,
}

impl Document {
    /// The same with texts of its own, for a thread that makes many documents of them: to count the holders of one text makes threads
    /// wait for each other.
    #[must_use]
    pub fn unshared(self) -> Self {
        let own = |text: Arc<str>| Arc::<str>::from(&*text);
        let Self { kind, source, file, subtype, host, access } = self;
        Self { kind, source: own(source), file: file.map(own), subtype: subtype.map(own), host: host.map(own), access }
    }

    /// A document with nothing but kind and name.
    #[must_use]
    pub fn new(kind: OriginKind, source: impl Into<Arc<str>>) -> Self {
        Self { kind, source: source.into(), file: None, subtype: None, host: None, access: None }
    }

    /// The path that was opened to read it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.source)
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The permission bits (`0o600`).
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When it was last written, if the file system tells.
    pub modified: Option<OffsetDateTime>,
}

/// What a place is for. A CA certificate in `client-certificate-data` and the same one in `certificate-authority-data` are two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A credential: an end-entity certificate with its chain, or a CA that signs, to be presented or used with a key.
    Credential,
    /// The private key that belongs to a credential.
    Key,
    /// Trust anchors: what the holder believes.
    Trust,
    /// A certification request.
    Request,
    /// Nothing says what it is for.
    Unknown,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The document.
    pub document: Arc<Document>,
    /// The field in it: `users[admin].client-certificate-data`, `data[tls.crt]`, `webhooks[a.b].clientConfig.caBundle`; empty for a
    /// plain file.
    pub field: Arc<str>,
    /// The job that this place has in the cluster, where its path or a component's flag tells.
    pub role: Option<Role>,
    /// What the place is for.
    pub slot: Slot,
}

impl Origin {
    /// The whole of a plain document.
    #[must_use]
    pub fn whole(document: Document) -> Self {
        Self { document: Arc::new(document), field: Arc::from(""), role: None, slot: Slot::Unknown }
    }
}

impl Origin {
    /// What tells places apart without comparing texts: the allocations of document and field, which all that stands in a place shares.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        (Arc::as_ptr(&self.document).addr(), Arc::as_ptr(&self.field).addr())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document.source)?;
        if self.field.is_empty() { Ok(()) } else { write!(f, " {}", self.field) }
    }
}
