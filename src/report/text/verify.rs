//! `verify`: the answer in one line, then the paths with the reason on the certificate that it concerns, then what would help. Several
//! verifiers stand in a matrix, and of each kind of refusal the first is explained.

mod matrix;
mod tree;

use super::findings;
use super::index::{Index, short_name};
use super::line::{Text, join};
use super::page::Page;
use crate::chain::NodeId;
use crate::model::{Severity, when};
use crate::report::Verification;
use crate::report::style::{Mark, Style};
use crate::verify::{Advice, Outcome, Purpose, Question, Reason, Step, Verdict, Verifier, advice};
use std::io;

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let Some(verification) = index.report.verifications.first() else { return Ok(()) };
    if let [verdict] = verification.verdicts {
        page.line(0, &answer(index, verification, verdict.outcome, Text::quoted(verdict.verifier.title())))?;
        explanation(page, index, verification, verdict)?;
    } else {
        matrix::render(page, index, verification)?;
        for (verdict, all) in kinds(index, verification) {
            page.part()?;
            page.line(0, &heading(verdict, &all))?;
            explanation(page, index, verification, verdict)?;
        }
    }
    notes(page, verification)?;
    findings::below_facts(page, index)
}

/// The answer for a server, below what it presented.
pub(super) fn of_peer(page: &mut Page<'_>, index: &Index<'_>, verification: &Verification<'_>) -> io::Result<()> {
    for verdict in verification.verdicts {
        page.line(0, &answer(index, verification, verdict.outcome, Text::quoted(verdict.verifier.title())))?;
        explanation(page, index, verification, verdict)?;
    }
    notes(page, verification)
}

/// One line a verifier: what `-q` leaves.
pub(super) fn lines(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let Some(verification) = index.report.verifications.first() else { return Ok(()) };
    for group in matrix::groups(index, verification.verdicts) {
        let Some(verdict) = group.first() else { continue };
        let why = until(index, verdict).unwrap_or_else(|| Text::quoted(&verdict.headline));
        let verifiers: Vec<Verifier> = group.iter().map(|verdict| verdict.verifier).collect();
        let whom = if let [one] = verifiers.as_slice() { Text::quoted(one.title()) } else { matrix::verifiers(&verifiers) };
        let ignored = verification.question.map(|question| ignored(question, verdict.verifier)).unwrap_or_default();
        page.unbroken(&answer(index, verification, verdict.outcome, whom).say(": ").then(why).then(ignored))?;
    }
    let open = index.report.audit.findings.iter().filter(|finding| finding.severity >= Severity::Unknown);
    for finding in open {
        let places = join(finding.origins.iter().map(|(origin, _)| index.place(origin)), ", ");
        page.unbroken(&Text::new().mark(Mark::from(finding.severity)).then(places).say(" ").quote(&finding.message))?;
    }
    Ok(())
}

/// ` [--crl ignored]`: what was asked for and had no part in the answer.
fn ignored(question: &Question<'_>, verifier: Verifier) -> Text {
    let options = join(verifier.ignored_options(question).into_iter().map(Text::of), " and ");
    if options.is_empty() { options } else { Text::of(" [").then(options).say(" ignored]") }
}

/// `✗ not trusted as a server named 10.0.0.9  (as Go 1.27)`.
fn answer(index: &Index<'_>, verification: &Verification<'_>, outcome: Outcome, whom: Text) -> Text {
    let mark = mark(outcome);
    let words = match outcome {
        Outcome::Trusted => Text::of("trusted"),
        Outcome::NotTrusted => Text::of("not trusted"),
        Outcome::CouldNotTell => Text::of("could not tell whether it is trusted"),
    };
    let asked = verification.question.map(purpose).unwrap_or_default();
    let doubt = if outcome == Outcome::Trusted { doubt(index) } else { Text::new() };
    let answer = Text::new().mark(mark).then(words.then(asked).then(doubt).styled(mark.style()));
    answer.then(Text::of("  (as ").then(whom).say(")").styled(Style::Dim))
}

/// What a good answer cannot be without while something that was named counts for nothing.
fn doubt(index: &Index<'_>) -> Text {
    let open = index.report.audit.findings.iter().any(|finding| finding.severity >= Severity::Unknown);
    Text::of(if open { ", but not everything could be read" } else { "" })
}

fn mark(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Trusted => Mark::Fine,
        Outcome::NotTrusted => Mark::Bad,
        Outcome::CouldNotTell => Mark::Unsure,
    }
}

/// ` as a server named 10.0.0.9`, ` as 10.0.0.9`; nothing where nothing particular was asked.
fn purpose(question: &Question<'_>) -> Text {
    let names = join(question.names.iter().map(Text::quoted), " and ");
    let (usage, before) = match question.purpose {
        Purpose::Any => ("", " as "),
        Purpose::Server => (" as a server", " named "),
        Purpose::Client => (" as a client", " named "),
    };
    if names.is_empty() { Text::of(usage) } else { Text::of(usage).say(before).then(names) }
}

/// Paths, dead ends, advice.
fn explanation(page: &mut Page<'_>, index: &Index<'_>, verification: &Verification<'_>, verdict: &Verdict) -> io::Result<()> {
    if let Some(until) = until(index, verdict) {
        page.line(2, &until)?;
    }
    let told = tree::render(page, index, verification, verdict)?;
    if !told && verdict.outcome != Outcome::Trusted {
        page.line(2, &Text::quoted(&verdict.headline))?;
    }
    let Some(question) = verification.question else { return Ok(()) };
    ways(page, index, question, &advice(index.report.graph, question, verdict))
}

/// `until 2027-10-22 (in 335 days), when CN=x ends`: a path is worth its first end.
fn until(index: &Index<'_>, verdict: &Verdict) -> Option<Text> {
    let path = verdict.paths.first().filter(|path| path.is_trusted())?;
    let end = verdict.expires_at(path, index.report.graph)?;
    let ender = path.nodes.iter().find(|node| index.certificate(**node).validity.not_after == end)?;
    let distance = when::relative(index.report.policy.at, end);
    let text = Text::of("until ").quote(when::date(end)).say(" (").quote(distance).say("), when ");
    Some(text.then(short_name(index.certificate(*ender))).say(" ends"))
}

/// Columns of `trusted if`, under which further steps and ways are aligned.
const LABEL: usize = 12;

fn ways(page: &mut Page<'_>, index: &Index<'_>, question: &Question<'_>, ways: &[Advice]) -> io::Result<()> {
    if ways.is_empty() {
        return Ok(());
    }
    page.part()?;
    for (way, advice) in ways.iter().enumerate() {
        for (number, step) in advice.steps.iter().enumerate() {
            let label = match (way, number) {
                (0, 0) => Text::of("trusted if").styled(Style::Strong),
                (_, 0) => Text::of("        or"),
                _ => Text::of("       and"),
            };
            page.hanging(0, &label, LABEL, &Text::quoted(step.words(index.report.graph, question)))?;
        }
    }
    Ok(())
}

/// What makes two refusals the same kind: what would help, else the reason and whom it concerns.
#[derive(PartialEq, Eq)]
enum Kind {
    Mended(Vec<Vec<Step>>),
    Refused(Outcome, Option<(Reason, NodeId)>),
}

/// The refusals by kind: the one whose best attempt came furthest, and all that are of its kind.
fn kinds<'v>(index: &Index<'_>, verification: &Verification<'v>) -> Vec<(&'v Verdict, Vec<&'v Verdict>)> {
    let mut kinds: Vec<(Kind, Vec<&Verdict>)> = Vec::new();
    for verdict in verification.verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Trusted) {
        let ways = verification.question.map(|question| advice(index.report.graph, question, verdict)).unwrap_or_default();
        let ways: Vec<Vec<Step>> = ways.iter().map(|way| way.steps.iter().map(Step::kind).collect()).collect();
        let best = verdict.paths.first().and_then(|path| path.best()).map(|rejection| (rejection.reason, rejection.node));
        let kind = if ways.is_empty() { Kind::Refused(verdict.outcome, best) } else { Kind::Mended(ways) };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, all)) => all.push(verdict),
            None => kinds.push((kind, vec![verdict])),
        }
    }
    let length = |verdict: &Verdict| verdict.paths.first().map_or(0, |path| path.nodes.len());
    let furthest = |all: &[&'v Verdict]| all.iter().rev().copied().max_by_key(|verdict| length(verdict));
    kinds.into_iter().filter_map(|(_, all)| Some((furthest(&all)?, all))).collect()
}

/// `✗ go1.15 … go1.27, openssl: name-mismatch`.
fn heading(verdict: &Verdict, all: &[&Verdict]) -> Text {
    let mark = mark(verdict.outcome);
    let verifiers: Vec<_> = all.iter().map(|verdict| verdict.verifier).collect();
    let mut reasons: Vec<&'static str> = Vec::new();
    for rejection in all.iter().filter_map(|verdict| verdict.paths.first()?.best()) {
        if !reasons.contains(&rejection.reason.as_str()) {
            reasons.push(rejection.reason.as_str());
        }
    }
    let heading = Text::new().mark(mark).then(matrix::verifiers(&verifiers).styled(mark.style()));
    let reasons = join(reasons.into_iter().map(Text::of), ", ");
    if reasons.is_empty() { heading } else { heading.say(": ").then(reasons) }
}

/// What else a reader must know, each note once with those whom it concerns.
fn notes(page: &mut Page<'_>, verification: &Verification<'_>) -> io::Result<()> {
    let mut notes: Vec<(&str, Vec<_>)> = Vec::new();
    for verdict in verification.verdicts {
        for note in &verdict.notes {
            match notes.iter_mut().find(|(known, _)| known == note) {
                Some((_, verifiers)) => verifiers.push(verdict.verifier),
                None => notes.push((note, vec![verdict.verifier])),
            }
        }
    }
    if !notes.is_empty() {
        page.part()?;
    }
    let several = verification.verdicts.len() > 1;
    let (shown, hidden) = page.fold_to(notes, NOTES, |_| false);
    for (note, verifiers) in shown {
        let whose = if several { matrix::verifiers(&verifiers).say(": ") } else { Text::new() };
        page.hanging(0, &Text::of("note").styled(Style::Dim), 6, &whose.quote(note))?;
    }
    page.folded(6, hidden)
}

/// Notes before the rest is folded.
const NOTES: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::sample::{self, AT};
    use crate::audit::{Audit, Policy};
    use crate::chain::{Graph, NodeId, SignatureCheck, SignatureOps};
    use crate::model::{Certificate, Inventory, Slot};
    use crate::report::{Detail, Format, Look, Report, Verification, View};
    use crate::verify::{Attempt, Evidence, Outcome, Purpose, Question, Reason, Rejection, Verdict, Verifier};
    use time::Duration;

    const YEAR: Duration = Duration::days(364);

    struct ByNumber;

    impl SignatureOps for ByNumber {
        fn check(&self, _: &Certificate, issuer: &Certificate) -> SignatureCheck {
            if issuer.serial.hex() == "03" { SignatureCheck::Invalid } else { SignatureCheck::Valid }
        }
    }

    fn attempt(nodes: &[u32], signature: SignatureCheck, rejections: Vec<Rejection>) -> Attempt {
        let nodes: Vec<NodeId> = nodes.iter().copied().map(NodeId).collect();
        let links = nodes.iter().skip(1).map(|_| Evidence { key_id: Some(true), signature: Some(signature) }).collect();
        Attempt { nodes, links, rejections }
    }

    fn rejection(node: u32, reason: Reason, message: &str) -> Rejection {
        Rejection { reason, rule: "test/rule", node: NodeId(node), message: message.to_owned(), citation: "RFC 5280 section 0" }
    }

    fn verdict(verifier: &str, paths: Vec<Attempt>) -> Verdict {
        let best = paths.first().and_then(Attempt::best).map(|rejection| rejection.message.clone());
        Verdict {
            verifier: verifier.parse().unwrap(),
            outcome: if best.is_none() { Outcome::Trusted } else { Outcome::NotTrusted },
            headline: best.unwrap_or_else(|| "trusted, by CN=ca".to_owned()),
            paths,
            omitted: 0,
            notes: Vec::new(),
        }
    }

    /// A leaf, its CA, a namesake of the CA.
    fn inventory(leaf: &str) -> Inventory {
        let mut inventory = Inventory::default();
        let leaf = sample::certificate(1, leaf, "ca", AT + YEAR);
        let [ca, namesake] = [2, 3].map(|number| sample::authority(number, "ca", "ca", AT + YEAR * 9));
        inventory.holdings.push(sample::file("/home/jane/leaf.crt", None, Slot::Unknown, vec![sample::held(&leaf)]));
        let cas = vec![sample::held(&ca), sample::held(&namesake)];
        inventory.holdings.push(sample::file("/home/jane/cas.crt", None, Slot::Unknown, cas));
        inventory
    }

    fn screen(inventory: &Inventory, verdicts: &[Verdict], look: &Look) -> String {
        let graph = Graph::build(inventory, &ByNumber);
        let (audit, policy) = (Audit::default(), Policy::at(AT));
        let question = Question {
            end_entity: NodeId(0),
            intermediates: Vec::new(),
            anchors: vec![NodeId(1), NodeId(2)],
            purpose: Purpose::Server,
            names: vec!["shop.example".parse().unwrap()],
            at: AT,
            crls: Vec::new(),
            max_depth: None,
        };
        let verification = Verification { peer: None, question: Some(&question), verdicts };
        let view = View::Verification;
        let report = Report {
            view,
            inventory,
            graph: &graph,
            audit: &audit,
            policy: &policy,
            look,
            plan: None,
            verifications: &[verification],
        };
        let mut out = Vec::new();
        report.render(Format::Text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn refused() -> Vec<Attempt> {
        let name = || rejection(0, Reason::NameMismatch, "valid for a.example; not for shop.example");
        let key = rejection(2, Reason::SignatureInvalid, "same name, another key");
        vec![
            attempt(&[0, 1], SignatureCheck::Valid, vec![name(), rejection(1, Reason::WeakKey, "RSA 512 bits; at least 1024")]),
            attempt(&[0, 2], SignatureCheck::Invalid, vec![key]),
        ]
    }

    #[test]
    fn the_answer_then_the_reasons_where_they_belong_then_what_helps() {
        let expected = "\
✗ not trusted as a server named shop.example  (as Go 1.27)

  NAME      KIND    UNTIL                      SIG  PLACE
  CN=leaf   client  ✓ 2027-11-20  in 364 days       ~/leaf.crt
  │  ✗ name-mismatch: valid for a.example; not for shop.example
  └─ CN=ca  anchor  ✓ 2035-11-10  in 8 years   ✓    ~/cas.crt block 1
        ✗ weak-key: RSA 512 bits; at least 1024
  +1 dead end, -v shows all

trusted if  CN=leaf is issued again for shop.example
       and  CN=ca is issued again with a larger key, such as RSA 2048 or ECDSA
            P-256
";
        assert_eq!(screen(&inventory("leaf"), &[verdict("go1.27", refused())], &sample::look()), expected);
    }

    #[test]
    fn verbose_shows_every_attempt_its_evidence_and_the_rules() {
        let look = Look { detail: Detail::Verbose, width: 120, ..sample::look() };
        let shown = screen(&inventory("leaf"), &[verdict("go1.27", refused())], &look);
        for line in [
            "  ├─ CN=ca  anchor  ✓ 2035-11-10  in 8 years   ✓    ~/cas.crt block 1\n",
            "  └─ CN=ca  anchor  ✓ 2035-11-10  in 8 years   ✗    ~/cas.crt block 2\n",
            "        its key did not sign the one above; key identifiers agree\n",
            "        ✗ signature-invalid: same name, another key  (RFC 5280 section 0; rule test/rule)\n",
        ] {
            assert!(shown.contains(line), "{line}{shown}");
        }
    }

    #[test]
    fn a_trusted_one_says_until_when() {
        let trusted = verdict("openssl", vec![attempt(&[0, 1], SignatureCheck::Valid, Vec::new())]);
        let expected = "\
✓ trusted as a server named shop.example  (as OpenSSL 3)
  until 2027-11-20 (in 364 days), when leaf ends

  NAME      KIND    UNTIL                      SIG  PLACE
  CN=leaf   client  ✓ 2027-11-20  in 364 days       ~/leaf.crt
  └─ CN=ca  anchor  ✓ 2035-11-10  in 8 years   ✓    ~/cas.crt block 1
";
        assert_eq!(screen(&inventory("leaf"), &[trusted], &sample::look()), expected);
    }

    fn several() -> Vec<Verdict> {
        let trusted = |name| verdict(name, vec![attempt(&[0, 1], SignatureCheck::Valid, Vec::new())]);
        let mut verdicts: Vec<Verdict> = ["go1.19", "go1.20", "go1.21", "go1.22"].into_iter().map(trusted).collect();
        verdicts.push(verdict("go1.23", refused()));
        verdicts.push(trusted("openssl"));
        verdicts.push(verdict("rustls", refused()));
        for verdict in verdicts.iter_mut().take(4) {
            verdict.notes.push("--crl is ignored".to_owned());
        }
        verdicts
    }

    #[test]
    fn several_verifiers_stand_in_a_matrix_and_each_kind_is_explained_once() {
        let shown = screen(&inventory("leaf"), &several(), &sample::look());
        let matrix = "\
✗ verifiers part: trusted as a server named shop.example by 5, not by 2

  ✓ go1.19 … go1.22     by CN=ca, until 2027-11-20
  ✗ go1.23           ←  valid for a.example; not for shop.example
  ✓ openssl             by CN=ca, until 2027-11-20
  ✗ rustls           ←  valid for a.example; not for shop.example
  ← parts from the others

✗ go1.23, rustls: name-mismatch

  NAME      KIND ";
        assert!(shown.starts_with(matrix), "{shown}");
        assert_eq!(shown.matches("  NAME ").count(), 1, "{shown}");
        assert!(shown.ends_with("\nnote  go1.19 … go1.22: --crl is ignored\n"), "{shown}");
    }

    #[test]
    fn quiet_is_a_line_for_each_verifier() {
        let shown = screen(&inventory("leaf"), &several(), &Look { detail: Detail::Quiet, ..sample::look() });
        assert_eq!(shown.lines().count(), 4, "{shown}");
        let line = "✗ not trusted as a server named shop.example  (as rustls): valid for a.example; not for shop.example\n";
        assert!(shown.ends_with(line), "{shown}");
    }

    #[test]
    fn hostile_names_act_on_no_screen_and_no_screen_is_too_wide() {
        let evil = "x\n✓ trusted\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J    ok\u{200b}";
        for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
            let mut verdicts = several();
            for verdict in &mut verdicts {
                verdict.notes.push(evil.to_owned());
            }
            let shown = screen(&inventory(evil), &verdicts, &Look { detail, ..sample::look() });
            let raw = shown.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{200b}' | '\u{202e}'));
            assert_eq!(raw, None, "{shown}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("✓ trusted\\")), "{shown}");
        }
        for width in 40..200 {
            let shown = screen(&inventory("leaf"), &several(), &Look { width, ..sample::look() });
            let wide = shown.lines().find(|line| line.chars().count() > width);
            assert_eq!(wide, None, "at {width}");
            let ascii = screen(&inventory("leaf"), &several(), &Look { width, unicode: false, ..sample::look() });
            assert!(ascii.is_ascii(), "{ascii}");
        }
    }

    #[test]
    fn a_long_path_does_not_run_off_the_page() {
        let mut inventory = inventory("leaf");
        let numbers: Vec<u32> = (0..60).collect();
        let cas: Vec<_> = (4..70).map(|number| sample::held(&sample::authority(number, "ca", "ca", AT + YEAR))).collect();
        inventory.holdings.push(sample::file("many.crt", None, Slot::Unknown, cas));
        let long = verdict("rustls", vec![attempt(&numbers, SignatureCheck::Valid, Vec::new())]);
        let shown = screen(&inventory, &[long], &sample::look());
        assert_eq!(shown.lines().find(|line| line.chars().count() > 80), None);
        assert_eq!(Verifier::Rustls.title(), "rustls");
    }
}
