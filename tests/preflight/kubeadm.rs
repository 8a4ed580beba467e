//! Control planes and workers as kubeadm lays them out (kubernetes-pki.md section 1).

use super::cluster::{Cluster, Era, Layout, Maker, Node, pki};
use super::files::{Authority, Credential, kubeconfig, static_pod};
use super::site::Site;
use kcert::mint::{Identity, Recipe};

/// The directory of certificates.
pub(crate) const PKI: &str = "/etc/kubernetes/pki";
const ETC: &str = "/etc/kubernetes";
const KUBELET: &str = "/var/lib/kubelet/pki";
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// The kubelet's rotated certificate: the file that the link points to.
pub(crate) const ROTATED: &str = "/var/lib/kubelet/pki/kubelet-client-2026-10-22-20-00-00.pem";

/// A cluster by kubeadm, one control plane, ECDSA, without static pods.
pub(crate) fn kubeadm() -> Cluster {
    Cluster::of(control_plane)
}

/// The same with static pods.
pub(crate) fn with_pods() -> Cluster {
    kubeadm().release("v1.32.4")
}

/// Three control planes behind a load balancer, with static pods.
pub(crate) fn three() -> Cluster {
    with_pods().masters(3).behind("api.example.internal")
}

/// The CA's key is elsewhere, and kubeadm left the signing flags empty.
pub(crate) fn without_ca_key(site: &mut Site) {
    let host = site.first();
    host.remove("/etc/kubernetes/pki/ca.key");
    let manifest = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
    host.replace(manifest, "signing-cert-file=/etc/kubernetes/pki/ca.crt", "signing-cert-file=");
    host.replace(manifest, "signing-key-file=/etc/kubernetes/pki/ca.key", "signing-key-file=");
}

/// The API server is told to verify kubelets by the cluster's CA.
pub(crate) fn verify_kubelets(site: &mut Site) {
    let (before, flag) = ("- --kubelet-client-key", "- --kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt");
    let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
    site.first().replace(manifest, before, &format!("{flag}\n    {before}"));
}

/// A kubelet that joined the cluster, with nothing of the control plane beside it.
pub(crate) const WORKER: Layout = |maker, node| {
    let ca = maker.authority(node, "ca");
    maker.site.host(node.name).open(&format!("{PKI}/ca.crt"), ca.pem());
    kubelet(maker, node);
};

fn control_plane(maker: &mut Maker<'_>, node: Node) {
    let directory = maker.cluster.directory;
    for (label, name) in [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")] {
        let ca = maker.ca(node, label, pki().ca(name).dns(name));
        maker.site.host(node.name).pair(&format!("{directory}/{label}"), &ca);
    }
    for (label, issuer, recipe) in leaves(maker, node) {
        let identity = maker.leaf(node, label, Some(issuer), recipe);
        maker.site.host(node.name).pair(&format!("{directory}/{label}"), &identity);
    }
    let sa = maker.ca(node, "sa", pki().leaf("sa"));
    let host = maker.site.host(node.name);
    host.secret(&format!("{directory}/sa.key"), sa.key_pem().as_str());
    host.secret(&format!("{directory}/sa.pub"), sa.public_key_pem());
    kubeconfigs(maker, node);
    kubelet(maker, node);
    if let Some(version) = maker.cluster.version {
        static_pods(maker, node, version);
    }
}

/// The table of section 1.1.
fn leaves(maker: &Maker<'_>, node: Node) -> [(&'static str, &'static str, Recipe); 7] {
    let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
    let apiserver = pki().leaf("kube-apiserver").server().dns(node.name);
    let apiserver = names.into_iter().chain(maker.cluster.balancer).fold(apiserver, Recipe::dns);
    let etcd = || {
        let recipe = pki().leaf(node.name).server().client().dns("localhost").dns(node.name);
        recipe.ip(node.address).ip([127, 0, 0, 1]).ip(std::net::Ipv6Addr::LOCALHOST)
    };
    let era = maker.cluster.era;
    let masters = |recipe: Recipe| if era == Era::Masters { recipe.organization("system:masters") } else { recipe };
    let kubelet_client = pki().leaf("kube-apiserver-kubelet-client").client();
    [
        ("apiserver", "ca", apiserver.ip([10, 96, 0, 1]).ip(node.address)),
        ("apiserver-kubelet-client", "ca", group(era, kubelet_client)),
        ("front-proxy-client", "front-proxy-ca", pki().leaf("front-proxy-client").client()),
        ("etcd/server", "etcd/ca", etcd()),
        ("etcd/peer", "etcd/ca", etcd()),
        ("etcd/healthcheck-client", "etcd/ca", masters(pki().leaf("kube-etcd-healthcheck-client").client())),
        ("apiserver-etcd-client", "etcd/ca", masters(pki().leaf("kube-apiserver-etcd-client").client())),
    ]
}

fn group(era: Era, recipe: Recipe) -> Recipe {
    match era {
        Era::Masters => recipe.organization("system:masters"),
        Era::ClusterAdmins => recipe.organization("kubeadm:cluster-admins"),
        Era::Bare => recipe,
    }
}

/// Where users and kubelets find the API server.
pub(crate) fn endpoint(maker: &Maker<'_>, node: Node) -> String {
    let master =
        if maker.cluster.masters.iter().any(|master| master.name == node.name) { node } else { maker.cluster.masters[0] };
    format!("https://{}:6443", maker.cluster.balancer.map_or_else(|| master.ip(), str::to_owned))
}

fn kubeconfigs(maker: &mut Maker<'_>, node: Node) {
    let (dialled, local) = (endpoint(maker, node), format!("https://{}:6443", node.ip()));
    let admins = if maker.cluster.era == Era::Masters { "system:masters" } else { "kubeadm:cluster-admins" };
    for (file, user, server, recipe) in [
        ("admin.conf", "kubernetes-admin", &dialled, pki().leaf("kubernetes-admin").organization(admins)),
        ("controller-manager.conf", "system:kube-controller-manager", &local, pki().leaf("system:kube-controller-manager")),
        ("scheduler.conf", "system:kube-scheduler", &local, pki().leaf("system:kube-scheduler")),
    ] {
        user_file(maker, node, file, user, server, recipe.client());
    }
}

/// Writes a kubeconfig with everything in it.
pub(crate) fn user_file(maker: &mut Maker<'_>, node: Node, file: &str, user: &str, server: &str, recipe: Recipe) {
    let identity = maker.leaf(node, file, Some("ca"), recipe);
    let trusted = maker.trusted(node, file, "ca").pem();
    let text = kubeconfig(server, &Authority::Embedded(&trusted), user, &Credential::Embedded(&identity));
    maker.site.host(node.name).secret(&format!("{ETC}/{file}"), text);
}

/// `super-admin.conf`, as `kubeadm init` writes it since 1.29.
pub(crate) const SUPER_ADMIN: Layout = |maker, node| {
    let recipe = pki().leaf("kubernetes-super-admin").organization("system:masters").client();
    let server = endpoint(maker, node);
    user_file(maker, node, "super-admin.conf", "kubernetes-super-admin", &server, recipe);
};

/// A kubelet serving certificate that was asked for and approved (serverTLSBootstrap).
pub(crate) const SERVING: Layout = |maker, node| {
    let user = format!("system:node:{}", node.name);
    let recipe = pki().leaf(&user).organization("system:nodes").server().dns(node.name).ip(node.address);
    let identity = maker.leaf(node, "kubelet-server", Some("ca"), recipe);
    let dated = "/var/lib/kubelet/pki/kubelet-server-2026-10-22-20-00-00.pem";
    let host = maker.site.host(node.name);
    host.secret(dated, both(&identity)).link("/var/lib/kubelet/pki/kubelet-server-current.pem", dated);
    host.rewrite("/var/lib/kubelet/config.yaml", |text| text.to_owned() + "serverTLSBootstrap: true\n");
};

/// The recipe of a kubelet's client certificate.
pub(crate) fn kubelet_recipe(node: Node) -> Recipe {
    pki().leaf(&format!("system:node:{}", node.name)).organization("system:nodes").client()
}

fn both(identity: &Identity) -> String {
    format!("{}{}", identity.pem(), identity.key_pem().as_str())
}

fn kubelet(maker: &mut Maker<'_>, node: Node) {
    let rotated = maker.leaf(node, "kubelet-client", Some("ca"), kubelet_recipe(node));
    let (trusted, server) = (maker.trusted(node, "kubelet.conf", "ca").pem(), endpoint(maker, node));
    let conf = kubeconfig(&server, &Authority::Embedded(&trusted), "default-auth", &Credential::Paths(CURRENT, CURRENT));
    let own_ca = pki().ca(&format!("{}-ca@1790000000", node.name)).self_signed().unwrap();
    let label = format!("{}-kubelet-ca", node.name);
    maker.site.made.insert(label.clone(), own_ca.clone());
    let serving = pki().leaf(&format!("{}@1790000000", node.name)).server().dns(node.name);
    let serving = maker.leaf(node, "kubelet", Some(&label), serving);
    let host = maker.site.host(node.name);
    host.secret(ROTATED, both(&rotated)).link(CURRENT, ROTATED);
    host.secret(&format!("{ETC}/kubelet.conf"), conf);
    host.open(&format!("{KUBELET}/kubelet.crt"), serving.pem() + &own_ca.pem());
    host.secret(&format!("{KUBELET}/kubelet.key"), serving.key_pem().as_str());
    host.open("/var/lib/kubelet/config.yaml", KUBELET_CONFIG.replace("PKI", maker.cluster.directory));
}

const KUBELET_CONFIG: &str = "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
  x509:
    clientCAFile: PKI/ca.crt
authorization:
  mode: Webhook
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
";

/// Flags by component; ADDRESS, NODE and PKI stand for the host's.
const PODS: &[(&str, &str)] = &[
    (
        "kube-apiserver",
        "--advertise-address=ADDRESS
--allow-privileged=true
--authorization-mode=Node,RBAC
--client-ca-file=PKI/ca.crt
--enable-admission-plugins=NodeRestriction
--enable-bootstrap-token-auth=true
--etcd-cafile=PKI/etcd/ca.crt
--etcd-certfile=PKI/apiserver-etcd-client.crt
--etcd-keyfile=PKI/apiserver-etcd-client.key
--etcd-servers=https://127.0.0.1:2379
--kubelet-client-certificate=PKI/apiserver-kubelet-client.crt
--kubelet-client-key=PKI/apiserver-kubelet-client.key
--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname
--proxy-client-cert-file=PKI/front-proxy-client.crt
--proxy-client-key-file=PKI/front-proxy-client.key
--requestheader-allowed-names=front-proxy-client
--requestheader-client-ca-file=PKI/front-proxy-ca.crt
--requestheader-extra-headers-prefix=X-Remote-Extra-
--requestheader-group-headers=X-Remote-Group
--requestheader-username-headers=X-Remote-User
--secure-port=6443
--service-account-issuer=https://kubernetes.default.svc.cluster.local
--service-account-key-file=PKI/sa.pub
--service-account-signing-key-file=PKI/sa.key
--service-cluster-ip-range=10.96.0.0/12
--tls-cert-file=PKI/apiserver.crt
--tls-private-key-file=PKI/apiserver.key",
    ),
    (
        "kube-controller-manager",
        "--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf
--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf
--bind-address=127.0.0.1
--client-ca-file=PKI/ca.crt
--cluster-name=kubernetes
--cluster-signing-cert-file=PKI/ca.crt
--cluster-signing-key-file=PKI/ca.key
--controllers=*,bootstrapsigner,tokencleaner
--kubeconfig=/etc/kubernetes/controller-manager.conf
--leader-elect=true
--requestheader-client-ca-file=PKI/front-proxy-ca.crt
--root-ca-file=PKI/ca.crt
--service-account-private-key-file=PKI/sa.key
--use-service-account-credentials=true",
    ),
    (
        "kube-scheduler",
        "--authentication-kubeconfig=/etc/kubernetes/scheduler.conf
--authorization-kubeconfig=/etc/kubernetes/scheduler.conf
--bind-address=127.0.0.1
--kubeconfig=/etc/kubernetes/scheduler.conf
--leader-elect=true",
    ),
    (
        "etcd",
        "--advertise-client-urls=https://ADDRESS:2379
--cert-file=PKI/etcd/server.crt
--client-cert-auth=true
--data-dir=/var/lib/etcd
--initial-advertise-peer-urls=https://ADDRESS:2380
--initial-cluster=NODE=https://ADDRESS:2380
--key-file=PKI/etcd/server.key
--listen-client-urls=https://127.0.0.1:2379,https://ADDRESS:2379
--listen-metrics-urls=http://127.0.0.1:2381
--listen-peer-urls=https://ADDRESS:2380
--name=NODE
--peer-cert-file=PKI/etcd/peer.crt
--peer-client-cert-auth=true
--peer-key-file=PKI/etcd/peer.key
--peer-trusted-ca-file=PKI/etcd/ca.crt
--snapshot-count=10000
--trusted-ca-file=PKI/etcd/ca.crt",
    ),
];

fn static_pods(maker: &mut Maker<'_>, node: Node, version: &str) {
    let peers: Vec<_> = maker.cluster.masters.iter().map(|peer| format!("{}=https://{}:2380", peer.name, peer.ip())).collect();
    for (component, flags) in PODS {
        let flags =
            flags.replace("--initial-cluster=NODE=https://ADDRESS:2380", &format!("--initial-cluster={}", peers.join(",")));
        let flags = flags.replace("ADDRESS", &node.ip()).replace("NODE", node.name).replace("PKI", maker.cluster.directory);
        let tag = if *component == "etcd" { "3.5.16-0" } else { version };
        let text = static_pod(component, tag, maker.cluster.directory, &flags);
        maker.site.host(node.name).secret(&format!("{ETC}/manifests/{component}.yaml"), text);
    }
}
