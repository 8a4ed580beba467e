//! The table.

use super::super::Reason;
use super::super::policies::{self, FaultKind, Initial, Reading};
use super::super::rule::{Enforcer, Fault, Rule, Scope, Test, Trail};
use super::{algorithms, constraints, encoding, extensions, identifiers, names, revocation, usage};

/// A rule of this verifier alone.
const fn rule(id: &'static str, reason: Reason, citation: &'static str, scope: Scope, test: Test) -> Rule {
    Rule { id, reason, citation, enforced_by: &[Enforcer::Rfc5280], scope, test }
}

use Reason::{
    Budget, CnOnly, CriticalExtension, Expired, Malformed, NameConstraint, NameMismatch, NotACa, NotYetValid, PathTooLong,
    Policy, RevocationUnknown, Revoked, SanMalformed, SignatureInvalid, SignatureUnsupported, UsageWrong, WeakSignature,
};
use Scope::{Certificate, EndEntity, Issuer, Path};

/// The rules that this verifier alone enforces.
#[rustfmt::skip]
pub(in crate::verify) const RULES: &[Rule] = &[
    rule("rfc5280/signature", SignatureInvalid, "RFC 5280 section 6.1.3 (a) (1)", Issuer, algorithms::signature),
    rule("rfc5280/digest", WeakSignature, "RFC 5280 section 8, RFC 6151, RFC 6194", Issuer, algorithms::digest),
    rule("rfc5280/not-yet-valid", NotYetValid, "RFC 5280 sections 4.1.2.5 and 6.1.3 (a) (2)", Certificate, usage::begun),
    rule("rfc5280/expired", Expired, "RFC 5280 sections 4.1.2.5 and 6.1.3 (a) (2)", Certificate, usage::not_over),
    rule("rfc5280/issuer-ca", NotACa, "RFC 5280 section 6.1.4 (k)", Issuer, usage::issuer_is_ca),
    rule("rfc5280/issuer-key-usage", UsageWrong, "RFC 5280 section 6.1.4 (n)", Issuer, usage::issuer_may_sign),
    rule("rfc5280/path-length", PathTooLong, "RFC 5280 section 6.1.4 (l) and (m)", Issuer, usage::path_length),
    rule("rfc5280/depth", PathTooLong, "the depth that was asked for", Issuer, usage::depth),
    rule("rfc5280/common-name", CnOnly, "RFC 9525 section 2", EndEntity, names::not_by_common_name),
    rule("rfc5280/name", NameMismatch, "RFC 9525 section 6", EndEntity, names::expected),
    rule("rfc5280/purpose", UsageWrong, "RFC 5280 section 4.2.1.12", Certificate, usage::purpose),

    rule("rfc5280/fields", Malformed, "RFC 5280 section 4.1", Certificate, encoding::fields),
    rule("rfc5280/version", Malformed, "RFC 5280 section 4.1.2.1", Certificate, encoding::version),
    rule("rfc5280/serial", Malformed, "RFC 5280 section 4.1.2.2", Certificate, encoding::serial),
    rule("rfc5280/algorithms-agree", Malformed, "RFC 5280 section 4.1.1.2", Certificate, algorithms::algorithms_agree),
    rule("rfc5280/parameters", Malformed, "RFC 5280 section 4.1.1.2, RFC 4055, 5758, 8410", Certificate, algorithms::parameters),
    rule("rfc5280/times", Malformed, "RFC 5280 section 4.1.2.5", Certificate, encoding::times),
    rule("rfc5280/issuer-name", Malformed, "RFC 5280 section 4.1.2.4", Certificate, encoding::issuer_name),
    rule("rfc5280/subject-name", Malformed, "RFC 5280 section 4.1.2.6", Certificate, encoding::subject_name),
    rule("rfc5280/name-text", Malformed, "RFC 5280 section 4.1.2.4", Certificate, encoding::name_text),
    rule("rfc5280/der", Malformed, "RFC 5280 section 4.1, X.690", Certificate, encoding::der),

    rule("rfc5280/extensions", Malformed, "RFC 5280 section 4.1", Certificate, extensions::list),
    rule("rfc5280/extension-once", Malformed, "RFC 5280 section 4.2", Certificate, extensions::once),
    rule("rfc5280/critical-extension", CriticalExtension, "RFC 5280 section 4.2", Certificate, extensions::understood),
    rule("rfc5280/extension-critical", Malformed, "RFC 5280 section 4.2.1", Certificate, extensions::critical),
    rule("rfc5280/extension-readable", Malformed, "RFC 5280 section 4.2.1", Certificate, extensions::readable),
    rule("rfc5280/authority-key-id", Malformed, "RFC 5280 section 4.2.1.1", Certificate, identifiers::authority),
    rule("rfc5280/subject-key-id", Malformed, "RFC 5280 section 4.2.1.2", Certificate, identifiers::subject),
    rule("rfc5280/signer-is-ca", UsageWrong, "RFC 5280 sections 4.2.1.3 and 4.2.1.9", Certificate, usage::signer_is_ca),
    rule("rfc5280/path-length-of-ca", Malformed, "RFC 5280 section 4.2.1.9", Certificate, usage::path_length_is_a_cas),
    rule("rfc5280/alternative-names", SanMalformed, "RFC 5280 section 4.2.1.6", Certificate, names::well_formed),
    rule("rfc5280/constraints-in-ca", Malformed, "RFC 5280 section 4.2.1.10", Certificate, constraints::only_in_ca),
    rule("rfc5280/constraints", Malformed, "RFC 5280 section 4.2.1.10", Certificate, constraints::well_formed),

    rule("rfc5280/comparisons", Budget, "kcert's own bound on comparisons of names with constraints", Issuer, constraints::within_budget),
    rule("rfc5280/constraints-obeyed", NameConstraint, "RFC 5280 section 6.1.3 (b) and (c)", Issuer, constraints::obeyed),

    rule("rfc5280/signature-unsupported", SignatureUnsupported, "RFC 5280 section 6.1.3 (a) (1)", Path, algorithms::signature_known),
    rule("rfc5280/policy-malformed", Malformed, "RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14", Path, policies_readable),
    rule("rfc5280/policies", Policy, "RFC 5280 section 6.1.3 (f) and 6.1.5 (g), RFC 9618", Path, policies_valid),
    rule("rfc5280/revoked", Revoked, "RFC 5280 section 6.3.3 (i) and (j)", Path, revocation::revoked),
    rule("rfc5280/revocation-signature-unsupported", SignatureUnsupported, "RFC 5280 section 6.3.3 (g)", Path, revocation::unjudged),
    rule("rfc5280/revocation-unknown", RevocationUnknown, "RFC 5280 section 6.3.3", Path, revocation::unknown),
    rule("rfc5280/revocation-budget", Budget, "kcert's own bound on steps to the signers of revocation lists", Path, revocation::within_budget),
];

/// The rules for issuers that are about the certificate below, and so about one link.
pub(super) const OF_THE_CHILD: &[&str] = &["rfc5280/signature", "rfc5280/digest"];

/// Section 6.1.1: any policy will do, and none is demanded at first.
const INITIAL: Initial = Initial {
    self_issued: |member| super::memo::same_name(&member.certificate.subject, &member.certificate.issuer),
    reading: Reading::Strict,
};

fn policies_readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    judge_policies(trail, |kind| matches!(kind, FaultKind::Malformed(_)))
}

fn policies_valid(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    judge_policies(trail, |kind| kind == FaultKind::NoPolicy)
}

fn judge_policies(trail: &Trail<'_, '_>, counts: fn(FaultKind) -> bool) -> Result<(), Fault> {
    match policies::valid(&trail.members, &INITIAL) {
        Err(fault) if counts(fault.kind) => Err(Fault { at: fault.at, message: fault.message() }),
        _ => Ok(()),
    }
}

/// Whether the policies of a path are valid, for paths that no question asks about.
pub(super) fn policies_allow(members: &[&super::Member<'_>]) -> bool {
    policies::valid(members, &INITIAL).is_ok()
}
