//! Handshakes and the upgrade in JSON.

use super::values::{Id, Instant, Rows, Text};
use crate::audit::{self, Policy};
use crate::model::handshake::{self, Fault as ModelFault, Participant};
use crate::model::{Code, Standing};
use crate::report::preflight::go;
use crate::report::{Report, View};
use crate::verify::KubernetesVersion;
use schemars::JsonSchema;
use serde::Serialize;

/// What a preflight has besides findings.
#[derive(Serialize, JsonSchema)]
pub(super) struct Preflight<'r> {
    /// Every handshake of the cluster, judged, in the order of the table of handshakes.
    handshakes: Rows<'r, Handshake<'r>>,
    /// The versions between which the cluster is upgraded, and what that does to certificates.
    upgrade: Upgrade<'r>,
    /// What `kubeadm join --discovery-token-ca-cert-hash` wants, one for each CA that cluster-info names; absent without cluster-info.
    #[serde(rename = "discoveryTokenCaCertHashes", skip_serializing_if = "Vec::is_empty")]
    discovery_hashes: Vec<Id>,
}

impl<'r> Preflight<'r> {
    /// The part of a preflight; other commands have none.
    pub(super) fn new(report: &Report<'r>) -> Option<Self> {
        let audit = report.audit;
        matches!(report.view, View::Preflight | View::Plan).then(|| Self {
            handshakes: Rows::new(|| audit.handshakes.iter().map(Handshake::new)),
            upgrade: Upgrade::new(&audit.upgrade, report.policy),
            discovery_hashes: audit.discovery_hashes.iter().copied().map(Id).collect(),
        })
    }
}

/// One TLS conversation of the cluster.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Handshake<'r> {
    /// Its name, the same from run to run.
    id: String,
    /// Who begins it: the program, behind it the name where there are several of its kind.
    client: Text<&'r Participant>,
    /// The client's host, where several are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_host: Option<&'r str>,
    /// Who answers.
    server: Text<&'r Participant>,
    /// The server's host, where several are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_host: Option<&'r str>,
    /// Whether it comes off: `broken` now or under the target version, `unknown` when something that was not looked at decides it.
    #[schemars(extend("enum" = ["ok", "broken", "unknown"]))]
    verdict: &'static str,
    /// When it breaks, or broke, by a date; null where none is known.
    breaks_at: Option<Instant>,
    /// The codes of what speaks against it; empty unless it is broken.
    reasons: Vec<&'static str>,
    /// What the server makes of the client.
    client_side: Side<'r>,
    /// What the client makes of the server.
    server_side: Side<'r>,
}

impl<'r> Handshake<'r> {
    fn new(handshake: &'r handshake::Handshake) -> Self {
        Self {
            id: handshake.id(),
            client: Text(&handshake.client),
            client_host: handshake.client.host.as_deref(),
            server: Text(&handshake.server),
            server_host: handshake.server.host.as_deref(),
            verdict: handshake.state().as_str(),
            breaks_at: handshake.breaks_at().map(Instant),
            reasons: handshake.reasons().into_iter().map(Code::as_str).collect(),
            client_side: Side::new(&handshake.client_side),
            server_side: Side::new(&handshake.server_side),
        }
    }
}

/// One end of a handshake: what it presents, and what the other end makes of it.
#[derive(Serialize, JsonSchema)]
struct Side<'r> {
    /// What the other end makes of it.
    #[schemars(extend("enum" = ["trusted", "notAsked", "refused", "refusedByTarget", "unknown"]))]
    standing: &'static str,
    /// The certificate presented; null where none is, or none is known.
    certificate: Option<Id>,
    /// How long this side holds: the first end of a certificate on its best path.
    until: Option<Instant>,
    /// The program that judges.
    judge: Option<&'r str>,
    /// The names that it must be valid for.
    names: Vec<&'r str>,
    /// Why nobody looks, or what is missing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'r str>,
    /// What speaks against it.
    faults: Vec<Fault<'r>>,
}

impl<'r> Side<'r> {
    fn new(side: &'r handshake::Side) -> Self {
        let (standing, why) = match &side.standing {
            Standing::Trusted => ("trusted", None),
            Standing::NotAsked(why) => ("notAsked", Some(why.as_str())),
            Standing::Refused(_) => ("refused", None),
            Standing::RefusedByTarget(_) => ("refusedByTarget", None),
            Standing::Unknown(why) => ("unknown", Some(why.as_str())),
        };
        Self {
            standing,
            certificate: side.certificate.map(Id),
            until: side.until.map(Instant),
            judge: side.judge.as_deref(),
            names: side.names.iter().map(String::as_str).collect(),
            why,
            faults: side.faults().iter().map(Fault::new).collect(),
        }
    }
}

/// What speaks against one end.
#[derive(Serialize, JsonSchema)]
struct Fault<'r> {
    /// The finding code that names it.
    code: &'static str,
    /// The certificate at fault, which need not be the one presented.
    certificate: Option<Id>,
    /// The facts, in words.
    message: &'r str,
    /// Since when, where a date made it so.
    since: Option<Instant>,
}

impl<'r> Fault<'r> {
    fn new(fault: &'r ModelFault) -> Self {
        Self {
            code: fault.code.as_str(),
            certificate: fault.certificate.map(Id),
            message: &fault.message,
            since: fault.since.map(Instant),
        }
    }
}

/// The versions between which a cluster is upgraded, and what that does to certificates.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Upgrade<'r> {
    /// The Kubernetes version that the cluster has; null where nothing tells.
    from: Option<Text<KubernetesVersion>>,
    /// The one that it is to have; null without `--target`.
    target: Option<Text<KubernetesVersion>>,
    /// The Go that `from` is built with.
    go_from: Option<String>,
    /// The Go that `target` is built with.
    go_target: Option<String>,
    /// What the upgrade itself does to certificates, in the order of importance.
    notes: Vec<Note<'r>>,
}

impl<'r> Upgrade<'r> {
    /// What was asked for counts before what was found.
    fn new(upgrade: &'r audit::Upgrade, policy: &Policy) -> Self {
        let (from, target) = (policy.from.or(upgrade.present), policy.target.or(upgrade.target));
        Self {
            from: from.map(Text),
            target: target.map(Text),
            go_from: from.and_then(go),
            go_target: target.and_then(go),
            notes: upgrade.notes.iter().map(Note::new).collect(),
        }
    }
}

/// One thing that an upgrade does.
#[derive(Serialize, JsonSchema)]
struct Note<'r> {
    /// What it is about.
    about: &'r str,
    /// What happens.
    text: &'r str,
    /// Where it is written.
    citation: &'static str,
}

impl<'r> Note<'r> {
    fn new(note: &'r audit::Note) -> Self {
        Self { about: &note.about, text: &note.text, citation: note.citation }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::preflight::sample::{healthy, look, troubled};
    use crate::report::schema::schema;
    use serde_json::{Value, json};

    fn document() -> Value {
        serde_json::from_str(&troubled().shown(Format::Json, &look())).unwrap()
    }

    #[test]
    fn it_is_valid_by_the_schema_and_the_schema_looks() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        let good = document();
        let errors: Vec<_> = schema.iter_errors(&good).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert!(schema.is_valid(&serde_json::from_str(&healthy().shown(Format::Json, &look())).unwrap()));
        for (pointer, value) in [
            ("/handshakes/0/verdict", json!("fine")),
            ("/handshakes/0/breaksAt", json!(1)),
            ("/handshakes/0/clientSide/standing", json!("ok")),
            ("/handshakes/0/clientSide/certificate", json!("0303")),
            ("/handshakes/8/serverSide/faults/0/code", json!(1)),
            ("/upgrade/target", json!(1.33)),
            ("/upgrade/notes/0/citation", json!(null)),
            ("/findings/0/handshakes", json!("kubelet→kube-apiserver")),
        ] {
            let mut document = good.clone();
            *document.pointer_mut(pointer).unwrap() = value;
            assert!(!schema.is_valid(&document), "{pointer}");
        }
        for (pointer, field) in [("/handshakes/0", "reasons"), ("/handshakes/0", "breaksAt"), ("/handshakes/0", "id")] {
            let mut document = good.clone();
            document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field).unwrap();
            assert!(!schema.is_valid(&document), "{pointer} without {field}");
        }
    }

    #[test]
    fn a_handshake_is_as_promised() {
        let document = document();
        let broken = &document["handshakes"][8];
        let wanted = json!({
            "id": "kube-apiserver→webhook policy.example.com",
            "client": "kube-apiserver",
            "server": "webhook policy.example.com",
            "verdict": "broken",
            "breaksAt": "2026-10-30T00:00:00Z",
            "reasons": ["cabundle-stale"],
            "clientSide": {
                "standing": "notAsked", "certificate": null, "until": null, "judge": null, "names": [],
                "why": "webhooks take no client certificate", "faults": []
            },
            "serverSide": {
                "standing": "refused", "certificate": null, "until": null, "judge": null, "names": [],
                "faults": [{
                    "code": "cabundle-stale", "certificate": format!("sha256:{}", "14".repeat(32)),
                    "message": "the caBundle of policy.example.com does not verify what its service serves",
                    "since": "2026-10-30T00:00:00Z"
                }]
            }
        });
        assert_eq!(broken, &wanted);
        assert_eq!(document["handshakes"][0]["breaksAt"], "2026-12-12T00:00:00Z");
        let words = |pointer: &str| document.pointer(pointer).unwrap().clone();
        assert_eq!(words("/handshakes/7/serverSide/standing"), "refusedByTarget");
        assert_eq!(words("/handshakes/6/verdict"), "unknown");
        assert_eq!(words("/findings/0/handshake"), "kube-apiserver→webhook policy.example.com");
        assert_eq!(words("/findings/3/because"), "cabundle-stale");
        assert_eq!(words("/findings/3/handshake"), Value::Null);
        let upgrade = json!({"from": "1.32.4", "target": "1.33", "goFrom": "1.23.3", "goTarget": "1.24.2"});
        for (field, value) in upgrade.as_object().unwrap() {
            assert_eq!(&document["upgrade"][field], value);
        }
        assert_eq!(document["upgrade"]["notes"].as_array().unwrap().len(), 2);
    }
}
