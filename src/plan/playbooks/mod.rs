//! PLAYBOOKS: how what was found is mended, by distribution and job; each takes the tasks that are its and makes steps of them.

mod backup;
mod copies;
mod each;
mod external;
mod istio;
mod kubeadm;
mod kubelet;
mod managed;
mod objects;
mod rancher;
mod restarts;
mod rotation;
mod secrets;
mod service_account;
mod tidy;
mod users;

use super::effect::{Authority, Effect, Lifetime, NewKey, Place};
use super::program::{Process, distribution};
use super::rehearsal::{disturbed, place_name};
pub(super) use super::step::quoted;
use super::step::{Command, Disturbance, ROOT_SIGN, Reason, Step};
use super::world::key_places;
use crate::audit::{Audit, Policy, Threshold};
use crate::chain::Graph;
use crate::model::inventory::Host;
use crate::model::{
    Certificate, Code, Distribution, Finding, Handshake, Holding, Inventory, Origin, OriginKind, Role, Severity, Slot,
};
use crate::verify::KubernetesVersion;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use time::Duration;

pub use users::object_name;

/// kubeadm's name of what has a job.
pub(super) fn kubeadm_name(role: Role) -> Option<&'static str> {
    kubeadm::name(role).map(|(name, _)| name)
}

/// Makes steps of the tasks that it knows how to do, and takes them.
type Playbook = fn(&Site<'_>, &mut Tasks<'_>) -> Vec<Step>;

/// In the order of their steps: trust first, then what is issued, then what is copied, what follows from it, and the housekeeping.
const PLAYBOOKS: &[Playbook] = &[
    rotation::steps,
    rancher::steps,
    managed::steps,
    // Without its kubelet no static pod is started anew.
    kubelet::steps,
    kubeadm::steps,
    service_account::steps,
    copies::steps,
    users::steps,
    istio::steps,
    objects::steps,
    tidy::steps,
];

/// Every step that the tasks ask for, with backups first.
pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = PLAYBOOKS.iter().flat_map(|playbook| playbook(site, tasks)).collect();
    restarts::join(site, tasks, &mut steps);
    let rotated = kubelet::rotated(site, &steps);
    steps.extend(rotated);
    let mut all = backup::backups(site, &steps);
    all.extend(steps);
    for step in &mut all {
        backup::save(site, step);
        rancher::started(step);
        site.announce(step);
    }
    all
}

/// One place of one finding.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) finding: &'a Finding,
    pub(super) place: Place,
}

impl Task<'_> {
    /// Why the step that does it is in the plan.
    pub(super) fn reason(&self, site: &Site<'_>) -> Reason {
        Reason {
            code: Some(self.finding.code),
            message: self.finding.message.clone(),
            places: vec![place_name(&site.holding(self.place).origin)],
        }
    }
}

/// A place as one that a check made up for a field is the same as the one that was read.
fn named(origin: &Origin) -> (OriginKind, &str, Option<&str>, &str) {
    let document = &origin.document;
    (document.kind, &document.source, document.host.as_deref(), &origin.field)
}

/// What is to be mended and belongs to no step yet.
pub(super) struct Tasks<'a>(Vec<Task<'a>>);

impl<'a> Tasks<'a> {
    /// The places of findings at warning or above which are no consequence of others.
    pub(super) fn of(site: &Site<'_>, audit: &'a Audit, given_up: &BTreeSet<(Code, String)>) -> Self {
        let places: HashMap<_, Place> =
            site.inventory.holdings.iter().enumerate().map(|(place, holding)| (named(&holding.origin), place)).collect();
        let asks =
            |finding: &&Finding| matches!(finding.severity, Severity::Warning | Severity::Critical) && finding.because.is_none();
        let tasks = audit.findings.iter().filter(asks).flat_map(|finding| {
            let known = |(origin, _): &(Origin, u32)| places.get(&named(origin)).copied();
            let places: BTreeSet<Place> = finding.origins.iter().filter_map(known).collect();
            places.into_iter().map(move |place| Task { finding, place })
        });
        let is_open = |task: &Task<'_>| !given_up.contains(&(task.finding.code, place_name(&site.holding(task.place).origin)));
        Self(tasks.filter(is_open).collect())
    }

    /// Takes those that are somebody's.
    pub(super) fn take(&mut self, is_mine: impl Fn(&Task<'a>) -> bool) -> Vec<Task<'a>> {
        let (mine, others) = std::mem::take(&mut self.0).into_iter().partition(is_mine);
        self.0 = others;
        mine
    }

    /// Those that nobody took.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Task<'a>> {
        self.0.iter()
    }
}

/// What a new certificate mends.
const ISSUING_MENDS: &[Code] = &[
    Code::Expired,
    Code::Expiring,
    Code::KeyMismatch,
    Code::KeyMissing,
    Code::WeakKey,
    Code::WeakSignature,
    Code::Untrusted,
    Code::ClientUntrusted,
    Code::FrontProxyUntrusted,
    Code::RejectedByTarget,
];

pub(super) fn is_mended_by_issuing(code: Code) -> bool {
    ISSUING_MENDS.contains(&code)
}

/// Everything that playbooks look at.
pub(super) struct Site<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) graph: &'a Graph<'a>,
    pub(super) handshakes: &'a [Handshake],
    pub(super) policy: &'a Policy,
    pub(super) present: Option<KubernetesVersion>,
    keys: HashMap<Place, Place>,
}

impl<'a> Site<'a> {
    pub(super) fn new(graph: &'a Graph<'a>, audit: &'a Audit, policy: &'a Policy) -> Self {
        let inventory = graph.inventory();
        Self {
            inventory,
            graph,
            handshakes: &audit.handshakes,
            policy,
            present: audit.upgrade.present,
            keys: key_places(inventory),
        }
    }

    pub(super) fn holding(&self, place: Place) -> &'a Holding {
        &self.inventory.holdings[place]
    }

    /// The certificate that stands first in a place.
    pub(super) fn leaf(&self, place: Place) -> Option<&'a Arc<Certificate>> {
        self.holding(place).certificates().next().map(|(_, leaf)| leaf)
    }

    pub(super) fn host(&self, place: Place) -> Option<&'a str> {
        self.holding(place).origin.document.host.as_deref()
    }

    pub(super) fn role(&self, place: Place) -> Option<Role> {
        self.holding(place).origin.role
    }

    /// The place of the key that belongs to a certificate.
    pub(super) fn key(&self, place: Place) -> Option<Place> {
        self.keys.get(&place).copied()
    }

    /// The places with a job and slot on a host.
    pub(super) fn places(&self, role: Role, slot: Slot, host: Option<&str>) -> Vec<Place> {
        let is_one = |(_, holding): &(Place, &Holding)| {
            let origin = &holding.origin;
            origin.role == Some(role) && origin.slot == slot && origin.document.host.as_deref() == host
        };
        self.inventory.holdings.iter().enumerate().filter(is_one).map(|(place, _)| place).collect()
    }

    pub(super) fn distribution(&self, host: Option<&str>) -> Option<Distribution> {
        distribution(self.inventory, host)
    }

    /// The hosts at hand, control planes first, each by its name.
    pub(super) fn hosts(&self) -> Vec<Option<&'a str>> {
        let mut hosts: Vec<Option<&str>> = self.inventory.hosts.iter().map(|host| host.name.as_deref()).collect();
        hosts.sort_by_key(|host| (self.places(Role::Apiserver, Slot::Credential, *host).is_empty(), *host));
        hosts.dedup();
        hosts
    }

    /// The path of a file as the host itself knows it, with the sign that it is below the host's root; of a file elsewhere as it was
    /// named. A word for a shell.
    pub(super) fn path(&self, place: Place) -> String {
        self.path_of(&self.holding(place).origin)
    }

    /// The same of an origin.
    pub(super) fn path_of(&self, origin: &Origin) -> String {
        self.host_path(origin.document.path(), origin.document.host.as_deref())
    }

    /// The kubeconfig that a place belongs to, though its certificates may stand in other files.
    pub(super) fn kubeconfig_path(&self, place: Place) -> String {
        let document = &self.holding(place).origin.document;
        self.host_path(&document.source, document.host.as_deref())
    }

    /// A path that was shown to the user, as the host knows it.
    pub(super) fn host_path(&self, shown: &str, host: Option<&str>) -> String {
        /// Where the parts of a host begin that a layout may have been given by.
        const BEGINNINGS: &[&str] = &["/etc/kubernetes/", "/var/lib/", "/etc/rancher/", "/var/snap/"];
        let rooted = |known: &Host| {
            let below = shown.strip_prefix(known.directory.trim_end_matches('/'))?;
            // A part of a host, `/backup/etc/kubernetes`, does not begin where its host does.
            let is_whole =
                below.starts_with('/') && !BEGINNINGS.iter().any(|part| known.directory.contains(part.trim_end_matches('/')));
            is_whole.then_some(below)
        };
        let mut known = self.inventory.hosts.iter().filter(|known| known.name.as_deref() == host);
        let within = |known: &Host| shown.starts_with(&*known.directory);
        let part = |known: &Host| {
            let found = || BEGINNINGS.iter().find_map(|beginning| shown.find(beginning).map(|at| &shown[at..]));
            if within(known) { found() } else { None }
        };
        let path = known.find_map(|known| rooted(known).or_else(|| part(known)));
        match path.and_then(|path| path.strip_prefix('/')) {
            Some(below) => format!("{ROOT_SIGN}{}", quoted(below)),
            None => quoted(shown),
        }
    }

    /// The first value of a flag of a program on a host.
    pub(super) fn flag(&self, program: &str, flag: &str, host: Option<&str>) -> Option<&'a str> {
        let components = self.inventory.facts.components.iter();
        let mut here = components.filter(|one| one.program == program && one.host.as_deref() == host);
        here.find_map(|component| component.values(flag).next())
    }

    /// The check that a file's certificate is trusted, and will be when the alarm would come; or until shortly before its CA ends.
    pub(super) fn check_of(&self, path: &str, ca: Place, purpose: &str) -> Command {
        let at = self.ahead(ca).map(|days| format!(" --at +{days}d")).unwrap_or_default();
        Command::files(format!("kcert verify -q {path} --trust {} --purpose {purpose}{at}", self.path(ca)))
    }

    /// The days by which a check looks ahead.
    fn ahead(&self, ca: Place) -> Option<i64> {
        let wanted = self.within_days();
        let left = self.leaf(ca).map_or(wanted, |ca| (ca.validity.not_after - self.policy.at).whole_days() - 1);
        Some(wanted.min(left)).filter(|days| *days > 0)
    }

    /// The days within which what ends is renewed.
    pub(super) fn within_days(&self) -> i64 {
        match self.policy.warn {
            Threshold::Before(before) => before.whole_days().max(1),
            Threshold::Share(_) => 30,
        }
    }

    /// The directory for what steps save: of this plan and no other.
    pub(super) fn saved_in(&self) -> String {
        let at = self.policy.at;
        format!("@/root/kcert-{}-{:02}{:02}{:02}", at.date(), at.hour(), at.minute(), at.second())
    }

    /// Adds what the restarts of a step disturb.
    fn announce(&self, step: &mut Step) {
        for process in step.effects.iter().filter_map(Effect::restarts) {
            let row = process.program.row();
            let why = format!("{} is started anew", row.name);
            let handshakes = disturbed(self.handshakes, process);
            step.disturbs.push(Disturbance { handshakes, seconds: row.away, why });
        }
    }

    /// Reasons of tasks, those of one code in one.
    pub(super) fn reasons(&self, tasks: &[Task<'_>]) -> Vec<Reason> {
        tasks.iter().map(|task| task.reason(self)).collect()
    }
}

/// A certificate issued anew by whoever signs on the host.
pub(super) fn issue(at: Place, key_at: Option<Place>, by: Authority, lifetime: Lifetime) -> Effect {
    Effect::Issue { at, key_at, by, key: NewKey::Fresh, lifetime }
}

/// kubeadm's lifetime of everything but CAs: 8760 hours.
pub(super) const KUBEADM_LIFETIME: Lifetime = Lifetime::Of(Duration::days(365));

/// The CAs of jobs, the first that there is on a host: kubeadm's, then those of k3s and RKE2.
pub(super) fn authority_of(role: Role) -> &'static [Role] {
    match role {
        Role::Apiserver | Role::ApiserverSni | Role::KubeletServing | Role::ControllerManagerServing | Role::SchedulerServing => {
            &[Role::ClusterCa, Role::ServerCa]
        }
        Role::FrontProxyClient => &[Role::FrontProxyCa],
        Role::EtcdServer | Role::ApiserverEtcdClient | Role::EtcdHealthcheckClient => &[Role::EtcdCa],
        Role::EtcdPeer => &[Role::EtcdPeerCa, Role::EtcdCa],
        Role::Supervisor => &[Role::ServerCa, Role::ClientCa, Role::ClusterCa],
        _ => &[Role::ClusterCa, Role::ClientCa],
    }
}

impl Site<'_> {
    /// The CA file by which certificates of a job are issued on a host.
    pub(super) fn ca_of(&self, role: Role, host: Option<&str>) -> Option<Place> {
        let cas = authority_of(role).iter().flat_map(|ca| [Slot::Credential, Slot::Trust].map(|slot| (*ca, slot)));
        cas.flat_map(|(ca, slot)| self.places(ca, slot, host)).find(|place| self.is_file(*place) && self.leaf(*place).is_some())
    }

    /// The key of a CA on a host: the one that lies beside it.
    pub(super) fn ca_key(&self, ca: Place) -> Option<Place> {
        let role = self.role(ca)?;
        self.key(ca).or_else(|| self.places(role, Slot::Key, self.host(ca)).into_iter().next())
    }

    /// Whether a place is a file by itself.
    pub(super) fn is_file(&self, place: Place) -> bool {
        self.holding(place).origin.document.kind == OriginKind::File
    }

    /// Whether the CA's certificate has its key beside it.
    pub(super) fn signs(&self, ca: Place) -> bool {
        let certificate = self.leaf(ca);
        let keys = self.ca_key(ca).map(|key| self.holding(key));
        keys.into_iter().flat_map(Holding::private_keys).any(|key| key.public() == certificate.map(|ca| &ca.public_key))
    }
}

/// So many steps of one kind stand by themselves.
const FEW: usize = 6;

/// Steps of one kind, which are one step when there are many: nobody follows a thousand, and each is rehearsed.
pub(super) fn few(steps: Vec<Step>, id: &str, what: &str) -> Vec<Step> {
    let count = steps.len();
    if count <= FEW {
        return steps;
    }
    let mut reasons = Vec::new();
    let all = steps.into_iter().fold(Step::new(id, None, format!("{what}, {count} times")), |all, mut step| {
        reasons.append(&mut step.reasons);
        all.and(step)
    });
    vec![all.because(reasons)]
}

/// The restarts of processes, etcd first and the kubelet last, each a step of its own.
pub(super) fn restart_steps(site: &Site<'_>, processes: &BTreeSet<Process>, why: &str) -> Vec<Step> {
    processes.iter().map(|process| restarts::of_process(site, process).because([Reason::wanted(why)])).collect()
}
