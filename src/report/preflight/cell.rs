//! One side of a handshake, and its end, in the few words that a table has room for.

use super::{Preflight, Row, Urgency, nearing};
use crate::model::{Side, Standing, when};
use crate::report::Report;
use crate::report::style::{Mark, Style};

/// Characters of a reason that fit into a cell; what is longer is said below the table.
const REASON: usize = 14;

/// How one side stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Cell {
    /// The mark; `None` where nobody looks.
    pub(in crate::report) mark: Option<Mark>,
    /// A few words; none where the mark says it all.
    pub(in crate::report) words: String,
    /// How they look.
    pub(in crate::report) style: Style,
}

impl Cell {
    /// How a side stands: `✓`, `! 20 days`, `✗ expired`, `✗ target`, `? not read`, and nothing where nobody looks.
    pub(in crate::report) fn of(report: &Report<'_>, side: &Side) -> Self {
        let cell = |mark: Mark, words: String| Self { mark: Some(mark), words, style: mark.style() };
        match &side.standing {
            Standing::NotAsked(_) => Self { mark: None, words: String::new(), style: Style::Dim },
            Standing::Trusted => match (nearing(report, side), side.until) {
                (Some(severity), Some(end)) => {
                    let distance = when::relative(report.policy.at, end);
                    let words = distance.strip_prefix("in ").unwrap_or(&distance).to_owned();
                    // A cross is for what is broken.
                    Self { mark: Some(Mark::Caution), words, style: Mark::from(severity).style() }
                }
                _ => cell(Mark::Fine, String::new()),
            },
            Standing::Refused(faults) => {
                let code = faults.first().map_or("refused", |fault| fault.code.as_str());
                let others = faults.iter().filter(|fault| fault.code.as_str() != code).count();
                cell(Mark::Bad, if others == 0 { code.to_owned() } else { format!("{code} +{others}") })
            }
            Standing::RefusedByTarget(_) => cell(Mark::Bad, "target".to_owned()),
            Standing::Unknown(reason) if reason.chars().count() <= REASON => cell(Mark::Unsure, reason.clone()),
            Standing::Unknown(_) => cell(Mark::Unsure, "not read".to_owned()),
        }
    }
}

/// When a handshake ends or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Ends(pub(in crate::report) String);

impl Ends {
    /// `2027-03-02`, `since 2026-10-30`, `at 1.33`.
    pub(in crate::report) fn of(preflight: &Preflight<'_>, row: Row<'_>) -> Self {
        let since = || row.handshake.faults().filter_map(|fault| fault.since).min();
        Self(match row.urgency {
            Urgency::Broken => since().map_or_else(|| "now".to_owned(), |since| format!("since {}", when::date(since))),
            Urgency::BreaksByTarget => {
                preflight.target().map_or_else(|| "at the target".to_owned(), |target| format!("at {target}"))
            }
            Urgency::Unknown => String::new(),
            Urgency::Nearing(_) | Urgency::Holds => match row.handshake.breaks_at() {
                Some(end) if end.year() < 9999 => when::date(end),
                Some(_) => "no end".to_owned(),
                None => String::new(),
            },
        })
    }
}

impl Urgency {
    /// The mark of a row.
    pub(in crate::report) fn mark(self) -> Mark {
        match self {
            Self::Broken | Self::BreaksByTarget => Mark::Bad,
            Self::Nearing(_) => Mark::Caution,
            Self::Unknown => Mark::Unsure,
            Self::Holds => Mark::Fine,
        }
    }
}
