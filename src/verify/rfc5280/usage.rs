//! What a certificate may be used for: when, as CA of how many below it, for which purpose (RFC 5280 sections 4.1.2.5, 4.2.1.3,
//! 4.2.1.9, 4.2.1.12 and 6.1.4 (k) to (n)).

use super::super::Purpose;
use super::super::names::mismatch;
use super::super::rule::{Fault, Trail};
use super::fault;
use crate::model::when::moment;
use crate::model::{BasicConstraints, ExtendedKeyUsage};

/// Section 4.1.2.5: from notBefore through notAfter, at the granularity of seconds.
pub(super) fn begun(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let validity = &trail.last().certificate.validity;
    if validity.is_to_come(second(trail)) {
        return fault(trail, format!("begins {}", moment(validity.not_before)));
    }
    Ok(())
}

/// Section 4.1.2.5.
pub(super) fn not_over(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let validity = &trail.last().certificate.validity;
    if validity.is_over(second(trail)) { fault(trail, format!("ended {}", moment(validity.not_after))) } else { Ok(()) }
}

/// The instant asked about, without its fraction.
fn second(trail: &Trail<'_, '_>) -> time::OffsetDateTime {
    let at = trail.case.question.at;
    at.replace_nanosecond(0).unwrap_or(at)
}

/// Section 6.1.4 (k).
pub(super) fn issuer_is_ca(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    match &trail.last().certificate.basic_constraints {
        Some(BasicConstraints { ca: true, .. }) => Ok(()),
        Some(_) => fault(trail, "its basic constraints say that it is no CA"),
        None => fault(trail, "it has no basic constraints, so it is no CA"),
    }
}

/// Section 6.1.4 (n).
pub(super) fn issuer_may_sign(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let key_usage = trail.last().certificate.key_usage;
    match key_usage {
        Some(usage) if !usage.key_cert_sign() => {
            let names: Vec<_> = usage.names().collect();
            fault(trail, format!("its key usage is {}, without keyCertSign", names.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Sections 4.2.1.3 and 4.2.1.9: who may sign certificates is a CA.
pub(super) fn signer_is_ca(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let certificate = trail.last().certificate;
    let signs = certificate.key_usage.is_some_and(crate::model::KeyUsage::key_cert_sign);
    if signs && !certificate.is_ca() { fault(trail, "its key usage has keyCertSign, and it is no CA") } else { Ok(()) }
}

/// Section 4.2.1.9: a path length only where certificates may be signed.
pub(super) fn path_length_is_a_cas(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let certificate = trail.last().certificate;
    let limited = certificate.basic_constraints.as_ref().is_some_and(|constraints| constraints.path_len.is_some());
    let may_sign = certificate.key_usage.is_none_or(crate::model::KeyUsage::key_cert_sign);
    if limited && !(certificate.is_ca() && may_sign) {
        return fault(trail, "it has a path length and may not sign certificates");
    }
    Ok(())
}

/// Section 6.1.4 (l) and (m): certificates between this CA and the end entity, self-issued ones not counted.
pub(super) fn path_length(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(most) = trail.last().certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len) else {
        return Ok(());
    };
    let below = trail.members.len().saturating_sub(1);
    let counted = counted(trail, below);
    if u32::try_from(counted).is_ok_and(|counted| counted <= most) {
        return Ok(());
    }
    fault(trail, format!("CAs below it: {counted}; its path length allows {most}"))
}

/// The certificates between the end entity and the place `last` that are not self-issued.
fn counted(trail: &Trail<'_, '_>, last: usize) -> usize {
    trail.members.iter().take(last).skip(1).filter(|member| !trail.case.memo.is_self_issued(member)).count()
}

/// What was asked for: so many certificates between end entity and anchor, counted as path lengths are.
pub(super) fn depth(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(most) = trail.case.question.max_depth else { return Ok(()) };
    let last = trail.members.len().saturating_sub(usize::from(trail.anchored));
    let between = counted(trail, last);
    if between <= most {
        return Ok(());
    }
    fault(trail, format!("certificates between end entity and anchor: {between}; --max-depth is {most}"))
}

/// Section 4.2.1.12: a certificate with purposes is used for no other, a CA's not even to get at a certificate for another.
pub(super) fn purpose(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let wanted = match trail.case.question.purpose {
        Purpose::Any => return Ok(()),
        Purpose::Server => ExtendedKeyUsage::ServerAuth,
        Purpose::Client => ExtendedKeyUsage::ClientAuth,
    };
    let certificate = trail.last().certificate;
    if certificate.allows(&wanted) {
        return Ok(());
    }
    fault(trail, mismatch(certificate.extended_key_usage.iter().flatten().map(ToString::to_string), wanted))
}
