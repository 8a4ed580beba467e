//! One certificate a line, written as it is found, for inputs larger than memory: nothing is kept but a few numbers.
//!
//! Without an inventory there is no graph: a line says what the certificate itself says. Every place is a line of its own, so the same
//! certificate may come again, under the same `id`. Whoever keeps an inventory beside it can add the findings at the end.

use super::json::ApiVersion;
use super::json::certificate::{Certificate, Origin};
use super::json::findings::Finding;
use super::json::formatter::Escaping;
use super::json::peers::Peer as PeerFacts;
use super::json::values::{Instant, Rows, Text};
use crate::audit::{Policy, Standing};
use crate::chain::{SignatureCheck, SignatureOps};
use crate::model::inventory::Host;
use crate::model::{
    self, Collect, Content, DefectKind, Fact, Holding, Kubeconfig, OriginKind, Peer, Position, Severity, Sha256, SigningRequest,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Serializer;
use std::collections::HashMap;
use std::io;
use time::OffsetDateTime;

/// Writes what it is handed, a line for each certificate and each defect.
pub struct Lines<'w> {
    out: &'w mut dyn io::Write,
    policy: &'w Policy,
    own_signatures: OwnSignatures<'w>,
    summary: Summary,
    /// What the last server presented, until its conversation comes.
    served: Option<Holding>,
    failure: Option<io::Error>,
}

/// What was met on the way: enough to choose an exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Places with a certificate.
    pub certificates: u64,
    /// Things that could not be read as they should be.
    pub defects: u64,
    /// Whether something of that kept kcert from reading on.
    pub unread: bool,
    /// The worst that defects and the certificates' own dates give.
    pub worst: Option<Severity>,
}

impl<'w> Lines<'w> {
    /// Lines to `out`, judged by `policy`. `crypto` tells self-signed from self-issued.
    #[must_use]
    pub fn new(out: &'w mut dyn io::Write, policy: &'w Policy, crypto: &'w dyn SignatureOps) -> Self {
        let own_signatures = OwnSignatures { crypto, known: HashMap::new() };
        Self { out, policy, own_signatures, summary: Summary::default(), served: None, failure: None }
    }

    /// What was met.
    ///
    /// # Errors
    /// The first of `out`; nothing was written after it.
    pub fn finish(mut self) -> io::Result<Summary> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.out.flush().map(|()| self.summary),
        }
    }

    /// Writes a finding as a line.
    pub fn finding(&mut self, finding: &model::Finding) {
        let line = FindingLine { api_version: ApiVersion::V1, kind: FindingLineKind::Finding, finding: Finding::new(finding) };
        self.write(&line);
    }

    /// Writes the line in which a check ends: who reads it knows that nothing was cut off. `findings` are all that were written.
    pub fn summary(&mut self, findings: &[model::Finding]) {
        let worst = findings.iter().map(|finding| finding.severity).max();
        let nothing = (self.summary.certificates == 0).then_some(Severity::Unknown);
        self.write(&SummaryLine::new(self.policy.at, self.summary.certificates, self.summary.defects, worst.max(nothing)));
    }

    fn certificate(&mut self, certificate: &model::Certificate, holding: &Holding, index: usize) {
        self.summary.certificates += 1;
        let severity = match self.policy.standing(certificate) {
            Standing::Valid => None,
            Standing::Expiring(severity) => Some(severity),
            Standing::Expired | Standing::NotYetValid => Some(Severity::Critical),
        };
        self.summary.worst = self.summary.worst.max(severity);
        let origins = Rows::new(|| std::iter::once(Origin::at(holding, index)));
        let own_signature = || self.own_signatures.valid(certificate);
        let line = CertificateLine {
            api_version: ApiVersion::V1,
            kind: CertificateKind::Certificate,
            evaluated_at: Instant(self.policy.at),
            certificate: Certificate::new(certificate, self.policy.at, own_signature, origins),
        };
        self.write(&line);
    }

    fn defect(&mut self, defect: &model::Defect, holding: &Holding, index: usize) {
        self.summary.defects += 1;
        self.summary.unread |= defect.kind.severity() == Severity::Unknown;
        self.summary.worst = self.summary.worst.max(Some(defect.kind.severity()));
        let line = DefectLine {
            api_version: ApiVersion::V1,
            kind: DefectLineKind::Defect,
            code: defect.kind.code().as_str(),
            message: Text(&defect.kind),
            position: defect.position.map(LineAndColumn::new),
            origins: [Origin::at(holding, index)],
        };
        self.write(&line);
    }

    fn write(&mut self, line: &impl Serialize) {
        if self.failure.is_none() {
            let written = line
                .serialize(&mut Serializer::with_formatter(&mut *self.out, Escaping::compact()))
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n"));
            self.failure = written.err();
        }
    }
}

impl Collect for Lines<'_> {
    fn holding(&mut self, holding: Holding) {
        for (index, content) in holding.contents.iter().enumerate() {
            match content {
                Content::Certificate(certificate) => self.certificate(certificate, &holding, index),
                Content::Defect(defect) => self.defect(defect, &holding, index),
                _ => {}
            }
        }
        self.served = (holding.origin.document.kind == OriginKind::Peer).then_some(holding);
    }

    fn kubeconfig(&mut self, _kubeconfig: Kubeconfig) {}

    fn signing_request(&mut self, _request: SigningRequest) {}

    fn host(&mut self, _host: Host) {}

    /// Whoever waits for servers wants to see each as it comes.
    fn peer(&mut self, peer: Peer) {
        let served = self.served.take().filter(|holding| holding.origin.place() == peer.origin.place());
        self.write(&PeerLine {
            api_version: ApiVersion::V1,
            kind: PeerLineKind::Peer,
            peer: PeerFacts::new(&peer, served.as_ref(), None),
        });
        if self.failure.is_none() {
            self.failure = self.out.flush().err();
        }
    }

    fn fact(&mut self, _fact: Fact) {}

    fn examined(&mut self, _count: u64) {}
}

/// Whether certificates are signed by their own key, remembered: the same few CAs stand at thousands of places.
struct OwnSignatures<'w> {
    crypto: &'w dyn SignatureOps,
    known: HashMap<Sha256, bool>,
}

/// Certificates remembered at most; then all are forgotten, which costs time only.
const REMEMBERED: usize = 4096;

impl OwnSignatures<'_> {
    /// The judgement of [`Graph::is_self_signed`](crate::chain::Graph::is_self_signed).
    fn valid(&mut self, certificate: &model::Certificate) -> bool {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let check = || match self.crypto.check(certificate, certificate) {
            SignatureCheck::Valid => true,
            SignatureCheck::Invalid => false,
            SignatureCheck::Unsupported => {
                certificate.authority_key_id.is_none() || certificate.authority_key_id == certificate.subject_key_id
            }
        };
        *self.known.entry(certificate.id).or_insert_with(check)
    }
}

/// A line that is a certificate at one place.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateLine<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of line this is.
    kind: CertificateKind,
    /// The instant that dates are judged at.
    evaluated_at: Instant,
    #[serde(flatten)]
    certificate: Certificate<'r>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum CertificateKind {
    Certificate,
}

/// A line that is something which could not be read as it should be.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DefectLine<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of line this is.
    kind: DefectLineKind,
    /// The finding code.
    code: &'static str,
    /// What is wrong.
    message: Text<&'r DefectKind>,
    /// Where in the text of the source it was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<LineAndColumn>,
    /// The place.
    origins: [Origin<'r>; 1],
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum DefectLineKind {
    Defect,
}

/// A line that is something wrong, after everything was read (`check`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingLine<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of line this is.
    kind: FindingLineKind,
    #[serde(flatten)]
    finding: Finding<'r>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum FindingLineKind {
    Finding,
}

/// A line that is a conversation with a server; lines of what it presented come before it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeerLine<'r> {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of line this is.
    kind: PeerLineKind,
    #[serde(flatten)]
    peer: PeerFacts<'r>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum PeerLineKind {
    Peer,
}

/// The line in which a check ends.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SummaryLine {
    /// The version of the output.
    api_version: ApiVersion,
    /// What kind of line this is.
    kind: SummaryKind,
    /// The instant that dates are judged at.
    evaluated_at: Instant,
    /// Places with a certificate.
    certificates: u64,
    /// Things that could not be read as they should be.
    defects: u64,
    /// The worst severity among the findings, as in the summary of a document.
    #[schemars(extend("enum" = ["ok", "warning", "unknown", "critical"]))]
    worst: &'static str,
}

impl SummaryLine {
    pub(super) fn new(at: OffsetDateTime, certificates: u64, defects: u64, worst: Option<Severity>) -> Self {
        Self {
            api_version: ApiVersion::V1,
            kind: SummaryKind::Summary,
            evaluated_at: Instant(at),
            certificates,
            defects,
            worst: worst.filter(|worst| *worst > Severity::Info).map_or("ok", Severity::as_str),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum SummaryKind {
    Summary,
}

/// A position in a text, counted from 1.
#[derive(Serialize, JsonSchema)]
struct LineAndColumn {
    /// The line.
    line: u64,
    /// The column, in characters.
    column: u64,
}

impl LineAndColumn {
    fn new(position: Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Defect, OriginKind};
    use crate::report::fixture::{AT, ByName, certificate, finding, holding, origin, small_cluster};
    use crate::report::schema::schema;
    use serde_json::Value;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_place_is_a_line_by_the_schema() {
        let policy = Policy::at(AT);
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, &policy, &ByName);
        small_cluster().drain_into(&mut lines);
        let defect = Defect { kind: DefectKind::Base64, position: Some(Position { line: 3, column: 1 }) };
        lines.holding(holding(origin(OriginKind::File, "x", "", None), [Content::Defect(Arc::new(defect))]));
        let summary = lines.finish().unwrap();
        assert_eq!(summary, Summary { certificates: 4, defects: 1, unread: true, worst: Some(Severity::Critical) });

        let schema = jsonschema::validator_for(&schema()).unwrap();
        let lines: Vec<Value> = out.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert!(lines.iter().all(|line| schema.is_valid(line)));
        let of = |field: &str| lines.iter().map(|line| line[field].to_string()).collect::<Vec<_>>();
        assert_eq!(of("kind"), [r#""Certificate""#; 4].into_iter().chain([r#""Defect""#]).collect::<Vec<_>>());
        assert_eq!(of("selfSigned"), ["true", "false", "true", "false", "null"]);
        assert_eq!(lines[4]["message"], "is not base64");
        assert_eq!(lines[3]["origins"][0]["source"], "ns/admin");
        let mut spoilt = lines[0].clone();
        spoilt["notAfter"] = Value::Null;
        assert!(!schema.is_valid(&spoilt));
    }

    #[test]
    fn the_worst_standing_is_kept() {
        let worst = |days: &[i64]| {
            let policy = Policy::at(AT);
            let mut out = Vec::new();
            let mut lines = Lines::new(&mut out, &policy, &ByName);
            for days in days {
                let contents = [Content::Certificate(Arc::new(certificate(1, "a", "b", *days)))];
                lines.holding(holding(origin(OriginKind::File, "x", "", None), contents));
            }
            lines.finish().unwrap().worst
        };
        assert_eq!(worst(&[100]), None);
        assert_eq!(worst(&[20, 100]), Some(Severity::Warning));
        assert_eq!(worst(&[20, 3, 100]), Some(Severity::Critical));
        assert_eq!(worst(&[400]), Some(Severity::Critical), "not yet valid");
    }

    #[test]
    fn a_check_ends_with_its_summary() {
        let last = |inventory: model::Inventory, severities: &[Severity]| {
            let (policy, mut out) = (Policy::at(AT), Vec::new());
            let mut lines = Lines::new(&mut out, &policy, &ByName);
            inventory.drain_into(&mut lines);
            let findings: Vec<_> =
                severities.iter().map(|severity| finding(model::Code::Expiring, *severity, Vec::new())).collect();
            lines.summary(&findings);
            lines.finish().unwrap();
            let line: Value = serde_json::from_slice(out.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap()).unwrap();
            assert!(jsonschema::validator_for(&schema()).unwrap().is_valid(&line), "{line}");
            assert_eq!(line["kind"], "Summary");
            (line["certificates"].as_u64().unwrap(), line["worst"].as_str().unwrap().to_owned())
        };
        assert_eq!(last(small_cluster(), &[Severity::Info]), (4, "ok".to_owned()));
        assert_eq!(last(small_cluster(), &[Severity::Warning, Severity::Critical]), (4, "critical".to_owned()));
        assert_eq!(last(model::Inventory::default(), &[]), (0, "unknown".to_owned()));
    }

    #[test]
    fn a_signature_is_checked_once() {
        struct Counting(AtomicU32);
        impl SignatureOps for Counting {
            fn check(&self, _: &model::Certificate, _: &model::Certificate) -> SignatureCheck {
                self.0.fetch_add(1, Ordering::Relaxed);
                SignatureCheck::Invalid
            }
        }
        let (policy, counting, mut out) = (Policy::at(AT), Counting(AtomicU32::new(0)), Vec::new());
        let mut lines = Lines::new(&mut out, &policy, &counting);
        small_cluster().drain_into(&mut lines);
        small_cluster().drain_into(&mut lines);
        lines.finish().unwrap();
        assert_eq!(counting.0.load(Ordering::Relaxed), 1, "one self-issued certificate, at four places");
        assert!(!String::from_utf8(out).unwrap().contains("\"selfSigned\":true"));
    }

    #[test]
    fn the_first_failure_to_write_is_kept_and_ends_the_writing() {
        struct Closed<'c>(&'c Cell<u32>);
        impl io::Write for Closed<'_> {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.set(self.0.get() + 1);
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (policy, writes) = (Policy::at(AT), Cell::new(0));
        let mut closed = Closed(&writes);
        let mut lines = Lines::new(&mut closed, &policy, &ByName);
        small_cluster().drain_into(&mut lines);
        assert_eq!(lines.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(writes.get(), 1);
    }
}
