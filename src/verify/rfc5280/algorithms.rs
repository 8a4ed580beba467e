//! Algorithms of signatures (RFC 5280 sections 4.1.1.2 and 4.1.2.3; RFC 3279, 4055, 5758, 8410 for parameters), and signatures.

use super::super::rule::{Fault, Trail};
use super::super::search;
use super::fault;
use crate::chain::SignatureCheck;
use crate::der::{Element, OBJECT_IDENTIFIER, SEQUENCE};

/// Section 4.1.1.2: the algorithm stands in the certificate twice, and is the same.
pub(super) fn algorithms_agree(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    let der = &member.certificate.der;
    let outer = der.bytes.get(der.signature_algorithm.clone());
    if member.tbs.signature.map(|inner| inner.raw) == outer {
        Ok(())
    } else {
        fault(trail, format!("signatureAlgorithm {} is not what is signed", member.certificate.signature_algorithm))
    }
}

/// What stands where parameters may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// NULL.
    Null,
    /// Nothing.
    Absent,
    /// The OBJECT IDENTIFIER of a curve.
    Curve,
}

impl Parameters {
    /// What there is after the algorithm's OID.
    fn found(rest: &[u8]) -> Option<Self> {
        match rest {
            [] => Some(Self::Absent),
            [5, 0] => Some(Self::Null),
            [OBJECT_IDENTIFIER, ..] => Some(Self::Curve),
            _ => None,
        }
    }
}

/// The prefix of the contents of algorithm OIDs → what their parameters must be. RSASSA-PSS has parameters of its own.
const PARAMETERS: &[(&[u8], Parameters)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Parameters::Null),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], Parameters::Null),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], Parameters::Null),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Parameters::Null),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4], Parameters::Absent),
    (&[0x2b, 0x65, 0x70], Parameters::Absent),
    (&[0x2b, 0x65, 0x71], Parameters::Absent),
];

/// The same for keys: RFC 3279 section 2.3.1, RFC 5480 section 2.1.1, RFC 8410 section 3.
const KEY_PARAMETERS: &[(&[u8], Parameters)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], Parameters::Null),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Parameters::Curve),
    (&[0x2b, 0x65], Parameters::Absent),
];

/// RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3.
pub(super) fn parameters(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let tbs = &trail.last().tbs;
    let key = tbs.spki.and_then(|spki| spki.children().take(SEQUENCE, "algorithm").ok());
    for (what, algorithm, table) in [("signature", tbs.signature, PARAMETERS), ("key", key, KEY_PARAMETERS)] {
        if !algorithm.is_some_and(|algorithm| parameters_fit(algorithm, table)) {
            return fault(trail, format!("the parameters of the {what} algorithm are not what they must be"));
        }
    }
    Ok(())
}

fn parameters_fit(algorithm: Element<'_>, table: &[(&[u8], Parameters)]) -> bool {
    let mut fields = algorithm.children();
    let Ok(oid) = fields.take(OBJECT_IDENTIFIER, "algorithm") else { return false };
    let row = table.iter().find(|(prefix, _)| oid.contents.starts_with(prefix));
    row.is_none_or(|(_, wanted)| Parameters::found(fields.rest()) == Some(*wanted))
}

/// Section 6.1.3 (a) (1).
pub(super) fn signature(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if search::signature(trail) != Some(SignatureCheck::Invalid) {
        return Ok(());
    }
    let (issuer, child) = (trail.last(), trail.child());
    let name = child.map(|child| child.certificate.short_name()).unwrap_or_default();
    fault(trail, format!("{} did not sign {name} with this key", issuer.certificate.short_name()))
}

/// The same, where nobody here can say.
pub(super) fn signature_known(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let pairs = trail.members.iter().zip(trail.members.iter().skip(1)).enumerate();
    for (at, (child, issuer)) in pairs {
        if trail.case.graph.signature(child.node, issuer.node) == SignatureCheck::Unsupported {
            let certificate = child.certificate;
            let message =
                format!("a {} signature by {} cannot be judged", certificate.signature_algorithm, issuer.certificate.public_key);
            return Err(Fault { at, message });
        }
    }
    Ok(())
}

/// Digests for which signatures with the same digest can be made: MD2, MD5, SHA-1, under the OIDs of RFC 3279 and older ones. DSA is not
/// among them: its signatures cannot be judged here, which is said instead.
const WEAK: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.3.14.3.2.3", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.3.14.3.2.29", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// Section 8: a binding is no stronger than the digest of its signature. What the anchor is signed with does not matter.
pub(super) fn digest(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(child) = trail.child() else { return Ok(()) };
    let algorithm = &child.certificate.signature_algorithm;
    match WEAK.iter().find(|(oid, _)| *oid == &*algorithm.oid) {
        None => Ok(()),
        Some((_, digest)) => {
            let message = format!("{} is signed with {digest}", child.certificate.short_name());
            Err(Fault { at: trail.members.len().saturating_sub(2), message })
        }
    }
}
