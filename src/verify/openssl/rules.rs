//! What `openssl verify` demands, row by row, in the order in which it looks: why a chain ended without an anchor, what certificates
//! say of themselves, names, revocation, signatures and dates, name constraints.

use super::constraints::{obeyed, understood};
use super::crls::Finding;
use super::{chains, crls, dates, extensions, hosts, lists, shapes, usages};
use crate::verify::rule::{Enforcer, Fault, Rule, Scope, Trail};
use crate::verify::{Name, Reason};

/// A rule of OpenSSL's alone.
const fn rule(id: &'static str, reason: Reason, citation: &'static str, test: fn(&Trail<'_, '_>) -> Result<(), Fault>) -> Rule {
    Rule { id, reason, citation, enforced_by: &[Enforcer::OpenSsl], scope: Scope::Path, test }
}

/// The rules.
pub(in crate::verify) const RULES: &[Rule] = &[
    Rule {
        scope: Scope::Read,
        ..rule("openssl/encoding", Reason::Malformed, "OpenSSL d2i_X509 (crypto/asn1/tasn_dec.c)", |trail| {
            let readable = shapes::CERTIFICATE.begins(&trail.last().certificate.der.bytes);
            fault_if(!readable, 0, || "openssl cannot read it: a field is not what its type says".to_owned())
        })
    },
    rule("openssl/untrusted-file", Reason::Malformed, "OpenSSL apps/verify.c load_certs", chains::untrusted_file_readable),
    rule("openssl/crl-file", Reason::RevocationUnknown, "OpenSSL apps/verify.c load_crls", |trail| {
        let lists = &trail.case.question.crls;
        let readable = lists.is_empty() || lists.iter().any(|list| lists::is_readable(list));
        fault_if(!readable, 0, || "openssl cannot read any of the revocation lists".to_owned())
    }),
    rule("openssl/depth", Reason::PathTooLong, "X509_V_ERR_CERT_CHAIN_TOO_LONG (22)", chains::short_enough),
    rule(
        "openssl/self-signed-leaf",
        Reason::Untrusted,
        "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT (18)",
        chains::end_entity_not_alone,
    ),
    rule("openssl/self-signed-root", Reason::Untrusted, "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN (19)", chains::root_trusted),
    rule("openssl/partial-chain", Reason::Untrusted, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT (2)", chains::anchor_self_signed),
    rule(
        "openssl/invalid-extensions",
        Reason::Malformed,
        "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20), EXFLAG_INVALID",
        chains::extensions_valid,
    ),
    rule(
        "openssl/key-id",
        Reason::KeyIdMismatch,
        "X509_V_ERR_AKID_SKID_MISMATCH (30), X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH (31)",
        chains::key_ids_agree,
    ),
    rule(
        "openssl/issuer-key",
        Reason::SignatureInvalid,
        "X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH (76), X509_V_ERR_NO_ISSUER_PUBLIC_KEY (24)",
        chains::algorithms_agree,
    ),
    rule(
        "openssl/issuer-missing",
        Reason::IssuerMissing,
        "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20)",
        chains::issuer_found,
    ),
    rule("openssl/critical-extension", Reason::CriticalExtension, "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION (34)", |trail| {
        let told = |oid| format!("critical extension {oid} is not handled");
        dates::top_down(trail, |member| extensions::unhandled_critical(member).map(told))
    }),
    rule("openssl/proxy", Reason::CriticalExtension, "X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED (40)", |trail| {
        dates::top_down(trail, |member| extensions::is_proxy(member).then(|| "is a proxy certificate".to_owned()))
    }),
    rule("openssl/issuer-ca", Reason::NotACa, "X509_V_ERR_INVALID_CA (79)", usages::issuers_are_cas),
    rule("openssl/key", Reason::Malformed, "X509_V_ERR_UNSPECIFIED (1)", usages::keys_readable),
    rule("openssl/curve", Reason::WeakKey, "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS (94)", usages::curves_named),
    rule("openssl/purpose", Reason::UsageWrong, "X509_V_ERR_INVALID_PURPOSE (26)", usages::purpose_allowed),
    rule("openssl/path-length", Reason::PathTooLong, "X509_V_ERR_PATH_LENGTH_EXCEEDED (25)", usages::path_lengths_kept),
    rule("openssl/host-name", Reason::NameMismatch, "X509_V_ERR_HOSTNAME_MISMATCH (62)", |trail| {
        named(trail, |name| matches!(name, Name::Dns(host) if !hosts::is_host(&trail.case.end_entity, host)))
    }),
    rule("openssl/email", Reason::NameMismatch, "X509_V_ERR_EMAIL_MISMATCH (63)", |trail| {
        named(trail, |name| matches!(name, Name::Email(address) if !hosts::is_email(&trail.case.end_entity, address)))
    }),
    rule("openssl/ip-address", Reason::NameMismatch, "X509_V_ERR_IP_ADDRESS_MISMATCH (64)", |trail| {
        named(trail, |name| matches!(name, Name::Ip(address) if !hosts::is_address(&trail.case.end_entity, *address)))
    }),
    rule("openssl/uri", Reason::NameMismatch, "RFC 5280 section 4.2.1.6 (openssl verify compares no URIs)", |trail| {
        named(trail, |name| matches!(name, Name::Uri(uri) if !hosts::is_uri(&trail.case.end_entity, uri)))
    }),
    rule("openssl/revoked", Reason::Revoked, "X509_V_ERR_CERT_REVOKED (23)", |trail| crls::without(trail, Finding::Revoked)),
    rule(
        "openssl/revocation-unknown",
        Reason::RevocationUnknown,
        "X509_V_ERR_UNABLE_TO_GET_CRL (3) and other errors with revocation lists",
        |trail| crls::without(trail, Finding::Unknown),
    ),
    rule(
        "openssl/revocation-signature-unsupported",
        Reason::SignatureUnsupported,
        "X509_V_ERR_CRL_SIGNATURE_FAILURE (8)",
        |trail| crls::without(trail, Finding::Unjudged),
    ),
    rule("openssl/issuer-key-usage", Reason::UsageWrong, "X509_V_ERR_KEYUSAGE_NO_CERTSIGN (32)", usages::issuers_may_sign),
    rule("openssl/signature", Reason::SignatureInvalid, "X509_V_ERR_CERT_SIGNATURE_FAILURE (7)", chains::signatures_valid),
    rule(
        "openssl/signature-unsupported",
        Reason::SignatureUnsupported,
        "X509_V_ERR_CERT_SIGNATURE_FAILURE (7)",
        chains::signatures_judged,
    ),
    rule("openssl/not-yet-valid", Reason::NotYetValid, "X509_V_ERR_CERT_NOT_YET_VALID (9)", dates::begun),
    rule("openssl/expired", Reason::Expired, "X509_V_ERR_CERT_HAS_EXPIRED (10)", dates::ended),
    rule(
        "openssl/date-format",
        Reason::Malformed,
        "X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD (13), X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD (14)",
        dates::readable,
    ),
    rule(
        "openssl/name-constraints",
        Reason::NameConstraint,
        "X509_V_ERR_PERMITTED_VIOLATION (47), X509_V_ERR_EXCLUDED_VIOLATION (48)",
        obeyed,
    ),
    rule(
        "openssl/name-constraints-syntax",
        Reason::NameConstraint,
        "X509_V_ERR_SUBTREE_MINMAX (49), X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE (51), X509_V_ERR_UNSUPPORTED_NAME_SYNTAX (53)",
        understood,
    ),
];

/// A fault at a place on the trail, if there is one.
pub(super) fn fault_if(broken: bool, at: usize, message: impl FnOnce() -> String) -> Result<(), Fault> {
    if broken { Err(Fault { at, message: message() }) } else { Ok(()) }
}

/// The first name that the end entity is not valid for.
fn named(trail: &Trail<'_, '_>, mismatch: impl Fn(&Name) -> bool) -> Result<(), Fault> {
    let wrong = trail.case.question.names.iter().find(|name| mismatch(name));
    wrong.map_or(Ok(()), |name| Err(Fault { at: 0, message: hosts::told(&trail.case.end_entity, name) }))
}
