//! The merged report as a monitoring plugin's output: the state, the earliest end, and a line for each finding.

use super::line::Finding;
use super::{Facts, Report};
use crate::model::{Severity, when};
use crate::report::nagios::{FINDINGS, shortened, shown, word};
use std::io::{self, BufWriter, Write};

/// Severities that are counted, worst first.
const COUNTED: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Unknown];

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let count = |severity| report.findings.iter().filter(|finding| Severity::from(finding.severity) == severity).count();
    let counts = COUNTED.map(|severity| (severity.as_str(), count(severity)));
    let total = report.certificates.len();
    let first = report.certificates.iter().map(|certificate| &certificate.facts).min_by_key(|facts| facts.not_after);
    let headline = first.map_or_else(|| "no certificate found".to_owned(), |first| ending(report, first));
    let found = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}, "));
    let found = found.collect::<Vec<_>>().concat();
    let perfdata = counts.map(|(word, count)| format!("{word}={count} ")).concat();
    let certificates = format!("{total} certificate{}", if total == 1 { "" } else { "s" });
    writeln!(out, "KCERT {} - {headline}; {found}{certificates} | {perfdata}certificates={total}", word(report.worst()))?;
    for finding in report.findings.iter().take(FINDINGS) {
        writeln!(out, "{}", line(finding))?;
    }
    let more = report.findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        writeln!(out, "... and {more} more")?;
    }
    out.flush()
}

fn ending(report: &Report, first: &Facts) -> String {
    let verb = if first.not_after.0 < report.at { "ended" } else { "ends" };
    format!("{} {verb} {}", shown(&shortened(first.name())), when::relative(report.at, first.not_after.0))
}

fn line(finding: &Finding) -> String {
    let more = match finding.origins.len() {
        0 | 1 => String::new(),
        places => format!(" and {} more", places - 1),
    };
    let place = finding.origins.first().map(|origin| format!(" ({origin}{more})")).unwrap_or_default();
    let hint = if finding.hint.is_empty() { String::new() } else { format!(" - {}", finding.hint) };
    shown(&format!("{} {}: {}{place}{hint}", word(finding.severity.into()), finding.code, finding.message))
}
