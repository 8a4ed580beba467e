//! Texts of files: kubeconfigs, static pods.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kcert::mint::Identity;

/// What a user of a kubeconfig shows.
pub(crate) enum Credential<'a> {
    /// Certificate and key in the file.
    Embedded(&'a Identity),
    /// Certificate chain and key in the file.
    Chain(&'a str, &'a Identity),
    /// Certificate and key by path.
    Paths(&'a str, &'a str),
    /// A bearer token.
    Token(&'a str),
}

/// Where a kubeconfig has its CA.
pub(crate) enum Authority<'a> {
    /// In the file.
    Embedded(&'a str),
    /// By path.
    Path(&'a str),
}

/// In base64, as Kubernetes writes binary fields.
pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// A kubeconfig as kubeadm, k3s and MicroK8s write them.
pub(crate) fn kubeconfig(server: &str, authority: &Authority<'_>, user: &str, credential: &Credential<'_>) -> String {
    let authority = match authority {
        Authority::Embedded(pem) => format!("certificate-authority-data: {}", base64(pem)),
        Authority::Path(path) => format!("certificate-authority: {path}"),
    };
    let embedded = |certificate: &str, key: &Identity| {
        format!("client-certificate-data: {}\n    client-key-data: {}", base64(certificate), base64(key.key_pem().as_str()))
    };
    let credential = match credential {
        Credential::Embedded(identity) => embedded(&identity.pem(), identity),
        Credential::Chain(chain, identity) => embedded(chain, identity),
        Credential::Paths(certificate, key) => format!("client-certificate: {certificate}\n    client-key: {key}"),
        Credential::Token(token) => format!("token: {token}"),
    };
    format!(
        "apiVersion: v1
clusters:
- cluster:
    {authority}
    server: {server}
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

/// A static pod with the flags given, one a line, that sees `/etc/kubernetes` and one directory more.
pub(crate) fn static_pod(component: &str, tag: &str, directory: &str, flags: &str) -> String {
    let flags = flags.trim().replace('\n', "\n    - ");
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: null
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
    imagePullPolicy: IfNotPresent
    name: {component}
    volumeMounts:
    - mountPath: /etc/kubernetes
      name: k8s
      readOnly: true
    - mountPath: {directory}
      name: k8s-certs
      readOnly: true
  hostNetwork: true
  priorityClassName: system-node-critical
  volumes:
  - hostPath:
      path: /etc/kubernetes
      type: DirectoryOrCreate
    name: k8s
  - hostPath:
      path: {directory}
      type: DirectoryOrCreate
    name: k8s-certs
status: {{}}
"
    )
}
