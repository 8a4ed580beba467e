//! What BoringSSL and Envoy demand, in the order in which they ask.

use super::super::Reason;
use super::super::oid;
use super::super::policies::{self, Initial, Reading};
use super::super::rule::{Enforcer, Fault, Rule, Scope, Trail};
use super::grammar::{self, Shape};
use super::{chain, constraints, facts, fault, names, read, revocation, signature};

/// A rule of this verifier.
const fn rule(
    id: &'static str,
    reason: Reason,
    scope: Scope,
    test: fn(&Trail<'_, '_>) -> Result<(), Fault>,
    citation: &'static str,
) -> Rule {
    Rule { id, reason, citation, enforced_by: &[Enforcer::Envoy], scope, test }
}

/// The rules that this verifier alone enforces.
pub(in crate::verify) const RULES: &[Rule] = &[
    rule(
        "envoy/encoding",
        Reason::Malformed,
        Scope::Read,
        read::encoding,
        "BoringSSL ASN1_R_DECODE_ERROR, crypto/x509/x_x509.cc",
    ),
    rule(
        "envoy/crl-encoding",
        Reason::Malformed,
        Scope::EndEntity,
        read::revocation_lists,
        "BoringSSL ASN1_R_DECODE_ERROR, crypto/x509/x_crl.cc; Envoy: Failed to load CRL",
    ),
    rule(
        "envoy/extensions",
        Reason::Malformed,
        Scope::EndEntity,
        facts::readable,
        "BoringSSL X509_V_ERR_INVALID_EXTENSION (41), crypto/x509/x509_vfy.cc, v3_purp.cc",
    ),
    rule(
        "envoy/issuer-key-id",
        Reason::KeyIdMismatch,
        Scope::Issuer,
        issuer_key_id,
        "BoringSSL X509_V_ERR_AKID_SKID_MISMATCH (30), crypto/x509/v3_purp.cc",
    ),
    rule(
        "envoy/issuer-serial",
        Reason::KeyIdMismatch,
        Scope::Issuer,
        issuer_serial,
        "BoringSSL X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH (31), crypto/x509/v3_purp.cc",
    ),
    rule(
        "envoy/issuer-key-usage",
        Reason::UsageWrong,
        Scope::Issuer,
        issuer_key_usage,
        "BoringSSL X509_V_ERR_KEYUSAGE_NO_CERTSIGN (32), crypto/x509/v3_purp.cc",
    ),
    rule(
        "envoy/issuer-extensions",
        Reason::Malformed,
        Scope::Issuer,
        facts::readable,
        "BoringSSL EXFLAG_INVALID, crypto/x509/v3_purp.cc",
    ),
    rule(
        "envoy/critical-extension",
        Reason::CriticalExtension,
        Scope::Path,
        chain::critical_extensions,
        "BoringSSL X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION (34), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/issuer-ca",
        Reason::NotACa,
        Scope::Path,
        chain::authorities,
        "BoringSSL X509_V_ERR_INVALID_CA (24), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/purpose",
        Reason::UsageWrong,
        Scope::Path,
        chain::extended_key_usage,
        "BoringSSL X509_V_ERR_INVALID_PURPOSE (26), crypto/x509/x509_vfy.cc, v3_purp.cc",
    ),
    rule(
        "envoy/key-usage",
        Reason::UsageWrong,
        Scope::Path,
        chain::key_usage,
        "BoringSSL X509_V_ERR_INVALID_PURPOSE (26), crypto/x509/x509_vfy.cc, v3_purp.cc",
    ),
    rule(
        "envoy/path-length",
        Reason::PathTooLong,
        Scope::Path,
        chain::path_length,
        "BoringSSL X509_V_ERR_PATH_LENGTH_EXCEEDED (25), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/crl-missing",
        Reason::RevocationUnknown,
        Scope::Path,
        revocation::lists_at_hand,
        "BoringSSL X509_V_ERR_UNABLE_TO_GET_CRL (3), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/crl-unusable",
        Reason::RevocationUnknown,
        Scope::Path,
        revocation::lists_usable,
        "BoringSSL X509_V_ERR_CRL_NOT_YET_VALID (11), CRL_HAS_EXPIRED (12), KEYUSAGE_NO_CRL_SIGN (35), \
         UNHANDLED_CRITICAL_CRL_EXTENSION (36), DIFFERENT_CRL_SCOPE (44), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/crl-signature",
        Reason::RevocationUnknown,
        Scope::Path,
        revocation::lists_signed,
        "BoringSSL X509_V_ERR_CRL_SIGNATURE_FAILURE (8), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/revocation-signature-unsupported",
        Reason::SignatureUnsupported,
        Scope::Path,
        revocation::lists_judged,
        "BoringSSL X509_CRL_verify, crypto/x509/x_crl.cc",
    ),
    rule(
        "envoy/revoked",
        Reason::Revoked,
        Scope::Path,
        revocation::not_revoked,
        "BoringSSL X509_V_ERR_CERT_REVOKED (23), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/blocked-key",
        Reason::Revoked,
        Scope::Path,
        chain::keys_not_blocked,
        "BoringSSL X509_V_ERR_CERT_REVOKED (23), check_blocklist in crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/signature-form",
        Reason::Malformed,
        Scope::Path,
        signature::form,
        "BoringSSL X509_R_SIGNATURE_ALGORITHM_MISMATCH, crypto/x509/x_all.cc",
    ),
    rule(
        "envoy/signature-algorithm",
        Reason::WeakSignature,
        Scope::Path,
        signature::algorithm,
        "BoringSSL X509_V_ERR_CERT_SIGNATURE_FAILURE (7), crypto/x509/x509_vfy.cc, algorithm.cc",
    ),
    rule(
        "envoy/issuer-key",
        Reason::WeakKey,
        Scope::Path,
        signature::issuer_key,
        "BoringSSL X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY (6), crypto/x509/x509_vfy.cc, x_pubkey.cc",
    ),
    rule(
        "envoy/signature",
        Reason::SignatureInvalid,
        Scope::Path,
        signature::valid,
        "BoringSSL X509_V_ERR_CERT_SIGNATURE_FAILURE (7), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/signature-unsupported",
        Reason::SignatureUnsupported,
        Scope::Path,
        signature::judged,
        "BoringSSL X509_verify, crypto/x509/x_all.cc",
    ),
    rule(
        "envoy/not-yet-valid",
        Reason::NotYetValid,
        Scope::Path,
        chain::not_before,
        "BoringSSL X509_V_ERR_CERT_NOT_YET_VALID (9), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/expired",
        Reason::Expired,
        Scope::Path,
        chain::not_after,
        "BoringSSL X509_V_ERR_CERT_HAS_EXPIRED (10), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/date-offset",
        Reason::Malformed,
        Scope::Path,
        chain::dates_in_utc,
        "BoringSSL X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD (13), NOT_AFTER (14), crypto/x509/x509_vfy.cc",
    ),
    rule(
        "envoy/name-constraints",
        Reason::NameConstraint,
        Scope::Path,
        constraints::kept,
        "BoringSSL X509_V_ERR_PERMITTED_VIOLATION (47), EXCLUDED_VIOLATION (48), SUBTREE_MINMAX (49), UNSUPPORTED_CONSTRAINT_TYPE (51), \
         UNSUPPORTED_NAME_SYNTAX (53), NAME_CONSTRAINTS_WITHOUT_SANS (67), crypto/x509/x509_vfy.cc, v3_ncons.cc",
    ),
    rule("envoy/name-constraints-budget", Reason::Budget, Scope::Path, constraints::compared, "kcert's own bound"),
    rule(
        "envoy/policy-extensions",
        Reason::Malformed,
        Scope::Path,
        policy_extensions,
        "BoringSSL X509_V_ERR_INVALID_POLICY_EXTENSION (42), crypto/x509/policy.cc",
    ),
    rule(
        "envoy/policies",
        Reason::Policy,
        Scope::Path,
        valid_policies,
        "BoringSSL X509_V_ERR_INVALID_POLICY_EXTENSION (42), NO_EXPLICIT_POLICY (43), crypto/x509/policy.cc; RFC 9618",
    ),
    rule(
        "envoy/common-name",
        Reason::CnOnly,
        Scope::Path,
        names::no_common_name,
        "Envoy source/common/tls/cert_validator/san_matcher.cc",
    ),
    rule(
        "envoy/name",
        Reason::NameMismatch,
        Scope::Path,
        names::every_name,
        "Envoy source/common/tls/cert_validator/san_matcher.cc",
    ),
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
