//! What BoringSSL and Envoy demand, in the order in which they ask.

use super::super::Reason;
use super::super::oid;
use super::super::policies::{self, Initial, Reading};
use super::super::rule::{Enforcer, Fault, Rule, Scope, Test, Trail};
use super::grammar::{self, Shape};
use super::{chain, constraints, facts, fault, names, read, revocation, signature};

/// A rule of this verifier.
const fn rule(id: &'static str, reason: Reason, citation: &'static str, scope: Scope, test: Test) -> Rule {
    Rule { id, reason, citation, enforced_by: &[Enforcer::Envoy], scope, test }
}

use Reason::{
    Budget, CnOnly, CriticalExtension, Expired, KeyIdMismatch, Malformed, NameConstraint, NameMismatch, NotACa, NotYetValid,
    PathTooLong, Policy, RevocationUnknown, Revoked, SignatureInvalid, SignatureUnsupported, UsageWrong, WeakKey, WeakSignature,
};
use Scope::{EndEntity, Issuer, Path, Read};

/// The rules that this verifier alone enforces.
#[rustfmt::skip]
pub(in crate::verify) const RULES: &[Rule] = &[
    rule("envoy/encoding", Malformed, "BoringSSL ASN1_R_DECODE_ERROR, crypto/x509/x_x509.cc", Read, read::encoding),
    rule("envoy/crl-encoding", Malformed, "BoringSSL ASN1_R_DECODE_ERROR, crypto/x509/x_crl.cc; Envoy: Failed to load CRL", EndEntity, read::revocation_lists),
    rule("envoy/extensions", Malformed, "BoringSSL X509_V_ERR_INVALID_EXTENSION (41), crypto/x509/x509_vfy.cc, v3_purp.cc", EndEntity, facts::readable),
    rule("envoy/issuer-key-id", KeyIdMismatch, "BoringSSL X509_V_ERR_AKID_SKID_MISMATCH (30), crypto/x509/v3_purp.cc", Issuer, issuer_key_id),
    rule("envoy/issuer-serial", KeyIdMismatch, "BoringSSL X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH (31), crypto/x509/v3_purp.cc", Issuer, issuer_serial),
    rule("envoy/issuer-key-usage", UsageWrong, "BoringSSL X509_V_ERR_KEYUSAGE_NO_CERTSIGN (32), crypto/x509/v3_purp.cc", Issuer, issuer_key_usage),
    rule("envoy/issuer-extensions", Malformed, "BoringSSL EXFLAG_INVALID, crypto/x509/v3_purp.cc", Issuer, facts::readable),
    rule("envoy/critical-extension", CriticalExtension,
        "BoringSSL X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION (34), crypto/x509/x509_vfy.cc", Path, chain::critical_extensions),
    rule("envoy/issuer-ca", NotACa, "BoringSSL X509_V_ERR_INVALID_CA (24), crypto/x509/x509_vfy.cc", Path, chain::authorities),
    rule("envoy/purpose", UsageWrong, "BoringSSL X509_V_ERR_INVALID_PURPOSE (26), crypto/x509/x509_vfy.cc, v3_purp.cc", Path, chain::extended_key_usage),
    rule("envoy/key-usage", UsageWrong, "BoringSSL X509_V_ERR_INVALID_PURPOSE (26), crypto/x509/x509_vfy.cc, v3_purp.cc", Path, chain::key_usage),
    rule("envoy/path-length", PathTooLong, "BoringSSL X509_V_ERR_PATH_LENGTH_EXCEEDED (25), crypto/x509/x509_vfy.cc", Path, chain::path_length),
    rule("envoy/crl-missing", RevocationUnknown, "BoringSSL X509_V_ERR_UNABLE_TO_GET_CRL (3), crypto/x509/x509_vfy.cc", Path, revocation::lists_at_hand),
    rule("envoy/crl-unusable", RevocationUnknown,
        "BoringSSL X509_V_ERR_CRL_NOT_YET_VALID (11), CRL_HAS_EXPIRED (12), KEYUSAGE_NO_CRL_SIGN (35), \
         UNHANDLED_CRITICAL_CRL_EXTENSION (36), DIFFERENT_CRL_SCOPE (44), crypto/x509/x509_vfy.cc",
        Path, revocation::lists_usable),
    rule("envoy/crl-signature", RevocationUnknown, "BoringSSL X509_V_ERR_CRL_SIGNATURE_FAILURE (8), crypto/x509/x509_vfy.cc", Path, revocation::lists_signed),
    rule("envoy/revocation-signature-unsupported", SignatureUnsupported, "BoringSSL X509_CRL_verify, crypto/x509/x_crl.cc", Path, revocation::lists_judged),
    rule("envoy/revoked", Revoked, "BoringSSL X509_V_ERR_CERT_REVOKED (23), crypto/x509/x509_vfy.cc", Path, revocation::not_revoked),
    rule("envoy/blocked-key", Revoked, "BoringSSL X509_V_ERR_CERT_REVOKED (23), check_blocklist in crypto/x509/x509_vfy.cc", Path, chain::keys_not_blocked),
    rule("envoy/signature-form", Malformed, "BoringSSL X509_R_SIGNATURE_ALGORITHM_MISMATCH, crypto/x509/x_all.cc", Path, signature::form),
    rule("envoy/signature-algorithm", WeakSignature,
        "BoringSSL X509_V_ERR_CERT_SIGNATURE_FAILURE (7), crypto/x509/x509_vfy.cc, algorithm.cc", Path, signature::algorithm),
    rule("envoy/issuer-key", WeakKey,
        "BoringSSL X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY (6), crypto/x509/x509_vfy.cc, x_pubkey.cc",
        Path, signature::issuer_key),
    rule("envoy/signature", SignatureInvalid, "BoringSSL X509_V_ERR_CERT_SIGNATURE_FAILURE (7), crypto/x509/x509_vfy.cc", Path, signature::valid),
    rule("envoy/signature-unsupported", SignatureUnsupported, "BoringSSL X509_verify, crypto/x509/x_all.cc", Path, signature::judged),
    rule("envoy/not-yet-valid", NotYetValid, "BoringSSL X509_V_ERR_CERT_NOT_YET_VALID (9), crypto/x509/x509_vfy.cc", Path, chain::not_before),
    rule("envoy/expired", Expired, "BoringSSL X509_V_ERR_CERT_HAS_EXPIRED (10), crypto/x509/x509_vfy.cc", Path, chain::not_after),
    rule("envoy/date-offset", Malformed,
        "BoringSSL X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD (13), NOT_AFTER (14), crypto/x509/x509_vfy.cc",
        Path, chain::dates_in_utc),
    rule("envoy/name-constraints", NameConstraint,
        "BoringSSL X509_V_ERR_PERMITTED_VIOLATION (47), EXCLUDED_VIOLATION (48), SUBTREE_MINMAX (49), \
         UNSUPPORTED_CONSTRAINT_TYPE (51), UNSUPPORTED_NAME_SYNTAX (53), NAME_CONSTRAINTS_WITHOUT_SANS (67), crypto/x509/x509_vfy.cc, v3_ncons.cc",
        Path, constraints::kept),
    rule("envoy/name-constraints-budget", Budget, "kcert's own bound on comparisons of names with name constraints", Path, constraints::compared),
    rule("envoy/policy-extensions", Malformed, "BoringSSL X509_V_ERR_INVALID_POLICY_EXTENSION (42), crypto/x509/policy.cc", Path, policy_extensions),
    rule("envoy/policies", Policy,
        "BoringSSL X509_V_ERR_INVALID_POLICY_EXTENSION (42), NO_EXPLICIT_POLICY (43), crypto/x509/policy.cc; RFC 9618",
        Path, valid_policies),
    rule("envoy/common-name", CnOnly, "Envoy source/common/tls/cert_validator/san_matcher.cc", Path, names::no_common_name),
    rule("envoy/name", NameMismatch, "Envoy source/common/tls/cert_validator/san_matcher.cc", Path, names::every_name),
];

/// The candidate reached last, and what it would have issued.
fn issuer_key_id(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(child) = trail.child().filter(|child| !facts::key_ids_agree(child, trail.last())) else { return Ok(()) };
    let message = format!("{} was issued by another key, says its authorityKeyIdentifier", child.certificate.short_name());
    Err(fault(trail.members.len() - 1, message))
}

fn issuer_serial(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(child) = trail.child().filter(|child| !facts::names_agree(child, trail.last())) else { return Ok(()) };
    let child = child.certificate.short_name();
    let message = format!("the authorityKeyIdentifier of {child} names a certificate of another issuer or serial number");
    Err(fault(trail.members.len() - 1, message))
}

fn issuer_key_usage(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if facts::may(trail.last(), facts::Usage::KeyCertSign) {
        return Ok(());
    }
    Err(fault(trail.members.len() - 1, "its keyUsage does not allow signing certificates".to_owned()))
}

/// The extensions about policies, which are read on a finished path only, and not those of its last certificate.
fn policy_extensions(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    const READ: &[(&[u8], &str, Shape)] = &[
        (oid::CERTIFICATE_POLICIES, "certificatePolicies", grammar::POLICIES),
        (oid::POLICY_CONSTRAINTS, "policyConstraints", grammar::POLICY_CONSTRAINTS),
        (oid::INHIBIT_ANY_POLICY, "inhibitAnyPolicy", grammar::INHIBIT_ANY_POLICY),
        (oid::POLICY_MAPPINGS, "policyMappings", grammar::POLICY_MAPPINGS),
    ];
    let below = trail.members.len().saturating_sub(1);
    for (at, member) in trail.members.iter().take(below).enumerate() {
        for (oid, name, shape) in READ.iter().filter(|row| at > 0 || row.0 != oid::POLICY_MAPPINGS) {
            facts::extension(member, oid, name, shape).map_err(|message| fault(at, message))?;
        }
    }
    Ok(())
}

/// Envoy demands no policy; certificates may.
fn valid_policies(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let initial = Initial { self_issued: facts::is_self_issued, reading: Reading::BoringSsl };
    policies::valid(&trail.members, &initial).map_err(|refused| fault(refused.at, refused.message()))
}
