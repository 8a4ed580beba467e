//! Exit codes: one table for all verbs.

use crate::model::{Code, Finding, Severity};
use crate::verify;
use std::process::ExitCode;

/// The codes of what was not read.
const UNREAD: &[Code] = &[
    Code::Unreadable,
    Code::Malformed,
    Code::BundleTruncated,
    Code::Unreachable,
    Code::NotTls,
    Code::Forbidden,
    Code::UnexpectedReply,
];

/// How a run ends. The order is the contract's: the worst wins, `0 < 1 < 3 < 2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: everything was read, nothing at or above warning.
    Fine,
    /// 1: a warning.
    Warning,
    /// 3: could not tell: usage error, unreadable input, nothing to judge.
    Unknown,
    /// 2: something critical.
    Critical,
}

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// How a verb that judges ends: by its worst finding.
    #[must_use]
    pub fn judged(findings: &[Finding]) -> Self {
        findings.iter().map(|finding| Self::from(finding.severity)).max().unwrap_or(Self::Fine)
    }

    /// How an answer ends for what it was given to read: by whether something is left open.
    #[must_use]
    pub fn answered(findings: &[Finding]) -> Self {
        let open = findings.iter().any(|finding| finding.severity >= Severity::Unknown);
        if open { Self::Unknown } else { Self::Fine }
    }

    /// How a verb that only shows ends: by whether everything was read.
    #[must_use]
    pub fn shown(findings: &[Finding]) -> Self {
        let unread = findings.iter().any(|finding| finding.severity == Severity::Unknown && UNREAD.contains(&finding.code));
        if unread { Self::Unknown } else { Self::Fine }
    }
}

impl From<Severity> for Exit {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Fine,
            Severity::Warning => Self::Warning,
            Severity::Unknown => Self::Unknown,
            Severity::Critical => Self::Critical,
        }
    }
}

impl From<verify::Outcome> for Exit {
    fn from(outcome: verify::Outcome) -> Self {
        match outcome {
            verify::Outcome::Trusted => Self::Fine,
            verify::Outcome::NotTrusted => Self::Critical,
            verify::Outcome::CouldNotTell => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_wins_in_the_order_of_the_contract() {
        let mut all = [Exit::Critical, Exit::Fine, Exit::Unknown, Exit::Warning];
        all.sort();
        assert_eq!(all.map(Exit::number), [0, 1, 3, 2]);
    }
}
