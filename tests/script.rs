//! The script of a plan, run: on copies of files, with stand-ins for the programs that it calls. Nothing of this machine is touched.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/fixtures.rs"]
#[expect(dead_code, reason = "the example's main")]
mod generator;

use kcert::mint::Pki;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use time::macros::datetime;

const AT: &str = "2026-11-21T20:00:00Z";

/// `kubectl config set-credentials`, as far as the plans use it.
const KUBECTL: &str = r#"for word in "$@"; do
    case $word in --kubeconfig=*) file=${word#*=} ;; --client-certificate=*) certificate=${word#*=} ;; esac
done
[ -z "$certificate" ] || echo "    client-certificate: $certificate" >> "$file""#;

/// A directory with the fixtures, stand-ins that note how they are called, and a plan's script.
struct Stage {
    directory: TempDir,
}

impl Stage {
    /// With the script for these sources.
    fn of(sources: &[&str]) -> Self {
        Self::with(sources, |_| ())
    }

    /// With the script for the node, whose CA has its key elsewhere.
    fn without_ca_key() -> Self {
        Self::with(NODE, |directory| {
            fs::remove_file(directory.join("certs-fixtures/ailing/node/etc/kubernetes/pki/ca.key")).unwrap();
        })
    }

    fn with(sources: &[&str], change: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let entries = generator::fixtures(&project.join("certs-fixtures")).unwrap();
        kcert::demo::write(&directory.path().join("certs-fixtures"), &entries).unwrap();
        change(directory.path());
        let stage = Self { directory };
        for (program, does) in [("kubeadm", "exit 0"), ("kcert", "exit 0"), ("kubectl", KUBECTL)] {
            stage.stand_in(program, does);
        }
        let script = stage.kcert(&[&["plan", "--at", AT, "-o", "sh"], sources].concat());
        fs::write(stage.path("plan.sh"), script).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn kcert(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_kcert"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env("HOME", "/nonexistent")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program that notes its arguments, and does as it is told.
    fn stand_in(&self, program: &str, does: &str) {
        let directory = self.path("bin");
        fs::create_dir_all(&directory).unwrap();
        let log = self.path("log");
        let text = format!("#!/bin/sh\necho \"{program} $*\" >> '{}'\n{does}\n", log.display());
        fs::write(directory.join(program), text).unwrap();
        fs::set_permissions(directory.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the script with nobody at the keyboard.
    fn run(&self, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        Command::new("bash")
            .arg(self.path("plan.sh"))
            .args(arguments)
            .env("PATH", path)
            .current_dir(self.directory.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Where the steps keep what was before them.
const SAVED: &str = "certs-fixtures/ailing/node/root/kcert-2026-11-21-200000";

const NODE: &[&str] = &["--root", "certs-fixtures/ailing/node"];

#[test]
fn a_copy_is_renewed_from_the_first_step_to_the_last() {
    let stage = Stage::of(NODE);
    let output = stage.run(&["--yes", "--root", "certs-fixtures/ailing/node"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let log = stage.log();
    assert!(log.contains("kubeadm --rootfs certs-fixtures/ailing/node certs renew admin.conf"), "{log}");
    assert!(log.contains("kcert verify -q certs-fixtures/ailing/node/etc/kubernetes/admin.conf"), "{log}");
    assert!(!log.contains("probe"), "no process is asked for a copy: {log}");
    let mode = |path: &str| fs::metadata(stage.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("certs-fixtures/ailing/node/etc/kubernetes/pki/sa.key"), 0o600);
    assert_eq!(mode(&format!("{SAVED}/backup.tgz")), 0o600, "it holds keys");
    assert_eq!(mode(SAVED), 0o700);
    let conf = fs::read_to_string(stage.path("certs-fixtures/ailing/node/etc/kubernetes/kubelet.conf")).unwrap();
    assert!(conf.contains("client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem"), "{conf}");
}

#[test]
fn nobody_who_says_nothing_has_said_yes() {
    let stage = Stage::of(NODE);
    let output = stage.run(&["--root", "certs-fixtures/ailing/node"]);
    assert_eq!((output.status.code(), stage.log().as_str()), (Some(3), ""), "{}", said(&output));
    assert!(said(&output).contains("--from backup"), "{}", said(&output));
}

#[test]
fn a_check_that_fails_ends_it_with_the_way_back_and_the_way_on() {
    let stage = Stage::of(NODE);
    stage.stand_in("kcert", "exit 2");
    let output = stage.run(&["--yes", "--root", "certs-fixtures/ailing/node"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("The check of renew failed") && said.contains("--back renew") && said.contains("--from renew"),
        "{said}"
    );
    assert!(!said.contains("Step 5"), "{said}");
    stage.stand_in("kcert", "exit 0");
    fs::write(stage.path("log"), "").unwrap();
    let output = stage.run(&["--yes", "--from", "restart-kube-apiserver", "--root", "certs-fixtures/ailing/node"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!stage.log().contains("kubeadm"), "{}", stage.log());
}

#[test]
fn a_step_is_taken_back_to_what_was_before_it() {
    let stage = Stage::of(NODE);
    let (root, file) = (["--root", "certs-fixtures/ailing/node"], "certs-fixtures/ailing/node/etc/kubernetes/admin.conf");
    let text = || fs::read_to_string(stage.path(file)).unwrap();
    let before = text();
    stage.stand_in("kubeadm", "echo spoilt >> \"$2/etc/kubernetes/admin.conf\"");
    for step in [&["--yes", "--only", "backup"][..], &["--yes", "--only", "renew"]] {
        assert_eq!(stage.run(&[step, &root].concat()).status.code(), Some(0));
    }
    assert_ne!(text(), before);
    let output = stage.run(&[&["--yes", "--back", "renew"], &root[..]].concat());
    assert_eq!((output.status.code(), text()), (Some(0), before), "{}", said(&output));
}

#[test]
fn what_needs_nothing_has_nothing_to_run() {
    let stage = Stage::of(&["--root", "certs-fixtures/sound/node"]);
    assert_eq!(stage.run(&["--yes"]).status.code(), Some(0));
}

#[test]
fn a_command_that_fails_ends_it_before_the_check() {
    let stage = Stage::of(NODE);
    stage.stand_in("kubeadm", "exit 1");
    let output = stage.run(&["--yes", "--root", "certs-fixtures/ailing/node"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!stage.log().contains("kcert verify"), "{}", stage.log());
    assert_eq!(stage.log().matches("kubeadm").count(), 1, "the first failure is the last command");
}

#[test]
fn what_is_done_by_hand_is_waited_for() {
    // The CA's key is elsewhere: its requests are signed by hand.
    let stage = Stage::without_ca_key();
    let copy = ["--root", "certs-fixtures/ailing/node"];
    let output = stage.run(&[&["--yes"], &copy[..]].concat());
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("By hand: Have the CA sign") && text.contains("--by-hand-done 1 --from request"), "{text}");
    let output = stage.run(&[&["--yes", "--by-hand-done", "1", "--only", "request"], &copy[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn steps_are_listed_and_unknown_words_refused() {
    let stage = Stage::of(NODE);
    let listed = said(&stage.run(&["--list"]));
    assert!(listed.contains(" 1  backup") && listed.contains("renew apiserver-etcd-client"), "{listed}");
    for wrong in [&["--from", "nowhere", "--yes"][..], &["--what"]] {
        assert_eq!(stage.run(wrong).status.code(), Some(3));
    }
    assert_eq!(stage.log(), "");
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let scripts = [
        NODE,
        &["certs-fixtures/ailing/objects.json"],
        &["--root", "a=certs-fixtures/ailing/node", "--root", "b=certs-fixtures/sound/node"],
    ];
    for sources in scripts {
        let stage = Stage::of(sources);
        let check = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).arg(stage.path("plan.sh")).output();
            // Without shellcheck bash has read it all the same.
            output.map_or(String::new(), |output| said(&output))
        };
        assert_eq!(check("bash", &["-n"]), "");
        assert_eq!(check("shellcheck", &[]), "");
    }
}

/// Whether a mark stands within single quotes wherever it stands, as a shell reads the line: within `$(…)` quoting begins anew.
fn is_quoted(line: &str, mark: &str) -> bool {
    let mut quotes = vec![None];
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        let quote = *quotes.last().unwrap();
        if line[at..].starts_with(mark) && quote != Some('\'') {
            return false;
        }
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None | Some('"'), '$') if line[at..].starts_with("$(") => quotes.push(None),
            (None, ')') if quotes.len() > 1 => drop(quotes.pop()),
            (None, '\'' | '"') => *quotes.last_mut().unwrap() = Some(c),
            (Some(open), close) if open == close => *quotes.last_mut().unwrap() = None,
            _ => {}
        }
    }
    true
}

#[test]
fn names_are_words_and_never_commands() {
    const EVIL: &str = "$(touch PWNED)";
    let pki = Pki::at(datetime!(2026-11-21 20:00 UTC));
    let ca = pki.ca("ca").self_signed().unwrap();
    let leaf = |name: &str| pki.leaf(name).client().server().dns("a.b.svc").expired().issued_by(&ca).unwrap();
    let base64 = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let tls = leaf("tls");
    let secret = |namespace: &str, name: &str, kind: &str, data: Value| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": namespace, "name": name }, "type": kind, "data": data });
    let items = [
        secret(
            &format!("n{EVIL}"),
            &format!("s'{EVIL}"),
            "kubernetes.io/tls",
            json!({
                "tls.crt": base64(&tls.pem()), "tls.key": base64(tls.key_pem().as_str()), "ca.crt": base64(&ca.pem()),
            }),
        ),
        json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": format!("v1.{EVIL}") },
            "spec": { "caBundle": base64(&pki.ca("old").self_signed().unwrap().pem()), "service": { "name": "a", "namespace": "b" } } }),
        secret(
            "b",
            "a-tls",
            "kubernetes.io/tls",
            json!({
                "tls.crt": base64(&leaf("a").pem()), "ca.crt": base64(&ca.pem()), format!("x{EVIL}"): base64(&ca.pem()),
            }),
        ),
    ];
    let user = leaf(&format!("u{EVIL}"));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": format!("c{EVIL}"), "user": format!("u'{EVIL}") } }],
        "clusters": [{ "name": format!("c{EVIL}"), "cluster": {
            "server": format!("https://{EVIL}:6443"), "certificate-authority-data": base64(&ca.pem()) } }],
        "users": [{ "name": format!("u'{EVIL}"), "user": {
            "client-certificate-data": base64(&user.pem()), "client-key-data": base64(user.key_pem().as_str()) } }],
    });
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| fs::write(directory.path().join(name), value.to_string()).unwrap();
    write("objects.json", &json!({ "apiVersion": "v1", "kind": "List", "items": items }));
    write(&format!("k{EVIL}.conf"), &kubeconfig);
    fs::create_dir_all(directory.path().join("node/etc/kubernetes/pki")).unwrap();
    fs::write(directory.path().join("node/etc/kubernetes/pki/ca.crt"), ca.pem()).unwrap();
    fs::write(directory.path().join("node/etc/kubernetes/pki/ca.key"), ca.key_pem().as_str()).unwrap();
    write("node/etc/kubernetes/kubelet.conf", &kubeconfig);
    let output = Command::new(env!("CARGO_BIN_EXE_kcert"))
        .args(["plan", "--at", AT, "-o", "json", "--root", "node", "objects.json", &format!("k{EVIL}.conf")])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = plan["plan"]["steps"].as_array().unwrap();
    let lines = steps.iter().flat_map(|step| ["commands", "verify", "undo"].map(|part| step[part].as_array().unwrap())).flatten();
    let lines: Vec<&str> = lines.filter(|line| line["kind"] != "hand").map(|line| line["line"].as_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.contains("touch PWNED")), "the names are in the commands: {lines:#?}");
    let naked: Vec<_> = lines.iter().filter(|line| !is_quoted(line, EVIL)).collect();
    assert!(naked.is_empty(), "{naked:#?}");
    assert!(
        is_quoted("a 'x$(touch PWNED)'", EVIL) && !is_quoted("a \"$(touch PWNED)\"", EVIL) && !is_quoted("$(touch PWNED)", EVIL)
    );
}
