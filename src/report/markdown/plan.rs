//! A plan in Markdown: a ticket whose steps are ticked off.

use super::{more, plain};
use crate::model::{State, when};
use crate::plan::{Cell, Command, Plan, Row, Step};
use crate::report::Report;
use crate::report::escape::visible;
use std::io::{self, Write};

/// Rows of the table.
const ROWS: usize = 200;

/// Writes the plan.
pub(super) fn render(report: &Report<'_>, plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let steps = plan.steps.len();
    let verdict = match (plan.is_sound(), steps) {
        (false, _) => "refused".to_owned(),
        (true, 0) => "nothing to do".to_owned(),
        (true, 1) => "1 step".to_owned(),
        (true, several) => format!("{several} steps"),
    };
    writeln!(out, "# Renewal plan: {verdict}\n\nPlanned as of {}.", when::moment(report.policy.at))?;
    for fault in &plan.rehearsal.faults {
        writeln!(out, "\n**Not to be followed:** {}.", plain(fault))?;
    }
    for (number, step) in plan.steps.iter().enumerate() {
        one(number, step, out)?;
    }
    table(plan, out)?;
    if !plan.left.is_empty() {
        writeln!(out, "\n## Left for you\n")?;
    }
    for finding in &plan.left {
        writeln!(out, "- **{}**: {}. {}", finding.code, plain(&finding.message), plain(&finding.hint))?;
    }
    Ok(())
}

fn one(number: usize, step: &Step, out: &mut dyn Write) -> io::Result<()> {
    let host = step.host.as_deref().map(|host| format!(" on {}", plain(host))).unwrap_or_default();
    writeln!(out, "\n## {}. {}{host}\n", number + 1, plain(&step.title))?;
    for reason in &step.reasons {
        let code = reason.code.map(|code| format!("{code}: ")).unwrap_or_default();
        writeln!(out, "- For {code}{}", plain(&reason.message))?;
    }
    if !step.acts_on.is_empty() {
        writeln!(out, "- Acts on {}", plain(step.acts_on.join(", ")))?;
    }
    for need in &step.needs {
        writeln!(out, "- [{}] Needs {}", if need.is_seen { "x" } else { " " }, plain(&need.what))?;
    }
    for one in step.disturbs.iter().filter(|one| !one.handshakes.is_empty()) {
        writeln!(out, "- Disturbs for some {} s ({}): {}", one.seconds, plain(&one.why), plain(one.handshakes.join(", ")))?;
    }
    for name in step.placeholders() {
        writeln!(out, "- Fill in `{name}`")?;
    }
    writeln!(out, "\n- [ ] Do")?;
    block(step.lines(), out)?;
    if !step.checks.is_empty() {
        writeln!(out, "\n- [ ] Check: every command ends with exit code 0")?;
        block(step.checks.iter().map(|check| &check.command), out)?;
    }
    if !step.undo.is_empty() {
        writeln!(out, "\n- The way back")?;
        block(step.undo.iter(), out)?;
    }
    Ok(())
}

/// Commands as one block, what a person does between them as comments.
fn block<'c>(commands: impl Iterator<Item = &'c Command>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n  ```sh")?;
    for command in commands {
        let line = command.line();
        let line = visible(&line).replace("```", "` ` `");
        let sign = if command.kind.is_by_hand() { "# by hand: " } else { "" };
        writeln!(out, "  {sign}{line}")?;
    }
    writeln!(out, "  ```")
}

fn table(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let touched: Vec<&Row> = plan.rehearsal.rows.iter().filter(|row| !row.is_quiet()).collect();
    if touched.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Rehearsal\n\n✓ holds, ✗ is broken, ? cannot be told, ~ is away for a moment.\n")?;
    let numbers: Vec<String> = (1..=plan.steps.len()).map(|number| number.to_string()).collect();
    writeln!(out, "| handshake | now | {} | away |\n|---|---|{}---|", numbers.join(" | "), "---|".repeat(numbers.len()))?;
    for row in touched.iter().take(ROWS) {
        let cells: Vec<&str> = row.cells.iter().map(|cell| mark(*cell)).collect();
        let away = if row.seconds() == 0 { String::new() } else { format!("{} s", row.seconds()) };
        writeln!(out, "| {} | {} | {} | {away} |", plain(&row.handshake), state(row.before), cells.join(" | "))?;
    }
    more(touched.len().saturating_sub(ROWS), out)
}

fn mark(cell: Cell) -> &'static str {
    if cell.seconds > 0 && cell.after != State::Broken { "~" } else { state(cell.after) }
}

fn state(state: State) -> &'static str {
    match state {
        State::Ok => "✓",
        State::Unknown => "?",
        State::Broken => "✗",
    }
}
