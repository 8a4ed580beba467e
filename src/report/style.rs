//! Marks and colours of verdicts. Colour never says anything that a mark or a word does not say too.

use crate::model::Severity;

/// How a piece of text looks. Only verdicts have colours; noise is dim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    /// As it comes.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important than what stands beside it.
    Dim,
    /// In order.
    Good,
    /// A warning.
    Caution,
    /// Critical.
    Bad,
}

impl Style {
    /// The parameters of ECMA-48 "select graphic rendition"; empty for none.
    pub(super) fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Caution => "33",
            Self::Bad => "31",
        }
    }
}

/// The mark before a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// In order.
    Fine,
    /// Nothing to do about it.
    Note,
    /// A warning.
    Caution,
    /// Could not tell.
    Unsure,
    /// Critical.
    Bad,
}

/// Mark → (Unicode, ASCII of even width, style).
const MARKS: &[(Mark, &str, &str, Style)] = &[
    (Mark::Fine, "✓", "ok", Style::Good),
    (Mark::Note, "·", "- ", Style::Dim),
    (Mark::Caution, "!", "! ", Style::Caution),
    (Mark::Unsure, "?", "? ", Style::Caution),
    (Mark::Bad, "✗", "x ", Style::Bad),
];

impl Mark {
    pub(super) fn unicode(self) -> &'static str {
        self.row().1
    }

    pub(super) fn ascii(self) -> &'static str {
        self.row().2
    }

    pub(super) fn style(self) -> Style {
        self.row().3
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, Style) {
        MARKS.iter().find(|row| row.0 == self).unwrap_or(&MARKS[0])
    }
}

impl From<Severity> for Mark {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Note,
            Severity::Warning => Self::Caution,
            Severity::Unknown => Self::Unsure,
            Severity::Critical => Self::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_its_row_and_ascii_marks_align() {
        for mark in [Mark::Fine, Mark::Note, Mark::Caution, Mark::Unsure, Mark::Bad] {
            assert_eq!(mark.row().0, mark);
            assert_eq!(mark.ascii().len(), 2);
            assert_eq!(mark.unicode().chars().count(), 1);
        }
    }
}
