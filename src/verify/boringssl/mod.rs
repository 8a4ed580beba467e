//! The verifier `envoy`: what BoringSSL's `X509_verify_cert` answers when Envoy's default certificate validator asks it
//! (source/common/tls/cert_validator/default_validator.cc), and what Envoy itself then makes of the names.
//!
//! The rule: one path is built ([`path`]) and everything on it must be right ([`RULES`]). Everything at hand must be readable first:
//! Envoy refuses a bundle, and a peer's chain, for one certificate that it cannot read. The same library with other flags is another
//! verifier: the flags that Envoy sets are named where they matter.

mod chain;
mod constraints;
mod crl;
mod facts;
mod grammar;
mod names;
mod path;
mod read;
mod revocation;
mod rules;
mod signature;
mod strict;
mod subtree;

pub(super) use rules::RULES;

use super::case::{Case, Member};
use super::rule::{Fault, Scope, Trail, enforced};
use super::search::attempt;
use super::{Attempt, Outcome, Rejection, Verdict, verdict};
use path::Built;

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let mut attempts = unreadable(case);
    let mut notes = Vec::new();
    if attempts.is_empty() {
        attempts = judged(case);
        notes.extend(one_path_only(case, &attempts));
    }
    if case.question.purpose == super::Purpose::Any {
        notes.push("no --purpose was given: Envoy itself asks for server or client, by the side that it is on".to_owned());
    }
    verdict::rank(&mut attempts);
    let outcome = Outcome::of(&attempts);
    let headline = verdict::headline(case, outcome, &attempts);
    Verdict { verifier: case.verifier, outcome, headline, paths: attempts, omitted: 0, notes }
}

/// What Envoy cannot read, which ends everything: in the bundle, in the peer's chain, in the end entity's extensions.
fn unreadable(case: &Case<'_>) -> Vec<Attempt> {
    let alone = |member| Trail { case, members: vec![member], anchored: false };
    let own = alone(&case.end_entity);
    let rejections = |scope: Scope, trail: &Trail<'_, '_>| -> Vec<Rejection> {
        enforced(case.verifier, scope).filter_map(|rule| rule.rejection(trail)).collect()
    };
    let places = [("the trust anchors", &case.anchors), ("the peer's chain", &case.intermediates)];
    let others = places.into_iter().flat_map(|(place, members)| members.iter().map(move |member| (place, member)));
    let others = others.flat_map(|(place, member)| {
        let named = move |rejection: Rejection| Rejection {
            node: case.end_entity.node,
            message: format!("{}, among {place}, cannot be read: {}", member.certificate.short_name(), rejection.message),
            ..rejection
        };
        rejections(Scope::Read, &alone(member)).into_iter().map(named)
    });
    let all: Vec<Rejection> = rejections(Scope::Read, &own)
        .into_iter()
        .chain(rejections(Scope::EndEntity, &own))
        .chain(others)
        .take(MOST_UNREADABLE)
        .collect();
    if all.is_empty() { Vec::new() } else { vec![attempt(&own, all)] }
}

/// Certificates that are told to be unreadable at most.
const MOST_UNREADABLE: usize = 16;

/// The path and what is wrong with it.
fn judged(case: &Case<'_>) -> Vec<Attempt> {
    match path::build(case) {
        Built::DeadEnd(attempts) => attempts,
        Built::Path(trail) => {
            let rejections = enforced(case.verifier, Scope::Path).filter_map(|rule| rule.rejection(&trail)).collect();
            vec![told(&trail, rejections)]
        }
    }
}

/// A path as it is told: anchors that issued each other make it as long as it may be, and are told once.
fn told(trail: &Trail<'_, '_>, rejections: Vec<Rejection>) -> Attempt {
    let mut seen = std::collections::HashSet::new();
    let members: Vec<&Member<'_>> = trail.members.iter().copied().take_while(|member| seen.insert(member.node)).collect();
    attempt(&Trail { case: trail.case, members, anchored: trail.anchored }, rejections)
}

/// A word on the way back that BoringSSL does not have.
fn one_path_only(case: &Case<'_>, attempts: &[Attempt]) -> Option<String> {
    let wrong = attempts.iter().flat_map(|attempt| &attempt.rejections).find(|rejection| rejection.rule == "envoy/signature")?;
    let issuer = &case.graph.certificate(wrong.node).issuer;
    let named = |member: &&Member<'_>| facts::same_name(&member.certificate.subject, issuer);
    let namesakes = case.anchors.iter().chain(&case.intermediates).filter(named).take(2).count();
    (namesakes > 1).then(|| format!("BoringSSL takes the first certificate of {issuer} that fits, and does not try another"))
}

/// A fault of the certificate at a place of the path.
fn fault(at: usize, message: String) -> Fault {
    Fault { at, message }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Ask};
    use super::super::{Purpose, Verifier};
    use crate::mint::{Identity, NOW, Recipe, pki};
    use crate::model::{ExtendedKeyUsage, KeyUsage};
    use time::Duration;

    /// The end entity and the others at hand; the anchors.
    fn ask(path: &[&Identity], anchors: &[&Identity]) -> Ask {
        testing::ask(Verifier::Envoy, path, anchors)
    }

    impl Ask {
        fn accepted(self) {
            assert_eq!(self.broken(), [""; 0]);
        }

        fn refused(self, rule: &'static str) {
            assert_eq!(self.broken(), [rule]);
        }
    }

    fn leaf() -> Recipe {
        pki().leaf("leaf").dns("a.example").server()
    }

    /// The root, and a CA below it by a recipe.
    fn ca(recipe: impl FnOnce(Recipe) -> Recipe) -> (Identity, Identity) {
        let root = pki().ca("root").self_signed().unwrap();
        let ca = recipe(pki().ca("ca")).issued_by(&root).unwrap();
        (root, ca)
    }

    /// What an end entity and a CA above it are told.
    fn both(leaf: Recipe, recipe: impl FnOnce(Recipe) -> Recipe) -> Ask {
        let (root, ca) = ca(recipe);
        ask(&[&leaf.issued_by(&ca).unwrap(), &ca], &[&root]).purpose(Purpose::Server)
    }

    #[test]
    fn any_certificate_of_the_bundle_is_an_anchor() {
        let (root, ca) = ca(|ca| ca);
        let leaf = leaf().issued_by(&ca).unwrap();
        let other = pki().ca("other").self_signed().unwrap();
        for anchors in [&[&root][..], &[&ca], &[&leaf], &[&root, &ca, &leaf]] {
            ask(&[&leaf, &ca], anchors).names(&["a.example"]).purpose(Purpose::Server).accepted();
        }
        ask(&[&leaf, &ca], &[&other]).refused("envoy/issuer-missing");
        ask(&[&leaf, &ca, &root], &[&other]).refused("envoy/self-signed");
        ask(&[&other], &[&root]).refused("envoy/self-signed");
        ask(&[&other], &[&other]).accepted();
        ask(&[&leaf, &ca], &[&root]).max_depth(0).refused("envoy/depth");
        ask(&[&leaf, &ca], &[&root]).max_depth(1).accepted();
    }

    #[test]
    fn there_is_no_way_back_from_the_first_that_fits() {
        let bare = || pki().ca("ca").without_subject_key_id();
        let (old, new) = (bare().self_signed().unwrap(), bare().self_signed().unwrap());
        let leaf = leaf().issued_by(&new).unwrap();
        ask(&[&leaf], &[&old, &new]).refused("envoy/signature");
        ask(&[&leaf], &[&new, &old]).accepted();
    }

    #[test]
    fn namesakes_are_told_apart_by_key_id_and_usage() {
        let (one, two) = (pki().ca("ca").self_signed().unwrap(), pki().ca("ca").self_signed().unwrap());
        let leaf = || leaf().issued_by(&two).unwrap();
        ask(&[&leaf()], &[&one]).refused("envoy/issuer-key-id");
        ask(&[&leaf()], &[&one, &two]).accepted();
        let unfit = two.recipe().key_usage(KeyUsage(1)).self_signed().unwrap();
        ask(&[&leaf()], &[&unfit]).refused("envoy/issuer-key-usage");
        let odd = two.recipe().extension(&[2, 5, 29, 30], &[5, 0]).self_signed().unwrap();
        ask(&[&leaf()], &[&odd]).refused("envoy/issuer-extensions");
        let key_id_and_serial = [&[0x30, 3, 0x82, 1][..], &[9]].concat();
        let child =
            pki().leaf("x").without_authority_key_id().extension(&[2, 5, 29, 35], &key_id_and_serial).issued_by(&two).unwrap();
        ask(&[&child], &[&two]).refused("envoy/issuer-serial");
        ask(&[&child], &[&two.recipe().serial(&[9]).self_signed().unwrap()]).accepted();
    }

    #[test]
    fn what_cannot_be_read_ends_everything() {
        let (root, ca) = ca(|ca| ca);
        let leaf = leaf().issued_by(&ca).unwrap();
        let odd = |identity: &Identity| {
            let mut der = identity.der().to_vec();
            // The version, which is not kcert's business.
            der[12] = 7;
            der
        };
        let plain = || ask(&[&leaf, &ca], &[&root]);
        plain().accepted();
        Ask { anchors: vec![root.der().to_vec(), odd(&ca)], ..plain() }.refused("envoy/encoding");
        Ask { path: vec![leaf.der().to_vec(), ca.der().to_vec(), odd(&root)], ..plain() }.refused("envoy/encoding");
        let twice = pki().leaf("x").dns("a").extension(&[2, 5, 29, 17], &[0x30, 3, 0x82, 1, b'b']).issued_by(&ca).unwrap();
        ask(&[&twice, &ca], &[&root]).refused("envoy/extensions");
        let length =
            pki().leaf("x").without_basic_constraints().extension(&[2, 5, 29, 19], &[0x30, 3, 2, 1, 0]).issued_by(&ca).unwrap();
        ask(&[&length, &ca], &[&root]).refused("envoy/extensions");
    }

    #[test]
    fn usages() {
        both(leaf(), |ca| ca).accepted();
        both(leaf(), |ca| ca).purpose(Purpose::Client).refused("envoy/purpose");
        both(leaf(), |ca| ca.purpose(ExtendedKeyUsage::Any)).refused("envoy/purpose");
        both(leaf(), Recipe::server).accepted();
        both(leaf().key_usage(KeyUsage(1 << 1)), |ca| ca).refused("envoy/key-usage");
        both(leaf().key_usage(KeyUsage(1 << 2)), |ca| ca).accepted();
        both(leaf(), Recipe::without_basic_constraints).refused("envoy/issuer-ca");
    }

    #[test]
    fn path_lengths_count_all_but_self_issued_cas() {
        let root = pki().ca("root").self_signed().unwrap();
        let upper = pki().ca("upper").path_len(0).issued_by(&root).unwrap();
        let answer = |name: &str| {
            let lower = pki().ca(name).issued_by(&upper).unwrap();
            let leaf = leaf().issued_by(&lower).unwrap();
            ask(&[&leaf, &lower, &upper], &[&root]).purpose(Purpose::Server)
        };
        answer("lower").refused("envoy/path-length");
        answer("upper").accepted();
    }

    #[test]
    fn dates_of_the_anchor_count_too() {
        let root = pki().ca("root").expired().self_signed().unwrap();
        let leaf = leaf().issued_by(&root).unwrap();
        ask(&[&leaf], &[&root]).refused("envoy/expired");
        let root = root.recipe().not_yet_valid().self_signed().unwrap();
        ask(&[&leaf], &[&root]).refused("envoy/not-yet-valid");
        let root = root.recipe().ends_in(Duration::ZERO).self_signed().unwrap();
        ask(&[&leaf], &[&root]).refused("envoy/expired");
        let root = root.recipe().ends_in(Duration::SECOND).self_signed().unwrap();
        ask(&[&leaf], &[&root]).accepted();
    }

    #[test]
    fn signatures_are_by_algorithms_and_keys_that_are_taken() {
        const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let root = pki().ca("root").self_signed().unwrap();
        let leaf = leaf().issued_by(&root).unwrap();
        // Adds one to the last octet of an OID, at so many places from the end.
        let altered = |identity: &Identity, oid: &[u8], places: usize| {
            let mut der = identity.der().to_vec();
            let found: Vec<_> = memchr::memmem::find_iter(&der, oid).map(|at| at + oid.len() - 1).collect();
            found.iter().rev().take(places).for_each(|at| der[*at] += 7);
            der
        };
        let plain = || ask(&[&leaf], &[&root]);
        Ask { path: vec![altered(&leaf, ECDSA_WITH_SHA256, 1)], ..plain() }.refused("envoy/signature-form");
        Ask { path: vec![altered(&leaf, ECDSA_WITH_SHA256, 2)], ..plain() }.refused("envoy/signature-algorithm");
        Ask { anchors: vec![altered(&root, P256, 1)], ..plain() }.refused("envoy/issuer-key");
        let rsa = root.recipe().key(crate::mint::KeyKind::Ed25519).without_subject_key_id().self_signed().unwrap();
        ask(&[&leaf], &[&rsa]).refused("envoy/signature");
    }

    #[test]
    fn critical_extensions_are_those_that_are_known() {
        let root = pki().ca("root").self_signed().unwrap();
        let usage: &[u8] = &[0x55, 0x1d, 15, 1, 1, 0xff];
        let altered = |identity: &Identity| {
            let mut der = identity.der().to_vec();
            let at = memchr::memmem::find(&der, usage).unwrap();
            der[at + 2] = 99;
            der
        };
        let leaf = leaf().issued_by(&root).unwrap();
        let odd = Ask { path: vec![altered(&leaf)], ..ask(&[], &[&root]) }.broken();
        assert_eq!(odd, ["envoy/critical-extension", "envoy/signature"]);
        Ask { anchors: vec![altered(&root)], ..ask(&[&leaf], &[]) }.accepted();
    }

    #[test]
    fn every_certificate_needs_a_list() {
        let root = pki().ca("root").self_signed().unwrap();
        let other = pki().ca("root").self_signed().unwrap();
        let (leaf, bad) = (leaf().issued_by(&root).unwrap(), pki().leaf("bad").issued_by(&root).unwrap());
        let day = Duration::days(1);
        let crl = |issuer: &Identity, from, to| issuer.crl(NOW + from, NOW + to, &[&bad]).unwrap();
        let plain = |leaf: &Identity, crls: &[String]| ask(&[leaf], &[&root]).crls(crls);
        // kubeadm's CAs may not sign lists.
        plain(&leaf, &[crl(&root, -day, day)]).refused("envoy/crl-unusable");
        let signs = root.recipe().key_usage(KeyUsage(0b110_0000)).self_signed().unwrap();
        let plain = |leaf: &Identity, crls: &[String]| ask(&[leaf], &[&signs]).crls(crls);
        plain(&leaf, &[crl(&signs, -day, day)]).accepted();
        plain(&bad, &[crl(&signs, -day, day)]).refused("envoy/revoked");
        plain(&leaf, &[crl(&signs, -day * 2, -day)]).refused("envoy/crl-unusable");
        plain(&leaf, &[crl(&signs, day, day * 2)]).refused("envoy/crl-unusable");
        plain(&leaf, &[crl(&pki().ca("x").self_signed().unwrap(), -day, day)]).refused("envoy/crl-missing");
        plain(&leaf, &[crl(&other, -day, day)]).refused("envoy/crl-missing");
    }

    #[test]
    fn names_are_envoys_own() {
        let (root, ca) = ca(|ca| ca);
        let leaf = leaf().ip([10, 0, 0, 1]).uri("spiffe://cluster.local/ns/a").email("me@example").issued_by(&ca).unwrap();
        let plain = |names: &[&str]| ask(&[&leaf, &ca], &[&root]).names(names);
        plain(&["a.example", "10.0.0.1", "spiffe://cluster.local/ns/a", "me@example"]).accepted();
        for name in ["b.example", "10.0.0.2", "spiffe://cluster.local/ns/b", "ME@example"] {
            plain(&["a.example", name]).refused("envoy/name");
        }
        let bare = pki().leaf("c.example").issued_by(&ca).unwrap();
        ask(&[&bare, &ca], &[&root]).names(&["c.example"]).refused("envoy/common-name");
    }

    #[test]
    fn name_constraints_and_policies() {
        let constraints = |base: &[u8]| {
            let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
            wrap(0x30, &wrap(0xa0, &wrap(0x30, base)))
        };
        let under = |base: &'static [u8]| both(leaf(), |ca| ca.extension(&[2, 5, 29, 30], &constraints(base)));
        under(b"\x82\x07example").accepted();
        under(b"\x82\x05other").refused("envoy/name-constraints");
        both(leaf().ip([10, 0, 0, 1]), |ca| ca.extension(&[2, 5, 29, 30], &constraints(b"\x87\x08\x0a\0\0\0\xff\0\0\0")))
            .refused("envoy/name-constraints");
        both(leaf(), |ca| ca.extension(&[2, 5, 29, 36], &[0x30, 3, 0x80, 1, 0])).refused("envoy/policies");
        let odd = both(leaf().extension(&[2, 5, 29, 32], &[5, 0]), |ca| ca).broken();
        assert_eq!(odd, ["envoy/policy-extensions", "envoy/policies"]);
    }
}
