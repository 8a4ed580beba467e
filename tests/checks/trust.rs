//! The control plane: names, key usages, rights, and whom the aggregation layer shares its CA with.

use super::objects::{binding, every_cluster_has, list};
use super::recipes::{inventory, join, kubeconfig};
use super::{Case, file, on_host, root, single};
use kcert::mint::{Identity, Recipe, pki};
use kcert::model::inventory::Host;
use kcert::model::{Code, Component, Distribution, Fact, Inventory, KeyUsage, Role, Severity, Slot};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = usages();
    cases.extend(rights());
    let (ca, other) = (root(), root());
    let named = |recipe: Recipe| single(&recipe.server().issued_by(&ca).unwrap().pem());
    let host = |clients: &Identity, proxies: &Identity| {
        inventory(&[
            file("pki/ca.crt", Role::ClusterCa, Slot::Credential, &clients.pem()),
            file("pki/front-proxy-ca.crt", Role::FrontProxyCa, Slot::Credential, &proxies.pem()),
        ])
    };
    let shop = || pki().leaf("shop.example.org");
    cases.extend([
        case(Code::CnOnly, Severity::Warning, named(shop()), named(shop().dns("shop.example.org"))),
        case(Code::FrontProxyCaShared, Severity::Warning, host(&ca, &ca), host(&ca, &other)),
    ]);
    cases
}

pub(super) fn case(code: Code, severity: Severity, fails: Inventory, passes: Inventory) -> Case {
    Case { code, severity, fails, passes }
}

/// A host with a certificate under a role.
fn with(role: Role, recipe: Recipe) -> Inventory {
    let ca = root();
    let ca_role = if matches!(role, Role::EtcdServer | Role::EtcdPeer) { Role::EtcdCa } else { Role::ClusterCa };
    on_host(&ca, role, ca_role, &recipe.issued_by(&ca).unwrap())
}

fn and(mut inventory: Inventory, fact: Fact) -> Inventory {
    inventory.facts.push(fact);
    inventory
}

fn started(program: &'static str, version: Option<&str>, flags: &[&'static str]) -> Fact {
    let settings = flags.iter().map(|flag| (*flag, "/etc/some/file".to_owned())).collect();
    Fact::Component(Component { program, host: None, version: version.map(Box::from), written_in: "manifest".into(), settings })
}

fn usages() -> Vec<Case> {
    let bare = || pki().leaf("kube-apiserver").dns("kubernetes");
    let by_kubeadm = |recipe: Recipe| {
        let mut inventory = with(Role::Apiserver, recipe);
        inventory.hosts.push(Host { name: None, directory: "/".into(), layouts: vec![Distribution::Kubeadm] });
        inventory
    };
    let serves = |recipe: Recipe| with(Role::Apiserver, recipe);
    let with_own_client = || and(with(Role::EtcdServer, bare().server()), started("etcd", None, &["--client-cert-file"]));
    let mut cases = vec![
        case(Code::UsageMissing, Severity::Warning, by_kubeadm(bare()), by_kubeadm(bare().server())),
        case(Code::UsageMissing, Severity::Info, serves(bare()), serves(bare().server())),
        case(Code::UsageMissing, Severity::Info, serves(bare().server().key_usage(KeyUsage(0))), serves(bare().server())),
        case(Code::UsageWrong, Severity::Critical, serves(bare().client()), serves(bare().client().server())),
        case(Code::UsageWrong, Severity::Critical, with(Role::EtcdPeer, bare().client()), with(Role::EtcdPeer, bare().server())),
        case(Code::EtcdUsage, Severity::Critical, with(Role::EtcdServer, bare().server()), with_own_client()),
    ];
    let kubelet = |recipe: Recipe| with(Role::KubeletServing, recipe);
    cases.push(case(Code::UsageWrong, Severity::Warning, kubelet(bare().client()), kubelet(bare().server())));
    for role in [Role::EtcdServer, Role::EtcdPeer] {
        let both = with(role, bare().server().client());
        cases.push(case(Code::EtcdUsage, Severity::Critical, with(role, bare().server()), both));
    }
    cases
}

fn rights() -> Vec<Case> {
    let logs_in = |role: Role, recipe: Recipe| {
        let ca = root();
        kubeconfig("some.conf", Some(role), &ca, &recipe.client().issued_by(&ca).unwrap())
    };
    let scheduler = |name: &str| logs_in(Role::Scheduler, pki().leaf(name));
    let node = || pki().leaf("system:node:n1");
    let admin = || pki().leaf("kubernetes-admin");
    let of_cluster_admins = |version| {
        let inventory = logs_in(Role::Admin, admin().organization("kubeadm:cluster-admins"));
        and(inventory, started("kube-apiserver", Some(version), &[]))
    };
    let dials_kubelets = |recipe: fn(Recipe) -> Recipe| {
        with(Role::ApiserverKubeletClient, recipe(pki().leaf("kube-apiserver-kubelet-client")).client())
    };
    let without_group = || dials_kubelets(|recipe| recipe);
    let at = |version, inventory| and(inventory, started("kube-apiserver", Some(version), &[]));
    let bound = |role: &str, user: &str| {
        let mut inventory = without_group();
        join(&mut inventory, list(&[binding(role, user), every_cluster_has()]));
        inventory
    };
    vec![
        case(Code::ClientGroup, Severity::Critical, scheduler("kube-scheduler"), scheduler("system:kube-scheduler")),
        case(
            Code::ClientGroup,
            Severity::Critical,
            logs_in(Role::Kubelet, node()),
            logs_in(Role::Kubelet, node().organization("system:nodes")),
        ),
        case(
            Code::ClientGroup,
            Severity::Warning,
            logs_in(Role::Admin, admin()),
            logs_in(Role::Admin, admin().organization("system:masters")),
        ),
        case(Code::ClientGroup, Severity::Info, of_cluster_admins("v1.28.15"), of_cluster_admins("v1.29.0")),
        case(
            Code::ClientGroup,
            Severity::Warning,
            at("v1.32.4", without_group()),
            at("v1.32.4", dials_kubelets(|recipe| recipe.organization("system:masters"))),
        ),
        case(
            Code::ClientGroup,
            Severity::Warning,
            bound("system:kubelet-api-admin", "another"),
            bound("system:kubelet-api-admin", "kube-apiserver-kubelet-client"),
        ),
        case(Code::ClientGroup, Severity::Info, without_group(), bound("cluster-admin", "kube-apiserver-kubelet-client")),
        case(
            Code::ClientGroup,
            Severity::Info,
            at("v1.36.1", without_group()),
            at("v1.36.1", bound("cluster-admin", "kube-apiserver-kubelet-client")),
        ),
    ]
}
