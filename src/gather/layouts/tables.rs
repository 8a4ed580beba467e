//! The layouts themselves.
//!
//! Slots of CA certificates: a credential where the key normally lies beside it (a control plane), trust where only the certificate
//! is handed out (workers, agents). Of the kubelet's rotated files only the current ones are read; old ones stay until somebody
//! deletes them.

use super::{Form, Layout, Row, Section};
use crate::model::{Distribution, Role, Slot};

/// All layouts, the more specific first.
pub(super) static LAYOUTS: &[&Layout] = &[
    &MINIKUBE_HOST,
    &MINIKUBE,
    &ACK_DEDICATED,
    &RKE2_SERVER,
    &RKE2_AGENT,
    &K3S_SERVER,
    &K3S_AGENT,
    &MICROK8S,
    &KUBEADM_CONTROL_PLANE,
    &KUBEADM_NODE,
    &ISTIO,
];

const fn pair(path: &'static str, role: Role) -> Row {
    Row { path, form: Form::Pair, role }
}

const fn certificate(path: &'static str, role: Role) -> Row {
    Row { path, form: Form::File(Slot::Credential), role }
}

const fn key(path: &'static str, role: Role) -> Row {
    Row { path, form: Form::File(Slot::Key), role }
}

const fn trust(path: &'static str, role: Role) -> Row {
    Row { path, form: Form::File(Slot::Trust), role }
}

/// Its fields say what they are for.
const fn kubeconfig(path: &'static str, role: Role) -> Row {
    Row { path, form: Form::File(Slot::Unknown), role }
}

/// kubernetes/kubernetes cmd/kubeadm/app/phases/certs/certlist.go and constants.go.
const KUBEADM_PKI: &[Row] = &[
    pair("ca", Role::ClusterCa),
    pair("apiserver", Role::Apiserver),
    pair("apiserver-kubelet-client", Role::ApiserverKubeletClient),
    pair("front-proxy-ca", Role::FrontProxyCa),
    pair("front-proxy-client", Role::FrontProxyClient),
    pair("etcd/ca", Role::EtcdCa),
    pair("etcd/server", Role::EtcdServer),
    pair("etcd/peer", Role::EtcdPeer),
    pair("etcd/healthcheck-client", Role::EtcdHealthcheckClient),
    pair("apiserver-etcd-client", Role::ApiserverEtcdClient),
    key("sa.key", Role::ServiceAccountKey),
    trust("sa.pub", Role::ServiceAccountPublicKey),
];

/// kubernetes/kubernetes cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go.
const KUBEADM_KUBECONFIGS: &[Row] = &[
    kubeconfig("admin.conf", Role::Admin),
    kubeconfig("super-admin.conf", Role::SuperAdmin),
    kubeconfig("controller-manager.conf", Role::ControllerManager),
    kubeconfig("scheduler.conf", Role::Scheduler),
    kubeconfig("kubelet.conf", Role::Kubelet),
    kubeconfig("bootstrap-kubelet.conf", Role::BootstrapKubelet),
];

/// kubernetes/client-go util/certificate/certificate_store.go; kubernetes/kubernetes cmd/kubelet/app/server.go.
const KUBELET_PKI: &[Row] = &[
    certificate("kubelet-client-current.pem", Role::Kubelet),
    certificate("kubelet-server-current.pem", Role::KubeletServing),
    pair("kubelet", Role::KubeletServing),
];

const KUBELET_PKI_SECTION: Section = Section { base: "/var/lib/kubelet/pki", rows: KUBELET_PKI };

static KUBEADM_CONTROL_PLANE: Layout = Layout {
    distribution: Distribution::Kubeadm,
    signs: &[
        &["/etc/kubernetes/pki/apiserver.crt"],
        &["/etc/kubernetes/pki/etcd/healthcheck-client.crt"],
        &["/etc/kubernetes/admin.conf"],
        &["/etc/kubernetes/controller-manager.conf"],
        &["/etc/kubernetes/manifests/kube-apiserver.yaml"],
    ],
    parts: &["/", "/etc", "/etc/kubernetes", "/etc/kubernetes/pki", "/etc/kubernetes/pki/etcd"],
    sections: &[
        Section { base: "/etc/kubernetes/pki", rows: KUBEADM_PKI },
        Section { base: "/etc/kubernetes", rows: KUBEADM_KUBECONFIGS },
        KUBELET_PKI_SECTION,
    ],
};

static KUBEADM_NODE: Layout = Layout {
    distribution: Distribution::Kubeadm,
    signs: &[
        &["/etc/kubernetes/kubelet.conf"],
        &["/etc/kubernetes/bootstrap-kubelet.conf"],
        &["/var/lib/kubelet/pki/kubelet-client-current.pem"],
        &["/var/lib/kubelet/pki/kubelet.crt"],
    ],
    parts: &["/", "/etc", "/etc/kubernetes", "/var/lib/kubelet", "/var/lib/kubelet/pki"],
    sections: &[
        Section { base: "/etc/kubernetes/pki", rows: &[trust("ca.crt", Role::ClusterCa)] },
        Section { base: "/etc/kubernetes", rows: KUBEADM_KUBECONFIGS },
        KUBELET_PKI_SECTION,
    ],
};

/// The certificate directory inside minikube's machine (kubernetes/minikube pkg/minikube/vmpath): what kubeadm makes, and the copies
/// from the host. `proxy-client*` there are copies that no component is started with.
static MINIKUBE: Layout = Layout {
    distribution: Distribution::Minikube,
    signs: &[&["/var/lib/minikube/certs/proxy-client-ca.crt"]],
    parts: &["/", "/var/lib/minikube", "/var/lib/minikube/certs"],
    sections: &[
        Section { base: "/var/lib/minikube/certs", rows: KUBEADM_PKI },
        Section { base: "/etc/kubernetes", rows: KUBEADM_KUBECONFIGS },
        KUBELET_PKI_SECTION,
    ],
};

/// `~/.minikube` on the host of minikube's machines (kubernetes/minikube pkg/minikube/localpath): a directory that the user names.
static MINIKUBE_HOST: Layout = Layout {
    distribution: Distribution::Minikube,
    signs: &[&["/.minikube/profiles", "/.minikube/proxy-client-ca.crt"]],
    parts: &["/.minikube"],
    sections: &[Section {
        base: "/.minikube",
        rows: &[
            pair("ca", Role::ClusterCa),
            pair("proxy-client-ca", Role::FrontProxyCa),
            pair("profiles/*/client", Role::Admin),
            pair("profiles/*/apiserver", Role::Apiserver),
            pair("profiles/*/proxy-client", Role::FrontProxyClient),
        ],
    }],
};

/// Control planes of ACK dedicated clusters: kubeadm's files, except that the API server's client CA is a bundle of its own (the
/// cluster's CA, then that of Alibaba's control), and etcd's files are named as cfssl does.
static ACK_DEDICATED: Layout = Layout {
    distribution: Distribution::AckDedicated,
    signs: &[
        &["/etc/kubernetes/pki/apiserver-ca.crt"],
        &["/etc/kubernetes/pki/etcd/etcd-client.pem"],
        &["/etc/kubernetes/pki/dashboard/dashboard.crt"],
    ],
    parts: &["/", "/etc", "/etc/kubernetes", "/etc/kubernetes/pki"],
    sections: &[
        Section {
            base: "/etc/kubernetes/pki",
            rows: &[
                trust("apiserver-ca.crt", Role::ClusterCa),
                key("apiserver-ca.key", Role::ClusterCa),
                trust("client-ca.crt", Role::ClientCa),
                pair("dashboard/dashboard", Role::Dashboard),
                trust("etcd/ca.pem", Role::EtcdCa),
                certificate("etcd/etcd-client.pem", Role::ApiserverEtcdClient),
                key("etcd/etcd-client-key.pem", Role::ApiserverEtcdClient),
            ],
        },
        Section {
            base: "/var/lib/etcd/cert",
            rows: &[
                certificate("ca.pem", Role::EtcdCa),
                key("ca-key.pem", Role::EtcdCa),
                certificate("etcd-client.pem", Role::EtcdHealthcheckClient),
                key("etcd-client-key.pem", Role::EtcdHealthcheckClient),
                certificate("etcd-server.pem", Role::EtcdServer),
                key("etcd-server-key.pem", Role::EtcdServer),
            ],
        },
    ],
};

/// k3s-io/k3s pkg/daemons/control/deps/deps.go; the same in RKE2 but for the last rows.
const RANCHER_TLS: &[Row] = &[
    pair("client-ca", Role::ClientCa),
    trust("client-ca.nochain.crt", Role::ClientCa),
    pair("server-ca", Role::ServerCa),
    trust("server-ca.nochain.crt", Role::ServerCa),
    pair("request-header-ca", Role::FrontProxyCa),
    pair("etcd/server-ca", Role::EtcdCa),
    pair("etcd/peer-ca", Role::EtcdPeerCa),
    pair("serving-kube-apiserver", Role::Apiserver),
    pair("client-kube-apiserver", Role::ApiserverKubeletClient),
    pair("client-auth-proxy", Role::FrontProxyClient),
    pair("etcd/server-client", Role::EtcdServer),
    pair("etcd/peer-server-client", Role::EtcdPeer),
    pair("etcd/client", Role::ApiserverEtcdClient),
    pair("client-admin", Role::Admin),
    pair("client-supervisor", Role::Supervisor),
    pair("client-controller", Role::ControllerManager),
    pair("client-scheduler", Role::Scheduler),
    pair("client-kube-proxy", Role::KubeProxy),
    pair("kube-controller-manager/kube-controller-manager", Role::ControllerManagerServing),
    pair("kube-scheduler/kube-scheduler", Role::SchedulerServing),
    key("client-kubelet.key", Role::Kubelet),
    key("serving-kubelet.key", Role::KubeletServing),
    key("service.key", Role::ServiceAccountKey),
    key("service.current.key", Role::ServiceAccountKey),
    certificate("dynamic-cert.json", Role::Supervisor),
    pair("client-k3s-controller", Role::Supervisor),
    pair("client-k3s-cloud-controller", Role::CloudControllerManager),
    pair("client-rke2-controller", Role::Supervisor),
    pair("client-rke2-cloud-controller", Role::CloudControllerManager),
];

const RANCHER_CREDENTIALS: &[Row] = &[
    kubeconfig("admin.kubeconfig", Role::Admin),
    kubeconfig("supervisor.kubeconfig", Role::Supervisor),
    kubeconfig("api-server.kubeconfig", Role::ApiserverKubeletClient),
    kubeconfig("controller.kubeconfig", Role::ControllerManager),
    kubeconfig("scheduler.kubeconfig", Role::Scheduler),
    kubeconfig("cloud-controller.kubeconfig", Role::CloudControllerManager),
];

/// k3s-io/k3s pkg/agent/config/config.go.
const RANCHER_AGENT: &[Row] = &[
    trust("client-ca.crt", Role::ClientCa),
    trust("server-ca.crt", Role::ServerCa),
    pair("serving-kubelet", Role::KubeletServing),
    pair("client-kubelet", Role::Kubelet),
    pair("client-kube-proxy", Role::KubeProxy),
    pair("client-k3s-controller", Role::Supervisor),
    pair("client-rke2-controller", Role::Supervisor),
    kubeconfig("kubelet.kubeconfig", Role::Kubelet),
    kubeconfig("kubeproxy.kubeconfig", Role::KubeProxy),
    kubeconfig("k3scontroller.kubeconfig", Role::Supervisor),
    kubeconfig("rke2controller.kubeconfig", Role::Supervisor),
];

static K3S_SERVER: Layout = Layout {
    distribution: Distribution::K3s,
    signs: &[
        &["/var/lib/rancher/k3s/server/tls/client-k3s-controller.crt"],
        &["/var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt"],
        &["/etc/rancher/k3s/k3s.yaml"],
    ],
    parts: &["/", "/var/lib/rancher/k3s", "/var/lib/rancher/k3s/server", "/var/lib/rancher/k3s/server/tls", "/etc/rancher/k3s"],
    sections: &[
        Section { base: "/var/lib/rancher/k3s/server/tls", rows: RANCHER_TLS },
        Section { base: "/var/lib/rancher/k3s/server/cred", rows: RANCHER_CREDENTIALS },
        Section { base: "/etc/rancher/k3s", rows: &[kubeconfig("k3s.yaml", Role::Admin)] },
    ],
};

static K3S_AGENT: Layout = Layout {
    distribution: Distribution::K3s,
    signs: &[&["/var/lib/rancher/k3s/agent/client-k3s-controller.crt"], &["/var/lib/rancher/k3s/agent/client-kubelet.crt"]],
    parts: &["/", "/var/lib/rancher/k3s", "/var/lib/rancher/k3s/agent"],
    sections: &[Section { base: "/var/lib/rancher/k3s/agent", rows: RANCHER_AGENT }],
};

/// The signs are those that no k3s has under another directory's name.
static RKE2_SERVER: Layout = Layout {
    distribution: Distribution::Rke2,
    signs: &[&["/var/lib/rancher/rke2/server/tls/client-rke2-controller.crt"], &["/etc/rancher/rke2/rke2.yaml"]],
    parts: &[
        "/",
        "/var/lib/rancher/rke2",
        "/var/lib/rancher/rke2/server",
        "/var/lib/rancher/rke2/server/tls",
        "/etc/rancher/rke2",
    ],
    sections: &[
        Section { base: "/var/lib/rancher/rke2/server/tls", rows: RANCHER_TLS },
        Section { base: "/var/lib/rancher/rke2/server/cred", rows: RANCHER_CREDENTIALS },
        Section { base: "/etc/rancher/rke2", rows: &[kubeconfig("rke2.yaml", Role::Admin)] },
    ],
};

static RKE2_AGENT: Layout = Layout {
    distribution: Distribution::Rke2,
    signs: &[
        &["/var/lib/rancher/rke2/agent/client-rke2-controller.crt"],
        &["/var/lib/rancher/rke2/agent/rke2controller.kubeconfig"],
    ],
    parts: &["/", "/var/lib/rancher/rke2", "/var/lib/rancher/rke2/agent"],
    sections: &[Section { base: "/var/lib/rancher/rke2/agent", rows: RANCHER_AGENT }],
};

/// canonical/microk8s microk8s-resources/actions/common/utils.sh.
static MICROK8S: Layout = Layout {
    distribution: Distribution::MicroK8s,
    signs: &[
        &["/var/snap/microk8s/current/certs/server.crt", "/var/snap/microk8s/current/certs/front-proxy-client.crt"],
        &["/var/snap/microk8s/current/credentials/client.config"],
    ],
    parts: &["/", "/var/snap/microk8s/current", "/var/snap/microk8s/current/certs"],
    sections: &[
        Section {
            base: "/var/snap/microk8s/current/certs",
            rows: &[
                pair("ca", Role::ClusterCa),
                pair("server", Role::Apiserver),
                pair("front-proxy-ca", Role::FrontProxyCa),
                pair("front-proxy-client", Role::FrontProxyClient),
                pair("apiserver-kubelet-client", Role::ApiserverKubeletClient),
                pair("kubelet", Role::KubeletServing),
                pair("client", Role::Admin),
                pair("controller", Role::ControllerManager),
                pair("scheduler", Role::Scheduler),
                pair("proxy", Role::KubeProxy),
                key("serviceaccount.key", Role::ServiceAccountKey),
            ],
        },
        Section {
            base: "/var/snap/microk8s/current/credentials",
            rows: &[
                kubeconfig("client.config", Role::Admin),
                kubeconfig("controller.config", Role::ControllerManager),
                kubeconfig("scheduler.config", Role::Scheduler),
                kubeconfig("kubelet.config", Role::Kubelet),
                kubeconfig("proxy.config", Role::KubeProxy),
            ],
        },
    ],
};

/// What Istio mounts into pods (istio/istio pkg/security/security.go, pilot/pkg/bootstrap/istio_ca.go): istiod's plug-in CA, and the
/// credentials of workloads, Citadel's old ones and Google's names for them among them.
static ISTIO: Layout = Layout {
    distribution: Distribution::Istio,
    signs: &[
        &["/etc/cacerts/ca-cert.pem"],
        &["/etc/cacerts/tls.crt"],
        &["/var/run/secrets/istio/root-cert.pem"],
        &["/var/run/secrets/workload-spiffe-credentials/cert-chain.pem"],
        &["/var/run/secrets/workload-spiffe-credentials/certificates.pem"],
        &["/etc/certs/cert-chain.pem", "/etc/certs/root-cert.pem"],
        &["/etc/istio/certs/cert-chain.pem"],
    ],
    parts: &[
        "/",
        "/etc/cacerts",
        "/etc/certs",
        "/etc/istio/certs",
        "/var/run/secrets/istio",
        "/var/run/secrets/workload-spiffe-credentials",
    ],
    sections: &[
        Section {
            base: "/etc/cacerts",
            rows: &[
                certificate("ca-cert.pem", Role::IstioCa),
                key("ca-key.pem", Role::IstioCa),
                trust("root-cert.pem", Role::IstioRoot),
                trust("cert-chain.pem", Role::IstioCaChain),
                certificate("tls.crt", Role::IstioCa),
                key("tls.key", Role::IstioCa),
                trust("ca.crt", Role::IstioRoot),
            ],
        },
        Section { base: "/var/run/secrets/istio", rows: &[trust("root-cert.pem", Role::IstioRoot)] },
        Section { base: "/etc/certs", rows: ISTIO_WORKLOAD },
        Section { base: "/etc/istio/certs", rows: ISTIO_WORKLOAD },
        Section { base: "/var/run/secrets/workload-spiffe-credentials", rows: ISTIO_WORKLOAD },
    ],
};

const ISTIO_WORKLOAD: &[Row] = &[
    certificate("cert-chain.pem", Role::IstioWorkload),
    key("key.pem", Role::IstioWorkload),
    trust("root-cert.pem", Role::IstioRoot),
    certificate("certificates.pem", Role::IstioWorkload),
    key("private_key.pem", Role::IstioWorkload),
    trust("ca_certificates.pem", Role::IstioRoot),
];
