//! The phases of a rotation, each a step on each host.

use super::super::super::effect::{Authority as Issuer, Effect, Place};
use super::super::super::program::Program;
use super::super::super::step::{Command, Reason, Step};
use super::super::kubeadm::{certs, name};
use super::super::kubelet::Conf;
use super::super::quoted;
use super::super::{KUBEADM_LIFETIME, NewKey, Task, issue, restarts};
use super::{Rotation, is_of_host};
use crate::model::{Role, Slot};

/// Where the new CA waits, beside the directory that it is for.
pub(super) const NEXT: &str = "@/etc/kubernetes/pki-next";

/// The files that the signer of kube-controller-manager works by while `ca.crt` is a bundle, in the directory that its pod mounts.
const SIGNER: &str = "kcert-signer";

/// The manifest of the signer.
const MANIFEST: &str = "@/etc/kubernetes/manifests/kube-controller-manager.yaml";

impl Rotation<'_, '_> {
    /// All of them, for what is due.
    pub(super) fn steps(&self, tasks: &[Task<'_>]) -> Vec<Step> {
        let is_over = self.site.leaf(self.ca).is_some_and(|ca| ca.validity.is_over(self.site.policy.at));
        let reasons = self.site.reasons(tasks);
        let mut steps = self.make();
        if is_over {
            for host in &self.hosts {
                steps.push(self.replace(*host).because(reasons.clone()));
                steps.extend(self.kubelet(*host, &reasons, Waiting::InPlace));
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
            steps.extend(self.kubelet(*host, &reasons, Waiting::Aside));
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

    /// Whether a host signs: then it has the CA's key, and gets the new one's.
    fn signs(&self, host: Option<&str>) -> bool {
        self.here(host).0.iter().any(|place| self.site.signs(*place))
    }

    /// The new CA, made on the first host and brought to the others: with its key to those that sign.
    fn make(&self) -> Vec<Step> {
        let Self { site, authority, .. } = self;
        let (first, base) = (site.host(self.ca), authority.stem);
        let made = Step::new(&self.id("make"), first, format!("make a new CA beside {}", self.called()))
            .on(format!("{}/{base}.crt", NEXT.trim_start_matches('@')))
            .because([Reason::wanted("a CA is replaced, never renewed, by kubeadm")])
            .run(Command::files(format!("install -d -m 700 {NEXT}")))
            .run(Command::files(format!("kubeadm init phase certs {} --cert-dir {NEXT}{}", authority.name, self.version())))
            .needs("every node of the cluster among the sources (--root NAME=DIR each), and its objects: what was not seen was not rehearsed", false)
            .check(
                Command::files(format!("kcert verify -q {NEXT}/{base}.crt --trust {NEXT}/{base}.crt --at +3000d")),
                "valid for some ten years",
            )
            .undo(Command::files(format!("rm -rf {NEXT}")))
            .effect(Effect::Make { name: authority.name, like: self.ca, key: NewKey::Fresh });
        let mut steps = vec![made];
        let path = |ending: &str| format!("{}/{base}.{ending}", NEXT.trim_start_matches('@'));
        let mut carry = Step::new(&self.id("carry"), None, "bring the new CA to the other nodes, its key to those that sign")
            .because([Reason::wanted("every node has to trust it before anybody uses it")]);
        for (from, to) in self.hosts.iter().filter_map(|host| Some((first?, (*host)?))).filter(|(from, to)| from != to) {
            let signs = self.signs(Some(to));
            for ending in ["crt", "key"].iter().take(if signs { 2 } else { 1 }) {
                carry = carry.on(format!("{to}: {}", path(ending))).run(Command::carry(from, &path(ending), to, &path(ending)));
            }
        }
        steps.extend((!carry.commands.is_empty()).then_some(carry));
        steps
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
            let path = self.site.kubeconfig_path(*place);
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

    fn signs_for_nodes(&self, host: Option<&str>) -> bool {
        self.authority.role == Role::ClusterCa && !self.site.places(Role::ControllerManager, Slot::Credential, host).is_empty()
    }

    /// kube-controller-manager signs by one certificate: its manifest names other files for a while.
    fn signer(&self, step: Step, host: Option<&str>, from: [String; 2]) -> Step {
        if !self.signs_for_nodes(host) {
            return step;
        }
        let [certificate, key] = from;
        let signer = format!("{}/{SIGNER}", self.directory());
        let file = signer.trim_start_matches('@');
        step.writes(MANIFEST)
            .run(Command::files(format!("cp -p {certificate} {signer}.crt")))
            .run(Command::files(format!("cp -p {key} {signer}.key")))
            .run(Command::files(format!(
                "test ! -e {MANIFEST} || sed -i -e 's#--cluster-signing-cert-file=.*#--cluster-signing-cert-file={file}.crt#' -e 's#--cluster-signing-key-file=.*#--cluster-signing-key-file={file}.key#' -e 's#--client-ca-file=.*#--client-ca-file={file}.crt#' {MANIFEST}"
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
        step.effect(Effect::Trust { name: self.authority.name, at: all })
    }

    /// What the CA issued on a host: the kubelet's own certificate apart, or that alone.
    fn issued_here(&self, host: Option<&str>, kubelets: Kubelets) -> Vec<Place> {
        let here = self.issued.iter().copied().filter(|place| self.site.host(*place) == host);
        here.filter(|place| self.site.role(*place).is_some_and(|role| (role == Role::Kubelet) == (kubelets == Kubelets::Alone)))
            .collect()
    }

    /// Everything that the old CA issued, from the new one.
    fn issue(&self, host: Option<&str>, reasons: &[Reason]) -> Option<Step> {
        let places = self.issued_here(host, Kubelets::Apart);
        if places.is_empty() {
            return None;
        }
        let (directory, base) = (self.directory(), self.authority.stem);
        let mut step = Step::new(&self.id("issue"), host, "issue everything from the new CA")
            .because([Reason::wanted("use after trust")])
            .because(reasons.iter().filter(|reason| self.is_about(reason, &places)).cloned())
            .needs("both CAs trusted on every node", false);
        step = self.signer(step, host, [format!("{NEXT}/{base}.crt"), format!("{NEXT}/{base}.key")]);
        step = self.issued_from(step, &places, &directory, Waiting::Aside);
        // kubeadm writes the one CA that it signs by into kubeconfigs; the old one is needed there until it is dropped.
        let (files, kubeconfigs) = self.here(host);
        if let Some(bundle) = files.first() {
            step = self.with_kubeconfigs(step, &kubeconfigs, &self.site.path(*bundle));
        }
        Some(step)
    }

    /// kubeadm's renewals with the new CA, and the kubelet's own.
    fn issued_from(&self, mut step: Step, places: &[Place], directory: &str, waiting: Waiting) -> Step {
        let Self { site, authority, .. } = self;
        let base = authority.stem;
        let work = match waiting {
            Waiting::Aside => NEXT,
            Waiting::InPlace => directory,
        };
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
                None => {
                    step = step
                        .run(Command::hand_on_files(format!("Have {} issued anew by the new CA.", path.trim_start_matches('@'))));
                }
            }
            step = step.on(path.trim_start_matches('@').to_owned()).effect(issue(
                *place,
                site.key(*place),
                Issuer::Made(authority.name),
                KUBEADM_LIFETIME,
            ));
        }
        step
    }

    /// The kubelet's client certificate, by a kubelet.conf that is made where the new CA's key is.
    fn kubelet(&self, host: Option<&str>, reasons: &[Reason], waiting: Waiting) -> Vec<Step> {
        let (site, places) = (self.site, self.issued_here(host, Kubelets::Alone));
        if places.is_empty() {
            return Vec::new();
        }
        let signer = if self.signs(host) { host } else { site.host(self.ca) };
        let directory = match waiting {
            Waiting::Aside => NEXT.to_owned(),
            Waiting::InPlace => self.directory(),
        };
        let ca = self.here(signer).0.first().copied();
        let mut steps = Vec::new();
        let step = Step::new(&self.id("kubelet"), host, "issue kubelet.conf from the new CA")
            .because([Reason::wanted("use after trust")])
            .because(reasons.iter().filter(|reason| self.is_about(reason, &places)).cloned());
        let mut step = Conf { host, ca, directory }.into_step(site, step, &mut steps);
        let (files, kubeconfigs) = self.here(host);
        if let Some(bundle) = files.first() {
            let of_kubelet = |place: &Place| site.kubeconfig_path(*place).ends_with("/kubelet.conf");
            let own: Vec<Place> = kubeconfigs.into_iter().filter(of_kubelet).collect();
            step = self.with_kubeconfigs(step, &own, &site.path(*bundle));
        }
        steps.push(places.iter().fold(step, |step, place| {
            step.effect(issue(*place, site.key(*place), Issuer::Made(self.authority.name), KUBEADM_LIFETIME))
        }));
        steps
    }

    fn is_about(&self, reason: &Reason, places: &[Place]) -> bool {
        places.iter().any(|place| reason.places.contains(&super::super::place_name(&self.site.holding(*place).origin)))
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
            let (saved, manifest) = (self.site.saved_in(), MANIFEST.trim_start_matches("@/"));
            step = step
                .writes(MANIFEST)
                .run(Command::files(format!("test ! -e {MANIFEST} || tar -C @/ -xzpf {saved}/backup.tgz {manifest}")))
                .run(Command::files(format!("rm -f {directory}/{SIGNER}.crt {directory}/{SIGNER}.key")));
        }
        step.effect(Effect::TrustOnly { name: self.authority.name, at: kubeconfigs })
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
        let (directory, places) = (self.directory(), self.issued_here(host, Kubelets::Apart));
        let mut step = Step::new(&self.id("replace"), host, format!("replace {}, and all that it issued", self.called()))
            .needs("nothing that still works by the old CA: it has ended", true);
        step = self.installed(step, host, &files, &directory);
        step = self.issued_from(step, &places, &directory, Waiting::InPlace);
        if let Some(file) = files.first() {
            step = self.with_kubeconfigs(step, &kubeconfigs, &self.site.path(*file));
        }
        step.effect(Effect::TrustOnly { name: self.authority.name, at: kubeconfigs })
    }

    /// All processes of a host that have to read what changed, in one step.
    fn restarts(&self, phase: &str, host: Option<&str>, why: &str) -> Option<Step> {
        let processes = self.processes(host);
        // Without its kubelet no static pod is started anew.
        let (kubelet, others): (Vec<_>, Vec<_>) = processes.iter().partition(|process| process.program == Program::Kubelet);
        let mut steps = kubelet.into_iter().chain(others).map(|process| restarts::of_process(self.site, process));
        let first = steps.next()?;
        let mut all = steps.fold(first, |mut all, step| {
            all.title = format!("{}, {}", all.title, step.title.trim_start_matches("restart "));
            all.and(step)
        });
        all.id = Step::new(&self.id(&format!("{phase}-restart")), host, "").id;
        Some(all.because([Reason::wanted(why)]))
    }
}

/// Whether the kubelet's certificate is meant: it is issued another way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kubelets {
    Apart,
    Alone,
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
