//! The form of the report, whatever it says: what scripts read, and what a person sees first.

use super::cluster::{Cluster, days};
use super::harness::{Report, report_of, text};
use super::kubeadm::{self, three, with_pods};
use super::{istio, others, rancher};
use kcert::mint::Recipe;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Clusters of several kinds.
fn samples() -> Vec<Report> {
    let clusters: [Cluster; 7] = [
        with_pods(),
        three().worker(kubeadm::WORKER).twist("cp-2:apiserver", Recipe::expired).own("cp-3:sa"),
        with_pods().twist("ca", |ca| days(ca, 20)),
        rancher::k3s().issued_by("client-admin", "stranger"),
        others::microk8s(),
        istio::plugged_mesh(),
        with_pods().edit(|site| {
            site.first().remove("/etc/kubernetes/pki/apiserver.crt");
        }),
    ];
    clusters.iter().map(report_of).collect()
}

/// The programs at the ends of handshakes.
const PROGRAMS: &[&str] =
    &["admin", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd"];

#[test]
fn handshakes_are_told_completely() {
    for report in samples() {
        let mut seen = BTreeSet::new();
        for handshake in report.handshakes() {
            let [id, client, server] = ["id", "client", "server"].map(|field| text(&handshake[field]));
            assert!(seen.insert(id), "{id} is told twice");
            assert!(!client.is_empty() && !server.is_empty(), "{handshake}");
            assert!(id.starts_with(&format!("{client}→{server}")), "{handshake}");
            let reasons = handshake["reasons"].as_array().unwrap();
            match text(&handshake["verdict"]) {
                "broken" => assert!(!reasons.is_empty(), "{handshake}"),
                verdict => assert!(["ok", "unknown"].contains(&verdict), "{handshake}"),
            }
        }
        let ends = report.handshakes().flat_map(|handshake| [text(&handshake["client"]), text(&handshake["server"])]);
        let known = ends.filter(|end| PROGRAMS.contains(end)).count();
        assert!(known > 0 || report.json.to_string().contains("istio"), "{:#}", report.json["handshakes"]);
    }
}

#[test]
fn what_breaks_has_a_date_where_dates_are_known() {
    for report in samples() {
        for handshake in report.handshakes().filter(|handshake| handshake["verdict"] == "ok") {
            let end = text(&handshake["breaksAt"]);
            assert!(end > "2026-11-21T20:00:00Z", "{handshake}");
        }
    }
}

#[test]
fn findings_and_handshakes_fit_together() {
    for report in samples() {
        let ids: BTreeSet<_> = report.handshakes().map(|handshake| text(&handshake["id"])).collect();
        let codes: BTreeSet<_> = report.findings().map(|finding| text(&finding["code"])).collect();
        for finding in report.findings() {
            let handshake = &finding["handshake"];
            assert!(handshake.is_null() || ids.contains(text(handshake)), "{finding:#}");
        }
        for handshake in report.handshakes().filter(|handshake| handshake["verdict"] == "broken") {
            for reason in handshake["reasons"].as_array().unwrap() {
                assert!(codes.contains(text(reason)), "{handshake} for a reason that is no finding: {codes:?}");
            }
        }
    }
}

#[test]
fn the_worst_is_the_exit_code() {
    for report in samples() {
        let worst = text(&report.json["summary"]["worst"]);
        let expected = ["ok", "warning", "critical", "unknown"].iter().position(|word| *word == worst).unwrap();
        assert_eq!(usize::try_from(report.exit).unwrap(), expected, "{:#}", report.json["summary"]);
        assert_eq!(report.json["kind"], "Preflight");
        assert_eq!(report.json["evaluatedAt"], "2026-11-21T20:00:00Z");
    }
}

#[test]
fn reports_follow_the_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_kcert")).arg("schema").output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in samples() {
        let errors: Vec<_> = validator.iter_errors(&report.json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// What the command prints in a format.
fn printed(cluster: &Cluster, format: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let arguments = cluster.build().write(directory.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_kcert"));
    command.env_clear().args(["preflight", "--at", "2026-11-21T20:00:00Z", "--color", "never", "-o", format]);
    String::from_utf8(command.args(arguments).output().unwrap().stdout).unwrap()
}

#[test]
fn the_first_line_says_it_all() {
    let first = |cluster: &Cluster| printed(cluster, "text").lines().next().unwrap().to_owned();
    let sound = first(&with_pods());
    assert!(sound.contains("GO") && !sound.contains("NO-GO"), "{sound}");
    let over = first(&with_pods().twist("apiserver-etcd-client", Recipe::expired));
    assert!(over.contains("NO-GO") && over.contains("1 handshake broken"), "{over}");
    let soon = first(&with_pods().twist("kubelet-client", |leaf| days(leaf, 12)));
    assert!(soon.contains("12 days") && soon.contains("kubelet -> kube-apiserver"), "{soon}");
}

#[test]
fn tickets_and_nagios_get_theirs() {
    let cluster = with_pods().twist("apiserver-etcd-client", Recipe::expired);
    let ticket = printed(&cluster, "markdown");
    assert!(ticket.contains("NO-GO") && ticket.contains('|') && ticket.contains("etcd"), "{ticket}");
    let line = printed(&cluster, "nagios");
    assert!(line.starts_with("KCERT CRITICAL - "), "{line}");
    assert!(printed(&with_pods(), "nagios").starts_with("KCERT OK - "));
}

#[test]
fn no_key_is_ever_told() {
    let cluster = with_pods().twist("apiserver", Recipe::expired);
    for format in ["text", "json", "markdown", "nagios"] {
        let text = printed(&cluster, format);
        assert!(!text.contains("PRIVATE KEY") && !text.contains("client-key-data: "), "{format}");
    }
}
