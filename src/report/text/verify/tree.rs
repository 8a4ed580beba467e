//! The paths as a tree that grows from the end entity: what several attempts share stands once, and what speaks against a certificate
//! stands below it.

use super::super::index::{Index, common_name};
use super::super::line::{Text, join};
use super::super::page::{Page, count, thousands};
use super::super::status::Status;
use super::super::table::{Column, Table};
use super::super::tree::Branch;
use crate::chain::{NodeId, SignatureCheck};
use crate::model::digest::Hex;
use crate::model::{Certificate, OriginKind};
use crate::report::Verification;
use crate::report::style::{Mark, Style};
use crate::verify::{Attempt, Evidence, Outcome, Reason, Rejection, Verdict};
use std::collections::HashSet;
use std::io;

const COLUMNS: &[Column] = &[
    Column::name("NAME", 26),
    Column::whole("KIND"),
    Column::whole("UNTIL"),
    Column::whole("").or_nothing(2),
    Column::whole("SIG").or_nothing(1),
    Column::path("PLACE", 14),
];

/// Attempts shown of a refusal, each of another kind.
const ATTEMPTS: usize = 3;
/// Levels that are indented; what is deeper stays there.
const LEVELS: usize = 8;

/// Shows the paths; says whether the headline stands among the reasons.
pub(super) fn render(
    page: &mut Page<'_>,
    index: &Index<'_>,
    verification: &Verification<'_>,
    verdict: &Verdict,
) -> io::Result<bool> {
    let shown = if page.verbose() { verdict.paths.iter().collect() } else { worth_showing(verdict) };
    if shown.is_empty() {
        return Ok(false);
    }
    let tree = Tree::of(&shown);
    let told =
        shown.iter().flat_map(|attempt| &attempt.rejections).any(|rejection| verdict.headline.ends_with(&rejection.message));
    page.part()?;
    page.table(&tree.table(page, index, verification))?;
    let hidden = verdict.paths.len().saturating_sub(shown.len());
    let folded = match (hidden, verdict.outcome) {
        (0, _) => Text::new(),
        (_, Outcome::Trusted) => Text::of("+").then(count(hidden, "other attempt")).say(", -v shows all"),
        _ => Text::of("+").then(count(hidden, "dead end")).say(", -v shows all"),
    };
    let omitted = match verdict.omitted {
        0 => Text::new(),
        number => Text::of("+").quote(thousands(number)).say(" more that were found and not kept"),
    };
    let rest = join([folded, omitted], "; ");
    if !rest.is_empty() {
        page.line(2, &rest.styled(Style::Dim))?;
    }
    Ok(told)
}

/// The best path of a trusted certificate; of another one the first attempt of each kind.
fn worth_showing(verdict: &Verdict) -> Vec<&Attempt> {
    let mut kinds: HashSet<(Option<Reason>, Option<NodeId>)> = HashSet::new();
    let most = if verdict.outcome == Outcome::Trusted { 1 } else { ATTEMPTS };
    let beside = |attempt: &&Attempt| !attempt.is_beside(&verdict.paths);
    let another_kind = |attempt: &&Attempt| {
        let best = attempt.best();
        kinds.insert((best.map(|rejection| rejection.reason), best.map(|rejection| rejection.node)))
    };
    verdict.paths.iter().filter(beside).filter(another_kind).take(most).collect()
}

/// Attempts with what they share only once. Certificates are numbered in the order in which they were met; the first is the root.
struct Tree<'v> {
    steps: Vec<Step<'v>>,
}

/// A certificate on the way.
struct Step<'v> {
    node: NodeId,
    /// How the one before hangs on it.
    link: Option<Evidence>,
    rejections: Vec<&'v Rejection>,
    /// Whether an attempt ends here, and there is nothing against it.
    trusted: bool,
    issuers: Vec<usize>,
}

impl<'v> Tree<'v> {
    fn of(attempts: &[&'v Attempt]) -> Self {
        let mut tree = Self { steps: Vec::new() };
        for attempt in attempts {
            tree.add(attempt);
        }
        tree
    }

    fn add(&mut self, attempt: &'v Attempt) {
        let mut way: Vec<usize> = Vec::new();
        for (number, node) in attempt.nodes.iter().enumerate() {
            let link = number.checked_sub(1).and_then(|below| attempt.links.get(below)).copied();
            let step = match way.last() {
                None if self.steps.is_empty() => self.push(*node, link),
                None => 0,
                Some(below) => self.issuer(*below, *node, link),
            };
            way.push(step);
        }
        for rejection in &attempt.rejections {
            let at = attempt.nodes.iter().rposition(|node| *node == rejection.node);
            let step = at.and_then(|at| way.get(at)).or(way.last()).and_then(|step| self.steps.get_mut(*step));
            let Some(step) = step else { continue };
            if !step.rejections.contains(&rejection) {
                step.rejections.push(rejection);
            }
        }
        if let Some(end) = way.last().and_then(|step| self.steps.get_mut(*step)) {
            end.trusted |= attempt.is_trusted();
        }
    }

    fn issuer(&mut self, below: usize, node: NodeId, link: Option<Evidence>) -> usize {
        let issuers = self.steps.get(below).map(|step| step.issuers.clone()).unwrap_or_default();
        let known = issuers.into_iter().find(|issuer| self.steps.get(*issuer).is_some_and(|step| step.node == node));
        known.unwrap_or_else(|| {
            let issuer = self.push(node, link);
            self.steps.get_mut(below).into_iter().for_each(|step| step.issuers.push(issuer));
            issuer
        })
    }

    fn push(&mut self, node: NodeId, link: Option<Evidence>) -> usize {
        self.steps.push(Step { node, link, rejections: Vec::new(), trusted: false, issuers: Vec::new() });
        self.steps.len() - 1
    }

    fn table(&self, page: &Page<'_>, index: &Index<'_>, verification: &Verification<'_>) -> Table {
        let mut table = Table::new(COLUMNS);
        let margin = Text::of("  ");
        let mut open = vec![(0, margin.clone(), margin, 0)];
        while let Some((number, lead, trunk, level)) = open.pop() {
            let Some(step) = self.steps.get(number) else { continue };
            table.row(lead, cells(index, verification, step));
            let below = if step.issuers.is_empty() { trunk.clone().say("   ") } else { trunk.clone().say("│  ") };
            for note in notes(page, index, step) {
                table.note(below.clone(), below.clone().say("  "), note);
            }
            for (position, issuer) in step.issuers.iter().enumerate().rev() {
                let branch = Branch::of(position, step.issuers.len());
                let deeper = if level < LEVELS { branch.trunk(&trunk) } else { trunk.clone() };
                open.push((*issuer, branch.lead(&trunk), deeper, level + 1));
            }
        }
        table
    }
}

fn cells(index: &Index<'_>, verification: &Verification<'_>, step: &Step<'_>) -> [Text; 6] {
    let certificate = index.certificate(step.node);
    let anchor = verification.question.is_some_and(|question| question.anchors.contains(&step.node)) && step.issuers.is_empty();
    let kind = if anchor { Text::of("anchor") } else { index.kind(certificate) };
    let status = Status::of(index.report.policy, certificate, certificate.validity.not_after, None);
    let occurrences = index.report.graph.occurrences(step.node);
    // Trust anchors are named last.
    let occurrence = if anchor { occurrences.last() } else { occurrences.first() };
    let place = occurrence.and_then(|occurrence| place(index, *occurrence)).unwrap_or_default();
    [common_name(certificate), kind, status.short(), status.distance(), signed(step.link), place]
}

/// File or object, and which block of several. Of a kubeconfig the file says enough beside the certificate's name.
fn place(index: &Index<'_>, (holding, number): (u32, u32)) -> Option<Text> {
    let holding = index.report.inventory.holdings.get(usize::try_from(holding).ok()?)?;
    let origin = &holding.origin;
    let place = if origin.document.kind == OriginKind::Kubeconfig { index.source(origin) } else { index.place(origin) };
    Some(match holding.block(usize::try_from(number).ok()?) {
        Some(block) => place.say(" block ").quote(block),
        None => place,
    })
}

/// Whether its key signed the one above, for a column.
fn signed(link: Option<Evidence>) -> Text {
    let Some(link) = link else { return Text::new() };
    let mark = match link.signature {
        None => return Text::new(),
        Some(SignatureCheck::Valid) => Mark::Fine,
        Some(SignatureCheck::Invalid) => Mark::Bad,
        Some(SignatureCheck::Unsupported) => Mark::Unsure,
    };
    Text::new().mark(mark)
}

/// What speaks against a certificate, and with `-v` what it is known by.
fn notes(page: &Page<'_>, index: &Index<'_>, step: &Step<'_>) -> Vec<Text> {
    let certificate = index.certificate(step.node);
    let mut notes = Vec::new();
    if page.verbose() {
        notes.extend(step.link.map(|link| evidence(link, certificate).styled(Style::Dim)));
        notes.push(Text::of("sha256 ").quote(certificate.id).styled(Style::Dim));
    }
    for rejection in &step.rejections {
        let open = matches!(rejection.reason, Reason::SignatureUnsupported | Reason::Budget);
        let mark = if open { Mark::Unsure } else { Mark::Bad };
        let code = Text::of(rejection.reason.as_str()).say(": ").styled(mark.style());
        let mut note = Text::new().mark(mark).then(code).quote(&rejection.message);
        if page.verbose() {
            let citation = Text::of("  (").say(rejection.citation).say("; rule ").say(rejection.rule).say(")");
            note = note.then(citation.styled(Style::Dim));
        }
        notes.push(note);
    }
    if page.verbose() && step.trusted {
        notes.push(Text::new().mark(Mark::Fine).then(Text::of("trusted path").styled(Style::Good)));
    }
    notes
}

/// `its key signed the one above; key identifiers agree (235f…)`.
fn evidence(link: Evidence, certificate: &Certificate) -> Text {
    let signature = match link.signature {
        Some(SignatureCheck::Valid) => "its key signed the one above",
        Some(SignatureCheck::Invalid) => "its key did not sign the one above",
        Some(SignatureCheck::Unsupported) => "whether its key signed the one above cannot be judged here",
        None => "its signature was not looked at",
    };
    let text = Text::of(signature).say(match link.key_id {
        Some(true) => "; key identifiers agree",
        Some(false) => "; key identifiers differ",
        None => "; no key identifiers to compare",
    });
    match certificate.subject_key_id.as_deref() {
        Some(id) => text.say(" (").quote(Hex(id)).say(")"),
        None => text,
    }
}
