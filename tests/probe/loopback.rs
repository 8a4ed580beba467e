//! `probe loopback`: the certificate that no file holds.

use crate::apiserver::{As, Kubectl, TOKEN, cluster, reply};
use crate::servers::{Folder, Run, authority, free_port, here, kcert, pki, server_of, tls};
use kcert::mint::Identity;
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const STARTED: OffsetDateTime = datetime!(2025-03-04 05:06:07 UTC);
const NAME: &str = "apiserver-loopback-client";

/// What an API server makes when it starts: valid since an hour before.
fn loopback(lifetime: Duration) -> [Identity; 2] {
    let stamp = STARTED.unix_timestamp();
    let begin = STARTED - Duration::HOUR;
    let ca = pki().ca(&format!("{NAME}-ca@{stamp}")).valid(begin, begin + lifetime).self_signed().unwrap();
    let leaf = pki().leaf(&format!("{NAME}@{stamp}")).server().dns(NAME).valid(begin, begin + lifetime);
    [leaf.issued_by(&ca).unwrap(), ca]
}

fn server(issuer: &str) -> crate::servers::Tls {
    let root = authority(issuer);
    let leaf = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc");
    tls(&leaf.issued_by(&root).unwrap(), &root)
}

fn ask(port: u16, at: OffsetDateTime) -> Run {
    kcert(&["probe", "loopback", &here(port), "-o", "json", "--at", &at.format(&Rfc3339).unwrap()])
}

#[test]
fn the_dates_tell_when_the_process_was_started_and_when_it_has_to_be_again() {
    for (days, implies) in [(365, "up to 1.32"), (1096, "1.33"), (3650, "Alibaba"), (100, "vendor")] {
        let lifetime = Duration::days(days);
        let end = STARTED - Duration::HOUR + lifetime;
        let [leaf, ca] = loopback(lifetime);
        let apiserver = server("kubernetes").named(NAME, &[&leaf, &ca]);
        let port = apiserver.start();

        let run = ask(port, STARTED + Duration::days(1));
        run.is_fine();
        run.presented(&[leaf.der(), ca.der()]);
        let facts = &run.peer()["loopback"];
        assert_eq!(facts["processStarted"], "2025-03-04T05:06:07Z", "{run}");
        assert_eq!(
            (&facts["lifetimeSeconds"], &facts["notAfter"]),
            (&json!(days * 86400), &json!(end.format(&Rfc3339).unwrap()))
        );
        assert!(facts["implies"].as_str().unwrap().contains(implies), "{run}");

        ask(port, end - Duration::days(20)).says(1, "loopback-expiring", "warning", "20 days");
        ask(port, end - Duration::days(3)).says(2, "loopback-expiring", "critical", "3 days");
        // Its last second is valid.
        ask(port, end).says(2, "loopback-expiring", "critical", "");
        let over = ask(port, end + Duration::SECOND);
        over.says(2, "loopback-expired", "critical", "can no longer reach itself");
        assert_eq!(over.findings().len(), 1, "{over}");
        let evidence = &over.finding("loopback-expired")["evidence"];
        assert_eq!((&evidence["lifetimeDays"], &evidence["processStarted"]), (&json!(days), &json!("2025-03-04T05:06:07Z")));
        assert!(apiserver.visits(5).iter().all(|visit| visit.server_name.as_deref() == Some(NAME)));
    }
}

#[test]
fn what_answers_instead_is_named() {
    for (issuer, message, hint) in [
        ("kubernetes", "usual certificate", "each by its own address and port"),
        ("k3s-server-ca@1", "the supervisor of k3s answers", "127.0.0.1:6444"),
        ("rke2-server-ca@1", "the supervisor of RKE2 answers", "NODE:6443"),
    ] {
        let run = ask(server(issuer).start(), OffsetDateTime::now_utc());
        run.says(1, "loopback-not-served", "warning", message);
        let finding = run.finding("loopback-not-served");
        assert!(finding["hint"].as_str().unwrap().contains(hint), "{run}");
        assert!(run.peer().get("loopback").is_none(), "{run}");
    }
    let root = authority("root");
    let run = ask(tls(&server_of(&root), &root).start(), OffsetDateTime::now_utc());
    run.says(1, "loopback-not-served", "warning", "something that is no kube-apiserver answers");
    let run = ask(free_port(), OffsetDateTime::now_utc());
    run.says(3, "unreachable", "unknown", "connect: connection refused");
}

/// Common names that only resemble it are no loopback certificates.
#[test]
fn names_alike_do_not_count() {
    let root = authority("root");
    for name in [
        "apiserver-loopback-client",
        "apiserver-loopback-client@",
        "apiserver-loopback-client@x",
        "apiserver-loopback-clientele@1",
    ] {
        let leaf = pki().leaf(name).server().dns(NAME).issued_by(&root).unwrap();
        let run = ask(tls(&leaf, &root).start(), OffsetDateTime::now_utc());
        run.says(1, "loopback-not-served", "warning", "no loopback certificate");
        assert!(run.peer().get("loopback").is_none(), "{run}");
    }
}

#[test]
fn several_servers_in_text() {
    let [leaf, ca] = loopback(Duration::days(36500));
    let with = server("kubernetes").named(NAME, &[&leaf, &ca]).start();
    let without = server("kubernetes").start();
    let run = kcert(&["probe", "loopback", &here(with), &here(without)]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.out.contains("2025-03-04") && run.out.contains("loopback-not-served"), "{run}");
}

/// A preflight asks what turns out to be an API server a second time, once, and nobody else.
#[test]
fn preflight_asks_api_servers_for_it_and_check_does_not() {
    let [leaf, ca] = loopback(Duration::days(365));
    let at = (STARTED + Duration::days(350)).format(&Rfc3339).unwrap();
    let root = authority("root");
    for (verb, names, visits) in [("preflight", 2, 2), ("check", 1, 1)] {
        let apiserver = server("kubernetes").named(NAME, &[&leaf, &ca]);
        let other = tls(&server_of(&root), &root);
        let (port, elsewhere) = (apiserver.start(), other.start());
        let run = kcert(&[verb, &here(port), &here(elsewhere), &here(port), "-o", "json", "--at", &at]);
        let mut asked: Vec<_> = apiserver.visits(visits + 1).into_iter().map(|visit| visit.server_name).collect();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), names, "{run}");
        assert_eq!(other.visits(1).len(), 1, "{run}");
        let has = run.findings().iter().any(|(code, _)| code == "loopback-expiring");
        assert_eq!(has, verb == "preflight", "{run}");
    }
}

/// The cluster knows its API servers; who is not vouched for is not asked for them, but looked at all the same.
#[test]
fn every_api_server_of_the_kubeconfig_is_asked() {
    let [leaf, ca] = loopback(Duration::days(36500));
    let (cluster_ca, serving) = cluster();
    let other = server("kubernetes").named(NAME, &[&leaf, &ca]);
    let (port, none) = (other.start(), free_port());
    let slices = json!({"items": [{
        "endpoints": [{"addresses": ["127.0.0.1"]}],
        "ports": [{"name": "https", "port": port}, {"port": none}],
    }]});
    let stranger = authority("kubernetes");
    // Where the others cannot be listed, that is said.
    for (trusted, peers, exit) in [(&cluster_ca, 2, 0), (&stranger, 1, 3)] {
        let own = tls(&serving, &cluster_ca).named(NAME, &[&leaf, &ca]);
        let own = own.replying(&reply("200 OK", Duration::ZERO, &slices.to_string()));
        let kubectl = Kubectl { port: own.start(), ca: Some(trusted), user: As::Token, cluster: "" };
        let folder = Folder::new();
        let file = folder.file("kubeconfig", &kubectl.kubeconfig());
        let run = kcert(&["probe", "loopback", "-o", "json", "--kubeconfig", &file]);
        let shown = run.json()["peers"].as_array().unwrap().clone();
        assert!(shown.iter().all(|peer| peer["loopback"]["processStarted"] == "2025-03-04T05:06:07Z"), "{run}");
        assert_eq!((run.code, shown.len()), (exit, peers), "{run}");
        run.keeps(&[TOKEN]);
    }
}
