//! Secrets and ConfigMaps: objects whose data may be anything, so that every value is sniffed.

use super::slots::{rule_for_config_map, rule_for_secret};
use super::{Object, cluster, managed};
use crate::decode::crypto;
use crate::decode::node::Node;
use crate::decode::scribe::{Rule, Scribe, Value, one};
use crate::model::{BootstrapToken, Collect, Content, Credential, DefectKind, Fact, Slot};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// Types of Secrets that hold no certificate of their own: compressed Helm releases, registry passwords.
const OPAQUE_TYPES: &[&str] = &["helm.sh/release.v1", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// What `kubeadm init --upload-certs` leaves for two hours: certificates and keys, each encrypted, under the names of plain ones.
const UPLOADED_CERTIFICATES: (&str, &str) = ("kube-system", "kubeadm-certs");

const UPLOADED: &str = "kubeadm's copy of the CAs, for control planes that join with its --certificate-key";

/// Bootstrap tokens (web:reference/access-authn-authz/bootstrap-tokens).
const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";

/// Whether an object is known to hold nothing that can be read.
pub(super) fn is_opaque(node: &Node<'_>) -> bool {
    node.text(&["type"]).is_some_and(|kind| OPAQUE_TYPES.contains(&kind))
}

fn is_uploaded(node: &Node<'_>) -> bool {
    let metadata = (node.text(&["metadata", "namespace"]), node.text(&["metadata", "name"]));
    matches!(metadata, (Some(namespace), Some(name)) if (namespace, name) == UPLOADED_CERTIFICATES)
}

pub(super) fn secret(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let kind = object.node.text(&["type"]).unwrap_or_default();
    if kind == BOOTSTRAP_TOKEN {
        return bootstrap_token(scribe, object);
    }
    if is_uploaded(object.node) {
        return scribe.defect(&object.site, "data", Rule::optional(Slot::Unknown), DefectKind::Encrypted(UPLOADED));
    }
    managed::annotated(scribe, object);
    let mut field = String::new();
    for (key, value) in values(object.node, "data") {
        scribe.found.keyring.learn(&object.site.document, key, Value::Base64(value));
        let rule = rule_for_secret(object.name, kind, key);
        scribe.value(&object.site, entry(&mut field, "data", key), Value::Base64(value), rule);
    }
    for (key, value) in values(object.node, "stringData") {
        scribe.found.keyring.learn(&object.site.document, key, Value::Text(value));
        let rule = rule_for_secret(object.name, kind, key);
        scribe.value(&object.site, entry(&mut field, "stringData", key), Value::Text(value), rule);
    }
}

pub(super) fn config_map(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    cluster::config_map(scribe, object);
    let mut field = String::new();
    for (key, value) in values(object.node, "data") {
        let rule = rule_for_config_map(object.name, key);
        scribe.value(&object.site, entry(&mut field, "data", key), Value::Text(value), rule);
    }
    for (key, value) in values(object.node, "binaryData") {
        let rule = rule_for_config_map(object.name, key);
        scribe.value(&object.site, entry(&mut field, "binaryData", key), Value::Base64(value), rule);
    }
}

/// `data[KEY]`, over what the text was before: there are as many as there are values in a cluster.
fn entry<'f>(field: &'f mut String, map: &str, key: &str) -> &'f str {
    field.clear();
    field.extend([map, "[", key, "]"]);
    field
}

fn values<'n>(node: &'n Node<'_>, field: &str) -> impl Iterator<Item = (&'n str, &'n str)> {
    node.field(field).map_or(&[][..], Node::entries).iter().filter_map(|(key, value)| Some((&**key, value.str()?)))
}

/// The token's public half and its end, and `token-secret` as a key that can check what it signed, and nothing else.
fn bootstrap_token(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let bytes = |key: &str| {
        let encoded = object.node.text(&["data", key]).and_then(|text| STANDARD.decode(text).ok());
        let decoded = encoded.or_else(|| object.node.text(&["stringData", key]).map(|text| text.as_bytes().to_vec()));
        decoded.map(Zeroizing::new)
    };
    let field = |key: &str| bytes(key).and_then(|bytes| std::str::from_utf8(&bytes).map(str::to_owned).ok());
    let Some(id) = field("token-id") else { return };
    let expires = field("expiration").and_then(|text| OffsetDateTime::parse(text.trim(), &Rfc3339).ok());
    // The controllers look at kube-system alone, and at Secrets of that name.
    let counts = *object.site.document.source == *format!("kube-system/bootstrap-token-{id}");
    if let Some(secret) = bytes("token-secret").filter(|_| counts && object.site.is_outermost()) {
        let token = BootstrapToken {
            document: Arc::clone(&object.site.document),
            id: id.as_str().into(),
            expires,
            signs: field("usage-bootstrap-signing").as_deref() == Some("true"),
            key: crypto::hmac_sha256_key(&secret),
        };
        scribe.found.inventory.fact(Fact::BootstrapToken(token));
    }
    let token = Credential::BootstrapToken { id: id.into(), expires };
    scribe.hold(&object.site, "data[token-id]", Slot::Credential, None, one(Content::Credential(Arc::new(token))));
}
