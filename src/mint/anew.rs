//! A certificate issued anew, and a request for that: what stands in the old one is kept byte for byte but for what has to change.
//!
//! Recipes describe certificates that tests and the demo invent. Here the pattern is a real one, whatever its maker wrote: names in
//! T.61, three organizations, extensions that nobody knows. So its TBSCertificate (RFC 5280 section 4.1.2) is taken apart and put
//! together again.

use super::{Error, Signer};
use crate::der::{
    BIT_STRING, Element, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET, UTC_TIME, context,
};
use crate::model::{Certificate, Validity};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// `id-ce-subjectKeyIdentifier` and `id-ce-authorityKeyIdentifier` (RFC 5280 sections 4.2.1.2, 4.2.1.1), without tag and length.
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
/// What a request asks for: subjectAltName, keyUsage, extKeyUsage. The rest is the CA's affair.
const REQUESTED: [&[u8]; 3] = [&[0x55, 0x1d, 0x11], &[0x55, 0x1d, 0x0f], &[0x55, 0x1d, 0x25]];
/// `pkcs-9-at-extensionRequest` (RFC 2985 section 5.4.2).
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
/// Octets of a key identifier.
const KEY_ID_OCTETS: usize = 20;

/// A certificate to be issued anew.
#[derive(Clone, Copy, Debug)]
pub struct Anew<'a> {
    /// The pattern: subject, names, usages and everything else are its.
    pub like: &'a Certificate,
    /// When it shall be valid.
    pub validity: Validity,
    /// Who signs, and for which key.
    pub by: By<'a>,
}

/// Who signs what is issued anew.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// Its own, new key.
    Itself(&'a Signer),
    /// A CA.
    Ca {
        /// Its certificate.
        certificate: &'a Certificate,
        /// The key that signs: the CA's, or one that stands in for it.
        signer: &'a Signer,
        /// The new key of the subject; `None`: it keeps the one that it has.
        key: Option<&'a Signer>,
    },
}

impl Anew<'_> {
    /// Issues it; the certificate in DER.
    ///
    /// # Errors
    /// If the pattern cannot be taken apart, or the key does not sign.
    pub fn issue(&self) -> Result<Vec<u8>, Error> {
        let old = Parts::of(self.like)?;
        let (issuer, signer, key) = match self.by {
            By::Itself(own) => (old.subject.raw, own, Some(own)),
            By::Ca { certificate, signer, key } => (certificate.subject.der(), signer, key),
        };
        let own_key_id = key.map(key_id);
        let issuer_key_id = match self.by {
            By::Itself(_) => own_key_id.clone(),
            By::Ca { certificate, .. } => certificate.subject_key_id.as_deref().map(<[u8]>::to_vec),
        };
        let spki = key.map_or_else(|| old.spki.raw.to_vec(), Signer::public_key_info);
        let extensions = old.extensions(own_key_id.as_deref(), issuer_key_id.as_deref());
        let mut fields = vec![
            element(context(0), &[&element(INTEGER, &[&[2]])]),
            element(INTEGER, &[&self.serial(&spki)]),
            signer.algorithm().to_vec(),
            issuer.to_vec(),
            element(SEQUENCE, &[&time(self.validity.not_before), &time(self.validity.not_after)]),
            old.subject.raw.to_vec(),
            spki,
        ];
        if !extensions.is_empty() {
            fields.push(element(context(3), &[&element(SEQUENCE, &[&extensions.concat()])]));
        }
        signed(&element(SEQUENCE, &[&fields.concat()]), signer)
    }

    /// A serial number of 20 octets that differs from the pattern's and from that of another renewal.
    fn serial(&self, spki: &[u8]) -> [u8; 20] {
        let mut serial = [0_u8; 20];
        let begin = self.validity.not_before.unix_timestamp().to_be_bytes();
        let end = self.validity.not_after.unix_timestamp().to_be_bytes();
        let sources = [&self.like.id.0[..], &begin, &end, spki];
        for (at, octet) in sources.concat().into_iter().enumerate() {
            let place = &mut serial[at % 20];
            *place = place.rotate_left(3) ^ octet;
        }
        serial[0] = serial[0] & 0x3f | 0x40;
        serial
    }
}

/// A certification request (RFC 2986) for a certificate like this one, signed by its key, in PEM: the same subject, alternative names,
/// key usage and extended key usage.
///
/// # Errors
/// If the certificate cannot be taken apart, the key is another one, or does not sign.
pub fn request(like: &Certificate, key: &Signer) -> Result<String, Error> {
    let old = Parts::of(like)?;
    if old.spki.raw != key.public_key_info() {
        return Err(Error::OtherKey(like.display_name().into()));
    }
    let wanted = old.extensions.iter().filter(|extension| oid(extension).is_some_and(|oid| REQUESTED.contains(&oid)));
    let extensions: Vec<u8> = wanted.flat_map(|extension| extension.raw.to_vec()).collect();
    let attribute = element(
        SEQUENCE,
        &[&element(OBJECT_IDENTIFIER, &[EXTENSION_REQUEST]), &element(SET, &[&element(SEQUENCE, &[&extensions])])],
    );
    let attributes = if extensions.is_empty() { Vec::new() } else { attribute };
    let information =
        [element(INTEGER, &[&[0]]), old.subject.raw.to_vec(), key.public_key_info(), element(context(0), &[&attributes])];
    let der = signed(&element(SEQUENCE, &[&information.concat()]), key)?;
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n")))
}

/// What is kept of a certificate.
struct Parts<'c> {
    subject: Element<'c>,
    spki: Element<'c>,
    extensions: Vec<Element<'c>>,
}

impl<'c> Parts<'c> {
    fn of(certificate: &'c Certificate) -> Result<Self, Error> {
        let der = &certificate.der;
        let tbs = der.bytes.get(der.tbs.clone()).and_then(Self::read);
        tbs.ok_or_else(|| Error::Like(certificate.display_name().into()))
    }

    fn read(tbs: &'c [u8]) -> Option<Self> {
        let mut fields = Reader::new(tbs).take(SEQUENCE, "TBSCertificate").ok()?.children();
        fields.optional(context(0), "version").ok()?;
        for field in ["serialNumber", "signature", "issuer", "validity"] {
            fields.any(field).ok()?;
        }
        let subject = fields.take(SEQUENCE, "subject").ok()?;
        let spki = fields.take(SEQUENCE, "subjectPublicKeyInfo").ok()?;
        let mut extensions = Vec::new();
        while let Ok(field) = fields.any("extensions") {
            if field.tag == context(3) {
                extensions = field.children().take(SEQUENCE, "extensions").ok()?.elements().collect();
            }
        }
        Some(Self { subject, spki, extensions })
    }

    /// The extensions in their order, with key identifiers that fit: the subject's changes with its key, the issuer's with the issuer.
    fn extensions(&self, own: Option<&[u8]>, issuer: Option<&[u8]>) -> Vec<Vec<u8>> {
        let subject_key_id = |octets: &[u8]| extension(SUBJECT_KEY_ID, &element(OCTET_STRING, &[octets]));
        let authority_key_id = |octets: &[u8]| extension(AUTHORITY_KEY_ID, &element(SEQUENCE, &[&element(0x80, &[octets])]));
        let kept = self.extensions.iter().filter_map(|old| match oid(old) {
            Some(SUBJECT_KEY_ID) => Some(own.map_or_else(|| old.raw.to_vec(), subject_key_id)),
            Some(AUTHORITY_KEY_ID) => None,
            _ => Some(old.raw.to_vec()),
        });
        kept.chain(issuer.map(authority_key_id)).collect()
    }
}

fn oid<'c>(extension: &Element<'c>) -> Option<&'c [u8]> {
    extension.children().take(OBJECT_IDENTIFIER, "extnID").ok().map(|oid| oid.contents)
}

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[oid]), &element(OCTET_STRING, &[value])])
}

/// The end of the key itself: "other methods of generating unique numbers are also acceptable" (RFC 5280 section 4.2.1.2).
fn key_id(key: &Signer) -> Vec<u8> {
    let spki = key.public_key_info();
    spki.get(spki.len().saturating_sub(KEY_ID_OCTETS)..).unwrap_or_default().to_vec()
}

/// UTCTime up to 2049, GeneralizedTime beyond (RFC 5280 section 4.1.2.5).
fn time(instant: OffsetDateTime) -> Vec<u8> {
    const SHORT: &[BorrowedFormatItem<'_>] = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    const LONG: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]Z");
    let (tag, format) = if instant.year() < 2050 { (UTC_TIME, SHORT) } else { (GENERALIZED_TIME, LONG) };
    let text = instant.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
    element(tag, &[text.as_bytes()])
}

/// What is signed, the algorithm, the signature: the outer structure of certificates and requests alike.
fn signed(content: &[u8], signer: &Signer) -> Result<Vec<u8>, Error> {
    let signature = signer.sign(content)?;
    Ok(element(SEQUENCE, &[content, signer.algorithm(), &element(BIT_STRING, &[&[0], &signature])]))
}

/// One element in DER: tag, length in as few octets as can be, contents.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let length: usize = contents.iter().map(|part| part.len()).sum();
    let octets = length.to_be_bytes();
    let octets: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut encoded = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        encoded.push(short);
    } else {
        encoded.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
        encoded.extend(octets);
    }
    encoded.extend(contents.concat());
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, KeyKind, NOW, pki};
    use super::*;
    use crate::chain::{AwsLc, SignatureCheck, SignatureOps};
    use crate::decode::{Decoder, Limits};
    use crate::model::Content;
    use std::sync::Arc;
    use time::Duration;

    fn decoded(der: &[u8]) -> Arc<Certificate> {
        match Decoder::new(Limits::default()).certificate(der) {
            Content::Certificate(certificate) => certificate,
            other => panic!("no certificate: {other:?}"),
        }
    }

    fn signer(identity: &Identity) -> Signer {
        Signer::read(identity.key_pem().as_str().as_bytes()).unwrap()
    }

    fn years(first: i64, last: i64) -> Validity {
        Validity { not_before: NOW + Duration::days(365 * first), not_after: NOW + Duration::days(365 * last) }
    }

    #[test]
    fn everything_is_kept_but_what_has_to_change() {
        let ca = pki().ca("kubernetes").self_signed().unwrap();
        let recipe = pki().leaf("a").organization("x").organization("y").unit("z").server().dns("a").ip([10, 0, 0, 1]);
        let old = decoded(recipe.extension(&[1, 2, 3], &[5, 0]).issued_by(&ca).unwrap().der());
        let (certificate, signer, fresh) = (decoded(ca.der()), signer(&ca), Signer::fresh().unwrap());
        for key in [None, Some(&fresh)] {
            let by = By::Ca { certificate: &certificate, signer: &signer, key };
            let new = decoded(&Anew { like: &old, validity: years(0, 40), by }.issue().unwrap());
            assert_eq!((&new.subject, &new.sans, new.key_usage), (&old.subject, &old.sans, old.key_usage));
            assert_eq!((&new.extended_key_usage, &new.issuer), (&old.extended_key_usage, &certificate.subject));
            assert_eq!((new.validity, &new.authority_key_id), (years(0, 40), &certificate.subject_key_id));
            assert_ne!(new.serial, old.serial);
            assert_eq!(new.public_key == old.public_key, key.is_none());
            assert_eq!(new.subject_key_id == old.subject_key_id, key.is_none());
            assert!(new.malformed_extensions.is_empty());
            assert_eq!(AwsLc.check(&new, &certificate), SignatureCheck::Valid);
        }
    }

    #[test]
    fn a_new_root_has_the_old_name_and_signs_itself() {
        let old = decoded(pki().ca("kubernetes").self_signed().unwrap().der());
        let fresh = Signer::fresh().unwrap();
        let new = decoded(&Anew { like: &old, validity: years(1, 11), by: By::Itself(&fresh) }.issue().unwrap());
        assert_eq!((&new.subject, &new.issuer, new.is_ca()), (&old.subject, &old.subject, true));
        assert_eq!(new.subject_key_id, new.authority_key_id);
        assert_eq!(AwsLc.check(&new, &new), SignatureCheck::Valid);
        assert_eq!(AwsLc.check(&new, &old), SignatureCheck::Invalid);
    }

    #[test]
    fn requests_ask_for_the_same_with_every_kind_of_key() {
        for kind in [KeyKind::Rsa2048, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519] {
            let identity = pki().leaf("node").organization("system:nodes").server().dns("n1").key(kind).self_signed().unwrap();
            let old = decoded(identity.der());
            let text = request(&old, &signer(&identity)).unwrap();
            let crate::decode::Decoded::Contents(contents) = Decoder::new(Limits::default()).bytes(text.as_bytes()) else {
                panic!()
            };
            let [Content::Request(request)] = &*contents else { panic!("no request: {contents:?}") };
            assert_eq!((&request.subject, &request.public_key), (&old.subject, &old.public_key));
            assert_eq!(request.sans, old.sans);
        }
    }

    #[test]
    fn keys_that_cannot_sign_are_said() {
        for bytes in [&b"junk"[..], b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(matches!(Signer::read(bytes), Err(Error::Key(_))));
        }
        assert_eq!(format!("{:?}", Signer::fresh().unwrap()), "Signer");
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        for (length, header) in
            [(0_usize, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (256, vec![4, 0x82, 1, 0])]
        {
            assert_eq!(element(4, &[&vec![7; length]])[..header.len()], header);
        }
    }
}
