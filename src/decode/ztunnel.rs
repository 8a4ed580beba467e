//! Certificates of Istio's ztunnel: `istioctl ztunnel-config certificates -o json` (a list), and the `certificates` of its
//! `/config_dump`. Releases before 1.21 wrote snake_case and the leaf apart, in `ca_cert`.

use super::node::Node;
use super::scribe::{Rule, Scribe, Site, Value};
use super::sniff::from_base64;
use crate::model::{OriginKind, Role, Slot};

/// Where an identity's certificates are: lists of which each element has one as `pem`, leaf first.
const CHAINS: &[(&str, &[&str])] = &[("certChain", &["certChain"]), ("cert_chain", &["ca_cert", "cert_chain"])];
/// Where its roots are.
const ROOTS: &[&str] = &["rootCerts", "root_certs"];

/// Whether a document is such a dump, or an element of one.
pub(super) fn is_one(node: &Node<'_>) -> bool {
    is_identity(node) || node.field("certificates").is_some_and(|list| list.items().iter().any(is_identity))
}

fn is_identity(node: &Node<'_>) -> bool {
    let has_chain = CHAINS.iter().flat_map(|(_, lists)| *lists).any(|list| node.field(list).is_some());
    has_chain && node.text(&["identity"]).is_some()
}

/// Decodes a dump. Each identity is a document of its own.
pub(super) fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, within: Option<&Site>) {
    scribe.found.recognised = true;
    if is_identity(node) {
        return identity(scribe, node, within);
    }
    let list = node.field("certificates").map_or(&[][..], Node::items);
    list.iter().filter(|item| is_identity(item)).for_each(|item| identity(scribe, item, within));
}

fn identity(scribe: &mut Scribe<'_>, node: &Node<'_>, within: Option<&Site>) {
    let name = node.text(&["identity"]).unwrap_or_default();
    let site = within.cloned().unwrap_or_else(|| {
        scribe.found.inventory.examined += 1;
        Site::outermost(scribe.object(OriginKind::EnvoySecret, name.to_owned(), node.text(&["state"])))
    });
    let chain = CHAINS.iter().find(|(field, _)| node.field(field).is_some());
    if let Some((field, lists)) = chain {
        let rule = Rule { role: Some(Role::IstioWorkload), ..Rule::optional(Slot::Credential) };
        let texts: Vec<_> = lists.iter().map(|list| pems(node, list)).collect();
        scribe.value(&site, field, Value::Text(&texts.concat()), rule);
    }
    for field in ROOTS.iter().filter(|field| node.field(field).is_some()) {
        let rule = Rule { role: Some(Role::IstioRoot), ..Rule::optional(Slot::Trust) };
        scribe.value(&site, field, Value::Text(&pems(node, field)), rule);
    }
}

/// The certificates of a list as one text: each is PEM in base64.
fn pems(node: &Node<'_>, list: &str) -> String {
    let text = |item: &Node<'_>| {
        let pem = item.text(&["pem"]).unwrap_or_default();
        let decoded = from_base64(pem.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("{}\n", decoded.as_deref().unwrap_or(pem))
    };
    node.field(list).map_or(&[][..], Node::items).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{CERTIFICATE, base64, named};
    use serde_json::json;

    #[test]
    fn istioctl_writes_a_list_of_identities() {
        let certificate = json!({"pem": base64(CERTIFICATE), "serialNumber": "1", "validFrom": "x", "expirationTime": "y"});
        let identity = "spiffe://cluster.local/ns/a/sa/b";
        let dump = json!([
            {"identity": identity, "state": "Available", "certChain": [certificate, certificate], "rootCerts": [certificate]},
            {"identity": "spiffe://cluster.local/ns/a/sa/c", "state": "Unavailable: CA", "certChain": [], "rootCerts": []},
        ]);
        let expected = [
            format!("envoySecret {identity} certChain Credential istio-workload: certificate certificate"),
            format!("envoySecret {identity} rootCerts Trust istio-root: certificate"),
        ];
        assert_eq!(named(dump.to_string()).lines(), expected);
        let whole = json!({"certificates": dump, "workloads": [], "services": []});
        assert_eq!(named(whole.to_string()).lines(), expected, "its whole configuration");
        let yaml = format!(
            "- certChain:\n  - pem: {0}\n  - pem: {0}\n  identity: {identity}\n  rootCerts:\n  - pem: {0}\n  state: Available\n",
            base64(CERTIFICATE)
        );
        assert_eq!(named(yaml).lines(), expected, "as YAML");
    }

    #[test]
    fn ztunnel_of_old_wrote_the_leaf_apart() {
        let certificate = json!({"pem": base64(CERTIFICATE)});
        let dump = json!([{"identity": "spiffe://td/ns/a/sa/b", "ca_cert": [certificate], "cert_chain": [certificate]}]);
        assert_eq!(
            named(dump.to_string()).lines(),
            ["envoySecret spiffe://td/ns/a/sa/b cert_chain Credential istio-workload: certificate certificate"]
        );
    }

    #[test]
    fn others_with_an_identity_are_none() {
        let other = json!({"identity": "x", "certificates": [{"identity": 1}], "certChain": null});
        assert!(named(other.to_string()).lines().iter().all(|line| !line.starts_with("envoySecret")), "no chain");
    }
}
