//! What the certificates of a path must be (`check_chain_extensions`, `check_cert_time`, `check_blocklist`, crypto/x509/x509_vfy.cc).
//!
//! What was taken from the bundle need be no CA, may have any usage and any critical extension; only its dates count.

use super::super::Purpose;
use super::super::case::Member;
use super::super::names::mismatch;
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::facts::{self, Usage};
use super::path::untrusted;
use super::{fault, strict};
use crate::der::Element;
use crate::model::ExtendedKeyUsage;
use crate::model::when::moment;

/// Extensions that may be critical (`X509_supported_extension`, crypto/x509/v3_purp.cc).
const SUPPORTED: &[&[u8]] = &[
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::EXTENDED_KEY_USAGE,
    oid::POLICY_CONSTRAINTS,
    oid::NAME_CONSTRAINTS,
    oid::POLICY_MAPPINGS,
    oid::INHIBIT_ANY_POLICY,
    // id-pe-mtcCertificationAuthority of Merkle tree certificates.
    &[0x2b, 6, 1, 5, 5, 7, 1, 0x26],
];

/// Runs a test on the certificates that were not taken from the bundle, from the end entity on.
fn each_untrusted<'c, 'a>(
    trail: &Trail<'c, 'a>,
    test: impl Fn(usize, &'c Member<'a>) -> Result<(), String>,
) -> Result<(), Fault> {
    let members = trail.members.iter().take(untrusted(trail)).enumerate();
    members.into_iter().try_for_each(|(at, member)| test(at, member).map_err(|message| fault(at, message)))
}

/// No critical extension that is not supported.
pub(super) fn critical_extensions(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    each_untrusted(trail, |_, member| {
        let critical = member.tbs.extensions.iter().filter(|extension| extension.is_critical());
        match critical.into_iter().find(|extension| !SUPPORTED.contains(&extension.oid)) {
            Some(extension) => Err(format!("the critical extension {} is not supported", extension.dotted())),
            None => Ok(()),
        }
    })
}

/// Issuers are CAs.
pub(super) fn authorities(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    each_untrusted(trail, |at, member| match &member.certificate.basic_constraints {
        _ if at == 0 || member.certificate.is_ca() => Ok(()),
        Some(_) => Err("basicConstraints says that it is no CA".to_owned()),
        None => Err("it has no basicConstraints, so it is no CA".to_owned()),
    })
}

/// What is asked, as purpose and as the key usages of which an end entity needs one.
fn wanted(purpose: Purpose) -> Option<(ExtendedKeyUsage, &'static [Usage])> {
    match purpose {
        Purpose::Any => None,
        Purpose::Server => {
            Some((ExtendedKeyUsage::ServerAuth, &[Usage::DigitalSignature, Usage::KeyEncipherment, Usage::KeyAgreement]))
        }
        Purpose::Client => Some((ExtendedKeyUsage::ClientAuth, &[Usage::DigitalSignature, Usage::KeyAgreement])),
    }
}

/// The extended key usage, wherever there is one on the path, names the purpose; `anyExtendedKeyUsage` is none.
pub(super) fn extended_key_usage(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some((purpose, _)) = wanted(trail.case.question.purpose) else { return Ok(()) };
    each_untrusted(trail, |_, member| match &member.certificate.extended_key_usage {
        Some(usages) if !usages.contains(&purpose) => Err(mismatch(usages.iter().map(ToString::to_string), &purpose)),
        _ => Ok(()),
    })
}

/// The end entity's key usage allows what TLS does with it.
pub(super) fn key_usage(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some((purpose, usages)) = wanted(trail.case.question.purpose) else { return Ok(()) };
    each_untrusted(trail, |at, member| {
        if at > 0 || usages.iter().any(|usage| facts::may(member, *usage)) {
            return Ok(());
        }
        let own: Vec<_> = member.certificate.key_usage.iter().flat_map(|usage| usage.names()).collect();
        let own = if own.is_empty() { "nothing".to_owned() } else { own.join(", ") };
        Err(format!("its keyUsage allows {own}, and none of what {purpose} needs"))
    })
}

/// Path lengths, which self-issued CAs do not use up.
pub(super) fn path_length(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let mut below = 0_u64;
    for (at, member) in trail.members.iter().take(untrusted(trail)).enumerate() {
        let constraint = member.certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len);
        if let Some(most) = constraint.filter(|most| at > 1 && below > u64::from(*most) + 1) {
            return Err(fault(at, format!("CAs below it: {}; its path length allows {most}", below - 1)));
        }
        below += u64::from(at == 0 || !facts::is_self_issued(member));
    }
    Ok(())
}

/// Runs a test on one of the two dates of every certificate.
fn each_date(
    trail: &Trail<'_, '_>,
    date: for<'m, 'a> fn(&'m Member<'a>) -> Option<&'m Element<'a>>,
    test: impl Fn(&Member<'_>) -> Option<String>,
) -> Result<(), Fault> {
    for (at, member) in trail.members.iter().enumerate() {
        // One with an offset is refused by another rule.
        let utc = date(member).is_some_and(strict::is_utc);
        if let Some(message) = test(member).filter(|_| utc) {
            return Err(fault(at, message));
        }
    }
    Ok(())
}

/// Nothing on the path has ended; the last second is over when it begins (`X509_cmp_time_posix`).
pub(super) fn not_after(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let now = trail.case.question.at.unix_timestamp();
    let test = |member: &Member<'_>| {
        let end = member.certificate.validity.not_after;
        (end.unix_timestamp() <= now).then(|| format!("ended {}", moment(end)))
    };
    each_date(trail, |member| member.tbs.not_after.as_ref(), test)
}

/// Everything on the path has begun.
pub(super) fn not_before(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let now = trail.case.question.at.unix_timestamp();
    let test = |member: &Member<'_>| {
        let begin = member.certificate.validity.not_before;
        (begin.unix_timestamp() > now).then(|| format!("begins {}", moment(begin)))
    };
    each_date(trail, |member| member.tbs.not_before.as_ref(), test)
}

/// Dates are in UTC. BoringSSL reads others, and then cannot compare them.
pub(super) fn dates_in_utc(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    for (at, member) in trail.members.iter().enumerate() {
        let dates = [("notBefore", &member.tbs.not_before), ("notAfter", &member.tbs.not_after)];
        for (field, date) in dates {
            if date.is_some_and(|date| !strict::is_utc(&date)) {
                return Err(fault(at, format!("{field} is written with an offset from UTC")));
            }
        }
    }
    Ok(())
}

/// Keys that nobody may have (`kBlockList`): SHA-256 of their SubjectPublicKeyInfo, as Display writes it.
const BLOCKED: [&str; 8] = [
    "e0254c7fcdc265e2f0f8a428dabb75ab4ae039b4872d62f5ee57f0877d5a8a41",
    "43bffa19d6ef651451f6841e019931e96f6f2eaeff28ab4b6f1ce4576de2717b",
    "ebed6475c2c2d80fcb199f3fe8dd6e6b3ce60b77eb15d4e42c3dec0c6f5b5105",
    "5c0660a2b164910d8ff589c18e14552e9e0ec237dcefe2cb736d41a4811f81a0",
    "63ecefee431d49523bc1136c4e72d0206a477086caf606cd5cf025686c109cf8",
    "49dd353dc2b919a3770645117d0e60c16115e7d1bc259eefe734b00ea434fe5f",
    "ec4ffa1ad0ac88081314b7aaffef6a91f97cd57291bb5ba686c5415f5eb4f6b6",
    "92c063d67e8f14db71d288e11266ffdaf69cbf115f7bab14f3bc2f68d25e0e30",
];

/// No key on the path is known to be in the wrong hands.
pub(super) fn keys_not_blocked(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    for (at, member) in trail.members.iter().enumerate() {
        let key = member.certificate.public_key.spki_sha256.to_string();
        if BLOCKED.contains(&key.as_str()) {
            return Err(fault(at, format!("its key {key} is on BoringSSL's list of stolen keys")));
        }
    }
    Ok(())
}
