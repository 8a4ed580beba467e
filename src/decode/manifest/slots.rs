//! What the values of Secrets and ConfigMaps are for, by the names of their keys: tables, the first row that fits counts.

use crate::decode::scribe::{Aim, Need, Rule};
use crate::model::{Role, Slot};
use std::borrow::Cow;

/// By what the owner of a Secret is known.
enum Known {
    Name(&'static str),
    Type(&'static str),
}

/// A key, what it is for, and its job.
type Owned = (&'static str, Slot, Role);

/// Istio's signing CA (IS:security/pkg/pki/ca); the `tls.*` form is cert-manager's.
const ISTIO_CA: &[Owned] = &[
    ("ca-cert.pem", Slot::Credential, Role::IstioCa),
    ("ca-key.pem", Slot::Key, Role::IstioCa),
    ("root-cert.pem", Slot::Trust, Role::IstioRoot),
    ("cert-chain.pem", Slot::Credential, Role::IstioCaChain),
    ("tls.crt", Slot::Credential, Role::IstioCa),
    ("tls.key", Slot::Key, Role::IstioCa),
    ("ca.crt", Slot::Trust, Role::IstioRoot),
];

/// What Citadel gave to each service account (Istio up to 1.4).
const ISTIO_WORKLOAD: &[Owned] = &[
    ("cert-chain.pem", Slot::Credential, Role::IstioWorkload),
    ("key.pem", Slot::Key, Role::IstioWorkload),
    ("root-cert.pem", Slot::Trust, Role::IstioRoot),
];

/// Secrets of which the owner is known.
const OWNERS: &[(Known, &[Owned])] = &[
    (Known::Type("istio.io/ca-root"), ISTIO_CA),
    (Known::Name("istio-ca-secret"), ISTIO_CA),
    (Known::Name("cacerts"), ISTIO_CA),
    (Known::Type("istio.io/key-and-cert"), ISTIO_WORKLOAD),
];

/// The ConfigMap by which istiod hands its root to every namespace.
const ISTIO_ROOT: &str = "istio-ca-root-cert";

/// How a key is recognised.
enum Like {
    /// The whole key.
    Is(&'static str),
    /// Its end.
    Ends(&'static str),
    /// A part of it.
    Has(&'static str),
    /// One of the [`CA_WORDS`] in it.
    NamesCa,
}

/// Keys by convention, in lower case.
const KEYS: &[(Like, Slot, Need)] = &[
    (Like::Is("tls.crt"), Slot::Credential, Need::Certificate),
    (Like::Is("ca.crt"), Slot::Trust, Need::Certificate),
    (Like::Is("root-cert.pem"), Slot::Trust, Need::Encoding),
    (Like::Is("cert-chain.pem"), Slot::Credential, Need::Encoding),
    (Like::Is("key.pem"), Slot::Key, Need::Encoding),
    (Like::Is("token"), Slot::Credential, Need::Nothing),
    (Like::Ends(".key"), Slot::Key, Need::Encoding),
    (Like::Ends("-key.pem"), Slot::Key, Need::Encoding),
    (Like::Has("-key"), Slot::Key, Need::Nothing),
    (Like::NamesCa, Slot::Trust, Need::Nothing),
    (Like::Ends(".crt"), Slot::Credential, Need::Encoding),
    (Like::Is("cert.pem"), Slot::Credential, Need::Encoding),
    (Like::Is("fullchain.pem"), Slot::Credential, Need::Encoding),
];

/// Words between the `.`, `-` and `_` of a key that name a CA: `etcd-ca`, `ca-bundle.crt`, `requestheader-client-ca-file`.
const CA_WORDS: &[&str] = &["ca", "cacert", "cacerts", "rootca", "clientca", "serverca", "root", "bundle", "truststore"];

/// The type that promises a certificate.
const TLS: &str = "kubernetes.io/tls";

/// What the value of a Secret's key is for.
pub(super) fn rule_for_secret(name: &str, kind: &str, key: &str) -> Rule {
    let (aim, need) =
        by_convention(key).map_or((Aim::Likely(Slot::Unknown), Need::Nothing), |(slot, need)| (Aim::Is(slot), need));
    let need = if kind == TLS && key == "tls.crt" { Need::Filled } else { need };
    let owner = OWNERS.iter().find(|(known, _)| match known {
        Known::Name(owner) => *owner == name,
        Known::Type(owner) => *owner == kind,
    });
    match owner.and_then(|(_, keys)| keys.iter().find(|(owned, ..)| *owned == key)) {
        Some((_, slot, role)) => Rule { aim: Aim::Is(*slot), role: Some(*role), need },
        None => Rule { aim, role: None, need },
    }
}

/// What the value of a ConfigMap's key is for: a credential is of no use without a key, so certificates there are anchors.
pub(super) fn rule_for_config_map(name: &str, key: &str) -> Rule {
    let need = by_convention(key).map_or(Need::Nothing, |(_, need)| need);
    let role = (name == ISTIO_ROOT).then_some(Role::IstioRoot);
    Rule { aim: Aim::Likely(Slot::Trust), role, need }
}

fn by_convention(key: &str) -> Option<(Slot, Need)> {
    // Nearly every key is in small letters.
    let has_capitals = key.bytes().any(|byte| byte.is_ascii_uppercase());
    let key = if has_capitals { Cow::Owned(key.to_ascii_lowercase()) } else { Cow::Borrowed(key) };
    let row = KEYS.iter().find(|(like, ..)| match like {
        Like::Is(whole) => key == *whole,
        Like::Ends(end) => key.ends_with(*end),
        Like::Has(part) => key.contains(*part),
        Like::NamesCa => key.split(['.', '-', '_']).any(|word| CA_WORDS.contains(&word)),
    });
    row.map(|(_, slot, need)| (*slot, *need))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_their_values_are_for() {
        let slot = |key| by_convention(key).map(|(slot, _)| slot);
        for key in ["tls.crt", "cert-chain.pem", "client.crt", "server.crt", "local.crt"] {
            assert_eq!(slot(key), Some(Slot::Credential), "{key}");
        }
        for key in ["tls.key", "key.pem", "ca-key.pem", "etcd-client-key", "ca.key"] {
            assert_eq!(slot(key), Some(Slot::Key), "{key}");
        }
        for key in ["ca.crt", "root-cert.pem", "ca-bundle.crt", "etcd-ca", "front-proxy-ca.crt", "requestheader-client-ca-file"] {
            assert_eq!(slot(key), Some(Slot::Trust), "{key}");
        }
        for key in ["password", "kubeconfig", "etcd-client", "sa.pub"] {
            assert_eq!(slot(key), None, "{key}");
        }
    }

    #[test]
    fn istio_has_its_own() {
        let role = |name, kind, key| rule_for_secret(name, kind, key).role;
        assert_eq!(role("istio-ca-secret", "istio.io/ca-root", "cert-chain.pem"), Some(Role::IstioCaChain));
        assert_eq!(role("cacerts", "Opaque", "ca-key.pem"), Some(Role::IstioCa));
        assert_eq!(role("istio.default", "istio.io/key-and-cert", "cert-chain.pem"), Some(Role::IstioWorkload));
        assert_eq!(role("web", "Opaque", "cert-chain.pem"), None);
        assert_eq!(rule_for_config_map("istio-ca-root-cert", "root-cert.pem").role, Some(Role::IstioRoot));
        assert_eq!(rule_for_secret("cacerts", "Opaque", "ca-cert.pem").aim, Aim::Is(Slot::Credential));
    }

    #[test]
    fn only_a_tls_secret_must_not_be_empty() {
        assert_eq!(rule_for_secret("web", "kubernetes.io/tls", "tls.crt").need, Need::Filled);
        assert_eq!(rule_for_secret("web", "Opaque", "tls.crt").need, Need::Certificate);
        assert_eq!(rule_for_secret("istio-ca-secret", "istio.io/ca-root", "cert-chain.pem").need, Need::Encoding);
    }
}
