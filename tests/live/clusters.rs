//! Several clusters in one run, and clusters beside files.

use crate::server::{Home, Reply, authority, cluster, kubeconfig, pki, secret, server, status};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const USER: &str = "token: t0k3n-t0k3n-t0k3n";

/// A kubeconfig with two clusters: Istio's CA of the one has ended, that of the other has the same name and lives.
fn two() -> Home {
    let ca = authority("kubernetes");
    let mut contexts = Vec::new();
    for (name, ended) in [("prod", true), ("stage", false)] {
        let istio = pki().ca("cluster.local");
        let istio = if ended { istio.expired() } else { istio }.self_signed().unwrap();
        let running = server(vec![secret("web", &format!("of-{name}"), &istio.pem())]).start(&ca);
        contexts.push((name, cluster(&running.url(), &ca)));
    }
    let contexts: Vec<_> = contexts.iter().map(|(name, cluster)| (*name, cluster.as_str(), USER)).collect();
    Home::new(&kubeconfig(&contexts))
}

fn hosts(origins: &Value) -> Vec<&str> {
    origins.as_array().unwrap().iter().map(|origin| origin["host"].as_str().unwrap_or("-")).collect()
}

#[test]
fn each_cluster_is_judged_by_itself_and_named() {
    let home = two();
    for verb in ["check", "preflight"] {
        let run = home.run(&[verb, "--context", "prod", "--context", "stage"]);
        assert_eq!(run.code, 2, "{}", run.err);
        let json = run.json();
        let places: Vec<_> = json["certificates"].as_array().unwrap().iter().map(|it| hosts(&it["origins"])).collect();
        assert_eq!(places, [["prod"], ["stage"]]);
        let expired: Vec<_> =
            json["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "critical").collect();
        assert!(!expired.is_empty() && expired.iter().all(|finding| hosts(&finding["origins"]) == ["prod"]), "{expired:?}");
    }
    let run = home.run(&["check", "--context", "stage"]);
    assert_eq!(run.code, 0, "{}", run.out);
    assert_eq!(hosts(&run.json()["certificates"][0]["origins"]), ["-"]);
    let lines = home.run(&["inspect", "--context", "prod", "--context", "stage", "-o", "jsonl"]);
    let named = |line: &str| serde_json::from_str::<Value>(line).unwrap()["origins"][0]["host"].clone();
    let certificates: Vec<_> = lines.out.lines().filter(|line| line.contains("notAfter")).map(named).collect();
    assert_eq!(certificates, ["prod", "stage"].map(|name| json!(name)));
    for contexts in [&["--context", "prod", "--context", "stage"][..], &["--context", "prod", "--context", "prod"]] {
        let run = home.run(&[&["check", "-o", "jsonl"], contexts].concat());
        assert!(run.code == 2 && run.out.contains(r#""expired""#), "{contexts:?} {}", run.out);
    }
}

#[test]
fn what_is_served_in_one_cluster_is_not_held_against_the_bundles_of_another() {
    let ca = authority("kubernetes");
    let (old, new) = (authority("hook CA"), authority("hook CA"));
    let served = pki().leaf("hook").server().dns("hook.web.svc").issued_by(&new).unwrap();
    let bundle = STANDARD.encode(old.pem());
    let service = json!({"service": {"namespace": "web", "name": "hook"}, "caBundle": bundle});
    let mut webhook = json!({"metadata": {"name": "w"}, "webhooks": [{"name": "hook.test", "clientConfig": service}]});
    let mut secret = secret("web", "hook-tls", &served.pem());
    let of_prod = server(Vec::new()).with(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        Reply::List("ValidatingWebhookConfiguration", vec![webhook.clone()]),
    );
    let (prod, stage) = (of_prod.start(&ca), server(vec![secret.clone()]).start(&ca));
    let (prod, stage) = (cluster(&prod.url(), &ca), cluster(&stage.url(), &ca));
    let home = Home::new(&kubeconfig(&[("prod", &prod, USER), ("stage", &stage, USER)]));
    let codes = |arguments: &[&str]| {
        let json = home.run(arguments).json();
        json["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let apart = codes(&["preflight", "--context", "prod", "--context", "stage"]);
    assert!(!apart.contains(&"cabundle-stale".to_owned()), "{apart:?}");
    // In one cluster it would be: the test can fail.
    webhook["apiVersion"] = "admissionregistration.k8s.io/v1".into();
    webhook["kind"] = "ValidatingWebhookConfiguration".into();
    secret["apiVersion"] = "v1".into();
    secret["kind"] = "Secret".into();
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": [webhook, secret]}).to_string();
    let file = home.file("dump.json", &dump);
    let run = home.run_with(&["preflight", &file, "-o", "json"], &[]);
    assert!(run.out.contains("cabundle-stale"), "{}", run.out);
}

#[test]
fn one_that_is_down_does_not_hide_the_other() {
    let ca = authority("kubernetes");
    let leaf = pki().leaf("here").server().dns("here").issued_by(&ca).unwrap();
    let running = server(vec![secret("ns", "s", &leaf.pem())]).start(&ca);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (up, down) = (cluster(&running.url(), &ca), cluster(&format!("https://127.0.0.1:{closed}"), &ca));
    let home = Home::new(&kubeconfig(&[("up", &up, USER), ("down", &down, USER)]));
    let run = home.run(&["check", "--context", "up", "--context", "down", "--context", "up"]);
    assert_eq!((run.code, run.subjects().len(), run.unread().len()), (3, 1, 1), "{:?}", run.unread());
    let json = run.json();
    let finding = json["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "unreachable").unwrap();
    assert!(hosts(&finding["origins"]).iter().all(|host| *host == "down"), "{finding}");
}

#[test]
fn a_cluster_and_files_add_up() {
    let ca = authority("kubernetes");
    let leaf = pki().leaf("here").server().dns("here").issued_by(&ca).unwrap();
    let running = server(vec![secret("ns", "s", &leaf.pem())]).start(&ca);
    let home = Home::new(&kubeconfig(&[("up", &cluster(&running.url(), &ca), USER)]));
    let file = home.file("ca.crt", &ca.pem());
    let run = home.run(&["inspect", "--live", &file]);
    assert_eq!((run.code, run.subjects().len()), (0, 2), "{}", run.err);
}

#[test]
fn metrics_name_the_cluster_and_what_is_missing_of_it() {
    let home = two();
    let metrics = home.run(&["check", "--context", "prod", "--context", "stage", "-o", "prometheus"]).out;
    for name in ["prod", "stage"] {
        let ours = format!(r#"secret_name="of-{name}""#);
        let series: Vec<_> =
            metrics.lines().filter(|line| line.starts_with("x509_cert_not_after{") && line.contains(&ours)).collect();
        assert!(series.len() == 1 && series[0].contains(&format!(r#",host="{name}","#)), "{series:?}");
    }
    let ca = authority("kubernetes");
    for (code, path) in [(403, "/api/v1/configmaps"), (401, "/api/v1/secrets")] {
        let running = server(Vec::new()).with(path, status(code, "no")).start(&ca);
        let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
        let metrics = home.run(&["check", "--live", "-o", "prometheus"]).out;
        let down = format!(r#"x509_source_up{{source_kind="file",source_name="{}"}} 0"#, running.url());
        assert!(metrics.contains(&down), "{metrics}");
    }
}

#[test]
fn a_plan_is_made_for_one_cluster() {
    let home = two();
    let run = home.run(&["plan", "--context", "prod", "--context", "stage"]);
    assert!(run.code == 3 && run.err.contains("several clusters are named where one belongs"), "{}", run.err);
    let run = home.run(&["plan", "--context", "prod"]);
    assert!(run.out.contains("of-prod") && !run.out.contains("of-stage"), "{}{}", run.out, run.err);
}

#[test]
fn a_password_opens_the_keystores_of_its_own_cluster_alone() {
    let ca = authority("kubernetes");
    let object = |name: &str, key: &str, value: &[u8]| json!({"metadata": {"namespace": "shop", "name": name}, "data": {key: STANDARD.encode(value)}});
    let store = object("web", "keystore.p12", include_bytes!("../../certs-fixtures/keystores/keytool-legacy.p12"));
    let password = object("access", "p12", b"geheim");
    let closed = |prod: Vec<Value>, stage: Vec<Value>| {
        let (prod, stage) = (server(prod).start(&ca), server(stage).start(&ca));
        let (prod, stage) = (cluster(&prod.url(), &ca), cluster(&stage.url(), &ca));
        let home = Home::new(&kubeconfig(&[("prod", &prod, USER), ("stage", &stage, USER)]));
        let run = home.run(&["check", "--context", "prod", "--context", "stage"]);
        assert!(!run.out.contains("geheim"));
        run.out.contains("every password tried is wrong")
    };
    assert!(closed(vec![store.clone()], vec![password.clone()]));
    assert!(closed(vec![password.clone()], vec![store.clone()]));
    // Pages have two objects: the password is on the second one.
    let others = ["a", "b"].map(|name| object(name, "note", b"x"));
    assert!(!closed([&[store], &others[..], &[password]].concat(), Vec::new()));
}
