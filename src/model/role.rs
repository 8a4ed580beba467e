//! The jobs that certificates and keys have in a cluster, whatever the distribution calls their files.

/// A job. The word is kubeadm's own where kubeadm has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The cluster CA: signs API server, kubelets and clients (`pki/ca`).
    ClusterCa,
    /// A CA for client certificates only (k3s, RKE2: `client-ca`).
    ClientCa,
    /// A CA for serving certificates only (k3s, RKE2: `server-ca`).
    ServerCa,
    /// The CA of the aggregation layer (`front-proxy-ca`, `request-header-ca`).
    FrontProxyCa,
    /// The etcd CA (`etcd/ca`; for k3s and RKE2 the one of the servers).
    EtcdCa,
    /// The CA of etcd peers where it is another one (k3s, RKE2).
    EtcdPeerCa,
    /// The API server's serving certificate.
    Apiserver,
    /// A further serving certificate of the API server, for names of its own and often from another CA (`--tls-sni-cert-key`).
    ApiserverSni,
    /// API server → kubelet.
    ApiserverKubeletClient,
    /// API server → etcd.
    ApiserverEtcdClient,
    /// API server → extension API servers.
    FrontProxyClient,
    /// etcd's serving certificate.
    EtcdServer,
    /// etcd ↔ etcd.
    EtcdPeer,
    /// etcd's health check client.
    EtcdHealthcheckClient,
    /// The key that signs service account tokens (`sa.key`).
    ServiceAccountKey,
    /// The key that verifies service account tokens (`sa.pub`).
    ServiceAccountPublicKey,
    /// The administrator (`admin.conf`, `k3s.yaml`).
    Admin,
    /// The break-glass administrator (`super-admin.conf`).
    SuperAdmin,
    /// kube-controller-manager as client.
    ControllerManager,
    /// kube-scheduler as client.
    Scheduler,
    /// A cloud controller manager as client.
    CloudControllerManager,
    /// kube-proxy as client.
    KubeProxy,
    /// The kubelet as client (`kubelet.conf`, `kubelet-client-current.pem`).
    Kubelet,
    /// The kubelet's serving certificate (`kubelet.crt`, `kubelet-server-current.pem`).
    KubeletServing,
    /// The kubelet's first credential (`bootstrap-kubelet.conf`).
    BootstrapKubelet,
    /// kube-controller-manager's serving certificate.
    ControllerManagerServing,
    /// kube-scheduler's serving certificate.
    SchedulerServing,
    /// The supervisor of k3s and RKE2, and its other clients.
    Supervisor,
    /// The Kubernetes dashboard's serving certificate (ACK).
    Dashboard,
    /// Istio's signing CA (`ca-cert.pem`).
    IstioCa,
    /// The root that Istio hands to its workloads (`root-cert.pem`).
    IstioRoot,
    /// The chain from Istio's signing CA up to its root (`cert-chain.pem` in `cacerts`).
    IstioCaChain,
    /// A workload's certificate.
    IstioWorkload,
}

impl Role {
    /// The word of the JSON output and of tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterCa => "ca",
            Self::ClientCa => "client-ca",
            Self::ServerCa => "server-ca",
            Self::FrontProxyCa => "front-proxy-ca",
            Self::EtcdCa => "etcd-ca",
            Self::EtcdPeerCa => "etcd-peer-ca",
            Self::Apiserver => "apiserver",
            Self::ApiserverSni => "apiserver-sni",
            Self::ApiserverKubeletClient => "apiserver-kubelet-client",
            Self::ApiserverEtcdClient => "apiserver-etcd-client",
            Self::FrontProxyClient => "front-proxy-client",
            Self::EtcdServer => "etcd-server",
            Self::EtcdPeer => "etcd-peer",
            Self::EtcdHealthcheckClient => "etcd-healthcheck-client",
            Self::ServiceAccountKey => "sa-key",
            Self::ServiceAccountPublicKey => "sa-pub",
            Self::Admin => "admin",
            Self::SuperAdmin => "super-admin",
            Self::ControllerManager => "controller-manager",
            Self::Scheduler => "scheduler",
            Self::CloudControllerManager => "cloud-controller-manager",
            Self::KubeProxy => "kube-proxy",
            Self::Kubelet => "kubelet",
            Self::KubeletServing => "kubelet-serving",
            Self::BootstrapKubelet => "bootstrap-kubelet",
            Self::ControllerManagerServing => "controller-manager-serving",
            Self::SchedulerServing => "scheduler-serving",
            Self::Supervisor => "supervisor",
            Self::Dashboard => "dashboard",
            Self::IstioCa => "istio-ca",
            Self::IstioRoot => "istio-root",
            Self::IstioCaChain => "istio-ca-chain",
            Self::IstioWorkload => "istio-workload",
        }
    }

    /// Whether the job is to sign other certificates.
    #[must_use]
    pub fn is_ca(self) -> bool {
        matches!(
            self,
            Self::ClusterCa
                | Self::ClientCa
                | Self::ServerCa
                | Self::FrontProxyCa
                | Self::EtcdCa
                | Self::EtcdPeerCa
                | Self::IstioCa
                | Self::IstioRoot
        )
    }
}

/// Who laid out the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Distribution {
    /// kubeadm, and what is built on it (kind, Cluster API).
    Kubeadm,
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// MicroK8s.
    MicroK8s,
    /// minikube.
    Minikube,
    /// Alibaba Cloud ACK, dedicated clusters.
    AckDedicated,
    /// Istio's mounts in a pod.
    Istio,
}

impl Distribution {
    /// The name as its makers write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubeadm => "kubeadm",
            Self::K3s => "k3s",
            Self::Rke2 => "RKE2",
            Self::MicroK8s => "MicroK8s",
            Self::Minikube => "minikube",
            Self::AckDedicated => "ACK dedicated",
            Self::Istio => "Istio",
        }
    }
}
