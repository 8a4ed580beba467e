//! Which flags of which components name files, and what those files are for.
//!
//! Sources: the options of kubernetes/kubernetes cmd/kube-apiserver, kube-controller-manager, kube-scheduler, kubelet and kube-proxy,
//! kubernetes/apiserver pkg/server/options, and etcd server/etcdmain/help.go. Where a configuration file says the same as a flag,
//! its field is taken for that flag.

use super::command::Command;
use crate::decode::node::Node;
use crate::model::{Role, Slot};
use std::path::{Path, PathBuf};

/// A flag that names a file.
#[derive(Debug)]
pub(super) struct Flag {
    /// The programs that have it.
    components: &'static [&'static str],
    /// Its name, dashes included.
    pub(super) name: &'static str,
    takes: Takes,
    role: Role,
    /// Whether the component starts without the file.
    pub(super) need: Need,
}

/// What a flag's value is.
#[derive(Clone, Copy, Debug)]
enum Takes {
    /// The path of a file with this slot.
    File(Slot),
    /// `CERTIFICATE,KEY` or `CERTIFICATE,KEY:NAME,NAME…` (kubernetes/component-base cli/flag: `NamedCertKey`).
    SniPair,
    /// A directory where the component keeps files of these names when no other flag names them.
    Directory(&'static [(&'static str, Slot)]),
}

/// Whether a file that a flag names has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The component fails without it.
    Required,
    /// It comes and goes: kubelets start from `bootstrap-kubelet.conf` once, and somebody may delete it then.
    Optional,
}

const APISERVER: &[&str] = &["kube-apiserver"];
const CONTROLLER_MANAGER: &[&str] = &["kube-controller-manager"];
const SCHEDULER: &[&str] = &["kube-scheduler"];
const MANAGERS: &[&str] = &["kube-controller-manager", "kube-scheduler"];
const KUBELET: &[&str] = &["kubelet"];
const KUBE_PROXY: &[&str] = &["kube-proxy"];
const ETCD: &[&str] = &["etcd"];

/// The programs of a cluster that are looked for.
pub(super) const COMPONENTS: &[&str] =
    &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "etcd"];

const fn file(components: &'static [&'static str], name: &'static str, slot: Slot, role: Role) -> Flag {
    Flag { components, name, takes: Takes::File(slot), role, need: Need::Required }
}

const fn kubeconfig(components: &'static [&'static str], name: &'static str, role: Role) -> Flag {
    file(components, name, Slot::Unknown, role)
}

const fn directory(components: &'static [&'static str], files: &'static [(&'static str, Slot)], role: Role) -> Flag {
    Flag { components, name: "--cert-dir", takes: Takes::Directory(files), role, need: Need::Optional }
}

/// Every flag that names a file. Of two that name the same one, the one that stands first tells its role.
const FLAGS: &[Flag] = &[
    file(APISERVER, "--client-ca-file", Slot::Trust, Role::ClusterCa),
    file(APISERVER, "--tls-cert-file", Slot::Credential, Role::Apiserver),
    file(APISERVER, "--tls-private-key-file", Slot::Key, Role::Apiserver),
    Flag { takes: Takes::SniPair, ..file(APISERVER, "--tls-sni-cert-key", Slot::Credential, Role::ApiserverSni) },
    file(APISERVER, "--etcd-cafile", Slot::Trust, Role::EtcdCa),
    file(APISERVER, "--etcd-certfile", Slot::Credential, Role::ApiserverEtcdClient),
    file(APISERVER, "--etcd-keyfile", Slot::Key, Role::ApiserverEtcdClient),
    file(APISERVER, "--kubelet-client-certificate", Slot::Credential, Role::ApiserverKubeletClient),
    file(APISERVER, "--kubelet-client-key", Slot::Key, Role::ApiserverKubeletClient),
    file(APISERVER, "--kubelet-certificate-authority", Slot::Trust, Role::ClusterCa),
    file(APISERVER, "--proxy-client-cert-file", Slot::Credential, Role::FrontProxyClient),
    file(APISERVER, "--proxy-client-key-file", Slot::Key, Role::FrontProxyClient),
    file(APISERVER, "--requestheader-client-ca-file", Slot::Trust, Role::FrontProxyCa),
    file(APISERVER, "--service-account-signing-key-file", Slot::Key, Role::ServiceAccountKey),
    file(APISERVER, "--service-account-key-file", Slot::Trust, Role::ServiceAccountPublicKey),
    file(CONTROLLER_MANAGER, "--cluster-signing-cert-file", Slot::Credential, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-key-file", Slot::Key, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kube-apiserver-client-cert-file", Slot::Credential, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kube-apiserver-client-key-file", Slot::Key, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kubelet-client-cert-file", Slot::Credential, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kubelet-client-key-file", Slot::Key, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kubelet-serving-cert-file", Slot::Credential, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-kubelet-serving-key-file", Slot::Key, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-legacy-unknown-cert-file", Slot::Credential, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--cluster-signing-legacy-unknown-key-file", Slot::Key, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--root-ca-file", Slot::Trust, Role::ClusterCa),
    file(CONTROLLER_MANAGER, "--service-account-private-key-file", Slot::Key, Role::ServiceAccountKey),
    file(CONTROLLER_MANAGER, "--tls-cert-file", Slot::Credential, Role::ControllerManagerServing),
    file(CONTROLLER_MANAGER, "--tls-private-key-file", Slot::Key, Role::ControllerManagerServing),
    kubeconfig(CONTROLLER_MANAGER, "--kubeconfig", Role::ControllerManager),
    kubeconfig(CONTROLLER_MANAGER, "--authentication-kubeconfig", Role::ControllerManager),
    kubeconfig(CONTROLLER_MANAGER, "--authorization-kubeconfig", Role::ControllerManager),
    file(SCHEDULER, "--tls-cert-file", Slot::Credential, Role::SchedulerServing),
    file(SCHEDULER, "--tls-private-key-file", Slot::Key, Role::SchedulerServing),
    kubeconfig(SCHEDULER, "--kubeconfig", Role::Scheduler),
    kubeconfig(SCHEDULER, "--authentication-kubeconfig", Role::Scheduler),
    kubeconfig(SCHEDULER, "--authorization-kubeconfig", Role::Scheduler),
    file(MANAGERS, "--client-ca-file", Slot::Trust, Role::ClusterCa),
    file(MANAGERS, "--requestheader-client-ca-file", Slot::Trust, Role::FrontProxyCa),
    kubeconfig(KUBELET, "--kubeconfig", Role::Kubelet),
    Flag { need: Need::Optional, ..kubeconfig(KUBELET, "--bootstrap-kubeconfig", Role::BootstrapKubelet) },
    file(KUBELET, "--client-ca-file", Slot::Trust, Role::ClusterCa),
    file(KUBELET, "--tls-cert-file", Slot::Credential, Role::KubeletServing),
    file(KUBELET, "--tls-private-key-file", Slot::Key, Role::KubeletServing),
    directory(KUBELET, &[("kubelet-client-current.pem", Slot::Credential)], Role::Kubelet),
    directory(
        KUBELET,
        &[("kubelet-server-current.pem", Slot::Credential), ("kubelet.crt", Slot::Credential), ("kubelet.key", Slot::Key)],
        Role::KubeletServing,
    ),
    directory(APISERVER, &[("apiserver.crt", Slot::Credential), ("apiserver.key", Slot::Key)], Role::Apiserver),
    kubeconfig(KUBE_PROXY, "--kubeconfig", Role::KubeProxy),
    file(ETCD, "--trusted-ca-file", Slot::Trust, Role::EtcdCa),
    file(ETCD, "--cert-file", Slot::Credential, Role::EtcdServer),
    file(ETCD, "--key-file", Slot::Key, Role::EtcdServer),
    file(ETCD, "--client-cert-file", Slot::Credential, Role::EtcdServer),
    file(ETCD, "--client-key-file", Slot::Key, Role::EtcdServer),
    file(ETCD, "--peer-trusted-ca-file", Slot::Trust, Role::EtcdPeerCa),
    file(ETCD, "--peer-cert-file", Slot::Credential, Role::EtcdPeer),
    file(ETCD, "--peer-key-file", Slot::Key, Role::EtcdPeer),
];

/// Flags that say whom a component dials, by which names it is dialled, and how it judges clients.
const SETTINGS: &[(&[&str], &str)] = &[
    (APISERVER, "--advertise-address"),
    (APISERVER, "--secure-port"),
    (APISERVER, "--etcd-servers"),
    (APISERVER, "--requestheader-allowed-names"),
    (APISERVER, "--service-cluster-ip-range"),
    (ETCD, "--advertise-client-urls"),
    (ETCD, "--initial-advertise-peer-urls"),
];

/// A field of a configuration file, and the flag that says the same.
struct Field {
    components: &'static [&'static str],
    path: &'static [&'static str],
    flag: &'static str,
}

/// kubernetes/kubelet config/v1beta1, kubernetes/kube-scheduler config/v1, kubernetes/kube-proxy config/v1alpha1, etcd.conf.yml.sample.
const FIELDS: &[Field] = &[
    Field { components: KUBELET, path: &["authentication", "x509", "clientCAFile"], flag: "--client-ca-file" },
    Field { components: KUBELET, path: &["tlsCertFile"], flag: "--tls-cert-file" },
    Field { components: KUBELET, path: &["tlsPrivateKeyFile"], flag: "--tls-private-key-file" },
    Field { components: SCHEDULER, path: &["clientConnection", "kubeconfig"], flag: "--kubeconfig" },
    Field { components: KUBE_PROXY, path: &["clientConnection", "kubeconfig"], flag: "--kubeconfig" },
    Field { components: ETCD, path: &["advertise-client-urls"], flag: "--advertise-client-urls" },
    Field { components: ETCD, path: &["initial-advertise-peer-urls"], flag: "--initial-advertise-peer-urls" },
    Field { components: ETCD, path: &["client-transport-security", "trusted-ca-file"], flag: "--trusted-ca-file" },
    Field { components: ETCD, path: &["client-transport-security", "cert-file"], flag: "--cert-file" },
    Field { components: ETCD, path: &["client-transport-security", "key-file"], flag: "--key-file" },
    Field { components: ETCD, path: &["peer-transport-security", "trusted-ca-file"], flag: "--peer-trusted-ca-file" },
    Field { components: ETCD, path: &["peer-transport-security", "cert-file"], flag: "--peer-cert-file" },
    Field { components: ETCD, path: &["peer-transport-security", "key-file"], flag: "--peer-key-file" },
];

/// The flags that name a configuration file.
const CONFIGURATIONS: &[(&[&str], &str)] =
    &[(KUBELET, "--config"), (SCHEDULER, "--config"), (KUBE_PROXY, "--config"), (ETCD, "--config-file")];

/// A file that a flag names.
#[derive(Debug)]
pub(super) struct Named {
    /// The place of the flag in the table: the lower, the more its role counts.
    pub(super) rank: usize,
    /// The flag.
    pub(super) flag: &'static Flag,
    /// The host path.
    pub(super) path: PathBuf,
    /// The job of the file.
    pub(super) role: Role,
    /// What it is for.
    pub(super) slot: Slot,
}

/// The files that a command line names.
pub(super) fn files(command: &Command) -> Vec<Named> {
    let mut named = Vec::new();
    for (name, value) in command.flags() {
        for (rank, flag) in FLAGS.iter().enumerate().filter(|(_, flag)| flag.name == name && command.is_one_of(flag.components)) {
            for (path, slot) in flag.takes.files(value) {
                // What is relative depends on a working directory that nobody knows here.
                named.extend(command.host_path(&path).map(|path| Named { rank, flag, path, role: flag.role, slot }));
            }
        }
    }
    named
}

/// What a command line says besides, and the files that it names, as `shown` to the user.
pub(super) fn settings(command: &Command, shown: &dyn Fn(&Path) -> String) -> Vec<(&'static str, String)> {
    let known = |name: &str| SETTINGS.iter().find(|(components, flag)| *flag == name && command.is_one_of(components));
    let said = command.flags().filter_map(|(name, value)| Some((known(&name)?.1, without_credentials(value))));
    let files = files(command).into_iter().map(|file| (file.flag.name, shown(&file.path)));
    said.chain(files).collect()
}

/// A list of URLs without the user names and passwords in them.
fn without_credentials(value: &str) -> String {
    let url = |url: &str| match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        None => url.to_owned(),
    };
    value.split(',').map(url).collect::<Vec<_>>().join(",")
}

/// The configuration files that a command line names, as host paths.
pub(super) fn configurations(command: &Command) -> Vec<PathBuf> {
    let is_one = |name: &str| CONFIGURATIONS.iter().any(|(components, flag)| *flag == name && command.is_one_of(components));
    let values = command.flags().filter(|(name, _)| is_one(name)).map(|(_, value)| value);
    values.filter_map(|value| command.host_path(Path::new(value))).collect()
}

/// The words that say the same as a configuration file.
pub(super) fn words_of(component: &str, configuration: &Node<'_>) -> Vec<String> {
    let fields = FIELDS.iter().filter(|field| field.components.contains(&component));
    let values = fields.filter_map(|field| Some((field.flag, configuration.text(field.path).filter(|text| !text.is_empty())?)));
    values.map(|(flag, value)| format!("{flag}={value}")).collect()
}

/// Whether a layout's role for a file says the same as a flag's, or more.
pub(super) fn agrees(layout: Role, flag: Role) -> bool {
    layout == flag
        || matches!(
            (layout, flag),
            // Distributions that split the cluster CA.
            (Role::ClientCa | Role::ServerCa, Role::ClusterCa)
            // kubeadm has one etcd CA for both.
            | (Role::EtcdCa, Role::EtcdPeerCa)
            // A private key verifies too: its public half is taken.
            | (Role::ServiceAccountKey, Role::ServiceAccountPublicKey)
        )
}

impl Takes {
    fn files(self, value: &str) -> Vec<(PathBuf, Slot)> {
        match self {
            Self::File(slot) if !value.is_empty() => vec![(value.into(), slot)],
            Self::File(_) => Vec::new(),
            Self::SniPair => {
                let pair = value.split(':').next().unwrap_or_default().split_once(',');
                pair.map(|(certificate, key)| vec![(certificate.into(), Slot::Credential), (key.into(), Slot::Key)])
                    .unwrap_or_default()
            }
            Self::Directory(files) => files.iter().map(|(name, slot)| (Path::new(value).join(name), *slot)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;

    fn named(component: &str, words: &[&str]) -> Vec<String> {
        let command = Command::of(component, words.iter().map(|word| (*word).to_owned()).collect(), "unit");
        let line = |file: Named| format!("{} {:?} {:?} {}", file.flag.name, file.role, file.slot, file.path.display());
        files(&command).into_iter().map(line).collect()
    }

    #[test]
    fn the_table_names_known_components_and_real_flags() {
        for flag in FLAGS {
            assert!(flag.name.starts_with("--") && flag.components.iter().all(|name| COMPONENTS.contains(name)), "{flag:?}");
        }
        for field in FIELDS {
            let has = |flag: &Flag| flag.name == field.flag && field.components.iter().all(|name| flag.components.contains(name));
            let says = SETTINGS.iter().any(|(components, flag)| *flag == field.flag && *components == field.components);
            assert!(says || FLAGS.iter().any(has), "{}", field.flag);
        }
    }

    #[test]
    fn values_follow_an_equals_sign_or_come_next_and_flags_repeat() {
        assert_eq!(
            named(
                "kube-apiserver",
                &[
                    "--client-ca-file=/a",
                    "--etcd-cafile",
                    "/b",
                    "--service-account-key-file=/c",
                    "--service-account-key-file=/d",
                    "--v",
                    "--tls-cert-file"
                ]
            ),
            [
                "--client-ca-file ClusterCa Trust /a",
                "--etcd-cafile EtcdCa Trust /b",
                "--service-account-key-file ServiceAccountPublicKey Trust /c",
                "--service-account-key-file ServiceAccountPublicKey Trust /d",
            ]
        );
        assert_eq!(
            named("etcd", &["-cert-file=/x", "--cert-file=", "--key-file=relative"]),
            ["--cert-file EtcdServer Credential /x"]
        );
        assert_eq!(named("kube-scheduler", &["--etcd-cafile=/a"]), [""; 0], "not a flag of this program");
    }

    #[test]
    fn pairs_and_directories_are_several_files() {
        assert_eq!(
            named("kube-apiserver", &["--tls-sni-cert-key=/a.crt,/a.key:*.example.com,example.com"]),
            ["--tls-sni-cert-key ApiserverSni Credential /a.crt", "--tls-sni-cert-key ApiserverSni Key /a.key"]
        );
        assert_eq!(
            named("kubelet", &["--cert-dir=/pki"]),
            [
                "--cert-dir Kubelet Credential /pki/kubelet-client-current.pem",
                "--cert-dir KubeletServing Credential /pki/kubelet-server-current.pem",
                "--cert-dir KubeletServing Credential /pki/kubelet.crt",
                "--cert-dir KubeletServing Key /pki/kubelet.key",
            ]
        );
    }

    #[test]
    fn configuration_files_say_the_same_as_flags() {
        let text = "authentication: {x509: {clientCAFile: /ca.crt}}\ntlsCertFile: /k.crt\ntlsPrivateKeyFile: ''\n";
        let node = Node::yaml(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(words_of("kubelet", &node), ["--client-ca-file=/ca.crt", "--tls-cert-file=/k.crt"]);
        assert_eq!(words_of("etcd", &node), [""; 0]);
        let command = Command::of("kubelet", vec!["--config=/var/lib/kubelet/config.yaml".to_owned()], "unit");
        assert_eq!(configurations(&command), [Path::new("/var/lib/kubelet/config.yaml")]);
    }
}
