//! Certificates of cert-manager: who renews what stands in a Secret, and when.

use super::{Document, Facts, OriginKind};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// A certificate that cert-manager keeps in a Secret, as its Certificate object or the Secret itself tells. Names are those that an API
/// server takes (RFC 1123 section 2.1); everything else is the object's own text, cut to a length.
///
/// Displays as `Certificate shop/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedCertificate {
    /// The object that tells.
    pub document: Arc<Document>,
    /// The namespace of the Certificate and of its Secret; empty where neither says.
    pub namespace: Box<str>,
    /// The name of the Certificate.
    pub name: Box<str>,
    /// The name of the Secret (`spec.secretName`).
    pub secret: Box<str>,
    /// Who issues: kind and name of `spec.issuerRef`.
    pub issuer: Option<Box<str>>,
    /// The Secrets, by name, that the passwords of the keystores beside it are in.
    pub passwords_in: Vec<Box<str>>,
    /// How it is known.
    pub told: Told,
}

/// How a certificate is known to be cert-manager's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its Certificate was read.
    ByCertificate(Box<ManagedStatus>),
    /// Its Secret says so in the annotation `cert-manager.io/certificate-name`, which copies of the Secret have, too.
    ByAnnotation,
}

/// What became of it (cert-manager pkg/apis/certmanager/v1 `CertificateStatus`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedStatus {
    /// The end of the certificate that is in the Secret.
    pub not_after: Option<OffsetDateTime>,
    /// When it is renewed next.
    pub renewal_time: Option<OffsetDateTime>,
    /// When issuing failed last; empty again once it has worked.
    pub last_failure: Option<OffsetDateTime>,
    /// How often it has failed since it worked.
    pub failed_attempts: Option<i64>,
    /// The condition `Ready`: the Secret holds what the Certificate asks for, and that has not ended.
    pub ready: Option<Condition>,
    /// The condition `Issuing`; there while it is being issued, and after that has failed.
    pub issuing: Option<Condition>,
}

/// A condition of an object (cert-manager pkg/apis/certmanager/v1 `CertificateCondition`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whether it is met.
    pub is_met: bool,
    /// Why, in a word.
    pub reason: Box<str>,
    /// Why, in a sentence.
    pub message: Box<str>,
    /// Since when.
    pub since: Option<OffsetDateTime>,
}

impl ManagedCertificate {
    /// `namespace/name` of the Secret, as its places are called.
    #[must_use]
    pub fn secret_source(&self) -> String {
        self.beside(&self.secret)
    }

    /// The same of another Secret of the namespace.
    #[must_use]
    pub fn beside(&self, secret: &str) -> String {
        joined(&self.namespace, secret)
    }
}

impl fmt::Display for ManagedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate {}", joined(&self.namespace, &self.name))
    }
}

fn joined(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// Managed certificates by their Secrets.
#[derive(Debug, Default)]
pub struct Managed<'f>(HashMap<(Option<&'f str>, String), &'f ManagedCertificate>);

impl<'f> Managed<'f> {
    /// Of everything that was said. A Certificate tells more than an annotation; of several that name one Secret the first counts.
    #[must_use]
    pub fn of(facts: &'f Facts) -> Self {
        let mut index: HashMap<_, &ManagedCertificate> = HashMap::new();
        for one in &facts.managed {
            let known = index.entry((one.document.host.as_deref(), one.secret_source())).or_insert(one);
            if known.told == Told::ByAnnotation {
                *known = one;
            }
        }
        Self(index)
    }

    /// The one whose Secret this document is.
    #[must_use]
    pub fn by_secret(&self, document: &'f Document) -> Option<&'f ManagedCertificate> {
        if document.kind != OriginKind::Secret || self.0.is_empty() {
            return None;
        }
        self.0.get(&(document.host.as_deref(), document.source.to_string())).copied()
    }
}
