//! The phases of a rotation, each a step on each host.

use super::super::super::effect::{Authority as Issuer, Effect, Place};
use super::super::super::step::{Command, Reason, Step};
use super::super::kubeadm::{certs, name};
use super::super::quoted;
use super::super::{KUBEADM_LIFETIME, NewKey, Task, from_backup, issue, restarts};
use super::{Rotation, is_of_host};
use crate::model::{Role, Slot};

/// Where the new CA waits, beside the directory that it is for.
const NEXT: &str = "@/etc/kubernetes/pki-next";

/// The file that the signer of kube-controller-manager works by while `ca.crt` is a bundle.
const SIGNER: &str = "@/etc/kubernetes/pki-next/signer";

impl Rotation<'_, '_> {
    /// All of them, for what is due.
    pub(super) fn steps(&self, tasks: &[Task<'_>]) -> Vec<Step> {
        let is_over = self.site.leaf(self.ca).is_some_and(|ca| ca.validity.is_over(self.site.policy.at));
        let reasons = self.site.reasons(tasks);
        let mut steps = vec![self.make()];
        if is_over {
            for host in &self.hosts {
                steps.push(self.replace(*host).because(reasons.clone()));
                steps.extend(self.restarts("replaced", *host, "everything that it holds is new"));
            }
            steps.extend(self.objects("objects", "the CA is another one", Trusting::NewAlone));
            steps.extend(self.users());
            return steps;
        }
        for host in &self.hosts {
            steps.push(self.trust_both(*host));
            steps.extend(self.restarts("trusting", *host, "has to believe both before anybody shows the new one"));
        }
        steps.extend(self.objects("objects-trust", "trust before use", Trusting::Both));
        for host in &self.hosts {
            steps.extend(self.issue(*host, &reasons));
            steps.extend(self.restarts("issued", *host, "has to show what the new CA issued"));
        }
        steps.extend(self.users());
        for host in &self.hosts {
            steps.push(self.drop(*host).because(reasons.clone()));
            steps.extend(self.restarts("dropped", *host, "has to forget the old CA"));
        }
        steps.extend(self.objects("objects-drop", "use before distrust", Trusting::NewAlone));
        steps
    }

    pub(super) fn id(&self, phase: &str) -> String {
        format!("{}-{phase}", self.authority.name)
    }

    fn called(&self) -> String {
        self.site.leaf(self.ca).map(|ca| ca.short_name()).unwrap_or_default()
    }

    /// The directory of the certificates.
    pub(super) fn directory(&self) -> String {
        let path = self.site.path(self.ca);
        let file = format!("/{}.crt", self.authority.stem);
        path.strip_suffix(&file).map_or_else(|| "@/etc/kubernetes/pki".to_owned(), str::to_owned)
    }

    fn make(&self) -> Step {
        let Self { site, authority, .. } = self;
        let first = site.host(self.ca);
        let others: Vec<&str> = self.hosts.iter().filter(|host| **host != first).filter_map(|host| *host).collect();
        let step = Step::new(&self.id("make"), first, format!("make a new CA beside {}", self.called()))
            .on(format!("{}/{}.crt", NEXT.trim_start_matches('@'), authority.stem))
            .because([Reason::wanted("a CA is replaced, never renewed, by kubeadm")])
            .run(Command::files(format!("kubeadm init phase certs {} --cert-dir {NEXT}{}", authority.name, self.version())))
            .check(
                Command::files(format!("kcert verify -q {NEXT}/{0}.crt --trust {NEXT}/{0}.crt --at +3000d", authority.stem)),
                "valid for some ten years",
            )
            .undo(Command::files(format!("rm -rf {NEXT}")))
            .effect(Effect::Make { name: authority.name, like: self.ca, key: NewKey::Fresh });
        if others.is_empty() {
            return step;
        }
        step.run(Command::hand(format!(
            "Copy {0} with its keys to the same place on the other control-plane nodes among {1}, and {0}/{2}.crt alone to workers.",
            NEXT.trim_start_matches('@'),
            others.join(", "),
            authority.stem
        )))
    }

    fn version(&self) -> String {
        self.site.present.map_or_else(String::new, |version| format!(" --kubernetes-version v{version}"))
    }

    /// The places on a host where the CA stands: its file, and kubeconfigs.
    fn here(&self, host: Option<&str>) -> (Vec<Place>, Vec<Place>) {
        let here = self.trusting.iter().copied().filter(|place| self.site.host(*place) == host && is_of_host(self.site, *place));
        here.partition(|place| self.site.is_file(*place))
    }

    /// Puts the CA file of the host into its kubeconfigs.
    fn with_kubeconfigs(&self, mut step: Step, places: &[Place], ca: &str) -> Step {
        for place in places {
            let path = self.site.path(self.kubeconfig_path(*place));
            let field = &self.site.holding(*place).origin.field;
            let cluster =
                field.strip_prefix("clusters[").and_then(|rest| rest.rsplit_once(']')).map_or("kubernetes", |(name, _)| name);
            step = step.on(path.trim_start_matches('@').to_owned()).run(Command::files(format!(
                "kubectl config --kubeconfig={path} set-cluster {} --certificate-authority={ca} --embed-certs=true",
                quoted(cluster)
            )));
        }
        step
    }

    /// A place of the same kubeconfig that has the job: the CA's own place has none.
    fn kubeconfig_path(&self, place: Place) -> Place {
        let document = &self.site.holding(place).origin.document;
        let holdings = self.site.inventory.holdings.iter();
        holdings
            .into_iter()
            .position(|holding| holding.origin.document == *document && holding.origin.role.is_some())
            .unwrap_or(place)
    }

    fn signs_for_nodes(&self, host: Option<&str>) -> bool {
        self.authority.role == Role::ClusterCa && !self.site.places(Role::ControllerManager, Slot::Credential, host).is_empty()
    }

    /// kube-controller-manager signs by one certificate: its manifest names other files for a while.
    fn signer(&self, step: Step, host: Option<&str>, from: [String; 2]) -> Step {
        if !self.signs_for_nodes(host) {
            return step;
        }
        let manifest = "@/etc/kubernetes/manifests/kube-controller-manager.yaml";
        let [certificate, key] = from;
        let file = SIGNER.trim_start_matches('@');
        step.run(Command::files(format!("install -d -m 700 {NEXT}")))
            .run(Command::files(format!("cp -p {certificate} {SIGNER}.crt")))
            .run(Command::files(format!("cp -p {key} {SIGNER}.key")))
            .run(Command::files(format!(
                "test ! -e {manifest} || sed -i -e 's#--cluster-signing-cert-file=.*#--cluster-signing-cert-file={file}.crt#' -e 's#--cluster-signing-key-file=.*#--cluster-signing-key-file={file}.key#' -e 's#--client-ca-file=.*#--client-ca-file={file}.crt#' {manifest}"
            )))
    }

    fn trust_both(&self, host: Option<&str>) -> Step {
        let (files, kubeconfigs) = self.here(host);
        let (directory, base) = (self.directory(), self.authority.stem);
        let mut step = Step::new(&self.id("trust"), host, format!("trust the new CA beside {}", self.called()))
            .because([Reason::wanted("trust before use")])
            .needs("the new CA in its waiting place on this host", false);
        step = self.signer(step, host, [format!("{directory}/{base}.crt"), format!("{directory}/{base}.key")]);
        for place in &files {
            let path = self.site.path(*place);
            step = step
                .on(path.trim_start_matches('@').to_owned())
                .run(Command::files(format!("cat {NEXT}/{base}.crt {path} > {path}.both")))
                .run(Command::files(format!("mv {path}.both {path}")))
                .check(Command::files(format!("test \"$(grep -c 'BEGIN CERTIFICATE' {path})\" -ge 2")), "both are in it");
        }
        let bundle = files.first().map_or_else(|| format!("{directory}/{base}.crt"), |place| self.site.path(*place));
        step = self.with_kubeconfigs(step, &kubeconfigs, &bundle);
        let all: Vec<Place> = files.iter().chain(&kubeconfigs).copied().collect();
        step.undo(from_backup(self.site, &self.with_roles(&all))).effect(Effect::Trust { name: self.authority.name, at: all })
    }

    fn with_roles(&self, places: &[Place]) -> Vec<Place> {
        places.iter().map(|place| self.kubeconfig_path(*place)).collect()
    }

    fn issued_here(&self, host: Option<&str>) -> Vec<Place> {
        self.issued.iter().copied().filter(|place| self.site.host(*place) == host && self.site.role(*place).is_some()).collect()
    }

    /// Everything that the old CA issued, from the new one.
    fn issue(&self, host: Option<&str>, reasons: &[Reason]) -> Option<Step> {
        let places = self.issued_here(host);
        if places.is_empty() {
            return None;
        }
        let (directory, base) = (self.directory(), self.authority.stem);
        let of_leaves = |reason: &&Reason| {
            let is_here = |place: &Place| reason.places.contains(&super::super::place_name(&self.site.holding(*place).origin));
            places.iter().any(is_here)
        };
        let mut step = Step::new(&self.id("issue"), host, "issue everything from the new CA")
            .because([Reason::wanted("use after trust")])
            .because(reasons.iter().filter(of_leaves).cloned())
            .needs("both CAs trusted on every node", false);
        step = self.signer(step, host, [format!("{NEXT}/{base}.crt"), format!("{NEXT}/{base}.key")]);
        step = self.issued_from(step, &places, &directory, Waiting::Aside);
        // kubeadm writes the one CA that it signs by into kubeconfigs; the old one is needed there until it is dropped.
        let (files, kubeconfigs) = self.here(host);
        if let Some(bundle) = files.first() {
            step = self.with_kubeconfigs(step, &kubeconfigs, &self.site.path(*bundle));
        }
        Some(step.undo(from_backup(self.site, &places)))
    }

    /// kubeadm's renewals with the new CA, and the kubelet's own.
    fn issued_from(&self, mut step: Step, places: &[Place], directory: &str, waiting: Waiting) -> Step {
        let Self { site, authority, .. } = self;
        let base = authority.stem;
        let work = match waiting {
            Waiting::Aside => NEXT,
            Waiting::InPlace => directory,
        };
        let mut kubelet = false;
        for place in places {
            let Some(role) = site.role(*place) else { continue };
            let path = site.path(*place);
            match name(role) {
                Some((name, purpose)) => {
                    let is_file = site.is_file(*place);
                    let below = path.strip_prefix(directory).unwrap_or(&path).trim_start_matches('/').to_owned();
                    let files = || {
                        std::iter::once(below.clone()).chain(
                            site.key(*place)
                                .map(|key| site.path(key))
                                .map(|key| key.strip_prefix(directory).unwrap_or(&key).trim_start_matches('/').to_owned()),
                        )
                    };
                    if is_file && waiting == Waiting::Aside {
                        step = step.run(Command::files(format!(
                            "install -d {NEXT}/{}",
                            below.rsplit_once('/').map_or(".", |(parent, _)| parent)
                        )));
                        for file in files() {
                            step = step.run(Command::files(format!("cp -p {directory}/{file} {NEXT}/{file}")));
                        }
                    }
                    step = step.run(Command::files(format!("{} renew {name} --cert-dir {work}", certs(site))));
                    if is_file && waiting == Waiting::Aside {
                        for file in files() {
                            step = step.run(Command::files(format!("cp -p {NEXT}/{file} {directory}/{file}")));
                        }
                    }
                    step = step.check(
                        Command::files(format!("kcert verify -q {path} --trust {work}/{base}.crt --purpose {purpose}")),
                        "trusted by the new CA alone",
                    );
                }
                None if role == Role::Kubelet => kubelet = true,
                None => {
                    step = step.run(Command::hand(format!("Have {} issued anew by the new CA.", path.trim_start_matches('@'))));
                }
            }
            step = step.on(path.trim_start_matches('@').to_owned()).effect(issue(
                *place,
                site.key(*place),
                Issuer::Made(authority.name),
                KUBEADM_LIFETIME,
            ));
        }
        if kubelet {
            step = self.kubelet(step, places, work);
        }
        step
    }

    fn kubelet(&self, step: Step, places: &[Place], work: &str) -> Step {
        let site = self.site;
        let leaf = places.iter().filter(|place| site.role(**place) == Some(Role::Kubelet)).find_map(|place| site.leaf(*place));
        let user = leaf.and_then(|leaf| leaf.subject.common_name()).unwrap_or_default();
        let node = user.strip_prefix("system:node:").map_or_else(|| "\"${NODE}\"".to_owned(), quoted);
        let host = places.first().and_then(|place| site.host(*place));
        let mut kubeconfigs = site.inventory.kubeconfigs.iter();
        let kubeconfig = kubeconfigs.find(|one| one.role == Some(Role::Kubelet) && one.document.host.as_deref() == host);
        let server =
            kubeconfig.and_then(|one| one.clusters.first()).map(|cluster| cluster.server.to_string()).unwrap_or_default();
        let endpoint = quoted(server.trim_start_matches("https://").trim_end_matches('/'));
        let version = self.version();
        step.run(Command::files(format!(
            "kubeadm init phase kubeconfig kubelet --node-name {node} --control-plane-endpoint {endpoint} --cert-dir {work} --kubeconfig-dir @/etc/kubernetes/kcert-next{version}"
        )))
        .run(Command::files("mv @/etc/kubernetes/kcert-next/kubelet.conf @/etc/kubernetes/kubelet.conf"))
        .run(Command::files("rm -f @/var/lib/kubelet/pki/kubelet-client-current.pem"))
        .needs("the key of the new CA on this host, or kubelet.conf made where it is and copied here", false)
    }

    fn drop(&self, host: Option<&str>) -> Step {
        let (files, kubeconfigs) = self.here(host);
        let (directory, base) = (self.directory(), self.authority.stem);
        let mut step = Step::new(&self.id("drop"), host, format!("drop the old {}", self.called()))
            .needs("everything issued by the new CA, on every node", false);
        step = self.installed(step, host, &files, &directory);
        let path = files.first().map_or_else(|| format!("{directory}/{base}.crt"), |place| self.site.path(*place));
        step = self.with_kubeconfigs(step, &kubeconfigs, &path);
        if self.signs_for_nodes(host) {
            let archive = self.site.policy.at.date();
            step = step.run(Command::files(format!(
                "test ! -e @/etc/kubernetes/manifests/kube-controller-manager.yaml || tar -C @/ -xzpf @/root/kcert-backup-{archive}.tgz etc/kubernetes/manifests/kube-controller-manager.yaml"
            )));
        }
        let all: Vec<Place> = files.iter().chain(&kubeconfigs).copied().collect();
        step.undo(from_backup(self.site, &self.with_roles(&all)))
            .effect(Effect::TrustOnly { name: self.authority.name, at: kubeconfigs })
    }

    /// The new CA in place of the old one, with its key where the old one's is.
    fn installed(&self, mut step: Step, host: Option<&str>, files: &[Place], directory: &str) -> Step {
        let (site, base) = (self.site, self.authority.stem);
        for place in files {
            let path = site.path(*place);
            step = step
                .on(path.trim_start_matches('@').to_owned())
                .run(Command::files(format!("cp -p {NEXT}/{base}.crt {path}")))
                .check(Command::files(format!("cmp {NEXT}/{base}.crt {path}")), "the new CA, and nothing else");
            let key = site.ca_key(*place).filter(|key| site.host(*key) == host);
            if key.is_some() {
                step = step.run(Command::files(format!("cp -p {NEXT}/{base}.key {directory}/{base}.key")));
            }
            step = step.effect(Effect::Install { name: self.authority.name, at: *place, key_at: key });
        }
        step
    }

    /// The CA has ended: everything at once.
    fn replace(&self, host: Option<&str>) -> Step {
        let (files, kubeconfigs) = self.here(host);
        let (directory, places) = (self.directory(), self.issued_here(host));
        let mut step = Step::new(&self.id("replace"), host, format!("replace {}, and all that it issued", self.called()))
            .needs("nothing that still works by the old CA: it has ended", true);
        step = self.installed(step, host, &files, &directory);
        step = self.issued_from(step, &places, &directory, Waiting::InPlace);
        if let Some(file) = files.first() {
            step = self.with_kubeconfigs(step, &kubeconfigs, &self.site.path(*file));
        }
        let all: Vec<Place> = files.iter().chain(&kubeconfigs).chain(&places).copied().collect();
        step.undo(from_backup(self.site, &self.with_roles(&all)))
            .effect(Effect::TrustOnly { name: self.authority.name, at: kubeconfigs })
    }

    /// All processes of a host that have to read what changed, in one step.
    fn restarts(&self, phase: &str, host: Option<&str>, why: &str) -> Option<Step> {
        let processes = self.processes(host);
        let mut steps = processes.iter().map(|process| restarts::of_process(self.site, process));
        let first = steps.next()?;
        let mut all = steps.fold(first, |mut all, step| {
            all.title = format!("{}, {}", all.title, step.title.trim_start_matches("restart "));
            all.and(step)
        });
        all.id = Step::new(&self.id(&format!("{phase}-restart")), host, "").id;
        Some(all.because([Reason::wanted(why)]))
    }
}

/// What is believed after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trusting {
    Both,
    NewAlone,
}

/// Where the new CA is while it signs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Beside the old one.
    Aside,
    /// In its place.
    InPlace,
}
