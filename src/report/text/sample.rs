//! Hand-made values for tests: certificates without DER worth the name, at a fixed instant, and signatures that are good where names
//! and key identifiers fit.

use super::page::Page;
use crate::audit::{Audit, Policy};
use crate::chain::{Graph, SignatureCheck, SignatureOps};
use crate::model::certificate::CertificateDer;
use crate::model::name::Attribute;
use crate::model::{
    AttributeType, BasicConstraints, Certificate, Cluster, Collect, Content, Context, DistinguishedName, Document,
    ExtendedKeyUsage, Finding, Holding, Inventory, KeyAlgorithm, KeyFormat, Kubeconfig, Material, Origin, OriginKind, PrivateKey,
    PublicKey, Role, Serial, Sha256, SignatureAlgorithm, Slot, User, Validity,
};
use crate::report::{Detail, Format, Look, Report, View};
use std::io;
use std::sync::Arc;
use time::OffsetDateTime;
use time::macros::datetime;

/// The instant of every test.
pub(super) const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);

/// Plain text of 80 columns.
pub(super) fn look() -> Look {
    Look { colour: false, unicode: true, width: 80, detail: Detail::Normal, home: Some("/home/jane".to_owned()) }
}

/// What is written.
pub(super) fn page(look: &Look, write: impl FnOnce(&mut Page<'_>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut Page::new(look, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// A whole screen.
pub(super) fn screen(view: View, inventory: &Inventory, findings: Vec<Finding>, look: &Look) -> String {
    let graph = Graph::build(inventory, &GoodWhereItFits);
    let (audit, policy) = (Audit { findings, ..Audit::default() }, Policy::at(AT));
    let report = Report { view, inventory, graph: &graph, audit: &audit, policy: &policy, look, plan: None, verifications: &[] };
    let mut out = Vec::new();
    report.render(Format::Text, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

struct GoodWhereItFits;

impl SignatureOps for GoodWhereItFits {
    fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
        let other_key =
            certificate.authority_key_id.as_ref().zip(issuer.subject_key_id.as_ref()).is_some_and(|(one, other)| one != other);
        if certificate.issuer == issuer.subject && !other_key { SignatureCheck::Valid } else { SignatureCheck::Invalid }
    }
}

fn name(pairs: &[(&str, &str)]) -> DistinguishedName {
    let attribute = |(oid, value): &(&str, &str)| vec![Attribute { kind: AttributeType::from_oid(oid), value: (*value).into() }];
    let der: Vec<u8> = pairs.iter().flat_map(|(oid, value)| [oid.as_bytes(), value.as_bytes()].concat()).collect();
    DistinguishedName::new(&der, pairs.iter().map(attribute).collect())
}

/// A client certificate whose id and key follow from its number.
pub(super) fn certificate(number: u16, subject: &str, issuer: &str, not_after: OffsetDateTime) -> Certificate {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    Certificate {
        id: Sha256(id),
        subject: name(&[("2.5.4.3", subject)]),
        issuer: name(&[("2.5.4.3", issuer)]),
        serial: Serial(number.to_be_bytes().into()),
        validity: Validity { not_before: datetime!(2025-11-21 20:00 UTC), not_after },
        public_key: key(number),
        signature_algorithm: SignatureAlgorithm { name: "sha256WithRSAEncryption".into(), oid: "1.2.840.113549.1.1.11".into() },
        sans: Vec::new(),
        basic_constraints: None,
        key_usage: None,
        extended_key_usage: Some(vec![ExtendedKeyUsage::ClientAuth]),
        subject_key_id: None,
        authority_key_id: None,
        malformed_extensions: Vec::new(),
        der: CertificateDer {
            bytes: Box::default(),
            tbs: 0..0,
            spki: 0..0,
            signature: 0..0,
            signature_algorithm: 0..0,
            trailing: 0,
        },
    }
}

/// The same with `system:masters` as organization.
pub(super) fn master(number: u16, subject: &str, issuer: &str, not_after: OffsetDateTime) -> Certificate {
    let subject = name(&[("2.5.4.10", "system:masters"), ("2.5.4.3", subject)]);
    Certificate { subject, ..certificate(number, "", issuer, not_after) }
}

/// A CA.
pub(super) fn authority(number: u16, subject: &str, issuer: &str, not_after: OffsetDateTime) -> Certificate {
    let basic_constraints = Some(BasicConstraints { ca: true, path_len: None });
    Certificate { basic_constraints, extended_key_usage: None, ..certificate(number, subject, issuer, not_after) }
}

fn key(number: u16) -> PublicKey {
    let mut spki = [1; 32];
    spki[..2].copy_from_slice(&number.to_be_bytes());
    PublicKey { algorithm: KeyAlgorithm::Rsa, bits: 2048, spki_sha256: Sha256(spki) }
}

/// A certificate as content.
pub(super) fn held(certificate: &Certificate) -> Content {
    Content::Certificate(Arc::new(certificate.clone()))
}

/// The private key of the certificate with this number.
pub(super) fn private_key(number: u16) -> Content {
    Content::PrivateKey(Arc::new(PrivateKey::Plain { format: KeyFormat::Pkcs1, public: key(number) }))
}

/// A place with something in it.
pub(super) fn holding(document: &Arc<Document>, field: &str, role: Option<Role>, slot: Slot, contents: Vec<Content>) -> Holding {
    let origin = Origin { document: Arc::clone(document), field: field.into(), role, slot };
    Holding { origin, contents: contents.into() }
}

/// A file with something in it.
pub(super) fn file(path: &str, role: Option<Role>, slot: Slot, contents: Vec<Content>) -> Holding {
    holding(&Arc::new(Document::new(OriginKind::File, path)), "", role, slot, contents)
}

/// Adds a kubeconfig with one context `user@cluster`.
pub(super) fn add_kubeconfig(
    inventory: &mut Inventory,
    path: &str,
    cluster: &str,
    ca: Content,
    user: &str,
    credential: [Content; 2],
) {
    let document = Arc::new(Document::new(OriginKind::Kubeconfig, path));
    let [certificate, key] = credential;
    let places = [
        (format!("clusters[{cluster}].certificate-authority-data"), Slot::Trust, ca),
        (format!("users[{user}].client-certificate-data"), Slot::Credential, certificate),
        (format!("users[{user}].client-key-data"), Slot::Key, key),
    ];
    for (field, slot, content) in places {
        inventory.holding(holding(&document, &field, None, slot, vec![content]));
    }
    let context = format!("{user}@{cluster}");
    inventory.kubeconfig(Kubeconfig {
        document,
        within: "".into(),
        role: None,
        current_context: Some(context.as_str().into()),
        contexts: vec![Context { name: context.into(), cluster: cluster.into(), user: user.into(), namespace: None }],
        clusters: vec![Cluster {
            name: cluster.into(),
            server: "https://10.0.0.11:6443".into(),
            tls_server_name: None,
            insecure_skip_tls_verify: false,
            proxy_url: None,
            certificate_authority: Material::Embedded,
        }],
        users: vec![User {
            name: user.into(),
            client_certificate: Material::Embedded,
            client_key: Material::Embedded,
            logins: Vec::new(),
        }],
    });
    inventory.examined(1);
}
