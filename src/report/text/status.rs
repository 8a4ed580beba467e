//! How a certificate stands, in words: a mark, a date and the distance to it.

use super::line::Text;
use crate::audit::{Policy, Standing};
use crate::chain::NodeId;
use crate::model::when;
use crate::model::{Certificate, Severity};
use crate::report::style::{Mark, Style};
use time::OffsetDateTime;

/// How something with an end stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    /// The verdict.
    pub(super) mark: Mark,
    /// When it ends.
    pub(super) end: OffsetDateTime,
    /// When it starts, if that is still to come.
    start: Option<OffsetDateTime>,
    at: OffsetDateTime,
    /// The issuer that ends it, where it is not its own end.
    pub(super) ender: Option<NodeId>,
}

/// What the star of [`Status::short`] means.
pub(super) fn footnote() -> Text {
    Text::of("* when its issuer ends").styled(Style::Dim)
}

impl Status {
    /// A certificate that is good until `end`, which may come before its own end.
    pub(super) fn of(policy: &Policy, certificate: &Certificate, end: OffsetDateTime, ender: Option<NodeId>) -> Self {
        let validity = certificate.validity;
        let status = Self { mark: Mark::Bad, end, start: None, at: policy.at, ender };
        match policy.standing(certificate) {
            Standing::Expired => Self { end: validity.not_after, ender: None, ..status },
            Standing::NotYetValid => Self { start: Some(validity.not_before), ..status },
            _ if policy.at > end => status,
            _ => Self { mark: policy.nearing(validity, end).map_or(Mark::Fine, Mark::from), ..status },
        }
    }

    /// Something that merely ends (a token, a CRL), and how bad that is.
    pub(super) fn ending(at: OffsetDateTime, end: OffsetDateTime, over: Severity) -> Self {
        let mark = if at > end { Mark::from(over) } else { Mark::Fine };
        Self { mark, end, start: None, at, ender: None }
    }

    /// `✓ 2036-11-18`, for a column headed UNTIL; with a star where an issuer ends it.
    pub(super) fn short(&self) -> Text {
        let text = Text::new().mark(self.mark).then(Text::quoted(when::date(self.end)).styled(self.colour()));
        if self.ender.is_some() { text.say("*") } else { text }
    }

    /// `✓ until 2036-11-18`.
    pub(super) fn long(&self) -> Text {
        let (word, date) = match self.start {
            Some(start) => ("not before ", start),
            None if self.at > self.end => ("expired ", self.end),
            None => ("until ", self.end),
        };
        Text::new().mark(self.mark).then(Text::of(word).quote(when::date(date)).styled(self.colour()))
    }

    /// Whether the end has come.
    pub(super) fn is_over(&self) -> bool {
        self.at > self.end
    }

    /// `in 20 days`.
    pub(super) fn distance(&self) -> Text {
        let quiet = if self.mark == Mark::Fine { Style::Dim } else { self.mark.style() };
        let text = if self.start.is_some() { Text::of("not yet") } else { Text::quoted(when::relative(self.at, self.end)) };
        text.styled(quiet)
    }

    /// The date has the mark's colour unless all is well.
    fn colour(&self) -> Style {
        if self.mark == Mark::Fine { Style::Plain } else { self.mark.style() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, AT};
    use super::*;
    use time::Duration;

    fn shown(policy: &Policy, certificate: &Certificate, end: OffsetDateTime, ender: Option<NodeId>) -> String {
        let status = Status::of(policy, certificate, end, ender);
        let text = status.short().say(" | ").then(status.long()).say(" | ").then(status.distance());
        sample::page(&sample::look(), |page| page.line(0, &text)).trim_end().to_owned()
    }

    #[test]
    fn marks_follow_the_thresholds() {
        let policy = Policy::at(AT);
        let standing = |days: i64| {
            let end = AT + Duration::days(days);
            shown(&policy, &sample::certificate(1, "a", "ca", end), end, None)
        };
        assert_eq!(standing(364), "✓ 2027-11-20 | ✓ until 2027-11-20 | in 364 days");
        assert_eq!(standing(20), "! 2026-12-11 | ! until 2026-12-11 | in 20 days");
        assert_eq!(standing(3), "✗ 2026-11-24 | ✗ until 2026-11-24 | in 3 days");
        assert_eq!(standing(-35), "✗ 2026-10-17 | ✗ expired 2026-10-17 | 35 days ago");
    }

    #[test]
    fn an_issuer_that_ends_first_is_the_end() {
        let policy = Policy::at(AT);
        let certificate = sample::certificate(1, "a", "ca", AT + Duration::days(364));
        let ca = Some(NodeId(0));
        assert_eq!(shown(&policy, &certificate, AT + Duration::days(20), ca), "! 2026-12-11* | ! until 2026-12-11 | in 20 days");
        assert_eq!(
            shown(&policy, &certificate, AT - Duration::days(1), ca),
            "✗ 2026-11-20* | ✗ expired 2026-11-20 | 24 hours ago"
        );
    }

    #[test]
    fn what_has_not_begun_says_so() {
        let policy = Policy::at(AT - Duration::days(500));
        let end = AT + Duration::days(364);
        let certificate = sample::certificate(1, "a", "ca", end);
        assert_eq!(shown(&policy, &certificate, end, None), "✗ 2027-11-20 | ✗ not before 2025-11-21 | not yet");
    }
}
