//! What the tests of structured sources share: a request, ways to read, and one line for everything found.

use super::{Decoder, Expectation, Limits, Place, Reference, source};
use crate::model::{Content, Document, Inventory, OriginKind, Slot};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

pub(super) use super::samples::{CERTIFICATE, PKCS8 as KEY};

/// A request, CN=fixture, P-256.
pub(super) const REQUEST: &str = "\
-----BEGIN CERTIFICATE REQUEST-----\n\
MIHLMHQCAQAwEjEQMA4GA1UEAwwHZml4dHVyZTBZMBMGByqGSM49AgEGCCqGSM49\n\
AwEHA0IABMHeuQjvnu8Q8d0xUWu18BgKnpkeMueNRd4tJNI8oD4pQx+wzry1Mfgt\n\
LrBoGvK/Itdq+ffh8uU9mb2cRIs7/kegADAKBggqhkjOPQQDAgNHADBEAiBv/sVR\n\
qkxMogPXwx8H9F6lQ9VFhLbgd2hbCHBw8XSCEgIgY47su738r3IHVG94qLPVe9hc\n\
J07IjXZTWsJ/WRZDeY0=\n\
-----END CERTIFICATE REQUEST-----\n";

/// What was found in a source.
pub(super) struct Finds {
    pub(super) inventory: Inventory,
    pub(super) references: Vec<Reference>,
}

/// Reads a source that somebody named.
pub(super) fn named(text: impl AsRef<[u8]>) -> Finds {
    read(text.as_ref(), &place(Expectation::Named), Limits::default())
}

/// Reads a source that was met on a walk.
pub(super) fn met(text: impl AsRef<[u8]>) -> Finds {
    read(text.as_ref(), &place(Expectation::Met), Limits::default())
}

pub(super) fn read(mut text: &[u8], place: &Place, limits: Limits) -> Finds {
    let mut inventory = Inventory::default();
    let references = source::read(&Decoder::new(limits), &mut text, place, &mut inventory);
    Finds { inventory, references }
}

pub(super) fn place(expectation: Expectation) -> Place {
    Place { document: Document::new(OriginKind::File, "F"), role: None, slot: Slot::Unknown, expectation }
}

pub(super) fn base64(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

/// The certificate's DER.
pub(super) fn der() -> Vec<u8> {
    let body: String = CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

impl Finds {
    /// `secret ns/name data[tls.crt] Credential: certificate`, one line a holding, in order.
    pub(super) fn lines(&self) -> Vec<String> {
        self.inventory
            .holdings
            .iter()
            .map(|holding| {
                let origin = &holding.origin;
                let role = origin.role.map_or(String::new(), |role| format!(" {}", role.as_str()));
                let mut line = format!("{} {origin} {:?}{role}:", origin.document.kind.as_str(), origin.slot);
                for content in &*holding.contents {
                    match content {
                        Content::Certificate(_) => line += " certificate",
                        Content::PrivateKey(_) => line += " key",
                        Content::Request(_) => line += " request",
                        Content::Credential(credential) => write!(line, " {credential:?}").unwrap(),
                        Content::Defect(defect) => write!(line, " ({})", defect.kind).unwrap(),
                        other => write!(line, " {other:?}").unwrap(),
                    }
                }
                line
            })
            .collect()
    }
}
