//! The kubelet's own certificates.

use crate::explain::kind::{Kind, Rank, Refuser};
use crate::model::Code;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        id: "kubelet-client-expired",
        any: &["existing bootstrap client certificate", "unable to load bootstrap kubeconfig"],
        also: &[],
        never: &[],
        cause: "The kubelet's client certificate has expired, and there is no bootstrap kubeconfig to get another with",
        refuser: Refuser::Writer,
        code: Some(Code::Expired),
        family: &[Code::KubeletConfEmbedded, Code::StaleCopy, Code::CsrPending, Code::TokenExpired],
        look: &["kcert inspect pki --root /", "kcert check --root / --warn 30d"],
        act: &[
            "kubelet.conf names kubelet-client-current.pem and that one is valid: point client-certificate and client-key at it, restart \
             the kubelet",
            "Else, on a control-plane node: kubeadm kubeconfig user --org system:nodes --client-name system:node:NODE > kubelet.conf, \
             copy it to /etc/kubernetes/kubelet.conf of the node, remove kubelet-client-*, restart the kubelet",
        ],
        rank: Rank::Root,
        follows: &[],
        cites: &[
            "https://github.com/kubernetes/kubernetes/issues/65991",
            "https://github.com/kubernetes/kubernetes/pull/98230",
            "https://github.com/kubernetes/kubeadm/issues/2054",
            "kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go",
        ],
        examples: &[
            "bootstrap.go:204] Part of the existing bootstrap client certificate is expired: 2018-07-06 12:32:00 +0000 UTC",
            "E0517 10:23:23.994527    3081 bootstrap.go:265] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2022-05-17 04:45:09 +0000 UTC",
            "Jul 13 12:37:13 localhost.localdomain kubelet[30147]: F0713 12:37:13.644415   30147 server.go:273] failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory",
        ],
    },
    Kind {
        id: "kubelet-rotation",
        any: &[
            "certificate rotation",
            "failed while requesting a signed certificate",
            "certificate request was not signed",
            "csr was not signed",
            "reached backoff limit, still unable to rotate certs",
        ],
        also: &[&["kubelet", "certificate_manager", "control plane", "master", "signed", "rotat"]],
        never: &["certificate rotation is enabled", "starting client certificate rotation", "certificate rotation enabled"],
        cause: "The kubelet asked for a new certificate and got none: the request was refused, not approved, or not signed in time",
        refuser: Refuser::Peer,
        code: Some(Code::CsrPending),
        family: &[Code::Expired, Code::Expiring, Code::ExternalCa, Code::ClientUntrusted],
        look: &["kubectl get csr -o yaml | kcert inspect -", "kcert inspect pki --root /"],
        act: &[
            "Serving certificates are approved by nobody on their own: kubectl certificate approve NAME, or an approver",
            "Approved and not signed: kube-controller-manager needs the CA key (--cluster-signing-cert-file, --cluster-signing-key-file)",
            "Unauthorized: the present client certificate is refused already; see kubelet-client-expired",
        ],
        rank: Rank::Refusal,
        follows: &["kubelet-client-expired", "client-expired", "loopback-expired"],
        cites: &["https://github.com/kubernetes/kubernetes/issues/78758", "client-go util/certificate/certificate_manager.go"],
        examples: &[
            "E0306 09:14:03.512341    1023 certificate_manager.go:434] Failed while requesting a signed certificate from the master: cannot create certificate signing request: Unauthorized",
            "E0102 03:04:05.678901    1511 certificate_manager.go:471] kubernetes.io/kubelet-serving: certificate request was not signed: timed out waiting for the condition",
            "kubelet[812]: E0911 07:02:11.000000     812 certificate_manager.go:562] kubernetes.io/kube-apiserver-client-kubelet: certificate rotation failed: rpc error",
            "E0102 03:04:05.678901    1511 certificate_manager.go:366] Reached backoff limit, still unable to rotate certs: timed out waiting for the condition",
        ],
    },
    Kind {
        id: "kubelet-no-serving-certificate",
        any: &["no serving certificate available for the kubelet", "remote error: tls: internal error"],
        also: &[],
        never: &[],
        cause: "The kubelet has no serving certificate to present: with serverTLSBootstrap it waits for its request to be approved",
        refuser: Refuser::Nobody,
        code: Some(Code::CsrPending),
        family: &[Code::Unreachable],
        look: &["kubectl get csr -o yaml | kcert inspect -", "kcert probe tls {endpoint}"],
        act: &[
            "kubectl get csr; kubectl certificate approve NAME for those of signer kubernetes.io/kubelet-serving that are yours",
        ],
        rank: Rank::Refusal,
        follows: &["kubelet-rotation"],
        cites: &["https://github.com/kubernetes/kubeadm/issues/1602", "kubernetes pkg/kubelet/certificate/kubelet.go"],
        examples: &[
            "I0811 10:01:22.311521    2201 log.go:184] http: TLS handshake error from 10.0.0.11:41766: no serving certificate available for the kubelet",
            "Error from server: Get \"https://10.0.0.21:10250/containerLogs/kube-system/coredns-66bff467f8-8z6vx/coredns\": remote error: tls: internal error",
        ],
    },
];
