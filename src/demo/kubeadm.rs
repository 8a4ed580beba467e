//! A control-plane node as kubeadm lays it out (kubernetes/kubernetes cmd/kubeadm/app/phases), and its user's kubeconfig.

use super::cluster::{KUBECONFIG, NODE, Site, Workshop};
use super::{Entry, Health};
use crate::mint::{Error, Identity, Recipe};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::Ipv4Addr;
use time::Duration;

pub(super) const HOST: &str = "cp-1";
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

/// Writes the node and the kubeconfig.
pub(super) fn node(workshop: &mut Workshop<'_>) -> Result<(), Error> {
    let pki = format!("{NODE}/etc/kubernetes/pki");
    let make = workshop.pki;
    let ca = workshop.pair(&format!("{pki}/ca"), make.ca("kubernetes").dns("kubernetes"), None)?;
    let front_proxy_ca =
        workshop.pair(&format!("{pki}/front-proxy-ca"), make.ca("front-proxy-ca").dns("front-proxy-ca"), None)?;
    let etcd_ca = workshop.pair(&format!("{pki}/etcd/ca"), make.ca("etcd-ca").dns("etcd-ca"), None)?;

    let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", HOST];
    let apiserver = names
        .iter()
        .fold(make.leaf("kube-apiserver").server(), |recipe, name| recipe.dns(name))
        .ip(SERVICE)
        .ip(workshop.site.address);
    workshop.pair(&format!("{pki}/apiserver"), apiserver, Some(&ca))?;
    let kubelet_client = make.leaf("kube-apiserver-kubelet-client").organization("kubeadm:cluster-admins").client();
    workshop.pair(&format!("{pki}/apiserver-kubelet-client"), kubelet_client, Some(&ca))?;
    let etcd_client = make.leaf("kube-apiserver-etcd-client").client();
    let etcd_client = workshop.either(etcd_client.clone(), etcd_client.ends_in(Duration::days(-3)));
    workshop.pair(&format!("{pki}/apiserver-etcd-client"), etcd_client, Some(&etcd_ca))?;
    front_proxy(workshop, &pki, &front_proxy_ca)?;
    for (file, name) in [("server", HOST), ("peer", HOST)] {
        let recipe = make.leaf(name).server().client().dns(HOST).dns("localhost").ip(workshop.site.address);
        let on_loopback = workshop.site.address == Ipv4Addr::LOCALHOST;
        let recipe = if on_loopback { recipe } else { recipe.ip(Ipv4Addr::LOCALHOST) };
        workshop.pair(&format!("{pki}/etcd/{file}"), recipe, Some(&etcd_ca))?;
    }
    workshop.pair(
        &format!("{pki}/etcd/healthcheck-client"),
        make.leaf("kube-etcd-healthcheck-client").client(),
        Some(&etcd_ca),
    )?;
    service_account(workshop, &pki)?;
    kubeconfigs(workshop, &ca)?;
    manifests(workshop);
    Ok(())
}

fn front_proxy(workshop: &mut Workshop<'_>, pki: &str, ca: &Identity) -> Result<(), Error> {
    let key_path = format!("{pki}/front-proxy-client.key");
    let identity = workshop.make(&key_path, workshop.pki.leaf("front-proxy-client").client(), Some(ca))?;
    workshop.entries.push(Entry::open(format!("{pki}/front-proxy-client.crt"), identity.pem()));
    let key = workshop.either(&identity, ca).key_pem();
    workshop.entries.push(Entry::secret(key_path, key.as_str()));
    Ok(())
}

fn service_account(workshop: &mut Workshop<'_>, pki: &str) -> Result<(), Error> {
    let key_path = format!("{pki}/sa.key");
    let identity = workshop.make(&key_path, workshop.pki.leaf("sa"), None)?;
    let mode = workshop.either(0o600, 0o644);
    workshop.entries.push(Entry::File { path: key_path, contents: identity.key_pem().as_str().into(), mode });
    workshop.entries.push(Entry::open(format!("{pki}/sa.pub"), identity.public_key_pem()));
    Ok(())
}

fn kubeconfigs(workshop: &mut Workshop<'_>, ca: &Identity) -> Result<(), Error> {
    let etc = format!("{NODE}/etc/kubernetes");
    let make = workshop.pki;
    let admin = make.leaf("kubernetes-admin").organization("kubeadm:cluster-admins").client();
    let left = workshop.either(Duration::days(300), Duration::days(20));
    for (file, user, recipe) in [
        ("admin.conf", "kubernetes-admin", admin.clone().ends_in(left)),
        ("controller-manager.conf", "system:kube-controller-manager", make.leaf("system:kube-controller-manager").client()),
        ("scheduler.conf", "system:kube-scheduler", make.leaf("system:kube-scheduler").client()),
    ] {
        let identity = workshop.make(&format!("{etc}/{file}.key"), recipe, Some(ca))?;
        workshop.entries.push(Entry::secret(format!("{etc}/{file}"), kubeconfig(workshop.site, ca, user, &identity)));
        if file == "admin.conf" {
            let older = workshop.either(left, Duration::days(9));
            let copy = workshop.make(&format!("{etc}/{file}.key"), admin.clone().ends_in(older), Some(ca))?;
            let copy = workshop.either(&identity, &copy);
            workshop.entries.push(Entry::secret(KUBECONFIG, kubeconfig(workshop.site, ca, user, copy)));
        }
    }
    kubelet(workshop, ca)
}

/// The kubelet rotates its certificate in files of its own; kubelet.conf is to name the link to the newest.
fn kubelet(workshop: &mut Workshop<'_>, ca: &Identity) -> Result<(), Error> {
    let pki = format!("{NODE}/var/lib/kubelet/pki");
    let user = format!("system:node:{HOST}");
    let recipe = workshop.pki.leaf(&user).organization("system:nodes").client();
    let rotated = workshop.make(&format!("{pki}/kubelet-client-current.pem"), recipe.clone(), Some(ca))?;
    let bundle = format!("{}{}", rotated.pem(), rotated.key_pem().as_str());
    let dated = "kubelet-client-2026-01-01-00-00-00.pem";
    workshop.entries.push(Entry::secret(format!("{pki}/{dated}"), bundle));
    workshop
        .entries
        .push(Entry::Link { path: format!("{pki}/kubelet-client-current.pem"), target: format!("/var/lib/kubelet/pki/{dated}") });

    let conf = format!("{NODE}/etc/kubernetes/kubelet.conf");
    let text = match workshop.health {
        Health::Sound => kubeconfig_with(
            workshop.site,
            ca,
            &user,
            "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem",
        ),
        Health::Ailing => {
            let first = workshop.make(&format!("{conf}.key"), recipe.ends_in(Duration::days(200)), Some(ca))?;
            kubeconfig(workshop.site, ca, &user, &first)
        }
    };
    workshop.entries.push(Entry::secret(conf, text));

    let serving: Recipe = workshop.pki.leaf(HOST).server().dns(HOST);
    workshop.pair(&format!("{pki}/kubelet"), serving, None)?;
    Ok(())
}

fn kubeconfig(site: Site, ca: &Identity, user: &str, identity: &Identity) -> String {
    let certificate = STANDARD.encode(identity.pem());
    let key = STANDARD.encode(identity.key_pem().as_str());
    kubeconfig_with(site, ca, user, &format!("client-certificate-data: {certificate}\n    client-key-data: {key}"))
}

fn kubeconfig_with(site: Site, ca: &Identity, user: &str, credential: &str) -> String {
    let Site { address, api_server, .. } = site;
    let authority = STANDARD.encode(ca.pem());
    format!(
        "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: https://{address}:{api_server}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: {user}
  name: {user}@kubernetes
current-context: {user}@kubernetes
kind: Config
preferences: {{}}
users:
- name: {user}
  user:
    {credential}
"
    )
}

/// The flags that name certificates, as kubeadm writes them into its static pods; ADDRESS, API and ETCD stand for the site's.
const MANIFESTS: &[(&str, &str)] = &[
    (
        "kube-apiserver",
        "--advertise-address=ADDRESS
--client-ca-file=/etc/kubernetes/pki/ca.crt
--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt
--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt
--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key
--etcd-servers=https://127.0.0.1:ETCD
--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt
--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key
--proxy-client-cert-file=/etc/kubernetes/pki/front-proxy-client.crt
--proxy-client-key-file=/etc/kubernetes/pki/front-proxy-client.key
--requestheader-allowed-names=front-proxy-client
--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt
--secure-port=API
--service-account-key-file=/etc/kubernetes/pki/sa.pub
--service-account-signing-key-file=/etc/kubernetes/pki/sa.key
--service-cluster-ip-range=10.96.0.0/12
--tls-cert-file=/etc/kubernetes/pki/apiserver.crt
--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
    ),
    (
        "kube-controller-manager",
        "--client-ca-file=/etc/kubernetes/pki/ca.crt
--cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt
--cluster-signing-key-file=/etc/kubernetes/pki/ca.key
--kubeconfig=/etc/kubernetes/controller-manager.conf
--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt
--root-ca-file=/etc/kubernetes/pki/ca.crt
--service-account-private-key-file=/etc/kubernetes/pki/sa.key",
    ),
    ("kube-scheduler", "--kubeconfig=/etc/kubernetes/scheduler.conf"),
    (
        "etcd",
        "--advertise-client-urls=https://ADDRESS:ETCD
--cert-file=/etc/kubernetes/pki/etcd/server.crt
--client-cert-auth=true
--key-file=/etc/kubernetes/pki/etcd/server.key
--listen-client-urls=https://127.0.0.1:ETCD,https://ADDRESS:ETCD
--listen-peer-urls=https://ADDRESS:2380
--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
--peer-client-cert-auth=true
--peer-key-file=/etc/kubernetes/pki/etcd/peer.key
--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
    ),
];

/// The Kubernetes release that the manifests name.
const IMAGE_TAG: &str = "v1.32.4";

fn manifests(workshop: &mut Workshop<'_>) {
    for (component, flags) in MANIFESTS {
        let Site { address, api_server, etcd } = workshop.site;
        let places = [("ADDRESS", address.to_string()), ("ETCD", etcd.to_string()), ("=API", format!("={api_server}"))];
        let flags = places.iter().fold((*flags).to_owned(), |flags, (word, value)| flags.replace(word, value));
        let flags = flags.replace('\n', "\n    - ");
        let tag = if *component == "etcd" { "3.5.16-0" } else { IMAGE_TAG };
        let text = format!(
            "apiVersion: v1
kind: Pod
metadata:
  labels:
    component: {component}
    tier: control-plane
  name: {component}
  namespace: kube-system
spec:
  containers:
  - command:
    - {component}
    - {flags}
    image: registry.k8s.io/{component}:{tag}
    name: {component}
    volumeMounts:
    - mountPath: /etc/kubernetes
      name: k8s
      readOnly: true
  hostNetwork: true
  volumes:
  - hostPath:
      path: /etc/kubernetes
      type: DirectoryOrCreate
    name: k8s
"
        );
        workshop.entries.push(Entry::secret(format!("{NODE}/etc/kubernetes/manifests/{component}.yaml"), text));
    }
}
