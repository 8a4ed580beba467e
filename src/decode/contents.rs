//! PEM blocks and DER structures → [`Content`]s, in order, defects in the place of what they spoil.

use super::ber;
use super::body::{BodyDecoder, Lines};
use super::memo::Memo;
use super::pem::{Block, Blocks, Flaw, Kind};
use super::{crypto, key, name, request, x509};
use crate::der::{self, Element, Fault, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};
use crate::model::{Certificate, Content, Defect, DefectKind, DistinguishedName, PrivateKey, Sha256};
use std::cell::Cell;
use std::sync::Arc;

/// `id-signedData` (RFC 5652 section 5.1).
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

const PKCS7: &str = "PKCS#7 bundle";

/// Different certificates by their digest, and their issuers' names by their encoding: one allocation each, wherever they stand.
#[derive(Debug)]
pub(super) struct Certificates {
    by_id: Memo<Sha256, Arc<Certificate>>,
    issuers: Memo<DistinguishedName, DistinguishedName>,
}

impl Certificates {
    /// None known yet.
    pub(super) fn new() -> Self {
        Self { by_id: Memo::new(), issuers: Memo::new() }
    }

    /// A certificate, decoded only if it is met for the first time.
    fn certificate(&self, element: &Element<'_>) -> Result<Arc<Certificate>, Fault> {
        let id = crypto::sha256(element.raw);
        if let Some(known) = self.by_id.find(&id) {
            return Ok(known);
        }
        let is_new = Cell::new(false);
        let issuer = |name: &Element<'_>| match self.issuers.find(name.raw) {
            Some(known) => Ok(known),
            None => name::distinguished(name).inspect(|_| is_new.set(true)),
        };
        let certificate = x509::certificate(element, id, &issuer)?;
        // Of what turned out to be none, nothing is kept.
        if is_new.get() {
            self.issuers.remember(certificate.issuer.clone(), certificate.issuer.clone());
        }
        Ok(self.by_id.remember(id, Arc::new(certificate)))
    }
}

/// Everything in a text that holds PEM.
pub(super) fn of_pem(text: &[u8], most: usize, certificates: &Certificates, bodies: &mut BodyDecoder) -> Vec<Content> {
    let mut contents = Contents { found: Vec::new(), certificates };
    let mut lines = Lines::new(text);
    for (number, item) in Blocks::new(text).enumerate() {
        if number == most {
            contents.defect(DefectKind::TooManyBlocks(most));
            break;
        }
        if let Err(flaw) = item.and_then(|block| contents.block(&block, text, bodies)) {
            contents.found.push(Content::Defect(Arc::new(lines.defect(flaw))));
        }
    }
    contents.found
}

/// Everything in DER, one structure or several in a row. Empty if the first is none that kcert knows.
pub(super) fn of_der(bytes: &[u8], most: usize, certificates: &Certificates) -> Vec<Content> {
    let mut contents = Contents { found: Vec::new(), certificates };
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() && contents.found.len() < most {
        let rest = reader.rest().len();
        let structure = reader.take(SEQUENCE, "structure").ok().and_then(|element| contents.structure(&element));
        match structure {
            Some(Ok(())) => {}
            Some(Err(kind)) => contents.defect(kind),
            None if contents.found.is_empty() => break,
            None => {
                contents.defect(DefectKind::TrailingBytes(rest));
                break;
            }
        }
    }
    contents.found
}

struct Contents<'m> {
    found: Vec<Content>,
    certificates: &'m Certificates,
}

impl Contents<'_> {
    /// A defect without a place in a text.
    fn defect(&mut self, kind: DefectKind) {
        self.found.push(Content::Defect(Arc::new(Defect { kind, position: None })));
    }

    /// A PEM block; what is wrong inside it is met where it begins.
    fn block(&mut self, block: &Block<'_>, text: &[u8], bodies: &mut BodyDecoder) -> Result<(), Flaw> {
        if block.is_encrypted() {
            self.found.push(Content::PrivateKey(Arc::new(PrivateKey::Encrypted)));
            return Ok(());
        }
        let der = bodies.decode(text, block)?;
        self.labelled(block.kind, der).map_err(|kind| Flaw { kind, offset: block.start })
    }

    /// What a label says that the bytes hold.
    fn labelled(&mut self, kind: Kind, der: &[u8]) -> Result<(), DefectKind> {
        if der.is_empty() {
            return Err(DefectKind::Empty);
        }
        if matches!(kind, Kind::PrivateKey | Kind::EncryptedPrivateKey) {
            self.found.push(Content::PrivateKey(Arc::new(key::private(der)?)));
            return Ok(());
        }
        let what = match kind {
            Kind::Certificate | Kind::TrustedCertificate => "certificate",
            Kind::Request => "certification request",
            Kind::Crl => "CRL",
            Kind::Pkcs7 => PKCS7,
            _ => "public key",
        };
        let definite = (kind == Kind::Pkcs7 && ber::is_indefinite(der)).then(|| ber::definite(der)).flatten();
        let mut reader = Reader::new(definite.as_deref().unwrap_or(der));
        let element = reader.take(SEQUENCE, what).map_err(|fault| malformed(what, fault))?;
        match kind {
            Kind::Certificate if !reader.is_empty() => self.certificate_before(&element, reader.rest().len()),
            Kind::Certificate | Kind::TrustedCertificate => self.certificate(&element),
            Kind::Request => request::request(&element).map(|request| self.found.push(Content::Request(Arc::new(request)))),
            Kind::Crl => request::revocation_list(&element).map(|crl| self.found.push(Content::Crl(Arc::new(crl)))),
            Kind::Pkcs7 => self.signed_data(&element),
            Kind::RsaPublicKey => return key::rsa_public(&element).map(|key| self.found.push(Content::PublicKey(Arc::new(key)))),
            _ => return key::public(&element).map(|key| self.found.push(Content::PublicKey(Arc::new(key)))),
        }
        .map_err(|fault| malformed(what, fault))?;
        // Behind a TRUSTED CERTIFICATE stand openssl's trust settings (CertAux).
        if reader.is_empty() || kind == Kind::TrustedCertificate {
            Ok(())
        } else {
            Err(DefectKind::TrailingBytes(reader.rest().len()))
        }
    }

    /// Tells a DER structure by its first fields. `None`: none of ours; keystores are told before.
    fn structure(&mut self, element: &Element<'_>) -> Option<Result<(), DefectKind>> {
        let first = element.children().any("first field").ok()?;
        match first.tag {
            INTEGER => {
                key::shape(element)?;
                Some(key::private(element.raw).map(|key| self.found.push(Content::PrivateKey(Arc::new(key)))))
            }
            OBJECT_IDENTIFIER if der::dotted(first.contents) == SIGNED_DATA => {
                Some(self.signed_data(element).map_err(|fault| malformed(PKCS7, fault)))
            }
            SEQUENCE if key::is_encrypted(element) => {
                self.found.push(Content::PrivateKey(Arc::new(PrivateKey::Encrypted)));
                Some(Ok(()))
            }
            SEQUENCE => self.signed(element, &first),
            _ => None,
        }
    }

    /// A certificate, request, CRL or public key: what begins with a sequence.
    fn signed(&mut self, element: &Element<'_>, first: &Element<'_>) -> Option<Result<(), DefectKind>> {
        let Err(fault) = self.certificate(element) else { return Some(Ok(())) };
        if let Ok(request) = request::request(element) {
            self.found.push(Content::Request(Arc::new(request)));
        } else if let Ok(list) = request::revocation_list(element) {
            self.found.push(Content::Crl(Arc::new(list)));
        } else if let Ok(key) = key::public(element) {
            self.found.push(Content::PublicKey(Arc::new(key)));
        } else {
            // Only certificates begin with a tagged version.
            return (first.children().peek() == Some(der::context(0))).then(|| Err(malformed("certificate", fault)));
        }
        Some(Ok(()))
    }

    fn certificate(&mut self, element: &Element<'_>) -> Result<(), Fault> {
        let certificate = self.certificates.certificate(element)?;
        self.found.push(Content::Certificate(certificate));
        Ok(())
    }

    /// A certificate with bytes behind it: not the one that is remembered.
    fn certificate_before(&mut self, element: &Element<'_>, trailing: usize) -> Result<(), Fault> {
        let mut certificate = x509::certificate(element, crypto::sha256(element.raw), &name::distinguished)?;
        certificate.der.trailing = trailing;
        self.found.push(Content::Certificate(Arc::new(certificate)));
        Ok(())
    }

    /// The certificates and CRLs of a PKCS#7 SignedData (RFC 5652 section 5.1).
    fn signed_data(&mut self, element: &Element<'_>) -> Result<(), Fault> {
        let mut fields = element.children();
        let kind = fields.take(OBJECT_IDENTIFIER, "contentType")?;
        if der::dotted(kind.contents) != SIGNED_DATA {
            return Err(der::Problem::Value.of("contentType"));
        }
        let mut data = fields.take(der::context(0), "content")?.children().take(SEQUENCE, "SignedData")?.children();
        data.take(INTEGER, "version")?;
        data.take(SET, "digestAlgorithms")?;
        data.take(SEQUENCE, "encapContentInfo")?;
        if let Some(certificates) = data.optional(der::context(0), "certificates")? {
            let mut certificates = certificates.children();
            while let Some(certificate) = certificates.optional(SEQUENCE, "Certificate")? {
                if let Err(fault) = self.certificate(&certificate) {
                    self.defect(malformed("certificate", fault));
                }
            }
        }
        if let Some(lists) = data.optional(der::context(1), "crls")? {
            let mut lists = lists.children();
            while let Some(list) = lists.optional(SEQUENCE, "CertificateList")? {
                self.found.push(Content::Crl(Arc::new(request::revocation_list(&list)?)));
            }
        }
        Ok(())
    }
}

fn malformed(what: &'static str, fault: Fault) -> DefectKind {
    DefectKind::Der { what, reason: fault.to_string().into() }
}
