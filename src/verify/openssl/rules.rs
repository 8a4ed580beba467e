//! What `openssl verify` demands, row by row, in the order in which it looks: why a chain ended without an anchor, what certificates
//! say of themselves, names, revocation, signatures and dates, name constraints.

use super::constraints::{obeyed, understood};
use super::crls::Finding;
use super::{chains, crls, dates, extensions, hosts, lists, shapes, usages};
use crate::verify::rule::{Enforcer, Fault, Rule, Scope, Test, Trail};
use crate::verify::{Name, Reason};

/// A rule of OpenSSL's alone.
const fn rule(id: &'static str, reason: Reason, citation: &'static str, scope: Scope, test: Test) -> Rule {
    Rule { id, reason, citation, enforced_by: &[Enforcer::OpenSsl], scope, test }
}

use Reason::{
    CriticalExtension, Expired, IssuerMissing, KeyIdMismatch, Malformed, NameConstraint, NameMismatch, NotACa, NotYetValid,
    PathTooLong, RevocationUnknown, Revoked, SignatureInvalid, SignatureUnsupported, Untrusted, UsageWrong, WeakKey,
};
use Scope::{Path, Read};

/// The rules.
#[rustfmt::skip]
pub(in crate::verify) const RULES: &[Rule] = &[
    rule("openssl/encoding", Malformed, "OpenSSL d2i_X509 (crypto/asn1/tasn_dec.c)", Read, encoding),
    rule("openssl/untrusted-file", Malformed, "OpenSSL apps/verify.c load_certs", Path, chains::untrusted_file_readable),
    rule("openssl/crl-file", RevocationUnknown, "OpenSSL apps/verify.c load_crls", Path, revocation_lists_readable),
    rule("openssl/depth", PathTooLong, "X509_V_ERR_CERT_CHAIN_TOO_LONG (22)", Path, chains::short_enough),
    rule("openssl/self-signed-leaf", Untrusted, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT (18)", Path, chains::end_entity_not_alone),
    rule("openssl/self-signed-root", Untrusted, "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN (19)", Path, chains::root_trusted),
    rule("openssl/partial-chain", Untrusted, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT (2)", Path, chains::anchor_self_signed),
    rule("openssl/invalid-extensions", Malformed, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20), EXFLAG_INVALID", Path, chains::extensions_valid),
    rule("openssl/key-id", KeyIdMismatch, "X509_V_ERR_AKID_SKID_MISMATCH (30), X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH (31)", Path, chains::key_ids_agree),
    rule("openssl/issuer-key", SignatureInvalid,
        "X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH (76), X509_V_ERR_NO_ISSUER_PUBLIC_KEY (24)", Path, chains::algorithms_agree),
    rule("openssl/issuer-missing", IssuerMissing, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20)", Path, chains::issuer_found),
    rule("openssl/critical-extension", CriticalExtension, "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION (34)", Path, critical_extensions_handled),
    rule("openssl/proxy", CriticalExtension, "X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED (40)", Path, no_proxies),
    rule("openssl/issuer-ca", NotACa, "X509_V_ERR_INVALID_CA (79)", Path, usages::issuers_are_cas),
    rule("openssl/key", Malformed, "X509_V_ERR_UNSPECIFIED (1)", Path, usages::keys_readable),
    rule("openssl/curve", WeakKey, "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS (94)", Path, usages::curves_named),
    rule("openssl/purpose", UsageWrong, "X509_V_ERR_INVALID_PURPOSE (26)", Path, usages::purpose_allowed),
    rule("openssl/path-length", PathTooLong, "X509_V_ERR_PATH_LENGTH_EXCEEDED (25)", Path, usages::path_lengths_kept),
    rule("openssl/host-name", NameMismatch, "X509_V_ERR_HOSTNAME_MISMATCH (62)", Path, hosts_match),
    rule("openssl/email", NameMismatch, "X509_V_ERR_EMAIL_MISMATCH (63)", Path, emails_match),
    rule("openssl/ip-address", NameMismatch, "X509_V_ERR_IP_ADDRESS_MISMATCH (64)", Path, addresses_match),
    rule("openssl/uri", NameMismatch, "RFC 5280 section 4.2.1.6 (openssl verify compares no URIs)", Path, uris_match),
    rule("openssl/revoked", Revoked, "X509_V_ERR_CERT_REVOKED (23)", Path, |trail| crls::without(trail, Finding::Revoked)),
    rule("openssl/revocation-unknown", RevocationUnknown, NO_LIST, Path, |trail| crls::without(trail, Finding::Unknown)),
    rule("openssl/revocation-signature-unsupported", SignatureUnsupported, "X509_V_ERR_CRL_SIGNATURE_FAILURE (8)",
        Path, |trail| crls::without(trail, Finding::Unjudged)),
    rule("openssl/issuer-key-usage", UsageWrong, "X509_V_ERR_KEYUSAGE_NO_CERTSIGN (32)", Path, usages::issuers_may_sign),
    rule("openssl/signature", SignatureInvalid, "X509_V_ERR_CERT_SIGNATURE_FAILURE (7)", Path, chains::signatures_valid),
    rule("openssl/signature-unsupported", SignatureUnsupported, "X509_V_ERR_CERT_SIGNATURE_FAILURE (7)", Path, chains::signatures_judged),
    rule("openssl/not-yet-valid", NotYetValid, "X509_V_ERR_CERT_NOT_YET_VALID (9)", Path, dates::begun),
    rule("openssl/expired", Expired, "X509_V_ERR_CERT_HAS_EXPIRED (10)", Path, dates::ended),
    rule("openssl/date-format", Malformed,
        "X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD (13), X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD (14)", Path, dates::readable),
    rule("openssl/name-constraints", NameConstraint, "X509_V_ERR_PERMITTED_VIOLATION (47), X509_V_ERR_EXCLUDED_VIOLATION (48)", Path, obeyed),
    rule("openssl/name-constraints-syntax", NameConstraint,
        "X509_V_ERR_SUBTREE_MINMAX (49), X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE (51), X509_V_ERR_UNSUPPORTED_NAME_SYNTAX (53)",
        Path, understood),
];

/// Why no list counts: there is none, or the one that fits best is not taken.
const NO_LIST: &str = "X509_V_ERR_UNABLE_TO_GET_CRL (3), CRL_SIGNATURE_FAILURE (8), CRL_NOT_YET_VALID (11), CRL_HAS_EXPIRED (12), \
                       ERROR_IN_CRL_LAST_UPDATE_FIELD (15), ERROR_IN_CRL_NEXT_UPDATE_FIELD (16), KEYUSAGE_NO_CRL_SIGN (35), \
                       UNHANDLED_CRITICAL_CRL_EXTENSION (36), DIFFERENT_CRL_SCOPE (44)";

/// Whether the certificate can be read.
fn encoding(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let readable = shapes::CERTIFICATE.begins(&trail.last().certificate.der.bytes);
    fault_if(!readable, 0, || "openssl cannot read it: a field is not what its type says".to_owned())
}

fn revocation_lists_readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let lists = &trail.case.question.crls;
    let readable = lists.is_empty() || lists.iter().any(|list| lists::is_readable(list));
    fault_if(!readable, 0, || "openssl cannot read any of the revocation lists".to_owned())
}

fn critical_extensions_handled(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let told = |oid| format!("critical extension {oid} is not handled");
    dates::top_down(trail, |member| extensions::unhandled_critical(member).map(told))
}

fn no_proxies(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    dates::top_down(trail, |member| extensions::is_proxy(member).then(|| "is a proxy certificate".to_owned()))
}

fn hosts_match(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    named(trail, |name| matches!(name, Name::Dns(host) if !hosts::is_host(&trail.case.end_entity, host)))
}

fn emails_match(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    named(trail, |name| matches!(name, Name::Email(address) if !hosts::is_email(&trail.case.end_entity, address)))
}

fn addresses_match(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    named(trail, |name| matches!(name, Name::Ip(address) if !hosts::is_address(&trail.case.end_entity, *address)))
}

fn uris_match(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    named(trail, |name| matches!(name, Name::Uri(uri) if !hosts::is_uri(&trail.case.end_entity, uri)))
}

/// A fault at a place on the trail, if there is one.
pub(super) fn fault_if(broken: bool, at: usize, message: impl FnOnce() -> String) -> Result<(), Fault> {
    if broken { Err(Fault { at, message: message() }) } else { Ok(()) }
}

/// The first name that the end entity is not valid for.
fn named(trail: &Trail<'_, '_>, mismatch: impl Fn(&Name) -> bool) -> Result<(), Fault> {
    let wrong = trail.case.question.names.iter().find(|name| mismatch(name));
    wrong.map_or(Ok(()), |name| Err(Fault { at: 0, message: hosts::told(&trail.case.end_entity, name) }))
}
