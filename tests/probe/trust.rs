//! `--trust`: served chains judged.

use crate::servers::{Folder, Run, authority, here, pki, presenting, probe, server_of, tls};
use serde_json::json;
use std::collections::BTreeMap;

fn verdicts(run: &Run) -> Vec<(String, bool)> {
    let verdicts = run.json()["verdicts"].as_array().unwrap().clone();
    verdicts.iter().map(|verdict| (verdict["verifier"].as_str().unwrap().to_owned(), verdict["trusted"] == true)).collect()
}

#[test]
fn served_chains_are_judged_by_what_is_trusted() {
    let (root, other) = (authority("root"), authority("root"));
    let port = tls(&server_of(&root), &root).start();
    let folder = Folder::new();
    let (right, wrong) = (folder.file("root.pem", &root.pem()), folder.file("other.pem", &other.pem()));
    let endpoint = here(port);

    let run = probe(&endpoint, &["--trust", &right]);
    run.is_fine();
    let verdict = &run.json()["verdicts"][0];
    assert_eq!((&verdict["trusted"], &verdict["outcome"]), (&json!(true), &json!("trusted")), "{run}");
    assert_eq!(verdict["endpoint"], json!(endpoint));

    let run = probe(&endpoint, &["--trust", &wrong]);
    run.says(2, "untrusted", "critical", "");
    assert_eq!(run.json()["verdicts"][0]["outcome"], "not-trusted");
    // One of several is enough.
    probe(&endpoint, &["--trust", &wrong, &right]).is_fine();

    let run = probe(&endpoint, &["--trust", &right, "--name", "other.example"]);
    run.says(2, "name-mismatch", "critical", "other.example");
    assert_eq!(run.findings().len(), 1, "{run}");
    probe(&endpoint, &["--trust", &right, "--name", "localhost", "--name", "127.0.0.1"]).is_fine();
    let run = probe(&format!("name.example:{port}"), &["--trust", &right, "--resolve", "name.example=127.0.0.1"]);
    run.says(2, "name-mismatch", "critical", "name.example");
}

#[test]
fn every_verifier_that_is_named_answers() {
    let root = authority("root");
    let folder = Folder::new();
    let file = folder.file("root.pem", &root.pem());
    // OpenSSL and Go differ in this: a name in the subject alone.
    let leaf = pki().leaf("localhost").server().issued_by(&root).unwrap();
    let port = tls(&leaf, &root).start();
    let endpoint = format!("localhost.example:{port}");
    let ways =
        ["--trust", &file, "--as", "go", "--as", "openssl", "--name", "localhost", "--resolve", "localhost.example=127.0.0.1"];
    let run = probe(&endpoint, &ways);
    let answers: Vec<bool> = verdicts(&run).into_iter().map(|(_, trusted)| trusted).collect();
    assert_eq!((run.code, answers), (2, vec![false, true]), "{run}");
}

#[test]
fn without_a_usable_anchor_nothing_is_trusted() {
    let root = authority("root");
    let endpoint = here(tls(&server_of(&root), &root).start());
    let folder = Folder::new();
    let empty = folder.file("empty.pem", "nothing here\n");
    for file in [&folder.path("gone.pem"), &empty] {
        let run = probe(&endpoint, &["--trust", file]);
        assert_eq!(run.code, 3, "{run}");
        assert!(verdicts(&run).iter().all(|(_, trusted)| !trusted), "{run}");
        assert!(!run.out.contains("\"outcome\": \"trusted\""), "{run}");
    }
}

#[test]
fn intermediates_have_to_be_served() {
    let root = authority("root");
    let inner = pki().ca("inner").issued_by(&root).unwrap();
    let leaf = server_of(&inner);
    let folder = Folder::new();
    let file = folder.file("root.pem", &root.pem());
    let full = here(presenting(&[leaf.der(), inner.der()], &leaf).start());
    probe(&full, &["--trust", &file]).is_fine();
    let lone = here(presenting(&[leaf.der()], &leaf).start());
    probe(&lone, &["--trust", &file]).says(2, "untrusted", "critical", "");
    // Also when another server at the same time serves it.
    let run = probe(&full, &[&lone, "--trust", &file]);
    let verdicts = run.json()["verdicts"].as_array().unwrap().clone();
    let trusted: BTreeMap<&str, bool> =
        verdicts.iter().map(|verdict| (verdict["endpoint"].as_str().unwrap(), verdict["trusted"] == true)).collect();
    assert_eq!((run.code, trusted), (2, BTreeMap::from([(full.as_str(), true), (lone.as_str(), false)])), "{run}");
}

#[test]
fn dates_are_judged_once() {
    let root = authority("root");
    let leaf = pki().leaf("server").server().ip([127, 0, 0, 1]).expired().issued_by(&root).unwrap();
    let folder = Folder::new();
    let file = folder.file("root.pem", &root.pem());
    let run = probe(&here(tls(&leaf, &root).start()), &["--trust", &file]);
    run.says(2, "expired", "critical", "server");
    assert_eq!(run.findings().len(), 1, "{run}");
    assert_eq!(run.json()["verdicts"][0]["outcome"], "not-trusted");
}
