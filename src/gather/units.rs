//! systemd units of components, with their drop-ins and environment (systemd.unit(5), systemd.exec(5)).

use super::command::Command;
use super::components::{text, written_in};
use super::flags::COMPONENTS;
use super::root::Root;
use super::words;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Where units are, the directory that counts most first.
const DIRECTORIES: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The command lines of all units of known components.
pub(super) fn commands(root: &Root) -> Vec<Command> {
    COMPONENTS.iter().flat_map(|component| unit_commands(root, &format!("{component}.service"))).collect()
}

fn unit_commands(root: &Root, name: &str) -> Vec<Command> {
    let main = DIRECTORIES.iter().find_map(|directory| {
        let path = Path::new(directory).join(name);
        text(root, &path).ok().map(|text| (path, text))
    });
    let mut unit = Unit::default();
    for (path, text) in main.into_iter().chain(drop_ins(root, name)) {
        unit.read(root, &path, &text);
    }
    let lines = unit.starts.into_iter();
    let commands = lines.filter_map(|(path, line)| {
        // Prefixes of systemd.service(5), "Special executable prefixes".
        let line = line.trim_start_matches(['@', '-', ':', '+', '!']);
        let command = Command::find(words::split_with(line, &unit.environment), written_in(root, &path))?;
        Some(command.with_variables(&unit.environment))
    });
    commands.collect()
}

/// Drop-ins by the name of the file: of equal names the one in the directory that counts most.
fn drop_ins(root: &Root, unit: &str) -> Vec<(PathBuf, String)> {
    let mut found = BTreeMap::new();
    for directory in DIRECTORIES {
        let directory = Path::new(directory).join(format!("{unit}.d"));
        for name in root.names(&directory) {
            if Path::new(&name).extension().is_some_and(|extension| extension == "conf") {
                found.entry(name.clone()).or_insert_with(|| directory.join(name));
            }
        }
    }
    found.into_values().filter_map(|path| text(root, &path).ok().map(|text| (path, text))).collect()
}

/// What a unit and its drop-ins say.
#[derive(Default)]
struct Unit {
    environment: HashMap<String, String>,
    /// `ExecStart=` lines and where each stands.
    starts: Vec<(PathBuf, String)>,
}

impl Unit {
    fn read(&mut self, root: &Root, path: &Path, text: &str) {
        for line in joined(text) {
            let Some((key, value)) = line.split_once('=') else { continue };
            match (key.trim(), value.trim()) {
                // An empty assignment takes back what was said before.
                ("ExecStart", "") => self.starts.clear(),
                ("ExecStart", value) => self.starts.push((path.into(), value.to_owned())),
                ("Environment", "") => self.environment.clear(),
                ("Environment", value) => {
                    let pairs = words::split(value);
                    let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
                    self.environment.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
                }
                ("EnvironmentFile", value) => {
                    if let Ok(text) = super::components::text(root, Path::new(value.trim_start_matches('-'))) {
                        self.environment.extend(words::assignments(&text));
                    }
                }
                _ => {}
            }
        }
    }
}

/// The lines of a unit file without comments, continued ones in one.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(part) = part.strip_suffix('\\') {
            line.push_str(part);
            line.push(' ');
        } else {
            line.push_str(part);
            lines.push(std::mem::take(&mut line));
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::flags;
    use std::fs;
    use tempfile::tempdir;

    fn named(files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let commands = commands(&Root::whole(directory.path()));
        let line = |command: &Command| {
            let files = flags::files(command).into_iter();
            let unit = command.written_in.rsplit('/').next().unwrap().to_owned();
            files.map(move |file| format!("{unit} {} {}", file.flag.name, file.path.display())).collect::<Vec<_>>()
        };
        commands.iter().flat_map(line).collect()
    }

    /// The files of kubernetes/release cmd/krel/templates/latest/kubeadm and kubelet.
    #[test]
    fn kubeadms_drop_in_replaces_the_packages_command() {
        let kubelet = "[Service]\nExecStart=/usr/bin/kubelet\nRestart=always\n";
        let kubeadm = "# Note: a drop-in\n[Service]\nEnvironment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf\"\n\
                       Environment=\"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml\"\nEnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\nEnvironmentFile=-/etc/default/kubelet\n\
                       ExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS\n";
        let expected = [
            "10-kubeadm.conf --bootstrap-kubeconfig /etc/kubernetes/bootstrap-kubelet.conf",
            "10-kubeadm.conf --kubeconfig /etc/kubernetes/kubelet.conf",
            "10-kubeadm.conf --tls-cert-file /k.crt",
        ];
        let files = [
            ("lib/systemd/system/kubelet.service", kubelet),
            ("usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", kubeadm),
            ("etc/default/kubelet", "KUBELET_EXTRA_ARGS='--tls-cert-file=/k.crt'\n"),
        ];
        assert_eq!(named(&files), expected);
    }

    #[test]
    fn continued_lines_quotes_and_precedence() {
        let own = "[Service]\nType=notify\nExecStart=-/usr/local/bin/etcd \\\n  # a remark\n  --name=x \\\n  '--cert-file=/etc/etcd/a b.pem' \\\n  --key-file=/etc/etcd/k.pem\n";
        let files = [
            ("etc/systemd/system/etcd.service", own),
            ("usr/lib/systemd/system/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --cert-file=/not/this\n"),
        ];
        assert_eq!(named(&files), ["etcd.service --cert-file /etc/etcd/a b.pem", "etcd.service --key-file /etc/etcd/k.pem"]);
    }
}
