//! Words out: one results struct, many renderers, one file each.

pub mod checks;
pub mod escape;
pub mod explanation;
#[cfg(test)]
mod fixture;
pub mod idle;
pub mod json;
pub mod jsonl;
pub mod markdown;
pub mod merged;
pub mod nagios;
mod preflight;
pub mod prometheus;
pub mod schema;
pub mod script;
mod style;
pub mod text;

use crate::audit::{Audit, Policy};
use crate::chain::Graph;
use crate::model::{Inventory, Origin, Severity};
use crate::plan::Plan;
use crate::verify::{Outcome, Question, Verdict};
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
    /// Every handshake, and whether to go.
    Preflight,
    /// What to renew, in which order.
    Plan,
    /// The answers to a trust question.
    Verification,
    /// What servers presented and said.
    Probe(Probed),
}

/// What servers were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// An API server's loopback certificate.
    Loopback,
    /// A handshake.
    Tls,
    /// What kubectl would do.
    ApiServer,
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
    /// Markdown, for a change ticket.
    Markdown,
    /// A script that follows a plan.
    Script,
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

/// A trust question and its answers.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    /// The server that it is about, where it is about one.
    pub peer: Option<&'a Origin>,
    /// What was asked; `None` when there was no certificate to ask about.
    pub question: Option<&'a Question<'a>>,
    /// The answers, in the order in which the verifiers were named.
    pub verdicts: &'a [Verdict],
}

impl Verification<'_> {
    /// The worst of the answers.
    fn worst(&self) -> Severity {
        let severity = |verdict: &Verdict| match verdict.outcome {
            Outcome::Trusted => Severity::Info,
            Outcome::CouldNotTell => Severity::Unknown,
            Outcome::NotTrusted => Severity::Critical,
        };
        self.verdicts.iter().map(severity).max().unwrap_or(Severity::Unknown)
    }
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
    /// What to renew, in [`View::Plan`].
    pub plan: Option<&'a Plan>,
    /// What was verified: one question in [`View::Verification`], one for each server in [`View::Probe`].
    pub verifications: &'a [Verification<'a>],
}

impl Report<'_> {
    /// The worst severity: that of the findings and verdicts; a check or preflight that had no certificate to judge
    /// could not tell.
    #[must_use]
    pub fn worst(&self) -> Severity {
        let judges = matches!(self.view, View::Check | View::Preflight | View::Plan);
        let nothing = judges && self.graph.nodes().next().is_none();
        let findings = self.audit.findings.iter().map(|finding| finding.severity);
        let about_files = self.verifications.iter().filter(|verification| verification.peer.is_none());
        let verdicts = about_files.map(Verification::worst);
        findings.chain(nothing.then_some(Severity::Unknown)).chain(verdicts).max().unwrap_or(Severity::Info)
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
            Format::Markdown => markdown::render(self, out),
            Format::Script => script::render(self, out),
        }
    }
}
