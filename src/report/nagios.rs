//! A monitoring plugin's output (Nagios, Icinga): `KCERT STATE - text | perfdata`, then a line for each finding.
//!
//! Old relays cut the output after a kilobyte or less, so the earliest end comes first and everything is bounded.

use super::escape::visible;
use super::preflight::{Naming, Preflight};
use super::{Report, View};
use crate::chain::NodeId;
use crate::model::{Certificate, Finding, OriginKind, Severity, when};
use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};
use time::OffsetDateTime;

/// Certificates with performance data, those that end first.
const CERTIFICATES: usize = 20;
/// Findings with a line of their own, the worst.
pub(super) const FINDINGS: usize = 100;
/// Characters of a name that are shown, so that what follows is not cut off.
const NAME: usize = 60;
/// Characters of a label that must be unique: RRD keeps no more.
const LABEL: usize = 19;

/// Writes the plugin output.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let ends = Ends::new(report);
    let preflight = (report.view == View::Preflight).then(|| Preflight::of(report));
    let headline = headline(report, &ends, preflight.as_ref());
    writeln!(out, "KCERT {} - {headline} | {}", word(report.worst()), perfdata(report, &ends, preflight.as_ref()))?;
    for finding in report.audit.findings.iter().take(FINDINGS) {
        writeln!(out, "{}", line(finding))?;
    }
    let more = report.audit.findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        writeln!(out, "... and {more} more")?;
    }
    out.flush()
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "OK",
        Severity::Warning => "WARNING",
        Severity::Unknown => "UNKNOWN",
        Severity::Critical => "CRITICAL",
    }
}

/// The certificates by their end, the earliest first, under the names that people know them by.
struct Ends<'r>(Vec<(&'r Certificate, String)>);

impl<'r> Ends<'r> {
    fn new(report: &Report<'r>) -> Self {
        let mut ends: Vec<_> = report.graph.nodes().map(|(node, certificate)| (&**certificate, name(report, node))).collect();
        ends.sort_by_key(|(certificate, _)| certificate.validity.not_after);
        Self(ends)
    }
}

/// The job that a certificate has, else the server that presents it, else its common name.
fn name(report: &Report<'_>, node: NodeId) -> String {
    let certificate = report.graph.certificate(node);
    let job = report.graph.occurrences(node).iter().find_map(|&(holding, _)| {
        let origin = &report.inventory.holdings.get(usize::try_from(holding).ok()?)?.origin;
        let role = origin.role.filter(|role| role.is_ca() == certificate.is_ca())?;
        let host = origin.document.host.as_ref().map(|host| format!("{host}/")).unwrap_or_default();
        Some(format!("{host}{}", role.as_str()))
    });
    let server = || {
        let places = report.graph.occurrences(node).iter();
        let mut holdings = places.filter_map(|&(holding, _)| report.inventory.holdings.get(usize::try_from(holding).ok()?));
        let holding = holdings.find(|holding| holding.origin.document.kind == OriginKind::Peer && !certificate.is_ca())?;
        let which = if holding.loopback().is_some() { " loopback" } else { "" };
        Some(format!("{}{which}", holding.origin.document.source))
    };
    job.or_else(server)
        .unwrap_or_else(|| certificate.subject.common_name().map_or_else(|| certificate.display_name(), str::to_owned))
}

/// A preflight's answer comes before what every check says.
fn headline(report: &Report<'_>, ends: &Ends<'_>, preflight: Option<&Preflight<'_>>) -> String {
    let health = health(report, ends);
    let Some(preflight) = preflight else { return health };
    let clauses = preflight.clauses();
    let words = clauses.iter().map(|clause| match clause.handshakes.first().filter(|_| clause.naming == Naming::First) {
        Some(first) => format!("{} ({})", clause.words, shortened(&first.id().replace('→', "->"))),
        None => clause.words.clone(),
    });
    shown(&format!("{}: {}; {health}", preflight.verdict(), words.collect::<Vec<_>>().join(", ")))
}

fn health(report: &Report<'_>, ends: &Ends<'_>) -> String {
    let Some((first, name)) = ends.0.first() else {
        // Without a certificate the reason is all that there is.
        let worst = report.audit.findings.first().filter(|worst| worst.severity > Severity::Info);
        return worst.map_or_else(|| "no certificate found".to_owned(), |worst| shown(&shortened(&worst.message)));
    };
    let end = first.validity.not_after;
    let verb = if first.validity.is_over(report.policy.at) { "ended" } else { "ends" };
    let when = format!("{verb} {}", when::relative(report.policy.at, end));
    let counts = [Severity::Critical, Severity::Warning, Severity::Unknown].into_iter().filter_map(|severity| {
        let count = count(report, severity);
        (count > 0).then(|| format!("{count} {} ({})", severity.as_str(), codes(report, severity)))
    });
    let total = ends.0.len();
    let certificates = format!("{total} certificate{}", if total == 1 { "" } else { "s" });
    let counts: Vec<_> = counts.chain([certificates]).collect();
    format!("{} {when}; {}", shown(&shortened(name)), counts.join(", "))
}

/// The codes of the findings of a severity, each once, in their order.
fn codes(report: &Report<'_>, severity: Severity) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for finding in report.audit.findings.iter().filter(|finding| finding.severity == severity) {
        if !codes.contains(&finding.code.as_str()) {
            codes.push(finding.code.as_str());
        }
    }
    codes.join(" ")
}

fn count(report: &Report<'_>, severity: Severity) -> usize {
    report.audit.findings.iter().filter(|finding| finding.severity == severity).count()
}

pub(super) fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// Text on one line, without the sign that begins performance data.
pub(super) fn shown(text: &str) -> String {
    visible(text).replace('|', "\\u{7c}")
}

/// Days left of the certificates that end first, with their thresholds, then the counts.
fn perfdata(report: &Report<'_>, ends: &Ends<'_>, preflight: Option<&Preflight<'_>>) -> String {
    let handshakes = preflight.map(|preflight| {
        let (broken, unknown) = preflight.counts();
        [("handshakes_broken", broken), ("handshakes_unknown", unknown)]
    });
    let counts = [
        ("critical", count(report, Severity::Critical)),
        ("warning", count(report, Severity::Warning)),
        ("unknown", count(report, Severity::Unknown)),
        ("certificates", ends.0.len()),
    ];
    let counts: Vec<_> = counts.into_iter().chain(handshakes.into_iter().flatten()).collect();
    let mut labels = Labels::reserving(counts.iter().map(|(label, _)| *label));
    let days = ends.0.iter().take(CERTIFICATES).map(|(certificate, name)| {
        let margins = report.policy.margins(certificate.validity);
        let left = until(certificate.validity.not_after, report.policy.at);
        let (warn, crit) = (days(margins.warn.whole_seconds()), days(margins.crit.whole_seconds()));
        format!("'{}'={};{warn}:;{crit}:", labels.unique(name), days(left))
    });
    let days: Vec<_> = days.collect();
    let counts = counts.iter().map(|(label, count)| format!("{label}={count}"));
    days.into_iter().chain(counts).collect::<Vec<_>>().join(" ")
}

fn until(end: OffsetDateTime, at: OffsetDateTime) -> i64 {
    end.unix_timestamp() - at.unix_timestamp()
}

/// Seconds as days, to the hundredth.
fn days(seconds: i64) -> String {
    let hundredths = seconds.saturating_mul(100) / 86_400;
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
    if part == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:02}") }
}

/// Labels of letters, digits and `.-_`, different from each other in the characters that RRD keeps.
struct Labels {
    /// What RRD keeps of them.
    taken: HashSet<String>,
    repeats: HashMap<String, usize>,
}

impl Labels {
    fn reserving<'l>(labels: impl Iterator<Item = &'l str>) -> Self {
        Self { taken: labels.map(str::to_owned).collect(), repeats: HashMap::new() }
    }

    fn unique(&mut self, name: &str) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
        let name: String = name.chars().map(allowed).take(NAME).collect();
        let kept: String = name.chars().take(LABEL).collect();
        if self.taken.insert(kept.clone()) {
            return name;
        }
        loop {
            let repeat = self.repeats.entry(kept.clone()).or_insert(1);
            *repeat += 1;
            let suffix = format!("_{repeat}");
            let label: String = kept.chars().take(LABEL.saturating_sub(suffix.len())).chain(suffix.chars()).collect();
            if self.taken.insert(label.clone()) {
                return label;
            }
        }
    }
}

/// A finding with its first place and what to do.
fn line(finding: &Finding) -> String {
    let more = match finding.origins.len() {
        0 | 1 => String::new(),
        places => format!(" and {} more", places - 1),
    };
    let place = finding.origins.first().map(|(origin, _)| format!(" ({origin}{more})")).unwrap_or_default();
    let hint = if finding.hint.is_empty() { String::new() } else { format!(" - {}", finding.hint) };
    shown(&format!("{} {}: {}{place}{hint}", word(finding.severity), finding.code, finding.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Content, Inventory, OriginKind, Role};
    use crate::report::Format;
    use crate::report::fixture::{AT, certificate, finding, holding, origin, report, small_cluster};
    use crate::report::preflight::sample::{healthy, look, troubled};
    use std::sync::Arc;
    use time::Duration;

    fn output(inventory: &Inventory, findings: Vec<Finding>) -> String {
        let mut out = Vec::new();
        report(View::Check, inventory, findings, |report| render(report, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn certificates(all: Vec<Certificate>) -> Inventory {
        let contents = all.into_iter().map(|certificate| Content::Certificate(Arc::new(certificate)));
        Inventory { holdings: vec![holding(origin(OriginKind::File, "/x", "", None), contents)], ..Inventory::default() }
    }

    #[test]
    fn the_earliest_end_comes_first_and_every_finding_has_a_line() {
        let place = |source| origin(OriginKind::Kubeconfig, source, "users[admin].client-certificate-data", Some(Role::Admin));
        let findings = vec![
            finding(Code::Expired, Severity::Critical, vec![place("/a.conf"), place("/b.conf")]),
            finding(Code::KeyExposed, Severity::Warning, Vec::new()),
        ];
        let wanted = "KCERT CRITICAL - admin ended 3 days ago; 1 critical (expired), 1 warning (key-exposed), 2 certificates | 'admin'=-3;30:;7: \
            'ca'=3000;30:;7: critical=1 warning=1 unknown=0 certificates=2\n\
            CRITICAL expired: it \\u{7c} ends\\u{a}soon (/a.conf users[admin].client-certificate-data and 1 more) - renew it\n\
            WARNING key-exposed: it \\u{7c} ends\\u{a}soon - renew it\n";
        assert_eq!(output(&small_cluster(), findings), wanted);
    }

    #[test]
    fn a_preflight_begins_with_its_answer() {
        let output = troubled().shown(Format::Nagios, &look());
        let wanted = "KCERT CRITICAL - NO-GO for 1.33: 1 handshake broken, 1 would break, 1 breaks in 20 days (admin->kube-apiserver), \
            1 not looked at; kubernetes-admin ends in 20 days; 2 critical (cabundle-stale rejected-by-target), ";
        assert!(output.starts_with(wanted), "{output}");
        let first = output.lines().next().unwrap();
        assert!(first.ends_with(" critical=2 warning=2 unknown=0 certificates=10 handshakes_broken=2 handshakes_unknown=1"));
        assert!(healthy().shown(Format::Nagios, &look()).starts_with("KCERT OK - GO: 7 handshakes hold, "));
    }

    #[test]
    fn the_state_is_the_worst_finding() {
        let state = |severities: &[Severity]| {
            let findings = severities.iter().map(|severity| finding(Code::Expiring, *severity, Vec::new())).collect();
            output(&small_cluster(), findings).split(' ').nth(1).map(str::to_owned)
        };
        assert_eq!(state(&[]).as_deref(), Some("OK"));
        assert_eq!(state(&[Severity::Info]).as_deref(), Some("OK"));
        assert_eq!(state(&[Severity::Warning, Severity::Unknown]).as_deref(), Some("UNKNOWN"));
        assert_eq!(state(&[Severity::Unknown, Severity::Critical]).as_deref(), Some("CRITICAL"));
    }

    #[test]
    fn without_a_certificate_nothing_is_known() {
        let wanted = "KCERT UNKNOWN - no certificate found | critical=0 warning=0 unknown=0 certificates=0\n";
        assert_eq!(output(&Inventory::default(), Vec::new()), wanted);
    }

    #[test]
    fn no_name_begins_performance_data_or_a_line() {
        let evil = certificate(1, "a | b=1;;\n'OK'\u{1b}[m", "x", 5);
        let output = output(&certificates(vec![evil]), Vec::new());
        assert_eq!((output.matches('|').count(), output.matches('\n').count()), (1, 1), "{output}");
        assert!(output.contains(" | 'a___b_1____OK___m'=5;30:;7: "), "{output}");
    }

    #[test]
    fn short_lived_certificates_have_thresholds_as_shares() {
        let mut workload = certificate(1, "workload", "x", 0);
        workload.validity.not_before = AT - Duration::hours(12);
        workload.validity.not_after = AT + Duration::hours(12);
        assert!(
            output(&certificates(vec![workload]), Vec::new())
                .contains("ends in 12 hours; 1 certificate | 'workload'=0.50;0.33:;0.10: ")
        );
    }

    #[test]
    fn labels_differ_in_the_characters_that_are_kept() {
        let mut labels = Labels::reserving(["critical"].into_iter());
        let names = ["apiserver-kubelet-client-a", "apiserver-kubelet-client-b", "apiserver-kubelet-client-b", "critical", "é"];
        let labels: Vec<_> = names.iter().map(|name| labels.unique(name)).collect();
        assert_eq!(labels, ["apiserver-kubelet-client-a", "apiserver-kubelet_2", "apiserver-kubelet_3", "critical_2", "_"]);
        let kept: HashSet<_> = labels.iter().map(|label| label.get(..LABEL).unwrap_or(label)).collect();
        assert_eq!(kept.len(), labels.len());
    }

    #[test]
    fn what_is_long_is_cut() {
        let many = (0..50).map(|number| certificate(number, &format!("{number}{}", "n".repeat(5000)), "x", 100)).collect();
        let findings = (0..500).map(|_| finding(Code::Expiring, Severity::Warning, Vec::new())).collect();
        let output = output(&certificates(many), findings);
        assert_eq!(output.lines().count(), 1 + FINDINGS + 1);
        assert!(output.lines().next().is_some_and(|line| line.len() < 2048));
        assert!(output.ends_with("... and 400 more\n"));
    }

    #[test]
    fn days_are_exact_to_the_hundredth() {
        let rows = [(0, "0"), (86_400, "1"), (-43_200, "-0.50"), (864, "0.01"), (i64::MIN, "-1067519911673.00")];
        for (seconds, wanted) in &rows[..4] {
            assert_eq!(days(*seconds), *wanted);
        }
        assert!(days(rows[4].0).starts_with('-'), "and nothing overflows");
    }
}
