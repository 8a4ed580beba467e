//! Who signed it: chains that end nowhere, or at a namesake.

use super::REFUSED_A_CLIENT;
use crate::explain::kind::{Kind, Rank, Refuser};
use crate::explain::scene::End;
use crate::model::Code;

/// Go's words.
const UNKNOWN: &[&str] = &["certificate signed by unknown authority"];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        id: "client-unknown-authority",
        any: UNKNOWN,
        also: &[REFUSED_A_CLIENT],
        never: &[],
        cause: "A client came with a certificate whose CA the server does not trust for clients",
        refuser: Refuser::Always(End::Server),
        code: Some(Code::ClientUntrusted),
        family: &[Code::StaleCopy, Code::FrontProxyUntrusted, Code::Untrusted, Code::IssuerMissing],
        look: &["kcert preflight --root /", "kcert inspect kubeconfig"],
        act: &[
            "Find the client by its address or the serial; its kubeconfig or certificate was signed by another CA (another cluster, or the \
             CA before it was made anew)",
            "After a CA change the server's --client-ca-file must hold old and new CA until every client has a new certificate",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &[
            "https://github.com/kubernetes/kubernetes/issues/112706",
            "k8s.io/apiserver pkg/authentication/request/x509/x509.go",
        ],
        examples: &[
            "E0102 03:04:05.678901       1 authentication.go:65] Unable to authenticate the request due to an error: [x509: certificate signed by unknown authority, x509: certificate signed by unknown authority]",
            "E0102 03:04:05.678901       1 authentication.go:73] \"Unable to authenticate the request\" err=\"verifying certificate SN=1234567, SKID=, AKID=8A:9B failed: x509: certificate signed by unknown authority (possibly because of \\\"crypto/rsa: verification error\\\" while trying to verify candidate authority certificate \\\"kubernetes\\\")\"",
            "2021-05-04 10:00:00.000000 I | embed: rejected connection from \"10.0.0.12:49320\" (error \"tls: failed to verify client's certificate: x509: certificate signed by unknown authority\", ServerName \"etcd\")",
        ],
    },
    Kind {
        id: "webhook-unknown-authority",
        any: UNKNOWN,
        also: &[&["failed calling webhook", "failed calling admission webhook", "conversion webhook for"]],
        never: &[],
        cause: "The webhook's caBundle does not hold the CA that signed what the webhook serves",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::CabundleStale),
        family: &[Code::CabundleEmpty, Code::IstioRootStale, Code::Untrusted],
        look: &[
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,crd -o yaml | kcert check -",
            "kubectl -n {namespace} get secret -o yaml | kcert chain -",
        ],
        act: &[
            "Write the CA of {service} into the caBundle (cert-manager: annotation cert-manager.io/inject-ca-from; Istio: restart istiod, \
             which patches it)",
            "An empty caBundle means the system's roots, which never signed a service name",
        ],
        rank: Rank::Refusal,
        follows: &["istio-ca-invalid"],
        cites: &[
            "https://github.com/kubescape/helm-charts/issues/819",
            "k8s.io/apiserver pkg/admission/plugin/webhook/errors/statuserror.go",
        ],
        examples: &[
            "Error from server (InternalError): error when creating \"a.yaml\": Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://cert-manager-webhook.cert-manager.svc:443/mutate?timeout=10s\": x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\" while trying to verify candidate authority certificate \"cert-manager-webhook-ca\")",
            "failed calling admission webhook \"validate.x.io\": Post https://x.y.svc:443/?timeout=30s: x509: certificate signed by unknown authority",
        ],
    },
    Kind {
        id: "extension-unknown-authority",
        any: UNKNOWN,
        also: &[&["failing or missing response from", "apiservice"]],
        never: &[],
        cause: "The APIService's caBundle does not hold the CA that signed what its server serves",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::CabundleStale),
        family: &[Code::CabundleEmpty, Code::Untrusted, Code::FrontProxyUntrusted],
        look: &["kubectl get apiservices -o yaml | kcert check -"],
        act: &["Write the CA of {service} into spec.caBundle of the APIService; insecureSkipTLSVerify only hides it"],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["kube-aggregator pkg/controllers/status/available_controller.go"],
        examples: &[
            "E0102 03:04:05.678901       1 available_controller.go:420] v1beta1.metrics.k8s.io failed with: failing or missing response from https://10.96.12.34:443/apis/metrics.k8s.io/v1beta1: Get \"https://10.96.12.34:443/apis/metrics.k8s.io/v1beta1\": x509: certificate signed by unknown authority",
            "APIService v1beta1.custom.metrics.k8s.io not available: failing or missing response from https://10.0.0.1:6443/apis: bad status: x509: certificate signed by unknown authority",
        ],
    },
    Kind {
        id: "namesake-authority",
        any: UNKNOWN,
        also: &[&["candidate authority certificate"]],
        never: &[],
        cause: "A CA of the right name is trusted, but its key did not sign this certificate: the CA was made anew, or it is that of another \
                cluster (kubeadm names all of them alike)",
        refuser: Refuser::Writer,
        code: Some(Code::Untrusted),
        family: &[
            Code::CaDoesNotSignServer,
            Code::IssuerMissing,
            Code::RootCaConfigmapStale,
            Code::StaleCopy,
            Code::ClusterInfoCaStale,
        ],
        look: &["kcert probe tls {endpoint} --trust CA.crt", "kcert inspect kubeconfig", "kcert probe apiserver"],
        act: &[
            "Take the CA from where the server's certificate was made (on a control-plane node /etc/kubernetes/pki/ca.crt) and replace the \
             old one in the kubeconfig or bundle",
            "After kubeadm reset and init: copy admin.conf to ~/.kube/config again, join the nodes again",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["https://github.com/kubernetes/kubeadm/issues/2027", "Go crypto/x509/verify.go, UnknownAuthorityError"],
        examples: &[
            "Unable to connect to the server: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"kubernetes\")",
            "E0304 10:11:12.131415    1234 reflector.go:178] kubelet.go:517: Failed to list *v1.Service: Get \"https://10.0.0.1:6443/api/v1/services\": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\" while trying to verify candidate authority certificate \"kubernetes\")",
        ],
    },
    Kind {
        id: "unknown-authority",
        any: &[
            "certificate signed by unknown authority",
            "unknownissuer",
            "pkix path building failed",
            "unable to find valid certification path",
            "unable to get local issuer certificate",
            "unable to get issuer certificate",
            "unable to verify the first certificate",
            "unable_to_verify_leaf_signature",
            "error:num=20:",
            "error:num=21:",
            "error:num=2:",
            "path does not chain with any of the trust anchors",
        ],
        also: &[],
        never: &[],
        cause: "Nobody whom the verifier trusts signed the certificate: its CA is not in the trust file, or the server does not send the \
                intermediate between the two",
        refuser: Refuser::Writer,
        code: Some(Code::Untrusted),
        family: &[
            Code::IssuerMissing,
            Code::CaDoesNotSignServer,
            Code::EmptyBundle,
            Code::CabundleStale,
            Code::RootCaConfigmapStale,
        ],
        look: &["kcert probe tls {endpoint} --trust CA.crt", "kcert chain {file} CA.crt"],
        act: &[
            "Give the verifier the CA (kubeconfig: certificate-authority-data; curl: --cacert; Java: keytool -importcert; system: \
             update-ca-certificates)",
            "kcert probe shows what is served: without the intermediate in it, append that to the server's certificate file",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &[
            "https://github.com/kube-rs/kube/issues/1106",
            "https://github.com/aptakube/aptakube/issues/445",
            "Go crypto/x509/verify.go; OpenSSL X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY; rustls CertificateError::UnknownIssuer",
        ],
        examples: &[
            "Unable to connect to the server: x509: certificate signed by unknown authority",
            "Error response from daemon: Get \"https://registry.example:5000/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "curl: (60) SSL certificate problem: unable to get local issuer certificate",
            "error:1416F086:SSL routines:tls_process_server_certificate:certificate verify failed:ssl/statem/statem_clnt.c:1921:: unable to get local issuer certificate",
            "verify error:num=20:unable to get local issuer certificate",
            "verify error:num=21:unable to verify the first certificate",
            "client error (Connect), invalid peer certificate: UnknownIssuer",
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target",
            "requests.exceptions.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1007)",
        ],
    },
    Kind {
        id: "self-signed",
        any: &[
            "self signed certificate",
            "self-signed certificate",
            "depth_zero_self_signed_cert",
            "self_signed_cert_in_chain",
            "error:num=18:",
            "error:num=19:",
        ],
        also: &[],
        never: &[],
        cause: "The server presents a certificate that signed itself, or a root that the verifier does not trust",
        refuser: Refuser::Writer,
        code: Some(Code::Untrusted),
        family: &[Code::IssuerMissing, Code::CaDoesNotSignServer],
        look: &["kcert probe tls {endpoint} --trust CA.crt"],
        act: &[
            "In the chain (error 19): trust that root, if it is the one that you expect",
            "By itself (error 18): the server made its own certificate (a default, a kubelet without serverTLSBootstrap, a captive proxy); \
             give it one of your CA",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &[
            "https://docs.openssl.org/master/man1/openssl-verification-options/",
            "OpenSSL X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
        ],
        examples: &[
            "curl: (60) SSL certificate problem: self signed certificate in certificate chain",
            "verify error:num=18:self signed certificate",
            "verify error:num=19:self-signed certificate in certificate chain",
            "    Verify return code: 18 (self-signed certificate)",
        ],
    },
    Kind {
        id: "not-a-ca",
        any: &[
            "invalid ca certificate",
            "causedasendentity",
            "parent certificate cannot sign this kind",
            "error:num=24:",
            "issuer name does not match subject from issuing",
            "too many intermediates for path length constraint",
        ],
        also: &[],
        never: &[],
        cause: "A certificate stands in the place of a CA that may not sign, or a CA in the place of a server's own certificate",
        refuser: Refuser::Writer,
        code: Some(Code::NotACa),
        family: &[Code::PathTooLong, Code::BundleOrder],
        look: &["kcert chain {file}", "kcert probe tls {endpoint}"],
        act: &["Issue the CA with basicConstraints CA:TRUE and keyCertSign, and servers' certificates without"],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["https://github.com/kube-rs/kube/issues/1767", "rustls CertificateError; OpenSSL X509_V_ERR_INVALID_CA"],
        examples: &[
            "verify error:num=24:invalid CA certificate",
            "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
        ],
    },
    Kind {
        id: "envoy-verify-failed",
        any: &["certificate_verify_failed", "268435581"],
        also: &[&["openssl_internal", "tls error", "tls_error", "268435581"]],
        never: &[],
        cause: "Envoy refused the other end's certificate; the reason (chain, dates, or a SAN that is not the expected SPIFFE id) stands in \
                its debug log only",
        refuser: Refuser::Writer,
        code: Some(Code::Untrusted),
        family: &[Code::IstioRootStale, Code::Expired, Code::IstioTrustDomain, Code::NameMismatch, Code::IstioLeafOutlivesCa],
        look: &[
            "istioctl proxy-config secret POD -o json | kcert inspect istio -",
            "kubectl get configmap,secret -A -o yaml | kcert preflight -",
        ],
        act: &[
            "Compare the ROOTCA of both pods: after a root change one of them still has the old one; restart it",
            "Look at the dates, then at the SANs that the DestinationRule or trust domain expects",
        ],
        rank: Rank::Refusal,
        follows: &["istio-ca-invalid"],
        cites: &[
            "https://github.com/istio/istio/issues/26349",
            "https://github.com/envoyproxy/envoy/issues/32940",
            "https://github.com/envoyproxy/envoy/issues/17484",
        ],
        examples: &[
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            "2020-08-11T04:09:52.229257Z\tdebug\tenvoy connection\t[external/envoy/source/extensions/transport_sockets/tls/ssl_socket.cc:226] [C321] TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            "transport failure reason: TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end",
        ],
    },
    Kind {
        id: "verify-failed",
        any: &["certificate verify failed", "error:0a000086", "error:1416f086", "error:14090086", "ssl certificate problem"],
        also: &[],
        never: &[],
        cause: "OpenSSL refused the server's certificate, and the line does not say why",
        refuser: Refuser::Writer,
        code: Some(Code::Untrusted),
        family: &[Code::IssuerMissing, Code::Expired, Code::NameMismatch, Code::CaDoesNotSignServer],
        look: &["kcert probe tls {endpoint} --trust CA.crt --as openssl"],
        act: &[
            "kcert probe shows chain, dates and names; the usual reasons are a missing CA, a missing intermediate, and expiry",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["https://github.com/kube-rs/kube/issues/1106", "OpenSSL SSL_R_CERTIFICATE_VERIFY_FAILED (134 = 0x86)"],
        examples: &[
            "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:",
            "ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:852)",
            "SSL_connect returned=1 errno=0 state=error: certificate verify failed",
        ],
    },
];
