//! Words out: one results struct, many renderers, one file each.

pub mod checks;
pub mod escape;
#[cfg(test)]
mod fixture;
pub mod json;
pub mod jsonl;
pub mod nagios;
pub mod prometheus;
pub mod schema;
mod style;
pub mod text;

use crate::audit::{Audit, Policy};
use crate::chain::Graph;
use crate::model::{Inventory, Severity};
use std::io;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Everything found, with its facts.
    Inspection,
    /// The issuance forest.
    Chains,
    /// Expiry and health.
    Check,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// A Nagios plugin's line, perfdata and long output.
    Nagios,
    /// Prometheus text exposition format, for node_exporter's textfile collector.
    Prometheus,
}

/// How text looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether to colour verdicts.
    pub colour: bool,
    /// Whether box-drawing and marks beyond ASCII may be used.
    pub unicode: bool,
    /// Columns to stay within.
    pub width: usize,
    /// What to leave out or add.
    pub detail: Detail,
    /// The home directory, shown as `~`.
    pub home: Option<String>,
}

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// `-q`: the verdict.
    Quiet,
    /// What matters, noise folded.
    Normal,
    /// `-v`: everything.
    Verbose,
}

/// Everything a renderer needs.
pub struct Report<'a> {
    /// What is shown.
    pub view: View,
    /// What was found.
    pub inventory: &'a Inventory,
    /// Who issued what.
    pub graph: &'a Graph<'a>,
    /// What is wrong.
    pub audit: &'a Audit,
    /// The instant and the thresholds.
    pub policy: &'a Policy,
    /// How text looks.
    pub look: &'a Look,
}

impl Report<'_> {
    /// The worst severity: that of the findings; a check that had no certificate to judge could not tell.
    #[must_use]
    pub fn worst(&self) -> Severity {
        let nothing = self.view == View::Check && self.graph.nodes().next().is_none();
        let findings = self.audit.findings.iter().map(|finding| finding.severity);
        findings.chain(nothing.then_some(Severity::Unknown)).max().unwrap_or(Severity::Info)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Text => text::render(self, out),
            Format::Json => json::render(self, out),
            Format::Nagios => nagios::render(self, out),
            Format::Prometheus => prometheus::render(self, out),
        }
    }
}
