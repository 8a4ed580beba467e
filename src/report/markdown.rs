//! A preflight in Markdown (CommonMark with GitHub's tables), for a change ticket (a plan: `plan`): the decision as heading, then what it rests on.
//!
//! What others wrote passes `plain`: a ticket is read by people who click.

mod plan;

use super::Report;
use super::escape::visible;
use super::preflight::{Cell, Ends, Naming, Preflight, Row, go, hosts};
use super::style::Mark;
use crate::model::{Certificate, Finding, Handshake, Severity, when};
use crate::verify::KubernetesVersion;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};

/// Rows of the table: a ticket is no archive; JSON has them all.
const ROWS: usize = 200;
/// Findings of which each is told.
const FINDINGS: usize = 100;
/// Places of a finding, and handshakes, before the rest is counted.
const PLACES: usize = 5;
/// Days in the calendar.
const DAYS: usize = 10;

/// Writes a preflight as Markdown.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    if let Some(plan) = report.plan {
        plan::render(report, plan, &mut out)?;
        return out.flush();
    }
    let preflight = Preflight::of(report);
    writeln!(out, "# Preflight: {}\n\n{}.\n", preflight.verdict(), clauses(&preflight))?;
    writeln!(out, "{}", circumstances(&preflight))?;
    if let Some(finding) = preflight.first_step() {
        writeln!(out, "\n**What to do first:** {} ({})", plain(&finding.hint), finding.code)?;
    }
    handshakes(&preflight, &mut out)?;
    findings(&preflight, &mut out)?;
    missing(&preflight, &mut out)?;
    upgrade(&preflight, &mut out)?;
    calendar(&preflight, &mut out)?;
    joining(&preflight, &mut out)?;
    out.flush()
}

fn clauses(preflight: &Preflight<'_>) -> String {
    let clauses = preflight.clauses();
    let words = clauses.iter().map(|clause| match clause.handshakes.as_slice() {
        [first, ..] if clause.naming == Naming::First => format!("{} ({})", clause.words, name(first)),
        some @ [_, ..] if clause.naming == Naming::Room => {
            format!("{} ({})", clause.words, some_of(some.iter().map(|it| name(it))))
        }
        _ => clause.words.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Where, which version, as of when.
fn circumstances(preflight: &Preflight<'_>) -> String {
    let report = preflight.report;
    let hosts = report.inventory.hosts.iter().map(|host| {
        let layouts = host.layouts.iter().map(|layout| layout.as_str()).collect::<Vec<_>>().join(", ");
        let name = host.name.as_deref().map(|name| format!("{}: ", plain(name))).unwrap_or_default();
        format!("{name}{layouts}")
    });
    let version = preflight.present().map(|version| format!("Kubernetes {version}"));
    let at = format!("judged as of {}", when::moment(report.policy.at));
    let facts: Vec<String> = [some_of(hosts)].into_iter().chain(version).chain([at]).filter(|fact| !fact.is_empty()).collect();
    facts.join("; ")
}

fn handshakes(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    if preflight.rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Handshakes\n")?;
    writeln!(out, "| | client → server | client certificate | server certificate | until |\n|---|---|---|---|---|")?;
    for row in preflight.rows.iter().take(ROWS) {
        writeln!(out, "{}", table_row(preflight, *row))?;
    }
    more(preflight.rows.len().saturating_sub(ROWS), out)
}

fn table_row(preflight: &Preflight<'_>, row: Row<'_>) -> String {
    let Handshake { client_side, server_side, .. } = row.handshake;
    let [client, server] = [client_side, server_side].map(|side| cell(&Cell::of(preflight.report, side)));
    let Ends(ends) = Ends::of(preflight, row);
    format!("| {} | {} | {client} | {server} | {} |", row.urgency.mark().unicode(), name(row.handshake), plain(&ends))
}

fn cell(cell: &Cell) -> String {
    let mark = cell.mark.map_or("–", Mark::unicode);
    if cell.words.is_empty() { mark.to_owned() } else { format!("{mark} {}", plain(&cell.words)) }
}

fn findings(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (wrong, notes): (Vec<&Finding>, Vec<&Finding>) =
        preflight.roots.iter().partition(|finding| finding.severity > Severity::Info);
    let unexplained = preflight.unexplained();
    if !wrong.is_empty() || !unexplained.is_empty() {
        writeln!(out, "\n## What is wrong\n")?;
    }
    for (handshake, faults) in unexplained.iter().take(FINDINGS) {
        let faults = faults.iter().map(|fault| format!("{} ({})", plain(&fault.message), fault.code));
        writeln!(out, "- **broken**: {}: {}", name(handshake), some_of(faults))?;
    }
    for (number, finding) in wrong.iter().take(FINDINGS).enumerate() {
        let told = wrong.iter().take(number).any(|earlier| earlier.code == finding.code);
        one_finding(finding, out)?;
        if !told {
            consequences(preflight, finding, out)?;
        }
    }
    more(wrong.len().saturating_sub(FINDINGS), out)?;
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWorth knowing:\n")?;
    notes.iter().take(FINDINGS).try_for_each(|note| writeln!(out, "- {}: {}", note.code, plain(&note.message)))?;
    more(notes.len().saturating_sub(FINDINGS), out)
}

fn one_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "- **{}: {}**: {}", finding.severity.as_str(), finding.code, plain(&finding.message))?;
    let breaks = some_of(finding.handshakes.iter().map(|id| plain(id.replace('→', " → "))));
    let places = some_of(finding.origins.iter().map(|(origin, _)| plain(origin)));
    let facts = [("handshakes", breaks), ("where", places), ("what to do", plain(&finding.hint))];
    facts.iter().filter(|(_, fact)| !fact.is_empty()).try_for_each(|(label, fact)| writeln!(out, "  - {label}: {fact}"))
}

/// What follows from a cause ends with it.
fn consequences(preflight: &Preflight<'_>, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let follows = preflight.consequences(finding.code);
    let words = follows.iter().map(|consequence| match consequence.certificates {
        0 => consequence.code.as_str().to_owned(),
        1 => format!("{} (1 certificate)", consequence.code),
        several => format!("{} ({several} certificates)", consequence.code),
    });
    let words = words.collect::<Vec<_>>().join(", ");
    if words.is_empty() { Ok(()) } else { writeln!(out, "  - with it: {words}") }
}

fn missing(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let missing = preflight.missing();
    if !missing.is_empty() {
        writeln!(out, "\n## What could not be told\n")?;
    }
    missing.iter().try_for_each(|(reason, handshakes)| {
        writeln!(out, "- {}: {}", plain(reason), some_of(handshakes.iter().map(|handshake| name(handshake))))
    })
}

fn upgrade(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let upgrade = &preflight.report.audit.upgrade;
    if upgrade.notes.is_empty() && preflight.target().is_none() {
        return Ok(());
    }
    let heading = match (preflight.present(), preflight.target()) {
        (Some(from), Some(to)) => format!("Upgrade {} → {}", version(from), version(to)),
        (None, Some(to)) => format!("Upgrade to {}", version(to)),
        (Some(from), None) => format!("Kubernetes {}", version(from)),
        (None, None) => "Upgrade".to_owned(),
    };
    writeln!(out, "\n## {heading}")?;
    if !upgrade.notes.is_empty() {
        writeln!(out)?;
    }
    upgrade
        .notes
        .iter()
        .try_for_each(|note| writeln!(out, "- **{}**: {} ({})", plain(&note.about), plain(&note.text), plain(note.citation)))
}

/// `1.33 (Go 1.24.2)`.
fn version(version: KubernetesVersion) -> String {
    go(version).map_or_else(|| version.to_string(), |go| format!("{version} (Go {go})"))
}

/// What a node that joins is to be told of the CA.
fn joining(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let hashes = &preflight.report.audit.discovery_hashes;
    if !hashes.is_empty() {
        writeln!(out, "\n## Nodes join with\n")?;
    }
    hashes.iter().try_for_each(|hash| writeln!(out, "- `--discovery-token-ca-cert-hash sha256:{hash}`"))
}

fn calendar(preflight: &Preflight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let days = preflight.days();
    if days.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Breaks next\n\n| date | | handshakes | certificates |\n|---|---|---|---|")?;
    for day in days.iter().take(DAYS) {
        let handshakes = some_of(day.handshakes.iter().map(|handshake| name(handshake)));
        let short = |certificate: &&Certificate| plain(certificate.short_name());
        let certificates = some_of(day.certificates.iter().map(short));
        let distance = when::relative(preflight.report.policy.at, day.at);
        writeln!(out, "| {} | {distance} | {handshakes} | {certificates} |", when::date(day.at))?;
    }
    more(days.len().saturating_sub(DAYS), out)
}

/// `kubelet → kube-apiserver (cp-1)`.
fn name(handshake: &Handshake) -> String {
    let hosts = hosts(handshake);
    let gap = if hosts.is_empty() { "" } else { " " };
    plain(format!("{} → {}{gap}{hosts}", handshake.client, handshake.server))
}

/// The first few, then how many more.
fn some_of(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let shown = all.iter().take(PLACES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(PLACES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn more(hidden: usize, out: &mut dyn Write) -> io::Result<()> {
    if hidden == 0 { Ok(()) } else { writeln!(out, "\n… and {hidden} more; `-o json` has them all.") }
}

/// What Markdown, HTML or a ticket system would make something of, wherever it stands in a line.
const SPECIAL: &str = "\\`*_[]<>|~&#$@!";

/// Anybody's text, on one line and taken for nothing but text.
fn plain(text: impl Display) -> String {
    let text = text.to_string();
    let shown = visible(&text);
    let mut plain = String::with_capacity(shown.len());
    let mut chars = shown.chars().peekable();
    let mut begins_list = true;
    while let Some(c) = chars.next() {
        // A list or a rule at the beginning, `1. ` included; a link that nobody marked as one.
        let numbers = matches!(c, '.' | ')') && chars.peek().is_none_or(|next| *next == ' ');
        let opens = (begins_list && numbers) || (plain.is_empty() && matches!(c, '-' | '+' | '='));
        let links = c == ':' && chars.peek() == Some(&'/');
        begins_list &= c.is_ascii_digit();
        if SPECIAL.contains(c) || opens || links {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Participant, Party};
    use crate::report::Format;
    use crate::report::preflight::sample::{healthy, look, troubled};

    #[test]
    fn nothing_becomes_markup() {
        let rows = [
            ("a | b", r"a \| b"),
            ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
            ("[click](https://evil)", r"\[click\](https\://evil)"),
            ("`code` **bold** _it_ ~~no~~", r"\`code\` \*\*bold\*\* \_it\_ \~\~no\~\~"),
            ("x\n# forged", r"x\\u{a}\# forged"),
            ("- item", r"\- item"),
            ("1. item", r"1\. item"),
            ("2026-12-12", "2026-12-12"),
            ("10.0.0.1:6443", "10.0.0.1:6443"),
            ("\u{1b}[2J&lt;", r"\\u{1b}\[2J\&lt;"),
            ("@everyone", r"\@everyone"),
        ];
        for (text, wanted) in rows {
            assert_eq!(plain(text), wanted);
        }
    }

    #[test]
    fn a_ticket_says_what_to_do_and_why() {
        let text = troubled().shown(Format::Markdown, &look());
        let start = "\
# Preflight: NO-GO for 1.33

1 handshake broken (kube-apiserver → webhook policy.example.com), 1 would break (kube-apiserver → webhook legacy), \
1 breaks in 20 days (admin → kube-apiserver), 1 not looked at.

cp-1: kubeadm; Kubernetes 1.32.4; judged as of 2026-11-22 00:00:00 UTC

**What to do first:** put the CA that signs policy.ns.svc into its caBundle (cabundle-stale)

## Handshakes

| | client → server | client certificate | server certificate | until |
|---|---|---|---|---|
| ✗ | kube-apiserver → webhook policy.example.com | – | ✗ cabundle-stale | since 2026-10-30 |
";
        assert!(text.starts_with(start), "{text}");
        for wanted in [
            "- **critical: cabundle-stale**: the caBundle of policy.example.com does not verify what its service serves\n",
            "  - what to do: put the CA that signs policy.ns.svc into its caBundle\n  - with it: outlives-issuer (12 certificates)\n",
            "\n## Upgrade 1.32.4 (Go 1.23.3) → 1.33 (Go 1.24.2)\n\n- **leaves**: ",
            "| 2026-12-12 | in 20 days | admin → kube-apiserver | CN=kubernetes-admin |\n",
            "- no /var/lib/kubelet/pki: name its serving certificate, or the kubelet as HOST:10250: kube-apiserver → kubelet\n",
            "\nWorth knowing:\n\n- external-ca: the key of the cluster CA is not here\n",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let rows = |text: &str| text.lines().filter(|line| line.starts_with("| ")).map(|line| line.matches(" | ").count()).max();
        assert_eq!(rows(&text), Some(4));
    }

    #[test]
    fn a_name_stays_in_its_cell() {
        let mut sample = healthy();
        sample.audit.handshakes[0].client = Participant::of(Party::User).named("a | b <script> [x](https://evil)");
        let text = sample.shown(Format::Markdown, &look());
        let row = "| ✓ | user a \\| b \\<script\\> \\[x\\](https\\://evil) → kube-apiserver | ✓ | ✓ | 2027-03-02 |\n";
        assert!(text.contains(row), "{text}");
    }
}
