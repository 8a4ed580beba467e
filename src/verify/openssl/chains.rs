//! Why a chain ended before an anchor, and whether the signatures on it hold.

use super::build::{Pools, most_certificates};
use super::issuers::{Known, Mismatch};
use super::keys;
use super::rules::fault_if;
use super::shapes;
use crate::chain::SignatureCheck;
use crate::verify::case::Member;
use crate::verify::rule::{Fault, Trail};

/// The test on the file of untrusted certificates: OpenSSL passes over what it cannot read, unless nothing is left.
pub(super) fn untrusted_file_readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let members = &trail.case.intermediates;
    let readable = members.is_empty() || members.iter().any(is_readable);
    fault_if(!readable, 0, || "openssl cannot read any of the intermediates".to_owned())
}

/// Whether OpenSSL can read a certificate at all.
pub(super) fn is_readable(member: &Member<'_>) -> bool {
    shapes::CERTIFICATE.begins(&member.certificate.der.bytes)
}

/// The test for `X509_V_ERR_CERT_CHAIN_TOO_LONG`, also for trusted certificates that issued each other.
pub(super) fn short_enough(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let (length, most) = (trail.members.len(), most_certificates(trail.case));
    let round = length > 1 && trail.members.iter().rev().skip(1).any(|member| member.node == trail.last().node);
    fault_if(!trail.anchored && (length > most || round), length - 1, || {
        format!("no anchor up to depth {} above the end entity", most - 1)
    })
}

/// The test for `X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT`.
pub(super) fn end_entity_not_alone(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let alone = !trail.anchored && trail.members.len() == 1 && Known::new(trail.last()).is_self_signed();
    fault_if(alone, 0, || not_an_anchor(trail.last()))
}

/// The test for `X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN`.
pub(super) fn root_trusted(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let untrusted = !trail.anchored && trail.members.len() > 1 && Known::new(trail.last()).is_self_signed();
    fault_if(untrusted, trail.members.len() - 1, || not_an_anchor(trail.last()))
}

fn not_an_anchor(member: &Member<'_>) -> String {
    format!("{} is not among the trust anchors", member.certificate.short_name())
}

/// The test for `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT`: what is trusted and has another issuer is no anchor.
pub(super) fn anchor_self_signed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let last = trail.last();
    let trusted = !trail.anchored && trail.case.anchors.iter().any(|anchor| anchor.node == last.node);
    fault_if(trusted, trail.members.len() - 1, || {
        let certificate = last.certificate;
        format!(
            "{} is trusted, but openssl goes on to its issuer {}",
            certificate.short_name(),
            certificate.issuer.short().unwrap_or_else(|| certificate.issuer.to_string())
        )
    })
}

/// The test for certificates with extensions that OpenSSL cannot read, at the end of the chain or above it.
pub(super) fn extensions_valid(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let last = trail.last();
    if let Some(fault) = Known::new(last).fault().filter(|_| !trail.anchored) {
        return Err(Fault { at: trail.members.len() - 1, message: fault.to_owned() });
    }
    namesake(
        trail,
        |mismatch| matches!(mismatch, Mismatch::Invalid(_)),
        |name, mismatch| match mismatch {
            Mismatch::Invalid(fault) => fault.clone(),
            _ => name.to_owned(),
        },
    )
}

/// The test for issuers that the authority key identifier does not mean.
pub(super) fn key_ids_agree(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    namesake(
        trail,
        |mismatch| matches!(mismatch, Mismatch::KeyId | Mismatch::IssuerAndSerial),
        |name, mismatch| {
            let what = if *mismatch == Mismatch::KeyId { "key" } else { "certificate" };
            format!("{name} is at hand, but the authority key identifier names another {what}")
        },
    )
}

/// The test for issuers whose key could not have made the signature.
pub(super) fn algorithms_agree(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let algorithm = &trail.last().certificate.signature_algorithm;
    namesake(
        trail,
        |mismatch| matches!(mismatch, Mismatch::Key | Mismatch::Algorithm),
        |name, _| format!("{name} is at hand, but its key does not make signatures of {algorithm}"),
    )
}

/// The test for `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY`, when nothing else was the matter.
pub(super) fn issuer_found(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let issuer = &trail.last().certificate.issuer;
    let missing = !trail.anchored && !Known::new(trail.last()).is_self_signed();
    fault_if(missing, trail.members.len() - 1, || format!("no certificate of {issuer} is at hand"))
}

/// A certificate of the issuer's name that was passed over.
fn namesake(trail: &Trail<'_, '_>, sort: fn(&Mismatch) -> bool, told: impl Fn(&str, &Mismatch) -> String) -> Result<(), Fault> {
    if trail.anchored {
        return Ok(());
    }
    let members: Vec<_> =
        trail.case.anchors.iter().chain(&trail.case.intermediates).filter(|member| is_readable(member)).collect();
    let pools = Pools::new(&members, &[]);
    let found = pools.namesakes(&Known::new(trail.last())).into_iter().find(|(_, mismatch)| sort(mismatch));
    found.map_or(Ok(()), |(known, mismatch)| {
        Err(Fault { at: trail.members.len() - 1, message: told(&known.member.certificate.short_name(), &mismatch) })
    })
}

/// The test for `X509_V_ERR_CERT_SIGNATURE_FAILURE`.
pub(super) fn signatures_valid(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    signatures(trail, SignatureCheck::Invalid, |child, issuer| format!("{issuer} did not sign {child}"))
}

/// The test for signatures that OpenSSL could judge and kcert cannot.
pub(super) fn signatures_judged(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    signatures(trail, SignatureCheck::Unsupported, |child, issuer| {
        format!("the signature of {issuer} on {child} cannot be judged here")
    })
}

/// From the anchor down; the anchor's own signature is not looked at.
fn signatures(trail: &Trail<'_, '_>, sort: SignatureCheck, told: fn(&str, &str) -> String) -> Result<(), Fault> {
    let pairs = trail.members.iter().zip(trail.members.iter().skip(1)).enumerate().rev();
    for (at, (child, issuer)) in pairs {
        let hopeless = !has_sound_signature(child) || keys::verifies_nothing(issuer);
        let found = if hopeless { SignatureCheck::Invalid } else { trail.case.graph.signature(child.node, issuer.node) };
        if found == sort {
            return Err(Fault { at, message: told(&child.certificate.short_name(), &issuer.certificate.short_name()) });
        }
    }
    Ok(())
}

/// Whether the algorithm stands twice and the same, with a digest that OpenSSL has, and the signature has whole octets.
fn has_sound_signature(member: &Member<'_>) -> bool {
    let certificate = member.certificate;
    let outer = keys::outer_algorithm(member);
    let same = member.tbs.signature.is_some_and(|inner| keys::same_algorithm(inner.raw, outer));
    let unused = certificate.der.signature.start.checked_sub(1).and_then(|at| certificate.der.bytes.get(at));
    same && !keys::lacks_digest(&certificate.signature_algorithm.oid) && unused == Some(&0)
}
