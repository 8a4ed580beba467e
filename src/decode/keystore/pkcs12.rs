//! PKCS#12 (RFC 7292): what is in the bags, and under which password.
//!
//! Keystores without a password exist (certificates in the clear, no MAC), and so do some of which the certificates are in the clear and
//! the keys are not: what no password opens does not keep the rest from being read.

use super::passwords::Budget;
use super::scheme::{Mac, Password, Scheme, Stop};
use super::{Bag, Contained, Format, Reading};
use crate::decode::ber;
use crate::decode::contents::{self, Certificates};
use crate::decode::key;
use crate::der::{self, BMP_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Problem, Reader, SEQUENCE, SET};
use crate::model::{DefectKind, PrivateKey};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Contents in the clear, and encrypted ones (RFC 5652 sections 4 and 8).
const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
/// The bags (RFC 7292 section 4.2).
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const CRL_BAG: &str = "1.2.840.113549.1.12.10.1.4";
const CONTENTS_BAG: &str = "1.2.840.113549.1.12.10.1.6";
/// What bags say of themselves (RFC 2985 section 5.5, and Java's mark of a trusted entry).
const FRIENDLY_NAME: &str = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID: &str = "1.2.840.113549.1.9.21";
const TRUSTED_KEY_USAGE: &str = "2.16.840.1.113894.746875.1.1";
/// Bags within bags.
const DEEPEST: u8 = 4;

/// Whether these bytes begin as a PFX does: version 3, then the contents.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let after_header = match bytes {
        [_, _, rest @ ..] if ber::is_indefinite(bytes) => rest,
        [SEQUENCE, ..] => match Reader::new(bytes).take(SEQUENCE, "PFX") {
            Ok(pfx) => pfx.contents,
            Err(_) => return false,
        },
        _ => return false,
    };
    after_header.starts_with(&[INTEGER, 1, 3, SEQUENCE])
}

/// Reads a PFX.
pub(super) fn read<'p>(
    bytes: &[u8],
    passwords: impl Iterator<Item = &'p str>,
    budget: &Budget,
    most: usize,
    certificates: &Certificates,
) -> Reading {
    let mut candidates: Vec<_> = passwords.map(Password::new).collect();
    if candidates.iter().any(|password| password.text.is_empty()) {
        candidates.push(Password::none());
    }
    let mut store = Store { candidates, budget, most, certificates, reading: Reading::default() };
    let read = ber::definite(bytes).ok_or(Problem::NotDer.of("PFX").into()).and_then(|der| store.pfx(&der));
    store.judge(read);
    store.reading
}

struct Store<'a, 'p> {
    /// The passwords still in question; the one, once it is known.
    candidates: Vec<Password<'p>>,
    budget: &'a Budget,
    most: usize,
    certificates: &'a Certificates,
    reading: Reading,
}

impl Store<'_, '_> {
    /// Notes why a part was not read.
    fn judge(&mut self, read: Result<(), Stop>) {
        let malformed = |reason: String| DefectKind::Der { what: Format::Pkcs12.name(), reason: reason.into() };
        match read {
            Ok(()) => {}
            Err(Stop::Locked) => self.reading.is_locked = true,
            Err(Stop::Costly) => self.reading.fault(DefectKind::Costly(Format::Pkcs12.name())),
            Err(Stop::Fault(fault)) => self.reading.fault(malformed(fault.to_string())),
            Err(Stop::Unsupported(what)) => self.reading.fault(malformed(format!("unsupported {what}"))),
        }
    }

    fn pfx(&mut self, der: &[u8]) -> Result<(), Stop> {
        let mut fields = Reader::new(der).take(SEQUENCE, "PFX")?.children();
        fields.take(INTEGER, "version")?;
        let (kind, content) = content_info(&fields.take(SEQUENCE, "authSafe")?)?;
        if kind != DATA {
            return Err(Stop::Unsupported(format!("integrity mode {kind}")));
        }
        let safes = content.ok_or(Problem::Missing.of("content"))?.children().take(OCTET_STRING, "authSafe")?.contents;
        if let Some(mac) = fields.optional(SEQUENCE, "macData")? {
            self.find_password(&Mac::read(&mac)?, safes)?;
        }
        let safes = ber::definite(safes).ok_or(Problem::NotDer.of("AuthenticatedSafe"))?;
        let mut safes = Reader::new(&safes).take(SEQUENCE, "AuthenticatedSafe")?.children();
        while let Some(safe) = safes.optional(SEQUENCE, "ContentInfo")? {
            let read = self.safe(&safe);
            self.judge(read);
        }
        Ok(())
    }

    /// Keeps the password that the MAC is of. Without one only what is in the clear can be read.
    fn find_password(&mut self, mac: &Mac<'_>, message: &[u8]) -> Result<(), Stop> {
        for password in std::mem::take(&mut self.candidates) {
            if mac.is_of(&password, message, self.budget)? {
                self.candidates = vec![password];
                return Ok(());
            }
        }
        self.reading.is_locked = true;
        Ok(())
    }

    fn safe(&mut self, safe: &Element<'_>) -> Result<(), Stop> {
        let (kind, content) = content_info(safe)?;
        let mut content = content.ok_or(Problem::Missing.of("content"))?.children();
        match kind.as_str() {
            DATA => self.bags(content.take(OCTET_STRING, "SafeContents")?.contents, 0),
            ENCRYPTED_DATA => {
                let mut fields = content.take(SEQUENCE, "EncryptedData")?.children();
                fields.take(INTEGER, "version")?;
                let mut info = fields.take(SEQUENCE, "EncryptedContentInfo")?.children();
                info.take(OBJECT_IDENTIFIER, "contentType")?;
                let algorithm = info.take(SEQUENCE, "contentEncryptionAlgorithm")?;
                let encrypted = info.any("encryptedContent")?;
                let pieces = (encrypted.tag == der::context(0)).then(|| ber::strings(encrypted.contents));
                let bags = self.decrypt(&algorithm, pieces.as_deref().unwrap_or(encrypted.contents))?;
                self.bags(&bags, 0)
            }
            other => Err(Stop::Unsupported(format!("privacy mode {other}"))),
        }
    }

    fn bags(&mut self, contents: &[u8], depth: u8) -> Result<(), Stop> {
        let contents = ber::definite(contents).map(Zeroizing::new).ok_or(Problem::NotDer.of("SafeContents"))?;
        let mut bags = Reader::new(&contents).take(SEQUENCE, "SafeContents")?.children();
        while let Some(bag) = bags.optional(SEQUENCE, "SafeBag")? {
            if self.reading.bags.len() >= self.most {
                self.reading.fault(DefectKind::TooManyEntries(self.most));
                break;
            }
            let read = self.bag(&bag, depth);
            self.judge(read);
        }
        Ok(())
    }

    fn bag(&mut self, bag: &Element<'_>, depth: u8) -> Result<(), Stop> {
        let mut fields = bag.children();
        let kind = der::dotted(fields.take(OBJECT_IDENTIFIER, "bagId")?.contents);
        let value = fields.take(der::context(0), "bagValue")?;
        let (mut bag, attributes) = (Bag::default(), fields.optional(SET, "bagAttributes")?);
        attributes.iter().flat_map(Element::elements).for_each(|attribute| describe(&mut bag, &attribute));
        bag.contained = match kind.as_str() {
            KEY_BAG => self.key(value.contents),
            SHROUDED_KEY_BAG => {
                let mut fields = value.children().take(SEQUENCE, "EncryptedPrivateKeyInfo")?.children();
                let algorithm = fields.take(SEQUENCE, "encryptionAlgorithm")?;
                let encrypted = fields.take(OCTET_STRING, "encryptedData")?;
                match self.decrypt(&algorithm, encrypted.contents) {
                    Ok(plain) => self.key(&plain),
                    Err(stop) => {
                        self.judge(Err(stop));
                        Contained::Key(Arc::new(PrivateKey::Encrypted))
                    }
                }
            }
            CERTIFICATE_BAG | CRL_BAG => {
                let mut fields = value.children().take(SEQUENCE, "bagValue")?.children();
                fields.take(OBJECT_IDENTIFIER, "certId")?;
                let octets = fields.take(der::context(0), "certValue")?.children().take(OCTET_STRING, "certValue")?.contents;
                Contained::Public(contents::of_der(octets, 1, self.certificates))
            }
            CONTENTS_BAG if depth < DEEPEST => return self.bags(value.contents, depth.saturating_add(1)),
            // A secret of a program's own; a bag that the RFC does not know.
            _ => return Ok(()),
        };
        self.reading.bags.push(bag);
        Ok(())
    }

    fn key(&mut self, key: &[u8]) -> Contained {
        match key::private(key) {
            Ok(key) => Contained::Key(Arc::new(key)),
            Err(kind) => {
                self.reading.fault(kind);
                Contained::Nothing
            }
        }
    }

    /// Decrypts with the password that is known, or with the first that makes sense of it.
    fn decrypt(&self, algorithm: &Element<'_>, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, Stop> {
        let scheme = Scheme::read(algorithm)?;
        for password in &self.candidates {
            let plain = scheme.decrypt(password, encrypted, self.budget)?;
            if let Some(plain) = plain.filter(|plain| plain.first() == Some(&SEQUENCE)) {
                return Ok(plain);
            }
        }
        Err(Stop::Locked)
    }
}

/// The kind of a ContentInfo and its contents.
fn content_info<'a>(info: &Element<'a>) -> Result<(String, Option<Element<'a>>), der::Fault> {
    let mut fields = info.children();
    let kind = der::dotted(fields.take(OBJECT_IDENTIFIER, "contentType")?.contents);
    Ok((kind, fields.optional(der::context(0), "content")?))
}

/// Notes an attribute of a bag.
fn describe(bag: &mut Bag, attribute: &Element<'_>) {
    let mut fields = attribute.children();
    let Ok(kind) = fields.take(OBJECT_IDENTIFIER, "attrId") else { return };
    let value = fields.take(SET, "attrValues").ok().and_then(|values| values.elements().next());
    match (der::dotted(kind.contents).as_str(), value) {
        (FRIENDLY_NAME, Some(name)) if name.tag == BMP_STRING => {
            let units =
                name.contents.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, octet| unit << 8 | u16::from(*octet)));
            bag.alias = Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect());
        }
        (LOCAL_KEY_ID, Some(id)) => bag.key_id = Some(id.contents.into()),
        (TRUSTED_KEY_USAGE, _) => bag.is_trusted = true,
        _ => {}
    }
}
