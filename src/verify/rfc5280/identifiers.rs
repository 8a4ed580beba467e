//! Key identifiers (RFC 5280 sections 4.2.1.1 and 4.2.1.2).

use super::super::oid::{AUTHORITY_KEY_ID, SUBJECT_KEY_ID};
use super::super::rule::{Fault, Trail};
use super::fault;
use super::general::{general_names, sequence};
use crate::chain::SignatureCheck;
use crate::der::{OCTET_STRING, Reader, context};

/// `[0]`, `[1]` and `[2]` of AuthorityKeyIdentifier, as implicitly tagged.
const KEY_IDENTIFIER: u8 = 0x80;
const ISSUER: u8 = context(1);
const SERIAL: u8 = 0x82;

/// Section 4.2.1.1: in every certificate but self-signed ones, with a key identifier. Self-signed is a matter of keys, not of names.
pub(super) fn authority(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    let self_signed = || trail.case.graph.signature(member.node, member.node) == SignatureCheck::Valid;
    match member.tbs.extension(AUTHORITY_KEY_ID).map(|extension| authority_key_id(extension.value)) {
        None if self_signed() => Ok(()),
        None => fault(trail, "it has no authority key identifier"),
        Some(None) => fault(trail, "the authority key identifier cannot be read"),
        Some(Some(AuthorityKeyId { key_id: false, .. })) if !self_signed() => {
            fault(trail, "the authority key identifier holds no key identifier")
        }
        Some(Some(AuthorityKeyId { complete: false, .. })) => {
            fault(trail, "the authority key identifier has an issuer without a serial number, or the reverse")
        }
        Some(Some(_)) => Ok(()),
    }
}

struct AuthorityKeyId {
    key_id: bool,
    /// Whether issuer and serial number are both there or both not.
    complete: bool,
}

fn authority_key_id(value: &[u8]) -> Option<AuthorityKeyId> {
    let mut fields = sequence(value).ok()?;
    let key_id = fields.optional(KEY_IDENTIFIER, "keyIdentifier").ok()?;
    let issuer = fields.optional(ISSUER, "authorityCertIssuer").ok()?;
    let serial = fields.optional(SERIAL, "authorityCertSerialNumber").ok()?;
    if let Some(issuer) = issuer {
        general_names(issuer.children())?;
    }
    fields.is_empty().then_some(AuthorityKeyId { key_id: key_id.is_some(), complete: issuer.is_some() == serial.is_some() })
}

/// Section 4.2.1.2: in every CA.
pub(super) fn subject(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    let Some(extension) = member.tbs.extension(SUBJECT_KEY_ID) else {
        let ca = member.certificate.is_ca();
        return if ca { fault(trail, "it is a CA without a subject key identifier") } else { Ok(()) };
    };
    let mut reader = Reader::new(extension.value);
    let read = reader.take(OCTET_STRING, "subjectKeyIdentifier").is_ok() && reader.is_empty();
    if read { Ok(()) } else { fault(trail, "the subject key identifier cannot be read") }
}
