//! `openssl verify` of OpenSSL 3, as it is called without further options: `-CAfile` for the anchors, `-untrusted` for the
//! certificates at hand, `-purpose`, `-verify_hostname` and its sisters, `-attime`, `-verify_depth`, and with lists `-crl_check_all`.
//! `-x509_strict`, `-partial_chain` and `-policy_check` are off, and the security level is none.
//!
//! The rule: the program as it is (3.0.19; crypto/x509/x509_vfy.c and what it calls), quirks included. It builds one chain ([`build`])
//! and holds its tests to that one. The command goes on after some errors and stops at others; here everything that is wrong with a
//! trusted chain is said at once.

mod asn1;
mod build;
mod chains;
mod constraints;
mod crls;
mod dates;
mod extensions;
mod hosts;
mod issuers;
mod keys;
mod lists;
mod rules;
mod shapes;
mod usages;

pub(super) use rules::RULES;

use super::case::Case;
use super::rule::{Scope, Trail, enforced};
use super::{Attempt, Name, Outcome, Verdict, search, verdict};
use build::Pools;

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let paths = vec![unreadable(case).unwrap_or_else(|| judged(case))];
    let outcome = Outcome::of(&paths);
    let headline = verdict::headline(case, outcome, &paths);
    Verdict { verifier: case.verifier, outcome, headline, paths, omitted: 0, notes: notes(case) }
}

/// The one chain, and every rule on it. Where a chain ends without an anchor OpenSSL says why and stops, but goes on when it is a
/// self-signed certificate alone.
fn judged(case: &Case<'_>) -> Attempt {
    let trusted: Vec<_> = case.anchors.iter().collect();
    let untrusted: Vec<_> = case.intermediates.iter().filter(|member| chains::is_readable(member)).collect();
    let trail = Pools::new(&trusted, &untrusted).chain(case);
    let goes_on = trail.anchored || chains::end_entity_not_alone(&trail).is_err();
    let most = if goes_on { usize::MAX } else { 1 };
    let rejections = enforced(case.verifier, Scope::Path).filter_map(|rule| rule.rejection(&trail)).take(most).collect();
    search::attempt(&trail, rejections)
}

/// What cannot be read and must be: the end entity, and every trust anchor, for nothing is loaded of a file with a bad one in it.
fn unreadable(case: &Case<'_>) -> Option<Attempt> {
    let mut members = std::iter::once(&case.end_entity).chain(&case.anchors);
    let rejection = members.find_map(|member| {
        let alone = Trail { case, members: vec![member], anchored: false };
        enforced(case.verifier, Scope::Read).find_map(|rule| rule.rejection(&alone))
    })?;
    let trail = Trail { case, members: vec![&case.end_entity], anchored: false };
    Some(search::attempt(&trail, vec![rejection]))
}

/// What a reader must know besides.
fn notes(case: &Case<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if case.question.names.iter().any(|name| matches!(name, Name::Uri(_))) {
        notes.push(
            "openssl verify compares no URIs: the URI was compared with those of the certificate, octet by octet".to_owned(),
        );
    }
    let passed_over = case.intermediates.iter().filter(|member| !chains::is_readable(member));
    notes.extend(passed_over.map(|member| format!("{} is passed over: openssl cannot read it", member.certificate.short_name())));
    notes
}

#[cfg(test)]
mod tests {
    use crate::mint::{Identity, NOW, Recipe, pki};
    use crate::model::KeyUsage;
    use crate::verify::testing::{Ask, ask};
    use crate::verify::{Purpose, Verifier};
    use time::Duration;

    /// A server's certificate, what is at hand, what is trusted.
    fn bench(leaf: &Identity, intermediates: &[&Identity], anchors: &[&Identity]) -> Ask {
        ask(Verifier::OpenSsl, &[&[leaf], intermediates].concat(), anchors).purpose(Purpose::Server)
    }

    fn root() -> Identity {
        pki().ca("root").self_signed().unwrap()
    }

    #[test]
    fn a_chain_is_trusted_by_its_self_signed_anchor_alone() {
        let root = root();
        let ca = pki().ca("ca").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").dns("a.example").server().issued_by(&ca).unwrap();
        let none: [&str; 0] = [];
        assert_eq!(bench(&leaf, &[&ca], &[&root]).broken(), none);
        assert_eq!(bench(&leaf, &[], &[&root]).broken(), ["openssl/issuer-missing"]);
        assert_eq!(bench(&leaf, &[], &[&ca]).broken(), ["openssl/partial-chain"]);
        assert_eq!(bench(&leaf, &[&ca, &root], &[]).broken(), ["openssl/self-signed-root"]);
        assert_eq!(bench(&root, &[], &[]).purpose(Purpose::Any).broken(), ["openssl/self-signed-leaf"]);
        assert_eq!(bench(&leaf, &[&ca], &[&root]).max_depth(0).broken(), ["openssl/depth"]);
        assert_eq!(bench(&leaf, &[&ca], &[&root]).max_depth(1).broken(), none);
    }

    #[test]
    fn the_first_issuer_that_is_valid_now_is_the_only_one() {
        let root = root();
        let other = pki().ca("root").without_subject_key_id().self_signed().unwrap();
        let old = root.recipe().expired().self_signed().unwrap();
        let leaf = pki().leaf("leaf").server().without_authority_key_id().issued_by(&root).unwrap();
        assert_eq!(bench(&leaf, &[], &[&old, &root]).broken(), [""; 0]);
        assert_eq!(bench(&leaf, &[], &[&other, &root]).broken(), ["openssl/signature"]);
        assert_eq!(bench(&leaf, &[], &[&old]).broken(), ["openssl/expired"]);
        let with_key_id = pki().leaf("leaf").server().issued_by(&root).unwrap();
        let namesake = pki().ca("root").self_signed().unwrap();
        assert_eq!(bench(&with_key_id, &[], &[&namesake]).broken(), ["openssl/key-id"]);
    }

    #[test]
    fn trusted_certificates_that_issued_each_other_are_no_anchor() {
        let (a, b) = (pki().ca("a").self_signed().unwrap(), pki().ca("b").self_signed().unwrap());
        let (ab, ba) = (a.recipe().issued_by(&b).unwrap(), b.recipe().issued_by(&a).unwrap());
        let leaf = pki().leaf("leaf").issued_by(&a).unwrap();
        assert_eq!(bench(&leaf, &[], &[&ab, &ba]).broken(), ["openssl/depth"]);
        assert_eq!(bench(&leaf, &[&ab, &ba], &[]).broken(), ["openssl/issuer-missing"]);
    }

    #[test]
    fn a_date_named_as_last_is_over() {
        let root = root();
        let leaf = pki().leaf("leaf").valid(NOW, NOW + Duration::HOUR).issued_by(&root).unwrap();
        let bench = || bench(&leaf, &[], &[&root]);
        assert_eq!(bench().at(NOW + Duration::HOUR).broken(), ["openssl/expired"]);
        assert_eq!(bench().at(NOW + Duration::HOUR - Duration::MILLISECOND).broken(), [""; 0]);
        assert_eq!(bench().at(NOW).broken(), [""; 0]);
        assert_eq!(bench().at(NOW - Duration::SECOND).broken(), ["openssl/not-yet-valid"]);
    }

    #[test]
    fn usages_hold_for_the_whole_chain() {
        let root = root();
        let client = pki().ca("ca").client().issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").server().issued_by(&client).unwrap();
        assert_eq!(bench(&leaf, &[&client], &[&root]).broken(), ["openssl/purpose"]);
        let short = pki().ca("short").path_len(0).issued_by(&root).unwrap();
        let below = pki().ca("below").issued_by(&short).unwrap();
        let leaf = pki().leaf("leaf").server().issued_by(&below).unwrap();
        assert_eq!(bench(&leaf, &[&short, &below], &[&root]).broken(), ["openssl/path-length"]);
        let no_ca = pki().leaf("no-ca").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&no_ca).unwrap();
        let broken = bench(&leaf, &[&no_ca], &[&root]).purpose(Purpose::Any).broken();
        assert!(broken.contains(&"openssl/issuer-ca"), "{broken:?}");
        let no_sign = pki().ca("no-sign").key_usage(KeyUsage(1)).issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&no_sign).unwrap();
        let broken = bench(&leaf, &[&no_sign], &[&root]).purpose(Purpose::Any).broken();
        assert_eq!(broken, ["openssl/issuer-key-usage"]);
    }

    #[test]
    fn names_of_a_kind_leave_the_common_name_out() {
        let root = root();
        let asked = |names: &[&str], leaf: &Identity| bench(leaf, &[], &[&root]).names(names).broken();
        let leaf = pki().leaf("a.example").ip([10, 0, 0, 1]).server().issued_by(&root).unwrap();
        assert_eq!(asked(&["A.example", "10.0.0.1"], &leaf), [""; 0]);
        assert_eq!(asked(&["b.example", "10.0.0.2"], &leaf), ["openssl/host-name", "openssl/ip-address"]);
        let leaf = pki().leaf("a.example").dns("b.example").uri("spiffe://td/a").email("me@b.example").server();
        let leaf = leaf.issued_by(&root).unwrap();
        assert_eq!(asked(&["b.example", "spiffe://td/a", "me@B.example"], &leaf), [""; 0]);
        assert_eq!(
            asked(&["a.example", "spiffe://td/b", "Me@b.example"], &leaf),
            ["openssl/host-name", "openssl/email", "openssl/uri"]
        );
    }

    #[test]
    fn constraints_hold_for_common_names_that_look_like_hosts() {
        let root = root();
        // Only names of b.example are permitted.
        let constraints = b"\x30\x0f\xa0\x0d\x30\x0b\x82\x09b.example";
        let ca = pki().ca("ca").extension(&[2, 5, 29, 30], constraints).issued_by(&root).unwrap();
        let broken = |leaf: Recipe| bench(&leaf.server().issued_by(&ca).unwrap(), &[&ca], &[&root]).broken();
        assert_eq!(broken(pki().leaf("x").dns("a.b.example")), [""; 0]);
        assert_eq!(broken(pki().leaf("x").dns("a.example")), ["openssl/name-constraints"]);
        assert_eq!(broken(pki().leaf("www.a.example").ip([10, 0, 0, 1])), ["openssl/name-constraints"]);
        assert_eq!(broken(pki().leaf("localhost").ip([10, 0, 0, 1])), [""; 0]);
    }

    #[test]
    fn extensions_that_cannot_be_read_make_no_issuer_and_no_issued() {
        let root = root();
        let leaf = pki().leaf("leaf").extension(&[2, 5, 29, 30], b"\x30\x01").issued_by(&root).unwrap();
        assert_eq!(bench(&leaf, &[], &[&root]).broken(), ["openssl/invalid-extensions"]);
        let ca = pki().ca("ca").extension(&[2, 5, 29, 30], b"\x05\x00").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&ca).unwrap();
        assert_eq!(bench(&leaf, &[&ca], &[&root]).broken(), ["openssl/invalid-extensions"]);
    }

    #[test]
    fn every_certificate_needs_a_list() {
        const CERT_AND_CRL_SIGN: KeyUsage = KeyUsage(0b110_0000);
        let root = root().recipe().key_usage(CERT_AND_CRL_SIGN).self_signed().unwrap();
        let leaf = pki().leaf("leaf").server().issued_by(&root).unwrap();
        let with = |list: String| bench(&leaf, &[], &[&root]).crls(&[list]);
        let (from, to) = (NOW - Duration::DAY, NOW + Duration::DAY);
        assert_eq!(with(root.crl(from, to, &[]).unwrap()).broken(), [""; 0]);
        assert_eq!(with(root.crl(from, to, &[&leaf]).unwrap()).broken(), ["openssl/revoked"]);
        assert_eq!(with(root.crl(from, NOW, &[&leaf]).unwrap()).broken(), ["openssl/revocation-unknown"]);
        let kubeadm = pki().ca("kubernetes").self_signed().unwrap();
        let without_crl_sign = bench(&kubeadm, &[], &[&kubeadm]).crls(&[kubeadm.crl(from, to, &[]).unwrap()]);
        assert_eq!(without_crl_sign.purpose(Purpose::Any).broken(), ["openssl/revocation-unknown"]);
        let other = pki().ca("other").self_signed().unwrap();
        assert_eq!(with(other.crl(from, to, &[]).unwrap()).broken(), ["openssl/revocation-unknown"]);
    }
}
