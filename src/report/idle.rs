//! A run to whose shard no source fell: it says so in every format, and that nothing is wrong.

use super::merged::{self, Document};
use super::{Format, Look, Report, View, prometheus};
use crate::audit::{Audit, Policy};
use crate::chain::{AwsLc, Graph};
use crate::model::Inventory;
use std::io::{self, Write};

/// What is known of such a run.
pub struct Idle<'a> {
    /// What was asked for.
    pub view: View,
    /// The shard, as `I/N`.
    pub shard: String,
    /// Sources that fell to others.
    pub sources: usize,
    /// The instant.
    pub policy: &'a Policy,
    /// How text looks.
    pub look: &'a Look,
}

impl Idle<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => {
                let mark = if self.look.unicode { "✓ " } else { "ok " };
                writeln!(out, "{mark}{}", self.words())
            }
            Format::Json => Document::idle(self.kind(), self.policy.at, &self.shard).write(out),
            Format::Nagios => writeln!(out, "KCERT OK - {} | critical=0 warning=0 unknown=0 certificates=0", self.words()),
            Format::Prometheus => self.metrics(out),
            Format::Markdown => writeln!(out, "{}", self.words()),
            Format::Script => writeln!(out, "# {}", self.words()),
        }
    }

    /// Writes the line in which a check ends, and nothing before it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn summary_line(&self, out: &mut dyn Write) -> io::Result<()> {
        merged::summary(self.policy.at, 0, 0, None, out)
    }

    fn words(&self) -> String {
        match self.sources {
            1 => format!("nothing to do: the source falls to another shard than {}", self.shard),
            sources => format!("nothing to do: none of the {sources} sources falls to shard {}", self.shard),
        }
    }

    fn kind(&self) -> &'static str {
        match self.view {
            View::Chains => "Chains",
            View::Check => "Check",
            View::Preflight => "Preflight",
            View::Plan => "Plan",
            _ => "Inspection",
        }
    }

    /// No metric but that it ran: what an earlier run wrote is to go.
    fn metrics(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# {}", self.words())?;
        let inventory = Inventory::default();
        let graph = Graph::build(&inventory, &AwsLc);
        let (view, policy, look, audit) = (self.view, self.policy, self.look, &Audit::default());
        let report = Report { view, inventory: &inventory, graph: &graph, audit, policy, look, plan: None, verifications: &[] };
        prometheus::render(&report, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::AT;
    use crate::report::preflight::sample;
    use crate::report::schema::schema;

    fn shown(view: View, format: Format) -> String {
        let (policy, look, mut out) = (Policy::at(AT), sample::look(), Vec::new());
        Idle { view, shard: "2/3".into(), sources: 5, policy: &policy, look: &look }.render(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_says_that_there_was_nothing_to_do() {
        let words = "nothing to do: none of the 5 sources falls to shard 2/3";
        assert_eq!(shown(View::Check, Format::Text), format!("✓ {words}\n"));
        assert!(shown(View::Check, Format::Nagios).starts_with(&format!("KCERT OK - {words} | critical=0 ")));
        let metrics = shown(View::Check, Format::Prometheus);
        assert!(
            metrics.starts_with(&format!("# {words}\n")) && metrics.contains("\nkcert_last_run_timestamp_seconds "),
            "{metrics}"
        );
        assert_eq!(shown(View::Plan, Format::Script), format!("# {words}\n"));
        assert_eq!(shown(View::Plan, Format::Markdown), format!("{words}\n"));
    }

    #[test]
    fn the_documents_are_valid_and_fine() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        for view in [View::Inspection, View::Chains, View::Check, View::Preflight, View::Plan] {
            let document: serde_json::Value = serde_json::from_str(&shown(view, Format::Json)).unwrap();
            assert!(schema.is_valid(&document), "{document}");
            assert_eq!((&document["summary"]["worst"], &document["shard"]), (&"ok".into(), &"2/3".into()));
        }
    }
}
