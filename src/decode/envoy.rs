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

/// The names that Istio gives to its two secrets (IS:pkg/security).
const ISTIO: &[(&str, Slot, Role)] =
    &[("default", Slot::Credential, Role::IstioWorkload), ("ROOTCA", Slot::Trust, Role::IstioRoot)];

/// Whether a document is such a dump.
pub(super) fn is_one(node: &Node<'_>) -> bool {
    LISTS.iter().any(|list| either(node, list).is_some()) || dumps(node).next().is_some()
}

/// Decodes a dump. Each secret is a document of its own.
pub(super) fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, within: Option<&Site>) {
    scribe.found.recognised = true;
    for dump in dumps(node).chain([node]) {
        for (list, secrets) in LISTS.iter().filter_map(|list| either(dump, list)) {
            secrets.items().iter().for_each(|item| secret(scribe, &list, item, within));
        }
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
            data_source(scribe, &site, &field, source, Rule { role: role(*slot), ..Rule::optional(*slot) });
        }
    }
    for (field, domains) in VALIDATORS.iter().filter_map(|path| walk(secret, path)) {
        for domain in domains.items() {
            if let Some((bundle, source)) = walk(domain, &["trustBundle"]) {
                let field = format!("{field}[{}].{bundle}", domain.text(&["name"]).unwrap_or_default());
                data_source(scribe, &site, &field, source, Rule { role: role(Slot::Trust), ..Rule::optional(Slot::Trust) });
            }
        }
    }
}

/// `envoy.config.core.v3.DataSource`; a file name in it is one in the proxy's own file system.
fn data_source(scribe: &mut Scribe<'_>, site: &Site, field: &str, source: &Node<'_>, rule: Rule) {
    if let Some((key, value)) = either(source, "inlineBytes") {
        scribe.value(site, &format!("secret.{field}.{key}"), Value::Base64(value.str().unwrap_or_default()), rule);
    } else if let Some((key, value)) = either(source, "inlineString") {
        scribe.value(site, &format!("secret.{field}.{key}"), Value::Text(value.str().unwrap_or_default()), rule);
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
