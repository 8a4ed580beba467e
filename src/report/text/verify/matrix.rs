//! Several verifiers: who answers what. Neighbours that agree share a row, and who parts from the most has a mark.

use super::super::index::{Index, common_name};
use super::super::line::{Text, join};
use super::super::page::{Page, count, thousands};
use super::super::table::{Column, Table};
use super::{doubt, mark, purpose};
use crate::model::when;
use crate::report::Verification;
use crate::report::style::{Mark, Style};
use crate::verify::{Outcome, Verdict, Verifier};
use std::io;

const COLUMNS: &[Column] = &[Column::whole(""), Column::whole(""), Column::words("", 20)];

/// The sum in one line, then the rows.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, verification: &Verification<'_>) -> io::Result<()> {
    let verdicts = verification.verdicts;
    page.line(0, &sum(index, verification))?;
    page.part()?;
    let most = majority(verdicts);
    let mut table = Table::new(COLUMNS);
    for group in groups(index, verdicts) {
        let Some(first) = group.first() else { continue };
        let names: Vec<Verifier> = group.iter().map(|verdict| verdict.verifier).collect();
        let parts = most.is_some_and(|most| most != first.outcome);
        let name = Text::new().mark(mark(first.outcome)).then(verifiers(&names));
        table.row(Text::of("  "), [name, Text::of(if parts { "←" } else { "" }), headline(index, first)]);
    }
    page.table(&table)?;
    if most.is_some() { page.line(2, &Text::of("← parts from the others").styled(Style::Dim)) } else { Ok(()) }
}

/// By whom it is trusted and until when, or why not.
fn headline(index: &Index<'_>, verdict: &Verdict) -> Text {
    let path = verdict.paths.first().filter(|path| path.is_trusted());
    let trusted = path.and_then(|path| Some((path.nodes.last()?, verdict.expires_at(path, index.report.graph)?)));
    match trusted {
        Some((anchor, end)) => {
            Text::of("by ").then(common_name(index.certificate(*anchor))).say(", until ").quote(when::date(end))
        }
        None => Text::quoted(&verdict.headline),
    }
}

fn sum(index: &Index<'_>, verification: &Verification<'_>) -> Text {
    let verdicts = verification.verdicts;
    let of = |outcome: Outcome| verdicts.iter().filter(|verdict| verdict.outcome == outcome).count();
    let (trusted, refused, unsure) = (of(Outcome::Trusted), of(Outcome::NotTrusted), of(Outcome::CouldNotTell));
    let asked = verification.question.map(purpose).unwrap_or_default();
    let all = verdicts.len();
    let (mark, text) = if trusted == all {
        (Mark::Fine, Text::of("trusted").then(asked).say(" by all ").quote(all).say(" verifiers").then(doubt(index)))
    } else if refused == all {
        (Mark::Bad, Text::of("not trusted").then(asked).say(" by any of ").then(count(all, "verifier")))
    } else if unsure == all {
        (Mark::Unsure, Text::of("could not tell whether it is trusted").then(asked))
    } else {
        let part = |words: Text, number: usize| if number == 0 { Text::new() } else { words.quote(thousands(number)) };
        let whom = Text::of("trusted").then(asked).say(" by ");
        let not = if trusted == 0 { Text::of("not ").then(whom.clone()) } else { Text::of("not by ") };
        let tally = [part(whom, trusted), part(not, refused), part(Text::of("could not tell: "), unsure)];
        let mark = if refused > 0 { Mark::Bad } else { Mark::Unsure };
        (mark, Text::of("verifiers part: ").then(join(tally, ", ")))
    };
    Text::new().mark(mark).then(text.styled(mark.style()))
}

/// What most say, if not all say the same; of two halves the one that trusts.
fn majority(verdicts: &[Verdict]) -> Option<Outcome> {
    let of = |outcome: Outcome| verdicts.iter().filter(|verdict| verdict.outcome == outcome).count();
    let outcomes = [Outcome::CouldNotTell, Outcome::NotTrusted, Outcome::Trusted];
    let most = outcomes.into_iter().max_by_key(|outcome| of(*outcome))?;
    (of(most) < verdicts.len()).then_some(most)
}

/// Neighbours that answer the same in the same words; only releases of Go have neighbours.
pub(super) fn groups<'v>(index: &Index<'_>, verdicts: &'v [Verdict]) -> Vec<&'v [Verdict]> {
    let end = |verdict: &Verdict| verdict.paths.first().and_then(|path| verdict.expires_at(path, index.report.graph));
    let same = |one: &Verdict, next: &Verdict| {
        let both_go = matches!((one.verifier, next.verifier), (Verifier::Go(_), Verifier::Go(_)));
        both_go && one.outcome == next.outcome && one.headline == next.headline && end(one) == end(next)
    };
    verdicts.chunk_by(same).collect()
}

/// Releases of Go in a row from which the ones between are left out.
const LONG: usize = 3;

/// `rfc5280, go1.15 … go1.27, openssl`.
pub(super) fn verifiers(verifiers: &[Verifier]) -> Text {
    let is_next = |one: &Verifier, next: &Verifier| minor(*one).zip(minor(*next)).is_some_and(|(one, next)| one + 1 == next);
    let run = |run: &[Verifier]| match run {
        [first, .., last] if run.len() >= LONG => Text::quoted(first).say(" … ").quote(last),
        few => join(few.iter().map(Text::quoted), ", "),
    };
    join(verifiers.chunk_by(is_next).map(run), ", ")
}

/// The number of a minor release of Go that is named without a patch level.
fn minor(verifier: Verifier) -> Option<u16> {
    verifier.to_string().strip_prefix("go1.").and_then(|minor| minor.parse().ok())
}
