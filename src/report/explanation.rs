//! `kcert explain`: what a log says, and which findings of the sources say the same.

use super::{Format, Look, Report};
use crate::explain::Explained;
use std::io;
use time::OffsetDateTime;

/// Everything that the renderers of an explanation need.
pub struct Explanations<'a> {
    /// What the log says.
    pub explained: &'a Explained,
    /// The instant that dates are told from.
    pub at: OffsetDateTime,
    /// How text looks.
    pub look: &'a Look,
    /// What the sources show, where some were given.
    pub sources: Option<Sources<'a>>,
}

/// What the sources show.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// A report with only those findings that belong to what is explained.
    pub report: &'a Report<'a>,
    /// Findings that do not.
    pub others: usize,
}

impl Explanations<'_> {
    /// Writes them: as JSON, or for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Json => super::json::explanation::render(self, out),
            _ => super::text::explanation(self, out),
        }
    }
}
