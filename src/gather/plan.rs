//! Which files of a host to read, and as what: layouts and flags in one list, no file twice.

use super::command::Command;
use super::flags::{self, Named, Need};
use super::layouts::{self, Layout};
use crate::model::{Role, Slot};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files, those of layouts first, each in the order in which it was met.
#[derive(Debug, Default)]
pub(super) struct Plan {
    files: Vec<Planned>,
    index: HashMap<PathBuf, usize>,
    /// Files of layouts whose paths have a `*` in them.
    patterns: Vec<(PathBuf, Role, Slot)>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its host path.
    pub(super) path: PathBuf,
    layout: Option<(Role, Slot)>,
    flag: Option<Flagged>,
    /// Whether some flag says of it what the layout says.
    agreed: bool,
}

/// The flag that says most of a file.
#[derive(Debug)]
pub(super) struct Flagged {
    named: Named,
    /// Where the flag is written, as shown.
    pub(super) written_in: Arc<str>,
}

impl Plan {
    /// Adds the files of a layout; what a layout before it claims stays.
    pub(super) fn layout(&mut self, layout: &Layout) {
        for (path, role, slot) in layout.files() {
            if path.components().any(|part| part.as_os_str() == "*") {
                self.patterns.push((path, role, slot));
                continue;
            }
            let planned = self.entry(path);
            planned.layout = planned.layout.or(Some((role, slot)));
        }
    }

    /// Adds the files that a command names.
    pub(super) fn command(&mut self, command: &Command) {
        for named in flags::files(command) {
            let planned = self.entry(named.path.clone());
            planned.agreed |= planned.layout.is_some_and(|(role, _)| flags::agrees(role, named.role));
            let says_more = planned.flag.as_ref().is_none_or(|flag| named.rank < flag.named.rank);
            if says_more {
                planned.flag = Some(Flagged { named, written_in: Arc::clone(&command.written_in) });
            }
        }
    }

    /// The files.
    pub(super) fn files(&self) -> &[Planned] {
        &self.files
    }

    /// Job and slot of a host path.
    pub(super) fn task(&self, path: &Path) -> Option<(Role, Slot)> {
        let pattern = || self.patterns.iter().find(|(pattern, _, _)| layouts::matches(pattern, path));
        let planned = self.index.get(path).and_then(|at| self.files.get(*at));
        planned.and_then(Planned::task).or_else(|| pattern().map(|(_, role, slot)| (*role, *slot)))
    }

    fn entry(&mut self, path: PathBuf) -> &mut Planned {
        let at = *self.index.entry(path.clone()).or_insert_with(|| {
            self.files.push(Planned { path, layout: None, flag: None, agreed: false });
            self.files.len() - 1
        });
        &mut self.files[at]
    }
}

impl Planned {
    /// Its job and slot: the layout's, unless flags name the file and none of them agrees.
    pub(super) fn task(&self) -> Option<(Role, Slot)> {
        let flag = self.flag.as_ref().map(|flag| (flag.named.role, flag.named.slot));
        if self.agreed { self.layout } else { flag.or(self.layout) }
    }

    /// Whether a layout has it.
    pub(super) fn is_in_layout(&self) -> bool {
        self.layout.is_some()
    }

    /// The flag that requires it.
    pub(super) fn required_by(&self) -> Option<&Flagged> {
        self.flag.as_ref().filter(|flag| flag.named.flag.need == Need::Required)
    }
}

impl Flagged {
    /// The name of the flag.
    pub(super) fn name(&self) -> &'static str {
        self.named.flag.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::root::Root;
    use std::fs;

    fn kubeadm() -> Plan {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("etc/kubernetes")).unwrap();
        fs::write(directory.path().join("etc/kubernetes/admin.conf"), "").unwrap();
        let mut plan = Plan::default();
        for layout in layouts::found_in(&Root::whole(directory.path())) {
            plan.layout(layout);
        }
        plan
    }

    fn command(component: &str, words: &[&str]) -> Command {
        Command::of(component, words.iter().map(|word| (*word).to_owned()).collect(), "M")
    }

    fn task(plan: &Plan, path: &str) -> Option<(Role, Slot)> {
        plan.task(Path::new(path))
    }

    #[test]
    fn the_layouts_word_counts_where_a_flag_agrees_else_the_flags() {
        let mut plan = kubeadm();
        plan.command(&command("etcd", &["--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt"]));
        plan.command(&command(
            "kube-apiserver",
            &[
                "--client-ca-file=/etc/kubernetes/pki/ca.crt",
                "--tls-cert-file=/etc/kubernetes/pki/front-proxy-client.crt",
                "--etcd-certfile=/etc/ssl/x.pem",
                "--kubelet-client-certificate=/etc/ssl/x.pem",
            ],
        ));
        assert_eq!(task(&plan, "/etc/kubernetes/pki/etcd/ca.crt"), Some((Role::EtcdCa, Slot::Credential)));
        assert_eq!(task(&plan, "/etc/kubernetes/pki/ca.crt"), Some((Role::ClusterCa, Slot::Credential)));
        assert_eq!(task(&plan, "/etc/kubernetes/pki/front-proxy-client.crt"), Some((Role::Apiserver, Slot::Credential)));
        assert_eq!(task(&plan, "/etc/ssl/x.pem"), Some((Role::ApiserverEtcdClient, Slot::Credential)), "the first of the table");
        assert_eq!(task(&plan, "/etc/ssl/other.pem"), None);
        let unknown: Vec<_> = plan.files().iter().filter(|file| !file.is_in_layout()).map(|file| &file.path).collect();
        assert_eq!(unknown, [Path::new("/etc/ssl/x.pem")], "once");
    }

    #[test]
    fn some_flags_do_not_require_their_file() {
        let mut plan = kubeadm();
        plan.command(&command(
            "kubelet",
            &["--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", "--client-ca-file=/ca"],
        ));
        let required: Vec<_> =
            plan.files().iter().filter_map(|file| file.required_by().map(|flag| (flag.name(), &file.path))).collect();
        assert_eq!(required, [("--client-ca-file", &PathBuf::from("/ca"))]);
    }
}
