//! One JSON object. What is written and what the schema says are the same types, so they cannot drift apart.
//!
//! Lists are written as they are made (`values::Rows`); optional parts are absent from commands that do not have them, but a
//! certificate always has all its fields.

pub(super) mod certificate;
pub(super) mod explanation;
pub(super) mod findings;
pub(super) mod formatter;
mod holdings;
mod kubeconfig;
pub(super) mod peers;
mod plan;
mod preflight;
pub(super) mod values;
mod verification;

use super::{Report, View};
use certificate::{Certificate, Origin};
use findings::{Chain, Finding, Summary};
use formatter::Escaping;
use holdings::{Holdings, Host};
use peers::Peer;
use plan::Plan;
use preflight::Preflight;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Serializer;
use std::io::{self, BufWriter, Write};
use values::{Instant, Rows};
use verification::Answers;

/// Writes the report as one JSON object, indented, with a final newline.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    Document::new(report).serialize(&mut Serializer::with_formatter(&mut out, Escaping::pretty()))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The version of the output: fields may be added under it, never changed or taken away.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum ApiVersion {
    #[serde(rename = "kcert/v1")]
    V1,
}

/// What kind of report this is.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum Kind {
    Inspection,
    Chains,
    Check,
    Preflight,
    Plan,
    Verification,
    Probe,
}

/// A report of kcert.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of report this is.
    kind: Kind,
    /// The instant that dates are judged at.
    evaluated_at: Instant,
    /// Every different certificate, in the order of first appearance.
    certificates: Rows<'r, Certificate<'r>>,
    /// What is wrong, worst first.
    findings: Rows<'r, Finding<'r>>,
    /// Every conversation with a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<Rows<'r, Peer<'r>>>,
    /// Who issued what: the paths from every end entity upwards, of each the best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<Vec<Chain>>,
    #[serde(flatten)]
    preflight: Option<Preflight<'r>>,
    /// What to renew, in which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan<'r>>,
    #[serde(flatten)]
    holdings: Option<Holdings<'r>>,
    #[serde(flatten)]
    answers: Option<Answers<'r>>,
    /// The hosts whose files were recognised.
    hosts: Vec<Host<'r>>,
    /// The whole in numbers.
    summary: Summary,
}

impl<'r> Document<'r> {
    fn new(report: &Report<'r>) -> Self {
        let Report { view, inventory, graph, audit, policy, .. } = *report;
        Self {
            api_version: ApiVersion::V1,
            kind: match view {
                View::Inspection => Kind::Inspection,
                View::Chains => Kind::Chains,
                View::Check => Kind::Check,
                View::Preflight => Kind::Preflight,
                View::Plan => Kind::Plan,
                View::Verification => Kind::Verification,
                View::Probe(_) => Kind::Probe,
            },
            evaluated_at: Instant(policy.at),
            certificates: certificates(report),
            findings: Rows::new(|| audit.findings.iter().map(Finding::new)),
            peers: Peer::rows(report),
            chains: (view == View::Chains).then(|| findings::chains(graph)),
            preflight: Preflight::new(report),
            plan: report.plan.map(Plan::new),
            holdings: (view == View::Inspection).then(|| Holdings::new(graph, inventory)),
            answers: Answers::new(report),
            hosts: inventory.hosts.iter().map(Host::new).collect(),
            summary: Summary::new(report),
        }
    }
}

fn certificates<'r>(report: &Report<'r>) -> Rows<'r, Certificate<'r>> {
    let Report { inventory, graph, policy, .. } = *report;
    Rows::new(move || {
        graph.nodes().map(move |(node, certificate)| {
            let place = |(holding, index): &(u32, u32)| {
                let holding = inventory.holdings.get(usize::try_from(*holding).ok()?)?;
                Some(Origin::at(holding, usize::try_from(*index).ok()?))
            };
            let origins = Rows::new(move || graph.occurrences(node).iter().filter_map(place));
            Certificate::new(certificate, policy.at, || graph.is_self_signed(node), origins)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Host as ModelHost;
    use crate::model::{
        ApprovalState, CertificateList, CertificationRequest, Cluster, Code, Content, Context, Credential, Defect, DefectKind,
        Distribution, Document as ModelDocument, Inventory, KeyFormat, Kubeconfig, Login, Material, OriginKind, PrivateKey, Role,
        Serial, Severity, Sha256, SigningRequest, User,
    };
    use crate::report::fixture::{AT, certificate, finding, holding, key, name, origin, report, small_cluster};
    use crate::report::schema::schema;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn text(view: View, inventory: &Inventory) -> String {
        let place = origin(OriginKind::File, "/pki/ca.crt", "", Some(Role::ClusterCa));
        let mut out = Vec::new();
        let findings = vec![finding(Code::Expired, Severity::Critical, vec![place])];
        report(view, inventory, findings, |report| render(report, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn document(view: View, inventory: &Inventory) -> Value {
        serde_json::from_str(&text(view, inventory)).unwrap()
    }

    /// One of everything.
    fn full() -> Inventory {
        let mut inventory = small_cluster();
        let contents = [
            Content::PrivateKey(Arc::new(PrivateKey::Plain { format: KeyFormat::Sec1, public: key(2) })),
            Content::PrivateKey(Arc::new(PrivateKey::Encrypted)),
            Content::PublicKey(Arc::new(key(9))),
            Content::Request(Arc::new(CertificationRequest {
                id: Sha256([7; 32]),
                subject: name("node"),
                sans: Vec::new(),
                public_key: key(8),
            })),
            Content::Crl(Arc::new(CertificateList {
                id: Sha256([6; 32]),
                issuer: name("ca"),
                this_update: AT,
                next_update: None,
                number: Some(Serial(vec![5].into())),
                revoked: 3,
                der: Box::new([]),
            })),
            Content::Credential(Arc::new(Credential::Token { expires: Some(AT), subject: Some("s".into()) })),
            Content::Credential(Arc::new(Credential::BootstrapToken { id: "abcdef".into(), expires: None })),
            Content::Defect(Arc::new(Defect { kind: DefectKind::Base64, position: None })),
        ];
        inventory.holdings.push(holding(origin(OriginKind::Secret, "ns/x", "data[x]", None), contents));
        inventory.hosts.push(ModelHost { name: None, directory: "/".into(), layouts: vec![Distribution::Kubeadm] });
        let document = |kind, source: &str| Arc::new(ModelDocument::new(kind, source));
        inventory.signing_requests.push(SigningRequest {
            document: document(OriginKind::Csr, "CertificateSigningRequest/n"),
            state: ApprovalState::Approved,
            username: Some("kubelet".into()),
            created: None,
        });
        inventory.kubeconfigs.push(Kubeconfig {
            document: document(OriginKind::Kubeconfig, "/admin.conf"),
            within: "".into(),
            role: Some(Role::Admin),
            current_context: Some("".into()),
            contexts: vec![Context { name: "x".into(), cluster: "c".into(), user: "admin".into(), namespace: None }],
            clusters: vec![Cluster {
                name: "c".into(),
                server: "https://h:6443".into(),
                tls_server_name: None,
                insecure_skip_tls_verify: false,
                proxy_url: None,
                certificate_authority: Material::Path("ca.crt".into()),
            }],
            users: vec![User {
                name: "admin".into(),
                client_certificate: Material::Embedded,
                client_key: Material::Absent,
                logins: vec![Login::Exec("aws eks get-token".into()), Login::Token { expires: Some(AT), subject: None }],
            }],
        });
        inventory
    }

    #[test]
    fn every_view_is_valid_by_the_schema() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        for view in [View::Inspection, View::Chains, View::Check, View::Preflight] {
            for inventory in [Inventory::default(), small_cluster(), full()] {
                let document = document(view, &inventory);
                let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{view:?}: {errors:#?}");
            }
        }
    }

    #[test]
    fn the_schema_refuses_what_is_not_promised() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        let good = document(View::Inspection, &full());
        let spoilt: [(&str, Value); 10] = [
            ("/kind", json!("Inspektion")),
            ("/apiVersion", json!("kcert/v2")),
            ("/evaluatedAt", json!(1)),
            ("/certificates/0/id", json!("0101")),
            ("/certificates/0/secondsLeft", json!("1")),
            ("/certificates/0/serial/hex", json!("0x1")),
            ("/certificates/0/origins/0/kind", json!("disk")),
            ("/findings/0/severity", json!("bad")),
            ("/findings/0/evidence/names", json!([1])),
            ("/summary/worst", json!("info")),
        ];
        for (pointer, value) in spoilt {
            let mut document = good.clone();
            *document.pointer_mut(pointer).unwrap() = value;
            assert!(!schema.is_valid(&document), "{pointer}");
        }
        for (pointer, field) in [("", "summary"), ("/certificates/0", "pathLen"), ("/findings/0", "handshake")] {
            let mut document = good.clone();
            document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field).unwrap();
            assert!(!schema.is_valid(&document), "{pointer} without {field}");
        }
    }

    #[test]
    fn a_certificate_has_every_field_of_the_contract() {
        let document = document(View::Check, &small_cluster());
        let wanted = json!({
            "id": format!("sha256:{}", "02".repeat(32)),
            "subject": "CN=admin,O=second,O=first",
            "issuer": "CN=ca,O=second,O=first",
            "serial": { "hex": "0102", "decimal": "258" },
            "notBefore": "2025-11-19T00:00:00Z",
            "notAfter": "2026-11-19T00:00:00Z",
            "secondsLeft": -3 * 86_400,
            "isCA": false,
            "pathLen": null,
            "publicKey": { "algorithm": "ECDSA", "curve": "P-256", "bits": 256, "spkiSha256": "fd".repeat(32) },
            "signatureAlgorithm": "ecdsa-with-SHA256",
            "sans": { "dns": ["a.example"], "ip": ["10.0.0.1"], "email": [], "uri": [] },
            "keyUsage": ["digitalSignature"],
            "extendedKeyUsage": ["clientAuth"],
            "subjectKeyId": "02",
            "authorityKeyId": null,
            "selfSigned": false,
            "kubernetes": { "user": "admin", "groups": ["first", "second"] },
            "origins": [
                {
                    "kind": "kubeconfig", "source": "/admin.conf", "field": "users[admin].client-certificate-data", "index": 0,
                    "role": "admin"
                },
                { "kind": "secret", "source": "ns/admin", "field": "data[tls.crt]", "index": 0 }
            ]
        });
        assert_eq!(document["certificates"][1], wanted);
        assert_eq!(document["certificates"][0]["selfSigned"], true);
        assert_eq!(document["certificates"][0]["kubernetes"], Value::Null);
    }

    #[test]
    fn a_finding_and_the_summary_are_as_promised() {
        let document = document(View::Check, &small_cluster());
        let wanted = json!([{
            "code": "expired", "severity": "critical", "message": "it | ends\nsoon", "hint": "renew it",
            "certificates": [format!("sha256:{}", "02".repeat(32))],
            "origins": [{ "kind": "file", "source": "/pki/ca.crt", "field": "", "index": 0, "role": "ca" }],
            "handshake": null,
            "evidence": { "text": "t", "secondsLeft": -5, "notAfter": "2026-11-22T00:00:00Z", "names": ["a"] }
        }]);
        assert_eq!(document["findings"], wanted);
        let wanted = json!({
            "certificates": 4, "unique": 2, "defects": 0, "worst": "critical", "earliestExpiry": "2026-11-19T00:00:00Z"
        });
        assert_eq!(document["summary"], wanted);
    }

    #[test]
    fn parts_of_other_commands_are_absent() {
        let parts = |view| document(view, &full()).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let common = ["apiVersion", "certificates", "evaluatedAt", "findings", "hosts", "kind", "summary"];
        assert_eq!(parts(View::Check), common);
        let with = |more: &[&'static str]| {
            let mut all = [&common[..], more].concat();
            all.sort_unstable();
            all
        };
        assert_eq!(parts(View::Chains), with(&["chains"]));
        let holdings = ["credentials", "crls", "keys", "kubeconfigs", "requests", "signingRequests"];
        assert_eq!(parts(View::Inspection), with(&holdings));
        assert_eq!(parts(View::Preflight), with(&["handshakes", "upgrade"]));
    }

    #[test]
    fn chains_go_from_the_end_entity_to_the_root() {
        let document = document(View::Chains, &small_cluster());
        let id = |number: &str| format!("sha256:{}", number.repeat(32));
        assert_eq!(document["chains"], json!([{ "certificates": [id("02"), id("01")], "root": true }]));
    }

    #[test]
    fn keys_name_the_certificates_that_have_them() {
        let document = document(View::Inspection, &full());
        let keys = document["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[0]["format"], "SEC1");
        assert_eq!(keys[0]["certificates"], json!([format!("sha256:{}", "02".repeat(32))]));
        assert_eq!((&keys[1]["encrypted"], keys[1].get("publicKey")), (&json!(true), None));
        assert_eq!(keys[2]["kind"], "public");
    }

    #[test]
    fn nothing_hidden_stands_in_the_text() {
        let evil = certificate(3, "x\u{202e}\u{1b}[2J\u{200b}\u{9b}", "ca", 1);
        let place = origin(OriginKind::File, "/\u{feff}evil\u{2028}", "", None);
        let inventory =
            Inventory { holdings: vec![holding(place, [Content::Certificate(Arc::new(evil))])], ..Inventory::default() };
        let text = text(View::Inspection, &inventory);
        assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text}");
        assert!(text.contains("CN=x\\u202e\\u001b[2J\\u200b\\u009b"), "{text}");
        assert!(text.ends_with("}\n"));
    }
}
