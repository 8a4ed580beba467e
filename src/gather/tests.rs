//! Whole gatherings: trees of files in, holdings out.

use super::*;
use crate::decode::Limits;
use crate::model::{Content, Distribution, Inventory};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// A directory with these files, all empty.
pub(super) fn empty_tree(files: &[&str]) -> TempDir {
    let files: Vec<_> = files.iter().map(|file| (*file, "")).collect();
    tree(&files)
}

/// A directory with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let directory = tempdir().unwrap();
    for (file, text) in files {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn inventory(targets: &[Target]) -> Inventory {
    let mut inventory = Inventory::default();
    gather(targets, &Decoder::new(Limits::default()), &mut inventory);
    inventory
}

/// Every holding in a line, without the temporary directory: place, job, slot, what is wrong. Empty files are as good as full
/// ones here: "is empty" stands where their certificates would.
fn lines(directory: &TempDir, targets: &[Target]) -> Vec<String> {
    let directory = format!("{}/", directory.path().display());
    let holdings = inventory(targets).holdings;
    let line = |holding: &crate::model::Holding| {
        let origin = &holding.origin;
        let role = origin.role.map_or("-", crate::model::Role::as_str);
        let file = origin.document.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
        let what = |content: &Content| match content {
            Content::Defect(defect) => defect.kind.to_string(),
            other => format!("{other:?}"),
        };
        let contents: Vec<_> = holding.contents.iter().map(what).collect();
        format!("{origin}{file} {role} {:?}: {}", origin.slot, contents.join(", ")).replace(&directory, "")
    };
    holdings.iter().map(line).collect()
}

fn root(directory: &TempDir) -> Target {
    Target::Root { name: None, directory: directory.path().into() }
}

fn path(directory: &TempDir, below: &str) -> Target {
    Target::Path(directory.path().join(below))
}

const BY_PATHS: &str = "kind: Config\nclusters:\n- name: c\n  cluster: {server: 'https://c', certificate-authority: ../pki/ca.crt}\n\
                        users:\n- name: u\n  user: {client-certificate: /var/lib/kubelet/pki/current.pem, client-key: gone.key}\n";

#[test]
fn a_root_gives_the_files_of_its_layouts_and_nothing_else() {
    let directory = tree(&[
        ("etc/kubernetes/pki/apiserver.crt", ""),
        ("etc/kubernetes/pki/apiserver.key", ""),
        ("etc/kubernetes/pki/sa.pub", ""),
        ("etc/kubernetes/pki/mine.crt", ""),
        ("etc/kubernetes/admin.conf", ""),
        ("var/lib/kubelet/pki/kubelet-client-2025-01-01.pem", ""),
        ("home/x.crt", ""),
    ]);
    let expected = [
        "etc/kubernetes/pki/apiserver.crt apiserver Credential: is empty",
        "etc/kubernetes/pki/apiserver.key apiserver Key: is empty",
        "etc/kubernetes/pki/sa.pub sa-pub Trust: is empty",
        "etc/kubernetes/admin.conf admin Unknown: is empty",
    ];
    assert_eq!(lines(&directory, &[root(&directory)]), expected);
    let inventory = inventory(&[root(&directory)]);
    assert_eq!(inventory.hosts.len(), 1);
    assert_eq!(inventory.hosts[0].name, None);
    assert_eq!(inventory.hosts[0].layouts, [Distribution::Kubeadm]);
    assert_eq!(inventory.examined, 4);
    assert!(inventory.holdings.iter().all(|holding| holding.origin.document.access.is_some()));
}

#[test]
fn a_cas_slot_tells_a_control_plane_from_a_worker() {
    let worker = tree(&[("etc/kubernetes/pki/ca.crt", ""), ("etc/kubernetes/kubelet.conf", "kind: Config\n")]);
    assert_eq!(lines(&worker, &[root(&worker)]), ["etc/kubernetes/pki/ca.crt ca Trust: is empty"]);
    let control_plane = tree(&[("etc/kubernetes/pki/ca.crt", ""), ("etc/kubernetes/admin.conf", "kind: Config\n")]);
    assert_eq!(lines(&control_plane, &[root(&control_plane)]), ["etc/kubernetes/pki/ca.crt ca Credential: is empty"]);
    let agent = tree(&[("var/lib/rancher/k3s/agent/client-ca.crt", ""), ("var/lib/rancher/k3s/agent/client-kubelet.crt", "")]);
    let expected = [
        "var/lib/rancher/k3s/agent/client-ca.crt client-ca Trust: is empty",
        "var/lib/rancher/k3s/agent/client-kubelet.crt kubelet Credential: is empty",
    ];
    assert_eq!(lines(&agent, &[root(&agent)]), expected);
}

#[test]
fn links_in_a_root_stay_there() {
    let directory = tree(&[("root/data/ca.crt", ""), ("root/etc/kubernetes/admin.conf", "kind: Config\n"), ("secret", "")]);
    let pki = directory.path().join("root/etc/kubernetes/pki");
    fs::create_dir(&pki).unwrap();
    symlink("/data/ca.crt", pki.join("ca.crt")).unwrap();
    symlink("../../../../secret", pki.join("apiserver.crt")).unwrap();
    symlink("sa.key", pki.join("sa.key")).unwrap();
    symlink("nowhere", pki.join("front-proxy-ca.crt")).unwrap();
    let out = "symbolic links lead in a circle or out of the root";
    let expected = [
        "root/etc/kubernetes/pki/ca.crt ca Credential: is empty".to_owned(),
        format!("root/etc/kubernetes/pki/apiserver.crt apiserver Credential: {out}"),
        "root/etc/kubernetes/pki/front-proxy-ca.crt front-proxy-ca Credential: cannot be read: the symbolic link leads to no file"
            .to_owned(),
        format!("root/etc/kubernetes/pki/sa.key sa-key Key: {out}"),
    ];
    let target = Target::Root { name: None, directory: directory.path().join("root") };
    assert_eq!(lines(&directory, &[target]), expected);
}

const ETCD: &str = "spec:\n  containers:\n  - command:\n    - etcd\n    - --cert-file=/certs/own.crt\n    - --key-file=/certs/gone.key\n    \
                    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n    volumeMounts: [{mountPath: /certs, name: c}]\n  \
                    volumes: [{name: c, hostPath: {path: /srv}}]\n";

#[test]
fn files_that_flags_name_are_read_and_missed() {
    let directory = tree(&[
        ("etc/kubernetes/manifests/etcd.yaml", ETCD),
        ("etc/kubernetes/manifests/kube-apiserver.yaml", "a: [\n"),
        ("etc/kubernetes/pki/etcd/ca.crt", ""),
        ("srv/own.crt", ""),
    ]);
    let known = lines(&directory, &[root(&directory)]);
    assert!(known[0].starts_with("etc/kubernetes/manifests/kube-apiserver.yaml - Unknown: not valid YAML"), "{}", known[0]);
    let expected = [
        "etc/kubernetes/pki/etcd/ca.crt etcd-ca Credential: is empty",
        "srv/own.crt etcd-server Credential: is empty",
        "etc/kubernetes/manifests/etcd.yaml --key-file (srv/gone.key) etcd-server Key: cannot be read: no such file",
    ];
    assert_eq!(known[1..], expected);
    let all = lines(&directory, &[path(&directory, "")]);
    assert_eq!(all, [expected[0], expected[1], expected[2]], "in a directory the manifest is a file like others");
    let part = lines(&directory, &[path(&directory, "etc/kubernetes")]);
    assert_eq!(part, [expected[0]], "of a part, flags into other parts are no matter");
}

#[test]
fn a_root_without_a_layout_is_a_defect() {
    let directory = tree(&[("file", "")]);
    let nothing = "holds no certificate, key, request or kubeconfig";
    assert_eq!(lines(&directory, &[root(&directory)]), [format!("{} - Unknown: {nothing}", directory.path().display())]);
    let at = |name: &str| Target::Root { name: None, directory: directory.path().join(name) };
    assert_eq!(lines(&directory, &[at("absent")]), ["absent - Unknown: cannot be read: no such file"]);
    assert_eq!(lines(&directory, &[at("file")]), ["file - Unknown: cannot be read: not a directory"]);
    assert_eq!(inventory(&[root(&directory)]).hosts, []);
}

#[test]
fn kubeconfigs_name_files_beside_them_and_in_their_root() {
    let directory =
        tree(&[("etc/kubernetes/kubelet.conf", BY_PATHS), ("etc/pki/ca.crt", "hello"), ("var/lib/kubelet/pki/dated.pem", "")]);
    symlink("/var/lib/kubelet/pki/dated.pem", directory.path().join("var/lib/kubelet/pki/current.pem")).unwrap();
    let found = lines(&directory, &[root(&directory)]);
    let expected = [
        "etc/kubernetes/kubelet.conf clusters[c].certificate-authority (etc/kubernetes/../pki/ca.crt) - Trust: holds no certificate, key, request or kubeconfig",
        "etc/kubernetes/kubelet.conf users[u].client-certificate (var/lib/kubelet/pki/current.pem) kubelet Credential: is empty",
        "etc/kubernetes/kubelet.conf users[u].client-key (etc/kubernetes/gone.key) kubelet Key: cannot be read: no such file",
    ];
    assert_eq!(found, expected);
    let inventory = inventory(&[Target::Kubeconfigs(vec![directory.path().join("etc/kubernetes/kubelet.conf")])]);
    assert_eq!(inventory.kubeconfigs.len(), 1);
    assert!(inventory.holdings[0].origin.document.access.is_some(), "read by its path on this machine");
}

#[test]
fn a_merge_list_may_have_missing_files_but_not_only_such() {
    let directory = tree(&[("one", "kind: Config\n")]);
    let list = |names: &[&str]| {
        let path = |name: &&str| if name.is_empty() { PathBuf::new() } else { directory.path().join(name) };
        [Target::Kubeconfigs(names.iter().map(path).collect())]
    };
    let passed_over = "absent - Unknown: does not exist; passed over, as another file of the KUBECONFIG list does";
    assert_eq!(lines(&directory, &list(&["absent", "", "one"])), [passed_over]);
    let refused = ["absent - Unknown: cannot be read: no such file", "other - Unknown: cannot be read: no such file"];
    assert_eq!(lines(&directory, &list(&["absent", "other"])), refused);
    assert_eq!(inventory(&list(&["one", "absent"])).kubeconfigs.len(), 1);
}

#[test]
fn a_directory_is_read_in_order_and_hides_nothing() {
    let directory = tree(&[
        ("d/b.txt", "hello"),
        ("d/a", "kind: Config\nusers: 7\n"),
        ("d/closed", "x"),
        ("d/z/c", "kind: Config\nusers: 7\n"),
    ]);
    assert!(Command::new("mkfifo").arg(directory.path().join("d/fifo")).status().unwrap().success());
    symlink("nowhere", directory.path().join("d/dangling")).unwrap();
    symlink("a", directory.path().join("d/link")).unwrap();
    symlink("loop", directory.path().join("d/loop")).unwrap();
    fs::set_permissions(directory.path().join("d/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut found = lines(&directory, &[path(&directory, "d")]);
    // The superuser reads it, and finds nothing in it.
    if fs::File::open(directory.path().join("d/closed")).is_err() {
        assert_eq!(found.remove(1), "d/closed - Unknown: cannot be read: permission denied");
    }
    let users = "users - Unknown: users should be a list";
    let expected = [
        format!("d/a {users}"),
        format!("d/link {users}"),
        "d/loop - Unknown: symbolic links lead in a circle or out of the root".to_owned(),
        format!("d/z/c {users}"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_known_directory_gives_jobs_to_its_files_and_shows_the_rest() {
    let directory = tree(&[
        ("copy/apiserver.crt", ""),
        ("copy/other.conf", "kind: Config\nusers: 7\n"),
        ("mini/proxy-client-ca.crt", ""),
        ("mini/profiles/p1/client.key", ""),
    ]);
    let expected = [
        "copy/apiserver.crt apiserver Credential: is empty",
        "copy/other.conf users - Unknown: users should be a list",
        "mini/profiles/p1/client.key admin Key: is empty",
        "mini/proxy-client-ca.crt front-proxy-ca Credential: is empty",
    ];
    assert_eq!(lines(&directory, &[path(&directory, "copy"), path(&directory, "mini")]), expected);
}

#[test]
fn certificates_that_a_kubelet_replaced_are_passed_over() {
    let directory =
        tree(&[("pki/kubelet-client-2025-01-01.pem", "-----BEGIN"), ("pki/kubelet-client-2026-01-01.pem", "-----BEGIN X")]);
    let current = directory.path().join("pki/kubelet-client-current.pem");
    symlink("/var/lib/kubelet/pki/kubelet-client-2026-01-01.pem", current).unwrap();
    let found = inventory(&[path(&directory, "pki")]);
    assert_eq!(found.examined, 2);
}

#[test]
fn several_hosts_have_names_and_parts_of_one_have_none() {
    let one = tree(&[("etc/kubernetes/admin.conf", ""), ("var/lib/kubelet/pki/kubelet.crt", "")]);
    let two = tree(&[("etc/kubernetes/admin.conf", "")]);
    let hosts = |targets: &[Target]| {
        let inventory = inventory(targets);
        let hosts: Vec<_> = inventory.hosts.iter().map(|host| host.name.as_deref().map(str::to_owned)).collect();
        let documents = inventory.holdings.iter().map(|holding| holding.origin.document.host.as_deref().map(str::to_owned));
        assert!(documents.into_iter().all(|name| hosts.contains(&name)));
        hosts
    };
    let named = |directory: &TempDir| Some(directory.path().display().to_string());
    assert_eq!(hosts(&[root(&one), root(&two)]), [named(&one), named(&two)]);
    assert_eq!(hosts(&[path(&one, "etc/kubernetes"), path(&one, "var/lib/kubelet")]), [None, None]);
    let given = Target::Root { name: Some("m1".to_owned()), directory: one.path().into() };
    assert_eq!(hosts(std::slice::from_ref(&given)), [Some("m1".to_owned())]);
    assert_eq!(hosts(&[given, root(&two)]), [Some("m1".to_owned()), named(&two)]);
}

#[test]
fn names_that_are_not_utf8_are_opened_all_the_same() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempdir().unwrap();
    let file = directory.path().join(std::ffi::OsStr::from_bytes(b"a\xff"));
    fs::write(&file, "").unwrap();
    assert_eq!(lines(&directory, &[Target::Path(file)]), ["a\u{fffd} - Unknown: is empty"]);
}

#[test]
fn a_password_in_one_file_opens_a_keystore_in_another() {
    let keystore = STANDARD.encode(include_bytes!("../../certs-fixtures/keystores/keytool.p12"));
    let secret = |name: &str, data: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{namespace: a, name: {name}}}\ndata: {{{data}}}\n")
    };
    let store = secret("store", &format!("keystore.p12: {keystore}"));
    let password = secret("access", &format!("password: {}", STANDARD.encode("geheim")));
    let directory = tree(&[("1.yaml", &store), ("2.yaml", &password)]);
    let [first, second] = ["1.yaml", "2.yaml"].map(|file| Target::Path(directory.path().join(file)));
    for targets in [[first.clone(), second.clone()], [second, first.clone()]] {
        let found = inventory(&targets);
        let fields: Vec<_> = found.holdings.iter().map(|holding| &*holding.origin.field).collect();
        assert_eq!(fields, ["data[keystore.p12].entries[web]", "data[keystore.p12].entries[root]"]);
    }
    let packed = tempdir().unwrap();
    let archive = packed.path().join("bundle.tar");
    let status = Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(directory.path()).arg(".").status();
    assert!(status.unwrap().success());
    for target in [Target::Path(directory.path().into()), Target::Path(archive)] {
        let fields: Vec<_> = inventory(&[target]).holdings.iter().map(|holding| holding.origin.field.to_string()).collect();
        assert_eq!(fields, ["data[keystore.p12].entries[web]", "data[keystore.p12].entries[root]"], "a directory, an archive");
    }
    let closed = inventory(&[first]);
    assert!(closed.holdings[0].defects().next().is_some(), "said once, at the end");
    assert_eq!(&*closed.holdings[0].origin.field, "data[keystore.p12]");
}

#[test]
fn a_password_of_one_host_opens_no_keystore_of_another() {
    let secret =
        |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{namespace: a, name: store}}\ndata: {{{data}}}\n");
    let keystore = STANDARD.encode(include_bytes!("../../certs-fixtures/keystores/keytool.p12"));
    let (store, password) =
        (secret(&format!("keystore.p12: {keystore}")), secret(&format!("password: {}", STANDARD.encode("geheim"))));
    let hosts = |first: &str, second: &str| {
        let manifests = "var/lib/rancher/k3s/server/manifests";
        let directory = tree(&[]);
        for (host, text) in [(first, &store), (second, &password)] {
            let manifests = directory.path().join(host).join(manifests);
            fs::create_dir_all(&manifests).unwrap();
            fs::write(manifests.join(format!("{}.yaml", text.len())), text).unwrap();
            let tls = directory.path().join(host).join("var/lib/rancher/k3s/server/tls");
            fs::create_dir_all(&tls).unwrap();
            fs::write(tls.join("serving-kube-apiserver.crt"), "").unwrap();
        }
        let names: std::collections::BTreeSet<&str> = [first, second].into();
        let targets: Vec<_> = names.into_iter().map(|host| Target::Path(directory.path().join(host))).collect();
        let found = inventory(&targets);
        found.holdings.iter().any(|holding| &*holding.origin.field == "data[keystore.p12].entries[root]")
    };
    assert!(hosts("one", "one"), "the test can fail");
    assert!(!hosts("one", "two"));
}
