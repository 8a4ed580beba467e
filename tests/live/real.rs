//! A real cluster, where one is named: what kcert finds through the API is what it finds in what kubectl prints.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

const KINDS: &str = "secrets,configmaps,validatingwebhookconfigurations,mutatingwebhookconfigurations,customresourcedefinitions,apiservices,certificatesigningrequests";

fn ids(json: &[u8]) -> BTreeSet<String> {
    let json: Value = serde_json::from_slice(json).unwrap();
    let certificates = json["certificates"].as_array().unwrap();
    certificates.iter().map(|certificate| certificate["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "asks the cluster of KCERT_TEST_KUBECONFIG by kubectl and by kcert"]
fn the_api_and_kubectl_tell_the_same() {
    let Some(kubeconfig) = std::env::var_os("KCERT_TEST_KUBECONFIG") else { panic!("KCERT_TEST_KUBECONFIG names no kubeconfig") };
    let kubectl = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let dump =
        Command::new(kubectl).arg("--kubeconfig").arg(&kubeconfig).args(["get", KINDS, "-A", "-o", "json"]).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let kcert = || Command::new(env!("CARGO_BIN_EXE_kcert"));
    let live = kcert().arg("inspect").arg("--kubeconfig").arg(&kubeconfig).args(["--live", "-o", "json"]).output().unwrap();
    assert_eq!(live.status.code(), Some(0), "{}", String::from_utf8_lossy(&live.stdout));
    let mut read = kcert().args(["inspect", "-", "-o", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = read.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(&dump.stdout));
    let read = read.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let (live, read) = (ids(&live.stdout), ids(&read.stdout));
    assert!(!live.is_empty());
    assert_eq!(live, read);
}
