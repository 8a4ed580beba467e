//! `kcert checks`: the table of finding codes, for people and for programs, and the reasons for which `kcert verify` refuses that are no
//! finding codes.

use crate::audit::{CHECKS, Check};
use crate::verify::Reason;
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

/// A reason as JSON.
#[derive(Serialize)]
struct ReasonRow {
    code: &'static str,
    meaning: &'static str,
}

/// What is explained: one code, or all.
pub struct Explained {
    checks: Vec<&'static Check>,
    reasons: Vec<Reason>,
}

impl Explained {
    /// The rows of this code, or all; `None` if there is no such code.
    #[must_use]
    pub fn of(code: Option<&str>) -> Option<Self> {
        let wanted = |word: &str| code.is_none_or(|code| code == word);
        let is_check = |reason: &Reason| CHECKS.iter().any(|check| check.code.as_str() == reason.as_str());
        let reasons = Reason::ALL.iter().copied().filter(|reason| wanted(reason.as_str()) && !is_check(reason)).collect();
        let checks = CHECKS.iter().copied().filter(|check| wanted(check.code.as_str())).collect();
        let explained = Self { checks, reasons };
        (!explained.checks.is_empty() || !explained.reasons.is_empty()).then_some(explained)
    }
}

/// All rows as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    api_version: &'static str,
    kind: &'static str,
    checks: Vec<Row>,
    /// Why `kcert verify` refuses, where no finding code says the same.
    verify_reasons: Vec<ReasonRow>,
}

/// Writes the rows as one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn json(explained: &Explained, out: &mut dyn Write) -> io::Result<()> {
    let row = |check: &&'static Check| Row {
        code: check.code.as_str(),
        area: check.area.as_str(),
        severity: check.severity,
        meaning: check.meaning,
        action: check.action,
        cites: check.cites,
    };
    let reason = |reason: &Reason| ReasonRow { code: reason.as_str(), meaning: reason.meaning() };
    let verify_reasons = explained.reasons.iter().map(reason).collect();
    let table =
        Table { api_version: "kcert/v1", kind: "Checks", checks: explained.checks.iter().map(row).collect(), verify_reasons };
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
pub fn text(explained: &Explained, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let width = width.min(WIDEST);
    let rows = &explained.checks;
    let mut area = None;
    for check in rows {
        if rows.len() > 1 && area != Some(check.area) {
            let gap = if area.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}", check.area.as_str().to_uppercase())?;
            area = Some(check.area);
        }
        writeln!(out, "{}  ({})", check.code, check.severity)?;
        paragraph(check.meaning, width, out)?;
        if let [_] = rows.as_slice() {
            paragraph(check.action, width, out)?;
            if !check.cites.is_empty() {
                paragraph(&format!("Source: {}", check.cites.join("; ")), width, out)?;
            }
        }
    }
    if !rows.is_empty() && !explained.reasons.is_empty() {
        writeln!(out, "\nVERIFY: REASONS THAT ARE NO FINDINGS")?;
    }
    for reason in &explained.reasons {
        writeln!(out, "{}  (verify)", reason.as_str())?;
        paragraph(reason.meaning(), width, out)?;
        if rows.is_empty() {
            paragraph(ORIGIN, width, out)?;
        }
    }
    Ok(())
}

/// Where a reason is met.
const ORIGIN: &str = "A reason that kcert verify gives for not trusting a certificate; its answer says what would help.";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_verify_says_is_explained() {
        for reason in Reason::ALL {
            let explained = Explained::of(Some(reason.as_str()));
            assert!(explained.is_some_and(|explained| explained.checks.len() + explained.reasons.len() == 1), "{reason:?}");
        }
        assert!(Explained::of(Some("no-such-code")).is_none());
        let mut out = Vec::new();
        text(&Explained::of(Some("revoked")).unwrap(), 60, &mut out).unwrap();
        let expected = "\
revoked  (verify)
  A revocation list names the certificate.
  A reason that kcert verify gives for not trusting a
  certificate; its answer says what would help.
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
