//! Hand-made things to report on, at a fixed instant.

use super::{Detail, Look, Report, View};
use crate::audit::{Audit, Policy};
use crate::chain::{Graph, SignatureCheck, SignatureOps};
use crate::model::certificate::CertificateDer;
use crate::model::name::Attribute;
use crate::model::{
    AttributeType, BasicConstraints, Certificate, Code, Content, DistinguishedName, Document, Evidence, ExtendedKeyUsage,
    Finding, GeneralName, Holding, Inventory, KeyAlgorithm, KeyUsage, Origin, OriginKind, PublicKey, Role, Serial, Severity,
    Sha256, SignatureAlgorithm, Slot, Validity,
};
use std::sync::Arc;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(super) const AT: OffsetDateTime = datetime!(2026-11-22 00:00 UTC);

/// Signatures that are valid where the names agree.
pub(super) struct ByName;

impl SignatureOps for ByName {
    fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
        let signed = certificate.issuer.der() == issuer.subject.der();
        if signed { SignatureCheck::Valid } else { SignatureCheck::Invalid }
    }
}

/// A name whose encoding is its common name.
pub(super) fn name(common_name: &str) -> DistinguishedName {
    let attribute = |oid, value: &str| vec![Attribute { kind: AttributeType::from_oid(oid), value: value.into() }];
    let rdns = vec![attribute("2.5.4.10", "first"), attribute("2.5.4.10", "second"), attribute("2.5.4.3", common_name)];
    DistinguishedName::new(common_name.as_bytes(), rdns)
}

pub(super) fn key(number: u8) -> PublicKey {
    PublicKey { algorithm: KeyAlgorithm::Ecdsa("P-256".into()), bits: 256, spki_sha256: Sha256([number ^ 0xff; 32]) }
}

/// A certificate with this number for identity, serial and key, valid for a year up to so many days from now.
pub(super) fn certificate(number: u8, subject: &str, issuer: &str, days: i64) -> Certificate {
    let not_after = AT + Duration::days(days);
    Certificate {
        id: Sha256([number; 32]),
        subject: name(subject),
        issuer: name(issuer),
        serial: Serial(vec![1, number].into()),
        validity: Validity { not_before: not_after - Duration::days(365), not_after },
        public_key: key(number),
        signature_algorithm: SignatureAlgorithm { name: "ecdsa-with-SHA256".into(), oid: "1.2.840.10045.4.3.2".into() },
        sans: vec![GeneralName::Dns("a.example".into()), GeneralName::Ip([10, 0, 0, 1].into())],
        basic_constraints: Some(BasicConstraints { ca: subject.ends_with("ca"), path_len: None }),
        key_usage: Some(KeyUsage(1)),
        extended_key_usage: Some(vec![ExtendedKeyUsage::ClientAuth]),
        subject_key_id: Some(vec![number].into()),
        authority_key_id: None,
        malformed_extensions: Vec::new(),
        der: CertificateDer {
            bytes: Box::new([]),
            tbs: 0..0,
            spki: 0..0,
            signature: 0..0,
            signature_algorithm: 0..0,
            trailing: 0,
        },
    }
}

pub(super) fn origin(kind: OriginKind, source: &str, field: &str, role: Option<Role>) -> Origin {
    Origin { document: Arc::new(Document::new(kind, source)), field: field.into(), role, slot: Slot::Unknown }
}

pub(super) fn holding(origin: Origin, contents: impl IntoIterator<Item = Content>) -> Holding {
    Holding { origin, contents: contents.into_iter().collect() }
}

pub(super) fn finding(code: Code, severity: Severity, origins: Vec<Origin>) -> Finding {
    Finding {
        code,
        severity,
        message: "it | ends\nsoon".to_owned(),
        hint: "renew it".to_owned(),
        certificates: vec![Sha256([2; 32])],
        origins: origins.into_iter().map(|origin| (origin, 0)).collect(),
        evidence: vec![
            ("text", Evidence::Text("t".to_owned())),
            ("secondsLeft", Evidence::Number(-5)),
            ("notAfter", Evidence::Time(AT)),
            ("names", Evidence::List(vec!["a".to_owned()])),
        ],
        handshakes: Vec::new(),
        because: None,
    }
}

/// A CA in a file, an administrator that it issued in a kubeconfig and a Secret, ended three days ago.
pub(super) fn small_cluster() -> Inventory {
    let ca = Arc::new(certificate(1, "ca", "ca", 3000));
    let admin = Arc::new(certificate(2, "admin", "ca", -3));
    let file = origin(OriginKind::File, "/pki/ca.crt", "", Some(Role::ClusterCa));
    let user = origin(OriginKind::Kubeconfig, "/admin.conf", "users[admin].client-certificate-data", Some(Role::Admin));
    let cluster = origin(OriginKind::Kubeconfig, "/admin.conf", "clusters[c].certificate-authority-data", Some(Role::Admin));
    let secret = origin(OriginKind::Secret, "ns/admin", "data[tls.crt]", None);
    Inventory {
        holdings: vec![
            holding(file, [Content::Certificate(ca.clone())]),
            holding(user, [Content::Certificate(admin.clone())]),
            holding(cluster, [Content::Certificate(ca)]),
            holding(secret, [Content::Certificate(admin)]),
        ],
        ..Inventory::default()
    }
}

/// Calls `with` with a report on this.
pub(super) fn report<T>(view: View, inventory: &Inventory, findings: Vec<Finding>, with: impl FnOnce(&Report<'_>) -> T) -> T {
    let look = Look { colour: false, unicode: false, width: 80, detail: Detail::Normal, home: None };
    let (audit, policy) = (Audit { findings, ..Audit::default() }, Policy::at(AT));
    let graph = Graph::build(inventory, &ByName);
    with(&Report { view, inventory, graph: &graph, audit: &audit, policy: &policy, look: &look, plan: None, verifications: &[] })
}
