//! Extensions as such (RFC 5280 section 4.2): how often, how critical, and whether they can be read.

use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::fault;
use super::general::{General, general_names, sequence};
use crate::der::{BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, dotted};
use std::collections::HashSet;

/// `id-ce-subjectDirectoryAttributes` (section 4.2.1.8).
const SUBJECT_DIRECTORY_ATTRIBUTES: &[u8] = &[0x55, 0x1d, 9];

/// What must be so of an extension's `critical`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Critical {
    /// MUST.
    Always,
    /// MUST in a trust anchor. Of intermediates, section 6.1.4 (k) takes it either way.
    InAnchors,
    /// MUST, but where certificate policies stand beside it: RFC 3280 section 4.2.1.12 let it be either way, and NIST PKITS has it so.
    WithoutPolicies,
    /// MUST NOT.
    Never,
    /// As the issuer likes.
    Either,
}

/// One extension of section 4.2: its OID, its name, whether it is critical, and whether its value can be read.
struct Known(&'static [u8], &'static str, Critical, fn(&[u8]) -> Option<()>);

/// Section 4.2.1 and 4.2.2, in their order. Policies are read where they are judged, in [`super::super::policies`].
const KNOWN: &[Known] = &[
    Known(oid::AUTHORITY_KEY_ID, "authority key identifier", Critical::Never, anything),
    Known(oid::SUBJECT_KEY_ID, "subject key identifier", Critical::Never, anything),
    Known(oid::KEY_USAGE, "key usage", Critical::Either, key_usage),
    Known(oid::CERTIFICATE_POLICIES, "certificate policies", Critical::Either, anything),
    Known(oid::POLICY_MAPPINGS, "policy mappings", Critical::Either, anything),
    Known(oid::SUBJECT_ALT_NAME, "subject alternative name", Critical::Either, anything),
    Known(oid::ISSUER_ALT_NAME, "issuer alternative name", Critical::Either, alternative_names),
    Known(SUBJECT_DIRECTORY_ATTRIBUTES, "subject directory attributes", Critical::Never, anything),
    Known(oid::BASIC_CONSTRAINTS, "basic constraints", Critical::InAnchors, basic_constraints),
    Known(oid::NAME_CONSTRAINTS, "name constraints", Critical::Always, anything),
    Known(oid::POLICY_CONSTRAINTS, "policy constraints", Critical::WithoutPolicies, anything),
    Known(oid::EXTENDED_KEY_USAGE, "extended key usage", Critical::Either, extended_key_usage),
    Known(oid::CRL_DISTRIBUTION_POINTS, "CRL distribution points", Critical::Either, super::points::readable),
    Known(oid::INHIBIT_ANY_POLICY, "inhibit any-policy", Critical::Always, anything),
    Known(oid::FRESHEST_CRL, "freshest CRL", Critical::Never, super::points::readable),
    Known(oid::AUTHORITY_INFO_ACCESS, "authority information access", Critical::Never, access),
    Known(oid::SUBJECT_INFO_ACCESS, "subject information access", Critical::Never, access),
];

/// Whether an extension is one of the RFC's.
pub(super) fn is_known(oid: &[u8]) -> bool {
    known(oid).is_some()
}

fn known(oid: &[u8]) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.0 == oid)
}

/// Section 4.1: the list can be read, and is not empty.
pub(super) fn list(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(wrapper) = trail.last().tbs.wrapper else { return Ok(()) };
    let count = || {
        let mut outer = wrapper.children();
        let mut list = outer.take(SEQUENCE, "extensions").ok()?.children();
        let mut count = 0_usize;
        while !list.is_empty() {
            let mut fields = list.take(SEQUENCE, "Extension").ok()?.children();
            fields.take(OBJECT_IDENTIFIER, "extnID").ok()?;
            fields.optional(BOOLEAN, "critical").ok()?;
            fields.take(OCTET_STRING, "extnValue").ok().filter(|_| fields.is_empty())?;
            count += 1;
        }
        outer.is_empty().then_some(count)
    };
    match count() {
        None => fault(trail, "the extensions cannot be read"),
        Some(0) => fault(trail, "the list of extensions is empty"),
        Some(_) => Ok(()),
    }
}

/// Section 4.2: each extension once.
pub(super) fn once(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    match trail.last().tbs.extensions.iter().find(|extension| !seen.insert(extension.oid)) {
        Some(twice) => fault(trail, format!("{} is there more than once", name(twice.oid))),
        None => Ok(()),
    }
}

/// Section 4.2: a critical extension must be understood.
pub(super) fn understood(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let mut extensions = trail.last().tbs.extensions.iter();
    match extensions.find(|extension| extension.is_critical() && !is_known(extension.oid)) {
        Some(unknown) => fault(trail, format!("extension {} is critical and unknown", dotted(unknown.oid))),
        None => Ok(()),
    }
}

/// The sections of the extensions: some are critical always, some never.
pub(super) fn critical(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let has_policies = trail.last().tbs.extension(oid::CERTIFICATE_POLICIES).is_some();
    for extension in &trail.last().tbs.extensions {
        let Some(Known(_, name, critical, _)) = known(extension.oid) else { continue };
        match (critical, extension.is_critical()) {
            (Critical::Never, true) => return fault(trail, format!("{name} is critical and must not be")),
            (Critical::WithoutPolicies, false) if !has_policies => {
                return fault(trail, format!("{name} is not critical and must be"));
            }
            (Critical::Always, false) => return fault(trail, format!("{name} is not critical and must be")),
            (Critical::InAnchors, false) if trail.anchored => {
                return fault(trail, format!("{name} is not critical in a trust anchor and must be"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The sections of the extensions: their values can be read.
pub(super) fn readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    for extension in &trail.last().tbs.extensions {
        let Some(Known(_, name, _, read)) = known(extension.oid) else { continue };
        if read(extension.value).is_none() {
            return fault(trail, format!("{name} is not what its section says"));
        }
    }
    Ok(())
}

fn name(oid: &[u8]) -> String {
    known(oid).map_or_else(|| dotted(oid), |known| known.1.to_owned())
}

/// Read elsewhere, or not at all.
#[expect(clippy::unnecessary_wraps, reason = "one of a column of functions")]
fn anything(_: &[u8]) -> Option<()> {
    Some(())
}

/// Section 4.2.1.3: a BIT STRING with at least one bit set, no trailing zero bits.
fn key_usage(value: &[u8]) -> Option<()> {
    let mut reader = Reader::new(value);
    let bits = reader.take(BIT_STRING, "keyUsage").ok().filter(|_| reader.is_empty())?;
    let [_, bits @ ..] = bits.contents else { return None };
    (bits.len() <= 2 && bits.iter().any(|octet| *octet != 0)).then_some(())
}

/// Section 4.2.1.9.
fn basic_constraints(value: &[u8]) -> Option<()> {
    let mut fields = sequence(value).ok()?;
    let ca = fields.optional(BOOLEAN, "cA").ok()?;
    let path_len = fields.optional(INTEGER, "pathLenConstraint").ok()?;
    let default_written = ca.is_some_and(|ca| ca.contents == [0]);
    let negative = path_len.is_some_and(|path_len| path_len.contents.first().is_none_or(|octet| octet & 0x80 != 0));
    (fields.is_empty() && !default_written && !negative).then_some(())
}

/// Section 4.2.1.12: at least one purpose.
fn extended_key_usage(value: &[u8]) -> Option<()> {
    let mut list = sequence(value).ok().filter(|list| !list.is_empty())?;
    while !list.is_empty() {
        list.take(OBJECT_IDENTIFIER, "KeyPurposeId").ok()?;
    }
    Some(())
}

/// Section 4.2.1.7.
fn alternative_names(value: &[u8]) -> Option<()> {
    general_names(sequence(value).ok()?).map(|_| ())
}

/// Section 4.2.2.1: at least one AccessDescription.
fn access(value: &[u8]) -> Option<()> {
    let mut list = sequence(value).ok().filter(|list| !list.is_empty())?;
    while !list.is_empty() {
        let mut fields = list.take(SEQUENCE, "AccessDescription").ok()?.children();
        fields.take(OBJECT_IDENTIFIER, "accessMethod").ok()?;
        General::of(fields.any("accessLocation").ok()?)?;
        fields.is_empty().then_some(())?;
    }
    Some(())
}
