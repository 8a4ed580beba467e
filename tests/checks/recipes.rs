//! Inventories put together place by place, from recipes.

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kcert::decode::{Decoded, Decoder, Expectation, Limits, source};
use kcert::mint::Identity;
use kcert::model::origin::Access;
use kcert::model::{Content, Defect, DefectKind, Document, Holding, Inventory, Origin, OriginKind, Role, Slot};
use std::sync::Arc;
use time::OffsetDateTime;

/// A place with what stands there.
#[derive(Clone)]
pub(crate) struct Place {
    document: Document,
    field: String,
    role: Option<Role>,
    slot: Slot,
    contents: Arc<[Content]>,
}

impl Place {
    pub(crate) fn file(path: &str, role: Option<Role>, slot: Slot, text: &str) -> Self {
        Self { document: Document::new(OriginKind::File, path), field: String::new(), role, slot, contents: decode(text) }
    }

    pub(crate) fn secret(name: &str, field: &str, slot: Slot, text: &str) -> Self {
        let subtype = Some(Arc::from("kubernetes.io/tls"));
        let document = Document { subtype, ..Document::new(OriginKind::Secret, name) };
        Self { document, field: field.to_owned(), role: None, slot, contents: decode(text) }
    }

    pub(crate) fn empty(path: &str) -> Self {
        Self::defect(path, DefectKind::Empty)
    }

    pub(crate) fn missing(path: &str) -> Self {
        Self::defect(path, DefectKind::Io("no such file".into()))
    }

    fn defect(path: &str, kind: DefectKind) -> Self {
        let contents = Arc::from([Content::Defect(Arc::new(Defect { kind, position: None }))]);
        Self { contents, ..Self::file(path, None, Slot::Unknown, "") }
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.document.host = Some(Arc::from(host));
        self
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.document.access = Some(Access { mode, uid: 0, gid: 0, modified: None });
        self
    }
}

fn decode(text: &str) -> Arc<[Content]> {
    match Decoder::new(Limits::default()).bytes(text.as_bytes()) {
        Decoded::Contents(contents) => contents,
        _ => Arc::from([]),
    }
}

/// An inventory of places; those of the same document share it.
pub(crate) fn inventory(places: &[Place]) -> Inventory {
    let mut inventory = Inventory::default();
    let mut documents: Vec<Arc<Document>> = Vec::new();
    for place in places {
        let known = documents.iter().find(|document| ***document == place.document).cloned();
        let document = known.unwrap_or_else(|| {
            let document = Arc::new(place.document.clone());
            documents.push(Arc::clone(&document));
            document
        });
        let origin = Origin { document, field: place.field.as_str().into(), role: place.role, slot: place.slot };
        inventory.holdings.push(Holding { origin, contents: Arc::clone(&place.contents) });
    }
    inventory
}

/// A text as the reader of sources takes it.
pub(crate) fn read(path: &str, role: Option<Role>, text: &str) -> Inventory {
    let mut inventory = Inventory::default();
    let place = source::Place {
        document: Document::new(OriginKind::File, path),
        role,
        slot: Slot::Unknown,
        expectation: Expectation::Named,
    };
    source::read(&Decoder::new(Limits::default()), &mut text.as_bytes(), &place, &mut inventory);
    inventory
}

/// Adds everything of one inventory to another.
pub(crate) fn join(inventory: &mut Inventory, other: Inventory) {
    other.drain_into(inventory);
}

pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// A kubeconfig with one cluster and one user, whose fields are given.
pub(crate) fn kubeconfig_text(user: &str, cluster: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n{cluster}contexts:\n- name: u@c\n  context:\n    cluster: c\n    user: u\n\
         current-context: u@c\nusers:\n- name: u\n  user:\n{user}"
    )
}

/// A kubeconfig with an embedded client certificate.
pub(crate) fn kubeconfig(path: &str, role: Option<Role>, trusted: &Identity, user: &Identity) -> Inventory {
    let (certificate, key) = (base64(&user.pem()), base64(user.key_pem().as_str()));
    let user = format!("    client-certificate-data: {certificate}\n    client-key-data: {key}\n");
    let authority = base64(&trusted.pem());
    let cluster = format!("    server: https://10.0.0.11:6443\n    certificate-authority-data: {authority}\n");
    read(path, role, &kubeconfig_text(&user, &cluster))
}

/// An unsigned JSON Web Token that ends at an instant.
pub(crate) fn token(end: OffsetDateTime) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = format!("{{\"sub\":\"system:serviceaccount:a:b\",\"exp\":{}}}", end.unix_timestamp());
    format!("{}.{}.{}", part("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"), part(&claims), part("signature"))
}

/// A self-signed server certificate with an RSA key of 1024 bits.
pub(crate) const RSA_1024: &str = "-----BEGIN CERTIFICATE-----
MIICETCCAXqgAwIBAgIUNFhWVoP4NlevDDNhLeiuE+4mSLMwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjIwMzMwMjBaGA8yMTI2MTAyOTAz
MzAyMFowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEAlyV7wYmIzaF62+pC+P1yMOdIczPD9Gl9WuGnepQMejjVkXvrgw8pdfmNe11W
Fo5kQ9HMYpVFXnU6D+UbxKYnCe4NFvGI60lxa5Na1uvLmB8RG9T7UFnIAl5r/ZO5
yF7P184sJVFihk8dBT+tOOeuMnaPj4b2OTygIRBVuPbJbpcCAwEAAaNoMGYwHQYD
VR0OBBYEFKfe8z0cW307RE5ZVeVGkDroBFV2MB8GA1UdIwQYMBaAFKfe8z0cW307
RE5ZVeVGkDroBFV2MA8GA1UdEwEB/wQFMAMBAf8wEwYDVR0lBAwwCgYIKwYBBQUH
AwEwDQYJKoZIhvcNAQELBQADgYEANRESJxXaF6SgoIs2E6QBeLgU3kV7HsTtFejy
zAfouwryjrsZs9XfaPF+AzIaAnOrrI91UoQH1GM5sZwa3T2cQJvIc8zC1MVG2tQ8
KH4iCJPecriUYt5vFYkJNeHFhsdf+5xryQE8+pKCCexIdhl85wjl6t8jpwlNVyd+
4bXBe/8=
-----END CERTIFICATE-----
";

/// A certificate that its issuer signed with SHA-1.
pub(crate) const SHA1_SIGNED: &str = "-----BEGIN CERTIFICATE-----
MIIBFTCBvgIUCQmkCjIB3hGwo4tmak4EONnqvKIwCQYHKoZIzj0EATANMQswCQYD
VQQDDAJjYTAgFw0yNjExMjIwMzMwMjBaGA8yMTI2MTAyOTAzMzAyMFowDzENMAsG
A1UEAwwEc2hhMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGJo4CxAxkNf04zq
Oz028bYPiVgU/r8B2GOTux/teZMezb8PzinACTi+Tp7FjboFI9SG6Mql6PwfL199
MeG8B3gwCQYHKoZIzj0EAQNHADBEAiAJ0x4yMxGkX2v57G1q4DtEpIMpTDgZNtEq
Mh1GjiGTagIgdGcTEWU1Ey/QfrAD2By03Nai3g0gqORtZTVx2MnUu+I=
-----END CERTIFICATE-----
";
