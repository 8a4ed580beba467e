//! A trust question and its answers in JSON.

use super::values::{Id, Instant, Text};
use crate::chain::{Graph, NodeId, SignatureCheck};
use crate::report::{Report, Verification};
use crate::verify::{self, Attempt, Evidence, Name, Outcome, Purpose, Reason, Rejection, advice};
use schemars::JsonSchema;
use serde::Serialize;

/// What was asked, and what each verifier answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Answers<'r> {
    /// What was asked; absent when there was no certificate to ask about.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<Question<'r>>,
    /// The answers, in the order in which the verifiers were named.
    verdicts: Vec<Verdict<'r>>,
}

impl<'r> Answers<'r> {
    pub(super) fn new(report: &Report<'r>) -> Option<Self> {
        let first = report.verifications.first()?;
        let answers = |verification: &'r Verification<'r>| {
            verification.verdicts.iter().map(|verdict| Verdict::new(report.graph, verification, verdict))
        };
        Some(Self {
            // Questions about servers differ in nothing but the server and its name.
            question: first.question.filter(|_| first.peer.is_none()).map(|question| Question::new(report.graph, question)),
            verdicts: report.verifications.iter().flat_map(answers).collect(),
        })
    }
}

/// A trust question.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Question<'r> {
    /// The certificate that it is about.
    end_entity: Id,
    /// Certificates that are at hand and not trusted.
    intermediates: Vec<Id>,
    /// Trust anchors.
    anchors: Vec<Id>,
    /// What the certificate is to be used for.
    #[schemars(extend("enum" = ["any", "server", "client"]))]
    purpose: &'static str,
    /// Names that it must be valid for.
    names: Vec<Text<&'r Name>>,
    /// The instant.
    at: Instant,
    /// Revocation lists.
    crls: Vec<Id>,
    /// Certificates between end entity and anchor at most; absent for the verifier's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_depth: Option<usize>,
}

impl<'r> Question<'r> {
    fn new(graph: &Graph<'_>, question: &'r verify::Question<'_>) -> Self {
        Self {
            end_entity: id(graph, question.end_entity),
            intermediates: ids(graph, &question.intermediates),
            anchors: ids(graph, &question.anchors),
            purpose: match question.purpose {
                Purpose::Any => "any",
                Purpose::Server => "server",
                Purpose::Client => "client",
            },
            names: question.names.iter().map(Text).collect(),
            at: Instant(question.at),
            crls: question.crls.iter().map(|list| Id(list.id)).collect(),
            max_depth: question.max_depth,
        }
    }
}

/// The answer of one verifier.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Verdict<'r> {
    /// The server that it is about; absent where it is about a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'r str>,
    /// Who judged.
    verifier: Text<verify::Verifier>,
    /// Whether the certificate is trusted.
    trusted: bool,
    /// The same, with `unknown` for what could not be told.
    #[schemars(extend("enum" = ["trusted", "not-trusted", "unknown"]))]
    outcome: &'static str,
    /// The most useful reason.
    headline: &'r str,
    /// Every path and dead end, the best first.
    paths: Vec<Path<'r>>,
    /// Paths and dead ends that were found and are not listed.
    omitted_paths: usize,
    /// What would make it trusted, the likeliest way first.
    advice: Vec<String>,
    /// What else a reader must know: options that this verifier ignores, budgets, certificates passed over.
    notes: &'r [String],
}

impl<'r> Verdict<'r> {
    fn new(graph: &Graph<'_>, verification: &'r Verification<'r>, verdict: &'r verify::Verdict) -> Self {
        let ways = verification.question.map(|question| {
            let ways = advice(graph, question, verdict);
            ways.iter().map(|way| way.words(graph, question)).collect()
        });
        Self {
            endpoint: verification.peer.map(|peer| &*peer.document.source),
            verifier: Text(verdict.verifier),
            trusted: verdict.outcome == Outcome::Trusted,
            outcome: verdict.outcome.as_str(),
            headline: &verdict.headline,
            paths: verdict.paths.iter().map(|path| Path::new(graph, verdict, path)).collect(),
            omitted_paths: verdict.omitted,
            advice: ways.unwrap_or_default(),
            notes: &verdict.notes,
        }
    }
}

/// One path, as far as it came.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Path<'r> {
    /// Its certificates, the end entity first; the last is a trust anchor, or where it ended.
    certificates: Vec<Id>,
    /// Whether it is trusted.
    trusted: bool,
    /// When the first of its certificates ends.
    expires_at: Option<Instant>,
    /// Why it is not trusted.
    rejections: Vec<Refusal<'r>>,
    /// How each certificate hangs on the next; one fewer than there are certificates.
    links: Vec<Link>,
}

impl<'r> Path<'r> {
    fn new(graph: &Graph<'_>, verdict: &verify::Verdict, path: &'r Attempt) -> Self {
        Self {
            certificates: ids(graph, &path.nodes),
            trusted: path.is_trusted(),
            expires_at: verdict.expires_at(path, graph).map(Instant),
            rejections: path.rejections.iter().map(|rejection| Refusal::new(graph, rejection)).collect(),
            links: path.links.iter().copied().map(Link::new).collect(),
        }
    }
}

/// Why a path is refused.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rejection")]
struct Refusal<'r> {
    /// The kind of reason; a finding code where one says the same.
    code: &'static str,
    /// The certificate that it concerns.
    certificate: Id,
    /// The facts.
    message: &'r str,
    /// Where it is written that this must be so.
    citation: &'static str,
    /// The rule.
    rule: &'static str,
}

impl<'r> Refusal<'r> {
    fn new(graph: &Graph<'_>, rejection: &'r Rejection) -> Self {
        Self {
            code: Reason::as_str(rejection.reason),
            certificate: id(graph, rejection.node),
            message: &rejection.message,
            citation: rejection.citation,
            rule: rejection.rule,
        }
    }
}

/// What speaks for a certificate being the issuer of the one before.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Link {
    /// Whether the key identifiers agree; null when one is absent.
    key_id_matches: Option<bool>,
    /// What the signature says; null where the verifier did not come to check it.
    #[schemars(extend("enum" = ["valid", "invalid", "unsupported", null]))]
    signature: Option<&'static str>,
}

impl Link {
    fn new(evidence: Evidence) -> Self {
        let signature = evidence.signature.map(|check| match check {
            SignatureCheck::Valid => "valid",
            SignatureCheck::Invalid => "invalid",
            SignatureCheck::Unsupported => "unsupported",
        });
        Self { key_id_matches: evidence.key_id, signature }
    }
}

fn id(graph: &Graph<'_>, node: NodeId) -> Id {
    Id(graph.certificate(node).id)
}

fn ids(graph: &Graph<'_>, nodes: &[NodeId]) -> Vec<Id> {
    nodes.iter().map(|node| id(graph, *node)).collect()
}

#[cfg(test)]
mod tests {
    use crate::audit::{Audit, Policy};
    use crate::chain::{Graph, NodeId, SignatureCheck};
    use crate::model::Inventory;
    use crate::report::fixture::{AT, ByName, small_cluster};
    use crate::report::schema::schema;
    use crate::report::{Detail, Format, Look, Report, Verification, View};
    use crate::verify::{Attempt, Evidence, Outcome, Purpose, Question, Reason, Rejection, Verdict, Verifier};
    use serde_json::{Value, json};

    fn document(inventory: &Inventory, question: Option<&Question<'_>>, verdicts: &[Verdict]) -> Value {
        let graph = Graph::build(inventory, &ByName);
        let (audit, policy) = (Audit::default(), Policy::at(AT));
        let look = Look { colour: false, unicode: false, width: 80, detail: Detail::Normal, home: None };
        let verification = Verification { peer: None, question, verdicts };
        let report = Report {
            view: View::Verification,
            inventory,
            graph: &graph,
            audit: &audit,
            policy: &policy,
            look: &look,
            plan: None,
            verifications: &[verification],
        };
        let mut out = Vec::new();
        report.render(Format::Json, &mut out).unwrap();
        let document = serde_json::from_slice(&out).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        document
    }

    fn question() -> Question<'static> {
        Question {
            end_entity: NodeId(1),
            intermediates: Vec::new(),
            anchors: vec![NodeId(0)],
            purpose: Purpose::Client,
            names: vec!["a.example".parse().unwrap(), "::1".parse().unwrap()],
            at: AT,
            crls: Vec::new(),
            max_depth: Some(3),
        }
    }

    fn expired() -> Verdict {
        let rejection = Rejection {
            reason: Reason::Expired,
            rule: "go/dates",
            node: NodeId(1),
            message: "ended 2026-11-19".to_owned(),
            citation: "RFC 5280 section 4.1.2.5",
        };
        let link = Evidence { key_id: None, signature: Some(SignatureCheck::Valid) };
        let attempt = Attempt { nodes: vec![NodeId(1), NodeId(0)], links: vec![link], rejections: vec![rejection] };
        Verdict {
            verifier: Verifier::newest_go(),
            outcome: Outcome::NotTrusted,
            headline: "ended 2026-11-19".to_owned(),
            paths: vec![attempt],
            omitted: 2,
            notes: vec!["a note".to_owned()],
        }
    }

    #[test]
    fn a_verdict_has_every_field_of_the_contract() {
        let document = document(&small_cluster(), Some(&question()), &[expired()]);
        let (ca, admin) = (format!("sha256:{}", "01".repeat(32)), format!("sha256:{}", "02".repeat(32)));
        let wanted = json!([{
            "verifier": Verifier::newest_go().to_string(), "trusted": false, "outcome": "not-trusted", "headline": "ended 2026-11-19",
            "paths": [{
                "certificates": [admin, ca], "trusted": false, "expiresAt": "2026-11-19T00:00:00Z",
                "rejections": [{
                    "code": "expired", "certificate": admin, "message": "ended 2026-11-19", "citation": "RFC 5280 section 4.1.2.5",
                    "rule": "go/dates"
                }],
                "links": [{ "keyIdMatches": null, "signature": "valid" }]
            }],
            "omittedPaths": 2,
            "advice": ["trusted if CN=admin is renewed: it ended 2026-11-19 (3 days ago)"],
            "notes": ["a note"]
        }]);
        assert_eq!(document["verdicts"], wanted);
        let wanted = json!({
            "endEntity": admin, "intermediates": [], "anchors": [ca], "purpose": "client", "names": ["a.example", "::1"],
            "at": "2026-11-22T00:00:00Z", "crls": [], "maxDepth": 3
        });
        assert_eq!(document["question"], wanted);
        assert_eq!((&document["kind"], &document["summary"]["worst"]), (&json!("Verification"), &json!("critical")));
    }

    #[test]
    fn nothing_to_ask_is_never_trusted() {
        let verdict = Verdict::unasked(Verifier::OpenSsl, "there is no certificate to judge");
        let document = document(&Inventory::default(), None, &[verdict]);
        assert_eq!(document["verdicts"][0]["trusted"], false);
        assert_eq!(document["verdicts"][0]["outcome"], "unknown");
        assert_eq!((document.get("question"), &document["summary"]["worst"]), (None, &json!("unknown")));
    }
}
