//! `plan`: whether it can be followed, in a line; the steps with their commands; what each does to every handshake that it touches; what
//! stays for somebody else. Checks and ways back stand in `-v`, in the ticket (`-o markdown`) and in the script (`-o sh`).

use super::findings;
use super::index::Index;
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use crate::model::{Code, State};
use crate::plan::{Cell, Command, Kind, Plan, Row, Step};
use crate::report::escape::visible;
use crate::report::style::{Mark, Style};
use std::io;

/// Columns before what is said of a step.
const MARGIN: usize = 4;
/// Columns of a label.
const LABEL: usize = 9;
/// Commands of a step before the rest is counted.
const COMMANDS: usize = 12;
/// Reasons of a step.
const REASONS: usize = 3;
/// Rows of the table.
const ROWS: usize = 24;
/// Columns of a handshake's name in the table, at most.
const NAME: usize = 44;
/// Room between columns.
const SPACES: &str = "                                                                ";

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let Some(plan) = index.report.plan else { return Ok(()) };
    page.line(0, &summary(index, plan))?;
    if plan.is_sound() || page.verbose() {
        for (number, step) in plan.steps.iter().enumerate() {
            one(page, index, number, step)?;
        }
    }
    for fault in &plan.rehearsal.faults {
        page.line(2, &Text::new().mark(Mark::Bad).quote(fault))?;
    }
    table(page, plan)?;
    left(page, index, plan)?;
    if !plan.steps.is_empty() && plan.is_sound() {
        page.part()?;
        let hint = Text::of("each step has its own check and way back: -v, -o markdown for the ticket, -o sh for the script");
        page.line(0, &hint.styled(Style::Dim))?;
    }
    Ok(())
}

/// The steps below what they are for.
pub(super) fn beside(page: &mut Page<'_>, index: &Index<'_>, plan: &Plan) -> io::Result<()> {
    page.part()?;
    page.line(0, &Text::of("plan: ").styled(Style::Strong).then(summary(index, plan)))?;
    for (number, step) in plan.steps.iter().enumerate() {
        one(page, index, number, step)?;
    }
    Ok(())
}

/// The one line of `-q`.
pub(super) fn verdict(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    index.report.plan.map_or(Ok(()), |plan| page.unbroken(&summary(index, plan)))
}

/// `4 steps, 1 of them disturbs something; rehearsed: every handshake holds at every step`.
fn summary(index: &Index<'_>, plan: &Plan) -> Text {
    if !plan.is_sound() {
        return Text::of("refused: the rehearsal says that this must not be followed").styled(Style::Bad);
    }
    if plan.steps.is_empty() {
        return nothing(index, plan);
    }
    let disturbing = plan.steps.iter().filter(|step| step.disturbs.iter().any(|one| !one.handshakes.is_empty())).count();
    let rows = &plan.rehearsal.rows;
    let ends = |row: &&Row| row.cells.last().is_some_and(|cell| cell.after == State::Broken);
    let (broken, still) = (rows.iter().filter(|row| row.before == State::Broken).count(), rows.iter().filter(ends).count());
    let steps = count(plan.steps.len(), "step").styled(Style::Strong);
    let disturb = match disturbing {
        0 => Text::of("none of them disturbs anything"),
        1 => Text::of("1 of them disturbs something"),
        several => Text::quoted(thousands(several)).say(" of them disturb something"),
    };
    let outcome = match (broken, still) {
        (0, 0) => Text::of("every handshake holds at every step").styled(Style::Good),
        (_, 0) => Text::of("in the end every handshake holds, ")
            .then(count(broken, "broken one"))
            .say(" among them")
            .styled(Style::Good),
        (_, still) => {
            count(still, "handshake").say(if still == 1 { " stays broken" } else { " stay broken" }).styled(Style::Caution)
        }
    };
    steps.say(", ").then(disturb).say("; rehearsed: ").then(outcome)
}

fn nothing(index: &Index<'_>, plan: &Plan) -> Text {
    if index.report.graph.nodes().next().is_none() {
        return Text::of("no certificate was found: nothing to plan");
    }
    if !plan.left.is_empty() {
        return Text::of("no step mends what was found").styled(Style::Caution);
    }
    Text::new().mark(Mark::Fine).say("nothing to do: nothing ended, and nothing ends soon")
}

fn one(page: &mut Page<'_>, index: &Index<'_>, number: usize, step: &Step) -> io::Result<()> {
    page.part()?;
    let place = step.host.as_deref().map(|host| Text::quoted(host).styled(Style::Dim)).unwrap_or_default();
    let number = right(Text::quoted(number + 1), (number + 1).to_string().len(), 2);
    let title = number.say("  ").quote(&step.title).styled(Style::Strong);
    page.beside(0, &title, &place)?;
    reasons(page, index, step)?;
    if let Some(keep) = step.keep.as_ref().filter(|_| page.verbose()) {
        fact(page, "keep", &Text::quoted(keep.line()))?;
    }
    commands(page, "run", &step.commands)?;
    let verbose = page.verbose();
    for need in step.needs.iter().filter(|need| !need.is_seen || verbose) {
        let seen = if need.is_seen { Text::new().mark(Mark::Fine) } else { Text::new() };
        fact(page, "needs", &seen.quote(&need.what))?;
    }
    for one in step.disturbs.iter().filter(|one| !one.handshakes.is_empty()) {
        let shown = one.handshakes.iter().take(if page.verbose() { usize::MAX } else { 2 });
        let hidden = one.handshakes.len() - shown.len().min(one.handshakes.len());
        let names = join(shown.map(|id| arrow(id)), ", ");
        let names = if hidden == 0 { names } else { names.say(" +").quote(hidden) };
        fact(page, "disturbs", &Text::of("~").quote(one.seconds).say(" s  ").then(names))?;
    }
    if page.verbose() {
        for check in &step.checks {
            fact(
                page,
                "check",
                &Text::quoted(check.command.line()).then(Text::of("  ").quote(&check.expect).styled(Style::Dim)),
            )?;
        }
        commands(page, "back", &step.undo)?;
    }
    for name in step.placeholders() {
        fact(page, "where", &Text::of("${").quote(name).say("} is for you to fill in"))?;
    }
    Ok(())
}

fn arrow(id: &str) -> Text {
    join(id.split('→').map(Text::quoted), " → ")
}

fn fact(page: &mut Page<'_>, label: &'static str, text: &Text) -> io::Result<()> {
    page.hanging(MARGIN, &Text::of(label).styled(Style::Dim), LABEL, text)
}

/// What the step is for: the codes with how many places each, then the messages.
fn reasons(page: &mut Page<'_>, index: &Index<'_>, step: &Step) -> io::Result<()> {
    let most = if page.verbose() { usize::MAX } else { REASONS };
    let severity = |code: Code| {
        let of_code = index.report.audit.findings.iter().filter(|finding| finding.code == code);
        of_code.map(|finding| finding.severity).max()
    };
    for (number, reason) in step.reasons.iter().take(most).enumerate() {
        let label = if number == 0 { "for" } else { " " };
        let code = reason.code.map(|code| {
            let style = severity(code).map_or(Style::Plain, |severity| Mark::from(severity).style());
            Text::of(code.as_str()).styled(style)
        });
        fact(page, label, &join(code.into_iter().chain([Text::quoted(&reason.message)]), ": "))?;
    }
    let hidden = step.reasons.len().saturating_sub(most);
    if hidden > 0 {
        fact(page, " ", &Text::of("+").quote(hidden).say(" more").styled(Style::Dim))?;
    }
    Ok(())
}

fn commands(page: &mut Page<'_>, label: &'static str, commands: &[Command]) -> io::Result<()> {
    let most = if page.verbose() || commands.len() == COMMANDS + 1 { usize::MAX } else { COMMANDS };
    for (number, command) in commands.iter().take(most).enumerate() {
        let label = if number == 0 { label } else { " " };
        let text = match command.kind {
            Kind::Hand | Kind::HandOnFiles => Text::of("by hand: ").styled(Style::Caution).quote(command.line()),
            _ => Text::quoted(command.line()),
        };
        fact(page, label, &text)?;
    }
    let hidden = commands.len().saturating_sub(most);
    if hidden > 0 {
        fact(page, " ", &Text::of("+").quote(hidden).say(" more, -v shows all").styled(Style::Dim))?;
    }
    Ok(())
}

/// Step × handshake: those to which something happens.
fn table(page: &mut Page<'_>, plan: &Plan) -> io::Result<()> {
    let (quiet, touched): (Vec<&Row>, Vec<&Row>) = plan.rehearsal.rows.iter().partition(|row| row.is_quiet());
    if plan.steps.is_empty() || plan.rehearsal.rows.is_empty() {
        return Ok(());
    }
    page.part()?;
    let numbers = plan.steps.len().to_string().len().max(2) + 1;
    let columns = 6 + numbers * plan.steps.len() + 8;
    let room = page.width().saturating_sub(columns).clamp(16, NAME);
    if columns + room > page.width() {
        return narrow(page, &touched, quiet.len());
    }
    let numbered = (1..=plan.steps.len()).map(|number| right(Text::quoted(number), number.to_string().len(), numbers));
    let heading = Text::of("step").then(spaces(room - 1)).say("now").then(join(numbered, "")).say("  away");
    page.unbroken(&heading.styled(Style::Dim))?;
    let most = if page.verbose() { usize::MAX } else { ROWS };
    for row in touched.iter().take(most) {
        let name = fitted(page, &row.handshake, room);
        let marks = row.cells.iter().map(|cell| right(mark(*cell), 1, numbers));
        let text = name.say("  ").then(right(state(row.before), 1, 4)).then(join(marks, ""));
        let away = row.seconds();
        let away = if away == 0 { Text::new() } else { Text::of("  ").quote(away).say(" s").styled(Style::Dim) };
        page.unbroken(&text.then(away))?;
    }
    let hidden = touched.len().saturating_sub(most);
    if hidden > 0 {
        page.folded(0, hidden)?;
    }
    page.line(0, &Text::of("✓ holds  ✗ is broken  ? cannot be told  ~ is away while the step runs").styled(Style::Dim))?;
    if !quiet.is_empty() {
        let broken = quiet.iter().filter(|row| row.before == State::Broken).count();
        let words = count(quiet.len(), "more handshake").say(" as before");
        let words = if broken == 0 { words } else { words.say(", ").then(count(broken, "broken one")) };
        page.line(0, &words.styled(Style::Dim))?;
    }
    Ok(())
}

/// Where there is no room for the columns: what each goes through, in words.
fn narrow(page: &mut Page<'_>, touched: &[&Row], quiet: usize) -> io::Result<()> {
    for row in touched {
        let after = row.cells.last().map_or(row.before, |cell| cell.after);
        let mut text = state(row.before).say(" → ").then(state(after)).say(" ").then(arrow(&row.handshake));
        if row.seconds() > 0 {
            text = text.say("  away ").quote(row.seconds()).say(" s");
        }
        page.line(0, &text)?;
    }
    page.line(0, &count(quiet, "more handshake").say(" as before").styled(Style::Dim))
}

fn state(state: State) -> Text {
    let (mark, ascii) = match state {
        State::Ok => (Mark::Fine, "✓"),
        State::Unknown => (Mark::Unsure, "?"),
        State::Broken => (Mark::Bad, "✗"),
    };
    Text::of(ascii).styled(mark.style())
}

fn mark(cell: Cell) -> Text {
    if cell.seconds > 0 && cell.after != State::Broken { Text::of("~").styled(Style::Caution) } else { state(cell.after) }
}

/// Text of so many columns, at the right of others.
fn right(text: Text, own: usize, columns: usize) -> Text {
    spaces(columns.saturating_sub(own)).then(text)
}

fn spaces(columns: usize) -> Text {
    Text::of(SPACES.get(..columns).unwrap_or(SPACES))
}

/// A handshake's name in so many columns: what does not fit is cut from the middle.
fn fitted(page: &Page<'_>, id: &str, room: usize) -> Text {
    let whole = arrow(id);
    let columns = page.columns(&whole);
    if columns <= room {
        return whole.then(spaces(room - columns));
    }
    let name: Vec<char> = visible(id).chars().collect();
    let part = |part: &[char]| join(part.iter().collect::<String>().split('→').map(Text::quoted), " → ");
    let cut = |kept: usize| {
        let (head, tail) = (kept / 2, kept - kept / 2);
        part(&name[..head]).say("…").then(part(&name[name.len() - tail..]))
    };
    let fits = (1..name.len()).rev().map(cut).find(|text| page.columns(text) <= room).unwrap_or_default();
    let columns = page.columns(&fits);
    fits.then(spaces(room.saturating_sub(columns)))
}

/// What no step mends.
fn left(page: &mut Page<'_>, index: &Index<'_>, plan: &Plan) -> io::Result<()> {
    if plan.left.is_empty() {
        return Ok(());
    }
    page.part()?;
    let begin = "left for you";
    page.line(0, &Text::of(begin).styled(Style::Strong))?;
    findings::these(page, index, plan.left.iter().collect())
}
