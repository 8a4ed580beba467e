//! What ended, and what has not begun.

use super::REFUSED_A_CLIENT;
use crate::explain::kind::{Kind, Rank, Refuser};
use crate::explain::scene::End;
use crate::model::Code;

/// An expiry in the words of Go, OpenSSL, BoringSSL, Java and rustls.
const EXPIRED: &[&str] = &[
    "certificate has expired",
    "certificate is expired",
    "certificateexpiredexception",
    "invalid peer certificate: expired",
    "invalid peer certificate: certexpired",
    "invalidcertificate(expired)",
    "verify return code: 10 ",
    "error:num=10:",
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        id: "not-yet-valid",
        any: &[
            "is not yet valid",
            "certificatenotyetvalidexception",
            "invalid peer certificate: notvalidyet",
            "invalid peer certificate: certificate not valid yet",
            "invalidcertificate(notvalidyet)",
            "error:num=9:",
        ],
        also: &[&[
            " is before ",
            "certificate is not yet valid",
            "certificatenotyetvalidexception",
            "notvalidyet",
            "not valid yet",
            "error:num=9:",
        ]],
        never: &[],
        cause: "A certificate is not valid yet by the clock of who refused it: one of the clocks is wrong, or it was made a moment ago",
        refuser: Refuser::Writer,
        code: Some(Code::NotYetValid),
        family: &[Code::ClockSkew],
        look: &["kcert probe tls {endpoint}", "kcert probe apiserver"],
        act: &[
            "Compare the clocks of both ends with a time server (chronyc tracking, timedatectl): who refused lags, or who made the \
             certificate runs ahead",
            "A difference of whole hours is a clock set in local time",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &[
            "https://github.com/kubernetes/kubernetes/issues/76714",
            "https://github.com/istio/istio/issues/25108",
            "Go crypto/x509/verify.go",
        ],
        examples: &[
            "Unable to connect to the server: x509: certificate has expired or is not yet valid: current time 2021-03-04T10:11:12Z is before 2021-03-04T10:18:40Z",
            "couldn't validate the identity of the API Server: Get \"https://10.0.0.1:6443/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s\": x509: certificate has expired or is not yet valid: current time 2020-04-17T10:30:14+08:00 is before 2020-04-17T05:55:26Z",
            "verify error:num=9:certificate is not yet valid",
            "java.security.cert.CertificateNotYetValidException: NotBefore: Tue Mar 02 10:00:00 UTC 2021",
            "error trying to connect: invalid peer certificate: NotValidYet",
        ],
    },
    Kind {
        id: "loopback-expired",
        any: EXPIRED,
        also: &[&["https://localhost:", "https://[::1]:", "https://127.0.0.1:", "apiserver-loopback-client"]],
        never: &[
            "kubelet",
            "kube-controller-manager",
            "kube-scheduler",
            "unable to connect to the server",
            ":2379",
            ":2380",
            ":10250",
            ":10257",
            ":10259",
            "failed calling",
            "kubeadm",
            "unable to authenticate",
            "cluster unreachable",
        ],
        cause: "The API server no longer trusts itself: the certificate for its calls to itself is made in memory at its start, stands in no \
                file, is never renewed, and has ended (after a year up to Kubernetes 1.32, after three since 1.33)",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::LoopbackExpired),
        family: &[Code::LoopbackExpiring],
        look: &["kcert probe loopback {endpoint}", "kcert probe loopback"],
        act: &[
            "Restart this kube-apiserver: crictl pods --name kube-apiserver -q | xargs crictl stopp (docker: docker ps -q --filter \
             name=k8s_kube-apiserver | xargs docker restart); renewing files does not help",
            "Then the other API servers, one at a time: those started on the same day end on the same day",
        ],
        rank: Rank::Root,
        follows: &[],
        cites: &[
            "https://github.com/kubernetes/kubernetes/issues/86552",
            "https://github.com/kubernetes/kubernetes/pull/136477",
            "k8s.io/apiserver pkg/server/options/serving_with_loopback.go",
        ],
        examples: &[
            "E1121 19:00:43.754023   19319 reflector.go:138] k8s.io/client-go/informers/factory.go:134: Failed to watch *v1.Secret: failed to list *v1.Secret: Get \"https://127.0.0.1:18443/api/v1/secrets?resourceVersion=307\": x509: certificate has expired or is not yet valid: current time 2026-11-21T19:00:43Z is after 2026-11-21T19:00:31Z",
            "E1223 12:27:07.483210       1 reflector.go:125] k8s.io/client-go/informers/factory.go:133: Failed to list *v1.Namespace: Get https://localhost:6443/api/v1/namespaces?limit=500&resourceVersion=0: x509: certificate has expired or is not yet valid",
            "E0301 01:02:03.000004       1 controller.go:152] Unable to perform initial Kubernetes service initialization: Get \"https://[::1]:6443/api/v1/namespaces/default/services/kubernetes\": x509: certificate has expired or is not yet valid: current time 2022-03-01T01:02:03Z is after 2022-02-28T22:10:01Z",
            "Error from server: Get \"https://127.0.0.1:18443/api/v1/namespaces/probe-11771/resourcequotas\": x509: certificate has expired or is not yet valid: current time 2026-11-21T19:00:44Z is after 2026-11-21T19:00:31Z",
        ],
    },
    Kind {
        id: "client-expired",
        any: EXPIRED,
        also: &[REFUSED_A_CLIENT],
        never: &[],
        cause: "A client came with an expired certificate, and the server refused it",
        refuser: Refuser::Always(End::Server),
        code: Some(Code::Expired),
        family: &[Code::ClientUntrusted, Code::StaleCopy, Code::KubeletConfEmbedded, Code::CaExpiring],
        look: &["kcert check --root / --warn 30d", "kcert inspect kubeconfig"],
        act: &[
            "Find the client by the address or the serial: kubelets, controllers, ~/.kube/config and CI copies of admin.conf",
            "Renew its certificate (kubeadm certs renew NAME; the kubelet's by its own rotation) and restart what holds the old one",
        ],
        rank: Rank::Refusal,
        follows: &["loopback-expired"],
        cites: &[
            "https://github.com/kubernetes/kubernetes/issues/86552",
            "k8s.io/apiserver pkg/authentication/request/x509/x509.go",
        ],
        examples: &[
            "E1223 12:27:07.308665       1 authentication.go:65] Unable to authenticate the request due to an error: [x509: certificate has expired or is not yet valid, x509: certificate has expired or is not yet valid]",
            "E0413 06:45:01.000001       1 authentication.go:73] \"Unable to authenticate the request\" err=\"[x509: certificate has expired or is not yet valid: current time 2023-04-13T06:45:01Z is after 2023-04-12T09:24:08Z, verifying certificate SN=5912348861234567890, SKID=, AKID=1A:2B:3C failed: x509: certificate has expired or is not yet valid: current time 2023-04-13T06:45:01Z is after 2023-04-12T09:24:08Z]\"",
            "I0413 06:45:01.000001       1 log.go:198] http: TLS handshake error from 10.0.0.7:33412: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-01-01T00:00:01Z is after 2023-12-31T10:00:00Z",
        ],
    },
    Kind {
        id: "webhook-expired",
        any: EXPIRED,
        also: &[&["failed calling webhook", "failed calling admission webhook", "conversion webhook for"]],
        never: &[],
        cause: "A webhook serves an expired certificate, and the API server refuses to call it",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::Expired),
        family: &[Code::CabundleStale, Code::ServedDiffers, Code::CaExpiring],
        look: &[
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,crd -o yaml | kcert check -",
            "kubectl -n {namespace} get secret -o yaml | kcert check -",
        ],
        act: &[
            "Renew the certificate behind {service} (cert-manager: cmctl renew; else the operator's own way), restart the webhook's pods",
            "If its CA is new too, the caBundle must follow",
            "Until then failurePolicy decides: Fail blocks the objects that it watches",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["k8s.io/apiserver pkg/admission/plugin/webhook/errors/statuserror.go"],
        examples: &[
            "Error from server (InternalError): error when creating \"x.yaml\": Internal error occurred: failed calling webhook \"policy.example.com\": Post \"https://policy.security.svc:443/validate?timeout=10s\": x509: certificate has expired or is not yet valid: current time 2023-02-01T08:00:00Z is after 2023-01-31T00:00:00Z",
            "W0101 dispatcher.go:140] Failed calling webhook, failing closed: failed calling admission webhook \"x.y.z\": Post https://x.y.svc:443/?timeout=30s: x509: certificate has expired or is not yet valid",
            "conversion webhook for cert-manager.io/v1alpha2, Kind=Certificate failed: Post \"https://cert-manager-webhook.cert-manager.svc:443/convert?timeout=30s\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-02-01T08:00:00Z is after 2024-01-31T00:00:00Z",
        ],
    },
    Kind {
        id: "expired",
        any: EXPIRED,
        also: &[],
        never: &[],
        cause: "The certificate that was presented, or a CA above it, has expired",
        refuser: Refuser::Writer,
        code: Some(Code::Expired),
        family: &[Code::CaExpiring, Code::IssuerExpiresFirst, Code::ServedDiffers, Code::StaleCopy],
        look: &["kcert probe tls {endpoint}", "kcert check --root / --warn 30d"],
        act: &[
            "The served one has expired: renew it (kubeadm certs renew NAME on that node) and restart what serves it",
            "The file is valid and the served one is not: the process was not restarted since",
            "The CA has expired: that comes first, and everything that it signed and everybody who trusts it follows",
            "The date that it ended has not come yet: the clock of who refused runs ahead",
        ],
        rank: Rank::Refusal,
        follows: &["loopback-expired", "istio-ca-invalid"],
        cites: &[
            "https://github.com/kubernetes/kubeadm/issues/1119",
            "https://github.com/rancher/rke2/issues/6983",
            "Go crypto/x509/verify.go; OpenSSL X509_V_ERR_CERT_HAS_EXPIRED; rustls CertificateError::Expired",
        ],
        examples: &[
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-10-10T12:00:00Z is after 2024-09-30T18:14:03Z",
            "curl: (60) SSL certificate problem: certificate has expired",
            "verify error:num=10:certificate has expired",
            "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:Verify return code: 10 (certificate has expired)",
            "error trying to connect: invalid peer certificate: Expired",
            "Caused by: java.security.cert.CertificateExpiredException: NotAfter: Sat Jan 02 10:00:00 UTC 2021",
            "E0101 10:00:00.000000    1234 kubelet_node_status.go:92] Unable to register node \"w1\" with API server: Post \"https://127.0.0.1:6443/api/v1/nodes\": x509: certificate has expired or is not yet valid: current time 2022-01-01T10:00:00Z is after 2021-12-31T10:00:00Z",
            "Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:6443/version?timeout=32s\": x509: certificate has expired or is not yet valid",
        ],
    },
];
