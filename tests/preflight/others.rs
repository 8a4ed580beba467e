//! MicroK8s, minikube and ACK dedicated clusters (kubernetes-pki.md 2.3).

use super::cluster::{Cluster, Layout, Maker, Node, pki};
use super::files::{Authority, Credential, kubeconfig};
use super::kubeadm;
use kcert::mint::{Identity, Recipe};
use kcert::model::KeyUsage;

const SNAP: &str = "/var/snap/microk8s/current";

/// MicroK8s: `openssl x509 -req` without an extension file, so that clients have no extensions at all.
pub(crate) fn microk8s() -> Cluster {
    Cluster::of(|maker, node| {
        for (label, name) in [("ca", "10.152.183.1"), ("front-proxy-ca", "front-proxy-ca")] {
            let ca = maker.ca(node, label, pki().ca(name).key_usage(KeyUsage(0)));
            maker.site.host(node.name).pair(&format!("{SNAP}/certs/{label}"), &ca);
        }
        for (label, issuer, recipe) in snap_leaves(node) {
            let identity = maker.leaf(node, label, Some(issuer), recipe);
            maker.site.host(node.name).pair(&format!("{SNAP}/certs/{label}"), &identity);
        }
        let key = maker.ca(node, "serviceaccount", pki().leaf("sa"));
        maker.site.host(node.name).secret(&format!("{SNAP}/certs/serviceaccount.key"), key.key_pem().as_str());
        let trusted = maker.trusted(node, "credentials", "ca").pem();
        for (file, user, stem) in [
            ("client.config", "admin", "client"),
            ("controller.config", "system:kube-controller-manager", "controller"),
            ("scheduler.config", "system:kube-scheduler", "scheduler"),
            ("proxy.config", "system:kube-proxy", "proxy"),
            ("kubelet.config", "kubelet", "kubelet"),
        ] {
            let identity = maker.site.made(&format!("{}:{stem}", node.name)).clone();
            let paths = (format!("{SNAP}/certs/{stem}.crt"), format!("{SNAP}/certs/{stem}.key"));
            let credential =
                if stem == "client" { Credential::Embedded(&identity) } else { Credential::Paths(&paths.0, &paths.1) };
            let text = kubeconfig("https://127.0.0.1:16443", &Authority::Embedded(&trusted), user, &credential);
            maker.site.host(node.name).secret(&format!("{SNAP}/credentials/{file}"), text);
        }
        for (component, arguments) in ARGUMENTS {
            maker.site.host(node.name).open(&format!("{SNAP}/args/{component}"), *arguments);
        }
    })
}

/// MicroK8s before client certificates: its credentials are static tokens.
pub(crate) fn microk8s_with_tokens() -> Cluster {
    microk8s().edit(|site| {
        let ca = site.made("ca").pem();
        let host = site.first();
        for stem in ["client", "controller", "scheduler", "proxy"] {
            host.remove(&format!("{SNAP}/certs/{stem}.crt")).remove(&format!("{SNAP}/certs/{stem}.key"));
            let credential = Credential::Token("aWxvdmVrdWJlcm5ldGVzYW5kdG9rZW5z");
            let text = kubeconfig("https://127.0.0.1:16443", &Authority::Embedded(&ca), stem, &credential);
            host.secret(&format!("{SNAP}/credentials/{stem}.config"), text);
        }
    })
}

fn bare(common_name: &str) -> Recipe {
    pki().leaf(common_name).key_usage(KeyUsage(0)).without_basic_constraints().without_authority_key_id()
}

fn snap_leaves(node: Node) -> [(&'static str, &'static str, Recipe); 8] {
    let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
    let server = names.into_iter().fold(pki().leaf("127.0.0.1").server().client(), Recipe::dns);
    let server = server.dns("kubernetes.default.svc.cluster").ip([127, 0, 0, 1]).ip([10, 152, 183, 1]).ip(node.address);
    let kubelet = bare(&format!("system:node:{}", node.name)).organization("system:nodes").dns(node.name);
    [
        ("server", "ca", server),
        ("front-proxy-client", "front-proxy-ca", bare("front-proxy-client")),
        ("apiserver-kubelet-client", "ca", bare("kube-apiserver-kubelet-client").organization("system:masters")),
        ("kubelet", "ca", kubelet.ip(node.address).ip([127, 0, 0, 1])),
        ("client", "ca", bare("admin").organization("system:masters")),
        ("controller", "ca", bare("system:kube-controller-manager")),
        ("scheduler", "ca", bare("system:kube-scheduler")),
        ("proxy", "ca", bare("system:kube-proxy")),
    ]
}

const ARGUMENTS: &[(&str, &str)] = &[
    (
        "kube-apiserver",
        "--cert-dir=${SNAP_DATA}/certs
--service-cluster-ip-range=10.152.183.0/24
--authorization-mode=RBAC,Node
--service-account-key-file=${SNAP_DATA}/certs/serviceaccount.key
--client-ca-file=${SNAP_DATA}/certs/ca.crt
--tls-cert-file=${SNAP_DATA}/certs/server.crt
--tls-private-key-file=${SNAP_DATA}/certs/server.key
--kubelet-client-certificate=${SNAP_DATA}/certs/apiserver-kubelet-client.crt
--kubelet-client-key=${SNAP_DATA}/certs/apiserver-kubelet-client.key
--secure-port=16443
--etcd-servers=\"unix://${SNAP_DATA}/var/kubernetes/backend/kine.sock:12379\"
--requestheader-client-ca-file=${SNAP_DATA}/certs/front-proxy-ca.crt
--requestheader-allowed-names=front-proxy-client
--proxy-client-cert-file=${SNAP_DATA}/certs/front-proxy-client.crt
--proxy-client-key-file=${SNAP_DATA}/certs/front-proxy-client.key
",
    ),
    (
        "kube-controller-manager",
        "--kubeconfig=${SNAP_DATA}/credentials/controller.config
--service-account-private-key-file=${SNAP_DATA}/certs/serviceaccount.key
--root-ca-file=${SNAP_DATA}/certs/ca.crt
--cluster-signing-cert-file=${SNAP_DATA}/certs/ca.crt
--cluster-signing-key-file=${SNAP_DATA}/certs/ca.key
--use-service-account-credentials
",
    ),
    ("kube-scheduler", "--kubeconfig=${SNAP_DATA}/credentials/scheduler.config\n"),
    (
        "kubelet",
        "--kubeconfig=${SNAP_DATA}/credentials/kubelet.config
--cert-dir=${SNAP_DATA}/certs
--client-ca-file=${SNAP_DATA}/certs/ca.crt
--tls-cert-file=${SNAP_DATA}/certs/kubelet.crt
--tls-private-key-file=${SNAP_DATA}/certs/kubelet.key
--anonymous-auth=false
",
    ),
];

/// minikube's machine: kubeadm's layout below another directory, and the certificates that the host made for it.
pub(crate) fn minikube() -> Cluster {
    let cluster = kubeadm::with_pods().era(super::cluster::Era::Masters).behind("control-plane.minikube.internal");
    let cluster = cluster.twist("ca", |recipe| recipe.common_name("minikubeCA"));
    let cluster = cluster.twist("apiserver", |recipe| recipe.common_name("minikube").organization("system:masters").client());
    cluster.certificates_in("/var/lib/minikube/certs").with(MACHINE_COPIES)
}

const MACHINE_COPIES: Layout = |maker, node| {
    let ca = maker.ca(node, "proxy-client-ca", pki().ca("proxyClientCA"));
    let client = maker.leaf(node, "proxy-client", Some("proxy-client-ca"), pki().leaf("aggregator").client());
    let host = maker.site.host(node.name);
    host.pair("/var/lib/minikube/certs/proxy-client-ca", &ca).pair("/var/lib/minikube/certs/proxy-client", &client);
};

/// `~/.minikube` of the user who runs minikube.
pub(crate) fn minikube_host() -> Cluster {
    Cluster::of(|maker, node| {
        let ca = maker.ca(node, "ca", pki().ca("minikubeCA"));
        let proxy_ca = maker.ca(node, "proxy-client-ca", pki().ca("proxyClientCA"));
        let profile = "/.minikube/profiles/minikube";
        let admin = pki().leaf("minikube-user").organization("system:masters").client();
        let admin = maker.leaf(node, "client", Some("ca"), admin);
        let apiserver = pki().leaf("minikube").organization("system:masters").server().client();
        let apiserver =
            apiserver.dns("control-plane.minikube.internal").dns("localhost").ip([192, 168, 49, 2]).ip([10, 96, 0, 1]);
        let apiserver = maker.leaf(node, "apiserver", Some("ca"), apiserver);
        let proxy = maker.leaf(node, "proxy-client", Some("proxy-client-ca"), pki().leaf("aggregator").client());
        let host = maker.site.host(node.name);
        host.pair("/.minikube/ca", &ca).pair("/.minikube/proxy-client-ca", &proxy_ca);
        host.pair(&format!("{profile}/client"), &admin).pair(&format!("{profile}/apiserver"), &apiserver);
        host.pair(&format!("{profile}/proxy-client"), &proxy);
    })
}

/// ACK dedicated: kubeadm's layout, but clients are taken from a bundle of two CAs, and etcd's files are named as cfssl does.
pub(crate) fn ack() -> Cluster {
    kubeadm::with_pods().era(super::cluster::Era::Masters).with(ALIBABA).edit(|site| {
        let (ca, alibaba) = (site.made("ca").clone(), site.made("alibaba").clone());
        let etcd: Vec<Identity> =
            ["etcd/ca", "etcd/server", "apiserver-etcd-client"].iter().map(|label| site.made(label).clone()).collect();
        let host = site.first();
        host.remove_below("/etc/kubernetes/pki/etcd/").remove_below("/etc/kubernetes/pki/apiserver-etcd-client.");
        host.remove("/etc/kubernetes/pki/ca.crt").remove("/etc/kubernetes/pki/ca.key");
        host.remove("/etc/kubernetes/manifests/etcd.yaml");
        host.open("/etc/kubernetes/pki/apiserver-ca.crt", ca.pem() + &alibaba.pem());
        host.secret("/etc/kubernetes/pki/apiserver-ca.key", ca.key_pem().as_str());
        host.open("/etc/kubernetes/pki/client-ca.crt", alibaba.pem());
        let stems = ["/etc/kubernetes/pki/etcd/etcd-client", "/var/lib/etcd/cert/etcd-client", "/var/lib/etcd/cert/etcd-server"];
        for (stem, identity) in stems.into_iter().zip([&etcd[2], &etcd[2], &etcd[1]]) {
            host.open(&format!("{stem}.pem"), identity.pem());
            host.secret(&format!("{stem}-key.pem"), identity.key_pem().as_str());
        }
        host.open("/etc/kubernetes/pki/etcd/ca.pem", etcd[0].pem()).open("/var/lib/etcd/cert/ca.pem", etcd[0].pem());
        host.secret("/var/lib/etcd/cert/ca-key.pem", etcd[0].key_pem().as_str());
        let apiserver = "/etc/kubernetes/manifests/kube-apiserver.yaml";
        host.replace(apiserver, "pki/etcd/ca.crt", "pki/etcd/ca.pem");
        host.replace(apiserver, "pki/apiserver-etcd-client.crt", "pki/etcd/etcd-client.pem");
        host.replace(apiserver, "pki/apiserver-etcd-client.key", "pki/etcd/etcd-client-key.pem");
        host.replace(apiserver, "pki/ca.crt", "pki/apiserver-ca.crt");
        let manager = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
        host.replace(manager, "client-ca-file=/etc/kubernetes/pki/ca.crt", "client-ca-file=/etc/kubernetes/pki/apiserver-ca.crt");
        host.replace(manager, "root-ca-file=/etc/kubernetes/pki/ca.crt", "root-ca-file=/etc/kubernetes/pki/apiserver-ca.crt");
        host.replace(manager, "cert-file=/etc/kubernetes/pki/ca.crt", "cert-file=/etc/kubernetes/pki/apiserver-ca.crt");
        host.replace(manager, "pki/ca.key", "pki/apiserver-ca.key");
        host.replace("/var/lib/kubelet/config.yaml", "pki/ca.crt", "pki/apiserver-ca.crt");
    })
}

const ALIBABA: Layout = |maker: &mut Maker<'_>, node| {
    maker.ca(node, "alibaba", pki().ca("alibaba-control"));
    let dashboard = maker.leaf(node, "dashboard/dashboard", Some("ca"), pki().leaf("dashboard").server().dns("dashboard"));
    maker.site.host(node.name).pair("/etc/kubernetes/pki/dashboard/dashboard", &dashboard);
};
