//! What is under `deploy/` fits together and fits kcert: command lines parse, metrics exist, names agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use clap::Parser;
use kcert::cli::args::Cli;
use kcert::decode::Limits;
use kcert::decode::node::Node;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

/// The documents of a manifest, as JSON.
fn documents(file: &str) -> Vec<Value> {
    let text = text(file);
    text.split("\n---\n").map(|document| json(&Node::yaml(document.as_bytes(), &Limits::default()).unwrap())).collect()
}

fn json(node: &Node<'_>) -> Value {
    match node {
        Node::Map(entries) => entries.iter().map(|(key, value)| (key.to_string(), json(value))).collect(),
        Node::Seq(items) => items.iter().map(json).collect(),
        Node::Bool(value) => Value::from(*value),
        other => other.str().map_or(Value::Null, Value::from),
    }
}

/// Kinds of objects with the version in which they are served today.
const KINDS: &[(&str, &str)] = &[
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("apps/v1", "DaemonSet"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
];

const MANIFESTS: &[&str] = &["rbac.yaml", "cronjob.yaml", "daemonset.yaml", "fleet-job.yaml", "prometheusrule.yaml"];

#[test]
fn objects_say_what_they_are() {
    for document in MANIFESTS.iter().flat_map(|file| documents(file)) {
        let (version, kind) = (document["apiVersion"].as_str().unwrap(), document["kind"].as_str().unwrap());
        assert!(KINDS.contains(&(version, kind)), "{version} {kind}");
        let metadata = &document["metadata"];
        assert!(metadata["name"].as_str().unwrap().starts_with("kcert"), "{metadata}");
        assert_eq!(metadata["namespace"].is_null(), kind.starts_with("ClusterRole"), "{metadata}");
    }
}

/// What a container runs: pods of a CronJob, a DaemonSet and a Job.
fn pod(document: &Value) -> &Value {
    let pods = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec"];
    pods.into_iter().find_map(|path| document.pointer(path)).unwrap()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn parses(line: &[String]) {
    if let Err(error) = Cli::try_parse_from(line) {
        panic!("{line:?}: {error}");
    }
}

fn split(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn command_lines_parse() {
    let job = &documents("cronjob.yaml")[0];
    parses(&[vec!["kcert".to_owned()], words(&pod(job)["containers"][0]["args"])].concat());
    let daemon = &documents("daemonset.yaml")[0];
    let script = words(&pod(daemon)["containers"][0]["args"]).remove(0);
    let line = script.split(';').find(|part| part.contains("kcert")).unwrap().trim_start_matches(" do").trim();
    parses(&split(line));
    let service = text("kcert.service");
    let line = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    parses(&split(line));
}

/// The script of a fleet's pod, with something else in the place of kcert that prints its words.
#[test]
fn a_fleet_gives_every_kubeconfig_to_every_shard_once() {
    let job = &documents("fleet-job.yaml")[0];
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    let container = &pod(job)["containers"][0];
    let shards = container["env"][0]["value"].as_str().unwrap();
    let text = text("fleet-job.yaml");
    for field in ["completions", "parallelism"] {
        assert!(text.contains(&format!("\n  {field}: {shards}\n")), "{field} is not {shards}");
    }
    let script = words(&container["args"]).remove(0);

    let directory = tempfile::tempdir().unwrap();
    let kubeconfigs = directory.path().join("kubeconfigs");
    std::fs::create_dir(&kubeconfigs).unwrap();
    for name in ["prod", "stage two"] {
        std::fs::write(kubeconfigs.join(name), "").unwrap();
    }
    let stub = directory.path().join("kcert");
    std::fs::write(&stub, "#!/bin/sh\nprintf '%s|' kcert \"$@\"\necho\nexit ${ENDS:-2}\n").unwrap();
    std::fs::set_permissions(&stub, PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.replace("/kubeconfigs", kubeconfigs.to_str().unwrap());
    let run = |index: &str, ends: &str| {
        let mut command = Command::new("sh");
        command.args(["-euc", "set +e; eval \"$SCRIPT\""]).env("SCRIPT", &script).env("SHARDS", shards).env("ENDS", ends);
        command.env("JOB_COMPLETION_INDEX", index).env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()));
        command.output().unwrap()
    };
    for (index, shard) in [("0", "1/8"), ("7", "8/8")] {
        let run = run(index, "2");
        assert!(run.status.success(), "what is found is no failure of the Job");
        let text = String::from_utf8(run.stdout).unwrap();
        let lines: Vec<Vec<String>> =
            text.lines().map(|line| line.trim_end_matches('|').split('|').map(str::to_owned).collect()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        for (line, name) in lines.iter().zip(["prod", "stage two"]) {
            parses(line);
            assert!(line.contains(&shard.to_owned()) && line.contains(&kubeconfigs.join(name).display().to_string()), "{line:?}");
        }
    }
    assert!(!run("0", "137").status.success(), "a kcert that was killed is");
}

#[test]
fn the_debian_package_has_files_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let assets = manifest.split_once("\nassets = [\n").unwrap().1.split_once("\n]").unwrap().0;
    let sources: Vec<&str> = assets.lines().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert!(sources.contains(&"deploy/kcert.timer") && sources.contains(&"man/*.1"), "{sources:?}");
    for source in sources.into_iter().filter(|source| *source != "target/release/kcert") {
        let (folder, name) = source.rsplit_once('/').unwrap_or((".", source));
        let (begin, end) = name.split_once('*').unwrap_or((name, ""));
        let mut names =
            std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.any(|name| name.starts_with(begin) && name.ends_with(end)), "{source}");
    }
}

#[test]
fn pods_are_as_small_as_they_can_be() {
    let (job, daemon) = (&documents("cronjob.yaml")[0], &documents("daemonset.yaml")[0]);
    assert_eq!(pod(job)["serviceAccountName"], documents("rbac.yaml")[0]["metadata"]["name"]);
    assert_eq!(pod(job)["securityContext"]["runAsNonRoot"], true);
    let fleet = &documents("fleet-job.yaml")[0];
    assert_eq!(pod(fleet)["securityContext"]["runAsNonRoot"], true);
    for document in [daemon, fleet] {
        assert_eq!(pod(document)["automountServiceAccountToken"], false);
    }
    for document in [job, daemon, fleet] {
        let security = &pod(document)["containers"][0]["securityContext"];
        assert_eq!(words(&security["capabilities"]["drop"]), ["ALL"]);
        assert_eq!(security["readOnlyRootFilesystem"], true);
    }
    for document in [daemon, fleet] {
        let mounts = pod(document)["containers"][0]["volumeMounts"].as_array().unwrap();
        let volumes = pod(document)["volumes"].as_array().unwrap();
        let names = |list: &[Value]| list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(mounts), names(volumes));
        assert_eq!(mounts[0]["readOnly"], true);
    }
}

/// Names of the metrics that kcert writes, over sources that have one of everything.
fn written() -> BTreeSet<String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-fixtures/ailing");
    let run = Command::new(env!("CARGO_BIN_EXE_kcert"))
        .args(["preflight", "-o", "prometheus", "--at", "2026-11-21T20:00:00Z", "--root"])
        .arg(fixtures.join("node"))
        .arg(fixtures.join("objects.json"))
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect()
}

/// Words of a text that look like the name of one of our metrics.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("x509_") || word.starts_with("kcert_"));
    words.map(str::to_owned).collect()
}

#[test]
fn alerts_and_panels_ask_for_metrics_that_there_are() {
    let written = written();
    for file in ["prometheusrule.yaml", "dashboard.json"] {
        let named = named(&text(file));
        assert!(named.len() > 4, "{named:?}");
        assert!(named.is_subset(&written), "{file}: {:?}", named.difference(&written));
    }
    for rule in documents("prometheusrule.yaml")[0]["spec"]["groups"][0]["rules"].as_array().unwrap() {
        assert!(rule["alert"].is_string() && rule["expr"].is_string() && rule["labels"]["severity"].is_string(), "{rule}");
        assert!(rule["annotations"]["summary"].is_string(), "{rule}");
    }
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    assert!(panels.iter().all(|panel| !panel["targets"][0]["expr"].as_str().unwrap().is_empty()));
}

#[test]
fn images_are_the_ones_that_are_built_and_have_this_version() {
    let containerfile = text("Containerfile");
    for file in ["cronjob.yaml", "daemonset.yaml", "fleet-job.yaml"] {
        let image = pod(&documents(file)[0])["containers"][0]["image"].as_str().unwrap().to_owned();
        assert!(containerfile.contains(&format!("-t {image} .")), "{image}");
        assert_eq!(image.split_once(':').unwrap().1, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
#[ignore = "asks the cluster of KCERT_TEST_KUBECONFIG what it makes of the manifests"]
fn kubectl_takes_the_manifests() {
    let Some(kubeconfig) = std::env::var_os("KCERT_TEST_KUBECONFIG") else { panic!("KCERT_TEST_KUBECONFIG names no kubeconfig") };
    let kubectl = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    for file in ["rbac.yaml", "cronjob.yaml", "daemonset.yaml", "fleet-job.yaml"] {
        let mut command = Command::new(&kubectl);
        command.arg("--kubeconfig").arg(&kubeconfig).args(["apply", "--dry-run=client", "--validate=true", "-f"]);
        let run = command.arg(path(file)).output().unwrap();
        assert!(run.status.success(), "{file}: {}", String::from_utf8_lossy(&run.stderr));
    }
}
