//! Secrets of Envoy proxies: Envoy's `/config_dump` (snake_case) and `istioctl proxy-config secret -o json` (camelCase), both the
//! JSON of `envoy.admin.v3.SecretsConfigDump`. Private keys are redacted by Envoy itself.

use super::node::Node;
use super::scribe::{Rule, Scribe, Site, Value};
use crate::model::{OriginKind, Role, Slot};

/// The lists of a dump, and what the secrets in them are: in use, awaited, from the bootstrap configuration.
const LISTS: &[&str] = &["dynamicActiveSecrets", "dynamicWarmingSecrets", "staticSecrets"];

/// Where in a secret data sources are (envoy.extensions.transport_sockets.tls.v3.Secret), and what for.
const SOURCES: &[(&[&str], Slot)] = &[
    (&["tlsCertificate", "certificateChain"], Slot::Credential),
    (&["tlsCertificate", "privateKey"], Slot::Key),
    (&["validationContext", "trustedCa"], Slot::Trust),
    (&["combinedValidationContext", "defaultValidationContext", "trustedCa"], Slot::Trust),
];

/// Where a secret carries a SPIFFE validator, with a bundle for each trust domain.
const VALIDATORS: &[&[&str]] = &[
    &["validationContext", "customValidatorConfig", "typedConfig", "trustDomains"],
    &["combinedValidationContext", "defaultValidationContext", "customValidatorConfig", "typedConfig", "trustDomains"],
];

/// Where certificates stand by themselves, without a secret: in the TLS contexts of listeners and clusters of proxies without SDS.
const CONTEXT: &str = "commonTlsContext";
const CONTEXT_LIST: (&str, &[(&str, Slot)]) =
    ("tlsCertificates", &[("certificateChain", Slot::Credential), ("privateKey", Slot::Key)]);
const CONTEXT_TRUST: &[&[&str]] =
    &[&["validationContext", "trustedCa"], &["combinedValidationContext", "defaultValidationContext", "trustedCa"]];

/// The parts of a configuration dump that have them.
const OWNERS: &[(&str, &str)] = &[("ListenersConfigDump", "listener"), ("ClustersConfigDump", "cluster")];

/// The names that Istio gives to its two secrets (IS:pkg/security).
const ISTIO: &[(&str, Slot, Role)] =
    &[("default", Slot::Credential, Role::IstioWorkload), ("ROOTCA", Slot::Trust, Role::IstioRoot)];

/// Whether a document is such a dump. One that says its kind is a Kubernetes object, by far most that come here.
pub(super) fn is_one(node: &Node<'_>) -> bool {
    if node.field("kind").is_some() {
        return false;
    }
    LISTS.iter().any(|list| either(node, list).is_some()) || dumps(node).next().is_some()
}

/// Decodes a dump. Each secret is a document of its own.
pub(super) fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, within: Option<&Site>) {
    scribe.found.recognised = true;
    for dump in dumps(node).chain([node]) {
        for (list, secrets) in LISTS.iter().filter_map(|list| either(dump, list)) {
            secrets.items().iter().for_each(|item| secret(scribe, &list, item, within));
        }
        let kind = dump.text(&["@type"]).unwrap_or_default();
        if let Some((_, owner)) = OWNERS.iter().find(|(end, _)| kind.ends_with(end)) {
            contexts(scribe, dump, Owner { kind: owner, name: "" }, within);
        }
    }
}

/// Whose TLS context it is: a listener or a cluster, by the outermost name around.
#[derive(Clone, Copy)]
struct Owner<'n> {
    kind: &'static str,
    name: &'n str,
}

/// Decodes every TLS context below a node. A parsed document has a bounded depth.
fn contexts<'n>(scribe: &mut Scribe<'_>, node: &'n Node<'n>, owner: Owner<'n>, within: Option<&Site>) {
    let name = if owner.name.is_empty() { node.text(&["name"]).unwrap_or_default() } else { owner.name };
    let owner = Owner { name, ..owner };
    if let Some((field, found)) = either(node, CONTEXT) {
        context(scribe, &field, found, owner, within);
    }
    node.items().iter().for_each(|item| contexts(scribe, item, owner, within));
    node.entries().iter().for_each(|(_, value)| contexts(scribe, value, owner, within));
}

fn context(scribe: &mut Scribe<'_>, field: &str, node: &Node<'_>, owner: Owner<'_>, within: Option<&Site>) {
    let site = within
        .cloned()
        .unwrap_or_else(|| Site::outermost(scribe.object(OriginKind::EnvoySecret, owner.name.to_owned(), Some(owner.kind))));
    let (list, sources) = CONTEXT_LIST;
    if let Some((list, certificates)) = either(node, list) {
        for (number, certificate) in certificates.items().iter().enumerate() {
            for (name, slot) in sources {
                if let Some((name, source)) = either(certificate, name) {
                    let field = format!("{field}.{list}[{number}].{name}");
                    data_source(scribe, &site, &field, source, Rule::optional(*slot));
                }
            }
        }
    }
    for (path, source) in CONTEXT_TRUST.iter().filter_map(|path| walk(node, path)) {
        data_source(scribe, &site, &format!("{field}.{path}"), source, Rule::optional(Slot::Trust));
    }
}

/// The parts of an Envoy configuration dump.
fn dumps<'n>(node: &'n Node<'n>) -> impl Iterator<Item = &'n Node<'n>> {
    let configs = node.field("configs").map_or(&[][..], Node::items).iter();
    configs.filter(|config| config.text(&["@type"]).is_some_and(|kind| kind.contains("envoy.admin.")))
}

fn secret(scribe: &mut Scribe<'_>, list: &str, item: &Node<'_>, within: Option<&Site>) {
    let Some(secret) = item.field("secret") else { return };
    let name = item.text(&["name"]).or_else(|| secret.text(&["name"])).unwrap_or_default();
    let site = within.cloned().unwrap_or_else(|| {
        scribe.found.inventory.examined += 1;
        Site::outermost(scribe.object(OriginKind::EnvoySecret, name.to_owned(), Some(list)))
    });
    let role = |slot| ISTIO.iter().find(|(known, of, _)| *known == name && *of == slot).map(|(_, _, role)| *role);
    for (path, slot) in SOURCES {
        if let Some((field, source)) = walk(secret, path) {
            let field = format!("secret.{field}");
            data_source(scribe, &site, &field, source, Rule { role: role(*slot), ..Rule::optional(*slot) });
        }
    }
    for (field, domains) in VALIDATORS.iter().filter_map(|path| walk(secret, path)) {
        for domain in domains.items() {
            if let Some((bundle, source)) = walk(domain, &["trustBundle"]) {
                let field = format!("secret.{field}[{}].{bundle}", domain.text(&["name"]).unwrap_or_default());
                data_source(scribe, &site, &field, source, Rule { role: role(Slot::Trust), ..Rule::optional(Slot::Trust) });
            }
        }
    }
}

/// `envoy.config.core.v3.DataSource`; a file name in it is one in the proxy's own file system.
fn data_source(scribe: &mut Scribe<'_>, site: &Site, field: &str, source: &Node<'_>, rule: Rule) {
    if let Some((key, value)) = either(source, "inlineBytes") {
        scribe.value(site, &format!("{field}.{key}"), Value::Base64(value.str().unwrap_or_default()), rule);
    } else if let Some((key, value)) = either(source, "inlineString") {
        scribe.value(site, &format!("{field}.{key}"), Value::Text(value.str().unwrap_or_default()), rule);
    }
}

/// The value at the end of a path, with the path as it is spelled here.
fn walk<'n>(node: &'n Node<'n>, path: &[&str]) -> Option<(String, &'n Node<'n>)> {
    path.iter().try_fold((String::new(), node), |(field, node), name| {
        let (key, value) = either(node, name)?;
        Some((if field.is_empty() { key } else { format!("{field}.{key}") }, value))
    })
}

/// A field in either spelling, with the spelling.
fn either<'n>(node: &'n Node<'n>, camel: &str) -> Option<(String, &'n Node<'n>)> {
    if let Some(value) = node.field(camel) {
        return Some((camel.to_owned(), value));
    }
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    node.field(&snake).map(|value| (snake, value))
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{CERTIFICATE, base64, named};
    use serde_json::json;

    #[test]
    fn istioctl_writes_camel_case() {
        let certificate = json!({"inlineBytes": base64(CERTIFICATE)});
        let dump = json!({
            "dynamicActiveSecrets": [
                {"name": "default", "secret": {"@type": "t", "name": "default", "tlsCertificate": {"certificateChain": certificate, "privateKey": {"inlineBytes": base64("[redacted]")}}}},
                {"name": "ROOTCA", "secret": {"validationContext": {"trustedCa": {"inlineString": CERTIFICATE}}}}
            ],
            "dynamicWarmingSecrets": [{"name": "w", "secret": {}}, {"name": "none"}]
        });
        assert_eq!(
            named(dump.to_string()).lines(),
            [
                "envoySecret default secret.tlsCertificate.certificateChain.inlineBytes Credential istio-workload: certificate",
                "envoySecret ROOTCA secret.validationContext.trustedCa.inlineString Trust istio-root: certificate",
            ]
        );
    }

    #[test]
    fn listeners_and_clusters_may_hold_their_own() {
        let bytes = json!({"inline_bytes": base64(CERTIFICATE)});
        let socket = json!({"name": "tls", "typed_config": {"common_tls_context": {
            "tls_certificates": [{"certificate_chain": bytes, "private_key": {"filename": "/etc/key"}}],
            "combined_validation_context": {"default_validation_context": {"trusted_ca": bytes}},
        }}});
        let dump = json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": [
                {"name": "0.0.0.0_443", "active_state": {"listener": {"name": "0.0.0.0_443", "filter_chains": [{"transport_socket": socket}]}}}
            ]},
            {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "static_clusters": [
                {"cluster": {"name": "db", "transport_socket": {"typed_config": {"commonTlsContext": {"validationContext": {"trustedCa": {"inlineString": CERTIFICATE}}}}}}}
            ]}
        ]});
        assert_eq!(
            named(dump.to_string()).lines(),
            [
                "envoySecret 0.0.0.0_443 common_tls_context.tls_certificates[0].certificate_chain.inline_bytes Credential: certificate",
                "envoySecret 0.0.0.0_443 common_tls_context.combined_validation_context.default_validation_context.trusted_ca.inline_bytes Trust: certificate",
                "envoySecret db commonTlsContext.validationContext.trustedCa.inlineString Trust: certificate",
            ]
        );
    }

    #[test]
    fn envoy_writes_snake_case() {
        let bundle = json!({"inline_bytes": base64(CERTIFICATE)});
        let dump = json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"},
            {"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "static_secrets": [
                {"name": "s", "secret": {"combined_validation_context": {"default_validation_context": {
                    "trusted_ca": bundle,
                    "custom_validator_config": {"typed_config": {"trust_domains": [{"name": "td", "trust_bundle": bundle}]}}}}}}
            ]}
        ]});
        assert_eq!(
            named(dump.to_string()).lines(),
            [
                "envoySecret s secret.combined_validation_context.default_validation_context.trusted_ca.inline_bytes Trust: certificate",
                "envoySecret s secret.combined_validation_context.default_validation_context.custom_validator_config.typed_config.trust_domains[td].trust_bundle.inline_bytes Trust: certificate",
            ]
        );
    }
}
