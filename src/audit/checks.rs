//! CHECKS: one row for every finding code. The audit runs from it, `kcert checks` and the man page print from it.

use super::{Context, Findings, chain, dates, input, keys, kubeconfig};
use crate::model::Code;

/// What a code is about: the first column of the contract's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// When certificates begin and end.
    Dates,
    /// Keys and signatures.
    Keys,
    /// Who issued what, and bundles.
    Chain,
    /// Names in certificates.
    Names,
    /// What could not be read.
    Input,
    /// kubeconfigs.
    Kubeconfig,
    /// The control plane's own files.
    ControlPlane,
    /// Istio.
    Istio,
}

impl Area {
    /// The words for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dates => "dates",
            Self::Keys => "keys",
            Self::Chain => "chain",
            Self::Names => "names and usage",
            Self::Input => "input",
            Self::Kubeconfig => "kubeconfig",
            Self::ControlPlane => "control plane",
            Self::Istio => "Istio",
        }
    }
}

/// A row of the table.
pub struct Check {
    /// The code.
    pub code: Code,
    /// What it is about.
    pub area: Area,
    /// The severities it can have, in words.
    pub severity: &'static str,
    /// What the finding means.
    pub meaning: &'static str,
    /// What to do about it.
    pub action: &'static str,
    /// Where the rule comes from.
    pub cites: &'static [&'static str],
    /// Looks for it.
    pub(super) run: fn(&Context<'_>, &mut Findings),
}

/// The row of a code.
#[must_use]
pub fn check(code: Code) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.code == code)
}

/// Every check, in the order of the contract.
pub static CHECKS: &[Check] = &[
    Check {
        code: Code::Expired,
        area: Area::Dates,
        severity: "critical; info where nothing uses the certificate any more (a root beside its successor, the record of an old CSR)",
        meaning: "The certificate's notAfter lies in the past. Every verifier refuses it.",
        action: "Renew it, then restart or reload what serves it; a renewed file alone does not help a process that holds the old one.",
        cites: &["RFC 5280 section 4.1.2.5"],
        run: dates::expired,
    },
    Check {
        code: Code::Expiring,
        area: Area::Dates,
        severity: "warning or critical, by --warn and --crit",
        meaning: "The certificate ends soon.",
        action: "Renew it in the next maintenance window.",
        cites: &["RFC 5280 section 4.1.2.5"],
        run: dates::expiring,
    },
    Check {
        code: Code::NotYetValid,
        area: Area::Dates,
        severity: "critical",
        meaning: "The certificate's notBefore lies in the future: it was issued ahead of time, or a clock is wrong.",
        action: "Compare the clocks of the issuing host and this one; wait, or issue it again.",
        cites: &["RFC 5280 section 4.1.2.5", "kubernetes/kubernetes#76714", "kubernetes/kubernetes#118922"],
        run: dates::not_yet_valid,
    },
    Check {
        code: Code::IssuerExpiresFirst,
        area: Area::Dates,
        severity: "warning; critical once the issuer's end is near or past",
        meaning: "A certificate further up the best path ends before this one does. The date that counts is the earlier one.",
        action: "Renew the issuer first, then what it signed.",
        cites: &["RFC 5280 section 6.1.3 (a)(2)"],
        run: dates::issuer_expires_first,
    },
    Check {
        code: Code::OutlivesIssuer,
        area: Area::Dates,
        severity: "warning; critical once the issuer's end is near or past",
        meaning: "The certificate's notAfter is later than its direct issuer's. It stops being trusted when the issuer ends.",
        action: "Renew the issuing CA first; a CA renewed with the same name and key keeps its certificates alive.",
        cites: &["RFC 5280 section 6.1.3 (a)(2)", "kubernetes/kubeadm#1783", "kubernetes/kubernetes#126430"],
        run: dates::outlives_issuer,
    },
    Check {
        code: Code::KeyMismatch,
        area: Area::Keys,
        severity: "critical",
        meaning: "The private key beside a certificate belongs to another certificate. No server starts with the pair, no client logs in.",
        action: "Put the key back that the certificate was issued for, or issue a certificate for the key that is there.",
        cites: &["RFC 8446 section 4.4.3", "Go crypto/tls: private key does not match public key"],
        run: keys::mismatch,
    },
    Check {
        code: Code::KeyMissing,
        area: Area::Keys,
        severity: "warning; info where no key at all was given",
        meaning: "A certificate that is to be presented has no private key beside it.",
        action: "Restore the key, or issue certificate and key anew.",
        cites: &["kubernetes/kubernetes cmd/kubeadm/app/phases/certs"],
        run: keys::missing,
    },
    Check {
        code: Code::KeyExposed,
        area: Area::Keys,
        severity: "warning",
        meaning: "The mode of a file with a private key or token lets others on the host read it.",
        action: "chmod 600 FILE; if strangers log in there, issue the certificate anew with a new key.",
        cites: &["CIS Kubernetes Benchmark 1.1.21", "CIS Kubernetes Benchmark 1.1.13"],
        run: keys::exposed,
    },
    Check {
        code: Code::WeakKey,
        area: Area::Keys,
        severity: "warning; critical below 1024 bits; info for trust anchors",
        meaning: "The key is shorter than verifiers accept: RSA below 1024 bits is refused by Go 1.24 and later, below 2048 by rustls.",
        action: "Issue the certificate anew with RSA 2048 or ECDSA P-256.",
        cites: &["Go 1.24 release notes (rsa1024min)", "NIST SP 800-131A"],
        run: keys::weak,
    },
    Check {
        code: Code::WeakSignature,
        area: Area::Keys,
        severity: "warning (SHA-1), critical (MD5, MD2)",
        meaning: "The issuer signed with a broken digest. Go refuses SHA-1 since 1.18 (Kubernetes 1.24), MD5 since long.",
        action: "Issue the certificate anew with SHA-256.",
        cites: &["Go 1.18 release notes (x509sha1)", "kubernetes/kubernetes#110530", "kubernetes/kubernetes#125689"],
        run: keys::weak_signature,
    },
    Check {
        code: Code::IssuerMissing,
        area: Area::Chain,
        severity: "info; warning where a server would send a chain that lacks a known intermediate; unknown where there were too many candidates",
        meaning: "The certificate that signed this one is not where it is looked for.",
        action: "Add the CA or intermediate to the sources, or to the bundle that is served.",
        cites: &["RFC 8446 section 4.4.2", "RFC 5280 section 6.1"],
        run: chain::issuer_missing,
    },
    Check {
        code: Code::Untrusted,
        area: Area::Chain,
        severity: "critical",
        meaning: "The certificate is not signed by the CA that its users trust.",
        action: "Issue it again from that CA, or give its users a bundle that holds both CAs.",
        cites: &["RFC 5280 section 6.1", "kubernetes/kubeadm#2027"],
        run: chain::untrusted,
    },
    Check {
        code: Code::NotACa,
        area: Area::Chain,
        severity: "critical where it signed something or stands in a CA's own file, warning in a trust bundle, info for a self-signed one there",
        meaning: "A certificate that is used as CA does not say that it is one, or may not sign certificates.",
        action: "Trust the CA that signed it instead; issue CAs with basicConstraints CA:TRUE and keyUsage keyCertSign.",
        cites: &["RFC 5280 section 4.2.1.9", "RFC 5280 section 4.2.1.3", "kube-rs/kube#1767"],
        run: chain::not_a_ca,
    },
    Check {
        code: Code::PathTooLong,
        area: Area::Chain,
        severity: "critical",
        meaning: "A CA's pathLenConstraint allows fewer CAs below it than there are.",
        action: "Issue the certificate from a CA higher up, or the constraining CA without pathLenConstraint.",
        cites: &["RFC 5280 section 4.2.1.9"],
        run: chain::path_too_long,
    },
    Check {
        code: Code::BundleOrder,
        area: Area::Chain,
        severity: "warning",
        meaning: "A chain that is to be presented does not begin with the end-entity certificate and go on with its issuers in order.",
        action: "Write the end-entity certificate first, then each issuer after what it signed.",
        cites: &["RFC 8446 section 4.4.2", "Go crypto/tls: X509KeyPair takes the first certificate as the leaf"],
        run: chain::bundle_order,
    },
    Check {
        code: Code::BundleDuplicate,
        area: Area::Chain,
        severity: "info",
        meaning: "The same certificate stands in a bundle more than once.",
        action: "Remove the repetition; some readers refuse it.",
        cites: &["RFC 7468 section 5.1"],
        run: chain::bundle_duplicate,
    },
    Check {
        code: Code::SeveralCertificates,
        area: Area::Chain,
        severity: "warning",
        meaning: "A file holds several certificates where its reader takes exactly one, or just the first.",
        action: "Keep the signing CA alone in the file; put bundles into --client-ca-file and --root-ca-file.",
        cites: &["kubernetes/kubeadm#2628", "kubernetes/kubeadm#1350"],
        run: chain::several_certificates,
    },
    Check {
        code: Code::BundleTruncated,
        area: Area::Chain,
        severity: "unknown",
        meaning: "A PEM block is cut off: a copy that did not finish, or a paste that lost its end.",
        action: "Copy the file again from where it came.",
        cites: &["RFC 7468 section 2"],
        run: input::truncated,
    },
    Check {
        code: Code::SanMalformed,
        area: Area::Names,
        severity: "warning",
        meaning: "A subject alternative name is not what its kind requires. Some verifiers refuse the whole certificate for it.",
        action: "Issue the certificate again with names that are names.",
        cites: &["RFC 5280 section 4.2.1.6", "golang/go#75828", "kubernetes/kubernetes#134588"],
        run: chain::san_malformed,
    },
    Check {
        code: Code::Unreadable,
        area: Area::Input,
        severity: "unknown",
        meaning: "Something could not be opened or read.",
        action: "Run as a user who may read it, or correct the path.",
        cites: &[],
        run: input::unreadable,
    },
    Check {
        code: Code::Malformed,
        area: Area::Input,
        severity: "unknown; warning where it could be read all the same and others refuse it",
        meaning: "Something is not what it should be: PEM, base64, DER, JSON or YAML that does not decode.",
        action: "Look at the position named; copy the value again from where it came.",
        cites: &["RFC 7468", "RFC 5280 section 4.1", "istio/istio#22530"],
        run: input::malformed,
    },
    Check {
        code: Code::EmptyBundle,
        area: Area::Input,
        severity: "warning; critical where a private key stands in the certificate's place",
        meaning: "A place that should hold a certificate holds none.",
        action: "Put the certificate there, or remove the empty field.",
        cites: &[],
        run: input::empty,
    },
    Check {
        code: Code::CaDoesNotSignServer,
        area: Area::Kubeconfig,
        severity: "critical",
        meaning: "The CA that a kubeconfig carries did not sign the API server's certificate: x509: certificate signed by unknown authority.",
        action: "Put the cluster's present CA into certificate-authority-data.",
        cites: &["kubernetes/kubeadm#2027", "client-go tools/clientcmd"],
        run: kubeconfig::ca_does_not_sign_server,
    },
    Check {
        code: Code::SkipTlsVerify,
        area: Area::Kubeconfig,
        severity: "warning",
        meaning: "insecure-skip-tls-verify is on: whoever answers at that address receives the credentials.",
        action: "Remove insecure-skip-tls-verify and give certificate-authority-data; tls-server-name helps where only the name differs.",
        cites: &["client-go tools/clientcmd/api/v1"],
        run: kubeconfig::skip_tls_verify,
    },
    Check {
        code: Code::ClientUntrusted,
        area: Area::Kubeconfig,
        severity: "critical",
        meaning: "The client certificate is not signed by the CA that the API server takes clients from: it is answered with 401.",
        action: "Issue it from the CA in --client-ca-file, or add its CA to that bundle.",
        cites: &["kubernetes/apiserver pkg/authentication/request/x509"],
        run: kubeconfig::client_untrusted,
    },
    Check {
        code: Code::StaleCopy,
        area: Area::Kubeconfig,
        severity: "warning",
        meaning: "A kubeconfig was copied from another one that has been renewed since; the copy still has the old certificate.",
        action: "Copy it again.",
        cites: &["kubernetes/kubernetes#94175"],
        run: kubeconfig::stale_copy,
    },
    Check {
        code: Code::KubeletConfEmbedded,
        area: Area::Kubeconfig,
        severity: "info; warning where kubelet-client-current.pem exists",
        meaning: "kubelet.conf carries a certificate of its own instead of naming the one that the kubelet rotates: it goes stale, and the kubelet does not come back after a restart.",
        action: "Set client-certificate and client-key in kubelet.conf to /var/lib/kubelet/pki/kubelet-client-current.pem.",
        cites: &["kubernetes/kubeadm#1753", "kubernetes/kubeadm#1317", "kubernetes/kubernetes#71825"],
        run: kubeconfig::kubelet_conf_embedded,
    },
    Check {
        code: Code::TokenExpired,
        area: Area::Kubeconfig,
        severity: "critical in a kubeconfig, info elsewhere",
        meaning: "A bearer token says of itself that its time is over.",
        action: "Ask for a new one (kubectl create token SERVICEACCOUNT), or use a credential plugin.",
        cites: &["RFC 7519 section 4.1.4"],
        run: kubeconfig::token_expired,
    },
    Check {
        code: Code::ServiceAccountKeyMismatch,
        area: Area::ControlPlane,
        severity: "critical",
        meaning: "The key that signs service account tokens and the key that verifies them are not a pair.",
        action: "Give every control-plane node the same sa.key and sa.pub.",
        cites: &["kubernetes/kubernetes#110035", "kubernetes/kubernetes#72026"],
        run: keys::service_account,
    },
    Check {
        code: Code::FrontProxyUntrusted,
        area: Area::ControlPlane,
        severity: "critical",
        meaning: "The aggregation layer's client certificate is not signed by the CA that extension API servers trust.",
        action: "Issue front-proxy-client again from front-proxy-ca.",
        cites: &["kubernetes/kubernetes#112706", "kubernetes/website#12890"],
        run: chain::front_proxy_untrusted,
    },
    Check {
        code: Code::ExternalCa,
        area: Area::ControlPlane,
        severity: "info",
        meaning: "The CA's key is not on this host: kubeadm cannot renew what it signed.",
        action: "Keep to the external-CA flow: kubeadm certs generate-csr, sign outside, copy back.",
        cites: &["kubernetes/kubernetes#124679", "kubernetes/kubeadm#3055"],
        run: keys::external_ca,
    },
    Check {
        code: Code::CaExpiring,
        area: Area::ControlPlane,
        severity: "warning or critical, by --warn and --crit",
        meaning: "A CA ends soon, and everything that it signed with it. Nothing renews CAs by itself.",
        action: "Plan the rotation: first trust old and new CA everywhere, then issue from the new one, then drop the old one.",
        cites: &["kubernetes/kubernetes#126430", "kubernetes/kubeadm#1783"],
        run: dates::ca_expiring,
    },
    Check {
        code: Code::IstioLeafOutlivesCa,
        area: Area::Istio,
        severity: "warning; critical once the CA's end is near or past",
        meaning: "Istio before 1.31 hands out workload certificates that outlive its CA; they fail on the day the CA ends.",
        action: "Renew Istio's CA first; workloads follow within their own lifetime.",
        cites: &["istio/istio#59768"],
        run: dates::istio_leaf_outlives_ca,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_exactly_one_row_in_order() {
        let rows: Vec<_> = CHECKS.iter().map(|check| check.code).collect();
        assert_eq!(rows, Code::ALL);
    }

    #[test]
    fn every_row_says_something() {
        for check in CHECKS {
            assert!(!check.meaning.is_empty() && !check.action.is_empty() && !check.severity.is_empty(), "{}", check.code);
        }
    }
}
