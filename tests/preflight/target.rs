//! `--target`: what the toolchain of another Kubernetes release will refuse, and what it is not to be blamed for
//! (kubernetes-pki.md 7).

use super::broken::OTHERS_TO_APISERVER;
use super::cases::TO_APISERVER;
use super::cluster::Era;
use super::harness::{Report, Scenario, broken, healthy, text};
use super::healthy::ALL;
use super::kubeadm::{self, kubeadm};
use super::objects::kubeadm_bindings;
use super::odd::{self, Oddity};
use super::site::Site;
use kcert::mint::Recipe;

/// A cluster of a release whose API server has something odd; nothing where openssl cannot make it.
fn odd_server(version: &'static str, oddity: Oddity, twist: fn(Recipe) -> Recipe) -> Option<Site> {
    let mut site = kubeadm().era(Era::Masters).release(version).twist("apiserver", twist).build();
    odd::replace(&mut site, "apiserver", "ca", oddity)?;
    Some(site)
}

fn as_it_is(recipe: Recipe) -> Recipe {
    recipe
}

/// Judges a site, and gives the report.
fn judged(site: &Site, arguments: &[&str], expected: &Scenario) -> Report {
    let report = Report::of(site, arguments).unwrap();
    let wrong = expected.judge(&report);
    assert!(wrong.is_empty(), "{arguments:?}\n{}\n{:#}", wrong.join("\n"), report.json["findings"]);
    report
}

/// The evidence of the one `rejected-by-target`.
fn evidence(report: &Report) -> String {
    let rejected: Vec<_> = report.findings().filter(|finding| finding["code"] == "rejected-by-target").collect();
    assert_eq!(rejected.len(), 1, "{:#}", report.json["findings"]);
    rejected[0]["evidence"].to_string()
}

/// Fails unless all these words are in the evidence, in capitals or not.
fn tells(report: &Report, words: &[&str]) {
    let evidence = evidence(report).to_lowercase();
    for word in words {
        assert!(evidence.contains(word), "{word} is not in {evidence}");
    }
}

/// The API server's certificate is refused by the target, and every way to it with it.
const REJECTED: Scenario = broken("", kubeadm)
    .finds(&[("rejected-by-target", "pki/apiserver.crt")])
    .also(&["weak-signature", "weak-key", "malformed"])
    .breaks(TO_APISERVER)
    .may_break(OTHERS_TO_APISERVER);

#[test]
fn sha1_signatures_end_with_1_24() {
    let Some(site) = odd_server("v1.23.0", Oddity::Sha1, as_it_is) else { return };
    let accepted = healthy("", kubeadm).exits(&[0, 1]).also(&["weak-signature"]).works(ALL);
    judged(&site, &[], &accepted);
    judged(&site, &["--target", "1.23"], &accepted);
    let report = judged(&site, &["--target", "1.24"], &REJECTED);
    tells(&report, &["sha", "1.18", "1.24", "x509sha1=1"]);
    for target in ["v1.24", "1.24.3", "1.30"] {
        judged(&site, &["--target", target], &REJECTED);
    }
    // Go 1.24 has no way back any more.
    let report = judged(&site, &["--target", "1.33"], &REJECTED);
    tells(&report, &["sha", "1.33"]);
}

#[test]
fn negative_serial_numbers_end_with_1_32() {
    let Some(site) = odd_server("v1.31.0", Oddity::NegativeSerial, as_it_is) else { return };
    let accepted = healthy("", kubeadm).exits(&[0, 1]).also(&["malformed"]).works(ALL);
    judged(&site, &["--target", "1.31"], &accepted);
    let report = judged(&site, &["--target", "1.32"], &REJECTED);
    tells(&report, &["1.23", "1.32", "x509negativeserial=1"]);
}

#[test]
fn small_rsa_keys_end_with_1_33() {
    let Some(site) = odd_server("v1.32.0", Oddity::Rsa(768), as_it_is) else { return };
    let accepted = healthy("", kubeadm).exits(&[1, 2]).also(&["weak-key"]).works(ALL);
    judged(&site, &["--target", "1.32"], &accepted);
    let report = judged(&site, &["--target", "1.33"], &REJECTED);
    tells(&report, &["1.24", "1.33", "rsa1024min=0"]);
}

#[test]
fn rsa_keys_of_1024_bits_stay() {
    let Some(site) = odd_server("v1.32.0", Oddity::Rsa(1024), as_it_is) else { return };
    judged(&site, &["--target", "1.33"], &healthy("", kubeadm).exits(&[0, 1]).also(&["weak-key"]).works(ALL));
}

#[test]
fn duplicate_extensions_end_with_1_25() {
    let Some(site) = odd_server("v1.24.0", Oddity::DuplicateExtension, as_it_is) else { return };
    judged(&site, &["--target", "1.24"], &healthy("", kubeadm).exits(&[0, 1, 3]).also(&["malformed"]).works(ALL));
    let report = judged(&site, &["--target", "1.25"], &REJECTED.exits(&[2]));
    tells(&report, &["1.19", "1.25"]);
}

#[test]
fn what_is_broken_today_is_not_blamed_on_the_target() {
    let Some(site) = odd_server("v1.23.0", Oddity::Sha1, Recipe::expired) else { return };
    let over = broken("", kubeadm)
        .finds(&[("expired", "pki/apiserver.crt")])
        .also(&["weak-signature"])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER);
    judged(&site, &["--target", "1.24"], &over);
    let Some(site) = odd_server("v1.26.0", Oddity::Sha1, as_it_is) else { return };
    let refused = broken("", kubeadm)
        .finds(&[("weak-signature", "pki/apiserver.crt")])
        .also(&["untrusted", "ca-does-not-sign-server"])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER);
    judged(&site, &["--target", "1.30"], &refused);
}

#[test]
fn the_present_version_can_be_said() {
    let Some(site) = odd_server("v1.23.0", Oddity::Sha1, as_it_is) else { return };
    judged(&site, &["--from", "1.23", "--target", "1.24"], &REJECTED);
    let Some(mut site) = odd_server("v1.23.0", Oddity::Sha1, as_it_is) else { return };
    site.first().remove_below("/etc/kubernetes/manifests/");
    judged(&site, &["--from", "1.22", "--target", "1.24"], &REJECTED);
}

#[test]
fn healthy_clusters_pass_every_target() {
    for (release, keys) in [("v1.20.2", true), ("v1.28.15", false), ("v1.32.4", true), ("v1.35.0", false)] {
        let cluster = kubeadm().era(if release < "v1.29" { Era::Masters } else { Era::ClusterAdmins }).release(release);
        let site = if keys { cluster.rsa() } else { cluster }.build();
        for target in ["1.23", "1.24", "1.25", "1.29", "1.32", "1.33", "1.34", "1.35", "1.36"] {
            if format!("v{target}").as_str() >= &release[..5] {
                judged(&site, &["--target", target], &healthy("", kubeadm).works(ALL));
            }
        }
    }
}

#[test]
fn an_external_ca_is_told_before_admin_conf_is_made_anew() {
    let site = kubeadm().era(Era::Masters).release("v1.28.15").edit(kubeadm::without_ca_key).build();
    let expected = healthy("", kubeadm).exits(&[0, 1]).notes(&[("external-ca", "ca.crt")]).works(ALL);
    let report = judged(&site, &["--target", "1.29"], &expected);
    assert!(report.findings().any(|finding| finding["code"] == "external-ca" && finding.to_string().contains("1.29")));
}

#[test]
fn the_group_of_the_api_servers_client_goes_with_patches_of_2026() {
    let site = kubeadm().release("v1.35.0").edit(|site| site.add(kubeadm_bindings())).build();
    let expected = healthy("", kubeadm).exits(&[0, 1]).notes(&[("client-group", "apiserver-kubelet-client")]).works(ALL);
    let report = judged(&site, &["--target", "1.35.5"], &expected);
    let told = report.findings().find(|finding| finding["code"] == "client-group").unwrap();
    assert!(told.to_string().contains("kubeadm:apiserver-kubelet-client"), "{told}");
    judged(&site, &["--target", "1.35.4"], &healthy("", kubeadm).works(ALL));
}

#[test]
fn nonsense_is_a_usage_error() {
    let site = kubeadm().build();
    for target in ["latest", "1", "1.x", ""] {
        match Report::of(&site, &["--target", target]) {
            Ok(report) => assert_eq!(report.exit, 3, "{target}: {}", text(&report.json["kind"])),
            Err(message) => assert!(message.starts_with("exit 3 "), "{target}: {message}"),
        }
    }
}
