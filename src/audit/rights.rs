//! What a client certificate may do: its user and groups against what its job needs (kubernetes/kubernetes
//! plugin/pkg/auth/authorizer/rbac/bootstrappolicy, cmd/kubeadm/app/phases/kubeconfig).

use super::findings::{Draft, Findings};
use super::{Context, upgrade};
use crate::model::{Certificate, Code, Evidence, Role, Severity, Slot};
use crate::verify::KubernetesVersion;

/// The group that may do everything, whatever is bound.
const MASTERS: &str = "system:masters";
/// kubeadm's administrators since 1.29, by a ClusterRoleBinding of the same name.
const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";
/// What the API server needs at kubelets, and what has everything.
const KUBELET_ROLES: &[&str] = &["system:kubelet-api-admin", "cluster-admin"];

/// The users whom kubeadm gives rights by their groups alone.
const KUBEADM_USERS: &[&str] = &["kubernetes-admin", "kubernetes-super-admin", "kube-apiserver-kubelet-client"];

/// What a job needs.
struct Right {
    role: Role,
    needs: Needs,
    severity: Severity,
    consequence: &'static str,
    hint: &'static str,
}

enum Needs {
    /// This user, by built-in bindings.
    User(&'static str),
    /// A node's user and group, by the node authorizer.
    Node,
    /// One of these ClusterRoles, however it is bound.
    Bound(&'static [&'static str]),
}

const RIGHTS: &[Right] = &[
    Right {
        role: Role::ControllerManager,
        needs: Needs::User("system:kube-controller-manager"),
        severity: Severity::Critical,
        consequence: "the API server forbids it what it does",
        hint: "Issue controller-manager.conf again with the user system:kube-controller-manager: kubeadm certs renew controller-manager.conf, or kubeadm init phase kubeconfig controller-manager.",
    },
    Right {
        role: Role::Scheduler,
        needs: Needs::User("system:kube-scheduler"),
        severity: Severity::Critical,
        consequence: "the API server forbids it what it does",
        hint: "Issue scheduler.conf again with the user system:kube-scheduler: kubeadm init phase kubeconfig scheduler.",
    },
    Right {
        role: Role::Kubelet,
        needs: Needs::Node,
        severity: Severity::Critical,
        consequence: "the node authorizer does not take it for a node",
        hint: "Issue it again with the user system:node:NODE in the group system:nodes: kubeadm kubeconfig user --client-name system:node:NODE --org system:nodes.",
    },
    Right {
        role: Role::Admin,
        needs: Needs::Bound(&["cluster-admin"]),
        severity: Severity::Warning,
        consequence: "it may not administer the cluster",
        hint: "Issue admin.conf again in system:masters or kubeadm:cluster-admins, or bind what it has to the ClusterRole cluster-admin.",
    },
    Right {
        role: Role::SuperAdmin,
        needs: Needs::Bound(&["cluster-admin"]),
        severity: Severity::Warning,
        consequence: "it may not administer the cluster",
        hint: "Issue super-admin.conf again in the group system:masters: kubeadm init phase kubeconfig super-admin.",
    },
    Right {
        role: Role::ApiserverKubeletClient,
        needs: Needs::Bound(KUBELET_ROLES),
        severity: Severity::Warning,
        consequence: "kubelets forbid logs, exec and port-forward",
        hint: "kubectl create clusterrolebinding kubeadm:apiserver-kubelet-client --clusterrole=system:kubelet-api-admin --user=kube-apiserver-kubelet-client",
    },
];

/// Whether a certificate gives what its job needs.
enum Given {
    Yes,
    No,
    /// By a binding that is not among the sources.
    Perhaps,
}

pub(super) fn client_group(context: &Context<'_>, findings: &mut Findings) {
    for holding in context.outside_secrets().filter(|holding| holding.origin.slot == Slot::Credential) {
        let Some(right) = RIGHTS.iter().find(|right| Some(right.role) == holding.origin.role) else { continue };
        let Some((_, leaf)) = holding.certificates().next().filter(|(_, leaf)| !leaf.is_ca()) else { continue };
        let groups: Vec<String> = leaf.kubernetes_groups().map(str::to_owned).collect();
        let who = match groups.as_slice() {
            [] => format!("{} without a group", leaf.display_name()),
            some => format!("{} in {}", leaf.display_name(), some.join(", ")),
        };
        let (severity, message) = match given(context, right, leaf) {
            Given::Yes if loses_its_group(context, right, leaf) => (
                right.severity,
                format!(
                    "{who}: kubeadm of the target renews it without a group, and there is no ClusterRoleBinding kubeadm:apiserver-kubelet-client"
                ),
            ),
            Given::Yes => continue,
            Given::No => (right.severity, format!("{who}: {}", right.consequence)),
            Given::Perhaps => {
                (Severity::Info, format!("{who}: what it may do depends on a ClusterRoleBinding that is not among the sources"))
            }
        };
        let draft = Draft::new(Code::ClientGroup, severity, message).certificate(leaf.id).at(&holding.origin, 0);
        findings.add(draft.hint(right.hint).evidence("groups", Evidence::List(groups)));
    }
}

fn given(context: &Context<'_>, right: &Right, leaf: &Certificate) -> Given {
    let in_group = |wanted: &str| leaf.kubernetes_groups().any(|group| group == wanted);
    let user = leaf.subject.common_name().unwrap_or_default();
    let sure = |yes: bool| if yes { Given::Yes } else { Given::No };
    match right.needs {
        // The group that may do everything is no node for the node authorizer, and may do all the same.
        _ if in_group(MASTERS) => Given::Yes,
        Needs::User(wanted) => sure(user == wanted || is_bound(context, leaf, &["cluster-admin"])),
        // RKE1 has one user for all nodes, and a binding for the group.
        Needs::Node if in_group("system:nodes") && user == "system:node" => Given::Perhaps,
        Needs::Node => sure(user.strip_prefix("system:node:").is_some_and(|name| !name.is_empty()) && in_group("system:nodes")),
        Needs::Bound(roles) if is_bound(context, leaf, roles) => Given::Yes,
        Needs::Bound(_) if is_bound_otherwise(context, leaf) => Given::Perhaps,
        Needs::Bound(_) if has_all_bindings(context) => Given::No,
        Needs::Bound(_) if in_group(CLUSTER_ADMINS) && made_by(context, |version| version.minor >= 29) => Given::Yes,
        Needs::Bound(_) if in_group(CLUSTER_ADMINS) => Given::Perhaps,
        Needs::Bound(_) if right.role == Role::ApiserverKubeletClient && made_by(context, may_drop_the_group) => Given::Perhaps,
        // Who named it otherwise than kubeadm does may have bound it, too.
        Needs::Bound(_) if !KUBEADM_USERS.contains(&user) => Given::Perhaps,
        Needs::Bound(_) => Given::No,
    }
}

/// Whether the upgrade takes a group away that nothing stands in for, as far as the bindings are at hand.
fn loses_its_group(context: &Context<'_>, right: &Right, leaf: &Certificate) -> bool {
    let user_is_bound = || {
        let bindings = context.inventory.facts.bindings.iter().filter(|binding| KUBELET_ROLES.contains(&&*binding.role));
        bindings.into_iter().any(|binding| binding.users.iter().any(|user| Some(&**user) == leaf.subject.common_name()))
    };
    right.role == Role::ApiserverKubeletClient
        && leaf.kubernetes_groups().next().is_some()
        && context.policy.target.is_some_and(drops_the_group)
        && has_all_bindings(context)
        && !user_is_bound()
}

/// Whether the cluster's version is one of these; one that is not known may be any.
fn made_by(context: &Context<'_>, is_one: fn(KubernetesVersion) -> bool) -> bool {
    upgrade::present(context).known().is_none_or(is_one)
}

/// The first patch release of a minor whose kubeadm issues apiserver-kubelet-client without a group (kubernetes/kubernetes#138957 of May
/// 2026 and its picks). For 1.33 and 1.34 the numbers follow from the months in which patches come out.
const GROUP_DROPPED: &[(u8, u8)] = &[(33, 12), (34, 8), (35, 5), (36, 1)];

/// Whether kubeadm of a release issues apiserver-kubelet-client without a group.
pub(super) fn drops_the_group(version: KubernetesVersion) -> bool {
    let pick = GROUP_DROPPED.iter().find(|(minor, _)| *minor == version.minor);
    pick.map_or(version.minor > 36, |(_, patch)| version.patch >= *patch)
}

/// Whether it may have done so: of two minors the number of the patch release is not sure.
fn may_drop_the_group(version: KubernetesVersion) -> bool {
    matches!(version.minor, 33 | 34) || drops_the_group(version)
}

/// Whether the bindings at hand are the cluster's, and not those of some chart: the one that every API server makes is among them
/// (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go).
fn has_all_bindings(context: &Context<'_>) -> bool {
    let mut bindings = context.inventory.facts.bindings.iter();
    bindings.any(|binding| &*binding.role == "cluster-admin" && binding.groups.iter().any(|group| **group == *MASTERS))
}

/// ClusterRoles that everybody has, or that give nothing of what is asked here.
const OF_NO_USE: &[&str] = &["system:basic-user", "system:discovery", "system:public-info-viewer", "view"];

/// Whether the user or a group has a ClusterRole that may give the right, though nobody knows it by name.
fn is_bound_otherwise(context: &Context<'_>, leaf: &Certificate) -> bool {
    let bindings = context.inventory.facts.bindings.iter();
    let roles: Vec<&str> = bindings.map(|binding| &*binding.role).filter(|role| !OF_NO_USE.contains(role)).collect();
    is_bound(context, leaf, &roles)
}

fn is_bound(context: &Context<'_>, leaf: &Certificate, roles: &[&str]) -> bool {
    let user = leaf.subject.common_name();
    context.inventory.facts.bindings.iter().filter(|binding| roles.contains(&&*binding.role)).any(|binding| {
        binding.users.iter().any(|bound| Some(&**bound) == user)
            || leaf.kubernetes_groups().any(|group| binding.groups.iter().any(|bound| **bound == *group))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_that_drop_the_group() {
        let all = |minor, patch| {
            let version = KubernetesVersion { minor, patch };
            (drops_the_group(version), may_drop_the_group(version))
        };
        for (minor, patch) in [(28, 15), (32, 99), (35, 4), (36, 0)] {
            assert_eq!(all(minor, patch), (false, false), "1.{minor}.{patch}");
        }
        for (minor, patch) in [(33, 12), (34, 8), (35, 5), (36, 1), (37, 0)] {
            assert_eq!(all(minor, patch), (true, true), "1.{minor}.{patch}");
        }
        // Of these two the number of the patch release is not sure.
        assert_eq!((all(33, 11), all(34, 7)), ((false, true), (false, true)));
    }
}
