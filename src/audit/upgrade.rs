//! What an upgrade of Kubernetes does to certificates: which rules of crypto/x509 come, and what kubeadm itself does.

pub(super) mod notes;
pub(super) mod rules;

use super::Context;
use super::places::components;
use super::policy::Policy;
use crate::verify::{Go, KubernetesVersion, Verifier};

/// The versions between which a cluster is upgraded, and what comes with it.
#[derive(Clone, Debug, Default)]
pub struct Upgrade {
    /// The version that the cluster has, if anything tells.
    pub present: Option<KubernetesVersion>,
    /// The version that it is to have.
    pub target: Option<KubernetesVersion>,
    /// What the upgrade itself does to certificates, in the order of importance.
    pub notes: Vec<Note>,
}

impl Upgrade {
    /// What is to be said of several clusters: their oldest version, and every note once.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.present = [self.present, other.present].into_iter().flatten().min();
        self.target = self.target.or(other.target);
        let new: Vec<Note> = other.notes.into_iter().filter(|note| !self.notes.contains(note)).collect();
        self.notes.extend(new);
        self
    }
}

/// One thing that an upgrade does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about, in a few words: `admin.conf`.
    pub about: String,
    /// What happens, in a sentence without a full stop.
    pub text: String,
    /// Where it is written.
    pub citation: &'static str,
}

/// The version of a program, as far as anything tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// This one.
    Known(KubernetesVersion),
    /// Nothing tells.
    Unknown,
}

impl Version {
    /// Its crypto/x509: of releases that are older or newer than those known, that of the nearest; of none the newest.
    pub(super) fn verifier(self) -> Verifier {
        match self {
            Self::Unknown => Verifier::newest_go(),
            Self::Known(version) => match Go::of_kubernetes(version) {
                Some(go) => Verifier::Go(go),
                None if version < KubernetesVersion::known().0 => Verifier::oldest_go(),
                None => Verifier::newest_go(),
            },
        }
    }

    /// The release, if it is known.
    pub(super) fn known(self) -> Option<KubernetesVersion> {
        match self {
            Self::Known(version) => Some(version),
            Self::Unknown => None,
        }
    }
}

/// The programs of Kubernetes whose image tags are its version, the one that counts most first.
const TAGGED: &[&str] = &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"];

/// The cluster's present version: what the user says, else what an API server answered, else the tags of images.
pub(super) fn present(context: &Context<'_>) -> Version {
    context.present(|| {
        let answered = || {
            let replies = context.inventory.peers.iter().filter_map(|peer| peer.reply.as_ref()?.version.as_ref());
            replies
                .chain(&context.inventory.facts.versions)
                .filter_map(|version| KubernetesVersion::of_tag(&version.git_version))
                .min()
        };
        let tagged = || TAGGED.iter().find_map(|program| oldest_tag(context, program));
        context.policy.from.or_else(answered).or_else(tagged).map_or(Version::Unknown, Version::Known)
    })
}

/// The oldest version of a program on any host: members of a control plane are upgraded one after the other.
fn oldest_tag(context: &Context<'_>, program: &str) -> Option<KubernetesVersion> {
    let components = context.inventory.facts.components.iter().filter(|component| component.program == program);
    components.filter_map(|component| KubernetesVersion::of_tag(component.version.as_deref()?)).min()
}

/// The version of a program on a host, else the cluster's.
pub(super) fn of_component(context: &Context<'_>, program: &str, host: Option<&str>) -> Version {
    if context.policy.from.is_some() || !TAGGED.contains(&program) {
        return present(context);
    }
    let tag = components(context.inventory, program, host).find_map(|component| component.version.as_deref());
    tag.or_else(|| of_node(context, program, host))
        .and_then(KubernetesVersion::of_tag)
        .map_or_else(|| present(context), Version::Known)
}

/// The version of a kubelet by its Node, where the host has the node's name.
fn of_node<'a>(context: &Context<'a>, program: &str, host: Option<&str>) -> Option<&'a str> {
    let host = host.filter(|_| program == "kubelet")?;
    context.inventory.facts.nodes.iter().find(|node| *node.name == *host)?.kubelet_version.as_deref()
}

/// The crypto/x509 of the version that is upgraded to.
pub(super) fn target(policy: &Policy) -> Option<Verifier> {
    policy.target.map(|target| Version::Known(target).verifier())
}

/// What is to be said of the upgrade.
pub(super) fn of(context: &Context<'_>) -> Upgrade {
    let present = present(context).known();
    let notes = context.policy.target.map(|target| notes::of(context, present, target)).unwrap_or_default();
    Upgrade { present, target: context.policy.target, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{AwsLc, Graph};
    use crate::mint::NOW;
    use crate::model::{ClusterNode, Fact, Inventory};

    #[test]
    fn a_node_tells_the_version_of_its_kubelet() {
        let mut inventory = Inventory::default();
        let kubelet_version = Some("v1.30.3".into());
        inventory.facts.push(Fact::Node(ClusterNode {
            name: "w1".into(),
            addresses: Vec::new(),
            kubelet_version,
            kubelet_port: 1,
        }));
        let (graph, policy) = (Graph::build(&inventory, &AwsLc), Policy::at(NOW));
        let context = Context::new(&graph, &policy);
        let version = |program, host| of_component(&context, program, host);
        assert_eq!(version("kubelet", Some("w1")), Version::Known("1.30.3".parse().unwrap()));
        for (program, host) in [("kubelet", Some("w2")), ("kubelet", None), ("kube-apiserver", Some("w1"))] {
            assert_eq!(version(program, host), Version::Unknown, "{program} {host:?}");
        }
    }
}
