//! RFC 5280, to the letter: the verifier that no program is, and that all of them are measured against.
//!
//! Every MUST of section 4 on a certificate of the path is a rule, the trust anchor's certificate included; the path is validated as
//! section 6.1 says, revocation as section 6.3 does when lists are given. Where the RFC leaves a choice the strict side is taken, but
//! for what section 6 or NIST PKITS decide otherwise than the profile of section 4: an intermediate whose basic constraints are not
//! critical (PKITS 4.6.4), an issuer without key usage (6.1.4 (n)), policy constraints that are not critical beside policies (PKITS
//! 4.8), a GeneralizedTime before 2050 (PKITS 4.2.4). Weak digests are refused, key sizes are not: the RFC names none.
//!
//! Paths are looked for by name, section 7.1, among the certificates from which signatures lead to an anchor ([`reach`]).

mod algorithms;
mod constraints;
mod encoding;
mod extensions;
mod forms;
mod general;
mod identifiers;
mod lists;
mod memo;
mod names;
mod points;
mod reach;
mod revocation;
mod rules;
mod usage;

pub(super) use memo::Memo;
pub(super) use rules::RULES;

use super::case::{Case, Member};
use super::rule::{Fault, Trail};
use super::search::{self, Budget, BudgetOwner, Candidate, Quirks, Readable, Strategy, TrustedEndEntity};
use super::{Outcome, Reason, Verdict};
use std::cmp::Reverse;

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let leads = reach::leads_to_anchor(case);
    let proven = leads == reach::Answer::No;
    let mut verdict = search::verdict(case, if proven { &EXPLANATION } else { &STRATEGY });
    let ended = verdict.paths.iter().flat_map(|path| &path.rejections).any(|rejection| rejection.reason == Reason::Budget);
    if verdict.outcome == Outcome::NotTrusted && ended {
        verdict.outcome = Outcome::CouldNotTell;
    }
    let refused = case.memo.lists.get().map(|lists| lists.refused.as_slice()).unwrap_or_default();
    for (list, why) in refused.iter().filter_map(|(at, why)| case.question.crls.get(*at).zip(Some(why))) {
        verdict.notes.push(format!("the revocation list of {} is not used: {why}", list.issuer));
    }
    verdict
}

/// Every path, up to a bound far above what honest certificates need.
const STRATEGY: Strategy = Strategy {
    candidates,
    repeats,
    trusted_end_entity: TrustedEndEntity::IsThePath,
    budget: Budget {
        candidates: 1_000,
        length: 256,
        owner: BudgetOwner::Kcert,
        citation: "kcert's own bound on issuers tried; Go stops at 100 signatures",
    },
    quirks: Quirks::NONE,
};

/// What is tried to explain an end entity from which no signature leads to an anchor: the answer is known before.
const EXPLANATION: Strategy = Strategy {
    budget: Budget {
        candidates: 100,
        length: 32,
        owner: BudgetOwner::Verifier,
        citation: "kcert's own bound on what is told where no signatures lead to a trust anchor",
    },
    ..STRATEGY
};

/// Issuers by name from which signatures lead to an anchor, the likeliest first.
fn candidates<'c, 'a>(readable: &Readable<'c, 'a>, trail: &Trail<'c, 'a>) -> Vec<Candidate<'c, 'a>> {
    let mut found = issuers(readable, trail);
    found.retain(|candidate| trail.case.memo.may_lead(candidate.member.node));
    found
}

/// Issuers by name, the likeliest first: key identifiers that agree, then certificates valid now, anchors, those that end last.
fn issuers<'c, 'a>(readable: &Readable<'c, 'a>, trail: &Trail<'c, 'a>) -> Vec<Candidate<'c, 'a>> {
    let memo = &trail.case.memo;
    let child = trail.last();
    let anchors = readable.anchors.iter().map(|member| Candidate { member, anchor: true });
    let intermediates = readable.intermediates.iter().map(|member| Candidate { member, anchor: false });
    let by_name = |candidate: &Candidate<'_, '_>| memo.names_issuer(child, candidate.member);
    let mut found: Vec<_> = anchors.chain(intermediates).filter(by_name).collect();
    let at = trail.case.question.at;
    found.sort_by_key(|candidate| {
        let validity = &candidate.member.certificate.validity;
        let valid = !validity.is_over(at) && !validity.is_to_come(at);
        (key_id_rank(child, candidate.member), !valid, !candidate.anchor, Reverse(validity.not_after))
    });
    found
}

/// 0: the key identifiers agree; 1: one is absent; 2: they differ.
fn key_id_rank(child: &Member<'_>, issuer: &Member<'_>) -> u8 {
    match child.certificate.authority_key_id.as_ref().zip(issuer.certificate.subject_key_id.as_ref()) {
        Some((wanted, own)) if wanted == own => 0,
        None => 1,
        Some(_) => 2,
    }
}

/// A CA of the same name and key is the same CA (RFC 4158 section 2.4.2): a path through both is no better than the one without the
/// loop.
fn repeats(trail: &Trail<'_, '_>, candidate: &Member<'_>) -> bool {
    let key = |member: &Member<'_>| member.certificate.public_key.spki_sha256;
    trail.members.iter().enumerate().any(|(at, member)| {
        member.node == candidate.node
            || (at > 0 && key(member) == key(candidate) && trail.case.memo.same_subject(member, candidate))
    })
}

/// A fault of the last certificate of the trail.
fn fault(trail: &Trail<'_, '_>, message: impl Into<String>) -> Result<(), Fault> {
    Err(Fault { at: trail.members.len().saturating_sub(1), message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, first_rule};
    use super::super::{Purpose, Verifier};
    use super::*;
    use crate::mint::{Identity, NOW, Recipe, pki};
    use crate::model::KeyUsage;

    const SIGNS_ALL: KeyUsage = KeyUsage(1 << 5 | 1 << 6);
    const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
    /// Excludes the DNS name `a`, not critical.
    const EXCLUDES_A: &[u8] = &[0x30, 7, 0xa1, 5, 0x30, 3, 0x82, 1, b'a'];

    /// The verdict on the first certificate, with the last as anchor and all lists.
    fn ask(chain: &[&Identity], lists: &[String], name: &str) -> Verdict {
        let (anchor, path) = chain.split_last().unwrap();
        testing::ask(Verifier::Rfc5280, path, &[anchor]).purpose(Purpose::Server).names(&[name]).crls(lists).verdict()
    }

    fn root() -> Identity {
        pki().ca("root").key_usage(SIGNS_ALL).self_signed().unwrap()
    }

    fn leaf() -> Recipe {
        pki().leaf("a").server().dns("a")
    }

    #[test]
    fn an_ordinary_chain_is_trusted() {
        let root = root();
        let intermediate = pki().ca("ca").path_len(0).issued_by(&root).unwrap();
        let leaf = leaf().issued_by(&intermediate).unwrap();
        let verdict = ask(&[&leaf, &intermediate, &root], &[], "a");
        assert_eq!(verdict.outcome, Outcome::Trusted, "{:?}", verdict.paths);
    }

    #[test]
    fn every_broken_must_is_named() {
        let root = root();
        let oid = |last: u64| [2, 5, 29, last];
        let leaves: [(&str, Recipe, &str); 15] = [
            ("rfc5280/expired", leaf().expired(), "a"),
            ("rfc5280/not-yet-valid", leaf().not_yet_valid(), "a"),
            ("rfc5280/name", leaf(), "b"),
            ("rfc5280/common-name", pki().leaf("a").server(), "a"),
            ("rfc5280/purpose", pki().leaf("a").client().dns("a"), "a"),
            ("rfc5280/serial", leaf().serial(&[1; 21]), "a"),
            ("rfc5280/authority-key-id", leaf().without_authority_key_id(), "a"),
            ("rfc5280/subject-key-id", pki().ca("a").server().dns("a").without_subject_key_id(), "a"),
            ("rfc5280/signer-is-ca", leaf().key_usage(SIGNS_ALL), "a"),
            ("rfc5280/alternative-names", leaf().dns("a..b"), "a"),
            ("rfc5280/extension-critical", leaf().extension(&oid(54), &[2, 1, 0]), "a"),
            ("rfc5280/extension-readable", leaf().extension(&oid(31), &[0x30, 0]), "a"),
            ("rfc5280/extension-once", leaf().extension(&oid(17), &[0x30, 3, 0x82, 1, b'a']), "a"),
            ("rfc5280/constraints-in-ca", leaf().extension(NAME_CONSTRAINTS, EXCLUDES_A), "a"),
            ("rfc5280/der", leaf().extension(&oid(18), &[0x30, 0x81, 3, 0x82, 1, b'a']), "a"),
        ];
        for (rule, recipe, name) in leaves {
            let verdict = ask(&[&recipe.issued_by(&root).unwrap(), &root], &[], name);
            let broken = verdict.paths.iter().flat_map(|path| &path.rejections).any(|rejection| rejection.rule == rule);
            assert!(broken && verdict.outcome == Outcome::NotTrusted, "{rule}: {:?}", verdict.paths);
        }
        let ca = || pki().ca("ca");
        let issuers: [(&str, Recipe); 5] = [
            ("rfc5280/issuer-ca", pki().leaf("ca")),
            ("rfc5280/issuer-key-usage", ca().key_usage(KeyUsage(1))),
            ("rfc5280/expired", ca().expired()),
            ("rfc5280/extension-critical", ca().extension(NAME_CONSTRAINTS, EXCLUDES_A)),
            ("rfc5280/purpose", ca().client()),
        ];
        for (rule, recipe) in issuers {
            let intermediate = recipe.issued_by(&root).unwrap();
            let verdict = ask(&[&leaf().issued_by(&intermediate).unwrap(), &intermediate, &root], &[], "a");
            assert_eq!((first_rule(&verdict), verdict.outcome), (rule, Outcome::NotTrusted), "{:?}", verdict.paths);
        }
    }

    #[test]
    fn self_issued_cas_do_not_count_for_path_lengths() {
        let root = root();
        let limited = pki().ca("ca").path_len(0).issued_by(&root).unwrap();
        let renewed = pki().ca("ca").path_len(0).issued_by(&limited).unwrap();
        let below = pki().ca("below").issued_by(&limited).unwrap();
        let verdict = ask(&[&leaf().issued_by(&renewed).unwrap(), &renewed, &limited, &root], &[], "a");
        assert_eq!(verdict.outcome, Outcome::Trusted, "{:?}", verdict.paths);
        let verdict = ask(&[&leaf().issued_by(&below).unwrap(), &below, &limited, &root], &[], "a");
        assert_eq!((first_rule(&verdict), verdict.outcome), ("rfc5280/path-length", Outcome::NotTrusted));
    }

    #[test]
    fn lists_tell_who_is_revoked_if_their_signer_may() {
        let root = root();
        let good = leaf().issued_by(&root).unwrap();
        let bad = leaf().issued_by(&root).unwrap();
        let (before, after) = (NOW - time::Duration::DAY, NOW + time::Duration::DAY);
        let list = root.crl(before, after, &[&bad]).unwrap();
        assert_eq!(ask(&[&good, &root], std::slice::from_ref(&list), "a").outcome, Outcome::Trusted);
        assert_eq!(first_rule(&ask(&[&bad, &root], &[list], "a")), "rfc5280/revoked");
        let stale = root.crl(before, NOW - time::Duration::HOUR, &[]).unwrap();
        assert_eq!(first_rule(&ask(&[&good, &root], &[stale], "a")), "rfc5280/revocation-unknown");
        let kubeadm = pki().ca("root").self_signed().unwrap();
        let list = kubeadm.crl(before, after, &[]).unwrap();
        let verdict = ask(&[&leaf().issued_by(&kubeadm).unwrap(), &kubeadm], &[list], "a");
        assert_eq!(first_rule(&verdict), "rfc5280/revocation-unknown", "its key usage has no cRLSign");
    }

    #[test]
    fn cross_signed_layers_that_lead_nowhere_have_an_answer() {
        // Each of six layers of three CAs signs all of the next: 729 paths, all to an anchor of a path length that none obeys.
        let root = pki().ca("root").path_len(1).self_signed().unwrap();
        let mut above = vec![root];
        let mut cas = Vec::new();
        for layer in 0..6 {
            let mut next = Vec::new();
            for number in 0..3 {
                let name = format!("ca {layer} {number}");
                let mut own: Option<Identity> = None;
                for issuer in &above {
                    let recipe = pki().ca(&name);
                    let recipe = if let Some(own) = &own { recipe.key_of(own) } else { recipe };
                    let made = recipe.issued_by(issuer).unwrap();
                    if let Some(before) = own.replace(made) {
                        cas.push(before);
                    }
                }
                next.extend(own);
            }
            let done = std::mem::replace(&mut above, next);
            cas.extend(done);
        }
        let end = leaf().issued_by(&above[0]).unwrap();
        let root = cas.remove(0);
        let chain: Vec<&Identity> = std::iter::once(&end).chain(&above).chain(&cas).chain(std::iter::once(&root)).collect();
        assert_eq!(ask(&chain, &[], "a").outcome, Outcome::NotTrusted);
    }
}
