//! The rules of Verify, in Go's order: `isValid` on the end entity and its names, then for each candidate issuer `CheckSignatureFrom` and
//! `isValid`, then what is looked at on whole chains.

use super::super::names::mismatch;
use super::super::oid as oids;
use super::super::rule::{Enforcer, Fault, Rule, Scope, Test, Trail};
use super::super::{Purpose, Reason, policies};
use super::facts::{Facts, facts};
use super::habits::SERVER_GATED_CRYPTO;
use super::key::Key;
use super::{constraints, names, signature};
use crate::model::when::moment;
use std::rc::Rc;

/// A rule of Go's.
pub(super) const fn rule(
    id: &'static str,
    reason: Reason,
    citation: &'static str,
    enforced_by: &'static [Enforcer],
    scope: Scope,
    test: Test,
) -> Rule {
    Rule { id, reason, citation, enforced_by, scope, test }
}

use Reason::{
    CnOnly, CriticalExtension, Expired, IssuerMissing, NameConstraint, NameMismatch, NotACa, NotYetValid, PathTooLong, Policy,
    SignatureInvalid, SignatureUnsupported, Untrusted, UsageWrong, WeakKey, WeakSignature,
};
use Scope::{EndEntity, Issuer, Path};

const ALL: &[Enforcer] = &[Enforcer::go(15, 0)];
const UNHANDLED: &str = "crypto/x509 UnhandledCriticalExtension; RFC 5280 section 4.2";
const UNHANDLED_POLICY: &str =
    "crypto/x509 UnhandledCriticalExtension, until Go 1.24 reads policy extensions; RFC 5280 section 4.2";
const UNTIL_24: &[Enforcer] = &[Enforcer::go_until((15, 0), (24, 0))];
const DATES: &str = "crypto/x509 isValid: Expired; RFC 5280 section 4.1.2.5";

/// The rules of verification.
#[rustfmt::skip]
pub(in super::super) const RULES: &[Rule] = &[
    rule("go/critical-extension", CriticalExtension, UNHANDLED, ALL, EndEntity, critical_extensions),
    rule("go/critical-policy-extension", CriticalExtension, UNHANDLED_POLICY, UNTIL_24, EndEntity, critical_policies),
    rule("go/not-yet-valid", NotYetValid, DATES, ALL, EndEntity, has_begun),
    rule("go/expired", Expired, DATES, ALL, EndEntity, has_not_ended),
    rule("go/common-name", CnOnly, "Go 1.15 release notes, crypto/x509: common name; GODEBUG x509ignoreCN=0 up to Go 1.16",
        &[Enforcer::go_unless_until((15, 0), (17, 0), "x509ignoreCN=0"), Enforcer::go(17, 0)], EndEntity, names::common_name),
    rule("go/host-name", NameMismatch, "crypto/x509 VerifyHostname; RFC 6125 section 6.4", ALL, EndEntity, names::hosts),
    rule("go/email-name", NameMismatch, "none of crypto/x509: compared to the letter with rfc822Names, as programs do", ALL, EndEntity, names::emails),
    rule("go/uri-name", NameMismatch,
        "none of crypto/x509: compared to the letter with URIs, as programs do (SPIFFE X.509-SVID section 5.2)",
        ALL, EndEntity, names::uris),
    rule("go/issuer-ca", NotACa, "crypto/x509 CheckSignatureFrom; RFC 5280 section 4.2.1.9", ALL, Issuer, signature::issuer_is_ca),
    rule("go/issuer-key-usage", UsageWrong, "crypto/x509 CheckSignatureFrom; RFC 5280 section 4.2.1.3", ALL, Issuer, signature::issuer_may_sign),
    rule("go/issuer-key", WeakKey, "crypto/x509 CheckSignatureFrom: ErrUnsupportedAlgorithm", ALL, Issuer, signature::issuer_key_is_known),
    rule("go/algorithm", WeakSignature, "crypto/x509 checkSignature: ErrUnsupportedAlgorithm", ALL, Issuer, signature::algorithm_is_known),
    rule("go/md5", WeakSignature, "crypto/x509 checkSignature: InsecureAlgorithmError", ALL, Issuer, signature::digest_is_not_md5),
    rule("go/sha1", WeakSignature, "Go 1.18 release notes, crypto/x509: SHA-1; GODEBUG x509sha1=1 up to Go 1.23",
        &[Enforcer::go_unless_until((18, 0), (24, 0), "x509sha1=1"), Enforcer::go(24, 0)], Issuer, signature::digest_is_not_sha1),
    rule("go/key-family", SignatureInvalid, "crypto/x509 checkSignature", ALL, Issuer, signature::key_fits),
    rule("go/dsa", WeakSignature, "Go 1.16 release notes, crypto/x509: DSA", &[Enforcer::go(16, 0)], Issuer, signature::algorithm_is_not_dsa),
    rule("go/rsa-size", WeakKey, "Go 1.24 release notes, crypto/rsa, GODEBUG rsa1024min=0",
        &[Enforcer::go_unless(24, 0, "rsa1024min=0")], Issuer, signature::rsa_is_large),
    rule("go/rsa-exponent", WeakKey, "crypto/rsa checkPub", ALL, Issuer, signature::rsa_exponent_fits),
    rule("go/rsa-odd", WeakKey, "Go 1.24 crypto/internal/fips140/rsa", &[Enforcer::go(24, 0)], Issuer, signature::rsa_is_odd),
    rule("go/signature", SignatureInvalid, "crypto/x509 checkSignature; RFC 5280 section 6.1.3", ALL, Issuer, signature::is_valid),
    rule("go/issuer-critical-extension", CriticalExtension, UNHANDLED, ALL, Issuer, critical_extensions),
    rule("go/issuer-critical-policy-extension", CriticalExtension, UNHANDLED_POLICY, UNTIL_24, Issuer, critical_policies),
    rule("go/issuer-name", IssuerMissing, "crypto/x509 isValid: NameMismatch; RFC 5280 section 6.1.3", ALL, Issuer, has_issuer_name),
    rule("go/issuer-not-yet-valid", NotYetValid, DATES, ALL, Issuer, has_begun),
    rule("go/issuer-expired", Expired, DATES, ALL, Issuer, has_not_ended),
    rule("go/issuer-name-constraints", NameConstraint, "crypto/x509 isValid, checkNameConstraints; RFC 5280 section 4.2.1.10",
        &[Enforcer::go_until((15, 0), (26, 0))], Issuer, constraints::of_issuer),
    rule("go/intermediate-ca", NotACa, "crypto/x509 isValid: NotAuthorizedToSign", ALL, Issuer, is_ca_unless_anchor),
    rule("go/path-length", PathTooLong,
        "crypto/x509 isValid: TooManyIntermediates; RFC 5280 section 4.2.1.9, but self-issued ones count", ALL, Issuer, has_room),
    rule("go/signature-unsupported", SignatureUnsupported, "Go checks this signature; the library here does not", ALL, Issuer, signature::is_judged),
    rule("go/policies-with-usage", Policy, "Go 1.24 crypto/x509 policiesValid, not for ExtKeyUsageAny (CVE-2025-22874); RFC 9618",
        &[Enforcer::go_unless_until((24, 0), (24, 4), "x509usepolicies=0")], Path, policies_of_purpose),
    rule("go/policies", Policy, "Go 1.24 crypto/x509 policiesValid; RFC 5280 section 6.1 as of RFC 9618",
        &[Enforcer::go_unless(24, 4, "x509usepolicies=0")], Path, policies_of_path),
    rule("go/purpose", UsageWrong, "crypto/x509 checkChainForKeyUsage: nested along the chain; RFC 5280 section 4.2.1.12", ALL, Path, usages),
    rule("go/name-constraints", NameConstraint, "Go 1.26 crypto/x509 constraints.go; RFC 5280 section 4.2.1.10",
        &[Enforcer::go(26, 0)], Path, constraints::of_path),
    rule("go/distrusted", Untrusted, "Go 1.27.3 crypto/x509 distrustedSPKIHashes", &[Enforcer::go(27, 3)], Path, is_not_distrusted),
];

/// What Go panics at while it looks whether a candidate is on the path already.
#[rustfmt::skip]
pub(super) const PANICS: &[Rule] = &[
    rule("go/panic-unknown-key", WeakKey, "CVE-2024-24783 in Go before 1.21.8 and 1.22.1",
        &[Enforcer::go_until((19, 0), (21, 8)), Enforcer::go_until((22, 0), (22, 1))], Issuer, |trail| panics(trail, |key| *key == Key::Unknown)),
    rule("go/panic-dsa-key", WeakKey, "CVE-2025-58188 in Go before 1.24.8 and 1.25.2",
        &[Enforcer::go_until((19, 0), (24, 8)), Enforcer::go_until((25, 0), (25, 2))], Issuer, |trail| panics(trail, |key| *key == Key::Dsa)),
];

/// Judges the certificate reached last.
fn last(trail: &Trail<'_, '_>, judge: impl Fn(&Facts<'_>) -> Option<String>) -> Result<(), Fault> {
    let at = trail.members.len().saturating_sub(1);
    judge(&facts(trail.case, trail.last())).map_or(Ok(()), |message| Err(Fault { at, message }))
}

fn critical_extensions(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    last(trail, |facts| unhandled(&facts.unhandled))
}

fn critical_policies(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    last(trail, |facts| unhandled(&facts.unhandled_policies))
}

fn unhandled(extensions: &[String]) -> Option<String> {
    (!extensions.is_empty()).then(|| format!("critical and not handled by Go: {}", extensions.join(", ")))
}

fn has_begun(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let begins = |facts: &Facts<'_>| facts.not_before.filter(|begins| trail.case.question.at < *begins);
    last(trail, |facts| begins(facts).map(|begins| format!("begins {}", moment(begins))))
}

fn has_not_ended(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let ended = |facts: &Facts<'_>| facts.not_after.filter(|ends| trail.case.question.at > *ends);
    last(trail, |facts| ended(facts).map(|ended| format!("ended {}", moment(ended))))
}

fn has_issuer_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let wanted = trail.child().map(|child| facts(trail.case, child));
    let wanted = wanted.as_ref().map(|child| child.issuer);
    last(trail, |facts| {
        (wanted != Some(facts.subject)).then(|| "it has the key identifier that is asked for, and another name".to_owned())
    })
}

fn is_ca_unless_anchor(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let anchored = trail.anchored;
    last(trail, |facts| match facts.basic {
        Some(basic) if basic.ca => None,
        _ if anchored => None,
        _ => Some("an intermediate without basic constraints that say it is a CA".to_owned()),
    })
}

fn has_room(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let below = i64::try_from(trail.members.len().saturating_sub(2)).unwrap_or(i64::MAX);
    last(trail, |facts| {
        let most = facts.basic.and_then(|basic| basic.max_path_len).filter(|most| below > *most)?;
        Some(format!("CAs below it: {below}, self-issued ones too; its path length allows {most}"))
    })
}

fn policies_of_purpose(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if trail.case.question.purpose == Purpose::Any { Ok(()) } else { policies_of_path(trail) }
}

fn policies_of_path(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let initial = policies::Initial { self_issued: |member| member.certificate.is_self_issued(), reading: policies::Reading::Go };
    policies::valid(&trail.members, &initial).map_err(|fault| Fault { at: fault.at, message: fault.message() })
}

fn usages(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let (wanted, name) = match trail.case.question.purpose {
        Purpose::Any => return Ok(()),
        Purpose::Server => (oids::SERVER_AUTH, "serverAuth"),
        Purpose::Client => (oids::CLIENT_AUTH, "clientAuth"),
    };
    let gated = wanted == oids::SERVER_AUTH && SERVER_GATED_CRYPTO.of(trail.case.verifier);
    let allows = |facts: &Rc<Facts<'_>>| {
        let named = |oid: &&[u8]| {
            [wanted, oids::ANY_USAGE].contains(oid) || (gated && [oids::NETSCAPE_SGC, oids::MICROSOFT_SGC].contains(oid))
        };
        facts.usages.is_empty() || facts.usages.iter().any(named)
    };
    let refusing = trail.members.iter().rposition(|member| !allows(&facts(trail.case, member)));
    refusing.map_or(Ok(()), |at| {
        let certificate = trail.members.get(at).map_or(trail.last(), |member| member).certificate;
        let usages = certificate.extended_key_usage.iter().flatten().map(ToString::to_string);
        Err(Fault { at, message: mismatch(usages, name) })
    })
}

/// SHA-256 of SubjectPublicKeyInfos that Go does not trust.
const DISTRUSTED: &[&str] = &[
    "ebed6475c2c2d80fcb199f3fe8dd6e6b3ce60b77eb15d4e42c3dec0c6f5b5105",
    "49dd353dc2b919a3770645117d0e60c16115e7d1bc259eefe734b00ea434fe5f",
    "e0254c7fcdc265e2f0f8a428dabb75ab4ae039b4872d62f5ee57f0877d5a8a41",
    "5c0660a2b164910d8ff589c18e14552e9e0ec237dcefe2cb736d41a4811f81a0",
    "43bffa19d6ef651451f6841e019931e96f6f2eaeff28ab4b6f1ce4576de2717b",
    "63ecefee431d49523bc1136c4e72d0206a477086caf606cd5cf025686c109cf8",
    "ec4ffa1ad0ac88081314b7aaffef6a91f97cd57291bb5ba686c5415f5eb4f6b6",
    "92c063d67e8f14db71d288e11266ffdaf69cbf115f7bab14f3bc2f68d25e0e30",
];

fn is_not_distrusted(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let distrusted = |spki: String| DISTRUSTED.contains(&spki.as_str());
    let at = trail.members.iter().position(|member| distrusted(member.certificate.public_key.spki_sha256.to_string()));
    at.map_or(Ok(()), |at| Err(Fault { at, message: "its key is on Go's list of keys not to trust".to_owned() }))
}

/// A candidate with such a key, and another certificate of its name on the path.
fn panics(trail: &Trail<'_, '_>, is_unequal: impl Fn(&Key) -> bool) -> Result<(), Fault> {
    let below = trail.members.len().saturating_sub(1);
    let candidate = facts(trail.case, trail.last());
    let namesake = trail.members.iter().take(below).any(|member| facts(trail.case, member).subject == candidate.subject);
    let message = || "Go panics when it compares its key with that of a certificate of the same name".to_owned();
    if namesake && is_unequal(&candidate.key) { Err(Fault { at: below, message: message() }) } else { Ok(()) }
}
