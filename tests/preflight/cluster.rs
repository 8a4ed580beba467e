//! A cluster to be: which layout, which habits, and what is wrong with it. Everything is minted at [`AT`].
//!
//! A fault is a *twist* of one certificate's recipe, another *issuer* for it, another CA that a kubeconfig *trusts*, a CA of one
//! host's *own*, or an *edit* of the finished files. Labels are the files' stems (`apiserver`, `etcd/server`, `admin.conf`);
//! `cp-2:apiserver` means that of one host, `*ca` and `*leaf` all CAs and all others.

use super::site::Site;
use kcert::mint::{Identity, KeyKind, Pki, Recipe};
use std::collections::BTreeMap;
use std::sync::Mutex;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// Now, in every scenario.
pub(crate) const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);

/// Recipes at that instant.
pub(crate) fn pki() -> Pki {
    Pki::at(AT)
}

/// A change of a recipe.
pub(crate) type Twist = fn(Recipe) -> Recipe;

/// A change of what came out.
type Edit = Box<dyn Fn(&mut Site)>;

/// A host of a cluster.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) address: [u8; 4],
}

impl Node {
    /// The address as text.
    pub(crate) fn ip(self) -> String {
        let [a, b, c, d] = self.address;
        format!("{a}.{b}.{c}.{d}")
    }
}

const MASTERS: [Node; 3] = [
    Node { name: "cp-1", address: [10, 0, 0, 11] },
    Node { name: "cp-2", address: [10, 0, 0, 12] },
    Node { name: "cp-3", address: [10, 0, 0, 13] },
];
const WORKER: Node = Node { name: "worker-1", address: [10, 0, 0, 21] };

/// Organizations of administrators' certificates: they changed twice (kubernetes-pki.md 1.2, 1.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Until 1.28: `system:masters` everywhere.
    Masters,
    /// Since 1.29: `kubeadm:cluster-admins`, none for etcd's clients.
    ClusterAdmins,
    /// Patches of May 2026: none for the API server's client to kubelets either.
    Bare,
}

/// Lays one host out.
pub(crate) type Layout = fn(&mut Maker<'_>, Node);

/// A cluster to be.
pub(crate) struct Cluster {
    /// What control planes look like.
    control_plane: Layout,
    /// What workers look like, where there is one.
    worker: Option<Layout>,
    pub(crate) masters: &'static [Node],
    pub(crate) keys: KeyKind,
    pub(crate) era: Era,
    /// The release whose static pods are among the files.
    pub(crate) version: Option<&'static str>,
    /// The directory of certificates.
    pub(crate) directory: &'static str,
    /// The name of the load balancer before the API servers.
    pub(crate) balancer: Option<&'static str>,
    twists: Vec<(&'static str, Twist)>,
    issuers: Vec<(&'static str, &'static str)>,
    trusts: Vec<(&'static str, &'static str)>,
    own: Vec<&'static str>,
    more: Vec<Layout>,
    edits: Vec<Edit>,
}

impl Cluster {
    /// A cluster of one control plane of this layout.
    pub(crate) fn of(control_plane: Layout) -> Self {
        Self {
            control_plane,
            worker: None,
            masters: &MASTERS[..1],
            keys: KeyKind::EcdsaP256,
            era: Era::ClusterAdmins,
            version: None,
            directory: "/etc/kubernetes/pki",
            balancer: None,
            twists: Vec::new(),
            issuers: Vec::new(),
            trusts: Vec::new(),
            own: Vec::new(),
            more: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// No host at all: API objects only.
    pub(crate) fn objects_only() -> Self {
        Self { masters: &[], ..Self::of(|_, _| ()) }
    }

    /// RSA keys, as kubeadm makes by default.
    pub(crate) fn rsa(self) -> Self {
        Self { keys: KeyKind::Rsa2048, ..self }
    }

    /// Other organizations.
    pub(crate) fn era(self, era: Era) -> Self {
        Self { era, ..self }
    }

    /// With static pods of a release.
    pub(crate) fn release(self, version: &'static str) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Several control planes, two or three.
    pub(crate) fn masters(self, count: usize) -> Self {
        Self { masters: &MASTERS[..count], ..self }
    }

    /// Administrators and kubelets dial a load balancer.
    pub(crate) fn behind(self, balancer: &'static str) -> Self {
        Self { balancer: Some(balancer), ..self }
    }

    /// Certificates in another directory.
    pub(crate) fn certificates_in(self, directory: &'static str) -> Self {
        Self { directory, ..self }
    }

    /// A worker beside the control planes.
    pub(crate) fn worker(self, layout: Layout) -> Self {
        Self { worker: Some(layout), ..self }
    }

    /// A worker alone: the control planes are minted and not shown.
    pub(crate) fn only_worker(self, layout: Layout) -> Self {
        self.worker(layout).edit(|site| site.hosts.retain(|(name, _)| name == WORKER.name))
    }

    /// Changes a certificate.
    pub(crate) fn twist(mut self, label: &'static str, twist: Twist) -> Self {
        self.twists.push((label, twist));
        self
    }

    /// Has a certificate issued by another CA: one of the cluster's by its label, or any other name for a stranger.
    pub(crate) fn issued_by(mut self, label: &'static str, issuer: &'static str) -> Self {
        self.issuers.push((label, issuer));
        self
    }

    /// Has a kubeconfig carry another CA.
    pub(crate) fn trusting(mut self, label: &'static str, ca: &'static str) -> Self {
        self.trusts.push((label, ca));
        self
    }

    /// Gives one host a CA (`cp-2:front-proxy-ca`) or key (`cp-2:sa`) of its own.
    pub(crate) fn own(mut self, label: &'static str) -> Self {
        self.own.push(label);
        self
    }

    /// Lays more out on every control plane.
    pub(crate) fn with(mut self, more: Layout) -> Self {
        self.more.push(more);
        self
    }

    /// Changes what came out.
    pub(crate) fn edit(mut self, edit: impl Fn(&mut Site) + 'static) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// Makes it.
    pub(crate) fn build(&self) -> Site {
        let mut maker = Maker { cluster: self, site: Site::default() };
        for &node in self.masters {
            (self.control_plane)(&mut maker, node);
            self.more.iter().for_each(|more| more(&mut maker, node));
        }
        if let Some(layout) = self.worker {
            layout(&mut maker, WORKER);
        }
        let mut site = maker.site;
        self.edits.iter().for_each(|edit| edit(&mut site));
        site
    }

    fn changed(&self, host: &str, label: &str, kind: &str, recipe: Recipe) -> Recipe {
        let twists = self.twists.iter().filter(|(wanted, _)| *wanted == kind || is_meant(wanted, host, label));
        twists.fold(recipe, |recipe, (_, twist)| twist(recipe))
    }
}

/// Whether `wanted`, `LABEL` or `HOST:LABEL`, means this label of this host.
fn is_meant(wanted: &str, host: &str, label: &str) -> bool {
    wanted == label || wanted.split_once(':') == Some((host, label))
}

/// Lays out the hosts of a cluster, following its faults.
pub(crate) struct Maker<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) site: Site,
}

impl Maker<'_> {
    /// A CA of the whole cluster, minted when first asked for, unless the host has its own.
    pub(crate) fn ca(&mut self, node: Node, label: &str, recipe: Recipe) -> Identity {
        let own = format!("{}:{label}", node.name);
        let key = if self.cluster.own.contains(&own.as_str()) { own } else { label.to_owned() };
        if let Some(known) = self.site.made.get(&key) {
            return known.clone();
        }
        let issuer =
            self.cluster.issuers.iter().find(|(wanted, _)| is_meant(wanted, node.name, label)).map(|(_, issuer)| *issuer);
        let recipe = self.keyed(&key, self.cluster.changed(node.name, label, "*ca", recipe));
        let ca = match issuer {
            Some(issuer) => recipe.issued_by(&self.authority(node, issuer)).unwrap(),
            None => recipe.self_signed().unwrap(),
        };
        self.site.made.insert(key, ca.clone());
        ca
    }

    /// A CA by its label: the host's own, the cluster's, or else a stranger. Strangers called `old-…` carry the name of the CA that
    /// they came before.
    pub(crate) fn authority(&mut self, node: Node, label: &str) -> Identity {
        let own = format!("{}:{label}", node.name);
        if let Some(known) = self.site.made.get(&own).or_else(|| self.site.made.get(label)) {
            return known.clone();
        }
        let name = match label.strip_prefix("old-") {
            Some("ca") => "kubernetes",
            Some(label) => label,
            None => label,
        };
        let stranger = pki().ca(name).self_signed().unwrap();
        self.site.made.insert(label.to_owned(), stranger.clone());
        stranger
    }

    /// A certificate of one host. Without an issuer it signs itself.
    pub(crate) fn leaf(&mut self, node: Node, label: &str, issuer: Option<&str>, recipe: Recipe) -> Identity {
        let other = self.cluster.issuers.iter().find(|(wanted, _)| is_meant(wanted, node.name, label)).map(|(_, issuer)| *issuer);
        let recipe = self.keyed(label, self.cluster.changed(node.name, label, "*leaf", recipe));
        let identity = match other.or(issuer) {
            Some(issuer) => recipe.issued_by(&self.authority(node, issuer)).unwrap(),
            None => recipe.self_signed().unwrap(),
        };
        self.site.made.insert(format!("{}:{label}", node.name), identity.clone());
        identity
    }

    /// The CA that issues a certificate.
    pub(crate) fn issuer(&mut self, node: Node, label: &str, usual: &str) -> Identity {
        let other = self.cluster.issuers.iter().find(|(wanted, _)| is_meant(wanted, node.name, label)).map(|(_, issuer)| *issuer);
        self.authority(node, other.unwrap_or(usual))
    }

    /// The CA that a kubeconfig carries.
    pub(crate) fn trusted(&mut self, node: Node, label: &str, usual: &str) -> Identity {
        let other = self.cluster.trusts.iter().find(|(wanted, _)| is_meant(wanted, node.name, label)).map(|(_, ca)| *ca);
        self.authority(node, other.unwrap_or(usual))
    }

    /// With a key of the cluster's kind. RSA keys are slow to make: one for a label serves all clusters.
    fn keyed(&self, label: &str, recipe: Recipe) -> Recipe {
        static KEYS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
        if self.cluster.keys != KeyKind::Rsa2048 {
            return recipe;
        }
        let make = || pki().keys(KeyKind::Rsa2048).leaf("key").self_signed().unwrap().key_pem().as_str().to_owned();
        let mut keys = KEYS.lock().unwrap();
        let key = keys.entry(label.to_owned()).or_insert_with(make);
        recipe.key_pem(key.as_str())
    }
}

/// Ends in so many days. What lives longer than a year began 30 days ago.
pub(crate) fn days(recipe: Recipe, days: i64) -> Recipe {
    if days > 335 {
        return recipe.valid(AT - Duration::days(30), AT + Duration::days(days));
    }
    recipe.ends_in(Duration::days(days))
}
