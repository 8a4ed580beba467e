//! How the components of a host are started: static pods, systemd units, MicroK8s' argument files, and the configuration files that
//! those name.

use super::command::{Command, Mount};
use super::files::{self, Refusal};
use super::flags;
use super::root::Root;
use super::{units, words};
use crate::decode::Limits;
use crate::decode::node::Node;
use crate::model::{Defect, DefectKind};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Bytes of a manifest, unit or configuration file; real ones have a few thousand.
const MOST_BYTES: u64 = 1 << 20;

/// Where kubelets look for static pods: kubeadm's and RKE2's.
const MANIFESTS: &[&str] = &["/etc/kubernetes/manifests", "/var/lib/rancher/rke2/agent/pod-manifests"];

/// Files of flags, each named as its component, and the variables that snapd sets for them (snapcraft.io, environment variables).
const ARGUMENTS: &str = "/var/snap/microk8s/current/args";
const SNAP_VARIABLES: &[(&str, &str)] = &[
    ("SNAP_DATA", "/var/snap/microk8s/current"),
    ("SNAP_COMMON", "/var/snap/microk8s/common"),
    ("SNAP", "/snap/microk8s/current"),
];

/// Files that kubeadm writes for the kubelet; read even where the unit that names them is not among the files (a copy of
/// `/var/lib/kubelet`).
const KUBELET_ENVIRONMENT: &str = "/var/lib/kubelet/kubeadm-flags.env";
const KUBELET_CONFIGURATION: &str = "--config=/var/lib/kubelet/config.yaml";

/// What was learnt of a host's components.
#[derive(Debug, Default)]
pub(super) struct Components {
    /// Their command lines; a configuration file is one more, in the flags that say the same.
    pub(super) commands: Vec<Command>,
    /// Host paths of files that should tell and cannot be read or understood.
    pub(super) defects: Vec<(PathBuf, Defect)>,
}

/// Looks at everything that starts a component.
pub(super) fn of(root: &Root, limits: &Limits) -> Components {
    let mut found = Components::default();
    for directory in MANIFESTS {
        for name in root.names(Path::new(directory)) {
            found.manifest(root, &Path::new(directory).join(name), limits);
        }
    }
    found.commands.extend(units::commands(root));
    let variables = SNAP_VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for component in flags::COMPONENTS {
        let path = Path::new(ARGUMENTS).join(component);
        if let Ok(text) = text(root, &path) {
            let words = words::split_with(&without_comments(&text), &variables);
            found.commands.push(Command::of(component, words, written_in(root, &path)));
        }
    }
    if let Ok(text) = text(root, Path::new(KUBELET_ENVIRONMENT)) {
        let words = words::assignments(&text).flat_map(|(_, value)| words::split(&value)).collect();
        found.commands.push(Command::of("kubelet", words, written_in(root, Path::new(KUBELET_ENVIRONMENT))));
    }
    found.configurations(root, limits);
    found
}

/// The text of a file of a host; other than UTF-8 is replaced.
pub(super) fn text(root: &Root, path: &Path) -> Result<String, Refusal> {
    let bytes = root.resolve(path).and_then(|real| files::open(&real))?.bytes(MOST_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How a host path is shown to the user.
pub(super) fn written_in(root: &Root, path: &Path) -> String {
    root.shown(path).to_string_lossy().into_owned()
}

impl Components {
    /// Reads a static pod. Kubelets read every file there but hidden ones, whatever it is called.
    fn manifest(&mut self, root: &Root, path: &Path, limits: &Limits) {
        let text = match text(root, path) {
            Ok(text) => text,
            // Not a file, or gone in the meantime.
            Err(Refusal::Absent | Refusal::Defect(DefectKind::NotAFile(_))) => return,
            Err(refusal) => {
                self.defects.push((path.into(), Defect { kind: refusal.into_defect(), position: None }));
                return;
            }
        };
        match Node::yaml(text.as_bytes(), limits) {
            Ok(pod) => {
                let commands = pod_commands(&pod, &written_in(root, path));
                if commands.is_empty() && is_named_after_a_component(path) {
                    let kind = DefectKind::Field { path: "spec.containers".into(), expected: "the command of the component" };
                    self.defects.push((path.into(), Defect { kind, position: None }));
                }
                self.commands.extend(commands);
            }
            Err(defect) => self.defects.push((path.into(), defect)),
        }
    }

    /// Reads the configuration files that the commands name, each once for a component.
    fn configurations(&mut self, root: &Root, limits: &Limits) {
        let default = Command::of("kubelet", vec![KUBELET_CONFIGURATION.to_owned()], "");
        let named = self
            .commands
            .iter()
            .chain([&default])
            .flat_map(|command| flags::configurations(command).into_iter().map(move |path| (command.clone(), path)));
        let mut seen = Vec::new();
        for (command, path) in named.collect::<Vec<_>>() {
            let known = (command.component(), path.clone());
            if seen.contains(&known) {
                continue;
            }
            seen.push(known);
            let Ok(text) = text(root, &path) else { continue };
            match Node::yaml(text.as_bytes(), limits) {
                Ok(node) => {
                    let words = flags::words_of(command.component(), &node);
                    self.commands.push(command.configured(words, written_in(root, &path)));
                }
                Err(defect) => self.defects.push((path, defect)),
            }
        }
    }
}

fn is_named_after_a_component(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| flags::COMPONENTS.iter().any(|component| stem == *component))
}

/// The commands of known components in a Pod.
fn pod_commands(pod: &Node<'_>, written_in: &str) -> Vec<Command> {
    let mut volumes = HashMap::new();
    for volume in pod.path(&["spec", "volumes"]).map_or(&[][..], Node::items) {
        if let (Some(name), Some(path)) = (volume.text(&["name"]), volume.text(&["hostPath", "path"])) {
            volumes.insert(name, path);
        }
    }
    let containers = pod.path(&["spec", "containers"]).map_or(&[][..], Node::items);
    let command = |container: &Node<'_>| {
        let list = |field| container.field(field).map_or(&[][..], Node::items);
        let line = list("command").iter().chain(list("args")).filter_map(Node::str).map(str::to_owned).collect();
        let mounts = list("volumeMounts").iter().filter_map(|mount| {
            let outside = Path::new(volumes.get(mount.text(&["name"])?)?);
            let outside = mount.text(&["subPath"]).map_or_else(|| outside.into(), |below| outside.join(below));
            Some(Mount { inside: mount.text(&["mountPath"])?.into(), outside })
        });
        Some(Command::find(line, written_in)?.with_image(container.text(&["image"])).with_mounts(mounts.collect()))
    };
    containers.iter().filter_map(command).collect()
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    fn host(files: &[(&str, &str)]) -> (TempDir, Root) {
        let directory = tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::whole(directory.path());
        (directory, root)
    }

    fn named(found: &Components) -> Vec<String> {
        let files = found.commands.iter().flat_map(flags::files);
        files.map(|file| format!("{} {}", file.flag.name, file.path.display())).collect()
    }

    #[test]
    fn static_pods_are_followed_through_their_mounts() {
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [etcd]\n    args: [--cert-file=/certs/server.crt, --key-file, /other/k]\n    \
                   volumeMounts:\n    - {mountPath: /certs, name: certs, subPath: sub}\n    - {mountPath: /other, name: empty}\n  \
                   volumes:\n  - {name: certs, hostPath: {path: /srv/pki}}\n  - {name: empty, emptyDir: {}}\n";
        let (directory, root) = host(&[
            ("etc/kubernetes/manifests/any name", pod),
            ("etc/kubernetes/manifests/.hidden.yaml", pod),
            ("etc/kubernetes/manifests/broken.yaml", "a: [\n"),
            ("etc/kubernetes/manifests/down/x.yaml", pod),
        ]);
        let found = of(&root, &Limits::default());
        assert_eq!(named(&found), ["--cert-file /srv/pki/sub/server.crt", "--key-file /other/k"]);
        let manifest = directory.path().join("etc/kubernetes/manifests/any name");
        assert_eq!(&*found.commands[0].written_in, manifest.to_str().unwrap());
        assert_eq!(found.defects.len(), 1);
        assert_eq!(found.defects[0].0, Path::new("/etc/kubernetes/manifests/broken.yaml"));
        assert!(found.defects[0].1.position.is_some());
    }

    #[test]
    fn argument_files_know_the_snap() {
        let (_directory, root) = host(&[(
            "var/snap/microk8s/current/args/kube-apiserver",
            "# --tls-cert-file=/no\n--client-ca-file=${SNAP_DATA}/certs/ca.crt\n--etcd-servers='unix:///x'\n",
        )]);
        let found = of(&root, &Limits::default());
        assert_eq!(named(&found), ["--client-ca-file /var/snap/microk8s/current/certs/ca.crt"]);
    }

    #[test]
    fn configuration_files_are_followed_once() {
        let (directory, root) = host(&[
            ("var/lib/kubelet/config.yaml", "authentication: {x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}\n"),
            (
                "var/lib/kubelet/kubeadm-flags.env",
                "KUBELET_KUBEADM_ARGS=\"--config=/var/lib/kubelet/config.yaml --tls-cert-file=/k.crt\"\n",
            ),
        ]);
        let found = of(&root, &Limits::default());
        assert_eq!(named(&found), ["--tls-cert-file /k.crt", "--client-ca-file /etc/kubernetes/pki/ca.crt"]);
        let written_in: Vec<_> = found.commands.iter().map(|command| command.written_in.to_string()).collect();
        assert_eq!(written_in[1], directory.path().join("var/lib/kubelet/config.yaml").to_str().unwrap());
    }
}
