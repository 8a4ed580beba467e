//! What `kcert explain` found, as one JSON object.

use super::certificate::Certificate;
use super::findings::{Facts, FactsSchema, Finding};
use super::formatter::Escaping;
use super::plan::Plan;
use super::values::{Instant, Rows};
use super::{ApiVersion, certificates};
use crate::explain::{self, Kind};
use crate::model::Code;
use crate::report::explanation::Explanations;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Serializer;
use std::io::{self, Write};

/// Writes the explanations as one JSON object, indented, with a final newline.
///
/// # Errors
/// Those of `out`.
pub(in crate::report) fn render(explanations: &Explanations<'_>, out: &mut dyn Write) -> io::Result<()> {
    ExplanationDocument::new(explanations).serialize(&mut Serializer::with_formatter(&mut *out, Escaping::pretty()))?;
    out.write_all(b"\n")
}

/// What kind of document this is.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum DocumentKind {
    Explanation,
}

/// What the errors in a log mean.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct ExplanationDocument<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of document this is.
    kind: DocumentKind,
    /// The instant that dates are told from.
    evaluated_at: Instant,
    /// Every different error, those that others follow from first.
    explanations: Vec<Explained<'r>>,
    /// Where nothing was recognised: the kinds whose words come nearest, best first.
    nearest: Vec<Near>,
    /// With sources: the certificates among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Rows<'r, Certificate<'r>>>,
    /// With sources: the findings of the audit whose codes belong to what is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Rows<'r, Finding<'r>>>,
    /// With sources: the plan that mends these findings, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan<'r>>,
    /// The whole in numbers.
    summary: Counts,
}

/// An error, explained.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Explained<'r> {
    /// The name of its kind; stable.
    id: &'static str,
    /// The cause, in a sentence.
    cause: &'static str,
    /// Who began the handshake; null where the text does not tell.
    client: Option<String>,
    /// Who answered; null where the text does not tell.
    server: Option<String>,
    /// The end that refused the other's certificate; null where none did or the text does not tell.
    #[schemars(extend("enum" = ["client", "server", null]))]
    refused_by: Option<&'static str>,
    /// The finding code that says the same, one of those of `kcert checks`; null where none does.
    code: Option<&'static str>,
    /// Further codes under which the reason may be found.
    related: Vec<&'static str>,
    /// Lines that say so.
    count: u64,
    /// The number of the first of them, from 1.
    line: u64,
    /// That line, without what may be secret.
    text: &'r str,
    /// When the first was written; null where lines carry no time.
    first_seen: Option<Instant>,
    /// When the last was written.
    last_seen: Option<Instant>,
    /// What the text tells: times, names, places.
    #[schemars(with = "FactsSchema<'r>")]
    facts: Facts<'r>,
    /// Commands that look closer; what the text does not tell stands in capitals.
    look: &'r [String],
    /// What to do.
    actions: &'r [String],
    /// The error among these that this one follows from, by its id.
    follows: Option<&'static str>,
    /// Where it was met before, or where its words are made.
    citations: &'static [&'static str],
}

impl<'r> Explained<'r> {
    fn new(one: &'r explain::Explanation, all: &[explain::Explanation]) -> Self {
        Self {
            id: one.kind.id,
            cause: one.kind.cause,
            client: one.client.as_ref().map(ToString::to_string),
            server: one.server.as_ref().map(ToString::to_string),
            refused_by: one.refused_by.map(explain::End::as_str),
            code: one.kind.code.map(Code::as_str),
            related: one.kind.family.iter().map(|code| code.as_str()).collect(),
            count: one.count,
            line: one.line,
            text: &one.sample,
            first_seen: one.first.map(Instant),
            last_seen: one.last.map(Instant),
            facts: Facts(&one.facts),
            look: &one.look,
            actions: &one.act,
            follows: one.follows.and_then(|cause| all.get(cause)).map(|cause| cause.kind.id),
            citations: one.kind.cites,
        }
    }
}

/// A kind that comes near.
#[derive(Serialize, JsonSchema)]
struct Near {
    /// The name of the kind.
    id: &'static str,
    /// What it is.
    cause: &'static str,
    /// How it reads in a log.
    example: &'static str,
}

impl Near {
    fn new(kind: &'static Kind) -> Self {
        Self { id: kind.id, cause: kind.cause, example: kind.examples.first().copied().unwrap_or_default() }
    }
}

/// The whole in numbers.
#[derive(Serialize, JsonSchema)]
struct Counts {
    /// Lines read.
    lines: u64,
    /// Lines that were recognised.
    recognised: u64,
    /// Recognised lines of different errors beyond those that are listed.
    omitted: u64,
}

impl<'r> ExplanationDocument<'r> {
    fn new(explanations: &Explanations<'r>) -> Self {
        let explained = explanations.explained;
        let all = &explained.explanations;
        let report = explanations.sources.map(|sources| sources.report);
        Self {
            api_version: ApiVersion::V1,
            kind: DocumentKind::Explanation,
            evaluated_at: Instant(explanations.at),
            explanations: all.iter().map(|one| Explained::new(one, all)).collect(),
            nearest: explained.nearest.iter().copied().map(Near::new).collect(),
            certificates: report.map(certificates),
            findings: report.map(|report| Rows::new(|| report.audit.findings.iter().map(Finding::new))),
            plan: report.and_then(|report| report.plan).map(Plan::new),
            summary: Counts {
                lines: explained.lines,
                recognised: all.iter().map(|one| one.count).sum::<u64>() + explained.omitted,
                omitted: explained.omitted,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::Explainer;
    use crate::model::{Code, OriginKind, Severity};
    use crate::report::Format;
    use crate::report::explanation::{Explanations, Sources};
    use crate::report::fixture::{AT, finding, origin, report, small_cluster};
    use crate::report::schema::schema;
    use crate::report::{Detail, Look, View};
    use serde_json::{Value, json};

    fn document(log: &str, with_sources: &[&str]) -> Value {
        let look = Look { colour: false, unicode: false, width: 80, detail: Detail::Normal, home: None };
        let mut reader = Explainer::new(AT);
        reader.feed(log.as_bytes());
        let explained = reader.finish();
        let inventory = small_cluster();
        let findings = with_sources
            .iter()
            .map(|path| finding(Code::Expired, Severity::Critical, vec![origin(OriginKind::File, path, "", None)]));
        let mut out = Vec::new();
        report(View::Check, &inventory, findings.collect(), |report| {
            let sources = Some(Sources { report, others: 0 }).filter(|_| !with_sources.is_empty());
            Explanations { explained: &explained, at: AT, look: &look, sources }.render(Format::Json, &mut out)
        })
        .unwrap();
        let document = serde_json::from_slice(&out).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        document
    }

    #[test]
    fn explanations_are_valid_by_the_schema() {
        let log = "x\nGet \"https://10.0.0.1:6443/api/v1\": x509: certificate has expired or is not yet valid: \
                   current time 2026-11-21T19:00:43Z is after 2026-11-21T19:00:31Z\n";
        let document = document(log, &["/pki/apiserver.crt"]);
        let one = &document["explanations"][0];
        assert_eq!((&one["id"], &one["code"], &one["line"]), (&json!("expired"), &json!("expired"), &json!(2)));
        assert_eq!(
            (&one["server"], &one["client"], &one["refusedBy"]),
            (&json!("kube-apiserver"), &Value::Null, &json!("client"))
        );
        assert_eq!(one["facts"]["notAfter"], "2026-11-21T19:00:31Z");
        assert_eq!(one["facts"]["secondsApart"], 12);
        assert_eq!(one["look"][0], "kcert probe tls 10.0.0.1:6443");
        assert_eq!((&document["kind"], &document["findings"][0]["code"]), (&json!("Explanation"), &json!("expired")));
        assert_eq!(document["summary"], json!({"lines": 2, "recognised": 1, "omitted": 0}));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let document = document("citadel: the root chain and the pool do not fit", &[]);
        assert_eq!(document["explanations"], json!([]));
        assert_eq!(document["nearest"][0]["id"], "istio-ca-invalid");
        assert!(document.get("findings").is_none() && document.get("certificates").is_none());
    }
}
