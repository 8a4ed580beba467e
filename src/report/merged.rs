//! What several runs found, as one report: lines of `check -o jsonl` in, one document out.
//!
//! Nothing is judged anew, for a line has no certificate in it, only what it says; so this is no inventory, and has renderers of its own.
//! What is kept is what is different: a certificate once with its places, a finding once with its places.

mod json;
mod line;
mod nagios;
mod source;

use super::{Format, Look, text};
use crate::audit::CHECKS;
use crate::model::Severity;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::mem;
use time::OffsetDateTime;

pub(super) use json::{Document, summary};
pub(super) use line::{Facts, Finding, Id, Instant, Origin};
pub use source::Source;

/// What is known so far.
#[derive(Default)]
pub struct Merged {
    certificates: Vec<Certificate>,
    by_id: HashMap<Id, usize>,
    findings: Vec<Joined>,
    by_words: HashMap<Words, usize>,
    defects: BTreeSet<line::Defect>,
    /// The latest instant of a run.
    at: Option<Instant>,
    /// Files that were read.
    sources: usize,
    /// Lines of them that say nothing.
    unread: usize,
}

/// A certificate and where it stands.
pub(super) struct Certificate {
    pub(super) facts: Facts,
    pub(super) origins: BTreeSet<Origin>,
}

/// Code, severity and message: findings that have them in common say the same.
type Words = (Box<str>, &'static str, Box<str>);

/// A finding of several runs.
struct Joined {
    first: Finding,
    certificates: BTreeSet<Id>,
    origins: BTreeSet<Origin>,
    handshakes: BTreeSet<Box<str>>,
}

impl Merged {
    fn as_of(&mut self, at: Instant) {
        self.at = self.at.max(Some(at));
    }

    fn certificate(&mut self, certificate: line::Certificate) {
        self.as_of(certificate.evaluated_at);
        let next = self.certificates.len();
        let known = *self.by_id.entry(certificate.facts.id.clone()).or_insert(next);
        match self.certificates.get_mut(known) {
            Some(known) => known.origins.extend(certificate.origins),
            None => self
                .certificates
                .push(Certificate { facts: certificate.facts, origins: certificate.origins.into_iter().collect() }),
        }
    }

    fn defect(&mut self, defect: line::Defect) {
        self.defects.insert(defect);
    }

    fn finding(&mut self, mut finding: Finding) {
        let words = (finding.code.clone(), Severity::from(finding.severity).as_str(), finding.message.clone());
        let next = self.findings.len();
        let known = *self.by_words.entry(words).or_insert(next);
        let (certificates, origins) = (mem::take(&mut finding.certificates), mem::take(&mut finding.origins));
        let handshakes = mem::take(&mut finding.handshakes).into_iter().chain(finding.handshake.take());
        if let Some(known) = self.findings.get_mut(known) {
            known.certificates.extend(certificates);
            known.origins.extend(origins);
            known.handshakes.extend(handshakes);
        } else {
            let handshakes = handshakes.collect();
            let (certificates, origins) = (certificates.into_iter().collect(), origins.into_iter().collect());
            self.findings.push(Joined { first: finding, certificates, origins, handshakes });
        }
    }

    /// All of it, in order: dates as of the latest run, else of `now`; findings as a check has them.
    #[must_use]
    pub fn finish(self, now: OffsetDateTime) -> Report {
        let at = self.at.map_or(now, |at| at.0);
        let mut certificates = self.certificates;
        for certificate in &mut certificates {
            certificate.facts.seconds_left = certificate.facts.not_after.0.unix_timestamp() - at.unix_timestamp();
        }
        let mut findings: Vec<Finding> = self.findings.into_iter().map(Joined::finding).collect();
        let rank =
            |finding: &Finding| CHECKS.iter().position(|check| check.code.as_str() == &*finding.code).unwrap_or(usize::MAX);
        findings
            .sort_by_cached_key(|finding| (Reverse(Severity::from(finding.severity)), rank(finding), finding.message.clone()));
        Report { at, certificates, findings, defects: self.defects, sources: self.sources, unread: self.unread }
    }
}

impl Joined {
    fn finding(self) -> Finding {
        let mut finding = self.first;
        finding.certificates = self.certificates.into_iter().collect();
        finding.origins = self.origins.into_iter().collect();
        finding.handshakes = self.handshakes.into_iter().collect();
        finding.handshake = finding.handshakes.first().cloned();
        finding
    }
}

/// What all runs found.
pub struct Report {
    pub(super) at: OffsetDateTime,
    pub(super) certificates: Vec<Certificate>,
    pub(super) findings: Vec<Finding>,
    defects: BTreeSet<line::Defect>,
    pub(super) sources: usize,
    unread: usize,
}

impl Report {
    /// The worst of the findings; without a certificate it cannot be told.
    #[must_use]
    pub fn worst(&self) -> Severity {
        let nothing = self.certificates.is_empty().then_some(Severity::Unknown);
        self.findings.iter().map(|finding| finding.severity.into()).chain(nothing).max().unwrap_or(Severity::Info)
    }

    /// Places with a certificate.
    pub(super) fn places(&self) -> usize {
        self.certificates.iter().map(|certificate| certificate.origins.len()).sum()
    }

    /// Writes the report; in formats that it does not have nothing.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, format: Format, look: &Look, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Text => text::merged(self, look, out),
            Format::Json => Document::new(self).write(out),
            Format::Nagios => nagios::render(self, out),
            Format::Prometheus | Format::Markdown | Format::Script => Ok(()),
        }
    }

    /// Writes the report as lines that can be merged again.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn lines(&self, out: &mut dyn io::Write) -> io::Result<()> {
        json::lines(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::AT;
    use crate::report::preflight::sample;
    use crate::report::schema::schema;
    use serde_json::{Value, json};

    fn certificate(number: u8, source: &str, not_after: &str) -> Value {
        json!({
            "apiVersion": "kcert/v1", "kind": "Certificate", "evaluatedAt": "2026-11-22T00:00:00Z",
            "id": format!("sha256:{}", format!("{number:02x}").repeat(32)), "subject": format!("CN={number}"), "issuer": "CN=ca",
            "serial": {"hex": "01", "decimal": "1"}, "notBefore": "2025-01-01T00:00:00Z", "notAfter": not_after, "secondsLeft": 7,
            "isCA": false, "pathLen": null, "publicKey": {"algorithm": "ECDSA", "curve": "P-256", "bits": 256, "spkiSha256": "00"},
            "signatureAlgorithm": "ecdsa-with-SHA256", "sans": {"dns": [], "ip": [], "email": [], "uri": []}, "keyUsage": [],
            "extendedKeyUsage": [], "subjectKeyId": null, "authorityKeyId": null, "selfSigned": false, "kubernetes": null,
            "origins": [{"kind": "secret", "source": source, "field": "data[tls.crt]", "index": 0}]
        })
    }

    fn finding(severity: &str, message: &str, source: &str) -> Value {
        json!({
            "apiVersion": "kcert/v1", "kind": "Finding", "code": "expiring", "severity": severity, "message": message, "hint": "renew",
            "certificates": [], "origins": [{"kind": "file", "source": source, "field": "", "index": 0}], "handshake": null,
            "evidence": {"names": ["a"], "secondsLeft": 5, "text": "t"}
        })
    }

    fn summary() -> Value {
        json!({
            "apiVersion": "kcert/v1", "kind": "Summary", "evaluatedAt": "2026-11-22T00:00:00Z", "certificates": 1, "defects": 0,
            "worst": "ok"
        })
    }

    fn lines(lines: &[Value]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>().concat()
    }

    /// Files in blocks of so many bytes.
    fn merged(files: &[String], block: usize) -> Report {
        let mut merged = Merged::default();
        for (number, file) in files.iter().enumerate() {
            let mut source = Source::new(&format!("{number}.jsonl"), &mut merged);
            file.as_bytes().chunks(block).for_each(|block| source.feed(block));
            source.end();
        }
        merged.finish(AT)
    }

    fn document(report: &Report) -> Value {
        let mut out = Vec::new();
        report.render(Format::Json, &sample::look(), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    fn two() -> [String; 2] {
        let end = "2027-01-01T00:00:00Z";
        let first = [certificate(1, "a/x", end), certificate(2, "a/y", end), finding("warning", "soon", "/a"), summary()];
        let mut later = summary();
        later["evaluatedAt"] = json!("2026-11-23T00:00:00Z");
        let second = [certificate(1, "b/x", end), finding("critical", "now", "/b"), finding("warning", "soon", "/b"), later];
        [lines(&first), lines(&second)]
    }

    #[test]
    fn the_same_is_one_with_every_place() {
        for block in [1, 7, 1 << 20] {
            let report = merged(&two(), block);
            let document = document(&report);
            let sources = |value: &Value| {
                let origins = value["origins"].as_array().unwrap().iter();
                origins.map(|origin| origin["source"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(sources(&document["certificates"][0]), ["a/x", "b/x"]);
            assert_eq!(document["findings"][0]["message"], "now", "worst first");
            assert_eq!(sources(&document["findings"][1]), ["/a", "/b"]);
            assert_eq!(document["evaluatedAt"], "2026-11-23T00:00:00Z", "of the latest run");
            assert_eq!(document["certificates"][0]["secondsLeft"], 39 * 86_400);
            let wanted = json!({
                "certificates": 3, "unique": 2, "defects": 0, "worst": "critical", "earliestExpiry": "2027-01-01T00:00:00Z"
            });
            assert_eq!(document["summary"], wanted);
            assert!(jsonschema::validator_for(&schema()).unwrap().is_valid(&document));
        }
    }

    #[test]
    fn what_was_merged_can_be_merged_again() {
        let report = merged(&two(), 1 << 20);
        let mut out = Vec::new();
        report.lines(&mut out).unwrap();
        let schema = jsonschema::validator_for(&schema()).unwrap();
        let written: Vec<Value> = out.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert!(written.len() == 6 && written.iter().all(|line| schema.is_valid(line)), "{written:#?}");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(document(&merged(&[text.clone(), text], 1 << 20)), document(&report));
    }

    #[test]
    fn bad_lines_are_told_by_number_and_never_by_what_they_hold() {
        let end = "2027-01-01T00:00:00Z";
        let mut newer = certificate(2, "a", end);
        newer["apiVersion"] = json!("kcert/v2");
        let mut no_id = certificate(3, "a", end);
        no_id["id"] = json!("hunter2");
        let bad = format!("hunter2\n\n{}{{\"password\":\"hunter2\"}}\n", lines(&[newer, no_id]));
        let file = format!("{bad}{}{}", lines(&[certificate(1, "a", end)]), lines(&[summary()]));
        let report = merged(&[file], 5);
        let document = document(&report);
        let told: Vec<_> = document["findings"].as_array().unwrap().iter().map(|it| it["message"].as_str().unwrap()).collect();
        let data = "is no line that kcert writes";
        let wanted =
            ["line 1 is not JSON".to_owned(), format!("line 3 {data}"), format!("line 4 {data}"), format!("line 5 {data}")];
        assert_eq!(told, wanted);
        assert_eq!((report.worst(), report.certificates.len()), (Severity::Unknown, 1));
        assert!(!document.to_string().contains("hunter2"));
    }

    #[test]
    fn what_no_line_has_does_not_get_through() {
        let mut line = certificate(1, "a", "2027-01-01T00:00:00Z");
        line["privateKey"] = json!("hunter2");
        line["origins"][0]["token"] = json!("hunter2");
        line["publicKey"]["d"] = json!("hunter2");
        let mut finding = finding("warning", "soon", "/a");
        finding["key"] = json!("hunter2");
        let document = document(&merged(&[lines(&[line, finding, summary()])], 64));
        assert_eq!(document["certificates"].as_array().unwrap().len(), 1);
        assert!(!document.to_string().contains("hunter2"));
    }

    #[test]
    fn results_that_were_cut_off_are_not_fine() {
        let [first, _] = two();
        let without = |cut: usize| &first[..first.len() - cut];
        let cut_between_lines = first.trim_end().rfind('\n').unwrap() + 1;
        for file in ["", without(5), &first[..cut_between_lines]] {
            let report = merged(&[file.to_owned()], 64);
            assert_eq!(report.worst(), Severity::Unknown, "{file}");
            assert!(report.findings.iter().any(|finding| finding.message.starts_with("the summary ")), "{file}");
        }
        assert_eq!(merged(&[without(1).to_owned()], 64).worst(), Severity::Warning, "a last line without its end is whole");
    }

    #[test]
    fn many_bad_lines_are_counted() {
        let report = merged(&["x\n".repeat(1000)], 64);
        assert_eq!(report.findings.len(), 10 + 1 + 1);
        assert!(report.findings.iter().any(|finding| &*finding.message == "990 more lines are no results"));
        assert_eq!(document(&report)["summary"]["defects"], 1000);
    }

    #[test]
    fn without_a_certificate_nothing_can_be_told() {
        let report = merged(&[lines(&[summary()])], 64);
        assert_eq!((report.worst(), report.findings.len()), (Severity::Unknown, 0));
    }

    #[test]
    fn names_do_not_act_on_a_terminal() {
        let mut line = certificate(1, "a\u{1b}[2J", "2026-11-25T00:00:00Z");
        line["subject"] = json!("CN=\u{202e}x|y");
        let evil = finding("critical", "m\u{9b}\n|", "/\u{200b}");
        let report = merged(&[lines(&[line, evil, summary()])], 64);
        for format in [Format::Text, Format::Nagios, Format::Json] {
            let mut out = Vec::new();
            report.render(format, &sample::look(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.chars().all(|c| "\n×✓✗·".contains(c) || (' '..='~').contains(&c)), "{text}");
        }
    }
}
