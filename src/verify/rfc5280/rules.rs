//! The table.

use super::super::Reason;
use super::super::policies::{self, FaultKind, Initial, Reading};
use super::super::rule::{Enforcer, Fault, Rule, Scope, Trail};
use super::{algorithms, constraints, encoding, extensions, identifiers, names, revocation, usage};

/// A rule of this verifier alone.
const fn strict(
    id: &'static str,
    scope: Scope,
    reason: Reason,
    citation: &'static str,
    test: fn(&Trail<'_, '_>) -> Result<(), Fault>,
) -> Rule {
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
    strict("rfc5280/signature", Issuer, SignatureInvalid, "RFC 5280 section 6.1.3 (a) (1)", algorithms::signature),
    strict("rfc5280/digest", Issuer, WeakSignature, "RFC 5280 section 8, RFC 6151, RFC 6194", algorithms::digest),
    strict("rfc5280/not-yet-valid", Certificate, NotYetValid, "RFC 5280 sections 4.1.2.5 and 6.1.3 (a) (2)", usage::begun),
    strict("rfc5280/expired", Certificate, Expired, "RFC 5280 sections 4.1.2.5 and 6.1.3 (a) (2)", usage::not_over),
    strict("rfc5280/issuer-ca", Issuer, NotACa, "RFC 5280 section 6.1.4 (k)", usage::issuer_is_ca),
    strict("rfc5280/issuer-key-usage", Issuer, UsageWrong, "RFC 5280 section 6.1.4 (n)", usage::issuer_may_sign),
    strict("rfc5280/path-length", Issuer, PathTooLong, "RFC 5280 section 6.1.4 (l) and (m)", usage::path_length),
    strict("rfc5280/depth", Issuer, PathTooLong, "the depth that was asked for", usage::depth),
    strict("rfc5280/common-name", EndEntity, CnOnly, "RFC 9525 section 2", names::not_by_common_name),
    strict("rfc5280/name", EndEntity, NameMismatch, "RFC 9525 section 6", names::expected),
    strict("rfc5280/purpose", Certificate, UsageWrong, "RFC 5280 section 4.2.1.12", usage::purpose),

    strict("rfc5280/fields", Certificate, Malformed, "RFC 5280 section 4.1", encoding::fields),
    strict("rfc5280/version", Certificate, Malformed, "RFC 5280 section 4.1.2.1", encoding::version),
    strict("rfc5280/serial", Certificate, Malformed, "RFC 5280 section 4.1.2.2", encoding::serial),
    strict("rfc5280/algorithms-agree", Certificate, Malformed, "RFC 5280 section 4.1.1.2", algorithms::algorithms_agree),
    strict("rfc5280/parameters", Certificate, Malformed, "RFC 5280 section 4.1.1.2, RFC 4055, 5758, 8410", algorithms::parameters),
    strict("rfc5280/times", Certificate, Malformed, "RFC 5280 section 4.1.2.5", encoding::times),
    strict("rfc5280/issuer-name", Certificate, Malformed, "RFC 5280 section 4.1.2.4", encoding::issuer_name),
    strict("rfc5280/subject-name", Certificate, Malformed, "RFC 5280 section 4.1.2.6", encoding::subject_name),
    strict("rfc5280/name-text", Certificate, Malformed, "RFC 5280 section 4.1.2.4", encoding::name_text),
    strict("rfc5280/der", Certificate, Malformed, "RFC 5280 section 4.1, X.690", encoding::der),

    strict("rfc5280/extensions", Certificate, Malformed, "RFC 5280 section 4.1", extensions::list),
    strict("rfc5280/extension-once", Certificate, Malformed, "RFC 5280 section 4.2", extensions::once),
    strict("rfc5280/critical-extension", Certificate, CriticalExtension, "RFC 5280 section 4.2", extensions::understood),
    strict("rfc5280/extension-critical", Certificate, Malformed, "RFC 5280 section 4.2.1", extensions::critical),
    strict("rfc5280/extension-readable", Certificate, Malformed, "RFC 5280 section 4.2.1", extensions::readable),
    strict("rfc5280/authority-key-id", Certificate, Malformed, "RFC 5280 section 4.2.1.1", identifiers::authority),
    strict("rfc5280/subject-key-id", Certificate, Malformed, "RFC 5280 section 4.2.1.2", identifiers::subject),
    strict("rfc5280/signer-is-ca", Certificate, UsageWrong, "RFC 5280 sections 4.2.1.3 and 4.2.1.9", usage::signer_is_ca),
    strict("rfc5280/path-length-of-ca", Certificate, Malformed, "RFC 5280 section 4.2.1.9", usage::path_length_is_a_cas),
    strict("rfc5280/alternative-names", Certificate, SanMalformed, "RFC 5280 section 4.2.1.6", names::well_formed),
    strict("rfc5280/constraints-in-ca", Certificate, Malformed, "RFC 5280 section 4.2.1.10", constraints::only_in_ca),
    strict("rfc5280/constraints", Certificate, Malformed, "RFC 5280 section 4.2.1.10", constraints::well_formed),

    strict("rfc5280/comparisons", Issuer, Budget, "kcert's own bound", constraints::within_budget),
    strict("rfc5280/constraints-obeyed", Issuer, NameConstraint, "RFC 5280 section 6.1.3 (b) and (c)", constraints::obeyed),

    strict("rfc5280/signature-unsupported", Path, SignatureUnsupported, "RFC 5280 section 6.1.3 (a) (1)", algorithms::signature_known),
    strict("rfc5280/policy-malformed", Path, Malformed, "RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14", policies_readable),
    strict("rfc5280/policies", Path, Policy, "RFC 5280 section 6.1.3 (f) and 6.1.5 (g), RFC 9618", policies_valid),
    strict("rfc5280/revoked", Path, Revoked, "RFC 5280 section 6.3.3 (i) and (j)", revocation::revoked),
    strict("rfc5280/revocation-signature-unsupported", Path, SignatureUnsupported, "RFC 5280 section 6.3.3 (g)", revocation::unjudged),
    strict("rfc5280/revocation-unknown", Path, RevocationUnknown, "RFC 5280 section 6.3.3", revocation::unknown),
    strict("rfc5280/revocation-budget", Path, Budget, "kcert's own bound", revocation::within_budget),
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
