//! Istio's own: its CA, and the webhooks that it serves.

use crate::explain::kind::{Kind, Rank, Refuser};
use crate::explain::scene::End;
use crate::model::Code;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        id: "istio-ca-invalid",
        any: &["cannot verify the cert with the provided root chain and cert pool", "failed to create ca keycertbundle"],
        also: &[],
        never: &["does not match"],
        cause: "Istio's CA refuses its own certificate: it has expired, or its chain and root do not belong together \
                (istio-ca-secret of a self-signed CA ends after a year up to Istio 1.1, after ten years later)",
        refuser: Refuser::Writer,
        code: Some(Code::IstioCaBundleInvalid),
        family: &[Code::Expired, Code::CaExpiring, Code::IstioRootStale, Code::IstioLeafOutlivesCa, Code::Untrusted],
        look: &["kubectl -n istio-system get secret istio-ca-secret cacerts --ignore-not-found -o yaml | kcert inspect istio -"],
        act: &[
            "Expired and self-signed: renew the root with the same key (Istio's root-transition.sh), or delete istio-ca-secret and \
             restart istiod (Citadel), then every workload, gateway and webhook",
            "Plugged in (cacerts): ca-cert.pem, cert-chain.pem and root-cert.pem must be one path; write all four files anew and restart \
             istiod",
        ],
        rank: Rank::Root,
        follows: &[],
        cites: &[
            "https://github.com/istio/istio/issues/14516",
            "https://github.com/istio/istio/issues/46855",
            "istio security/pkg/pki/util/keycertbundle.go",
        ],
        examples: &[
            "2019-06-02T16:52:29.309612Z\terror\tFailed to create an Citadel (error: cannot verify the cert with the provided root chain and cert pool)",
            "Error: failed to create discovery service: failed to create CA: failed to create an istiod CA: failed to create CA KeyCertBundle (cannot verify the cert with the provided root chain and cert pool with error: x509: certificate has expired or is not yet valid: current time 2023-09-06T10:00:00Z is after 2023-09-01T00:00:00Z)",
        ],
    },
    Kind {
        id: "istio-ca-cannot-sign",
        any: &["certificate is not authorized to sign other certificates"],
        also: &[],
        never: &[],
        cause: "A certificate that is to sign others is no CA: basic constraints or the key usage keyCertSign are missing",
        refuser: Refuser::Writer,
        code: Some(Code::NotACa),
        family: &[Code::IstioCaBundleInvalid, Code::UsageWrong],
        look: &["kubectl -n istio-system get secret cacerts -o yaml | kcert inspect istio -", "kcert chain {file}"],
        act: &["Issue the intermediate again with CA:TRUE and keyCertSign, then write cacerts anew and restart istiod"],
        rank: Rank::Root,
        follows: &[],
        cites: &["https://github.com/istio/istio/issues/16337", "https://github.com/istio/istio/issues/27800"],
        examples: &[
            "2019-08-16T05:18:29.134411Z error   Failed to create an Citadel (error: certificate is not authorized to sign other certificates)",
            "Error: failed to create discovery service: enableCA: failed to create an Citadel: certificate is not authorized to sign other certificates",
            "x509: certificate is not authorized to sign other certificates",
        ],
    },
    Kind {
        id: "istio-webhook-expired",
        any: &["certificate has expired or is not yet valid", "certificate has expired"],
        also: &[
            &["failed calling webhook", "failed calling admission webhook"],
            &["istio-galley", "istio-sidecar-injector", "istiod", "istio-pilot", "istio.io"],
        ],
        never: &[" is before "],
        cause: "Istio's webhook serves an expired certificate: the process did not renew it, or the CA that signs it has expired",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::Expired),
        family: &[Code::CaExpiring, Code::CabundleStale, Code::IstioCaBundleInvalid, Code::IstioRootStale, Code::ServedDiffers],
        look: &[
            "kubectl -n istio-system get secret -o yaml | kcert inspect istio -",
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | kcert check -",
        ],
        act: &[
            "CA still valid: restart what serves {service} (kubectl -n istio-system rollout restart deployment), it takes a new certificate",
            "CA expired: renew istio-ca-secret first, restart the control plane, then look at the webhooks' caBundle",
        ],
        rank: Rank::Refusal,
        follows: &["istio-ca-invalid"],
        cites: &["https://github.com/istio/istio/issues/20478", "https://github.com/istio/istio/issues/17718"],
        examples: &[
            "Internal error occurred: failed calling webhook \"pilot.validation.istio.io\": Post https://istio-galley.istio-system.svc:443/admitpilot?timeout=30s: x509: certificate has expired or is not yet valid",
            "W0612 08:11:02.102938       1 dispatcher.go:142] Failed calling webhook, failing open: failed calling admission webhook \"sidecar-injector.istio.io\": Post https://istio-sidecar-injector.istio-system.svc:443/inject?timeout=30s: x509: certificate has expired or is not yet valid: current time 2020-06-12T08:11:02Z is after 2020-06-11T23:01:44Z",
        ],
    },
];
