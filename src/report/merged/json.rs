//! The merged report in JSON: a document of the kind `Check`, or lines.

use super::line::{Defect, Facts, Finding, Instant, Origin};
use super::{Certificate, Report};
use crate::model::Severity;
use crate::report::json::ApiVersion;
use crate::report::json::formatter::Escaping;
use crate::report::jsonl::SummaryLine;
use serde::Serialize;
use serde_json::Serializer;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use time::OffsetDateTime;

/// The document: that of `check`, by the same schema. Lines tell of no hosts and no conversations, so it has none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Document<'m> {
    api_version: ApiVersion,
    kind: &'static str,
    evaluated_at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<&'m str>,
    certificates: Vec<Whole<'m>>,
    findings: &'m [Finding],
    hosts: [(); 0],
    summary: Summary,
}

/// A certificate with its places.
#[derive(Serialize)]
struct Whole<'m> {
    #[serde(flatten)]
    facts: &'m Facts,
    origins: &'m BTreeSet<Origin>,
}

impl<'m> From<&'m Certificate> for Whole<'m> {
    fn from(certificate: &'m Certificate) -> Self {
        Self { facts: &certificate.facts, origins: &certificate.origins }
    }
}

/// The whole in numbers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    certificates: usize,
    unique: usize,
    defects: usize,
    worst: &'static str,
    earliest_expiry: Option<Instant>,
}

impl<'m> Document<'m> {
    pub(super) fn new(report: &'m Report) -> Self {
        let worst = Some(report.worst()).filter(|worst| *worst > Severity::Info);
        let summary = Summary {
            certificates: report.places(),
            unique: report.certificates.len(),
            defects: report.defects.len() + report.unread,
            worst: worst.map_or("ok", Severity::as_str),
            earliest_expiry: report.certificates.iter().map(|certificate| certificate.facts.not_after).min(),
        };
        Self {
            api_version: ApiVersion::V1,
            kind: "Check",
            evaluated_at: Instant(report.at),
            shard: None,
            certificates: report.certificates.iter().map(Whole::from).collect(),
            findings: &report.findings,
            hosts: [],
            summary,
        }
    }

    /// The document of a run to whose shard no source fell.
    pub(in crate::report) fn idle(kind: &'static str, at: OffsetDateTime, shard: &'m str) -> Self {
        let summary = Summary { certificates: 0, unique: 0, defects: 0, worst: "ok", earliest_expiry: None };
        Self {
            api_version: ApiVersion::V1,
            kind,
            evaluated_at: Instant(at),
            shard: Some(shard),
            certificates: Vec::new(),
            findings: &[],
            hosts: [],
            summary,
        }
    }

    /// Writes it, indented, with a final newline.
    pub(in crate::report) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 16, out);
        self.serialize(&mut Serializer::with_formatter(&mut out, Escaping::pretty()))?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

/// A line of any kind but the last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<T> {
    api_version: ApiVersion,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluated_at: Option<Instant>,
    #[serde(flatten)]
    content: T,
}

/// A certificate at one place.
#[derive(Serialize)]
struct Single<'m> {
    #[serde(flatten)]
    facts: &'m Facts,
    origins: [&'m Origin; 1],
}

/// Every place, defect and finding, and the summary: what a check of everything would have written.
pub(super) fn lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let at = Some(Instant(report.at));
    for Certificate { facts, origins } in &report.certificates {
        for origin in origins {
            let content = Single { facts, origins: [origin] };
            line(&Line { api_version: ApiVersion::V1, kind: "Certificate", evaluated_at: at, content }, out)?;
        }
    }
    for content in &report.defects {
        line(&Line::<&Defect> { api_version: ApiVersion::V1, kind: "Defect", evaluated_at: None, content }, out)?;
    }
    for content in &report.findings {
        line(&Line::<&Finding> { api_version: ApiVersion::V1, kind: "Finding", evaluated_at: None, content }, out)?;
    }
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let defects = number(report.defects.len() + report.unread);
    summary(report.at, number(report.places()), defects, Some(report.worst()), out)
}

/// The line in which a check ends.
pub(in crate::report) fn summary(
    at: OffsetDateTime,
    certificates: u64,
    defects: u64,
    worst: Option<Severity>,
    out: &mut dyn Write,
) -> io::Result<()> {
    line(&SummaryLine::new(at, certificates, defects, worst), out)
}

fn line(content: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    content.serialize(&mut Serializer::with_formatter(&mut *out, Escaping::compact()))?;
    out.write_all(b"\n")
}
