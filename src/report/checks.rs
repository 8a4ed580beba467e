//! `kcert checks`: the table of finding codes, for people and for programs.

use crate::audit::Check;
use serde::Serialize;
use std::io::{self, Write};

/// A row as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    code: &'static str,
    area: &'static str,
    severity: &'static str,
    meaning: &'static str,
    action: &'static str,
    cites: &'static [&'static str],
}

/// All rows as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    api_version: &'static str,
    kind: &'static str,
    checks: Vec<Row>,
}

/// Writes the rows as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn json(rows: &[&'static Check], out: &mut dyn Write) -> io::Result<()> {
    let row = |check: &&'static Check| Row {
        code: check.code.as_str(),
        area: check.area.as_str(),
        severity: check.severity,
        meaning: check.meaning,
        action: check.action,
        cites: check.cites,
    };
    let table = Table { api_version: "kcert/v1", kind: "Checks", checks: rows.iter().map(row).collect() };
    serde_json::to_writer_pretty(&mut *out, &table)?;
    writeln!(out)
}

/// Columns before a wrapped text.
const INDENT: usize = 2;
/// Text is not stretched beyond this.
const WIDEST: usize = 100;

/// Writes the rows for people, by area; a single row with all it knows.
///
/// # Errors
/// Those of `out`.
pub fn text(rows: &[&'static Check], width: usize, out: &mut dyn Write) -> io::Result<()> {
    let width = width.min(WIDEST);
    let mut area = None;
    for check in rows {
        if rows.len() > 1 && area != Some(check.area) {
            let gap = if area.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}", check.area.as_str().to_uppercase())?;
            area = Some(check.area);
        }
        writeln!(out, "{}  ({})", check.code, check.severity)?;
        paragraph(check.meaning, width, out)?;
        if let [_] = rows {
            paragraph(check.action, width, out)?;
            if !check.cites.is_empty() {
                paragraph(&format!("Source: {}", check.cites.join("; ")), width, out)?;
            }
        }
    }
    Ok(())
}

/// Wraps plain ASCII words.
fn paragraph(text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.len() > width {
            writeln!(out)?;
            column = 0;
        }
        let lead = if column == 0 { " ".repeat(INDENT) } else { " ".to_owned() };
        write!(out, "{lead}{word}")?;
        column += lead.len() + word.len();
    }
    writeln!(out)
}
