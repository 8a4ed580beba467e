//! Servers and agents of k3s and RKE2 (kubernetes-pki.md 2.1, 2.2): separate CAs for servers and clients, leaf and CA in one file.

use super::cluster::{Cluster, Layout, Maker, Node, pki};
use super::files::{Authority, Credential, kubeconfig, static_pod};
use kcert::mint::{Identity, Recipe};
use serde_json::json;

/// k3s or RKE2: their directories and names.
struct Flavour {
    name: &'static str,
    base: &'static str,
}

const K3S: Flavour = Flavour { name: "k3s", base: "/var/lib/rancher/k3s" };
const RKE2: Flavour = Flavour { name: "rke2", base: "/var/lib/rancher/rke2" };

/// A k3s server with embedded etcd, and its own agent.
pub(crate) fn k3s() -> Cluster {
    Cluster::of(|maker, node| {
        server(maker, node, &K3S);
        etcd(maker, node, &K3S);
        agent(maker, node, &K3S);
    })
}

/// A k3s server on SQLite: no etcd.
pub(crate) fn k3s_on_sqlite() -> Cluster {
    Cluster::of(|maker, node| {
        server(maker, node, &K3S);
        agent(maker, node, &K3S);
    })
}

/// An RKE2 server: the same, with static pods.
pub(crate) fn rke2() -> Cluster {
    Cluster::of(|maker, node| {
        server(maker, node, &RKE2);
        etcd(maker, node, &RKE2);
        agent(maker, node, &RKE2);
        static_pods(maker, node);
    })
}

/// A node that runs the agent only.
pub(crate) const K3S_AGENT: Layout = |maker, node| agent(maker, node, &K3S);
/// The same of RKE2.
pub(crate) const RKE2_AGENT: Layout = |maker, node| agent(maker, node, &RKE2);

/// Writes `STEM.crt`, the leaf and its CA, and `STEM.key`.
fn chained(maker: &mut Maker<'_>, node: Node, directory: &str, label: &str, issuer: &str, recipe: Recipe) -> String {
    let identity = maker.leaf(node, label, Some(issuer), recipe);
    let chain = identity.pem() + &maker.issuer(node, label, issuer).pem();
    let stem = format!("{directory}/{}", label.trim_start_matches("agent/"));
    let host = maker.site.host(node.name);
    host.open(&format!("{stem}.crt"), chain.clone()).secret(&format!("{stem}.key"), identity.key_pem().as_str());
    chain
}

fn authorities(maker: &mut Maker<'_>, node: Node, flavour: &Flavour) {
    for label in ["client-ca", "server-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca"] {
        let name = format!("{}-{}@1787000000", flavour.name, label.replace('/', "-"));
        maker.ca(node, label, pki().ca(&name.replace("k3s-etcd", "etcd").replace("rke2-etcd", "etcd")));
    }
}

fn server(maker: &mut Maker<'_>, node: Node, flavour: &Flavour) {
    authorities(maker, node, flavour);
    let tls = format!("{}/server/tls", flavour.base);
    for label in ["client-ca", "server-ca", "request-header-ca"] {
        let ca = maker.authority(node, label);
        let host = maker.site.host(node.name);
        host.pair(&format!("{tls}/{label}"), &ca);
        if label != "request-header-ca" {
            host.open(&format!("{tls}/{label}.nochain.crt"), ca.pem());
        }
    }
    let controller = format!("{}-controller", flavour.name);
    for (stem, recipe) in [
        ("client-admin", pki().leaf("system:admin").organization("system:masters")),
        ("client-supervisor", pki().leaf(&format!("system:{}-supervisor", flavour.name)).organization("system:masters")),
        ("client-controller", pki().leaf("system:kube-controller-manager")),
        ("client-scheduler", pki().leaf("system:kube-scheduler")),
        ("client-kube-apiserver", pki().leaf("system:apiserver").organization("system:masters")),
        ("client-kube-proxy", pki().leaf("system:kube-proxy")),
        (&format!("client-{controller}"), pki().leaf(&format!("system:{controller}"))),
        (&format!("client-{}-cloud-controller", flavour.name), pki().leaf("cloud-controller-manager")),
    ] {
        chained(maker, node, &tls, stem, "client-ca", recipe.client());
    }
    let names =
        ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"];
    let serving = names.into_iter().fold(pki().leaf("kube-apiserver").server(), Recipe::dns).dns(node.name);
    let serving = serving.ip([127, 0, 0, 1]).ip(std::net::Ipv6Addr::LOCALHOST).ip(node.address).ip([10, 43, 0, 1]);
    chained(maker, node, &tls, "serving-kube-apiserver", "server-ca", serving.clone());
    chained(maker, node, &tls, "client-auth-proxy", "request-header-ca", pki().leaf("system:auth-proxy").client());
    let service = maker.ca(node, "service", pki().leaf("service"));
    supervisor(maker, node, &tls, serving.common_name(flavour.name).organization(flavour.name));
    let host = maker.site.host(node.name);
    host.secret(&format!("{tls}/service.key"), service.key_pem().as_str());
    host.secret(&format!("{tls}/service.current.key"), service.key_pem().as_str());
    credentials(maker, node, flavour, &tls);
}

/// The certificate of the supervisor's dynamic listener: a Secret in a file.
fn supervisor(maker: &mut Maker<'_>, node: Node, tls: &str, recipe: Recipe) {
    let identity = maker.leaf(node, "dynamic-cert", Some("server-ca"), recipe);
    let encoded = |text: &str| super::files::base64(text);
    let secret = json!({
        "kind": "Secret", "apiVersion": "v1", "type": "kubernetes.io/tls",
        "metadata": { "name": "k3s-serving", "namespace": "kube-system" },
        "data": { "tls.crt": encoded(&identity.pem()), "tls.key": encoded(identity.key_pem().as_str()) },
    });
    maker.site.host(node.name).secret(&format!("{tls}/dynamic-cert.json"), secret.to_string());
}

/// Kubeconfigs that name files, and the administrator's with everything in it.
fn credentials(maker: &mut Maker<'_>, node: Node, flavour: &Flavour, tls: &str) {
    let server_ca = format!("{tls}/server-ca.crt");
    for (file, stem) in [
        ("admin", "client-admin"),
        ("supervisor", "client-supervisor"),
        ("controller", "client-controller"),
        ("scheduler", "client-scheduler"),
        ("api-server", "client-kube-apiserver"),
    ] {
        let credential = (format!("{tls}/{stem}.crt"), format!("{tls}/{stem}.key"));
        let port = if flavour.name == "k3s" { 6444 } else { 6443 };
        let text = kubeconfig(
            &format!("https://127.0.0.1:{port}"),
            &Authority::Path(&server_ca),
            "user",
            &Credential::Paths(&credential.0, &credential.1),
        );
        maker.site.host(node.name).secret(&format!("{}/server/cred/{file}.kubeconfig", flavour.base), text);
    }
    let (admin, client_ca) =
        (maker.site.made(&format!("{}:client-admin", node.name)).clone(), maker.authority(node, "client-ca"));
    let chain = admin.pem() + &client_ca.pem();
    let name = format!("{0}.yaml", flavour.name);
    let trusted = maker.trusted(node, &name, "server-ca").pem();
    let text =
        kubeconfig("https://127.0.0.1:6443", &Authority::Embedded(&trusted), "default", &Credential::Chain(&chain, &admin));
    maker.site.host(node.name).secret(&format!("/etc/rancher/{}/{name}", flavour.name), text);
}

fn etcd(maker: &mut Maker<'_>, node: Node, flavour: &Flavour) {
    let tls = format!("{}/server/tls", flavour.base);
    for label in ["etcd/server-ca", "etcd/peer-ca"] {
        let ca = maker.authority(node, label);
        maker.site.host(node.name).pair(&format!("{tls}/{label}"), &ca);
    }
    let local =
        |name: &str| pki().leaf(name).server().client().dns("localhost").dns(node.name).ip([127, 0, 0, 1]).ip(node.address);
    chained(maker, node, &tls, "etcd/server-client", "etcd/server-ca", local("etcd-server"));
    chained(maker, node, &tls, "etcd/peer-server-client", "etcd/peer-ca", local("etcd-peer"));
    chained(maker, node, &tls, "etcd/client", "etcd/server-ca", pki().leaf("etcd-client").client());
}

fn agent(maker: &mut Maker<'_>, node: Node, flavour: &Flavour) {
    let agent = format!("{}/agent", flavour.base);
    let (client_ca, server_ca) = (maker.authority(node, "client-ca"), maker.trusted(node, "agent", "server-ca"));
    let host = maker.site.host(node.name);
    host.open(&format!("{agent}/client-ca.crt"), client_ca.pem()).open(&format!("{agent}/server-ca.crt"), server_ca.pem());
    let serving = pki().leaf(node.name).server().dns(node.name).dns("localhost").ip([127, 0, 0, 1]).ip(node.address);
    chained(maker, node, &agent, "agent/serving-kubelet", "server-ca", serving);
    let controller = format!("{}-controller", flavour.name);
    let clients = [
        ("client-kubelet".to_owned(), "kubelet", super::kubeadm::kubelet_recipe(node)),
        ("client-kube-proxy".to_owned(), "kubeproxy", pki().leaf("system:kube-proxy").client()),
        (
            format!("client-{controller}"),
            if flavour.name == "k3s" { "k3scontroller" } else { "rke2controller" },
            pki().leaf(&format!("system:{controller}")).client(),
        ),
    ];
    for (stem, file, recipe) in clients {
        chained(maker, node, &agent, &format!("agent/{stem}"), "client-ca", recipe);
        let credential = (format!("{agent}/{stem}.crt"), format!("{agent}/{stem}.key"));
        let text = kubeconfig(
            "https://127.0.0.1:6444",
            &Authority::Path(&format!("{agent}/server-ca.crt")),
            "user",
            &Credential::Paths(&credential.0, &credential.1),
        );
        maker.site.host(node.name).secret(&format!("{agent}/{file}.kubeconfig"), text);
    }
}

/// A CA in two links: the organization's root signed the cluster's, and both are in the file (`k3s certificate rotate-ca`).
pub(crate) fn custom_authorities() -> Cluster {
    k3s().issued_by("server-ca", "Example Root CA").issued_by("client-ca", "Example Root CA").edit(|site| {
        let root: Identity = site.made("Example Root CA").clone();
        for label in ["server-ca", "client-ca"] {
            site.first().rewrite(&format!("/var/lib/rancher/k3s/server/tls/{label}.crt"), |ca| ca.to_owned() + &root.pem());
            site.first().rewrite(&format!("/var/lib/rancher/k3s/agent/{label}.crt"), |ca| ca.to_owned() + &root.pem());
        }
    })
}

const PODS: &[(&str, &str)] = &[
    (
        "kube-apiserver",
        "--client-ca-file=TLS/client-ca.crt
--etcd-cafile=TLS/etcd/server-ca.crt
--etcd-certfile=TLS/etcd/client.crt
--etcd-keyfile=TLS/etcd/client.key
--etcd-servers=https://127.0.0.1:2379
--kubelet-certificate-authority=TLS/server-ca.crt
--kubelet-client-certificate=TLS/client-kube-apiserver.crt
--kubelet-client-key=TLS/client-kube-apiserver.key
--proxy-client-cert-file=TLS/client-auth-proxy.crt
--proxy-client-key-file=TLS/client-auth-proxy.key
--requestheader-allowed-names=system:auth-proxy
--requestheader-client-ca-file=TLS/request-header-ca.crt
--secure-port=6443
--service-account-key-file=TLS/service.key
--service-account-signing-key-file=TLS/service.current.key
--tls-cert-file=TLS/serving-kube-apiserver.crt
--tls-private-key-file=TLS/serving-kube-apiserver.key",
    ),
    (
        "kube-controller-manager",
        "--client-ca-file=TLS/client-ca.crt
--kubeconfig=/var/lib/rancher/rke2/server/cred/controller.kubeconfig
--root-ca-file=TLS/server-ca.crt
--service-account-private-key-file=TLS/service.current.key",
    ),
    ("kube-scheduler", "--kubeconfig=/var/lib/rancher/rke2/server/cred/scheduler.kubeconfig"),
];

fn static_pods(maker: &mut Maker<'_>, node: Node) {
    for (component, flags) in PODS {
        let text = static_pod(
            component,
            "v1.32.4",
            "/var/lib/rancher/rke2/server",
            &flags.replace("TLS", "/var/lib/rancher/rke2/server/tls"),
        );
        maker.site.host(node.name).secret(&format!("/var/lib/rancher/rke2/agent/pod-manifests/{component}.yaml"), text);
    }
}
