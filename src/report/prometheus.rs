//! Prometheus text exposition format, for node_exporter's textfile collector.
//!
//! Names and labels are those of x509-certificate-exporter v4, so that its alerts and its dashboard work unchanged; `kcert_*` stands
//! only for what it does not have. The collector refuses a file with one bad line as a whole, so nothing that an attacker names may end
//! a line or make two series alike.

mod handshakes;
mod labels;
mod series;
mod sources;

use super::Report;
use crate::model::{Certificate, CertificateList, Content, Severity};
use labels::{PlaceLabels, certificate_labels, crl_labels};
use series::{Series, distinct};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use time::OffsetDateTime;

/// Writes the metrics.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    certificates(report, &mut out)?;
    errors(report, &mut out)?;
    crls(report, &mut out)?;
    sources::write(report.inventory, &mut out)?;
    findings(report, &mut out)?;
    handshakes::write(&report.audit.handshakes, &mut out)?;
    family(&mut out, LAST_RUN, [("", report.policy.at.unix_timestamp())])?;
    out.flush()
}

/// A metric: name, type and help text.
type Metric = (&'static str, &'static str, &'static str);

/// A metric with what it says of a thing at an instant.
type Gauge<T, V> = (Metric, fn(&T, OffsetDateTime) -> V);

const CERT_ERROR: Metric = ("x509_cert_error", "gauge", "1 for a place where something could not be read as it should be.");
const EFFECTIVE: Metric = (
    "kcert_cert_effective_not_after",
    "gauge",
    "Unix timestamp of the first end on the certificate's best path: its own notAfter or an issuer's.",
);
const FINDINGS: Metric = ("kcert_findings", "gauge", "Number of findings by code and severity.");
const LAST_RUN: Metric = ("kcert_last_run_timestamp_seconds", "gauge", "Unix timestamp of the instant that was judged.");

/// Writes the samples of a metric under its heading; without samples nothing.
fn family<L: Display, V: Display>(
    out: &mut dyn Write,
    (name, kind, help): Metric,
    samples: impl IntoIterator<Item = (L, V)>,
) -> io::Result<()> {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_some() {
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
    }
    samples.try_for_each(|(labels, value)| match labels.to_string() {
        none if none.is_empty() => writeln!(out, "{name} {value}"),
        labels => writeln!(out, "{name}{{{labels}}} {value}"),
    })
}

/// The gauges of a certificate.
const CERTIFICATE: [Gauge<Certificate, i64>; 3] = [
    (("x509_cert_not_before", "gauge", "Unix timestamp of the certificate's NotBefore."), |certificate, _| {
        certificate.validity.not_before.unix_timestamp()
    }),
    (("x509_cert_not_after", "gauge", "Unix timestamp of the certificate's NotAfter."), |certificate, _| {
        certificate.validity.not_after.unix_timestamp()
    }),
    (("x509_cert_expired", "gauge", "1 if the certificate is expired, 0 otherwise."), |certificate, at| {
        i64::from(certificate.validity.is_over(at))
    }),
];

/// A different certificate with what its series share.
struct Subject<'r> {
    certificate: &'r Certificate,
    labels: String,
    effective_end: OffsetDateTime,
}

fn certificates(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let subject = |node, certificate| {
        let (effective_end, _) = report.graph.effective_end(node);
        Subject { certificate, labels: certificate_labels(certificate), effective_end }
    };
    let subjects: Vec<_> = report.graph.nodes().map(|(node, certificate)| (node, subject(node, certificate))).collect();
    let series = distinct(subjects.iter().flat_map(|(node, subject)| {
        report.graph.occurrences(*node).iter().filter_map(move |(holding, _)| {
            let origin = &report.inventory.holdings.get(usize::try_from(*holding).ok()?)?.origin;
            Some(Series::new(origin, &subject.labels, subject.certificate.id, subject))
        })
    }));
    CERTIFICATE.into_iter().try_for_each(|(metric, value)| {
        family(out, metric, series.iter().map(|series| (series, value(series.value.certificate, report.policy.at))))
    })?;
    family(out, EFFECTIVE, series.iter().map(|series| (series, series.value.effective_end.unix_timestamp())))
}

/// Places with a defect. A counter that a one-shot run writes never increases, so this is what an alert can see.
fn errors(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let broken = report.inventory.holdings.iter().filter(|holding| holding.defects().next().is_some());
    let places: BTreeSet<_> = broken.map(|holding| PlaceLabels::new(&holding.origin).to_string()).collect();
    family(out, CERT_ERROR, places.into_iter().map(|place| (place, 1)))
}

/// The gauges of a revocation list; `None` where it says nothing.
const CRL: [Gauge<CertificateList, Option<f64>>; 4] = [
    (("x509_crl_next_update", "gauge", "Unix timestamp of the CRL's nextUpdate (RFC 5280 section 5.1.2.5)."), |list, _| {
        list.next_update.map(timestamp)
    }),
    (("x509_crl_this_update", "gauge", "Unix timestamp of the CRL's thisUpdate (RFC 5280 section 5.1.2.4)."), |list, _| {
        Some(timestamp(list.this_update))
    }),
    (("x509_crl_number", "gauge", "Value of the CRL's cRLNumber extension (RFC 5280 section 5.2.3)."), |list, _| {
        let number = list.number.as_ref()?.decimal()?.parse().ok()?;
        f64::is_finite(number).then_some(number)
    }),
    (("x509_crl_stale", "gauge", "1 if the current time is past the CRL's nextUpdate, 0 otherwise."), |list, at| {
        list.next_update.map(|next| f64::from(u8::from(at > next)))
    }),
];

/// Seconds since 1970: the years 0 to 9999 fit into a double without loss.
#[expect(clippy::cast_precision_loss, reason = "the years 0 to 9999 take 38 bits")]
fn timestamp(at: OffsetDateTime) -> f64 {
    at.unix_timestamp() as f64
}

fn crls(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lists = || {
        report.inventory.holdings.iter().flat_map(|holding| {
            holding.contents.iter().filter_map(move |content| match content {
                Content::Crl(list) => Some((holding, &**list)),
                _ => None,
            })
        })
    };
    let labels: Vec<_> = lists().map(|(_, list)| crl_labels(list)).collect();
    let series = lists().zip(&labels).map(|((holding, list), labels)| Series::new(&holding.origin, labels, list.id, list));
    let series = distinct(series);
    CRL.into_iter().try_for_each(|(metric, value)| {
        let samples = series.iter().filter_map(|series| Some((series, value(series.value, report.policy.at)?)));
        family(out, metric, samples)
    })
}

fn findings(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut counts: BTreeMap<(&str, Severity), u64> = BTreeMap::new();
    for finding in &report.audit.findings {
        *counts.entry((finding.code.as_str(), finding.severity)).or_default() += 1;
    }
    let labels = |code, severity: Severity| format!("code=\"{code}\",severity=\"{}\"", severity.as_str());
    family(out, FINDINGS, counts.into_iter().map(|((code, severity), count)| (labels(code, severity), count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Defect, DefectKind, Inventory, OriginKind, Serial, Sha256};
    use crate::report::fixture::{AT, certificate, finding, holding, name, origin, report, small_cluster};
    use crate::report::preflight::sample::{look, troubled};
    use crate::report::{Format, View};
    use std::sync::Arc;

    fn output(inventory: &Inventory) -> String {
        let mut out = Vec::new();
        let findings = vec![finding(Code::Expired, Severity::Critical, Vec::new())];
        report(View::Check, inventory, findings, |report| render(report, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Reads the labels of a sample as the format defines them; what follows the closing brace.
    fn read_labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
        let mut labels = BTreeMap::new();
        loop {
            let (name, after) = rest.split_once("=\"").unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
            let mut value = String::new();
            let mut chars = after.chars();
            loop {
                match chars.next().unwrap() {
                    '"' => break,
                    '\\' => value.push(match chars.next().unwrap() {
                        'n' => '\n',
                        c @ ('"' | '\\') => c,
                        c => panic!("no such escape: {c}"),
                    }),
                    c => value.push(c),
                }
            }
            assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
            rest = chars.as_str();
            match chars.next() {
                Some(',') => rest = chars.as_str(),
                Some('}') => return (labels, chars.as_str()),
                other => panic!("{other:?} after a label: {rest}"),
            }
        }
    }

    type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

    /// Refuses what the textfile collector refuses: samples before their heading, headings twice, two series alike.
    fn parsed(text: &str) -> Samples {
        let (mut helped, mut typed, mut current) = (BTreeSet::new(), BTreeSet::new(), "");
        let mut samples = Samples::new();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                assert!(helped.insert(help.split(' ').next().unwrap()), "{line}");
            } else if let Some(heading) = line.strip_prefix("# TYPE ") {
                let (name, kind) = heading.split_once(' ').unwrap();
                assert!(helped.contains(name) && typed.insert(name) && ["gauge", "counter"].contains(&kind), "{line}");
                current = name;
            } else {
                let end = line.find(['{', ' ']).unwrap();
                assert_eq!(&line[..end], current, "{line}");
                let (labels, rest) = match line[end..].strip_prefix('{') {
                    Some(labels) => read_labels(labels),
                    None => (BTreeMap::new(), &line[end..]),
                };
                let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
                assert!(samples.insert((current.to_owned(), labels), value).is_none(), "twice: {line}");
            }
        }
        samples
    }

    fn of<'s>(samples: &'s Samples, metric: &str) -> Vec<(&'s BTreeMap<String, String>, f64)> {
        samples.iter().filter(|((name, _), _)| name == metric).map(|((_, labels), value)| (labels, *value)).collect()
    }

    #[test]
    fn every_place_of_a_certificate_is_a_series_with_the_whole_label_set() {
        let samples = parsed(&output(&small_cluster()));
        let ends = of(&samples, "x509_cert_not_after");
        assert_eq!(ends.len(), 4);
        assert!(ends.iter().all(|(labels, _)| labels.len() == 26), "{ends:#?}");
        let (labels, end) = ends.iter().find(|(labels, _)| labels["embedded_kind"] == "user").unwrap();
        assert_eq!((labels["filepath"].as_str(), labels["embedded_key"].as_str()), ("/admin.conf", "admin"));
        assert_eq!((labels["serial_number"].as_str(), labels["subject_CN"].as_str()), ("258", "admin"));
        assert_eq!(labels["subject_O"], "first", "of several organizations the exporter shows the first");
        assert_eq!(end.to_bits(), timestamp(AT - time::Duration::days(3)).to_bits());
        assert_eq!(of(&samples, "x509_cert_expired").iter().filter(|(_, value)| *value > 0.5).count(), 2);
        assert_eq!(of(&samples, "kcert_cert_effective_not_after").len(), 4);
        let labels = |row: &[(&str, &str)]| row.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let findings = labels(&[("code", "expired"), ("severity", "critical")]);
        assert!(samples.contains_key(&("kcert_findings".to_owned(), findings)));
        let source = labels(&[("source_kind", "kube-secret"), ("source_name", "ns/admin")]);
        assert!((samples[&("x509_source_up".to_owned(), source)] - 1.0).abs() < f64::EPSILON);
        assert!(samples.contains_key(&("kcert_last_run_timestamp_seconds".to_owned(), BTreeMap::new())));
    }

    #[test]
    fn handshakes_have_two_gauges() {
        let samples = parsed(&troubled().shown(Format::Prometheus, &look()));
        let ok = of(&samples, "kcert_handshake_ok");
        let broken = ok.iter().filter(|(_, value)| *value < 0.5).map(|(labels, _)| labels["server"].as_str());
        assert_eq!(broken.collect::<Vec<_>>(), ["webhook legacy", "webhook policy.example.com"]);
        assert_eq!((ok.len(), of(&samples, "kcert_handshake_breaks_at").len()), (8, 8), "what cannot be told has no sample");
        assert!(ok.iter().all(|(labels, _)| labels.len() == 4));
        let mut twice = troubled();
        let again = twice.audit.handshakes.clone();
        twice.audit.handshakes.extend(again);
        assert_eq!(parsed(&twice.shown(Format::Prometheus, &look())), samples);
        assert!(of(&parsed(&output(&small_cluster())), "kcert_handshake_ok").is_empty());
    }

    #[test]
    fn hostile_names_stay_within_their_quotes() {
        let evil = "\"} 1\nx509_cert_not_after{a=\"\\";
        let contents = [Content::Certificate(Arc::new(certificate(1, evil, evil, 1)))];
        let inventory =
            Inventory { holdings: vec![holding(origin(OriginKind::File, evil, "", None), contents)], ..Inventory::default() };
        let samples = parsed(&output(&inventory));
        assert_eq!(of(&samples, "x509_cert_not_after")[0].0["subject_CN"], evil);
    }

    #[test]
    fn series_alike_are_told_apart_and_repeats_left_out() {
        let one = || Content::Certificate(Arc::new(certificate(1, "a", "b", 1)));
        let mut other = certificate(2, "a", "b", 1);
        other.serial = Serial(vec![1, 1].into());
        let contents = [one(), Content::Certificate(Arc::new(other)), one()];
        let inventory =
            Inventory { holdings: vec![holding(origin(OriginKind::File, "/x", "", None), contents)], ..Inventory::default() };
        let samples = parsed(&output(&inventory));
        let told_apart: Vec<_> =
            of(&samples, "x509_cert_not_after").iter().map(|(labels, _)| labels["discriminator"].clone()).collect();
        assert_eq!(told_apart, ["01".repeat(16), "02".repeat(16)]);
    }

    #[test]
    fn what_could_not_be_read_can_be_alerted_on() {
        let defect = |kind| Content::Defect(Arc::new(Defect { kind, position: None }));
        let io = DefectKind::Io("permission denied".into());
        let inventory = Inventory {
            holdings: vec![
                holding(origin(OriginKind::File, "/x", "", None), [defect(io)]),
                holding(
                    origin(OriginKind::Secret, "ns/s", "data[a]", None),
                    [defect(DefectKind::Base64), defect(DefectKind::Truncated("CERTIFICATE".into()))],
                ),
            ],
            ..Inventory::default()
        };
        let samples = parsed(&output(&inventory));
        assert_eq!(of(&samples, "x509_cert_error").len(), 2);
        let up: Vec<_> =
            of(&samples, "x509_source_up").iter().map(|(labels, up)| (labels["source_name"].as_str(), *up > 0.5)).collect();
        assert_eq!(up, [("/x", false), ("ns/s", true)]);
        let reasons: Vec<_> =
            of(&samples, "x509_source_errors_total").iter().map(|(labels, _)| labels["reason"].as_str()).collect();
        assert_eq!(reasons, ["bad_pem", "decode_failed", "read_failed"]);
    }

    #[test]
    fn revocation_lists_have_their_metrics() {
        let list = |number: &[u8]| {
            Content::Crl(Arc::new(CertificateList {
                id: Sha256([number[0]; 32]),
                issuer: name("ca"),
                this_update: AT - time::Duration::days(2),
                next_update: Some(AT - time::Duration::days(1)),
                number: Some(Serial(number.into())),
                revoked: 0,
                der: Box::new([]),
            }))
        };
        let contents = [list(&[5]), list(&[0x7f; 200])];
        let inventory =
            Inventory { holdings: vec![holding(origin(OriginKind::File, "/x", "", None), contents)], ..Inventory::default() };
        let samples = parsed(&output(&inventory));
        assert_eq!(of(&samples, "x509_crl_stale").iter().filter(|(_, stale)| *stale > 0.5).count(), 2);
        let numbers = of(&samples, "x509_crl_number");
        assert_eq!(numbers.len(), 1, "a number beyond any double has no sample");
        assert_eq!((numbers[0].0["crl_number"].as_str(), numbers[0].0["issuer_CN"].as_str()), ("5", "ca"));
    }
}
