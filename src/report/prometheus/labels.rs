//! The labels of x509-certificate-exporter v4 (pkg/registry/labels.go): always the whole set, what does not apply is empty.

use crate::model::{Certificate, CertificateList, DistinguishedName, Origin, OriginKind, Serial};
use crate::report::escape::is_hidden;
use std::fmt;

/// The labels that say where something stands.
const PLACE: [&str; 13] = [
    "filename",
    "filepath",
    "embedded_kind",
    "embedded_key",
    "secret_namespace",
    "secret_name",
    "secret_key",
    "configmap_namespace",
    "configmap_name",
    "configmap_key",
    "cabundle_resource_kind",
    "cabundle_resource_name",
    "cabundle_entry",
];

/// The attributes of a name that become labels.
const ATTRIBUTES: [&str; 6] = ["C", "ST", "L", "O", "OU", "CN"];

/// The exporter's word for where something comes from.
pub(super) fn source_kind(kind: OriginKind) -> &'static str {
    match kind {
        OriginKind::File | OriginKind::Peer | OriginKind::EnvoySecret | OriginKind::Stdin => "file",
        OriginKind::Kubeconfig => "kubeconfig",
        OriginKind::Secret => "kube-secret",
        OriginKind::ConfigMap => "kube-configmap",
        OriginKind::Webhook | OriginKind::ApiService | OriginKind::Crd => "kube-cabundle",
        OriginKind::Csr | OriginKind::ClusterTrustBundle => "kubernetes",
    }
}

/// The labels of a place. What the exporter does not know gets the nearest: other cluster-scoped objects are named like holders of a CA
/// bundle, a peer and standard input stand as file paths, an Envoy secret as embedded in its dump. Where several hosts or clusters are looked
/// at in one run, which of them follows under a label of ours.
pub(super) struct PlaceLabels<'r> {
    labels: [&'r str; 13],
    host: Option<&'r str>,
}

impl<'r> PlaceLabels<'r> {
    pub(super) fn new(origin: &'r Origin) -> Self {
        let document = &*origin.document;
        let source = &*document.source;
        let mut labels = [""; 13];
        let [
            filename,
            filepath,
            embedded_kind,
            embedded_key,
            secret_namespace,
            secret_name,
            secret_key,
            configmap_namespace,
            configmap_name,
            configmap_key,
            resource_kind,
            resource_name,
            entry,
        ] = &mut labels;
        match document.kind {
            OriginKind::File | OriginKind::Stdin | OriginKind::Peer => (*filename, *filepath) = (basename(source), source),
            OriginKind::EnvoySecret => {
                (*filename, *filepath) = (basename(document.path()), document.path());
                *embedded_key = source;
            }
            OriginKind::Kubeconfig => {
                (*filename, *filepath) = (basename(source), source);
                (*embedded_kind, *embedded_key) = embedded(&origin.field);
            }
            OriginKind::Secret => {
                (*secret_namespace, *secret_name) = split(source);
                *secret_key = bracketed(&origin.field);
                (*embedded_kind, *embedded_key) = embedded(&origin.field);
            }
            OriginKind::ConfigMap => {
                (*configmap_namespace, *configmap_name) = split(source);
                *configmap_key = bracketed(&origin.field);
                (*embedded_kind, *embedded_key) = embedded(&origin.field);
            }
            OriginKind::Webhook => {
                (*resource_kind, *resource_name) = split(source);
                *entry = bracketed(&origin.field);
            }
            OriginKind::ApiService | OriginKind::Crd | OriginKind::Csr | OriginKind::ClusterTrustBundle => {
                (*resource_kind, *resource_name) = split(source);
            }
        }
        Self { labels, host: document.host.as_deref() }
    }
}

impl fmt::Display for PlaceLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in PLACE.iter().zip(self.labels).enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(f, "{comma}{name}=\"{}\"", Value(value))?;
        }
        self.host.map_or(Ok(()), |host| write!(f, ",host=\"{}\"", Value(host)))
    }
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `namespace/name` or `Kind/name`.
fn split(source: &str) -> (&str, &str) {
    source.split_once('/').unwrap_or(("", source))
}

/// The key in `data[tls.crt]`, the name in `webhooks[a.b].clientConfig.caBundle`.
fn bracketed(field: &str) -> &str {
    let key = field.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    key.map(|(key, _)| key).unwrap_or_default()
}

/// Kind and name of the entry of a kubeconfig in `users[admin].client-certificate-data`.
fn embedded(field: &str) -> (&'static str, &str) {
    const ENTRIES: [(&str, &str); 2] = [("clusters[", "cluster"), ("users[", "user")];
    let entry = ENTRIES.into_iter().find_map(|(list, kind)| field.split_once(list).map(|(_, rest)| (kind, rest)));
    entry.map_or(("", ""), |(kind, rest)| (kind, rest.rsplit_once("].").map_or(rest, |(name, _)| name)))
}

/// The labels of a certificate itself.
pub(super) fn certificate_labels(certificate: &Certificate) -> String {
    let serial = certificate.serial.decimal().unwrap_or_default();
    let (issuer, subject) = (Name("issuer", &certificate.issuer), Name("subject", &certificate.subject));
    format!("serial_number=\"{serial}\"{issuer}{subject}")
}

/// The labels of a revocation list itself.
pub(super) fn crl_labels(list: &CertificateList) -> String {
    let number = list.number.as_ref().and_then(Serial::decimal).unwrap_or_default();
    let nobody = DistinguishedName::new(b"", Vec::new());
    let (issuer, subject) = (Name("issuer", &list.issuer), Name("subject", &nobody));
    format!("serial_number=\"\",crl_number=\"{number}\"{issuer}{subject}")
}

/// A name as six labels: of several values the first, of several common names the last, as Go's `pkix.Name` has it.
struct Name<'r>(&'static str, &'r DistinguishedName);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(prefix, name) = self;
        ATTRIBUTES.into_iter().try_for_each(|attribute| {
            let value = if attribute == "CN" { name.common_name() } else { name.values(attribute).next() };
            write!(f, ",{prefix}_{attribute}=\"{}\"", Value(value.unwrap_or_default()))
        })
    }
}

/// The value of a label: `\`, `"` and line feed escaped as the format wants it, other hidden characters made visible.
pub(super) struct Value<'r>(pub(super) &'r str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = |c: char| matches!(c, '\\' | '"') || is_hidden(c);
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| special(c)) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => write!(f, "\\{}", c.escape_unicode())?,
            }
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Document, Slot};
    use std::sync::Arc;

    fn labels(kind: OriginKind, source: &str, field: &str) -> String {
        let document = Arc::new(Document { file: Some("dump.json".into()), ..Document::new(kind, source) });
        let origin = Origin { document, field: field.into(), role: None, slot: Slot::Unknown };
        let all = PlaceLabels::new(&origin).to_string();
        assert_eq!(all.matches('=').count(), 13, "the whole set");
        all.split(',').filter(|label| !label.ends_with("=\"\"")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn every_kind_of_place_has_the_exporters_labels() {
        let rows = [
            (OriginKind::File, "/etc/a/ca.crt", "", r#"filename="ca.crt",filepath="/etc/a/ca.crt""#),
            (
                OriginKind::Kubeconfig,
                "/root/admin.conf",
                "users[a].b].client-certificate-data",
                r#"filename="admin.conf",filepath="/root/admin.conf",embedded_kind="user",embedded_key="a].b""#,
            ),
            (OriginKind::Secret, "ns/web", "data[tls.crt]", r#"secret_namespace="ns",secret_name="web",secret_key="tls.crt""#),
            (
                OriginKind::ConfigMap,
                "ns/ca",
                "data[ca.crt]",
                r#"configmap_namespace="ns",configmap_name="ca",configmap_key="ca.crt""#,
            ),
            (
                OriginKind::Webhook,
                "MutatingWebhookConfiguration/m",
                "webhooks[a.b].clientConfig.caBundle",
                r#"cabundle_resource_kind="MutatingWebhookConfiguration",cabundle_resource_name="m",cabundle_entry="a.b""#,
            ),
            (
                OriginKind::ApiService,
                "APIService/v1.x",
                "spec.caBundle",
                r#"cabundle_resource_kind="APIService",cabundle_resource_name="v1.x""#,
            ),
            (OriginKind::EnvoySecret, "ROOTCA", "", r#"filename="dump.json",filepath="dump.json",embedded_key="ROOTCA""#),
            (OriginKind::Peer, "h:6443", "", r#"filename="h:6443",filepath="h:6443""#),
        ];
        for (kind, source, field, wanted) in rows {
            assert_eq!(labels(kind, source, field), wanted);
        }
    }

    #[test]
    fn a_value_cannot_end_its_line_or_its_quotes() {
        assert_eq!(Value("a\"} 1\nb\\n\u{1b}[m\u{202e}é").to_string(), "a\\\"} 1\\nb\\\\n\\\\u{1b}[m\\\\u{202e}é");
    }
}
