//! crypto/x509 of every Go release from 1.15 on: `ParseCertificate`, `Verify` and `VerifyHostname`.
//!
//! What the parser refuses is in `read`, what Verify does in `rules`, both tables with the releases that have each rule; smaller
//! differences are the `habits`. Go tries every path: anchors before intermediates, those first whose key identifiers agree, until it has
//! looked at a hundred signatures.

mod asn1;
mod constraints;
mod cryptobyte;
mod encoding_asn1;
mod extensions;
mod facts;
mod habits;
mod key;
mod name;
mod names;
mod oid;
mod read;
mod rules;
mod signature;
mod subtrees;
mod text;
mod url;

pub(super) use facts::Library;
pub(super) use read::RULES as READ_RULES;
pub(super) use rules::RULES;

use super::Verdict;
use super::case::{Case, Member};
use super::oid::SUBJECT_ALT_NAME;
use super::rule::Trail;
use super::search::{self, Budget, BudgetOwner, Candidate, Counted, Quirks, Readable, Strategy, TrustedEndEntity, Visits};
use facts::{Facts, facts};
use habits::{ISSUERS_BY_KEY_ID, REPEATS_COUNT, SAME_ENCODING_REPEATS};

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let mut strategy = STRATEGY;
    if SAME_ENCODING_REPEATS.of(case.verifier) {
        strategy.quirks.visits = Visits::Once;
    }
    if REPEATS_COUNT.of(case.verifier) {
        strategy.quirks.counted = Counted::All;
    }
    let mut verdict = search::verdict(case, &strategy);
    if !case.question.crls.is_empty() {
        verdict.notes.push("crypto/x509 looks at no revocation list: those given were ignored".to_owned());
    }
    if case.question.max_depth.is_some() {
        verdict.notes.push("crypto/x509 knows no limit of depth: the one given was ignored".to_owned());
    }
    verdict
}

/// What is the same in all releases.
const STRATEGY: Strategy = Strategy {
    candidates,
    repeats,
    trusted_end_entity: TrustedEndEntity::IsThePath,
    budget: Budget {
        candidates: 100,
        length: 102,
        owner: BudgetOwner::Verifier,
        citation: "crypto/x509 maxChainSignatureChecks (CVE-2018-16875)",
    },
    quirks: Quirks { counted: Counted::New, visits: Visits::Always, fatal: rules::PANICS },
};

/// `findPotentialParents` of the anchors, then of the intermediates.
fn candidates<'c, 'a>(readable: &Readable<'c, 'a>, trail: &Trail<'c, 'a>) -> Vec<Candidate<'c, 'a>> {
    let child = facts(trail.case, trail.last());
    let order = if ISSUERS_BY_KEY_ID.of(trail.case.verifier) { by_key_id } else { by_name };
    let anchors = order(trail, &readable.anchors, &child).into_iter().map(|member| Candidate { member, anchor: true });
    let intermediates = order(trail, &readable.intermediates, &child).into_iter();
    anchors.chain(intermediates.map(|member| Candidate { member, anchor: false })).collect()
}

/// Of that name: first those whose key identifier is the one asked for (or neither has one), then those where one is missing.
fn by_name<'c, 'a>(trail: &Trail<'c, 'a>, pool: &[&'c Member<'a>], child: &Facts<'_>) -> Vec<&'c Member<'a>> {
    let mut found: Vec<(u8, &Member<'a>)> = Vec::new();
    for member in pool {
        let issuer = facts(trail.case, member);
        let class = match (issuer.subject_key_id, child.authority_key_id) {
            (own, wanted) if own == wanted => 0,
            ([], _) | (_, []) => 1,
            _ => 2,
        };
        found.extend((issuer.subject == child.issuer).then_some((class, *member)));
    }
    found.sort_by_key(|(class, _)| *class);
    found.into_iter().map(|(_, member)| member).collect()
}

/// Of that key identifier; if there is none, of that name.
fn by_key_id<'c, 'a>(trail: &Trail<'c, 'a>, pool: &[&'c Member<'a>], child: &Facts<'_>) -> Vec<&'c Member<'a>> {
    let matching = |is: &dyn Fn(&Facts<'_>) -> bool| -> Vec<&'c Member<'a>> {
        pool.iter().copied().filter(|member| is(&facts(trail.case, member))).collect()
    };
    let of_key = match child.authority_key_id {
        [] => Vec::new(),
        wanted => matching(&|issuer| issuer.subject_key_id == wanted),
    };
    if of_key.is_empty() { matching(&|issuer| issuer.subject == child.issuer) } else { of_key }
}

/// Whether a candidate is on the path: by its encoding, since Go 1.19 by subject, key and alternative names (`alreadyInChain`).
fn repeats<'a>(trail: &Trail<'_, 'a>, candidate: &Member<'a>) -> bool {
    if SAME_ENCODING_REPEATS.of(trail.case.verifier) {
        return trail.members.iter().any(|member| member.node == candidate.node);
    }
    let names = |facts: &Facts<'_>| facts.extension(SUBJECT_ALT_NAME).map(|extension| extension.value.to_vec());
    let sought = facts(trail.case, candidate);
    let sought_names = names(&sought);
    for member in &trail.members {
        let known = facts(trail.case, member);
        if known.subject != sought.subject || known.spki != sought.spki {
            continue;
        }
        match (names(&known), &sought_names) {
            (None, None) => return true,
            (Some(known), Some(sought)) if known == *sought => return true,
            (Some(_), Some(_)) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    //! Minted chains put to releases, and the rules that they break.

    use super::super::testing::{Ask, ask};
    use super::super::{Purpose, Verifier};
    use crate::mint::{Identity, Recipe, pki};

    /// End entity first, anchor last.
    fn chain(members: &[&Identity]) -> Ask {
        let (anchor, path) = members.split_last().unwrap();
        ask(Verifier::newest_go(), path, &[anchor])
    }

    /// Root, CA and leaf, each after a change of its recipe.
    fn three(root: Change, ca: Change, leaf: Change) -> Ask {
        let root = root(pki().ca("root")).self_signed().unwrap();
        let ca = ca(pki().ca("ca")).issued_by(&root).unwrap();
        let leaf = leaf(pki().leaf("leaf").dns("www.a.example")).issued_by(&ca).unwrap();
        chain(&[&leaf, &ca, &root])
    }

    type Change = fn(Recipe) -> Recipe;
    const AS_IT_IS: Change = |recipe| recipe;

    /// `permittedSubtrees` or `excludedSubtrees` with one dNSName.
    fn subtree(tag: u8, name: &str) -> Vec<u8> {
        let wrap = |tag: u8, contents: &[u8]| [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat();
        wrap(0x30, &wrap(tag, &wrap(0x30, &wrap(0x82, name.as_bytes()))))
    }

    const EVERY: [&str; 5] = ["go1.15", "go1.17", "go1.22", "go1.25", "go1.27"];

    #[test]
    fn good_chains_are_trusted_by_all() {
        for verifier in EVERY {
            let asked = three(AS_IT_IS, AS_IT_IS, AS_IT_IS).names(&["WWW.a.example"]).purpose(Purpose::Server);
            assert_eq!(asked.by(verifier).rule(), "", "{verifier}");
        }
    }

    #[test]
    fn every_release_refuses_what_all_refuse() {
        let keep = AS_IT_IS;
        let constrained: Change = |ca| ca.extension(&[2, 5, 29, 30], &subtree(0xa0, "b.example"));
        for (asked, rule) in [
            (three(keep, keep, Recipe::expired), "go/expired"),
            (three(keep, keep, Recipe::not_yet_valid), "go/not-yet-valid"),
            (three(keep, Recipe::expired, keep), "go/issuer-expired"),
            (three(Recipe::expired, keep, keep), "go/issuer-expired"),
            (three(|root| root.path_len(0), keep, keep), "go/path-length"),
            (three(keep, Recipe::without_basic_constraints, keep), "go/issuer-ca"),
            (three(keep, keep, Recipe::client).purpose(Purpose::Server), "go/purpose"),
            (three(keep, Recipe::client, keep).purpose(Purpose::Server), "go/purpose"),
            (three(keep, keep, keep).names(&["b.example"]), "go/host-name"),
            (three(keep, keep, keep).names(&["10.0.0.1"]), "go/host-name"),
            (three(keep, keep, keep).names(&["spiffe://a/b"]), "go/uri-name"),
            (three(keep, keep, keep).names(&["a@b.example"]), "go/email-name"),
            (three(keep, keep, |leaf| leaf.extension(&[2, 5, 29, 31], &[5, 0])), "go/extension"),
        ] {
            for verifier in EVERY {
                assert_eq!(asked.by(verifier).rule(), rule, "{verifier}");
            }
        }
        for (verifier, rule) in [("go1.25", "go/issuer-name-constraints"), ("go1.26", "go/name-constraints")] {
            assert_eq!(three(keep, constrained, keep).by(verifier).rule(), rule);
        }
    }

    #[test]
    fn releases_part_where_their_notes_say_so() {
        let keep = AS_IT_IS;
        let twice: Change = |leaf| leaf.extension(&[1, 2, 3], &[5, 0]).extension(&[1, 2, 3], &[5, 0]);
        let policy: Change = |leaf| leaf.extension(&[2, 5, 29, 36], &[0x30, 3, 0x80, 1, 0]);
        let empty: Change = |leaf| leaf.dns("x").uri("https://.a/");
        let mapping: Change = |leaf| leaf.extension(&[2, 5, 29, 33], &[5, 0]);
        for (asked, before, after, rule) in [
            (three(keep, keep, twice), "go1.18", "go1.19", "go/duplicate-extension"),
            (three(keep, keep, empty), "go1.22", "go1.23", "go/name-leading-dot"),
            (three(keep, keep, mapping), "go1.23", "go1.24", "go/policy-extension"),
            (three(keep, keep, policy), "go1.24.3", "go1.24.4", "go/policies"),
            (three(keep, keep, policy).purpose(Purpose::Server), "go1.23", "go1.24.0", "go/policies-with-usage"),
        ] {
            assert_eq!((asked.by(before).rule(), asked.by(after).rule()), ("", rule), "{before} {after}");
        }
    }

    #[test]
    fn the_common_name_alone_is_no_name() {
        let root = pki().ca("root").self_signed().unwrap();
        let leaf = pki().leaf("www.a.example").issued_by(&root).unwrap();
        for verifier in EVERY {
            assert_eq!(chain(&[&leaf, &root]).names(&["www.a.example"]).by(verifier).rule(), "go/common-name");
        }
    }

    #[test]
    fn bytes_that_are_not_der_are_refused() {
        let asked = three(AS_IT_IS, AS_IT_IS, AS_IT_IS);
        let leaf = &asked.path[0];
        let serial = leaf.windows(3).position(|window| window == [0xa0, 3, 2]).map(|version| version + 5).unwrap();
        let changed = |at: usize, octet: u8| {
            let mut asked = asked.clone();
            asked.path[0][at] = octet;
            asked
        };
        assert_eq!(leaf[serial], 2, "an INTEGER");
        assert_eq!(changed(serial + 2, 0x85).by("go1.27").rule(), "go/negative-serial");
        assert_eq!(changed(serial + 2, 0x85).by("go1.22").rule(), "go/signature", "the signature does not fit any more");
        assert_eq!(changed(serial - 1, 5).by("go1.27").rule(), "go/version");
        let unread = changed(serial - 1, 5).names(&["b.example"]).broken();
        assert_eq!(unread, ["go/version"], "what cannot be read is not compared with names");
        assert_eq!(changed(serial - 1, 5).by("go1.16").rule(), "go/signature");
    }

    #[test]
    fn a_key_that_signs_is_known_by_its_signature() {
        let (root, other) = (pki().ca("root").self_signed().unwrap(), pki().ca("root").self_signed().unwrap());
        let leaf = pki().leaf("leaf").without_authority_key_id().issued_by(&root).unwrap();
        let stranger = pki().ca("stranger").self_signed().unwrap();
        for verifier in EVERY {
            assert_eq!(chain(&[&leaf, &root]).by(verifier).rule(), "");
            assert_eq!(chain(&[&leaf, &other]).by(verifier).rule(), "go/signature");
            assert_eq!(chain(&[&leaf, &stranger]).by(verifier).rule(), "path/dead-end");
            assert_eq!(chain(&[&leaf, &leaf]).by(verifier).rule(), "", "trusted itself");
        }
    }
}
